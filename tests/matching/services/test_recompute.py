"""Stored results equal a recomputation from nothing, whatever happened before in any order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from app.calendar.models.lhc import LhcPeriod
from app.calendar.services.lhc_calendar import add_period, change_period, remove_period, stated_of
from app.core.database.transactions import ShortTransactions, transaction
from app.core.rules.errors import PortalError
from app.duties.models.duties import (
    Duty,
    DutyForce,
    DutyRipening,
    DutyRuleVersion,
    DutySum,
    ServiceLoss,
)
from app.duties.rules.duties import Clause, ClauseKind, Lhc, Role, Rule, Scope
from app.duties.services.rules import compose_rule, put_in_force, retire, revise_rule, undo
from app.events.models.events import Event
from app.events.rules.events import EventMessage
from app.events.services.events import report_events
from app.events.services.withdrawal import restore_event, withdraw_event
from app.matching.models.matching import (
    DetectedEvent,
    EventOfDetected,
    EventTicket,
    HandMade,
    StaleMatching,
)
from app.matching.rules.matching import MAX_KEPT, MatchingRule
from app.matching.services import affected_links, matches, result_diff, stale_links
from app.matching.services.by_hand import link_by_hand, undo_decision, unlink_by_hand
from app.matching.services.recompute import bring_up_to_date, follow
from app.matching.services.rules import add_rule
from app.matching.services.stale_links import freshness
from app.registry.models.registry import Link, Site
from app.registry.services.links import change_link, create_link
from app.registry.services.sites import change_site
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import RelationRole
from app.tickets.services.lifecycle import change_ticket, open_ticket
from app.tickets.services.relations import relate_tickets, unrelate_tickets
from tests.cast import Cast, enter, writer
from tests.harness import postgres
from tests.harness.databases import KINDS, fresh_database, open_engine
from tests.harness.examples import up_to

BEGIN: Final = datetime(2013, 3, 20, tzinfo=UTC)
"""Quarters and summer time change within the time that these histories tell of."""
KEPT: Final[Mapping[Any, frozenset[str]]] = {
    DetectedEvent: frozenset({"computed_at", "seconds", "changes_at"}),
    EventOfDetected: frozenset(),
    EventTicket: frozenset(),
    ServiceLoss: frozenset(),
    Duty: frozenset({"amount"}),
    DutySum: frozenset(),
    DutyRipening: frozenset(),
}
"""What is kept, without what time alone changes."""
SITES: Final = ("CH-CERN", "DE-KIT", "ES-PIC")


class History:
    """A portal in which things happen at random, as one seed chooses."""

    def __init__(self, session: Session, cast: Cast, seed: int) -> None:
        self.session, self.cast, self.dice = session, cast, random.Random(seed)
        self.now = BEGIN + timedelta(days=20)
        self.log: list[str] = []
        self._keys = count(1)
        with transaction(session):
            for name, stated in (
                ("PIC-GRIDKA-LHCOPN-001", {"network": "LHCOPN", "end_a": "ES-PIC"}),
                ("CERN-GRIDKA-LHCONE-001", {"network": "LHCONE", "end_a": "CH-CERN"}),
            ):
                create_link(
                    session, writer(cast.admin), {"name": name, "end_b": "DE-KIT", **stated}
                )

    def step(self) -> None:
        """One thing that somebody does; what may not be is refused, and is no step."""
        self.now += timedelta(seconds=self.dice.choice((1, 60, 1800, 4000)))
        self.do(self.dice.choice(DEEDS))

    def do(self, deed: Callable[[History], None]) -> None:
        """Do it, as one transaction or as many."""
        self.log.append(deed.__name__)
        if deed is _follow:
            deed(self)
        else:
            with suppress(PortalError), transaction(self.session):
                deed(self)
        self.session.expire_all()

    def moment(self) -> datetime:
        """On a grid, so that things touch, miss each other by a second, or are off by hours."""
        hours = self.dice.randrange(12) + self.dice.choice((0, 0, 0, 24, 24 * 11 + 12))
        grid = self.dice.choice((0, 0, 5, 10, 30, 50, 60))
        if self.dice.random() < 0.3:  # about now: what has begun, and what is to come
            step = timedelta(minutes=self.dice.choice((-90, -60, -5, 0, 1, 30, 60, 90, 60 * 30)))
            return self.now + step + timedelta(seconds=self.dice.choice((0, 0, 1, -1)))
        return BEGIN + timedelta(hours=hours, minutes=grid, seconds=self.dice.choice((0, 0, 1, -1)))

    def span(self) -> tuple[datetime, datetime | None]:
        start = self.moment()
        minutes = self.dice.choice((0, 5, 20, 59, 60, 61, 180, None))
        return start, None if minutes is None else start + timedelta(minutes=minutes)

    def one(self, column: Any) -> Any:
        """Any value of a column, or None."""
        found = self.session.scalars(select(column).order_by(column)).all()
        return self.dice.choice(found) if found else None

    def link(self) -> str:
        return str(self.one(Link.name))

    def by(self) -> Any:
        return writer(self.cast.operator, self.now)

    def admin(self) -> Any:
        return writer(self.cast.admin, self.now)


def _report(story: History) -> None:
    start, end = story.span()
    key = story.dice.choice((str(next(story._keys)), "x", "y", "z"))
    where = story.dice.choice(("link",) * 6 + ("site", "unknown"))
    message = EventMessage(
        0,
        "event 0",
        story.dice.choice(("a", "b")),
        key,
        link=story.link() if where == "link" else "NOT-KNOWN" if where == "unknown" else None,
        site=story.one(Site.key) if where == "site" else None,
        state=story.dice.choice(("down", "down", "degraded", "unmonitored")),
        start=start,
        end=end,
        is_open=end is None,
    )
    report_events(story.session, story.by(), [message], keep_unresolved=True)


def _withdraw(story: History) -> None:
    if (event := story.one(Event.id)) is not None:
        verb = story.dice.choice((withdraw_event, restore_event))
        verb(story.session, story.by(), event, "It never was")


def _times(story: History) -> dict[str, Any]:
    start, end = story.span()
    return {
        **dict.fromkeys(("event_start", "event_end", "window_start", "window_end")),
        **story.dice.choice(
            (
                {"event_start": start, "event_end": end},
                {"window_start": start, "window_end": end},
                {"event_start": start},
                {"event_end": end},
                {},
            )
        ),
    }


def _where(story: History) -> dict[str, Any]:
    return story.dice.choice(
        (
            {"links": (story.link(),), "sites": ()},
            {"links": (story.link(), story.link()), "sites": (story.one(Site.key),)},
            {"links": (), "sites": (story.one(Site.key),)},
            {"links": (), "sites": ()},
        )
    )


def _open(story: History) -> None:
    category = story.dice.choice(("incident", "incident", "maintenance", "test"))
    new = NewTicket("Something", category=category, **_times(story), **_where(story))
    open_ticket(story.session, story.by(), new)


def _change(story: History) -> None:
    if (number := story.one(Ticket.number)) is None:
        return
    wanted: dict[str, Any] = story.dice.choice(
        (
            _times(story),
            _where(story),
            {"category": story.dice.choice(("incident", "maintenance", "test"))},
            {"state": story.dice.choice(("solved", "unsolved", "reopened", "in progress"))},
            {"state": "solved"},
            {"responsible_site": story.one(Site.key)},
            {"public_comment": "Nothing new"},
        )
    )
    change_ticket(story.session, story.by(), number, {"solution": "Done", **wanted})


def _bind(story: History) -> None:
    number, other = story.one(Ticket.number), story.one(Ticket.number)
    if number is not None:
        relate_tickets(story.session, story.by(), number, RelationRole.DUPLICATE_OF, other)


def _part(story: History) -> None:
    bonds = story.session.execute(
        select(TicketRelation.ticket_number, TicketRelation.other_number).order_by(
            TicketRelation.ticket_number
        )
    ).all()
    if bonds:
        number, other = story.dice.choice(bonds)
        unrelate_tickets(story.session, story.by(), number, RelationRole.DUPLICATE_OF, other)


def _decide(story: History) -> None:
    event, number = story.one(Event.id), story.one(Ticket.number)
    if event is None or number is None:
        return
    verb: Callable[..., None] = story.dice.choice((link_by_hand, link_by_hand, unlink_by_hand))
    verb(story.session, story.by(), event, number, "As I know")


def _undecide(story: History) -> None:
    rows = story.session.execute(
        select(HandMade.event_id, HandMade.ticket_number).order_by(*HandMade.__table__.primary_key)
    ).all()
    if rows:
        undo_decision(story.session, story.by(), *story.dice.choice(rows))


def _day(story: History) -> date | None:
    return story.dice.choice((None, date(2013, 3, 20), date(2013, 3, 21), date(2013, 4, 1)))


def _alter_link(story: History) -> None:
    stated: dict[str, Any] = story.dice.choice(
        (
            {"valid_from": _day(story)},
            {"valid_until": _day(story)},
            {"name": f"L-{next(story._keys)}"},
            {"end_b": story.one(Site.key)},
            {"role": "backup", "backs_up": story.link()},
            {"role": "primary", "backs_up": ""},
            {"responsible_site": story.dice.choice(("", story.one(Site.key)))},
            {"network": story.dice.choice(("LHCOPN", "LHCONE"))},
        )
    )
    change_link(story.session, story.admin(), story.link(), stated)


def _alter_site(story: History) -> None:
    stated: dict[str, Any] = story.dice.choice(
        (
            {"tier": story.dice.choice((0, 1, 1, None)), "tier_since": None, "tier_until": None},
            {"tier_since": _day(story)},
            {"tier_until": _day(story)},
            {"time_zone": story.dice.choice(("Asia/Kolkata", "Europe/Berlin", "UTC"))},
        )
    )
    change_site(story.session, story.admin(), story.one(Site.key), stated)


def _rule_of_matching(story: History) -> None:
    if story.dice.random() < 0.8:
        return  # there is a later one each time
    gap, minimal, tolerance = (story.dice.choice((0, 5, 10, 60)) for _ in range(3))
    rule = MatchingRule(
        0,
        BEGIN + timedelta(hours=story.dice.randrange(48)),
        timedelta(minutes=gap),
        timedelta(minutes=max(1, minimal)),
        timedelta(minutes=tolerance),
    )
    add_rule(story.session, story.admin(), rule, "We know better")


def _calendar(story: History) -> None:
    key = story.one(LhcPeriod.id)
    days = sorted(story.dice.choice((20, 21, 22, 31)) for _ in range(2))
    stated = {
        "name": f"Season {next(story._keys)}",
        "kind": story.dice.choice(("physics", "ions", "stop")),
        "begin": f"2013-03-{days[0]}",
        "begin_standing": "sample",
        "end": f"2013-03-{days[1]}",
        "end_standing": "sample",
    }
    if key is None or story.dice.random() < 0.4:
        add_period(story.session, story.admin(), stated)
    elif story.dice.random() < 0.5:
        remove_period(story.session, story.admin(), key, "It was none")
    else:
        row = story.session.get_one(LhcPeriod, key)
        stated = {**stated_of(row).texts(), "end": stated["end"]}
        change_period(story.session, story.admin(), key, stated, seen_version=row.version)


def _rules_of_duty(story: History) -> None:
    session, by = story.session, story.admin()
    what = story.dice.randrange(5)
    version, force = story.one(DutyRuleVersion.id), story.one(DutyForce.id)
    rule = Rule(
        (
            Clause(
                story.dice.choice((ClauseKind.ANY, ClauseKind.DOWN, ClauseKind.DEGRADED)),
                story.dice.choice(tuple(Scope)),
                story.dice.choice((0, 60, 180)),
                role=story.dice.choice(tuple(Role)),
                lhc=story.dice.choice(tuple(Lhc)),
                maintenance=story.dice.random() < 0.5,
            ),
            Clause(ClauseKind.LOSS, Scope.T1, story.dice.choice((0, 60, 60 * 24 * 20))),
        ),
        story.dice.choice((1, 24)),
    )
    if what == 0:
        compose_rule(session, by, f"Rule {next(story._keys)}", "", rule)
    elif what == 1:
        of = session.get_one(DutyRuleVersion, version).rule_id
        revise_rule(session, by, of, rule)
    elif what == 2:
        put_in_force(session, by, version, story.moment(), "So be it")
    elif what == 3 and force is not None:
        retire(session, by, force, story.moment(), "Enough")
    elif force is not None:
        undo(session, by, force)


def _wait(story: History) -> None:
    story.now += timedelta(minutes=story.dice.choice((1, 29, 30, 60, 60 * 30)))


def _work_in(story: History) -> None:
    bring_up_to_date(story.session, story.now, most=story.dice.choice((0, 1, 2, 20)))


def _follow(story: History) -> None:
    """A worker that dies after some of its transactions; others do things between what it reads and
    what it writes."""
    left = iter(range(story.dice.choice((0, 1, 2, 3, 5, 8, 100))))

    def is_ending() -> bool:
        if story.dice.random() < 0.3:
            story.do(story.dice.choice([deed for deed in DEEDS if deed is not _follow]))
        return next(left, None) is None

    follow(ShortTransactions(story.session), lambda: story.now, is_ending=is_ending)


DEEDS: Final[tuple[Callable[[History], None], ...]] = (
    *(_report,) * 6,
    *(_open,) * 4,
    *(_change,) * 4,
    *(_work_in, _follow) * 3,
    *(_bind, _part, _decide, _undecide) * 2,
    *(
        _withdraw,
        _alter_link,
        _alter_site,
        _rule_of_matching,
        _calendar,
        _rules_of_duty,
        _wait,
        _wait,
    ),
)


def kept(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """All kept results, in order; without what time alone changes."""
    session.rollback()
    session.expire_all()
    found: dict[str, list[tuple[Any, ...]]] = {}
    for model, passing in KEPT.items():
        columns = [one for one in model.__table__.c if one.name not in passing]
        rows = session.execute(select(*columns)).all()
        found[model.__tablename__] = sorted((tuple(row) for row in rows), key=repr)
    return found


def changes_at(session: Session) -> dict[int, datetime]:
    """When time alone changes each detected event next."""
    never = datetime.max.replace(tzinfo=UTC)
    rows = session.execute(select(DetectedEvent.id, DetectedEvent.changes_at))
    return {event: moment or never for event, moment in rows}


def brought_up(session: Session, now: datetime) -> None:
    """All is included, as a worker does it."""
    follow(ShortTransactions(session), lambda: now)
    assert freshness(session).is_fresh


def recomputed_from_nothing(session: Session, now: datetime) -> dict[str, list[tuple[Any, ...]]]:
    """The same results where nothing was kept."""
    with transaction(session):
        kept_models: list[Any] = [*reversed(KEPT), StaleMatching]
        for model in kept_models:
            session.execute(delete(model))
        bring_up_to_date(session, now, most=0, everything=True)
    fresh = False
    while not fresh:
        with transaction(session):
            fresh = bring_up_to_date(session, now, most=2).is_fresh
    return kept(session)


def told(seed: int, steps: int, engine: Engine) -> None:
    """One history; compared on its way, and at its end."""
    with Session(engine) as session:
        story = History(session, enter(session), seed)
        for place in range(steps):
            story.step()
            if place % 10 == 9 or place == steps - 1:
                brought_up(session, story.now)
                compared(session, story)


def compared(session: Session, story: History) -> None:
    """What is kept is what would be computed from nothing now."""
    followed, due = kept(session), changes_at(session)
    anew = recomputed_from_nothing(session, story.now)
    for table, rows in anew.items():
        old, new = set(followed[table]), set(rows)
        assert old == new, (table, old - new, new - old, story.log[-10:])
    # a ticket that went elsewhere may have left an earlier time, never a later one
    for event, moment in changes_at(session).items():
        assert due[event] <= moment, (event, story.log[-10:])


def _fail(story: History) -> None:
    """A link goes down and stays so, or came back a moment ago."""
    begun = timedelta(minutes=story.dice.choice((1, 30, 59, 200)))
    over = story.dice.choice((None, None, None, timedelta(minutes=story.dice.choice((0, 5, 29)))))
    message = EventMessage(
        *(0, "event 0", "a", str(next(story._keys))),
        link=story.link(),
        state=story.dice.choice(("down", "degraded")),
        start=story.now - begun,
        end=None if over is None else story.now - min(over, begun),
        is_open=over is None,
    )
    report_events(story.session, story.by(), [message], keep_unresolved=True)


def _plan(story: History) -> None:
    """A ticket whose times lie about now."""
    start = story.now + timedelta(minutes=story.dice.choice((-30, 0, 20, 45, 60, 90, 200)))
    end = start + timedelta(minutes=story.dice.choice((0, 15, 60, 90)))
    kind = story.dice.choice(("event", "window"))
    times: dict[str, Any] = {f"{kind}_start": start, f"{kind}_end": end}
    if story.dice.random() < 0.3:
        del times[f"{kind}_end"]
    category = story.dice.choice(("incident", "maintenance"))
    new = NewTicket("Something", category=category, **times, **_where(story))
    open_ticket(story.session, story.by(), new)


def time_passed(seed: int, engine: Engine) -> None:
    """A few things are done, and then only time passes; compared after each step of it."""
    with Session(engine) as session:
        story = History(session, enter(session), seed)
        for deed in (_fail, _plan, *story.dice.choices((_fail, _plan), k=5)):
            with transaction(session):
                deed(story)
        brought_up(session, story.now)
        for _ in range(5):
            story.now += timedelta(minutes=story.dice.choice((1, 15, 20, 45, 60)))
            brought_up(session, story.now)
            compared(session, story)


def tickets_changed(seed: int, engine: Engine) -> None:
    """Events are matched, and then only tickets change; compared each time."""
    with Session(engine) as session:
        story = History(session, enter(session), seed)
        for deed in (*(_report,) * 6, _fail, _fail, *(_open,) * 5):
            story.do(deed)
        story.do(_rules_of_duty)
        brought_up(session, story.now)
        for _ in range(8):
            story.now += timedelta(seconds=story.dice.choice((1, 60, 1800)))
            for change in story.dice.choices(OF_TICKETS, k=story.dice.choice((1, 1, 2, 3))):
                story.do(change)
            brought_up(session, story.now)
            compared(session, story)


OF_TICKETS: Final[tuple[Callable[[History], None], ...]] = (
    *(_open, _plan, _change, _change) * 2,
    *(_bind, _part),
)


@contextmanager
def bounds(kept: int, changes: int, written: int) -> Iterator[None]:
    """So few tickets of a kind are kept, so few changes are included together, and so few rows are
    written together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "MAX_KEPT", kept)
        patch.setattr(stale_links, "MAX_CHANGES", changes)
        patch.setattr(result_diff, "MAX_ROWS", written)
        yield


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 2**32),
    most=st.sampled_from((1, 2, MAX_KEPT)),
    changes=st.sampled_from((3, stale_links.MAX_CHANGES)),
    written=st.sampled_from((1, 4, result_diff.MAX_ROWS)),
)
@settings(
    max_examples=up_to(5),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a seed is not made simpler by less
    suppress_health_check=[HealthCheck.too_slow],
)
def test_what_is_kept_is_what_would_be_reckoned_from_nothing(
    kind: str, seed: int, most: int, changes: int, written: int
) -> None:
    if kind == "postgresql" and postgres.programs() is None:
        pytest.skip(f"needs {postgres.NEED}")
    with fresh_database(kind) as url:
        engine = open_engine(url)
        try:
            with bounds(most, changes, written):
                told(seed, 30, engine)
        finally:
            engine.dispose()


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), most=st.sampled_from((1, MAX_KEPT)))
@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
def test_what_time_alone_changes_is_followed(kind: str, seed: int, most: int) -> None:
    if kind == "postgresql" and postgres.programs() is None:
        pytest.skip(f"needs {postgres.NEED}")
    with fresh_database(kind) as url:
        engine = open_engine(url)
        try:
            with bounds(most, stale_links.MAX_CHANGES, result_diff.MAX_ROWS):
                time_passed(seed, engine)
        finally:
            engine.dispose()


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 2**32),
    most=st.sampled_from((1, 2, MAX_KEPT)),
    tickets=st.sampled_from((1, affected_links.MAX_TICKETS)),
    events=st.sampled_from((1, affected_links.MAX_EVENTS)),
)
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
def test_what_changed_tickets_touch_is_what_would_be_reckoned_from_nothing(
    kind: str, seed: int, most: int, tickets: int, events: int
) -> None:
    if kind == "postgresql" and postgres.programs() is None:
        pytest.skip(f"needs {postgres.NEED}")
    with fresh_database(kind) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(affected_links, "MAX_TICKETS", tickets)
        patch.setattr(affected_links, "MAX_EVENTS", events)
        engine = open_engine(url)
        try:
            with bounds(most, stale_links.MAX_CHANGES, result_diff.MAX_ROWS):
                tickets_changed(seed, engine)
        finally:
            engine.dispose()
