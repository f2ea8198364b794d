"""Imports of events as people see them: the file kept, read through, written, withdrawn.

A page, a command or the worker drives one in many short transactions, and shows how far it is. One
that was broken off is begun anew and goes on where it was. Callers give the transactions.

Of an import whose file is kept there is always a job as long as it is read or written, also where a
request does it: if the request is gone in the middle, the worker takes it up. One without a job has
failed, for nobody can be working on it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import IO, Any, Final, Protocol

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Door, Writer
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.file_problems import MOST_PROBLEMS, BadFile, Problem
from app.core.rules.spreadsheets import ENCODINGS
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.events.models.imports import EventImport, EventImportPart, EventsOfImport
from app.events.rules.events import LONGEST_SOURCE
from app.events.rules.file_reading import Reading
from app.events.services import file_import as lines
from app.events.services.events import Fate, Outcome
from app.events.services.file_import import Totals, is_unresolved, require_event_import
from app.jobs.services.queue import enqueue, is_to_be_done

JOB: Final = "event_import"
MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a file that is kept, unpacked: each is unpacked and packed again within a request."""
MOST_LINES: Final = 50_000
"""Lines of a file that is kept (decisions, section 12)."""
MOST_WRONG: Final = 1_000
"""Wrong lines of a file that is kept; with more of them it is read no further."""
_LARGER: Final = "split it, or have `flask events import` read it"
SMALL: Final = 512 * 1024
"""Bytes of a file that is read through at once; a larger one is the worker's."""
SHOWN: Final = 200
"""Lines of each kind that are kept to be shown."""
MOST_UNKNOWN: Final = 50
"""Unknown names that are kept to be shown, those of most lines."""
LONGEST_COMMAND: Final = timedelta(days=1)
"""How long a command may take for its file; what is not done then was broken off."""
KEPT: Final = timedelta(days=7)
"""How long a file waits for its person; then it goes, and its import with it."""
REQUEST_TIME: Final = timedelta(seconds=30)
"""So long a request has for a small file; then the worker does what it has left."""
_PIECE: Final = 1024 * 1024
_COUNTED_NAMES: Final = 10_000
_TO_COME: Final = (lines.READING, lines.WRITING)


class Transactions(Protocol):
    """Sessions to read with, and to write with: each write is one transaction, committed."""

    def reading(self) -> AbstractContextManager[Session]:
        """A session to read with."""

    def writing(self) -> AbstractContextManager[Session]:
        """A session whose transaction is committed at its end."""


Told = Callable[[Sequence[Outcome], Totals], None]
"""Is told what becomes of some lines, and of all up to there."""


# ---- the file ----


def keep_file(
    session: Session, by: Writer, name: str, stream: IO[bytes], how: Reading
) -> EventImport:
    """Keep a file for an import that is to be looked at first.

    Raises ``Forbidden``, and ``Invalid`` where the file is empty or too large, or what is said of
    it cannot be.
    """
    require_event_import(by.actor)
    row = begin_import(session, by, name, how)
    digest, size = hashlib.sha256(), 0
    for position, piece in enumerate(iter(lambda: stream.read(_PIECE), b"")):
        size += len(piece)
        if size > MOST_BYTES:
            raise Invalid(
                "file", f"The file is larger than {MOST_BYTES // _PIECE} MiB unpacked; {_LARGER}"
            )
        digest.update(piece)
        session.execute(
            insert(EventImportPart),
            {"import_id": row.id, "position": position, "content": zlib.compress(piece, 6)},
        )
    if not size:
        raise Invalid("file", "The file is empty")
    row.size, row.digest = size, digest.hexdigest()
    session.flush()
    return row


def begin_import(session: Session, by: Writer, name: str, how: Reading) -> EventImport:
    """The row of an import, to be read through next."""
    require_event_import(by.actor)
    checked_text("source", how.source, LONGEST_SOURCE, label="Source")
    if how.encoding and how.encoding not in ENCODINGS:
        raise Invalid("encoding", f"Encoding takes one of: {', '.join(ENCODINGS)}")
    shown_name = "".join(sign if sign.isprintable() else "?" for sign in name)
    row = EventImport(
        name=shown_name[-SHORT_TEXT_LIMIT:] or "file",
        size=0,
        digest="",
        source=how.source,
        encoding=how.encoding,
        zone=how.zone,
        state=lines.READING,
        user_id=by.actor.account_id,
        author=by.shown_author,
        created_at=by.now,
    )
    session.add(row)
    session.flush()
    return row


