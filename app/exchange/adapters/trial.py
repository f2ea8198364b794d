"""The steps of a connection test that write, the same for every kind of writable system.

There is one test ticket at a partner, with number 0, which no ticket of ours has: it is looked up
first, and created if it does not exist. Nothing about it is recorded here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, TypeAlias

from app.core.rules.language import _
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.partner import CallFailed, Check, PartnerSystem
from app.tickets.rules.marks import Mark, mark_of, marked, reference_of

NUMBER: Final = 0
_ANSWERED: Final = 200
_MOST_OTHERS: Final = 5
_TITLE: Final = "Test of the connection with the LHCOPN portal"
_TEXT: Final = "This ticket tests the connection. No action is needed."
Step: TypeAlias = Callable[[], object]


def checks(login: Step, read: Step, trial: Trial, search: Step = lambda: None) -> Iterator[Check]:
    """The whole test, each step as soon as it is known: ``login`` is the first call, ``read``
    checks that the names in the profile exist, ``search`` that nonsense finds nothing."""
    try:
        login()
    except CallFailed as error:
        if error.failure.is_away:
            yield Check(_("Reachable"), error.failure.reason)
            return
        yield Check(_("Reachable"))
        yield Check(_("Logged in"), error.failure.reason)
        return
    yield Check(_("Reachable"))
    yield Check(_("Logged in"))
    planned = (
        (_("May read"), (read, trial.read)),
        (_("May write"), (trial.write,)),
        (_("Search behaves as expected"), (trial.search, search)),
        (_("Round trip on a test ticket"), (trial.round_trip,)),
    )
    for what, steps in planned:
        try:
            for step in steps:
                step()
        except CallFailed as error:
            yield Check(what, error.failure.reason)
            return
        yield Check(what)


def refuse(reason: str) -> CallFailed:
    """The error for an unexpected answer."""
    return CallFailed(Failure(Outcome.PERMANENT, reason, status=_ANSWERED))


class Trial:
    """The steps of one test."""

    def __init__(self, system: PartnerSystem, now: datetime) -> None:
        self._system, self._sequence = system, int(now.timestamp()) % 1_000_000_000
        self._cursor = self._id = self._remark = ""
        self._is_new = False
        self._others: list[str] = []
        """Other test tickets, newest first: each queue that was once ours has one."""

    def read(self) -> None:
        """Check that changes can be read."""
        self._cursor = self._system.changed("").cursor

    def write(self) -> None:
        """Check that the test ticket exists, and can be read."""
        found = self._system.find(reference_of(NUMBER))
        self._id = found[-1] if found else self._create()
        self._others = list(reversed(found[:-1]))[:_MOST_OTHERS]
        self._system.read(self._id)

    def search(self) -> None:
        """Check that the search finds our reference, and nothing for one that does not exist."""
        if self._id not in self._system.find(reference_of(NUMBER)):
            problem = f"Its search does not find {reference_of(NUMBER)}, which exists"
            raise refuse(self._remark or problem)
        if self._system.find(f"{reference_of(NUMBER)}-nowhere"):
            raise refuse("Its search finds a ticket that does not exist")

    def round_trip(self) -> None:
        """Check that a comment is sent, announced as a change, and read as ours."""
        self._comment()
        while self._id not in self._system.changed(self._cursor).ids:
            if self._others:
                self._id = self._others.pop(0)
            elif not self._is_new:
                self._id = self._create()
            else:
                raise refuse("A ticket was changed, but is not listed as changed")
            self._comment()

    def _comment(self) -> None:
        text = marked("Test of the connection", Mark(NUMBER, self._sequence, "the portal"))
        entry = Outgoing(NUMBER, self._sequence, EntryKind.COMMENT, text)
        self._system.send(self._id, entry)
        back = [
            one
            for one in self._system.read(self._id).texts
            if (mark := mark_of(one.text)) is not None and mark.sequence == self._sequence
        ]
        if not back:
            raise refuse("A comment was sent, but cannot be found in their ticket")
        if not back[0].by_us:
            author = back[0].author or "somebody"
            raise refuse(f"In their ticket, {author} wrote the comment, not our account")

    def _create(self) -> str:
        text = marked(_TEXT, Mark(NUMBER, 1, "the portal"))
        entry = Outgoing(NUMBER, 1, EntryKind.TICKET, text, values={"title": _TITLE})
        created = self._system.create(entry)
        self._remark, self._is_new = created.remark, True
        return created.id
