"""Files of events through the pages: every line first, then one choice, and the way back."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.file_problems import MAX_LINES
from app.events.models.events import Event
from app.events.models.imports import EventImport
from app.events.services import import_runs as runs
from app.events.services.events import EVENT
from app.jobs.tasks.context import Context
from app.registry.models.registry import Link
from app.worker.process import WorkerProcess
from tests.cast import NOON, Cast
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

IMPORT = "/events/import"
LINK = "CERN-GRIDKA-LHCOPN-001"
HEAD = "source,source_id,link,state,start,end,detail"
ROW = f"psnr,1,{LINK},down,2013-03-01T10:00:00Z,2013-03-01T12:00:00Z,<b>loss</b>"


def upload(visitor: Visitor, content: bytes | str, **more: str) -> TestResponse:
    fields = {"source": "", "zone": "", "encoding": "", **more}
    content = content.encode() if isinstance(content, str) else content
    return visitor.upload(IMPORT, fields, "events.csv", content)


def looked_at(visitor: Visitor, content: bytes | str, **more: str) -> tuple[str, PageReader]:
    answer = upload(visitor, content, **more)
    assert answer.status_code == 303
    return answer.location, visitor.read(answer.location)


def stored(session: Session) -> int:
    session.rollback()
    count = session.scalar(select(func.count()).select_from(Event)) or 0
    session.rollback()
    return count


def test_each_line_is_shown_before_and_the_person_chooses(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    wrong = "psnr,2,X,up,2013-03-01T10:00:00,,"
    unknown = "psnr,<i>3,CERN-GRIDKA-LHCOPN-01,down,2013-03-01T10:00:00Z,,"
    url, page = looked_at(visitor, f"{HEAD}\n{ROW}\n{wrong}\n{unknown}\n{ROW}\n")
    assert "4 lines: 2 new, 1 unchanged, 1 wrong; 1 of the new events and updates" in page.text
    assert "Nothing has been written yet." in page.text
    assert "line 3 psnr 2 wrong" in page.text
    assert "start 2013-03-01T10:00:00 : an ISO 8601 time with its zone" in page.text
    assert "same as line 2" in page.text
    assert "CERN-GRIDKA-LHCOPN-01 link 1 CERN-GRIDKA-LHCOPN-001" in page.text
    assert "<i>3" not in visitor.get(url).text
    assert stored(session) == 0

    form = page.form(f"{url}/write")
    assert (form.values("unknown"), form.values("wrong")) == (["wrong"], ["all"])
    refused = visitor.send(f"{url}/write", form.data())
    assert refused.status_code == 422
    assert "2 lines cannot be imported. Correct the file" in PageReader(refused.text).text
    assert stored(session) == 0
    done = visitor.send(f"{url}/write", {**form.data(), "unknown": "keep", "wrong": "good"})
    assert (done.status_code, done.location) == (303, url)
    assert stored(session) == 2
    page = visitor.read(url)
    assert "2 new, 0 corrected, 1 unchanged, 1 invalid and skipped" in page.text
    urls = [address for address, _ in page.links]
    assert "/events?import=1&view=reported&withdrawn=all" in urls
    listed = visitor.read("/events?import=1&view=reported&withdrawn=all")
    assert "2 reports" in listed.text
    assert visitor.send(f"{url}/write", form.data()).status_code == 422  # a second click

    again, page = looked_at(visitor, f"{HEAD}\n{ROW}\n")
    assert "Nothing to import" in page.text
    assert visitor.send(f"{again}/drop", {}).status_code == 303
    newest = visitor.read(IMPORT).text
    assert "events.csv discarded operator" in newest
    assert "events.csv imported operator" in newest
    refused = visitor.send(f"{url}/withdraw", {"reason": " "})
    assert "Reason is required" in PageReader(refused.text).text
    assert visitor.send(f"{url}/withdraw", {"reason": "A test file"}).status_code == 303
    assert "Withdrawn just now" in visitor.read(url).text
    session.rollback()
    assert session.scalar(select(func.count(Event.withdrawn_at))) == 2
    session.rollback()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty"),
        (b"\x1f\x8bbroken", "gzip file is damaged"),
        (gzip.compress(b"", mtime=0)[:10] + b"\xff" * 9, "gzip file is damaged"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(
    session: Session, cast: Cast, visit: Enter, content: bytes, told: str
) -> None:
    answer = upload(visit(cast.operator), content, source="old probe")
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert told in page.text
    assert page.form(IMPORT).values("source") == ["old probe"]  # what was typed is kept
    assert session.scalar(select(func.count()).select_from(EventImport)) == 0
    session.rollback()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xef\xbb\xbf\n", "the file wrong it is empty"),
        ((HEAD + ",colour\n").encode(), "the columns are source, source_id, link"),
        (f"{ROW}\n".encode(), "line 1 wrong psnr : the first line names the columns; the columns"),
        (f"{HEAD}\n{ROW}\xe4\n".encode("cp1252"), "this is not UTF-8"),
        (b"PK\x03\x04x", "this is a workbook; save it as"),
        (f'{HEAD}\n"{ROW}\n'.encode(), "a quote is opened here and never closed"),
        (b'[{"source": "x"}', "this is not valid JSON: , or ] is missing here"),
    ],
)
def test_what_is_no_file_of_events_says_where(
    session: Session, cast: Cast, visit: Enter, content: bytes, told: str
) -> None:
    _url, page = looked_at(visit(cast.operator), content)
    assert "This file cannot be read" in page.text
    assert told in page.text
    assert stored(session) == 0


def test_a_packed_file_is_unpacked_up_to_a_bound(
    session: Session, cast: Cast, visit: Enter
) -> None:
    """250 MiB of events, packed, took a request 12 s."""
    packed = gzip.compress(b" " * (runs.MAX_BYTES + 1), 1)
    answer = upload(visit(cast.operator), packed)
    assert answer.status_code == 422
    assert "larger than 16 MiB uncompressed; split it" in PageReader(answer.text).text
    assert session.scalar(select(func.count()).select_from(EventImport)) == 0
    session.rollback()


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_more_than_50_000_lines_is_refused_before_anything_is_stored(
    session: Session, cast: Cast, visit: Enter, packed: bool
) -> None:
    visitor = visit(cast.operator)
    content = "\n".join([HEAD, *[ROW] * (MAX_LINES + 1)]).encode()
    answer = upload(visitor, gzip.compress(content) if packed else content, source="old probe")
    assert answer.status_code == 422
    page = PageReader(answer.text)
    told = "The file has 50,001 lines; an import takes at most 50,000. Split it"
    assert told in page.text
    assert page.form(IMPORT).values("source") == ["old probe"]
    assert session.scalar(select(func.count()).select_from(EventImport)) == 0
    session.rollback()


def test_a_file_of_wrong_lines_says_how_many(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    _url, page = looked_at(visitor, f"{HEAD}\n" + "x\n" * 40_000)
    assert "40,000 of 40,000 events have errors; the first are listed here" in page.text
    assert len(page.text) < 50_000
    assert stored(session) == 0


def test_a_file_with_nothing_but_a_head_says_so(cast: Cast, visit: Enter) -> None:
    _url, page = looked_at(visit(cast.operator), f"{HEAD}\n")
    assert f"{len(HEAD) + 1} bytes" in page.text
    assert "0 lines: 0 new" in page.text
    assert "Nothing to import The file contains no events." in page.text


def test_a_person_says_zone_source_and_encoding_of_a_spreadsheet(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    sheet = f"source_id;link;state;start;detail\n1;{LINK};down;2012-07-01 10:00;Störung\n"
    more = {"zone": "Europe/Berlin", "source": "noc", "encoding": "windows-1252"}
    url, page = looked_at(visitor, sheet.encode("cp1252"), **more)
    assert "times without a time zone: Europe/Berlin" in page.text
    assert visitor.send(f"{url}/write", page.form(f"{url}/write").data()).status_code == 303
    event = session.scalars(select(Event)).one()
    assert (event.start.isoformat(), event.detail) == ("2012-07-01T08:00:00+00:00", "Störung")
    session.rollback()
    assert upload(visitor, sheet, zone="Europe/Atlantis").status_code == 422


@pytest.fixture
def work(database: str) -> Iterator[Callable[[], None]]:
    """Lets a worker do once what there is to do."""
    engine = open_engine(database)
    yield lambda: WorkerProcess(Context(engine, test_settings(database))).work_once()
    engine.dispose()


COUNT = 12_000


def large_file() -> bytes:
    rows = (
        f"psnr,{n},{LINK},unmonitored,2012-01-01T00:00:00Z,2012-01-02T00:00:00Z,{'x' * 20}"
        for n in range(COUNT)
    )
    content = "\n".join([HEAD, *rows, ""]).encode()
    assert len(content) > runs.SMALL
    assert COUNT > runs.SMALL_LINES
    return content


def test_a_large_file_is_the_workers_and_the_page_shows_how_far_it_is(
    session: Session, cast: Cast, visit: Enter, work: Callable[[], None]
) -> None:
    visitor = visit(cast.operator)
    url, page = looked_at(visitor, gzip.compress(large_file()))
    assert "Reading Queued You can leave this page." in page.text
    fragment = visitor.get(url, {"HX-Request": "true", "HX-Target": "import"}).text
    assert 'hx-trigger="load' in fragment
    assert "<html" not in fragment
    with transaction(session):
        runs.take_up(session, NOON, 1)
    assert f"Reading Running since {NOON:%Y-%m-%d %H:%M}" in visitor.read(url).text
    work()
    page = visitor.read(url)
    assert "12,000 lines: 12,000 new" in page.text
    assert visitor.send(f"{url}/write", page.form(f"{url}/write").data()).status_code == 303
    assert "Writing Queued, 12,000 lines" in visitor.read(url).text
    work()
    assert stored(session) == COUNT
    page = visitor.read(url)
    assert "12,000 new, 0 corrected" in page.text
    assert "12,000 events created by this import" in page.text
    assert "operator reported it" in visitor.read("/events/1").text


def test_a_job_whose_worker_was_killed_begins_anew_and_writes_each_line_once(
    session: Session, cast: Cast, visit: Enter, work: Callable[[], None]
) -> None:
    """The worker dies when all lines are written and not yet committed, and again behind the
    commit, before it is noted that the job is done."""
    visitor = visit(cast.operator)
    url, _page = looked_at(visitor, large_file())
    work()
    page = visitor.read(url)
    assert visitor.send(f"{url}/write", page.form(f"{url}/write").data()).status_code == 303
    break_imports(session)
    work()
    assert stored(session) == 0
    assert "Writing Running since" in visitor.read(url).text
    mend_imports(session)
    let_time_pass(session)
    work()
    assert stored(session) == COUNT
    assert "12,000 new, 0 corrected, 0 unchanged" in visitor.read(url).text
    with transaction(session):
        runs.leave_to_worker(session, 1)
    work()
    assert stored(session) == COUNT
    changes = select(func.count()).select_from(Change).where(Change.kind == EVENT)
    assert session.scalar(changes) == COUNT
    session.rollback()


def break_imports(session: Session) -> None:
    """The database refuses that an import comes to its end, as where its writer is killed."""
    ends = "state IN ('read', 'done')"
    if session.get_bind().dialect.name == "sqlite":
        breaking = (
            f"CREATE TRIGGER killed BEFORE UPDATE ON event_imports WHEN NEW.{ends}"
            " BEGIN SELECT RAISE(ABORT, 'killed'); END"
        )
    else:
        breaking = f"ALTER TABLE event_imports ADD CONSTRAINT killed CHECK (NOT {ends}) NOT VALID"
    with transaction(session):
        session.execute(text(breaking))


def mend_imports(session: Session) -> None:
    mending = "DROP TRIGGER killed"
    if session.get_bind().dialect.name == "postgresql":
        mending = "ALTER TABLE event_imports DROP CONSTRAINT killed"
    with transaction(session):
        session.execute(text(mending))


def let_time_pass(session: Session) -> None:
    """What waits for its time is due."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    passing = (
        "UPDATE jobs SET due = NULL"
        if is_sqlite
        else "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'"
    )
    with transaction(session):
        session.execute(text(passing))


