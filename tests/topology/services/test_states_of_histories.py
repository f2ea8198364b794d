"""The state of links is that of a plain search through all rows, after any history, and is found
without reading what is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import String, and_, event, func, insert, literal, select, true, update
from sqlalchemy import cast as cast_to
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.models.events import Event, EventSource
from app.events.rules.hearing import Hearing, silence_in_words, silent_since
from app.events.services.hearing import HAND
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.rules.matching import How
from app.registry.models.registry import Link
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.tickets import OPEN_STATES, Category, Impact, Layer
from app.topology.rules.link_states import (
    AHEAD,
    HEARD,
    NEVER,
    LinkStatus,
    Monitoring,
    OngoingEvent,
    OpenTickets,
    WindowPhase,
    flapping_in_words,
    state_of_link,
)
from app.topology.services.link_states import link_states, ongoing_event
from tests.cast import NOON, enter
from tests.harness import postgres
from tests.harness.databases import KINDS, fresh_database, open_engine
from tests.harness.examples import up_to
from tests.matching.matching_world import LINK, report, ticket
from tests.matching.services.test_recompute import History

OTHER: Final = "CERN-PIC-LHCOPN-001"
DAY: Final = timedelta(days=1)


class Search:
    """All rows there are, and what is said of one link by looking at each of them."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.now = now
        self.tickets = {one.number: one for one in session.scalars(select(Ticket))}
        self.named = session.execute(select(TicketLink.link_id, TicketLink.ticket_number)).all()
        self.events = session.scalars(select(Event).where(Event.withdrawn_at.is_(None))).all()
        self.sources = session.scalars(select(EventSource).where(EventSource.kind != HAND)).all()
        self.detected = {one.id: one for one in session.scalars(select(DetectedEvent))}
        self.of_detected = {
            one.event_id: one.detected_id for one in session.scalars(select(EventOfDetected))
        }
        self.pairs = session.scalars(select(EventTicket)).all()

    def status(self, link: int) -> LinkStatus:
        """The state of one link."""
        hearings = {
            one.id: Hearing(one.name, timedelta(minutes=one.expected_minutes), one.last_heard_at)
            for one in self.sources
            if any(
                (row.link_id, row.source_id) == (link, one.id) and row.start <= self.now
                for row in self.events
            )
        }
        silent = {key for key, one in hearings.items() if one.is_silent(self.now)}
        monitoring = HEARD if hearings else NEVER
        if hearings and len(silent) == len(hearings):
            every = [*hearings.values()]
            words = silence_in_words(every, self.now)
            monitoring = Monitoring(is_reported=True, silence=words, since=silent_since(every))
        return state_of_link(
            [
                self.ongoing(
                    row,
                    hearings[row.source_id].words(self.now) if row.source_id in silent else "",
                )
                for row in self.events
                if row.link_id == link and row.end is None
            ],
            self.said(link),
            monitoring,
        )

    def ongoing(self, row: Event, silence: str = "") -> OngoingEvent:
        """An event with the ticket that says most."""
        detected = self.of_detected.get(row.id)
        beside = {one.ticket_number: one for one in self.pairs if one.detected_id == detected}
        documenting = sorted(
            (
                one
                for one in beside.values()
                if one.documents
                and (one.how == How.HAND or self.begun(self.tickets[one.ticket_number]) <= self.now)
            ),
            key=lambda one: (
                one.how == How.SITE,
                self.tickets[one.ticket_number].state not in OPEN_STATES,
                -one.ticket_number,
            ),
        )
        attending = [
            one.ticket_number
            for one in documenting
            if one.how != How.SITE and self.tickets[one.ticket_number].state in OPEN_STATES
        ]
        on_link = [
            one.number
            for one in self.open_on(row.link_id)
            if self.begun(one) <= self.now
            and (self.over(one) is None or row.start <= self.over(one))  # type: ignore[operator]
            and not (one.number in beside and not beside[one.number].documents)
        ]
        of_site = [one.ticket_number for one in documenting]
        number = next(iter([*attending[:1], *sorted(on_link)[-1:], *of_site]), None)
        whole = self.detected.get(detected) if detected is not None else None
        words = flapping_in_words(whole.beginnings, self.now - whole.start) if whole else ""
        return OngoingEvent(
            *(row.id, row.state, row.start, number),
            self.tickets[number].state if number else "",
            beside[number].how if number in beside else "",
            silence=silence,
            flapping=words,
            flapping_since=whole.start if whole and words else None,
        )

    def open_on(self, link: int | None) -> list[Ticket]:
        """The open tickets that name a link; no tests."""
        found = [self.tickets[number] for named, number in self.named if named == link]
        return [one for one in found if one.state in OPEN_STATES and one.category != Category.TEST]

    def begun(self, one: Ticket) -> datetime:
        """When what a ticket is about began."""
        return one.event_start or one.window_start or one.created_at

    def over(self, one: Ticket) -> datetime | None:
        """When it ended, as far as it says so."""
        return one.event_end or one.window_end

    def said(self, link: int) -> list[OpenTickets]:
        """What the open tickets of a link say, by what they say."""
        groups: dict[tuple[Any, ...], list[Ticket]] = defaultdict(list)
        asked = (Impact.OUTAGE, Impact.DEGRADED, Impact.UNKNOWN)
        for one in self.open_on(link):
            if one.category != Category.INCIDENT and one.window_start is None:
                continue
            phase = WindowPhase.NONE
            if one.window_start is not None and one.window_start <= self.now:
                if one.window_end is None or one.window_end > self.now:
                    phase = WindowPhase.RUNNING
            elif one.window_start is not None and one.window_start <= self.now + AHEAD:
                phase = WindowPhase.PLANNED
            layer = one.layer if one.layer == Layer.PERFORMANCE else ""
            groups[one.category, layer, one.impact if one.impact in asked else "", phase].append(
                one
            )
        found = []
        for (category, layer, impact, phase), some in groups.items():
            numbers = [one.number for one in some]
            ends = [one.window_end for one in some if one.window_end is not None]
            starts = [one.window_start for one in some if one.window_start is not None]
            near = phase != WindowPhase.NONE
            found.append(
                OpenTickets(
                    *(category, layer, impact, phase),
                    *(len(some), min(numbers), max(numbers)),
                    min(self.begun(one) for one in some),
                    min(starts) if near else None,
                    max(ends) if near and len(ends) == len(some) else None,
                )
            )
        return found


