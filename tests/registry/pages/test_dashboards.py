"""Pages of links and sites as dashboards: now, the past, events, tickets, reports, and what to do.

Data is of the last days before now, so that nothing depends on the day on which the test runs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import html
from sqlalchemy import event as listening
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import Month, Quarter
from app.core.web.extensions import db
from app.registry.models.registry import Link
from app.registry.rules.registry import ContactValue
from app.registry.services.sites import change_site
from tests.cast import Cast, writer
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import recompute_all, report

PIC, BACKUP = "CERN-PIC-LHCOPN-001", "CERN-GRIDKA-LHCOPN-002"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OF_KIT, SITE = f"/links/{KIT}", "/sites/DE-KIT"

Happened = Callable[..., int]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def happened(session: Session, cast: Cast, now: datetime) -> Happened:
    """An event from so long ago until so long ago; None = ongoing."""

    def one(begun: timedelta, ended: timedelta | None, link: str = KIT, state: str = "down") -> int:
        start, end = (
            None if past is None else f"{now - past:%Y-%m-%d %H:%M}" for past in (begun, ended)
        )
        assert start is not None
        return report(session, cast, start, end, link=link, state=state, now=now)

    return one


@pytest.fixture
def backup(session: Session, cast: Cast) -> None:
    """DE-KIT's link has a backup."""
    with transaction(session):
        main = session.query(Link).filter_by(name=KIT).one()
        second = Link(name=BACKUP, network="LHCOPN", end_a=main.end_a, end_b=main.end_b)
        second.role, second.backs_up = "backup", main
        session.add(second)


def part(visitor: Visitor, path: str, heading: str, status: int = 200) -> str:
    """The words of the section under a heading, by its id."""
    answer = visitor.get(path)
    assert answer.status_code == status
    (found,) = html.fromstring(answer.text).xpath(f"//section[@aria-labelledby = '{heading}']")
    for absolute in found.xpath(".//span[@class = 'abs']"):  # what is printed
        absolute.text = ""
    for title in found.xpath(".//title"):
        title.text = ""
    return " ".join(" ".join(found.itertext()).split()).replace(" ,", ",")


def links_of(visitor: Visitor, path: str, word: str) -> list[str]:
    page = html.fromstring(visitor.get(path).text)
    return [a.get("href") for a in page.xpath("//a") if a.text_content().strip() == word]


@pytest.mark.usefixtures("backup")
def test_a_link_now_and_whether_its_backup_works(
    cast: Cast, visit: Enter, opened: Open, happened: Happened, now: datetime
) -> None:
    visitor = visit(cast.operator)
    assert part(visitor, OF_KIT, "h-state").startswith(
        "Now unmonitored No monitoring source has ever reported on this link"
    )
    number = happened(3 * HOUR, None)
    found = part(visitor, OF_KIT, "h-state")
    assert found.startswith(f"Now down, no ticket Event {number} since ")
    assert "Create ticket" in found
    assert f"{BACKUP} LHCOPN unmonitored : not known to work" in part(visitor, OF_KIT, "h-backups")
    happened(HOUR, None, BACKUP)
    assert "down, no ticket : does not work" in part(visitor, OF_KIT, "h-backups")
    assert f"Backs up {KIT} down, no ticket" in part(visitor, f"/links/{BACKUP}", "h-backups")
    ticket = opened(links=(KIT,), impact="outage", now=now)
    found = part(visitor, OF_KIT, "h-state")
    assert f"ticket #{ticket}" in found
    assert "Create ticket" not in found
    assert part(visitor, f"/links/{PIC}", "h-backups").endswith("No backup link is recorded.")


