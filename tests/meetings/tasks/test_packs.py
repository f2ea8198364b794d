"""Meeting packs: the slides tell what the pages tell, also after a worker was killed."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from flask import Flask
from pptx import Presentation
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts.services.people import start_login
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.core.rules.documents.slides import SlideKind
from app.core.rules.quarters import Quarter
from app.jobs.rules.jobs import MAX_ATTEMPTS
from app.jobs.services.queue import failed_jobs, queued_jobs
from app.jobs.tasks.context import Context
from app.meetings.models.packs import MeetingPack, MeetingPackFile
from app.meetings.rules.packs import PackFile
from app.meetings.services import packs
from app.meetings.tasks import packs as making
from app.meetings.tasks.packs import make_pack
from app.registry.services.registry import require_site
from app.reports.services.reports import save_field
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.harness.until import until
from tests.harness.visitor import Visitor
from tests.harness.workers import StartWorker
from tests.matching.matching_world import LINK, report, ticket

PIC = "CERN-PIC-LHCOPN-001"
WORDS = {"detected": "detected events >= 1 h", "documented": "related events in tickets"}
"""The columns of the page's file, and how the slides call them."""
ALL = [str(kind) for kind in SlideKind]
FRAGMENT = {"HX-Request": "true", "HX-Target": "pack"}
HOSTILE = "=1+1 <script>alert(1)</script> 网络中断 | %TOC% |"


@pytest.fixture
def cast(session: Session) -> Cast:
    """Of DE-KIT two events in 2013-Q1, one of them documented; of ES-PIC one in 2012-Q4."""
    found = enter(session)
    report(session, found, "5 10:00", "5 11:00")
    report(session, found, "4 10:00", "4 10:59:59")  # too short
    report(session, found, "2013-02-01 10:00", "2013-02-01 12:00")
    ticket(session, found, links=(LINK,), event_start="5 10:30", event_end="5 10:40")
    report(session, found, "2012-12-31 23:30", "2013-01-01 02:00", link=PIC)
    ticket(session, found, title=HOSTILE, now=NOON.replace(month=1), category="maintenance")
    return found


def order(session: Session, cast: Cast, slides: Sequence[str] = ALL, **more: str) -> int:
    given = {"title": "LHCOPN operations", "first": "2012-Q4", "last": "2013-Q1", **more}
    with transaction(session):
        return packs.order_pack(session, writer(cast.operator), slides=slides, **given).id


def made(session: Session, cast: Cast, number: int) -> tuple[Any, list[str]]:
    """The PPTX, and the text of each page of the PDF."""
    session.rollback()
    pptx = packs.content_of(session, cast.reader, number, PackFile.PPTX)
    pdf = pypdfium2.PdfDocument(packs.content_of(session, cast.reader, number, PackFile.PDF))
    session.rollback()
    texts = [" ".join(page.get_textpage().get_text_range().split()) for page in pdf]
    return Presentation(io.BytesIO(pptx)), texts


def title_of(slide: Any) -> str:
    return str(slide.shapes.title.text)


def titled(file: Any, start: str) -> Any:
    return next(slide for slide in file.slides if title_of(slide).startswith(start))


def table_of(slide: Any) -> list[list[str]]:
    (found,) = [shape.table for shape in slide.shapes if shape.has_table]
    return [[cell.text for cell in row.cells] for row in found.rows]


def chart_of(slide: Any) -> Mapping[str, Mapping[str, float | None]]:
    """By series and category."""
    (plot,) = [shape.chart.plots[0] for shape in slide.shapes if shape.has_chart]
    names = list(plot.categories)
    return {one.name: dict(zip(names, one.values, strict=True)) for one in plot.series}


def sources_of(file: Any) -> list[str]:
    notes = [slide.notes_slide.notes_text_frame.text for slide in file.slides]
    return [text.rsplit("Source: ", 1)[1] for text in notes[1:]]