def _hear(story: History) -> None:
    """A source is heard, or a fault of it ends; an impact and a layer are known now."""
    dice = story.dice
    with transaction(story.session):
        for source in story.session.scalars(select(EventSource)):
            source.expected_minutes = dice.choice((15, 60, 24 * 60 * 60))
            source.last_heard_at = story.now - timedelta(minutes=dice.choice((0, 10, 70)))
        for number in story.session.scalars(select(Ticket.number)).all():
            if dice.random() < 0.5:
                story.session.execute(
                    update(Ticket)
                    .where(Ticket.number == number)
                    .values(
                        impact=dice.choice((*Impact,)).value, layer=dice.choice((*Layer,)).value
                    )
                )


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=up_to(5),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a seed is not made simpler by less
    suppress_health_check=[HealthCheck.too_slow],
)
def test_the_state_of_links_is_that_of_a_search_through_all_rows(kind: str, seed: int) -> None:
    if kind == "postgresql" and postgres.programs() is None:
        pytest.skip(f"needs {postgres.NEED}")
    with fresh_database(kind) as url:
        engine = open_engine(url)
        try:
            with Session(engine) as session:
                story = History(session, enter(session), seed)
                for place in range(30):
                    story.step()
                    if place % 10 == 9:
                        _hear(story)
                        _compare(session, story.now)
        finally:
            engine.dispose()


def _compare(session: Session, now: datetime) -> None:
    session.rollback()
    links = session.scalars(select(Link.id)).all()
    # an ongoing event began; a window is running, planned, over, and too far ahead
    for moment in (now, now + timedelta(minutes=20), now - timedelta(days=16), now - 19.5 * DAY):
        search = Search(session, moment)
        expected = {link: search.status(link) for link in links}
        assert dict(link_states(session, links, moment)) == expected
        for link in links:
            assert link_states(session, [link], moment) == {link: expected[link]}
        known = link_states(session, None, moment)
        assert {link: known[link] for link in known} == {
            link: one for link, one in expected.items() if link in known
        }
        assert {one.words for link, one in expected.items() if link not in known} <= {"unmonitored"}
        for row in search.events:
            if row.link_id is not None and row.end is None:
                assert ongoing_event(session, row.id, moment) == search.ongoing(row)


