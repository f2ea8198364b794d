"""The form of a new password: by a one-time link, and in the profile."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import Field, PasswordField
from wtforms.validators import ValidationError

from app.accounts.rules.passwords import MIN_PASSWORD_LENGTH
from app.core.rules.language import _
from app.core.web.forms import required

PASSWORD_HELP = _(
    "At least %(min_password_length)s characters, and not a commonly used password. Any characters"
    ", including spaces: a few unrelated words work well.",
    min_password_length=MIN_PASSWORD_LENGTH,
)


class ResetForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A new password, by a one-time link."""

    new = PasswordField(
        _("New password"),
        required(_("New password")),
        description=PASSWORD_HELP,
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _("New password again"),
        required(_("New password again")),
        render_kw={"autocomplete": "new-password"},
    )

    def validate_again(self, field: Field) -> None:
        """Both must be the same."""
        if field.data != self.new.data:
            raise ValidationError(_("The two new passwords differ"))
