"""The form of a new token: what is allowed is checked by the services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.rules.language import _
from app.core.rules.scopes import MAX_DAYS, MEANINGS
from app.core.web.forms import Choice, one_line, options, own_password, required, sent

_DAYS = (7, 30, 90, 180, 365, MAX_DAYS)
_SCOPES: Any = {
    scope.value: _("%(scope)s: %(meaning)s", scope=str(scope), meaning=meaning)
    for scope, meaning in MEANINGS.items()
}


def _name(more: str) -> StringField:
    return StringField(
        _("Name"),
        required(_("Name")),
        filters=[one_line],
        description=_("The program that uses it. %(more)s", more=more),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )


class OwnTokenForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """One's own token, which may at most what one may oneself."""

    name = _name(_("Your login name and a slash are added before it."))
    scopes = SelectMultipleField(
        _("Scopes"),
        choices=_SCOPES,
        validate_choice=False,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        description=_("A token can never do more than its account."),
    )
    days = Choice(
        _("Expires in (days)"),
        choices=options(*(str(days) for days in _DAYS)),
        validators=[sent],
        default="90",
        description=_(
            "Add a second secret before it expires; two secrets can be active at a time."
        ),
    )

    password = own_password()

    def wanted(self) -> Sequence[Any]:
        """Name, scopes and days."""
        return self.name.data or "", list(self.scopes.data or ()), int(self.days.data)


class TokenForm(OwnTokenForm):
    """A token of a system, or of a partner's account."""

    name = _name(_("Letters, digits and . _ @ + -, at most 100."))
    account = StringField(
        _("Partner's account"),
        filters=[one_line],
        description=_(
            "The login of the partner's account as which the token acts. Leave empty for a system."
        ),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )

    def wanted(self) -> Sequence[Any]:
        """Name, scopes, days, and the partner's account."""
        return *super().wanted(), self.account.data or ""
