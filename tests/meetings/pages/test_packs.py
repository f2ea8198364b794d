"""The pages of meeting packs: ordered by the chair, watched, fetched by everybody, deleted."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.documents.slides import SLIDE_WORDS
from app.jobs.models.work import Job
from app.jobs.services.queue import queued_jobs
from app.meetings.models.packs import MeetingPack
from app.meetings.rules.packs import MAX_WAITING, PackFile
from app.meetings.services.packs import (
    begin_pack,
    fail_if_given_up,
    keep_pack,
    note_progress,
    note_trouble,
)
from tests.cast import Cast, writer
from tests.harness.visitor import Fields, PageReader, Visitor
from tests.harness.visits import Enter

PACKS = "/reports/packs"
GOOD: Fields = {
    "title": "For the meeting",
    "first": "2013-Q1",
    "last": "2013-Q2",
    "slides": ["reports", "what-if", "matching"],
}
HTMX = {"HX-Request": "true", "HX-Target": "pack"}


def order(visitor: Visitor, **changed: str) -> str:
    """Where one is led after ordering it."""
    answer = visitor.send(PACKS, {**GOOD, **changed})
    assert answer.status_code == 303
    return answer.location or ""


def only(session: Session) -> MeetingPack:
    session.rollback()
    session.expire_all()
    return session.scalars(select(MeetingPack)).one()


def keep(session: Session, cast: Cast, number: int) -> None:
    files = {PackFile.PPTX: b"PK-slides", PackFile.PDF: b"%PDF-slides"}
    with transaction(session):
        keep_pack(session, writer(cast.operator), number, files, pages=7, computed_at=None)


def test_the_form_offers_the_two_quarters_that_ended_and_all_slides(
    session: Session, cast: Cast, visit: Enter
) -> None:
    page = visit(cast.operator).read(PACKS)
    assert "No packs yet" in page.text
    form = page.form(PACKS)
    (first,), (last,) = form.values("first"), form.values("last")
    assert first < last
    assert form.values("slides") == list(SLIDE_WORDS)
    slides = f"{PACKS}?first=2012-Q1&last=2013-Q2#h-new"
    assert (
        slides,
        "2012-Q1 to 2013-Q2, the period of the LHCOPN group’s 2013 slides",
    ) in page.links
    asked = visit(cast.operator).read(f"{PACKS}?first=2013-Q1&last=2013-Q2").form(PACKS)
    assert (asked.values("first"), asked.values("last")) == (["2013-Q1"], ["2013-Q2"])


def test_a_pack_is_ordered_watched_fetched_and_deleted(
    session: Session, cast: Cast, visit: Enter
) -> None:
    operator, reader = visit(cast.operator), visit(cast.reader)
    address = order(operator)
    pack = only(session)
    assert (pack.title, pack.first_quarter, pack.last_quarter) == (
        "For the meeting",
        "2013-Q1",
        "2013-Q2",
    )
    assert pack.slides == "reports what-if matching"
    assert [(one.name, one.waiting) for one in queued_jobs(session)] == [("meeting_pack", 1)]
    number = pack.id
    assert address == f"{PACKS}/{number}"
    assert "Waiting for a worker" in reader.read(address).text
    for kind in ("pptx", "pdf"):
        assert reader.get(f"{address}.{kind}").status_code == 404

    with transaction(session):
        begin_pack(session, number, 3)
        note_progress(session, number, 2, "Counting: Rule comparison")
    fragment = reader.get(address, headers=HTMX).text
    assert fragment.lstrip().startswith('<div id="pack" hx-get=')
    assert "2 of 6 steps" in PageReader(fragment).text
    with transaction(session):
        note_trouble(session, number, "RuntimeError: <b>no</b> room")
    assert (
        "Step “Counting: Rule comparison”: RuntimeError: <b>no</b> room"
        in operator.read(address).text
    )
    told = reader.read(address).text
    assert "The last attempt failed" in told
    assert "RuntimeError" not in told, "what is inside is for the chair"

    keep(session, cast, number)
    page = reader.read(address)
    assert "7 slides" in page.text
    assert "hx-get" not in reader.get(address, headers=HTMX).text
    assert f"{address}/delete" not in [form.action for form in page.forms]
    pptx, pdf = reader.get(f"{address}.pptx"), reader.get(f"{address}.pdf")
    assert (pptx.data, pdf.data) == (b"PK-slides", b"%PDF-slides")
    assert pdf.mimetype == "application/pdf"
    assert pptx.headers["Content-Disposition"] == (
        f'attachment; filename="lhcopn-2013-Q1-2013-Q2-pack-{number}.pptx"'
    )
    assert (f"{address}.pptx", "PPTX") in reader.read(PACKS).links

    assert operator.send(f"{address}/delete", {}).location == PACKS
    assert reader.get(address).status_code == 404
    assert reader.get(f"{address}.pdf").status_code == 404
    kinds = select(Change.actor_account).where(Change.kind == "meeting pack").order_by(Change.id)
    assert session.scalars(kinds).all() == ["operator", "operator", "operator"]


def test_only_the_chair_orders_and_deletes(session: Session, cast: Cast, visit: Enter) -> None:
    address = order(visit(cast.admin))
    for person in (cast.kit, cast.reader):
        visitor = visit(person)
        page = visitor.read(PACKS)
        assert PACKS not in [form.action for form in page.forms]
        refused = visitor.send(PACKS, GOOD)
        assert refused.status_code == 403
        assert "Only operators and admins may create meeting packs" in refused.text
        assert visitor.send(f"{address}/delete", {}).status_code == 403
    assert only(session).author == "admin"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("title", " ", "Title is required"),
        ("title", "x" * 121, "at most 120 characters"),
        ("title", "a\0b", "character that cannot be passed on"),
        ("first", "2013", "Write a quarter as 2012-Q1"),
        ("first", "2013-Q3", "2013-Q2 is before 2013-Q3"),
        ("first", "2000-Q1", "choose at most 20 quarters"),
        ("last", "2013-Q1'; DROP", "Write a quarter as 2012-Q1"),
        ("last", "2098-Q1", "is too long"),
    ],
)
def test_what_cannot_be_is_told_and_kept(
    session: Session, cast: Cast, visit: Enter, field: str, value: str, said: str
) -> None:
    answer = visit(cast.operator).send(PACKS, {**GOOD, field: value})
    page = PageReader(answer.text)
    assert answer.status_code == 422
    assert said in " ".join(" ".join(page.alerts).split())
    (kept,) = page.form(PACKS).values(field)
    assert kept.strip() == value.strip()
    session.rollback()
    assert session.scalars(select(MeetingPack)).all() == []


def test_a_quarter_that_has_not_begun_and_no_slides_are_refused(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    ahead = visitor.send(PACKS, {**GOOD, "first": "2098-Q1", "last": "2098-Q1"})
    assert "2098-Q1 has not started" in ahead.text
    for slides, said in (
        ([], "choose at least one"),
        (["matching", "nonsense"], "Slides: choose from"),
        (["matching", "matching"], "choose each only once"),
    ):
        refused = visitor.send(PACKS, {**GOOD, "slides": slides})
        assert refused.status_code == 422
        assert said in " ".join(PageReader(refused.text).alerts)


def test_without_a_script_a_button_moves_a_slide_and_orders_nothing(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    for do, order_then in (
        ("up:matching", ["reports", "matching", "what-if"]),
        ("down:reports", ["what-if", "reports", "matching"]),
        ("up:reports", ["reports", "what-if", "matching"]),
        ("up:nonsense", ["reports", "what-if", "matching"]),
    ):
        answer = visitor.send(PACKS, {**GOOD, "do": do})
        assert answer.status_code == 200
        form = PageReader(answer.text).form(PACKS)
        assert form.values("slides") == order_then
        assert form.values("title") == ["For the meeting"]
    session.rollback()
    assert session.scalars(select(MeetingPack)).all() == []


def test_too_many_at_once_are_refused(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    for _ in range(MAX_WAITING):
        order(visitor)
    refused = visitor.send(PACKS, GOOD)
    assert refused.status_code == 422
    assert f"{MAX_WAITING} packs are already waiting" in refused.text


def test_addresses_that_are_none(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    for path in ("/999999", "/0", "/1.exe", "/1.pdf", "?before=x", "?before=9999999999"):
        assert visitor.get(f"{PACKS}{path}").status_code == 404
    assert visitor.get(f"{PACKS}?before=5").status_code == 200


def test_a_title_is_text(session: Session, cast: Cast, visit: Enter) -> None:
    title = '<script>alert(1)</script> "=1+1" 网络'
    address = order(visit(cast.operator), title=title)
    for path in (PACKS, address):
        page = visit(cast.reader).read(path)
        assert title in page.text
        assert page.inline_scripts == []


def test_an_open_page_looks_ever_less_often(session: Session, cast: Cast, visit: Enter) -> None:
    operator = visit(cast.operator)
    address = order(operator)
    pauses = []
    for looks in (0, 19, 20, 50, 500):
        shown = operator.get(f"{address}?looks={looks}", headers=HTMX).text
        assert f'hx-get="{address}?looks={looks + 1}"' in shown
        pauses.append(re.findall(r"load delay:(\d+)s", shown))
    assert pauses == [["1"], ["1"], ["3"], ["10"], ["30"]]
    assert operator.get(f"{address}?looks=x").status_code == 404


def fail(session: Session, cast: Cast, number: int) -> None:
    """Its job is gone, as if it had been given up."""
    with transaction(session):
        session.execute(delete(Job))
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("DELETE FROM procrastinate_jobs"))
        note_trouble(session, number, "no room on the disk")
        assert fail_if_given_up(session, writer(cast.operator), number)


def test_a_failed_pack_is_made_again_and_takes_no_place(
    session: Session, cast: Cast, visit: Enter
) -> None:
    operator = visit(cast.operator)
    for _ in range(MAX_WAITING):
        address = order(operator)
    number = int(address.rsplit("/", 1)[1])
    refused = operator.send(f"{address}/again", {})
    assert refused.status_code == 409
    assert f"Pack {number} is waiting; only a failed pack can be retried" in refused.text
    fail(session, cast, number)
    page = operator.read(address)
    assert "Before the first step: no room on the disk." in page.text
    other = order(operator)
    full = operator.send(f"{address}/again", {})
    assert full.status_code == 422
    assert "packs are already waiting" in full.text
    operator.send(f"{other}/delete", {})
    assert operator.send(f"{address}/again", {}).location == address
    session.rollback()
    assert [one.waiting for one in queued_jobs(session)] == [2], (
        "that of the deleted one does nothing"
    )
    assert "Waiting for a worker" in operator.read(address).text
