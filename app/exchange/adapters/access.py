"""What the client of any kind needs to speak with one partner's system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from app.exchange.adapters.http import JsonCaller
from app.exchange.rules.profiles import Profile

Announce: TypeAlias = Callable[[int, int], None]
"""Queues the mail about the entry of a ticket with that sequence, unless that was done already."""


@dataclass(frozen=True)
class Access:
    """A connection as its client sees it. ``portal`` is our address, and ``mailbox`` the one for
    answers by mail, "" = not set."""

    caller: JsonCaller
    profile: Profile
    now: datetime
    announce: Announce
    login: str = ""
    """Our account there."""
    secrets: Sequence[str] = ()
    """Newest first; further ones only for a kind that is notified."""
    portal: str = ""
    mailbox: str = ""

    @property
    def secret(self) -> str:
        """The secret with which the portal logs in."""
        return self.secrets[0]
