"""The interface to a partner's system of any kind: implemented by one class each in
``app/exchange/adapters``."""

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
    """A call failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True)
class Check:
    """A step of the connection test. ``problem``: "" = passed; ``for_reading``: only required to
    read changes; ``ticket``: their test ticket, if the problem may be a delayed search, so that
    the test is repeated with this ticket; ``fields``: those of the profile's ``extras`` that it
    read back, None = not checked."""

    what: str
    problem: str = ""
    for_reading: bool = False
    ticket: str = ""
    fields: Sequence[str] | None = None


@dataclass(frozen=True)
class Changed:
    """Their changed tickets; ``cursor`` is where to continue, ``more``: at once."""

    ids: Sequence[str]
    cursor: str
    more: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    """A value that changes with each change of a ticket, by its id: a ticket that was read in this
    version need not be read again."""


@dataclass(frozen=True)
class Ours:
    """Their tickets that our account created; ``cursor`` is where the next page starts, "" = last
    page."""

    ids: Sequence[str]
    cursor: str = ""


@dataclass(frozen=True)
class Created:
    """A ticket that was created there."""

    id: str
    number: str = ""
    url: str = ""
    left_out: Sequence[str] = ()
    """Fields with other values than ours: they are sent afterwards."""
    serial: int | None = None
    """Its id, if ids only ever grow: one that is not above all earlier ones means that the partner
    lost data."""
    remark: str = ""
    """What people should know about it: our reference was not stored there."""


@dataclass(frozen=True)
class Sent:
    """An entry that arrived. ``key``: its id there, "" if it has none."""

    key: str = ""
    left_out: Sequence[str] = field(default=())
    """Fields that were not set there: they do not exist, or their rules forbid it."""


class PartnerSystem(Protocol):
    """A partner's system. Each method makes one or few calls, and raises ``CallFailed``.

    No state is stored between calls except the connection. Texts are passed with their marks.
    """

    traits: Traits

    def test(self, ticket: str = "") -> Iterator[Check]:
        """Test that it is reachable, and that login, reading, writing, search and a round trip
        work: in this order, each reported as soon as it is known; the rest is skipped after a
        problem, unless it is ``for_reading``. ``ticket``: their test ticket, to which an earlier
        run of the same test wrote."""

    def find(self, reference: str) -> Sequence[str]:
        """The ids of their tickets with our reference in its place."""

    def ours(self, since: datetime, cursor: str = "") -> Ours:
        """A page of the tickets that our account created there since then, or a little earlier,
        newest first: read without a search index, which may not contain them yet. ``cursor``:
        from the previous page, "" = the first one."""

    def create(self, entry: Outgoing) -> Created:
        """Create a ticket from an entry of kind ``ticket``."""

    def read(self, their_id: str) -> TheirTicket:
        """Read their current ticket. Raises ``CallFailed`` (permanent) if it no longer exists."""

    def times(self, their_id: str) -> Mapping[str, datetime]:
        """When the current value of each field was set, as far as their history shows it: no other
        time of the ticket counts (UTC)."""

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """Add a comment or a file, or set fields."""

    def changed(self, cursor: str) -> Changed:
        """Tickets changed after ``cursor`` ("" = from now on); some may be returned twice, none is
        missed."""
