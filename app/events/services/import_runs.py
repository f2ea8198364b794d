"""Imports of events as people see them: the file kept, read through, written, withdrawn.

A file is written in one transaction: all of it or nothing. A page keeps a file until its person has
seen what would happen to its lines; a large one is read and written by the worker, whose job begins
again if it was killed. Callers give the transactions. An import that is to be read or written and
has no job has failed, for nobody can be working on it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Writer
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.file_problems import MAX_PROBLEMS, BadFile, Problem
from app.core.rules.language import _, counted
from app.core.rules.spreadsheets import ENCODINGS
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.events.models.imports import EventImport, EventsOfImport
from app.events.rules.events import MAX_SOURCE_LENGTH
from app.events.rules.file_reading import ReadEvent, Reading, check_events, read_events
from app.events.services import file_import as lines
from app.events.services.events import EventResult, Outcome
from app.events.services.file_import import Totals, is_unresolved, require_event_import
from app.jobs.services.queue import enqueue, is_pending

JOB: Final = "event_import"
MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a file that a page takes, unpacked."""
MAX_WRONG: Final = 1_000
"""Wrong lines of a file that a page takes."""
SMALL: Final = 512 * 1024
"""Bytes of a file that a page reads through at once; a larger one is the worker's."""
SMALL_LINES: Final = 10_000
"""Lines of a file that a page writes at once; a larger one is the worker's."""
SHOWN: Final = 200
"""Lines of each kind that are kept to be shown."""
MAX_UNKNOWN: Final = 50
"""Unknown names that are kept to be shown, those of most lines."""
KEPT: Final = timedelta(days=7)
"""How long a file waits for its person; then it goes, and its import with it."""
_TO_COME: Final = (lines.READING, lines.WRITING)


# ---- the file ----


def new_import(by: Writer, name: str, content: bytes, how: Reading) -> EventImport:
    """The row of an import of this file, to be read through next; it is not yet in a session.

    Raises ``Forbidden``, and ``Invalid`` where the file is empty or has too many lines, or what is
    said of it cannot be.
    """
    require_event_import(by.actor)
    checked_text("source", how.source, MAX_SOURCE_LENGTH, label=_("Source"))
    if how.encoding and how.encoding not in ENCODINGS:
        raise Invalid(
            "encoding", _("Encoding takes one of: %(listed)s", listed=", ".join(ENCODINGS))
        )
    if not content:
        raise Invalid("file", _("The file is empty"))
    check_events(content, how)
    shown_name = "".join(sign if sign.isprintable() else "?" for sign in name)
    return EventImport(
        name=shown_name[-SHORT_TEXT_LIMIT:] or "file",
        size=len(content),
        digest=hashlib.sha256(content).hexdigest(),
        source=how.source,
        encoding=how.encoding,
        zone=how.zone,
        state=lines.READING,
        user_id=by.actor.account_id,
        author=by.shown_author,
        created_at=by.now,
        content=zlib.compress(content, 6),
    )


def content_of(row: EventImport) -> bytes:
    """The file of an import; nothing when it has ended."""
    return zlib.decompress(row.content) if row.content is not None else b""


def reading_of(row: EventImport) -> Reading:
    """What was said of an import's file."""
    return Reading(row.source, row.encoding, row.zone)


# ---- what is to be shown ----


def _lines_as_shown(outcomes: Sequence[Outcome]) -> str:
    """The lines that a person is to look at first, and the names that nobody knows."""
    shown: dict[str, list[dict[str, Any]]] = {}
    unknown: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        unresolved = is_unresolved(outcome)
        if unresolved and outcome.after is not None:
            named = (("link", outcome.after.link_text), ("site", outcome.after.site_text))
            unknown.update((kind, name) for kind, name in named if name)
        kept = shown.setdefault("unresolved" if unresolved else str(outcome.result), [])
        if len(kept) < SHOWN:
            kept.append(_as_shown(outcome))
    names = [[*name, count] for name, count in unknown.most_common(MAX_UNKNOWN)]
    more = max(0, len(unknown) - MAX_UNKNOWN)
    return json.dumps({"lines": shown, "unknown": names, "more": more}, ensure_ascii=False)


