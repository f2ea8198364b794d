"""The followers of the change log, by name: background work whose parts can fail separately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.core.rules.language import _

MAILS: Final = "mails"
EXCHANGE: Final = "exchange"
WEBHOOKS: Final = "webhooks"
MATCHING: Final = "matching"
MEETING_PACKS: Final = "meeting-packs"
EVENT_IMPORTS: Final = "event-imports"

TITLES: Final[Mapping[str, str]] = {
    MAILS: _("Notification emails"),
    EXCHANGE: _("Exchange with partners"),
    WEBHOOKS: _("Webhooks"),
    MATCHING: _("Matching tickets and events"),
    MEETING_PACKS: _("Meeting packs"),
    EVENT_IMPORTS: _("Event imports"),
}
"""What each follower does, in words for people."""