def logged_in(app: Flask, session: Session, cast: Cast, who: Actor | None = None) -> Visitor:
    """The reader, or somebody else."""
    account = (who or cast.reader).account_id
    assert account is not None
    with transaction(session):
        token = start_login(session, account, datetime.now(UTC))
    visitor = Visitor(app)
    visitor.carry(token)
    return visitor


def test_every_number_is_that_of_the_pages(
    app: Flask, session: Session, cast: Cast, context: Context
) -> None:
    number = order(session, cast)
    make_pack(context, {"id": number})
    file, texts = made(session, cast, number)
    reader = logged_in(app, session, cast)

    slide = titled(file, "Detected events and tickets per T1")
    answer = reader.get("/statistics/matching.csv?from=2012-Q4&to=2013-Q1").text
    rows = list(csv.DictReader(io.StringIO(answer)))
    charted = chart_of(slide)
    assert set(charted) == {
        f"{quarter} {word}" for quarter in ("2012-Q4", "2013-Q1") for word in WORDS.values()
    }
    tabled = {row[0]: row[1:] for row in table_of(slide)}
    assert tabled["Site"] == ["2012-Q4", "2013-Q1"]
    assert tabled["DE-KIT"] == ["no data", "1 of 2"]
    for row in rows:
        at = tabled["Site"].index(row["quarter"])
        words = f"{row['documented']} of {row['detected']}" if row["detected"] else "no data"
        assert tabled[row["site"]][at] == words
        if row["site"] == "TOTAL":
            continue
        for word, words in WORDS.items():
            value = charted[f"{row['quarter']} {words}"][row["site"]]
            assert value == (int(row[word]) if row[word] else None)

    slide = titled(file, "Tickets per month")
    answer = reader.get("/statistics/tickets.csv?per=month&from=2012-10&to=2013-03").text
    counted = {row[0]: row for row in csv.reader(io.StringIO(answer))}
    assert chart_of(slide) == {
        "Tickets": {"2012-10": None, "2012-11": None, "2012-12": None, "2013-01": 1, "2013-02": 0}
        | {"2013-03": 1}
    }, "of 2012 the portal holds no ticket: no data is not 0"
    assert counted, "the page's file is there"
    assert table_of(slide)[-1] == ["TOTAL", "1", "1", "0", "0", "2"]
    assert chart_of(titled(file, "Tickets per quarter")) == {
        "Tickets": {"2012-Q4": None, "2013-Q1": 2}
    }

    slide = titled(file, "Events without a ticket")
    assert [row[1] for row in table_of(slide)[1:]] == [PIC, LINK]
    assert "2 events of at least one hour without a ticket" in texts[list(file.slides).index(slide)]

    answer = reader.get("/statistics/what-if.csv?from=2012-Q4&to=2013-Q1").text
    sums: dict[tuple[str, str], list[int]] = {}
    for row in csv.DictReader(io.StringIO(answer)):
        if row["asked"]:
            both = sums.setdefault((row["rule"], row["site"]), [0, 0])
            both[0] += int(row["asked"])
            both[1] += int(row["there"])
    told: dict[tuple[str, str], str] = {}
    for slide in file.slides:
        if title_of(slide).startswith("Rule comparison"):
            head, *lines = table_of(slide)
            told |= {
                (rule, line[0]): line[at]
                for line in lines
                for at, rule in enumerate(head[1:], 1)
                if line[at] != "no data"
            }
            for name, values in chart_of(slide).items():
                rule, word = name.split(" ", 1)
                for site, value in values.items():
                    if value is not None:
                        assert value == sums[rule, site][word == "existing"]
    assert told == {key: f"{there} of {asked}" for key, (asked, there) in sums.items()}
    assert sums["R2009", "TOTAL"] == [2, 0], "the documented one was of exactly an hour"

    assert table_of(titled(file, "Missing reports"))[1:] == [
        ["2012-Q4", "2", "DE-KIT, ES-PIC"],
        ["2013-Q1", "2", "DE-KIT, ES-PIC"],
    ]
    for address in sources_of(file):
        path = address.removeprefix(context.settings.public_url)
        assert path != address
        assert reader.get(path).status_code == 200, path


