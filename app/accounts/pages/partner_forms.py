"""The forms of partners' accounts: what is allowed is checked by the services."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectMultipleField, StringField

from app.accounts.models.partners import PartnerAccount
from app.core.rules.access import CONTRACT_YEARS, TicketAccess
from app.core.rules.language import _
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

_READ_ONLY = _("read only")
_INTERNAL = _("shown")


class SwitchesForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What an account may, and in whose name."""

    access = Radio(
        _("Visible tickets"),
        choices=options(*TicketAccess),
        validators=[sent],
        default=TicketAccess.OWN,
        description=_("Own: created by an account of this partner, or shared with the partner."),
    )
    rights = Radio(
        _("Rights"),
        choices=options(_("read and write"), _READ_ONLY),
        validators=[sent],
        default="read and write",
    )
    internal = Radio(
        _("Internal entries"),
        choices=options(_("hidden"), _INTERNAL),
        validators=[sent],
        default="hidden",
        description=_(
            "Hidden: the account can send them, but reads only those that its own partner wrote."
        ),
    )
    contract_year = Choice(
        _("Contract year"),
        choices=options(*(str(year) for year in CONTRACT_YEARS)),
        validators=[sent],
        default=str(max(CONTRACT_YEARS)),
        description=_(
            "The GGUS contract that the client uses; earlier contracts omit newer fields from"
            " responses."
        ),
    )
    sites = SelectMultipleField(
        _("Sites"),
        [sent],
        filters=[chosen],
        validate_choice=False,
        description=_("Sites for which it accepts or refuses changes."),
    )

    def switches(self) -> dict[str, Any]:
        """The switches as the services take them."""
        return {
            "access": self.access.data,
            "read_only": self.rights.data == _READ_ONLY,
            "internal": self.internal.data == _INTERNAL,
            "contract_year": int(self.contract_year.data),
            "sites": self.sites.data,
        }


def switches_of(account: PartnerAccount) -> SwitchesForm:
    """The form with the account's current values."""
    return SwitchesForm(
        formdata=None,
        access=account.access,
        rights=_READ_ONLY if account.read_only else "read and write",
        internal=_INTERNAL if account.internal else "hidden",
        contract_year=str(account.contract_year),
        sites=[site.key for site in account.sites],
    )


_NAME_HELP = _("Letters, digits and . _ @ + -")


class NewAccountForm(SwitchesForm):
    """An account of a partner, which is made too if none exists of this code."""

    code = StringField(
        _("Partner code"),
        required(_("Partner code")),
        filters=[one_line],
        description=_(
            "An existing partner's code, or a new one. %(name_help)s, at most 50.",
            name_help=_NAME_HELP,
        ),
        render_kw={"list": "partner-codes", "autocomplete": "off", "autocapitalize": "none"},
    )
    login = StringField(
        _("Login"),
        required(_("Login")),
        filters=[one_line],
        description=_(
            "The account's name in the requests. %(name_help)s, at most 100.", name_help=_NAME_HELP
        ),
        render_kw={"autocomplete": "off", "autocapitalize": "none"},
    )
    password = own_password()


class EndSecretForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which of the two secrets ends."""

    secret = HiddenField("Secret")
