"""Imports of events as people see them: the file is stored, read, written, withdrawn.

A file is written in one transaction: all or nothing. A page stores a file until the person
has seen what would happen to its lines; a large one is read and written by the worker, whose job
starts again if it was killed. Callers provide the transactions. An import that is to be read or
written and has no job has failed, because nothing can be working on it.
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
from app.core.rules.documents.spreadsheets import ENCODINGS
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.file_problems import MAX_PROBLEMS, BadFile, Problem
from app.core.rules.language import _, counted
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.events.models.imports import EventImport, EventsOfImport
from app.events.rules.events import MAX_SOURCE_LENGTH
from app.events.rules.file_reading import EventFileOptions, ReadEvent, check_events, read_events
from app.events.services import file_import as lines
from app.events.services.events import EventResult, Outcome
from app.events.services.file_import import Totals, is_unresolved, require_event_import
from app.jobs.services.queue import enqueue, is_pending

JOB: Final = "event_import"
MAX_BYTES: Final = 16 * 1024 * 1024
"""Largest file that a page accepts, in bytes, decompressed."""
MAX_WRONG: Final = 1_000
"""Most wrong lines of a file that a page accepts."""
SMALL: Final = 512 * 1024
"""Bytes of a file that a page reads at once; larger ones are left to the worker."""
SMALL_LINES: Final = 10_000
"""Lines of a file that a page writes at once; larger ones are left to the worker."""
SHOWN: Final = 200
"""Lines of each kind that are stored for display."""
MAX_UNKNOWN: Final = 50
"""Unknown names that are stored for display, the most frequent ones."""
RETENTION: Final = timedelta(days=7)
"""How long a file waits for the person; then it is deleted with its import."""
_TO_COME: Final = (lines.READING, lines.WRITING)


# ---- the file ----


def new_import(by: Writer, name: str, content: bytes, how: EventFileOptions) -> EventImport:
    """A new import of this file, to be read next; not yet added to a session.

    Raises ``Forbidden``, and ``Invalid`` if the file is empty or has too many lines, or its
    settings are not valid.
    """
    require_event_import(by.actor)
    checked_text("source", how.source, MAX_SOURCE_LENGTH, label=_("Source"))
    if how.encoding and how.encoding not in ENCODINGS:
        raise Invalid(
            "encoding", _("Encoding: choose one of: %(listed)s", listed=", ".join(ENCODINGS))
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
    """The file of an import; empty after it has ended."""
    return zlib.decompress(row.content) if row.content is not None else b""


def reading_of(row: EventImport) -> EventFileOptions:
    """The settings of an import's file."""
    return EventFileOptions(row.source, row.encoding, row.zone)


# ---- for display ----


def _lines_as_shown(outcomes: Sequence[Outcome]) -> str:
    """The lines that a person should see first, and the unknown names."""
    shown: dict[str, list[dict[str, Any]]] = {}
    unknown: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        unresolved = is_unresolved(outcome)
        if unresolved and outcome.after is not None:
            named = (("link", outcome.after.link_text), ("site", outcome.after.site_text))
            unknown.update((kind, name) for kind, name in named if name)
        examples = shown.setdefault("unresolved" if unresolved else str(outcome.result), [])
        if len(examples) < SHOWN:
            examples.append(_as_shown(outcome))
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
    """Errors of a file that cannot be used, in the form of ``EventImport.shown``."""
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
    """What a person should look at in an import."""

    lines: dict[str, list[dict[str, Any]]]
    """By result: wrong, unresolved, changed, new, same."""
    unknown: list[tuple[str, str, int]]
    """link or site, the name as it is in the file, on how many lines."""
    more_unknown: int

    @classmethod
    def of(cls, row: EventImport) -> Shown:
        """What is stored of an import."""
        stored: dict[str, Any] = json.loads(row.shown) if row.shown else {}
        unknown = [(kind, name, count) for kind, name, count in stored.get("unknown", ())]
        return cls(stored.get("lines", {}), unknown, stored.get("more", 0))


# ---- reading ----


@dataclass(frozen=True)
class Examined:
    """What would happen to the lines of a file, or why the file as a whole cannot be used."""

    state: str
    """read or broken."""
    totals: Totals
    shown: str
    """In the form of ``EventImport.shown``."""

    def keep_in(self, row: EventImport, now: datetime) -> None:
        """Write it to the import."""
        self.totals.keep_in(row)
        row.state, row.shown = self.state, self.shown
        if self.state == lines.BROKEN:
            row.ended_at, row.content = now, None


def examine_file(session: Session, by: Writer, content: bytes, how: EventFileOptions) -> Examined:
    """Examine a file: what would happen to its lines; nothing is written.

    Unknown names are not errors: the person who looks at the lines decides.
    """
    try:
        events = list(read_events(content, how))
        outcomes = lines.examine_lines(session, by.actor, by.now, events, keep_unknown=True)
        totals = Totals.of(outcomes)
        wrong = totals.counts[EventResult.WRONG]
        if wrong > MAX_WRONG:
            why = _(
                "%(wrong)s of %(count)s events have errors; the first are listed here. "
                "Correct the file, or import it with `flask events import`",
                wrong=format(wrong, ","),
                count=format(len(outcomes), ","),
            )
            raise BadFile([Problem(_("the file"), "", "", why), *totals.problems])
    except BadFile as error:
        return Examined(lines.BROKEN, Totals(), _problems_as_shown(error.problems))
    return Examined(lines.READ, totals, _lines_as_shown(outcomes))


