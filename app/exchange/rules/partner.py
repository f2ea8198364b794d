"""What the portal asks of a partner's system, whatever its kind: one class in
``app/exchange/adapters`` each, which differs only where the system differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.exchange.rules.entries import Outgoing
from app.exchange.rules.failures import Failure
from app.exchange.rules.pairs import Traits
from app.exchange.rules.reading import TheirTicket


class CallFailed(Exception):
    """A call did not succeed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True)
class Check:
    """One step of the connection test. ``problem``: "" = all is well; ``for_reading``: only who
    reads changes there needs it; ``ticket``: their ticket for tests, where the problem may be that
    their search lags, so that the test is to be tried again with this ticket; ``fields``: those of
    the profile's ``extras`` that it read back, None = it did not look."""

    what: str
    problem: str = ""
    for_reading: bool = False
    ticket: str = ""
    fields: Sequence[str] | None = None


@dataclass(frozen=True)
class Changed:
    """Tickets there that changed; ``cursor`` is where to read on, ``more``: at once."""

    ids: Sequence[str]
    cursor: str
    more: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    """What changes with each change of a ticket, by its id: one that was read as it is need not be
    read again."""


@dataclass(frozen=True)
class Ours:
    """Tickets there that our account made; ``cursor`` is where the next page begins, "" = there is
    none."""

    ids: Sequence[str]
    cursor: str = ""


@dataclass(frozen=True)
class Created:
    """A ticket that was made there."""

    id: str
    number: str = ""
    url: str = ""
    left_out: Sequence[str] = ()
    """Fields that it has otherwise than ours: they are sent after it."""
    serial: int | None = None
    """Its id, where their ids only ever grow: one that is not above all before it says that they
    lost data."""
    remark: str = ""
    """What people should know of it: our reference was not kept there."""


@dataclass(frozen=True)
class Sent:
    """An entry that arrived. ``key``: its id there, "" where it has none."""

    key: str = ""
    left_out: Sequence[str] = field(default=())
    """Fields that were not set there: they have none, or their rules forbid it."""


class PartnerSystem(Protocol):
    """A partner's system. Each method is one or few calls, and raises ``CallFailed``.

    None keeps anything between two calls but its connection. Texts are given with their marks.
    """

    traits: Traits

    def test(self, ticket: str = "") -> Iterator[Check]:
        """Reachable, logged in, may read, may write, search means what we think, a round trip: in
        this order, each given as soon as it is known; after a problem that is not ``for_reading``
        alone the rest is left out. ``ticket``: their ticket for tests, on which an earlier go of
        the same test wrote."""

    def find(self, reference: str) -> Sequence[str]:
        """The ids of their tickets that hold our reference in its place."""

    def ours(self, since: datetime, cursor: str = "") -> Ours:
        """Tickets that our account made there since then, or a little earlier, a page of them, the
        newest first: asked without a search index, which may not have them yet. ``cursor``: of the
        page before, "" = the first one."""

    def create(self, entry: Outgoing) -> Created:
        """Make a ticket of an entry of kind ``ticket``."""

    def read(self, their_id: str) -> TheirTicket:
        """Their ticket as it is now. Raises ``CallFailed`` (permanent) where it is gone."""

    def times(self, their_id: str) -> Mapping[str, datetime]:
        """When the value of each field was set that it has now, as far as its history says so: no
        other time of the ticket counts (UTC)."""

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """Add a comment or a file, or set fields."""

    def changed(self, cursor: str) -> Changed:
        """Tickets that changed behind ``cursor`` ("" = from now on), some of them twice rather
        than one never."""