@contextmanager
def kept_file(session: Session, import_id: int) -> Iterator[IO[bytes]]:
    """The file of an import, on disk: it is as large as a person likes."""
    with tempfile.TemporaryFile() as file:
        position = 0
        while (
            piece := session.scalar(
                select(EventImportPart.content).where(
                    EventImportPart.import_id == import_id, EventImportPart.position == position
                )
            )
        ) is not None:
            file.write(zlib.decompress(piece))
            position += 1
        file.seek(0)
        yield file


def reading_of(row: EventImport) -> Reading:
    """What was said of an import's file."""
    return Reading(row.source, row.encoding, row.zone)


# ---- what is to be shown ----


class _Shown:
    """The lines that a person is to look at first, and the names that nobody knows."""

    def __init__(self) -> None:
        self._lines: dict[str, list[dict[str, Any]]] = {}
        self._unknown: Counter[tuple[str, str]] = Counter()

    def add(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            unresolved = is_unresolved(outcome)
            if unresolved and outcome.after is not None:
                for kind, name in (
                    ("link", outcome.after.link_text),
                    ("site", outcome.after.site_text),
                ):
                    known = (kind, name) in self._unknown
                    if name and (known or len(self._unknown) < _COUNTED_NAMES):
                        self._unknown[kind, name] += 1
            kind = "unresolved" if unresolved else str(outcome.fate)
            kept = self._lines.setdefault(kind, [])
            if len(kept) < SHOWN:
                kept.append(_as_shown(outcome))

    def as_json(self) -> str:
        names = [[*name, count] for name, count in self._unknown.most_common(MOST_UNKNOWN)]
        more = max(0, len(self._unknown) - MOST_UNKNOWN)
        return json.dumps(
            {"lines": self._lines, "unknown": names, "more": more}, ensure_ascii=False
        )


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


def problems_as_shown(problems: Sequence[Problem]) -> str:
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
        for problem in problems[:MOST_PROBLEMS]
    ]
    return json.dumps({"lines": {"wrong": wrong}, "unknown": [], "more": 0}, ensure_ascii=False)


@dataclass(frozen=True)
class Shown:
    """What a person is to look at of an import."""

    lines: dict[str, list[dict[str, Any]]]
    """By what becomes of them: wrong, unresolved, changed, new, same."""
    unknown: list[tuple[str, str, int]]
    """link or site, the name as it stands there, on how many lines."""
    more_unknown: int

    @classmethod
    def of(cls, row: EventImport) -> Shown:
        """What is kept of an import."""
        kept: dict[str, Any] = json.loads(row.shown) if row.shown else {}
        unknown = [(kind, name, count) for kind, name, count in kept.get("unknown", ())]
        return cls(kept.get("lines", {}), unknown, kept.get("more", 0))


# ---- reading through ----


def read_through(
    transactions: Transactions,
    by: Writer,
    stream: IO[bytes],
    import_id: int,
    told: Told,
    *,
    keep_unknown: bool = True,
    bounded: bool = True,
) -> Totals:
    """Go through a file, and keep what would become of its lines.

    ``keep_unknown``: unknown names are not wrong; who looks at the lines then decides. ``bounded``:
    not more than ``MOST_LINES`` and ``MOST_WRONG`` are read. Raises ``BadFile`` for what is no file
    of events, or is beyond these, which is kept as well.
    """
    with transactions.reading() as session:
        how = reading_of(find_import(session, by.actor, import_id))
    totals, shown = Totals(), _Shown()
    try:
        for part in lines.parts_of(stream, how):
            with transactions.reading() as session:
                outcomes = lines.examine_lines(
                    session, by.actor, by.now, part, keep_unknown=keep_unknown
                )
            totals.add(outcomes)
            shown.add(outcomes)
            told(outcomes, totals)
            if bounded:
                _check_bounds(totals)
            if len(part) == lines.AT_ONCE:
                with transactions.writing() as session:
                    row = find_import(session, by.actor, import_id, lock=True)
                    if row.state != lines.READING:
                        return totals
                    row.lines = totals.lines
    except BadFile as error:
        with transactions.writing() as session:
            row = find_import(session, by.actor, import_id, lock=True)
            if row.state == lines.READING:
                row.state, row.ended_at = lines.BROKEN, by.now
                row.shown = problems_as_shown(error.problems)
                _drop_file(session, import_id)
        raise
    with transactions.writing() as session:
        row = find_import(session, by.actor, import_id, lock=True)
        if row.state == lines.READING:  # else somebody left it, or was faster
            totals.keep_in(row)
            row.state, row.whole, row.shown = lines.READ, totals.lines, shown.as_json()
    return totals


