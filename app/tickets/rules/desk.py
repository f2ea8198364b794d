"""What is due on somebody's desk: the words under which pages count and list such tickets."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Desk(StrEnum):
    """Tickets that need an action, or that concern the reader."""

    WAITS_TOO_LONG = "waits too long"
    """Waiting for reply for as long as the portal reminds of (``app.tickets.rules.reminders``)."""
    NOT_TAKEN = "not taken"
    """Still new more than ``DAYS_TO_TAKE`` working day after its creation."""
    ANSWER_MISSING = "answer missing"
    """An open change that waits for the answer of at least one site."""
    MY_SITES = "my sites"
    """It concerns one's own site: affected, responsible or an end of an affected link."""
    WAITS_FOR_ME = "waits for me"
    """It concerns one's own site, or one wrote it, and waits for a reply."""
    MY_ANSWER = "my answer"
    """An open change that waits for the answer of one's own site."""


DAYS_TO_TAKE: Final = 1
"""Working days within which somebody should take a new ticket; this portal's own rule."""
