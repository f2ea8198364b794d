"""Before a ticket is solved its page says what monitoring still reports of its links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.tickets.services.lifecycle import change_ticket
from app.topology.services.link_states import still_reported_of
from tests.cast import Cast, writer
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK, report
from tests.tickets.pages.test_bulk import now_of, previewed, sent

BEGUN = timedelta(hours=3)


def test_it_warns_while_a_source_reports_the_link_down_and_forbids_nothing(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    now = datetime.now(UTC)
    number = opened(links=(LINK,), now=now - BEGUN)
    other = opened(links=("CERN-PIC-LHCOPN-001",), now=now)
    visitor, place = visit(cast.operator), f"/tickets/{number}"
    page = visitor.read(place)
    assert "Monitoring still reports" not in page.text
    form = next(one for one in page.forms if one.values("state") == ["solved"])
    assert form.values("event_end") == ["now"]
    begun = f"{now - BEGUN:%Y-%m-%d %H:%M}"
    event = report(session, cast, begun, None, now=now, source_id="one")
    page = visitor.read(place)
    assert f"Monitoring still reports {LINK} down since {begun} UTC" in page.text
    assert "(last report" in page.text
    assert f"/events/{event}" in [href for href, _ in page.links]
    assert "Monitoring still reports" not in visitor.read(f"/tickets/{other}").text
    form = next(one for one in page.forms if one.values("state") == ["solved"])
    assert form.values("event_end") == [""], "no end is proposed of what is not over"
    answer = visitor.send(form.action, {**form.data(), "solution": "Fibre spliced."})
    assert answer.status_code == 303, answer.text
    assert "Monitoring still reports" not in visitor.read(place).text, "it is solved"


def test_it_warns_of_what_is_reported_where_the_ticket_itself_says_worse(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    now = datetime.now(UTC)
    number = opened(links=(LINK,), impact="outage", now=now - BEGUN)
    begun = f"{now - BEGUN:%Y-%m-%d %H:%M}"
    event = report(session, cast, begun, None, state="degraded", now=now)
    page = visit(cast.operator).read(f"/tickets/{number}")
    assert f"Monitoring still reports {LINK} degraded since {begun} UTC" in page.text
    assert f"/events/{event}" in [href for href, _ in page.links]


def test_it_does_not_warn_when_the_event_is_over(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    now = datetime.now(UTC)
    number = opened(links=(LINK,), impact="outage", now=now - BEGUN)
    times = [f"{now - BEGUN * part:%Y-%m-%d %H:%M}" for part in (1, 0.5)]
    report(session, cast, times[0], times[1], now=now)
    # the state is down by the ticket itself
    assert "Monitoring still reports" not in visit(cast.operator).read(f"/tickets/{number}").text


def test_an_old_ticket_says_days_and_calls_the_state_of_its_link_the_one_now(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(links=(LINK,), now=datetime(2012, 3, 5, 9, 30, tzinfo=UTC))
    visitor, place = visit(cast.operator), f"/tickets/{number}"
    page = visitor.read(place)
    assert "2012-03-05" in page.text
    assert "years ago" not in page.text
    assert "now: unmonitored" not in page.text
    with transaction(session):
        wanted = {"state": "solved", "solution": "Done."}
        change_ticket(session, writer(cast.operator), number, wanted)
    assert "now: unmonitored" in visitor.read(place).text


def test_solving_several_warns_of_those_whose_links_are_still_reported(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    now = datetime.now(UTC)
    pic = "CERN-PIC-LHCOPN-001"
    down, other, both = (
        opened(title=title, links=links, now=now - BEGUN)
        for title, links in (("A", (LINK,)), ("B", (pic,)), ("C", (LINK, pic)))
    )
    closed = opened(title="D", links=(LINK,), now=now - BEGUN)
    for state in ("solved", "closed"):
        with transaction(session):
            wanted = {"state": state, "solution": "Done."}
            change_ticket(session, writer(cast.operator), closed, wanted)
    visitor, numbers = visit(cast.operator), (down, other, both, closed)
    solved = {"state": "solved", "solution": "Fibre spliced."}
    assert "Monitoring still reports" not in previewed(visitor, numbers, **solved).text
    begun = f"{now - BEGUN:%Y-%m-%d %H:%M}"
    reported = report(session, cast, begun, None, now=now, source_id="one")
    preview = previewed(visitor, numbers, **solved)
    assert "reports links down or degraded for 2 of the tickets to be solved" in preview.text
    sentence = f"Monitoring still reports {LINK} down since {begun} UTC"
    assert preview.text.count(sentence) == 2, "not of the one that is refused"
    assert [href for href, _ in preview.links].count(f"/events/{reported}") == 2
    assert "Monitoring still reports" not in previewed(visitor, numbers, state="on hold").text
    assert "Monitoring still reports" not in previewed(visitor, (other,), **solved).text
    # it forbids nothing
    sent(visitor, preview, agree="yes")
    assert [now_of(session, one).state for one in (down, other, both)] == ["solved"] * 3


def test_the_reports_of_many_tickets_take_as_many_statements_as_those_of_one(
    session: Session, cast: Cast, opened: Open
) -> None:
    now = datetime.now(UTC)
    report(session, cast, f"{now - BEGUN:%Y-%m-%d %H:%M}", None, now=now)
    numbers = [opened(links=(LINK,), now=now) for _ in range(6)]
    counted: list[object] = []

    def note(*args: object) -> None:
        counted.append(args[2])

    event.listen(session.get_bind(), "before_cursor_execute", note)
    counts = []
    for some in (numbers[:1], numbers):
        session.rollback()
        counted.clear()
        assert list(still_reported_of(session, some, now)) == some
        counts.append(len(counted))
    event.remove(session.get_bind(), "before_cursor_execute", note)
    assert 0 < counts[0] == counts[1]
    assert still_reported_of(session, (), now) == {}