def _check_bounds(totals: Totals) -> None:
    if totals.lines > MOST_LINES:
        why = f"it holds more than {MOST_LINES:,} events; {_LARGER}"
    elif (wrong := totals.counts[Fate.WRONG]) > MOST_WRONG:
        why = (
            f"{wrong:,} of its first {totals.lines:,} events are wrong, and it was read no further;"
            " the first of them are told here. Mend the file, or have `flask events import` read it"
        )
    else:
        return
    raise BadFile([Problem("the file", "", "", why), *totals.problems])


# ---- writing ----


def begin_writing(
    session: Session, by: Writer, import_id: int, *, only_good: bool, keeps_unknown: bool
) -> EventImport:
    """Let an import that was read through be written, as the person chose.

    Raises ``Invalid`` where lines are wrong and all was asked for, or there is nothing to write.
    """
    require_event_import(by.actor)
    row = find_import(session, by.actor, import_id, lock=True)
    if row.state != lines.READ:
        raise Invalid("state", f"This import is {row.state}; only one that was read can be written")
    unresolved = 0 if keeps_unknown else row.unresolved
    if row.wrong + unresolved and not only_good:
        raise Invalid(
            "only_good",
            f"{_lines(row.wrong + unresolved)} cannot be imported. Mend the file, or import only"
            " the good lines",
        )
    if row.new + row.corrected - unresolved <= 0:
        raise Invalid("file", "Nothing of this file is new")
    row.state, row.only_good, row.keeps_unknown = lines.WRITING, only_good, keeps_unknown
    Totals().keep_in(row)
    session.flush()
    return row


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


def write_through(
    transactions: Transactions,
    by: Writer,
    stream: IO[bytes],
    import_id: int,
    told: Told,
    is_ending: Callable[[], bool] = lambda: False,
) -> bool:
    """Write what is not yet written of an import; whether it is done: not if the caller ends.

    A line that became wrong since it was read through stops it, where all was asked for: what was
    written before stays, is told, and can be withdrawn. A small file is one transaction.
    """
    with transactions.reading() as session:
        row = find_import(session, by.actor, import_id)
        how, after, whole = reading_of(row), row.lines, row.whole
    parts = lines.parts_of(stream, how, after=after)
    small = whole <= lines.WHOLE_AT_ONCE
    try:
        while True:
            with transactions.writing() as session:
                row = find_import(session, by.actor, import_id, lock=True)
                if row.state != lines.WRITING:
                    return True
                written = [
                    lines.import_lines(
                        session,
                        by,
                        part,
                        row,
                        only_good=row.only_good,
                        keep_unknown=row.keeps_unknown,
                    )
                    for part in _some(parts, all_of_them=small)
                ]
                totals = Totals.of(row)
                if not written or small:
                    row.state, row.ended_at = lines.DONE, by.now
                    _drop_file(session, import_id)
            for outcomes in written:
                told(outcomes, totals)
            if not written or small:
                return True
            if is_ending():
                return False
    except BadFile as error:
        with transactions.writing() as session:
            row = find_import(session, by.actor, import_id)
            row.state, row.ended_at = lines.STOPPED, by.now
            row.shown = problems_as_shown(error.problems)
            _drop_file(session, import_id)
        raise


def _some(parts: Iterator[Any], *, all_of_them: bool) -> Iterator[Any]:
    for part in parts:
        yield part
        if not all_of_them:
            return


# ---- by the worker ----


def leave_to_worker(session: Session, import_id: int) -> None:
    """Let the worker read an import through, or write it: what its state asks for."""
    enqueue(session, JOB, {"id": import_id}, key=_key_of(import_id))


def leave_rest_to_worker(session: Session, by: Writer, import_id: int, state: str) -> None:
    """The caller's request reads an import through, or writes it; the worker goes on with that if
    it is not done in time, as where the server was killed."""
    enqueue(
        session,
        JOB,
        {"id": import_id, "state": state},
        key=_key_of(import_id, state),
        due=by.now + REQUEST_TIME,
    )


def _key_of(import_id: int, state: str = "") -> str:
    return f"{JOB} {import_id} {state}".rstrip()


def go_on(
    transactions: Transactions,
    writer_of: Callable[[EventImport], Writer],
    import_id: int,
    is_ending: Callable[[], bool],
    *,
    state: str | None = None,
) -> None:
    """Do what an import's state asks for, if it asks for anything, and only in this ``state`` if
    one is given. What is left as the caller ends is another job."""
    with transactions.reading() as session:
        row = session.get(EventImport, import_id)
        if row is None or row.state not in (_TO_COME if state is None else (state,)):
            return
        by, state = writer_of(row), row.state
        with kept_file(session, import_id) as file:
            session.rollback()
            try:
                if state == lines.READING:
                    read_through(transactions, by, file, import_id, _nobody)
                    return
                done = write_through(transactions, by, file, import_id, _nobody, is_ending)
            except BadFile:
                return  # it is kept with the import
    if not done:
        with transactions.writing() as session:
            leave_to_worker(session, import_id)


