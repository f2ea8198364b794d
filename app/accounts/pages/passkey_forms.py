"""The forms of passkeys: what a device answers is checked by the services."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField

from app.accounts.services.passkeys import NAME_LIMIT
from app.core.rules.language import _
from app.core.web.forms import one_line, own_password, required


class AnswerField(HiddenField):
    """What the browser answered for a device; never written into a page again."""

    def _value(self) -> str:
        return ""


class PasskeyLoginForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A login by passkey, alone or behind the password."""

    credential = AnswerField()
    next = HiddenField()


class ConfirmedForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A step that a passkey confirms, instead of password and code."""

    credential = AnswerField()


class AddPasskeyForm(ConfirmedForm):
    """A new passkey. The password may be left empty where something else stands for it."""

    name = StringField(
        _("Name"),
        filters=[one_line],
        description=_("Such as “work laptop”; at most 60 characters."),
        render_kw={"autocomplete": "off", "maxlength": NAME_LIMIT},
    )
    password = own_password()
    by = StringField()
    """``passkey``: another passkey instead of the password."""


class PasskeyNameForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Another name of a passkey."""

    name = StringField(
        _("Name"),
        required(_("Name")),
        filters=[one_line],
        render_kw={"autocomplete": "off", "maxlength": NAME_LIMIT},
    )