def keep_import(session: Session, row: EventImport, examined: Examined | None) -> None:
    """Store the file of an import until the person decides; if it was not read, the worker reads
    it."""
    session.add(row)
    session.flush()
    if examined is None:
        leave_to_worker(session, row.id)
    else:
        examined.keep_in(row, row.created_at)


def keep_examined(session: Session, now: datetime, import_id: int, examined: Examined) -> None:
    """Record the result of reading in an import, unless the person discarded it meanwhile."""
    row = _locked(session, import_id)
    if row is not None and row.state == lines.READING:
        examined.keep_in(row, now)
        session.flush()


# ---- writing ----


def begin_writing(
    session: Session, by: Writer, import_id: int, *, only_good: bool, keeps_unknown: bool
) -> EventImport:
    """Start writing an import that was read, as the person chose.

    Raises ``Invalid`` if lines are wrong and all are required, or there is nothing to write.
    """
    require_event_import(by.actor)
    row = find_import(session, by.actor, import_id, lock=True)
    if row.state != lines.READ:
        raise Invalid(
            "state",
            _(
                "This import is %(state)s: only a file that has been read can be imported",
                state=row.state,
            ),
        )
    unresolved = 0 if keeps_unknown else row.unresolved
    if row.wrong + unresolved and not only_good:
        raise Invalid(
            "only_good",
            _(
                "%(lines)s cannot be imported. Correct the file, or skip lines with errors",
                lines=_lines(row.wrong + unresolved),
            ),
        )
    if row.new + row.corrected - unresolved <= 0:
        raise Invalid("file", _("This file contains nothing new"))
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

    Returns None if it is not (or no longer) to be written. Raises ``BadFile`` for a line that
    became wrong since it was read, if all lines are required: see ``stop_import``.
    """
    row = _locked(session, import_id)
    if row is None or row.state != lines.WRITING:
        return None
    return _write(session, by, row, events)


def note_end(session: Session, now: datetime, import_id: int) -> None:
    """Record the end of writing that took longer than a request: later than its writer started."""
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
    """Write a file without a preview, all or nothing within the caller's transaction. Raises
    ``BadFile`` for wrong lines unless ``only_good`` skips them."""
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
    """End an import in which a line became wrong since it was read: nothing is written."""
    row = _locked(session, import_id)
    if row is not None and row.state in (lines.READ, lines.WRITING):
        _end(row, lines.STOPPED, now)
        row.shown = _problems_as_shown(error.problems)
        session.flush()


def _end(row: EventImport, state: str, now: datetime) -> None:
    """End an import without having written anything."""
    Totals().keep_in(row)
    row.state, row.ended_at, row.content = state, now, None


# ---- in the worker ----


def leave_to_worker(session: Session, import_id: int) -> None:
    """Let the worker read or write an import, according to its state."""
    enqueue(session, JOB, {"id": import_id}, key=_key_of(import_id))


def _key_of(import_id: int) -> str:
    return f"{JOB} {import_id}"


def take_up(session: Session, now: datetime, import_id: int) -> EventImport | None:
    """The import that a worker starts or restarts; None if nothing is to be done."""
    row = _locked(session, import_id)
    if row is None or row.state not in _TO_COME:
        return None
    row.begun_at = now
    session.flush()
    return row


def given_up_imports(session: Session) -> Sequence[int]:
    """The imports that are to be read or written and have no job."""
    to_come = session.scalars(select(EventImport.id).where(EventImport.state.in_(_TO_COME))).all()
    return [one for one in to_come if not is_pending(session, JOB, _key_of(one))]


def fail_if_given_up(session: Session, now: datetime, import_id: int) -> bool:
    """Mark an import that is to be done and has no job as failed; return whether it was so."""
    row = _locked(session, import_id)
    if row is None or row.state not in _TO_COME:
        return False
    if is_pending(session, JOB, _key_of(import_id)):
        return False
    _end(row, lines.FAILED, now)
    session.flush()
    return True


# ---- viewing, discarding, withdrawing ----


def find_import(
    session: Session, actor: Actor, import_id: int, *, lock: bool = False
) -> EventImport:
    """Return an import. Raises ``NotFound``."""
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
    """Discard an import that was not written; its file is deleted. Raises ``Invalid`` if it is too
    late."""
    row = find_import(session, by.actor, import_id, lock=True)
    if row.state not in (lines.READING, lines.READ):
        raise Invalid(
            "state",
            _("This import is %(state)s; it can no longer be discarded", state=row.state),
        )
    row.state, row.ended_at, row.content = lines.DROPPED, by.now, None
    session.flush()


def import_of(session: Session, event_id: int) -> EventImport | None:
    """The import that created this event, if any."""
    found: EventImport | None = session.scalars(
        select(EventImport)
        .join(EventsOfImport, EventsOfImport.import_id == EventImport.id)
        .where(EventsOfImport.first_id <= event_id, EventsOfImport.last_id >= event_id)
        .order_by(EventsOfImport.first_id.desc())
        .limit(1)
    ).first()
    return found


def forget_old_files(session: Session, now: datetime) -> int:
    """Discard imports to which nobody returned; return how many."""
    old = session.scalars(
        select(EventImport)
        .where(
            EventImport.state.in_((lines.READING, lines.READ)),
            EventImport.created_at < now - RETENTION,
        )
        .with_for_update(skip_locked=True)  # somebody has returned
    ).all()
    for row in old:
        row.state, row.ended_at, row.content = lines.DROPPED, now, None
    session.flush()
    return len(old)


def events_of_import(session: Session, import_id: int) -> int:
    """How many events an import created."""
    count = func.sum(EventsOfImport.last_id - EventsOfImport.first_id + 1)
    return int(session.scalar(select(count).where(EventsOfImport.import_id == import_id)) or 0)
