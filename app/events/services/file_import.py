"""Events from a file: the result of each line in advance, and writing all of them at once.

A line is identified by its source and its id there, so importing a file twice creates nothing
twice. A file is written as a whole: all its sources and events are locked before the change log is,
so that it never deadlocks with another writer. Does not depend on where a file is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Door, Writer, require_operator
from app.core.rules.errors import TooMuch
from app.core.rules.file_problems import MAX_LINES, MAX_PROBLEMS, BadFile, Problem
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.events.models.imports import EventImport, EventsOfImport
from app.events.rules.file_reading import ReadEvent
from app.events.services.events import (
    EventResult,
    Heard,
    Outcome,
    examine_events,
    report_events,
)

READING: Final = "reading"
READ: Final = "read"
WRITING: Final = "writing"
DONE: Final = "done"
STOPPED: Final = "stopped"
BROKEN: Final = "broken"
DROPPED: Final = "dropped"
WITHDRAWN: Final = "withdrawn"
FAILED: Final = "failed"
"""The states of an import; see ``EventImport.state``."""


def require_event_import(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor may import events."""
    require_operator(actor, _("import events"), Scope.EVENTS)


@dataclass
class Totals:
    """The results of the lines of a file, actual or expected."""

    counts: Counter[EventResult] = field(default_factory=Counter)
    unresolved: int = 0
    """New events and corrections that name an unknown link or site."""
    problems: list[Problem] = field(default_factory=list)
    """The first errors."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Totals:
        """Those of these lines."""
        problems = [problem for outcome in outcomes for problem in outcome.problems]
        return cls(
            Counter(outcome.result for outcome in outcomes),
            sum(map(is_unresolved, outcomes)),
            problems[:MAX_PROBLEMS],
        )

    def keep_in(self, row: EventImport) -> None:
        """Write them to the import."""
        row.new, row.corrected = self.counts[EventResult.NEW], self.counts[EventResult.CHANGED]
        row.same, row.wrong = self.counts[EventResult.SAME], self.counts[EventResult.WRONG]
        row.unresolved = self.unresolved


def is_unresolved(outcome: Outcome) -> bool:
    """Whether a line is written only if unknown names are allowed, because it has one."""
    return bool(outcome.notes) and outcome.result in (EventResult.NEW, EventResult.CHANGED)


def examine_lines(
    session: Session,
    actor: Actor,
    now: datetime,
    events: Sequence[ReadEvent],
    *,
    keep_unknown: bool,
) -> Sequence[Outcome]:
    """What would happen to each line of a file, in order; nothing is written.

    ``keep_unknown``: events with unknown links and sites are stored as unresolved, otherwise wrong.
    Raises ``BadFile`` for more than 50 sources.
    """
    messages = [read.message for read in events if not read.repeats]
    try:
        found = examine_events(
            session, actor, now, messages, keep_unresolved=keep_unknown, limit=MAX_LINES
        )
    except TooMuch as error:
        raise BadFile(
            [Problem(_("the file"), "", "", _("%(error)s. Split it", error=error))]
        ) from None
    return _in_order(events, found.outcomes)


def import_lines(
    session: Session,
    by: Writer,
    events: Sequence[ReadEvent],
    row: EventImport,
    *,
    only_good: bool,
    keep_unknown: bool,
) -> Totals:
    """Write the lines of a file, all or nothing, and record the results in the import, within the
    caller's transaction.

    Raises ``BadFile`` for wrong lines unless ``only_good`` skips them.
    """
    messages = [read.message for read in events if not read.repeats]
    reported = report_events(
        session,
        replace(by, door=Door.IMPORT),
        messages,
        kind="file",
        heard=Heard.THEN,
        only_good=only_good,
        keep_unresolved=keep_unknown,
        limit=MAX_LINES,
    )
    outcomes = _in_order(events, reported.outcomes)
    totals = Totals.of(outcomes)
    totals.keep_in(row)
    ids = [item.event_id for item in outcomes if item.result is EventResult.NEW and item.event_id]
    if ids:  # new ids of one call are consecutive
        session.add(EventsOfImport(import_id=row.id, first_id=min(ids), last_id=max(ids)))
    session.flush()
    return totals


def _in_order(events: Sequence[ReadEvent], examined: Sequence[Outcome]) -> Sequence[Outcome]:
    """The outcomes of all lines: of the examined ones, and of those that repeat another."""
    found = iter(examined)
    return [
        Outcome(
            read.message,
            EventResult.SAME,
            notes=(_("same as line %(repeats)s", repeats=read.repeats),),
        )
        if read.repeats
        else next(found)
        for read in events
    ]
