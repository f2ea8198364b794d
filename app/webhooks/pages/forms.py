"""The forms of webhooks; the services check what is allowed."""

from __future__ import annotations

from typing import Any, Final

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.rules.language import _
from app.core.web.forms import chosen, one_line, own_password, required
from app.webhooks.rules.messages import MEANINGS
from app.webhooks.services.filters import MAX_LENGTH
from app.webhooks.services.webhooks import MAX_NAME, MAX_URL, Subscription

_KINDS: Final[Any] = {
    kind: _("%(kind)s: %(meaning)s", kind=str(kind), meaning=meaning)
    for kind, meaning in MEANINGS.items()
}


class WebhookForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What a webhook is notified of, and where."""

    name = StringField(
        _("Name"),
        required(_("Name")),
        filters=[one_line],
        description=_("The receiver, for example: alarm display of the NOC."),
        render_kw={"autocomplete": "off", "maxlength": MAX_NAME},
    )
    url = StringField(
        _("Address"),
        required(_("Address")),
        filters=[one_line],
        description=_(
            "For example https://noc.example.org/lhcopn."
            " It must be reachable from the internet; redirects are not followed."
        ),
        render_kw={
            "autocomplete": "off",
            "autocapitalize": "none",
            "spellcheck": "false",
            "maxlength": MAX_URL,
        },
    )
    kinds = SelectMultipleField(
        _("Changes"),
        choices=_KINDS,
        filters=[chosen],
        validate_choice=False,
        default=[str(kind) for kind in MEANINGS],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    filter = StringField(
        _("Tickets"),
        filters=[one_line],
        description=_(
            "Leave empty for all tickets."
            " Otherwise filter the list of tickets and paste its URL, or enter a filter:"
            " site=DE-KIT&category=maintenance. Without a state, tickets in any state match."
        ),
        render_kw={
            "autocomplete": "off",
            "autocapitalize": "none",
            "spellcheck": "false",
            "maxlength": MAX_LENGTH,
        },
    )
    password = own_password()

    def wanted(self) -> Subscription:
        """The entered values, for the services."""
        return Subscription(
            self.name.data or "",
            self.url.data or "",
            tuple(self.kinds.data or ()),
            self.filter.data or "",
        )


class NewWebhookForm(WebhookForm):
    """A webhook of one's own or, for admins, of a partner."""

    account = StringField(
        _("Partner account"),
        filters=[one_line],
        description=_("The webhook sends what this account may read. Leave empty to use your own."),
        render_kw={"list": "accounts", "autocomplete": "off", "autocapitalize": "none"},
    )


class EndWebhookSecretForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which secret is revoked."""

    secret_id = HiddenField("Secret")