def imports_to_come(session: Session) -> Sequence[int]:
    """The imports of kept files that somebody reads through or writes, or will."""
    kept = select(EventImportPart.import_id).where(EventImportPart.import_id == EventImport.id)
    return session.scalars(
        select(EventImport.id).where(EventImport.state.in_(_TO_COME), kept.exists())
    ).all()


def has_job(session: Session, import_id: int) -> bool:
    """Whether a worker does what the import's state asks for, or will."""
    keys = (_key_of(import_id), *(_key_of(import_id, state) for state in _TO_COME))
    return any(is_to_be_done(session, JOB, key) for key in keys)


def fail_if_given_up(session: Session, now: datetime, import_id: int) -> bool:
    """An import of a kept file that is to be done and has no job (any more) has failed; whether it
    was so. What was written of it stays, and can be withdrawn."""
    row = session.get(EventImport, import_id, with_for_update=True, populate_existing=True)
    if row is None or row.state not in _TO_COME or not is_kept(session, row):
        return False
    if has_job(session, import_id):
        return False
    is_written = row.state == lines.WRITING and row.lines > 0
    row.state, row.ended_at = lines.STOPPED if is_written else lines.FAILED, now
    _drop_file(session, import_id)
    session.flush()
    return True


def _nobody(_outcomes: Sequence[Outcome], _totals: Totals) -> None:
    """Progress is in the row."""


# ---- looking, dropping, withdrawing ----


def find_import(
    session: Session, actor: Actor, import_id: int, *, lock: bool = False
) -> EventImport:
    """An import; ``NotFound`` for none."""
    require_event_import(actor)
    row = session.get(EventImport, import_id, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise NotFound
    return row


def is_kept(session: Session, row: EventImport) -> bool:
    """Whether its file lies in the database: a page brought it, else a command reads it itself."""
    part = select(EventImportPart.position).where(EventImportPart.import_id == row.id).limit(1)
    return session.scalar(part) is not None


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
        raise Invalid("state", f"This import is {row.state}; only one not yet written can be left")
    row.state, row.ended_at = lines.DROPPED, by.now
    _drop_file(session, import_id)
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


def end_broken_off(session: Session, now: datetime, *, digest: str) -> int:
    """End what a command broke off that took in the same file: this one goes on; how many.

    What was written stays and can be withdrawn. A file that a page kept is the worker's to go on.
    """
    same = EventImport.digest == digest
    return _end_commands(session, now, same)


def _end_commands(session: Session, now: datetime, which: ColumnElement[bool]) -> int:
    kept = select(EventImportPart.import_id).where(EventImportPart.import_id == EventImport.id)
    broken = session.scalars(
        select(EventImport)
        .where(
            EventImport.state.in_((lines.READING, lines.READ, lines.WRITING)),
            ~kept.exists(),
            which,
        )
        .with_for_update()
    ).all()
    for row in broken:
        row.state = lines.STOPPED if row.state == lines.WRITING else lines.DROPPED
        row.ended_at = now
    session.flush()
    return len(broken)


def forget_old_files(session: Session, now: datetime) -> int:
    """Leave imports for which nobody came back, and end those whose command is gone; how many."""
    gone = _end_commands(session, now, EventImport.created_at < now - LONGEST_COMMAND)
    old = session.scalars(
        select(EventImport).where(
            EventImport.state.in_((lines.READING, lines.READ)),
            EventImport.created_at < now - KEPT,
        )
    ).all()
    for row in old:
        row.state, row.ended_at = lines.DROPPED, now
        _drop_file(session, row.id)
    session.flush()
    return gone + len(old)


def _drop_file(session: Session, import_id: int) -> None:
    session.execute(delete(EventImportPart).where(EventImportPart.import_id == import_id))


def events_of_import(session: Session, import_id: int) -> int:
    """How many events an import made."""
    count = func.sum(EventsOfImport.last_id - EventsOfImport.first_id + 1)
    return int(session.scalar(select(count).where(EventsOfImport.import_id == import_id)) or 0)


def as_importer(by: Writer) -> Writer:
    """The same writer, through the door of imports."""
    return replace(by, door=Door.IMPORT)