def _as_shown(outcome: Outcome) -> dict[str, Any]:
    message = outcome.message
    return {
        "line": message.place,
        "source": message.source,
        "source_id": message.source_id,
        "what": " ".join(filter(None, (message.link or message.site, message.state))),
        "event": outcome.event_id,
        "problems": [
            [problem.column, problem.value[:100], problem.allowed]
            for problem in outcome.problems[:10]
        ],
        "notes": list(outcome.remarks),
    }


def _problems_as_shown(problems: Sequence[Problem]) -> str:
    """Wrong places of a file that cannot be used, as ``EventImport.shown`` holds them."""
    wrong = [
        {
            "line": problem.place.removeprefix("line "),
            "source": "",
            "source_id": "",
            "what": "",
            "event": None,
            "problems": [[problem.column, problem.value[:100], problem.allowed]],
            "notes": [],
        }
        for problem in problems[:MAX_PROBLEMS]
    ]
    return json.dumps({"lines": {"wrong": wrong}, "unknown": [], "more": 0}, ensure_ascii=False)


@dataclass(frozen=True)
class Shown:
    """What a person is to look at of an import."""

    lines: dict[str, list[dict[str, Any]]]
    """By their result: wrong, unresolved, changed, new, same."""
    unknown: list[tuple[str, str, int]]
    """link or site, the name as it is there, on how many lines."""
    more_unknown: int

    @classmethod
    def of(cls, row: EventImport) -> Shown:
        """What is kept of an import."""
        kept: dict[str, Any] = json.loads(row.shown) if row.shown else {}
        unknown = [(kind, name, count) for kind, name, count in kept.get("unknown", ())]
        return cls(kept.get("lines", {}), unknown, kept.get("more", 0))


# ---- reading through ----


@dataclass(frozen=True)
class Examined:
    """What would happen to the lines of a file, or what is wrong with it as a whole."""

    state: str
    """read or broken."""
    totals: Totals
    shown: str
    """As ``EventImport.shown`` holds it."""

    def keep_in(self, row: EventImport, now: datetime) -> None:
        """Write it to the import."""
        self.totals.keep_in(row)
        row.state, row.shown = self.state, self.shown
        if self.state == lines.BROKEN:
            row.ended_at, row.content = now, None


def examine_file(session: Session, by: Writer, content: bytes, how: Reading) -> Examined:
    """Go through a file: what would happen to its lines; nothing is written.

    Unknown names are not wrong: who looks at the lines decides.
    """
    try:
        events = list(read_events(content, how))
        outcomes = lines.examine_lines(session, by.actor, by.now, events, keep_unknown=True)
        totals = Totals.of(outcomes)
        wrong = totals.counts[EventResult.WRONG]
        if wrong > MAX_WRONG:
            why = _(
                "%(wrong)s of its %(count)s events are wrong; the first are listed here. Correct"
                " the file, or import it with `flask events import`",
                wrong=format(wrong, ","),
                count=format(len(outcomes), ","),
            )
            raise BadFile([Problem(_("the file"), "", "", why), *totals.problems])
    except BadFile as error:
        return Examined(lines.BROKEN, Totals(), _problems_as_shown(error.problems))
    return Examined(lines.READ, totals, _lines_as_shown(outcomes))


def keep_import(session: Session, row: EventImport, examined: Examined | None) -> None:
    """Keep the file of an import until its person decides; if it was not read through, the worker
    does that."""
    session.add(row)
    session.flush()
    if examined is None:
        leave_to_worker(session, row.id)
    else:
        examined.keep_in(row, row.created_at)