def test_the_title_tells_of_when_the_figures_are(
    session: Session, cast: Cast, database: str
) -> None:
    engine = open_engine(database)
    context = Context(engine, test_settings(database), now=lambda: NOON)
    number = order(session, cast, ["matching"])
    make_pack(context, {"id": number})
    _, texts = made(session, cast, number)
    assert "LHCOPN operations 2012-Q4 to 2013-Q1" in texts[0]
    assert f"Figures computed {NOON:%Y-%m-%d %H:%M} UTC" in texts[0]
    assert f"Created {NOON:%Y-%m-%d %H:%M} UTC for operator" in texts[0]
    pack = session.get_one(MeetingPack, number)
    assert (pack.state, pack.pages, pack.computed_at) == ("made", 2, NOON)
    engine.dispose()


def test_slides_stand_in_the_order_of_the_chair(
    session: Session, cast: Cast, context: Context
) -> None:
    number = order(session, cast, ["long-standing", "matching", "tickets-by-quarter"])
    make_pack(context, {"id": number})
    file, _ = made(session, cast, number)
    assert [title_of(slide) for slide in file.slides] == [
        "LHCOPN operations",
        "Long-standing tickets",
        "Detected events and tickets per T1, 2012-Q4 to 2013-Q1",
        "Tickets per quarter",
    ]
    row = next(row for row in table_of(file.slides[1]) if row[1].startswith("=1+1"))
    assert row[1] == HOSTILE


def test_a_draft_of_a_report_is_nobody_elses_to_see(
    session: Session, cast: Cast, context: Context
) -> None:
    with transaction(session):
        site = require_site(session, "DE-KIT")
        kit = writer(cast.kit)
        save_field(session, kit, site, Quarter(2012, 4), "answer.issues", "secret words", 0)
    number = order(session, cast, ["reports"])
    make_pack(context, {"id": number})
    file, texts = made(session, cast, number)
    rows = {row[0]: row[1:] for row in table_of(file.slides[1])}
    assert rows["DE-KIT"][0] == rows["ES-PIC"][0] == "missing, late"
    assert "draft" not in " ".join(texts)


class Killed(BaseException):
    """What ends a worker in the middle."""


