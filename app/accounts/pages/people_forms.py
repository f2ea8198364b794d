"""The forms of people, their passwords, second factors and logins: services say what is allowed."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import (
    HiddenField,
    PasswordField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)

from app.accounts.web.own_password import AskPasswordForm
from app.core.rules.access import Role
from app.core.rules.language import _
from app.core.web.forms import (
    Radio,
    chosen,
    lines,
    one_line,
    options,
    own_password,
    required,
    sent,
)


def _why() -> TextAreaField:
    return TextAreaField(
        _("Reason"),
        filters=[lines],
        description=_("Shown in the history."),
        render_kw={"rows": 2},
    )


class RoleForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What a person may, and for which sites."""

    role = Radio(_("Role"), choices=options(*Role), validators=[sent], default=Role.READER)
    sites = SelectMultipleField(
        _("Sites"),
        [sent],
        filters=[chosen],
        validate_choice=False,
        description=_("For reporters only: the sites whose tickets they write and change."),
    )
    why = _why()

    def site_names(self) -> list[str]:
        """The sites that were chosen."""
        return chosen(self.sites.data)


class NewPersonForm(RoleForm):
    """A person who can log in when the one-time link was used."""

    name = StringField(
        _("Name"),
        required(_("Name")),
        filters=[one_line],
        description=_(
            "The login name, shown as author: letters, digits and . _ @ + -, at most 100."
        ),
        render_kw={"autocomplete": "off", "autocapitalize": "none"},
    )
    mail = StringField(
        _("Email address"),
        filters=[one_line],
        render_kw={"autocomplete": "off", "inputmode": "email"},
    )
    password = own_password()


class WhyForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A step that takes only a reason."""

    why = _why()


class LinkForm(WhyForm):
    """A one-time link: anybody who has it can set the person's password."""

    password = own_password()


class DemandForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Whether admins need a second factor."""

    demand = Radio(_("Admins need a second factor"), choices=options(_("yes"), _("no")))
    why = _why()


class CodeField(StringField):
    """A code as typed; never written into a page again."""

    def _value(self) -> str:
        return ""


def _code(label: str = _("Code"), *, recovery: bool = True) -> CodeField:
    return CodeField(
        label,
        required(label),
        filters=[one_line],
        description=_("The six digits that the app shows")
        + (_(", or one of the recovery codes.") if recovery else "."),
        render_kw={
            "autocomplete": "one-time-code",
            "autocapitalize": "none",
            "spellcheck": "false",
        }
        | ({} if recovery else {"inputmode": "numeric"}),
    )


def recovery_only(field: CodeField) -> None:
    """Ask for a recovery code alone: the person has passkeys and no app."""
    field.label.text = _("Recovery code")
    field.description = _("One of the codes that were shown with your first passkey.")


class AskCodeForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The second step of a login."""

    one_time_code = _code()
    next = HiddenField()


class ConfirmForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The first code of a new second factor."""

    one_time_code = _code(recovery=False)


class CodesForm(AskPasswordForm):
    """Recovery codes created again."""

    one_time_code = _code()


class OffForm(AskPasswordForm):
    """Turning the second factor off."""

    one_time_code = _code()


class LoginForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Name and password."""

    name = StringField(
        _("Name"),
        required(_("Name")),
        filters=[one_line],
        render_kw={"autocomplete": "username", "autofocus": True, "autocapitalize": "none"},
    )
    password = PasswordField(
        _("Password"), required(_("Password")), render_kw={"autocomplete": "current-password"}
    )
    next = HiddenField()
