"""One truth about a link: every door says the same word at the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from lxml import html
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.services.events import report_events
from app.registry.models.registry import Link
from app.tickets.services.lifecycle import change_ticket
from tests.api.conftest import Calling
from tests.api.conftest import calling as calling  # the fixture
from tests.cast import Cast, writer
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import expect_rarely, recompute_all, report

HOUR = timedelta(hours=1)
STATE = "//span[contains(@class, 'state net-')]"


@dataclass(frozen=True)
class Doors:
    """Where the state of DE-KIT's link is shown."""

    visitor: Visitor
    calling: Calling
    ticket: int

    def words(self) -> Mapping[str, str]:
        """What each door says of it."""
        link = self.calling("registry").read(f"/api/v1/links/{KIT}")["state"]
        listed = self.calling("registry").read("/api/v1/links?q=GRIDKA")["items"][0]["state"]
        assert listed == link
        pages = {
            "map": ("/topology", f"//tr[.//a[text() = '{KIT}']]"),
            "link": (f"/links/{KIT}", "//p[@class = 'state-now']"),
            "links": ("/links", f"//tr[.//a[text() = '{KIT}']]"),
            "site": ("/sites/DE-KIT", "//section[@aria-labelledby = 'h-links']"),
            "home": ("/", f"//tr[.//a[text() = '{KIT}']]"),
            "ticket": (f"/tickets/{self.ticket}", "//section[@aria-labelledby = 'h-where']"),
        }
        return {
            **{door: self._page(path, at) for door, (path, at) in pages.items()},
            "REST": ", ".join(filter(None, (link["state"], link["evidence"]))),
        }

    def _page(self, path: str, at: str) -> str:
        answer = self.visitor.get(path)
        assert answer.status_code == 200, path
        page = html.fromstring(answer.text)
        if path == "/" and not page.xpath(at):  # home lists what is down or degraded only
            (title,) = page.xpath("//*[contains(@class, 'live-net')]//title[contains(., 'GRIDKA')]")
            return str(title.text).removeprefix(f"{KIT}: ")
        (found,) = page.xpath(at + STATE)
        return " ".join(found.text_content().split())


@pytest.fixture
def doors(session: Session, cast: Cast, visit: Enter, opened: Open, calling: Calling) -> Doors:
    number = opened(links=(KIT,))
    with transaction(session):
        wanted = {"state": "solved", "solution": "Done."}
        change_ticket(session, writer(cast.operator), number, wanted)
    return Doors(visit(cast.operator), calling, number)


def test_every_door_says_the_same_word(
    session: Session, cast: Cast, opened: Open, doors: Doors
) -> None:
    def said() -> str:
        found = doors.words()
        assert len({*found.values()}) == 1, found
        return found["map"]

    now = datetime.now(UTC)
    assert said() == "unmonitored"
    begun = f"{now - 3 * HOUR:%Y-%m-%d %H:%M}"
    report(session, cast, begun, None, now=now, source_id="one", state="degraded")
    assert said() == "degraded, no ticket"
    report(session, cast, begun, None, now=now, source_id="one")
    assert said() == "down, no ticket"
    opened(sites=("DE-KIT",), now=now)
    recompute_all(session, datetime.now(UTC))
    assert said() == "down, no ticket of the link"
    solved = opened(links=(KIT,), now=now)
    assert said() == "down"
    with transaction(session):
        wanted = {"state": "solved", "solution": "Done."}
        change_ticket(session, writer(cast.operator, now), solved, wanted)
    recompute_all(session, datetime.now(UTC))
    assert said() == "down, no open ticket"
    opened(links=(KIT,), layer="performance", impact="outage", now=now)
    assert said() == "down"
    window = {"window_start": now - HOUR, "window_end": now + HOUR}
    work = opened(links=(KIT,), category="maintenance", now=now, **window)
    assert said() == "maintenance, down"
    over = f"{now - 2 * HOUR:%Y-%m-%d %H:%M}"
    report(session, cast, begun, over, now=now, source_id="one")
    assert said() == "maintenance"
    with transaction(session):
        later = {"window_start": now + 24 * HOUR, "window_end": now + 25 * HOUR}
        change_ticket(session, writer(cast.operator, now), work, later)
    assert said() == "planned"
    with transaction(session):
        wanted = {"state": "unsolved", "solution": "Cancelled."}
        change_ticket(session, writer(cast.operator, now), work, wanted)
    assert said() == "ok"