# --- what is read


def _add_over(session: Session, begin: int, end: int) -> None:
    """Closed tickets and ended events of these numbers, on each link that has any."""
    numbers = select(literal(begin).label("at")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.at + 1).where(numbers.c.at < end - 1))

    def copy(model: type[Any], which: Any, **values: Any) -> None:
        columns = {
            one.name: one for one in model.__table__.c if one.name != "id" or "id" in values
        } | values
        rows = select(*columns.values()).select_from(model).join(numbers, true()).where(which)
        session.execute(insert(model).from_select([*columns], rows))

    closed = select(Ticket.number).where(Ticket.state == "closed", Ticket.number < FIRST)
    number = Ticket.number * FIRST + numbers.c.at
    copy(Ticket, Ticket.number.in_(closed), number=number)
    number = TicketLink.ticket_number * FIRST + numbers.c.at
    copy(TicketLink, TicketLink.ticket_number.in_(closed), ticket_number=number)
    key = Event.id * FIRST + numbers.c.at
    copy(
        Event,
        and_(Event.end.is_not(None), Event.id < FIRST),
        id=key,
        source_key=literal("copy ").concat(cast_to(key, String)),
    )


FIRST: Final = 100_000
"""From here on are the numbers of copies."""


def rows_read(session: Session, ask: Callable[[], object]) -> int:
    """What a question costs where time does not count: the rows through which PostgreSQL's plans
    went, or the steps of SQLite's programs."""
    ask()
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        steps: list[None] = []
        driver = cast(Any, connection.connection.driver_connection)
        driver.set_progress_handler(lambda: steps.append(None), 1)
        ask()
        driver.set_progress_handler(None, 0)
        return len(steps)
    asked: list[tuple[str, Any]] = []

    def note(*given: Any) -> None:
        asked.append((given[2], given[3]))

    event.listen(connection, "before_cursor_execute", note)
    ask()
    event.remove(connection, "before_cursor_execute", note)
    total = 0
    for statement, values in asked:
        explained = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
        (plan,) = connection.exec_driver_sql(explained, values).scalar_one()
        total += _rows(plan["Plan"])
    return total


def _rows(node: Mapping[str, Any]) -> int:
    once = node["Actual Rows"] + sum(
        node.get(f"Rows Removed by {what}", 0)
        for what in ("Filter", "Join Filter", "Index Recheck")
    )
    return int(once * node["Actual Loops"]) + sum(map(_rows, node.get("Plans", ())))


def test_closed_tickets_and_ended_events_are_not_read(session: Session) -> None:
    people = enter(session)
    for link in (LINK, OTHER):
        report(session, people, "6 10:00", None, link=link)
        report(session, people, "5 10:00", "5 11:00", link=link)
        ticket(session, people, links=(link,), impact="outage")
        ticket(session, people, links=(link,), event_start="5 10:00", event_end="5 11:00")
    with transaction(session):
        over = {"state": "closed", "ended_at": NOON}
        session.execute(update(Ticket).where(Ticket.event_end.is_not(None)).values(**over))
    # nothing is matched: the tickets of the link are looked through for the events' own
    links = session.scalars(select(Link.id)).all()
    ongoing = session.scalars(select(Event.id).where(Event.end.is_(None))).all()
    questions: dict[str, Callable[[], object]] = {
        "all": lambda: link_states(session, links, NOON),
        "those in use": lambda: link_states(session, None, NOON),
        "one": lambda: link_states(session, links[:1], NOON),
        "an event": lambda: ongoing_event(session, ongoing[0], NOON),
    }
    found = []
    for begin, end in ((0, 1000), (1000, 3000)):
        with transaction(session):
            _add_over(session, begin, end)
        if session.get_bind().dialect.name == "postgresql":
            session.connection().exec_driver_sql("ANALYZE")
            session.commit()
        found.append({name: rows_read(session, one) for name, one in questions.items()})
    assert session.scalar(select(func.count()).select_from(Ticket)) == 4 + 2 * 3000
    assert {one.words for one in link_states(session, links, NOON).values()} == {"down"}
    few, many = found
    assert {name: many[name] - few[name] for name in many} == dict.fromkeys(many, 0)