def keep_examined(session: Session, now: datetime, import_id: int, examined: Examined) -> None:
    """Note in an import what reading it through found, unless its person left it meanwhile."""
    row = _locked(session, import_id)
    if row is not None and row.state == lines.READING:
        examined.keep_in(row, now)
        session.flush()


# ---- writing ----


def begin_writing(
    session: Session, by: Writer, import_id: int, *, only_good: bool, keeps_unknown: bool
) -> EventImport:
    """Let an import that was read through be written, as the person chose.

    Raises ``Invalid`` where lines are wrong and all was requested, or there is nothing to write.
    """
    require_event_import(by.actor)
    row = find_import(session, by.actor, import_id, lock=True)
    if row.state != lines.READ:
        raise Invalid(
            "state",
            _("This import is %(state)s; only one that was read can be written", state=row.state),
        )
    unresolved = 0 if keeps_unknown else row.unresolved
    if row.wrong + unresolved and not only_good:
        raise Invalid(
            "only_good",
            _(
                "%(lines)s cannot be imported. Mend the file, or import only the good lines",
                lines=_lines(row.wrong + unresolved),
            ),
        )
    if row.new + row.corrected - unresolved <= 0:
        raise Invalid("file", _("Nothing of this file is new"))
    row.state, row.only_good, row.keeps_unknown = lines.WRITING, only_good, keeps_unknown
    row.begun_at = None
    session.flush()
    return row


def _lines(count: int) -> str:
    return counted("%(count)s line", "%(count)s lines", count, count=format(count, ","))


def write_import(
    session: Session, by: Writer, import_id: int, events: Sequence[ReadEvent]
) -> Totals | None:
    """Write the lines of an import, all or nothing within the caller's transaction.

    None where it is not to be written (any more). Raises ``BadFile`` for a line that became wrong
    since it was read through, where all was requested: see ``stop_import``.
    """
    row = _locked(session, import_id)
    if row is None or row.state != lines.WRITING:
        return None
    return _write(session, by, row, events)


def note_end(session: Session, now: datetime, import_id: int) -> None:
    """It was written, for longer than a request takes: it ended later than its writer began."""
    session.execute(update(EventImport).where(EventImport.id == import_id).values(ended_at=now))


def import_file(
    session: Session,
    by: Writer,
    row: EventImport,
    events: Sequence[ReadEvent],
    *,
    only_good: bool,
    keeps_unknown: bool,
) -> Totals:
    """Write a file whose person does not look at it first, all or nothing within the caller's
    transaction. Raises ``BadFile`` for wrong lines unless ``only_good`` leaves them out."""
    row.only_good, row.keeps_unknown, row.content = only_good, keeps_unknown, None
    session.add(row)
    session.flush()
    return _write(session, by, row, events)


def _write(session: Session, by: Writer, row: EventImport, events: Sequence[ReadEvent]) -> Totals:
    totals = lines.import_lines(
        session, by, events, row, only_good=row.only_good, keep_unknown=row.keeps_unknown
    )
    row.state, row.ended_at, row.content = lines.DONE, by.now, None
    session.flush()
    return totals


def stop_import(session: Session, now: datetime, import_id: int, error: BadFile) -> None:
    """End an import of which a line became wrong since it was read through: nothing is written."""
    row = _locked(session, import_id)
    if row is not None and row.state in (lines.READ, lines.WRITING):
        _end(row, lines.STOPPED, now)
        row.shown = _problems_as_shown(error.problems)
        session.flush()


def _end(row: EventImport, state: str, now: datetime) -> None:
    """End an import of which nothing was written."""
    Totals().keep_in(row)
    row.state, row.ended_at, row.content = state, now, None


# ---- by the worker ----


def leave_to_worker(session: Session, import_id: int) -> None:
    """Let the worker read an import through, or write it: what its state asks for."""
    enqueue(session, JOB, {"id": import_id}, key=_key_of(import_id))