def test_of_a_request_that_dies_in_the_middle_nothing_is_stored(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor, content = visit(cast.operator), f"{HEAD}\n{ROW}\n"
    break_imports(session)
    with pytest.raises(DBAPIError, match="killed"):
        upload(visitor, content)
    assert session.scalar(select(func.count()).select_from(EventImport)) == 0
    mend_imports(session)
    url, page = looked_at(visitor, content)
    form = page.form(f"{url}/write").data()
    break_imports(session)
    with pytest.raises(DBAPIError, match="killed"):
        visitor.send(f"{url}/write", form)
    assert stored(session) == 0
    mend_imports(session)
    assert "Nothing has been written yet." in visitor.read(url).text
    assert visitor.send(f"{url}/write", form).status_code == 303
    assert "1 new, 0 corrected" in visitor.read(url).text
    assert stored(session) == 1


def test_what_became_wrong_since_it_was_shown_stops_the_import_and_says_why(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    url, page = looked_at(visitor, f"{HEAD}\n{ROW}\n")
    with transaction(session):
        session.execute(update(Link).where(Link.name == LINK).values(name="ANOTHER"))
    assert visitor.send(f"{url}/write", page.form(f"{url}/write").data()).status_code == 303
    page = visitor.read(url)
    assert (
        "The import stopped : links or sites were changed, and a line became invalid" in page.text
    )
    assert "the id of a known link" in page.text
    assert stored(session) == 0


def test_an_import_that_nobody_works_on_any_more_has_failed_and_says_what_to_do(
    session: Session, cast: Cast, visit: Enter, work: Callable[[], None]
) -> None:
    visitor = visit(cast.operator)
    url, _page = looked_at(visitor, large_file())
    table = "jobs" if session.get_bind().dialect.name == "sqlite" else "procrastinate_jobs"
    with transaction(session):
        session.execute(text(f"DELETE FROM {table}"))  # given up
    work()
    page = visitor.read(url)
    assert "This import was interrupted. Nothing was imported. Import the file again" in (page.text)
    assert IMPORT in [address for address, _ in page.links]
    fragment = visitor.get(url, {"HX-Request": "true", "HX-Target": "import"}).text
    assert "hx-trigger" not in fragment
    assert "events.csv failed operator" in visitor.read(IMPORT).text
    assert visitor.send(f"{url}/drop", {}).status_code == 422
    assert session.scalar(select(EventImport.content)) is None
    session.rollback()
    _url, page = looked_at(visitor, f"{HEAD}\n{ROW}\n")
    assert "1 line: 1 new" in page.text