def test_what_was_broken_off_is_made_from_its_beginning(
    session: Session, cast: Cast, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = order(session, cast, ["matching", "reports"])

    def broken(*_given: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(making, "keep_pack", broken)
        patched.setattr("app.meetings.documents.deck_pdf.deck_as_pdf", broken)
        with pytest.raises(Killed):
            make_pack(context, {"id": number})
    session.rollback()
    pack = session.get_one(MeetingPack, number)
    assert (pack.state, pack.done, pack.whole) == ("making", 4, 5)
    assert pack.doing == "Creating the PDF"
    session.rollback()
    make_pack(context, {"id": number})
    make_pack(context, {"id": number})  # a job is done at least once
    session.expire_all()
    files = session.scalars(select(MeetingPackFile.kind).order_by(MeetingPackFile.kind)).all()
    assert files == ["pdf", "pptx"]
    changes = select(Change).where(Change.kind == "meeting pack")
    assert [one.actor_account for one in session.scalars(changes)] == ["operator", "portal"]


def test_a_failure_is_told_and_the_next_try_begins_anew(
    session: Session, cast: Cast, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = order(session, cast, ["matching"])

    def failing(*_given: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(making, "slides_of", failing)
        with pytest.raises(RuntimeError):
            make_pack(context, {"id": number})
    session.rollback()
    pack = session.get_one(MeetingPack, number)
    assert pack.state == "waiting"
    assert "Step “Counting: Detected events and tickets per T1”: internal error" in pack.trouble
    assert pack.trouble.endswith("(RuntimeError: the disk is full)")
    session.rollback()
    make_pack(context, {"id": number})
    session.expire_all()
    pack = session.get_one(MeetingPack, number)
    assert (pack.state, pack.trouble) == ("made", "")


def test_a_pack_that_is_deleted_meanwhile_is_made_no_more(
    session: Session, cast: Cast, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = order(session, cast, ["matching"])

    def deleting(*_given: object) -> list[object]:
        with transaction(session):
            packs.delete_pack(session, writer(cast.operator), number)
        return []

    monkeypatch.setattr(making, "slides_of", deleting)
    make_pack(context, {"id": number})
    make_pack(context, {"id": number})
    assert session.scalars(select(MeetingPackFile)).all() == []
    assert session.get(MeetingPack, number) is None


def test_a_worker_that_ends_leaves_it_to_the_next(
    session: Session, cast: Cast, database: str
) -> None:
    engine = open_engine(database)
    number = order(session, cast, ["matching"])
    ending = Context(engine, test_settings(database), is_ending=lambda: True)
    make_pack(ending, {"id": number})
    session.rollback()
    assert session.get_one(MeetingPack, number).state == "making"
    assert [one.name for one in queued_jobs(session)] == ["meeting_pack"]
    engine.dispose()


def test_a_killed_process_loses_no_pack(
    session: Session, cast: Cast, start_worker: StartWorker
) -> None:
    first = start_worker(lease=3.0)
    number = order(session, cast)

    def state() -> str:
        session.rollback()
        session.expire_all()
        return session.get_one(MeetingPack, number).state

    until(lambda: state() != "waiting")
    first.kill()
    first.wait()
    start_worker(lease=3.0)
    until(lambda: state() == "made")
    file, texts = made(session, cast, number)
    assert len(file.slides) == len(texts) == session.get_one(MeetingPack, number).pages


def break_files(session: Session) -> None:
    """The database refuses every file, as it does on a full disk."""
    if session.get_bind().dialect.name == "sqlite":
        breaking = (
            "CREATE TRIGGER full BEFORE INSERT ON meeting_pack_files"
            " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    else:
        breaking = "ALTER TABLE meeting_pack_files ADD CONSTRAINT disk_is_full CHECK (size < 0)"
    with transaction(session):
        session.execute(text(breaking))


def mend_files(session: Session) -> None:
    mending = "DROP TRIGGER full"
    if session.get_bind().dialect.name == "postgresql":
        mending = "ALTER TABLE meeting_pack_files DROP CONSTRAINT disk_is_full"
    with transaction(session):
        session.execute(text(mending))


def leave_one_try(session: Session) -> None:
    """All jobs of the queue have failed so often that the next try is the last one."""
    table = "jobs" if session.get_bind().dialect.name == "sqlite" else "procrastinate_jobs"
    with transaction(session):
        session.execute(text(f"UPDATE {table} SET attempts = {MAX_ATTEMPTS - 1}"))


def stands(session: Session, number: int) -> str:
    session.rollback()
    session.expire_all()
    return session.get_one(MeetingPack, number).state


def test_a_pack_that_was_given_up_says_so_and_is_made_again(
    app: Flask, session: Session, cast: Cast, start_worker: StartWorker
) -> None:
    break_files(session)
    number = order(session, cast, ["matching"])
    leave_one_try(session)
    start_worker()
    until(lambda: stands(session, number) == "failed")
    pack = session.get_one(MeetingPack, number)
    assert "Step “Creating the PDF”: the database could not be read or written" in (pack.trouble)
    assert "full" in pack.trouble
    assert "INSERT" not in pack.trouble, "the statement is for who reads the log"

    address, chair = f"/reports/packs/{number}", logged_in(app, session, cast, cast.operator)
    page = chair.read(address)
    assert "This pack could not be created" in page.text
    assert "the database could not be read or written" in page.text
    assert "hx-trigger" not in chair.get(address, headers=FRAGMENT).text, "it asks no more"
    assert "failed" in chair.read("/reports/packs").text
    told = logged_in(app, session, cast).read(address)
    assert "This pack could not be created" in told.text
    assert "database" not in told.text, "what is inside is for the chair"
    assert f"{address}/again" not in [form.action for form in told.forms]

    mend_files(session)
    assert chair.send(f"{address}/again", {}).status_code == 303
    until(lambda: stands(session, number) == "made")
    session.rollback()
    assert failed_jobs(session) == []
    assert session.get_one(MeetingPack, number).trouble == ""
    states = [
        (one.actor_account, field.old, field.new)
        for one in session.scalars(
            select(Change).where(Change.kind == "meeting pack").order_by(Change.id)
        )
        for field in one.fields
        if field.field == "state"
    ]
    assert states == [
        ("portal", "waiting", "failed"),
        ("operator", "failed", "waiting"),
        ("portal", None, "made"),
    ]


def test_a_pack_whose_last_worker_was_killed_has_failed(
    session: Session, cast: Cast, start_worker: StartWorker
) -> None:
    number = order(session, cast)
    leave_one_try(session)
    first = start_worker(lease=3.0)
    until(lambda: stands(session, number) != "waiting")
    first.kill()
    first.wait()
    assert stands(session, number) == "making"
    start_worker(lease=3.0)
    until(lambda: stands(session, number) == "failed")
    pack = session.get_one(MeetingPack, number)
    assert "the worker stopped" in pack.trouble
    with transaction(session):
        packs.make_again(session, writer(cast.operator), number)
    until(lambda: stands(session, number) == "made")


def test_a_worker_that_made_a_pack_has_loaded_nothing_for_it(
    database: str, session: Session, cast: Cast, notes: Path
) -> None:
    """A worker that was forked would have what the tests' fork server has loaded."""
    begin = (
        "import sys; from tests.harness.portal_worker import work;"
        " work(sys.argv[1], {'look': 0.05, 'beat': 0.2}, sys.argv[2])"
    )
    command = [sys.executable, "-c", begin, database, str(notes)]
    with subprocess.Popen(command, cwd=PROJECT) as worker:
        try:
            number = order(session, cast, ["matching"])
            until(lambda: stands(session, number) == "made")
            loaded = Path(f"/proc/{worker.pid}/maps").read_text()
        finally:
            worker.kill()
    assert "/numpy/" in loaded, "libraries are seen there"
    assert [library for library in ("lxml", "PIL") if f"/{library}/" in loaded] == []


def test_a_worker_that_is_ended_in_the_middle_of_a_pack_leaves_it_to_the_next(
    session: Session, cast: Cast, start_worker: StartWorker
) -> None:
    first = start_worker()
    number = order(session, cast)
    until(lambda: stands(session, number) == "making")
    first.terminate()
    assert first.wait() == 0, "it did not end in order"
    assert stands(session, number) == "making"
    (job,) = queued_jobs(session)
    assert job.name == "meeting_pack"
    session.rollback()
    start_worker()
    until(lambda: stands(session, number) == "made")


def child_of(worker: int) -> int:
    """The one process that this worker has started."""
    threads = Path(f"/proc/{worker}/task").iterdir()
    (child,) = " ".join((one / "children").read_text() for one in threads).split()
    return int(child)


def test_only_the_job_fails_when_its_process_is_killed(
    session: Session, cast: Cast, start_worker: StartWorker
) -> None:
    worker = start_worker()
    number = order(session, cast)
    until(lambda: stands(session, number) == "making")
    os.kill(child_of(worker.pid), signal.SIGKILL)

    def reasons() -> list[str]:
        session.rollback()
        return [one.reason for one in failed_jobs(session)]

    until(lambda: reasons() == ["ChildFailed: its process ended with -9"])
    assert worker.poll() is None


def test_the_process_of_a_job_goes_with_its_worker(
    session: Session, cast: Cast, start_worker: StartWorker
) -> None:
    worker = start_worker()
    number = order(session, cast)
    until(lambda: stands(session, number) == "making")
    child = Path(f"/proc/{child_of(worker.pid)}")
    worker.kill()
    worker.wait()
    until(lambda: not child.exists() or ") Z " in (child / "stat").read_text())
