"""What rooms above know for the form of a ticket."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy.orm import Session

from app.core.rules.access import Actor
from app.core.rules.hooks import Hook
from app.tickets.rules.concern import Concern
from app.tickets.rules.proposals import ProposedUrgency
from app.tickets.services.of_event import TicketOfEvents


class FoundConflicts(Protocol):
    """What collides with a window."""

    @property
    def others(self) -> Collection[int]:
        """The tickets that do; its own where it does so with itself (0 = not yet created)."""


PROPOSALS: Final[Hook[[Session, Sequence[str], datetime], ProposedUrgency | None]] = Hook(
    "PROPOSALS"
)
"""Impact and priority proposed for links by their ids, at a time (UTC); None where nothing is."""

CONFLICTS: Final[
    Hook[
        [Session, Actor, Sequence[str], tuple[datetime | None, datetime | None], int],
        FoundConflicts | None,
    ]
] = Hook("CONFLICTS")
"""What collides with planned work: by links, window and the ticket that is edited (0 = a new one).
"""

EVENTS: Final[Hook[[Session, Sequence[int]], TicketOfEvents]] = Hook("EVENTS")
"""The ticket of the events of these numbers; raises ``NotFound`` where one is missing."""

RECIPIENTS: Final[Hook[[Session, Actor, Concern], Mapping[str, Any]]] = Hook("RECIPIENTS")
"""Who will be notified, for the template, from the people concerned."""