def _key_of(import_id: int) -> str:
    return f"{JOB} {import_id}"


def take_up(session: Session, now: datetime, import_id: int) -> EventImport | None:
    """The import that a worker begins with, or begins with again; None if nothing is to be done."""
    row = _locked(session, import_id)
    if row is None or row.state not in _TO_COME:
        return None
    row.begun_at = now
    session.flush()
    return row


def given_up_imports(session: Session) -> Sequence[int]:
    """The imports that are to be read through or written, and that no worker does or will do."""
    to_come = session.scalars(select(EventImport.id).where(EventImport.state.in_(_TO_COME))).all()
    return [one for one in to_come if not is_pending(session, JOB, _key_of(one))]


def fail_if_given_up(session: Session, now: datetime, import_id: int) -> bool:
    """An import that is to be done and has no job (any more) has failed; whether it was so."""
    row = _locked(session, import_id)
    if row is None or row.state not in _TO_COME:
        return False
    if is_pending(session, JOB, _key_of(import_id)):
        return False
    _end(row, lines.FAILED, now)
    session.flush()
    return True


# ---- looking, dropping, withdrawing ----


def find_import(
    session: Session, actor: Actor, import_id: int, *, lock: bool = False
) -> EventImport:
    """An import; ``NotFound`` for none."""
    require_event_import(actor)
    row = _locked(session, import_id) if lock else session.get(EventImport, import_id)
    if row is None:
        raise NotFound
    return row


def _locked(session: Session, import_id: int) -> EventImport | None:
    return session.get(EventImport, import_id, with_for_update=True, populate_existing=True)


def newest_imports(session: Session, actor: Actor, limit: int) -> Sequence[EventImport]:
    """The newest imports first."""
    require_event_import(actor)
    return session.scalars(select(EventImport).order_by(EventImport.id.desc()).limit(limit)).all()


def same_file_before(session: Session, row: EventImport) -> EventImport | None:
    """The newest other import of the same file that was written."""
    return session.scalars(
        select(EventImport)
        .where(
            EventImport.digest == row.digest,
            EventImport.digest != "",
            EventImport.id < row.id,
            EventImport.state == lines.DONE,
        )
        .order_by(EventImport.id.desc())
    ).first()


def drop_import(session: Session, by: Writer, import_id: int) -> None:
    """Leave an import that was not written; its file goes. ``Invalid`` where it is too late."""
    row = find_import(session, by.actor, import_id, lock=True)
    if row.state not in (lines.READING, lines.READ):
        raise Invalid(
            "state",
            _("This import is %(state)s; only one not yet written can be left", state=row.state),
        )
    row.state, row.ended_at, row.content = lines.DROPPED, by.now, None
    session.flush()


def import_of(session: Session, event_id: int) -> EventImport | None:
    """The import that made this event, if one did."""
    found: EventImport | None = session.scalars(
        select(EventImport)
        .join(EventsOfImport, EventsOfImport.import_id == EventImport.id)
        .where(EventsOfImport.first_id <= event_id, EventsOfImport.last_id >= event_id)
        .order_by(EventsOfImport.first_id.desc())
        .limit(1)
    ).first()
    return found


def forget_old_files(session: Session, now: datetime) -> int:
    """Leave imports for which nobody came back; how many."""
    old = session.scalars(
        select(EventImport)
        .where(
            EventImport.state.in_((lines.READING, lines.READ)),
            EventImport.created_at < now - KEPT,
        )
        .with_for_update(skip_locked=True)  # somebody is back
    ).all()
    for row in old:
        row.state, row.ended_at, row.content = lines.DROPPED, now, None
    session.flush()
    return len(old)


def events_of_import(session: Session, import_id: int) -> int:
    """How many events an import made."""
    count = func.sum(EventsOfImport.last_id - EventsOfImport.first_id + 1)
    return int(session.scalar(select(count).where(EventsOfImport.import_id == import_id)) or 0)