def test_90_days_of_a_link(cast: Cast, visit: Enter, happened: Happened, now: datetime) -> None:
    visitor = visit(cast.reader)
    assert "No monitoring data." in part(visitor, OF_KIT, "h-past")
    assert "Availability, 30 days no data" in part(visitor, OF_KIT, "h-past")
    noon = now.replace(hour=12, minute=0) - now
    happened(60 * DAY - noon, 60 * DAY - noon - 6 * HOUR)
    happened(10 * DAY - noon, 10 * DAY - noon - 3 * HOUR, state="degraded")
    found = part(visitor, OF_KIT, "h-past")
    assert "Down on 1 day, 6 h in total; degraded on 1 day." in found
    assert "Availability, 30 days 100 %" in found
    assert "2 days with events or maintenance" in found
    then = (now - 60 * DAY).date()
    assert f"{then}: down for 6 h" in found
    page = html.fromstring(visitor.get(OF_KIT).text)
    (strip,) = page.xpath("//section[@aria-labelledby = 'h-past']//svg[contains(@class, 'days')]")
    assert strip.get("role") == "img"
    assert strip.get("aria-label").startswith("90 days to ")
    assert "1 down, 1 degraded" in strip.get("aria-label")
    cells = strip.xpath("./path/title")
    assert len(cells) == 90
    assert cells[29].text == f"{then}: down for 6 h"
    (address,) = links_of(visitor, OF_KIT, f"{then}: down for 6 h")
    assert "6 h" in visitor.get(address).text


def test_a_link_that_nobody_watched_all_the_time_is_not_said_to_have_been_up(
    cast: Cast, session: Session, visit: Enter, happened: Happened, now: datetime
) -> None:
    happened(40 * DAY, 40 * DAY - HOUR, state="degraded")
    # of the 90 days the 50 before its first event were not monitored
    past = part(visit(cast.reader), OF_KIT, "h-past")
    assert "Not down while monitored; degraded on 1 day." in past


def test_was_it_down_in_a_month(
    cast: Cast, session: Session, visit: Enter, happened: Happened, now: datetime
) -> None:
    month = Month.of(now).after(-8)
    ago = now - month.begin - 9 * DAY
    happened(ago, ago - 2 * HOUR)
    recompute_all(session, now)
    visitor = visit(cast.reader)
    path = f"{OF_KIT}?month={month}"
    name = f"{month.begin:%B %Y}"
    found = part(visitor, path, "h-past")
    assert found.startswith(name)
    assert "Down on 1 day, 2 h in total." in found
    events = part(visitor, path, "h-events")
    assert events.startswith(f"Events in {name} All events of the month")
    assert "2 h" in events
    (address,) = links_of(visitor, path, "All events of the month")
    assert "1 detected event" in " ".join(
        html.fromstring(visitor.get(address).text).text_content().split()
    )
    (after,) = links_of(visitor, path, str(month.next))
    assert "Not down." in part(visitor, after, "h-past")
    assert part(visitor, after, "h-events").endswith("None.")
    (before,) = links_of(visitor, path, str(month.previous))
    assert "No monitoring data." in part(visitor, before, "h-past")
    # of the running month there is no next one
    assert not links_of(visitor, f"{OF_KIT}?month={Month.of(now)}", str(Month.of(now).next))
    assert name in part(visitor, f"{SITE}?month={month}", "h-past")


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("march", "Write a month as 2012-01"),
        ("2013-13", "Write a month as 2012-01"),
        ("<script>", "Write a month as 2012-01"),
        ("0001-01", "choose a month from 1900-01 up to that day"),
        ("9998-12", "No data for 9998-12 on "),
        ("2013-04&on=2013-03-31", "No data for 2013-04 on 2013-03-31"),
    ],
)
def test_a_month_that_is_none(cast: Cast, visit: Enter, asked: str, problem: str) -> None:
    found = part(visit(cast.reader), f"{OF_KIT}?month={asked}", "h-past", 422)
    assert problem in found
    assert "Last 90 days" in found


@pytest.mark.parametrize("on", ["1900-01-01", "2013-02-28"])
def test_any_past_day_has_a_page(cast: Cast, visit: Enter, on: str) -> None:
    for path in (OF_KIT, SITE):
        assert on in part(visit(cast.reader), f"{path}?on={on}", "h-past")


def test_last_events_with_their_tickets(
    cast: Cast, session: Session, visit: Enter, opened: Open, happened: Happened, now: datetime
) -> None:
    assert part(visit(cast.operator), OF_KIT, "h-events") == "Recent events None yet."
    happened(500 * DAY, 500 * DAY - 3 * HOUR)
    first = happened(3 * DAY, 3 * DAY - 3 * HOUR)
    second = happened(2 * DAY, 2 * DAY - 2 * HOUR, state="degraded")
    ticket = opened(
        links=(KIT,), event_start=now - 2 * DAY, event_end=now - 2 * DAY + HOUR, now=now
    )
    recompute_all(session, now)
    found = part(visit(cast.operator), OF_KIT, "h-events")
    assert f"2 h #{ticket} down" in found
    # of what is more than four quarters ago nobody is asked for a ticket
    assert found.count("Create ticket") == 1
    (address,) = links_of(visit(cast.operator), OF_KIT, "Create ticket")
    assert address == f"/tickets/new?event={first}"
    assert part(visit(cast.reader), OF_KIT, "h-events").count("none") == 2
    at_site = part(visit(cast.reader), SITE, "h-events")
    assert f"degraded {KIT} " in at_site
    assert links_of(visit(cast.reader), SITE, "degraded") == [f"/events/{second}"]


