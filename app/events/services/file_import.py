"""Events from a file: what each line would become, and writing them part by part.

A line is known by its source and its id there, so the same file twice makes nothing twice, and an
import that was broken off goes on where it ended. A file is never in memory as a whole, and never
in one transaction unless it is small: others write in between. It must not know where a file lies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import IO, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Door, Writer, require_operator
from app.core.rules.file_problems import MOST_PROBLEMS, BadFile, Problem
from app.events.models.imports import EventImport, EventsOfImport
from app.events.rules.file_reading import ReadEvent, Reading, read_events
from app.events.services.events import Fate, Outcome, examine_events, report_events

AT_ONCE: Final = 2_000
"""Lines that are looked up and written together: others wait so long."""
WHOLE_AT_ONCE: Final = 10_000
"""Lines of the largest file that is written in one transaction, all or nothing whatever happens.
A larger one is gone through first, and then written part by part."""
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
    require_operator(actor, "import events")


@dataclass
class Totals:
    """What became, or would become, of the lines so far."""

    lines: int = 0
    counts: Counter[Fate] = field(default_factory=Counter)
    unresolved: int = 0
    """New events and corrections that name a link or site that is not known."""
    problems: list[Problem] = field(default_factory=list)
    """The first wrong places."""

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """These lines, too."""
        self.lines += len(outcomes)
        for outcome in outcomes:
            self.counts[outcome.fate] += 1
            self.unresolved += is_unresolved(outcome)
            if outcome.problems and len(self.problems) < MOST_PROBLEMS:
                self.problems += outcome.problems

    def keep_in(self, row: EventImport) -> None:
        """Write them to the import."""
        row.lines = self.lines
        row.new, row.corrected = self.counts[Fate.NEW], self.counts[Fate.CHANGED]
        row.same, row.wrong = self.counts[Fate.SAME], self.counts[Fate.WRONG]
        row.unresolved = self.unresolved

    @classmethod
    def of(cls, row: EventImport) -> Totals:
        """Those of an import so far."""
        counts = Counter(
            {
                Fate.NEW: row.new,
                Fate.CHANGED: row.corrected,
                Fate.SAME: row.same,
                Fate.WRONG: row.wrong,
            }
        )
        return cls(row.lines, counts, row.unresolved)


class LinesLeft(BadFile):
    """Some lines cannot be imported, and nobody said to leave them out."""


def is_unresolved(outcome: Outcome) -> bool:
    """Whether a line is written, if unknown names are kept, and names something unknown."""
    return bool(outcome.notes) and outcome.fate in (Fate.NEW, Fate.CHANGED)


def parts_of(
    stream: IO[bytes], how: Reading, *, after: int = 0, size: int = AT_ONCE
) -> Iterator[list[ReadEvent]]:
    """The lines of a file in parts, without the first ``after`` ones; those are read, too, for a
    later line may say another thing of the same event.

    Raises ``BadFile`` for what is no such file.
    """
    events = islice(read_events(stream, how), after, None)
    return iter(lambda: list(islice(events, size)), [])


def examine_lines(
    session: Session, actor: Actor, now: datetime, part: Sequence[ReadEvent], *, keep_unknown: bool
) -> list[Outcome]:
    """What would become of each of these lines, in their order; nothing is written.

    ``keep_unknown``: events of unknown links and sites are kept as unresolved, else wrong.
    """
    asked = [read.message for read in part if not read.repeats]
    found = examine_events(session, actor, now, asked, keep_unresolved=keep_unknown)
    return _in_order(part, found.outcomes)


def import_lines(
    session: Session,
    by: Writer,
    part: Sequence[ReadEvent],
    row: EventImport,
    *,
    only_good: bool,
    keep_unknown: bool,
) -> list[Outcome]:
    """Write what these lines say, and add it to the import within the caller's transaction.

    Raises ``LinesLeft`` for wrong lines unless ``only_good`` leaves them out.
    """
    asked = [read.message for read in part if not read.repeats]
    reported = report_events(
        session,
        replace(by, door=Door.IMPORT),
        asked,
        kind="file",
        only_good=True,
        keep_unresolved=keep_unknown,
    )
    outcomes = _in_order(part, reported.outcomes)
    if reported.problems and not only_good:
        raise LinesLeft(reported.problems)
    totals = Totals.of(row)
    totals.add(outcomes)
    totals.keep_in(row)
    _keep_ids(session, row, [item.event_id for item in outcomes if item.fate is Fate.NEW])
    session.flush()
    return outcomes


def _in_order(part: Sequence[ReadEvent], asked: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes of all lines: those of the asked ones, and of those that repeat another."""
    found = iter(asked)
    return [
        Outcome(read.message, Fate.SAME, notes=(f"line {read.repeats} says the same",))
        if read.repeats
        else next(found)
        for read in part
    ]


def _keep_ids(session: Session, row: EventImport, ids: Sequence[int | None]) -> None:
    """Remember which events the import made; the new ids of one call follow one another."""
    made = [number for number in ids if number is not None]
    if not made:
        return
    first, last = min(made), max(made)
    assert last - first + 1 == len(made), "others got numbers in between"
    before = session.scalar(
        select(EventsOfImport).where(
            EventsOfImport.import_id == row.id, EventsOfImport.last_id == first - 1
        )
    )
    if before is not None:
        before.last_id = last
    else:
        session.add(EventsOfImport(import_id=row.id, first_id=first, last_id=last))
