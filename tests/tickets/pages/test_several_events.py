"""One ticket of several links that are down: what the form begins with, and what it documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.matching.models.matching import DetectedEvent
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket
from tests.cast import Cast
from tests.harness.visitor import Form, PageReader, Visitor
from tests.harness.visits import Enter
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import recompute_all, report

PIC, SECOND = "CERN-PIC-LHCOPN-001", "CERN-GRIDKA-LHCOPN-002"
LATE = datetime(2013, 3, 20, tzinfo=UTC)


@pytest.fixture
def two(session: Session, cast: Cast) -> tuple[int, int]:
    """On DE-KIT's link from 10:00 to 12:00, on ES-PIC's from 09:30 to 13:00; and a third link."""
    with transaction(session):
        main = session.query(Link).filter_by(name=KIT).one()
        session.add(Link(name=SECOND, network="LHCOPN", end_a=main.end_a, end_b=main.end_b))
    return (
        report(session, cast, "5 10:00", "5 12:00", now=LATE),
        report(session, cast, "5 09:30", "5 13:00", now=LATE, link=PIC, state="degraded"),
    )


def new_form(page: PageReader) -> Form:
    return next(one for one in page.forms if "tickets/new" in one.action and one.method == "post")


def test_the_form_begins_with_all_of_them_and_the_ticket_documents_each(
    session: Session, cast: Cast, visit: Enter, two: tuple[int, int]
) -> None:
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets/new?event={two[0]}&event={two[1]}&event={two[0]}&link={SECOND}")
    form = new_form(page)
    assert form.values("title") == [f"2 links down or degraded: {KIT}, {PIC}"]
    assert sorted(form.values("links")) == sorted([KIT, PIC, SECOND])
    assert form.values("sites") == ["DE-KIT", "ES-PIC"]
    assert form.values("network") == ["LHCOPN"]
    assert form.values("event_start") == ["2013-03-05 09:30"]
    assert form.values("event_end") == ["2013-03-05 13:00"]
    (text,) = form.values("description")
    assert f"{KIT}: test reported down from 2013-03-05 10:00:00 UTC" in text
    assert f"{PIC}: test reported degraded from 2013-03-05 09:30:00 UTC" in text
    assert "Filled in from 2 events" in page.text
    answer = visitor.send(form.action, {**form.data(), "do": "save"})
    assert answer.status_code == 303, answer.text
    number = int(answer.headers["Location"].rsplit("/", 1)[1])
    recompute_all(session, LATE)
    session.expire_all()
    assert [one.is_documented for one in session.scalars(select(DetectedEvent))] == [True, True]
    ticket = session.get_one(Ticket, number)
    assert {one.link.name for one in ticket.affected_links} == {KIT, PIC, SECOND}
    # who writes a second one of either is told
    again = visitor.read(f"/tickets/new?event={two[1]}&event={two[0]}")
    assert "There is already a ticket for some of these events." in " ".join(again.alerts)


def test_while_one_is_ongoing_there_is_no_end_and_the_worst_is_proposed(
    session: Session, cast: Cast, visit: Enter, two: tuple[int, int]
) -> None:
    now = datetime.now(UTC)
    begun = f"{now - timedelta(hours=2):%Y-%m-%d %H:%M}"
    degraded = report(session, cast, begun, None, now=now, link=PIC, state="degraded")
    down = report(session, cast, begun, None, now=now)
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets/new?event={degraded}&event={down}&event={two[0]}")
    form = new_form(page)
    assert form.values("event_end") == [""]
    assert form.values("event_start") == ["2013-03-05 10:00"]
    # degraded and urgent for the one, outage and top priority for the other, without a backup
    assert (form.values("impact"), form.values("priority")) == (["outage"], ["top priority"])


def test_links_alone_bring_their_sites_and_what_is_unknown_is_no_event(
    cast: Cast, visit: Enter, two: tuple[int, int]
) -> None:
    visitor = visit(cast.operator)
    form = new_form(visitor.read(f"/tickets/new?link={PIC}&link={KIT}&link=NONE-LHCOPN-001"))
    assert sorted(form.values("links")) == sorted([KIT, PIC])
    assert sorted(form.values("sites")) == ["DE-KIT", "ES-PIC"]
    for odd in ("999", "-1", "x", "1e3", "9" * 40):
        path = f"/tickets/new?event={two[0]}&event={odd}"
        assert visitor.get(path).status_code == 404, odd


def test_a_title_of_many_fits(session: Session, cast: Cast, visit: Enter) -> None:
    with transaction(session):
        cern = session.query(Site).filter_by(key="CH-CERN").one()
        kit = session.query(Site).filter_by(key="DE-KIT").one()
        names = [f"CERN-{'X' * 60}-LHCOPN-{number:03}" for number in range(12)]
        session.add_all(Link(name=name, network="LHCOPN", end_a=cern, end_b=kit) for name in names)
    numbers = [report(session, cast, "5 10:00", "5 12:00", now=LATE, link=name) for name in names]
    path = "/tickets/new?" + "&".join(f"event={number}" for number in numbers)
    (title,) = new_form(visit(cast.operator).read(path)).values("title")
    # names of 76 characters: three would make 258
    assert title == f"12 links down: {', '.join(names[:2])} and 10 more"
    assert len(title) <= 255


def boxes(visitor: Visitor, path: str) -> list[str]:
    page = visitor.read(path)
    form = next((one for one in page.forms if one.action == "/tickets/new"), None)
    if form is None:
        return []
    assert form.method == "get"
    found = [value for tag, name, value in page.attributes if (tag, name) == ("input", "value")]
    labels = [value for tag, name, value in page.attributes if name == "aria-label"]
    assert any(one.startswith("Select ") for one in labels)
    return found if "event" in form.names else []


def test_boxes_lead_there_from_events_and_obligations(
    cast: Cast, visit: Enter, two: tuple[int, int]
) -> None:
    visitor = visit(cast.operator)
    for path in ("/events?from=2013-01-01", "/duty?quarter=2013-Q1"):
        assert {str(two[0])} <= {*boxes(visitor, path)}, path
        assert boxes(visit(cast.reader), path) == [], path