def test_planned_work_and_open_tickets(
    cast: Cast, visit: Enter, opened: Open, now: datetime
) -> None:
    visitor = visit(cast.reader)
    for path in (OF_KIT, SITE):
        assert (
            part(visitor, path, "h-tickets") == "Tickets 0 open · 0 no longer open No open tickets."
        )
    window = {"category": "maintenance", "links": (KIT,), "now": now}
    late = opened(title="Late", window_start=now + 9 * DAY, window_end=now + 10 * DAY, **window)
    soon = opened(title="Soon", window_start=now - HOUR, window_end=now + HOUR, **window)
    over = opened(title="Over", window_start=now - 9 * DAY, window_end=now - 8 * DAY, **window)
    other = opened(title="Incident", links=(KIT,), now=now)
    for path in (OF_KIT, SITE):
        found = part(visitor, path, "h-tickets")
        assert found.startswith("Tickets 4 open · 0 no longer open Planned work ")
        places = [
            found.index(f"{number} {title}")
            for number, title in (
                (soon, "Soon"),
                (late, "Late"),
                (other, "Incident"),
                (over, "Over"),
            )
        ]
        assert places == sorted(places), found
        assert places[1] < found.index("Other open tickets") < places[2]
    assert part(visitor, f"/links/{PIC}", "h-tickets").startswith("Tickets 0 open")


def test_new_tickets_begin_with_what_the_page_knows(
    cast: Cast, visit: Enter, happened: Happened
) -> None:
    visitor = visit(cast.operator)
    happened(3 * HOUR, None)
    (address,) = links_of(visitor, OF_KIT, "New ticket")
    form = visitor.read(address).form("/tickets/new")
    given = {
        name: form.values(name) for name in ("links", "sites", "network", "category", "impact")
    }
    assert given == {
        "links": [KIT],
        "sites": ["DE-KIT"],
        "network": ["LHCOPN"],
        "category": ["incident"],
        "impact": ["outage"],
    }
    (address,) = links_of(visitor, OF_KIT, "Announce maintenance")
    form = visitor.read(address).form("/tickets/new")
    assert (form.values("category"), form.values("links")) == (["maintenance"], [KIT])
    (address,) = links_of(visitor, SITE, "Announce maintenance")
    assert parse_qs(urlsplit(address).query) == {"category": ["maintenance"], "site": ["DE-KIT"]}
    form = visitor.read(address).form("/tickets/new")
    assert (form.values("sites"), form.values("network")) == (["DE-KIT"], [""])