def test_the_page_of_an_event_says_the_same_and_offers_a_ticket_when_there_is_none(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    now = datetime.now(UTC)
    number = report(session, cast, f"{now - 3 * HOUR:%Y-%m-%d %H:%M}", None, now=now)
    # work that is to come documents nothing that happens now
    window = {"window_start": now + 24 * HOUR, "window_end": now + 25 * HOUR}
    opened(links=(KIT,), category="maintenance", now=now, **window)
    visitor, write = visit(cast.kit), (f"/tickets/new?event={number}", "Create ticket")

    def said() -> tuple[str, bool]:
        page = visitor.read(f"/events/{number}")
        return page.text.partition("Link now: ")[2][:16].strip(), write in page.links

    assert said() == ("down, no ticket", True)
    assert ("Create ticket" in visit(cast.reader).read(f"/events/{number}").text) is False
    incident = opened(links=(KIT,), now=now)
    words, offers = said()
    assert (words.split(" ")[0], offers) == ("down", False)
    with transaction(session):
        wanted = {"state": "solved", "solution": "Not this one.", "event_end": now - 6 * HOUR}
        change_ticket(
            session, writer(cast.operator, now), incident, wanted | {"event_start": now - 7 * HOUR}
        )
    assert said() == ("down, no ticket", True)


def test_what_is_beside_the_state_and_why(
    session: Session, cast: Cast, opened: Open, doors: Doors, calling: Calling
) -> None:
    now = datetime.now(UTC)
    begun = (now - 3 * HOUR).replace(second=0, microsecond=0)
    event = report(session, cast, f"{begun:%Y-%m-%d %H:%M}", None, now=now)
    number = opened(links=(KIT,), layer="performance", now=now)
    opened(links=(KIT,), impact="none", now=now)
    newest = opened(links=(KIT,), category="informational", now=now)
    told = calling("registry").read(f"/api/v1/links/{KIT}")["state"]
    assert told == {
        "state": "down",
        "no_ticket": False,
        "evidence": "",
        "reason": "An event is ongoing",
        "monitored": True,
        "silence": "",
        "last_report": False,
        "since": f"{begun:%Y-%m-%dT%H:%M}:00Z",
        "until": None,
        "event": event,
        "tickets": [newest],
        "ticket_count": 1,
        "performance_tickets": 1,
        "no_impact_tickets": 1,
        "unknown_impact_tickets": 0,
    }
    beside = "1 performance ticket, 1 ticket with impact below “degraded”"
    for path in ("/topology", "/links", f"/links/{KIT}", "/sites/DE-KIT", f"/tickets/{number}"):
        assert beside in doors.visitor.read(path).text, path
    page = doors.visitor.read(f"/links/{KIT}")
    assert f"Event {event} since {begun:%Y-%m-%d %H:%M} UTC ; ticket #{newest}" in page.text


def test_where_people_act_a_ticket_of_the_site_and_a_solved_one_are_called_so(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    now = datetime.now(UTC)
    event = report(session, cast, f"{now - 3 * HOUR:%Y-%m-%d %H:%M}", None, now=now)
    of_site = opened(sites=("DE-KIT",), now=now)
    recompute_all(session, datetime.now(UTC))
    kit, reader = visit(cast.kit), visit(cast.reader)
    write = (f"/tickets/new?event={event}", "Create ticket")
    paths = ("/", "/topology", f"/links/{KIT}", f"/events/{event}")
    for path in paths:
        page = kit.read(path)
        assert f"#{of_site}, ticket of the site" in page.text.replace(" ,", ","), path
        assert write in page.links, path
        assert "Create ticket" not in reader.read(path).text, path
    number = opened(links=(KIT,), now=now)
    for path in paths:
        page = kit.read(path)
        assert f"#{number}" in page.text, path
        assert f"#{number}, " not in page.text.replace(" ,", ","), path
        assert write not in page.links, path
    with transaction(session):
        wanted = {"state": "solved", "solution": "Done."}
        change_ticket(session, writer(cast.operator, now), number, wanted)
    recompute_all(session, datetime.now(UTC))
    for path in paths:
        page = kit.read(path)
        assert f"#{number}, solved" in page.text.replace(" ,", ","), path
        assert write in page.links, path
        assert (f"/tickets/{number}#h-state", "Reopen") in page.links, path


def test_a_link_that_is_not_in_use_has_no_state(
    session: Session, cast: Cast, visit: Enter, opened: Open, calling: Calling
) -> None:
    opened(links=(KIT,), impact="outage", now=datetime.now(UTC))
    with transaction(session):
        link = session.query(Link).filter_by(name=KIT).one()
        link.valid_until = (datetime.now(UTC) - 24 * HOUR).date()
    assert calling("registry").read(f"/api/v1/links/{KIT}")["state"] is None
    visitor = visit(cast.operator)
    for path in (f"/links/{KIT}", "/links?show=all&q=GRIDKA", "/tickets/1"):
        found = html.fromstring(visitor.get(path).text).xpath("//main" + STATE)
        assert not found, path
    assert "Not in use" in visitor.read(f"/links/{KIT}").text


def test_the_page_of_a_link_as_of_a_day_shows_the_state_of_that_day(
    session: Session, cast: Cast, visit: Enter
) -> None:
    report(session, cast, "3 22:00", "5 02:00")
    expect_rarely(session)
    with transaction(session):  # it works until the 20th, and nobody heard of it since
        last = writer(cast.operator, datetime(2013, 3, 20, tzinfo=UTC))
        report_events(session, last, [], source="test")
    visitor = visit(cast.reader)
    for day, words in (
        ("2013-03-04", "down, no ticket"),
        ("2013-03-06", "ok"),
        ("2013-03-20", "unmonitored"),
    ):
        for path in (f"/links/{KIT}?on={day}", f"/sites/DE-KIT?on={day}"):
            found = html.fromstring(visitor.get(path).text).xpath("//main" + STATE)
            said = [" ".join(one.text_content().split()) for one in found]
            # a site begins with how many of its links are so
            assert said[-1] == words, path
            assert said[:-1] in ([], [f"1 {words.removesuffix(', no ticket')}"]), path
