"""The forms of connections: settings and profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, SelectMultipleField, StringField
from wtforms.validators import ValidationError

from app.core.rules.language import _, joined
from app.core.web.forms import (
    Choice,
    Radio,
    chosen,
    one_line,
    options,
    own_password,
    required,
    sent,
)
from app.core.web.rows_field import Column, RowsField
from app.exchange.adapters import kinds
from app.exchange.rules.fields import Owner
from app.exchange.rules.profiles import CHOICES, Direction, Profile, ValueRow
from app.exchange.rules.profiles import Choice as Tickets
from app.registry.rules.networks import Network
from app.tickets.rules.content import LABELS
from app.tickets.rules.tickets import Category

INTERNAL_YES: Final = _("sent")
KINDS: Final[Mapping[str, str]] = {kind.name: kind.label for kind in kinds.KINDS.values()}
DIRECTIONS: Final[Mapping[str, str]] = {
    Direction.BOTH: _("both ways"),
    Direction.PUSH: _("only to the partner"),
    Direction.PULL: _("only from the partner"),
}
TICKETS: Final[Mapping[str, str]] = {
    Tickets.SHARED: _("those that operators share"),
    Tickets.NEW: _("new ones from now on"),
    Tickets.ALL: _("all that are open"),
}
WAYS: Final = ("both", "out", "in")
_OWNERS: Final[Mapping[str, str]] = {
    Owner.NEWEST: _("last writer"),
    Owner.US: _("us"),
    Owner.THEM: _("the partner"),
    Owner.ASK: _("ask a person"),
}


def _choices(words: Mapping[str, str]) -> dict[str, Any]:
    """Words by value, for fields."""
    return dict(words)


class ConnectionForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """How the portal connects to a partner's system."""

    url = StringField(
        _("Address"),
        filters=[one_line],
        description=_("For example https://helpdesk.example.org; for email, their email address."),
        render_kw={"autocomplete": "off", "maxlength": 500},
    )
    direction = Radio(
        _("Direction"),
        choices=_choices(DIRECTIONS),
        validators=[sent],
        default=Direction.BOTH.value,
    )
    remote_login = StringField(
        _("Our login"),
        filters=[one_line],
        description=_("Required unless the secret alone identifies the account."),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "maxlength": 255},
    )
    internal = Radio(
        _("Internal notes"),
        choices=options(_("not sent"), INTERNAL_YES),
        validators=[sent],
        default="not sent",
        description=_("Whether notes for operators are sent to the partner."),
    )
    remote_secret = PasswordField(
        _("Secret"),
        description=_(
            "Required if the scheme, host or port of the address changes,"
            " because the stored secret is then removed. Otherwise leave it empty."
        ),
        render_kw={"autocomplete": "new-password"},
    )
    password = own_password()

    def settings(self) -> dict[str, Any]:
        """The entered values, for the services."""
        return {
            "url": self.url.data or "",
            "direction": self.direction.data,
            "remote_login": self.remote_login.data or "",
            "internal": self.internal.data == INTERNAL_YES,
        }


class NewConnectionForm(ConnectionForm):
    """A connection with a known partner."""

    code = StringField(
        _("Partner code"),
        required(_("Partner code")),
        filters=[one_line],
        description=_("An existing partner's code, or a new one."),
        render_kw={"list": "partner-codes", "autocomplete": "off", "autocapitalize": "none"},
    )
    kind = Radio(
        _("Kind of system"),
        choices=_choices(KINDS),
        validators=[sent],
        description=joined(" ", (one.remark for one in kinds.KINDS.values() if one.remark)),
    )
    group = StringField(
        _("Their queue or group"),
        filters=[one_line],
        description=joined(
            " ",
            (
                _("Where tickets are created and read."),
                *(one.group for one in kinds.KINDS.values() if one.group),
                _("Leave empty for other kinds."),
            ),
        ),
        render_kw={"autocomplete": "off", "maxlength": 255},
    )
    tickets = Radio(
        _("Tickets"),
        choices=_choices(TICKETS),
        validators=[sent],
        default=Tickets.SHARED.value,
    )
    remote_secret = PasswordField(
        _("Secret"),
        description=_("Token or password for their system. Stored encrypted, never shown."),
        render_kw={"autocomplete": "new-password"},
    )

    def validate_group(self, field: StringField) -> None:
        """Some kinds of systems are neither written nor read without one."""
        kind = kinds.KINDS.get(self.kind.data or "")
        if kind is not None and kind.group_missing and not field.data:
            raise ValidationError(kind.group_missing)


class SecretForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A further secret of a connection."""

    use = Radio(
        _("Used to"),
        choices={"login": _("log in to their system"), "hint": _("check their webhooks")},
        validators=[sent],
        default="login",
    )
    remote_secret = PasswordField(
        _("Secret"), required(_("Secret")), render_kw={"autocomplete": "new-password"}
    )
    password = own_password()


class EndConnectionSecretForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which secret is revoked."""

    secret_id = HiddenField("Secret")


class ReasonForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why an entry is skipped, or an exchange ends."""

    reason = StringField(_("Reason"), required(_("Reason")), filters=[one_line])


class TheirsForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which of their tickets is the counterpart."""

    their_id = StringField(_("Their id"), filters=[one_line])


class ChooseForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Whose value counts."""

    value = Choice(_("Value"), choices={"ours": _("ours"), "theirs": _("theirs")})


class ShareForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which ticket is shared."""

    ticket = HiddenField("Ticket")


def _owner(name: str) -> Choice:
    return Choice(
        _("Who decides on %(field)s", field=LABELS[name].lower()),
        choices=_choices(_OWNERS),
        default=Owner.NEWEST.value,
    )


def _map(name: str) -> RowsField:
    return RowsField(
        LABELS[name],
        (
            Column("ours", _("Ours"), ("", *CHOICES[name])),
            Column("theirs", _("Theirs")),
            Column("way", _("Way"), WAYS),
        ),
        row=_("value"),
        description=_("Both: sent and read. Out: only sent. In: only read."),
    )


class ProfileForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which tickets are exchanged, with which mapping, and who owns each field."""

    base = HiddenField("Version")
    """The current version when the form was opened."""
    tickets = Radio(_("Tickets"), choices=_choices(TICKETS), validators=[sent])
    networks = SelectMultipleField(
        _("Networks"), [sent], choices=options(*Network), filters=[chosen], validate_choice=False
    )
    categories = SelectMultipleField(
        _("Categories"),
        [sent],
        choices=options(*Category),
        filters=[chosen],
        validate_choice=False,
    )
    sites = SelectMultipleField(_("Sites"), [sent], filters=[chosen], validate_choice=False)
    group = StringField(
        _("Their queue or group"), filters=[one_line], render_kw={"autocomplete": "off"}
    )
    state = _map("state")
    priority = _map("priority")
    category = _map("category")
    layer = _map("layer")
    impact = _map("impact")
    state_owner = _owner("state")
    priority_owner = _owner("priority")
    category_owner = _owner("category")
    layer_owner = _owner("layer")
    impact_owner = _owner("impact")

    @property
    def fields_of_map(self) -> Sequence[tuple[RowsField, Choice]]:
        """Each map with its owner."""
        return [(self[name], self[f"{name}_owner"]) for name in CHOICES]

    def profile(self, before: Profile) -> Profile:
        """The entered profile; fields that the form does not show come from the version before."""
        maps = {
            name: tuple(
                ValueRow(row["ours"], row["theirs"].strip(), row["way"])
                for row in self[name].data
                if row["ours"] or row["theirs"].strip()
            )
            for name in CHOICES
        }
        owners = {name: Owner(self[f"{name}_owner"].data) for name in CHOICES}
        said = {
            name: owner for name, owner in owners.items() if name in before.owners or maps[name]
        }
        return replace(
            before,
            tickets=Tickets(self.tickets.data),
            networks=tuple(self.networks.data or ()),
            categories=tuple(self.categories.data or ()),
            sites=tuple(self.sites.data or ()),
            group=self.group.data or "",
            maps={name: rows for name, rows in maps.items() if rows},
            owners={**before.owners, **said},
        )


def profile_form_of(profile: Profile, version: int) -> ProfileForm:
    """The form filled with a version."""
    shown: dict[str, Any] = {
        "base": version,
        "tickets": profile.tickets,
        "networks": list(profile.networks),
        "categories": list(profile.categories),
        "sites": list(profile.sites),
        "group": profile.group,
    }
    for name in CHOICES:
        shown[name] = [
            {"ours": row.ours, "theirs": row.theirs, "way": row.way}
            for row in profile.maps.get(name, ())
        ]
        shown[f"{name}_owner"] = profile.owner_of(name)
    return ProfileForm(formdata=None, data=shown)


def shown_owner(value: str) -> str:
    """The owner of a field, as pages show it."""
    return next((word for owner, word in _OWNERS.items() if owner == value), value)