def test_an_address_of_a_new_ticket_takes_only_what_the_registry_knows(
    cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    bad = (
        "/tickets/new?category=nonsense&link=%3Cscript%3E&link=NOWHERE&site=NOWHERE&network=LHCONE"
    )
    form = visitor.read(bad).form("/tickets/new")
    assert [form.values(name) for name in ("category", "links", "sites", "network")] == [
        ["incident"],
        [],
        [],
        [""],
    ]


def test_who_may_not_write_is_offered_nothing_to_write(
    cast: Cast, visit: Enter, happened: Happened
) -> None:
    happened(3 * HOUR, None)
    words = ("New ticket", "Announce maintenance", "Create ticket")
    for path in (OF_KIT, SITE):
        assert not [word for word in words if links_of(visit(cast.reader), path, word)]
        assert links_of(visit(cast.kit), path, "New ticket")
        # neither of a past day
        assert not [
            word for word in words if links_of(visit(cast.operator), f"{path}?on=2013-03-06", word)
        ]


def test_a_site_shows_its_links_with_their_past(
    cast: Cast, session: Session, visit: Enter, happened: Happened, now: datetime
) -> None:
    visitor = visit(cast.reader)
    assert part(visitor, SITE, "h-state").startswith("Links now 1 unmonitored T1 since 2009-02-01")
    assert "No monitoring data for its links." in part(visitor, SITE, "h-past")
    happened(2 * DAY, 2 * DAY - HOUR)
    happened(3 * HOUR, None, PIC)
    assert part(visitor, SITE, "h-state").startswith("Links now 1 ok ")
    cern = part(visitor, "/sites/CH-CERN", "h-state")
    assert cern.startswith("Links now 1 down 1 ok ")
    found = part(visitor, "/sites/CH-CERN", "h-links")
    assert f"{KIT} CH-CERN DE-KIT primary" in found
    past = part(visitor, "/sites/CH-CERN", "h-past")
    assert f"({PIC})" in past
    assert "(sum over all links)" in past
    with transaction(session):
        for link in session.query(Link):
            link.valid_until = now.date() - 200 * DAY
    found = part(visitor, SITE, "h-links")
    assert found.startswith("Links in use None")
    assert part(visitor, SITE, "h-state").startswith("Links now none in use")


def test_reports_of_this_and_the_last_quarter(cast: Cast, visit: Enter, now: datetime) -> None:
    this = Quarter.of(now)
    for who in (cast.kit, cast.reader):
        found = part(visit(who), SITE, "h-reports")
        assert found.startswith(f"Quarterly reports {this} not yet due {this.previous} missing")
    (address,) = links_of(visit(cast.kit), SITE, str(this.previous))
    assert visit(cast.kit).get(address).status_code in (200, 303)
    page = html.fromstring(visit(cast.reader).get("/sites/CH-CERN").text)
    assert not page.xpath("//section[@aria-labelledby = 'h-reports']")  # a T0 owes none
    page = html.fromstring(visit(cast.reader).get(OF_KIT).text)
    assert not page.xpath("//section[@aria-labelledby = 'h-reports']")


def test_contacts_of_both_ends(cast: Cast, session: Session, visit: Enter) -> None:
    with transaction(session):
        noc = ContactValue("network", "Sample NOC", "noc@kit.example", "+49 1")
        change_site(session, writer(cast.admin), "DE-KIT", {"contacts": (noc,)})
    said = "network: Sample NOC, noc@kit.example, +49 1"
    found = part(visit(cast.reader), OF_KIT, "h-contacts")
    assert found == f"Contacts at both ends CH-CERN None recorded. DE-KIT {said}"
    assert part(visit(cast.reader), SITE, "h-contacts") == f"Contacts {said}"


def test_the_record_is_folded_until_it_is_asked_for(cast: Cast, visit: Enter) -> None:
    def is_open(path: str) -> bool:
        page = html.fromstring(visit(cast.admin).get(path).text)
        (record,) = page.xpath("//details[contains(@class, 'registry-record')]")
        return record.get("open") is not None

    assert [is_open(path) for path in (OF_KIT, SITE)] == [False, False]
    assert is_open(f"{OF_KIT}?on=2013-03-06")
    assert is_open(f"{SITE}?on=nonsense")
    answer = visit(cast.admin).send(f"{OF_KIT}/retire", {"on": "", "why": ""})
    assert answer.status_code == 422
    (record,) = html.fromstring(answer.text).xpath("//details[contains(@class, 'registry-record')]")
    assert record.get("open") is not None


@pytest.mark.usefixtures("backup")
def test_few_statements(
    cast: Cast, session: Session, visit: Enter, opened: Open, happened: Happened, now: datetime
) -> None:
    """Neither page asks for each link, event or ticket anew."""
    for _ in range(3):
        opened(links=(KIT, PIC), now=now)
        happened(3 * DAY, 3 * DAY - 2 * HOUR)
    recompute_all(session, now)
    visitor = visit(cast.operator)

    def statements(path: str) -> int:
        asked: list[str] = []

        def note(*args: object) -> None:
            asked.append(str(args[2]))

        with visitor.client.application.app_context():
            engine = db.engine
        visitor.read(path)
        listening.listen(engine, "before_cursor_execute", note)
        visitor.read(path)
        listening.remove(engine, "before_cursor_execute", note)
        return len([one for one in asked if not one.startswith("BEGIN")])

    # a site's page looks its names up once, for its lists and its counts
    assert (statements(OF_KIT), statements(SITE)) == (12, 14)
