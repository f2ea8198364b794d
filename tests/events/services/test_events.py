"""Reported events: taken in once, corrected and closed with history, wrong ones told by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Actor, Door, Writer
from app.core.rules.errors import Forbidden, Invalid, TooMuch
from app.core.services.changes import changes_of
from app.events.models.events import Event, EventSource
from app.events.rules.events import EventMessage, read_event
from app.events.services.events import EVENT, EventResult, EventsLeft, examine_events, report_events
from app.events.services.hand import correct_event, stated_of
from app.registry.models.registry import Link, SiteName
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.examples import up_to
from tests.harness.until import until

BY = Writer(SYSTEM, Door.COMMAND, NOON)
LINK = "CERN-GRIDKA-LHCOPN-001"
START, END = "2013-03-06T10:00:00Z", "2013-03-06T11:00:00Z"
DOWN: Mapping[str, str | None] = {
    "source": "probe",
    "source_id": "a",
    "link": LINK,
    "state": "down",
    "start": START,
    "end": END,
}


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def message(place: int = 0, **texts: str | None) -> EventMessage:
    return read_event(place, f"event {place}", texts)


def down(place: int = 0, **texts: str | None) -> EventMessage:
    return message(place, **{**DOWN, **texts})


def report(
    session: Session,
    *messages: EventMessage,
    by: Writer = BY,
    only_good: bool = False,
    keep_unresolved: bool = False,
) -> Mapping[EventResult, int]:
    with transaction(session):
        return report_events(
            session, by, messages, only_good=only_good, keep_unresolved=keep_unresolved
        ).counts


def told(session: Session, *messages: EventMessage, by: Writer = BY) -> list[str]:
    """What is said of wrong messages; nothing may be stored of any."""
    try:
        report(session, *messages, by=by)
    except EventsLeft as left:
        assert events(session) == []
        return [str(problem) for problem in left.problems]
    return []


def events(session: Session) -> Sequence[Event]:
    found = session.scalars(
        select(Event).order_by(Event.id).execution_options(populate_existing=True)
    ).all()
    session.rollback()
    return found


def history(session: Session, event: int = 1) -> list[list[tuple[str, str | None, str | None]]]:
    found = [
        [(item.field, item.old, item.new) for item in change.fields]
        for change in changes_of(session, EVENT, event)
    ]
    session.rollback()
    return found


def test_an_event_is_stored_with_its_source_and_one_change(session: Session, cast: Cast) -> None:
    assert report(session, down(layer="L2", detail="fibre cut")) == {EventResult.NEW: 1}
    (event,) = session.scalars(select(Event))
    link = session.scalars(select(Link).where(Link.name == LINK)).one()
    assert (event.id, event.source_key, event.link_id, event.site_id) == (1, "a", link.id, None)
    assert (event.state, event.layer, event.detail) == ("down", "L1/L2", "fibre cut")
    assert event.start == datetime(2013, 3, 6, 10, tzinfo=UTC)
    assert event.end == datetime(2013, 3, 6, 11, tzinfo=UTC)
    assert (event.version, event.created_at, event.link_text) == (1, NOON, "")
    source = session.scalars(select(EventSource)).one()
    assert (source.id, source.name, source.kind) == (event.source_id, "probe", "api")
    assert history(session) == [
        [
            ("source", None, "probe"),
            ("source_id", None, "a"),
            ("link", None, LINK),
            ("state", None, "down"),
            ("start", None, START),
            ("end", None, END),
            ("layer", None, "L1/L2"),
            ("detail", None, "fibre cut"),
        ]
    ]


def test_the_same_message_again_changes_nothing(session: Session, cast: Cast) -> None:
    report(session, down())
    log = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    assert report(session, down()) == {EventResult.SAME: 1}
    assert report(session, down(start="2013-03-06T11:00:00+01:00")) == {EventResult.SAME: 1}
    assert session.scalar(select(func.count()).select_from(Change)) == log


def test_a_later_message_closes_and_corrects_with_history(session: Session, cast: Cast) -> None:
    later = replace(BY, now=NOON + timedelta(minutes=1))
    report(session, down(end=None, detail="one"))
    assert events(session)[0].end is None
    closing = message(source="probe", source_id="a", end=END)
    assert report(session, closing, by=later) == {EventResult.CHANGED: 1}
    assert report(session, down(state="degraded"), by=later) == {EventResult.CHANGED: 1}
    (event,) = events(session)
    assert (event.state, event.detail, event.version) == ("degraded", "one", 3)
    assert (event.created_at, event.changed_at) == (NOON, later.now)
    assert history(session)[1:] == [[("end", None, END)], [("state", "down", "degraded")]]


def test_an_event_that_has_ended_is_opened_again_on_purpose_only(
    session: Session, cast: Cast
) -> None:
    report(session, down(detail="cut"))
    silent = {name: text for name, text in DOWN.items() if name != "end"}
    assert report(session, message(0, **silent)) == {EventResult.SAME: 1}
    assert report(session, replace(down(end=""), retold=True)) == {EventResult.SAME: 1}
    # what was sent before the end and comes late, whatever was known then
    late = down(end="", state="degraded", detail="flaps", start="2013-03-06T09:58:00Z")
    for one in (down(end=""), late, message(0, source="probe", source_id="a", end="")):
        assert report(session, one) == {EventResult.SAME: 1}
    (event,) = events(session)
    assert (event.end is None, event.state, event.detail, event.version) == (
        *(False, "down", "cut"),
        1,
    )
    with transaction(session):
        (outcome,) = report_events(session, BY, [late]).outcomes
    assert (outcome.event_id, *outcome.remarks) == (
        1,
        "reported as ongoing, but the event has ended and is not reopened",
    )
    # what nobody can have sent before the end is a correction
    assert report(session, down(start="2013-03-06T11:30:00Z", end="")) == {EventResult.CHANGED: 1}
    report(session, down())
    assert report(session, replace(down(end=""), reopens=True)) == {EventResult.CHANGED: 1}
    assert events(session)[0].end is None


def test_an_opening_and_a_closing_message_are_one_event_in_either_order(
    session: Session, cast: Cast
) -> None:
    opening, closing = down(end="", detail="no light"), down(detail="no light")
    for key, order in (("x", (opening, closing)), ("y", (closing, opening, closing, opening))):
        for one in order:
            report(session, replace(one, source_id=key))
    found = [(row.start, row.end, row.detail) for row in events(session)]
    assert found == [(datetime(2013, 3, 6, 10, tzinfo=UTC), NOON.replace(hour=11), "no light")] * 2


def test_sites_are_found_under_any_name_and_a_site_alone_is_enough(
    session: Session, cast: Cast
) -> None:
    report(session, down(link="", site="FZK-LCG2"), down(1, source_id="b", site="DE-KIT"))
    only_site, both = events(session)
    assert (only_site.link_id, only_site.site_id is not None) == (None, True)
    assert both.site_id == only_site.site_id


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [
        ({"start": "2013-03-06T10:00:00"}, "the zone is missing"),
        ({"start": "2013-03-06"}, "the time of day and the zone are missing"),
        ({"start": "2013-03-06T10:00:00,5Z"}, "after a point"),
        ({"start": "1362564300,5"}, "after a point"),
        ({"start": "2013-02-30T10:00:00Z"}, "does not exist"),
        ({"start": "2013-03-06T10:00:00+25:00"}, "this day, hour or zone does not exist"),
        ({"start": ""}, "ISO 8601"),
        ({"start": "2013-03-06T12:06:00Z", "end": ""}, "a time in the past"),
        ({"end": "2013-03-06T09:59:59Z"}, "no time before the event's start"),
        ({"end": "2013-03-06T12:05:01Z"}, "or empty"),
        ({"state": "up"}, "one of down, degraded, unmonitored"),
        ({"layer": "L4"}, "one of L1/L2, L3, performance, other, unknown"),
        ({"link": "", "site": ""}, "a link or a site"),
        ({"source": ""}, "a text of 1 to 50"),
        ({"source": "x" * 51}, "at most 50"),
        ({"source_id": "x" * 256}, "at most 255"),
        ({"detail": "\x00"}, "control character"),
        ({"link": "CERN-GRIDKA-LHCOPN-01"}, f"nearest: {LINK}"),
        ({"site": "DE_KIT"}, "nearest: DE-KIT"),
    ],
)
def test_wrong_messages_are_told_and_nothing_is_stored(
    session: Session, cast: Cast, texts: Mapping[str, str], wrong: str
) -> None:
    found = told(session, down(source_id="good"), down(7, **texts))
    assert len(found) == 1
    assert found[0].startswith(f"event 7, column {next(iter(texts))}")
    assert wrong in found[0]


def test_a_clock_may_be_five_minutes_ahead_and_an_event_may_take_no_time(
    session: Session, cast: Cast
) -> None:
    ahead = "2013-03-06T12:05:00Z"
    assert report(session, down(start=ahead, end=ahead)) == {EventResult.NEW: 1}


def test_the_good_ones_of_which_one_is_bad(session: Session, cast: Cast) -> None:
    many = [down(place, source_id=str(place)) for place in range(50)]
    many[20] = down(20, source_id="20", state="up")
    with pytest.raises(EventsLeft):
        report(session, *many)
    assert events(session) == []
    assert report(session, *many, only_good=True) == {EventResult.NEW: 49, EventResult.WRONG: 1}
    assert [event.id for event in events(session)] == list(range(1, 50))


def test_one_id_twice_in_a_call(session: Session, cast: Cast) -> None:
    twice = (down(0), down(1))
    other = down(2, end="2013-03-06T11:30:00Z")
    assert told(session, *twice, other) == [
        'event 2, column source_id, "a": an id only once; event 0 has different values for it'
    ]
    assert report(session, *twice) == {EventResult.NEW: 1, EventResult.SAME: 1}
    assert len(events(session)) == 1
    changed = (replace(other, place=0), other)
    assert report(session, *changed) == {EventResult.CHANGED: 1, EventResult.SAME: 1}
    assert events(session)[0].version == 2


def test_what_would_become_of_messages_is_what_becomes(session: Session, cast: Cast) -> None:
    report(session, down())
    some = (down(0), down(1, source_id="b"), down(2, source_id="c", state="up"))
    looked = examine_events(session, SYSTEM, NOON, some).counts
    session.rollback()
    assert looked == {EventResult.SAME: 1, EventResult.NEW: 1, EventResult.WRONG: 1}
    assert len(events(session)) == 1
    assert report(session, *some, only_good=True) == looked


def test_names_of_then_and_links_that_have_ended(session: Session, cast: Cast) -> None:
    with transaction(session):
        session.execute(update(Link).where(Link.name == LINK).values(valid_until=date(2013, 3, 6)))
        session.execute(
            update(SiteName).where(SiteName.name == "pic").values(valid_until=date(2013, 3, 6))
        )
    day_before = {"start": "2013-03-05T23:59:59Z", "end": "2013-03-06T02:00:00Z"}
    assert "ended on 2013-03-06" in told(session, down())[0]
    assert "ES-PIC had this name until 2013-03-06" in told(session, down(link="", site="pic"))[0]
    assert report(session, down(0, site="pic", **day_before)) == {EventResult.NEW: 1}


def test_unknown_names_are_kept_where_that_is_asked_for(session: Session, cast: Cast) -> None:
    unknown = down(link="CERN-NOWHERE-1", site="XX-NONE")
    with transaction(session):
        found = report_events(session, BY, [unknown], keep_unresolved=True)
    assert (found.counts, found.unresolved) == ({EventResult.NEW: 1}, 1)
    assert "unknown link CERN-NOWHERE-1" in found.outcomes[0].notes[0]
    (event,) = events(session)
    assert (event.link_id, event.link_text) == (None, "CERN-NOWHERE-1")
    assert (event.site_id, event.site_text) == (None, "XX-NONE")
    # what was kept once is no error when it comes again
    assert report(session, unknown) == {EventResult.SAME: 1}
    # and a message with the right name settles it
    assert report(session, down(site="DE-KIT")) == {EventResult.CHANGED: 1}
    assert events(session)[0].link_text == ""
    assert history(session)[1] == [
        ("link", "CERN-NOWHERE-1", LINK),
        ("site", "XX-NONE", "DE-KIT"),
    ]


def test_who_may_report(session: Session, cast: Cast) -> None:
    for actor in (cast.kit, cast.reader):
        with pytest.raises(Forbidden, match="Only operators"):
            report(session, down(), by=writer(actor))
        session.rollback()
        with pytest.raises(Forbidden, match="Only operators"):
            examine_events(session, actor, NOON, [down()])
        session.rollback()
    assert report(session, down(), by=writer(cast.operator)) == {EventResult.NEW: 1}


def test_a_partner_writes_its_own_sources_only(session: Session, cast: Cast) -> None:
    def by(actor: Actor) -> Writer:
        return writer(actor)

    assert report(session, down(), by=by(cast.nren_a)) == {EventResult.NEW: 1}
    with pytest.raises(EventsLeft, match="this source belongs to another"):
        report(session, down(state="degraded"), by=by(cast.nren_b))
    assert report(session, down(state="degraded"), by=by(cast.operator)) == {EventResult.CHANGED: 1}
    assert report(session, down(source="ops"), by=by(cast.operator)) == {EventResult.NEW: 1}
    with pytest.raises(EventsLeft, match="this source belongs to another"):
        report(session, down(source="ops", state="degraded"), by=by(cast.nren_a))


def test_no_more_than_ten_thousand_events_and_fifty_sources(session: Session, cast: Cast) -> None:
    with pytest.raises(TooMuch, match="at most 10000"):
        report(session, *[down()] * 10_001)
    with pytest.raises(TooMuch, match="at most 50"):
        report(session, *[down(source=f"s{number}") for number in range(51)])


def test_callers_with_the_same_ids_at_once_store_each_once(
    session: Session, cast: Cast, database: str
) -> None:
    session.close()
    together = Barrier(4)

    def call(number: int) -> Mapping[EventResult, int]:
        engine = open_engine(database)
        try:
            with Session(engine) as own:
                some = [
                    down(place, source=f"s{place % 3}", source_id=str(place)) for place in range(60)
                ]
                if number % 2:
                    some.reverse()
                together.wait()
                return report(own, *some)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        counts = [*pool.map(call, range(4))]
    assert sorted(count.get(EventResult.NEW, 0) for count in counts) == [0, 0, 0, 60]
    assert sum(count.get(EventResult.SAME, 0) for count in counts) == 180
    assert sorted(event.id for event in events(session)) == list(range(1, 61))
    logged = select(func.count()).select_from(Change).where(Change.kind == EVENT)
    assert session.scalar(logged) == 60


def test_a_person_and_a_source_that_correct_an_event_never_wait_for_each_other(
    session: Session, cast: Cast, database: str
) -> None:
    """Whoever reports has locked the source, and then locks the event."""
    if session.get_bind().dialect.name == "sqlite":
        return  # one writer at a time
    report(session, down(), by=BY)
    engine = open_engine(database)

    def correct() -> bool:
        with Session(engine) as own, transaction(own):
            stated = replace(stated_of(own, own.get_one(Event, 1)), detail="So I saw it")
            return correct_event(own, writer(cast.operator), 1, 1, stated)

    def waits() -> bool:
        with Session(engine) as own:
            return bool(own.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    with ThreadPoolExecutor(1) as pool, Session(engine) as source:
        with transaction(source):
            source.scalars(select(EventSource).with_for_update()).one()
            corrects = pool.submit(correct)
            until(waits)
            report_events(source, BY, [down(end="2013-03-06T11:30:00Z")])
        with pytest.raises(Invalid, match="was changed"):
            corrects.result(60)
    engine.dispose()
    assert [event.version for event in events(session)] == [2]


def test_ten_thousand_events_are_one_call(session: Session, cast: Cast) -> None:
    many = [down(place, source_id=str(place)) for place in range(10_000)]
    assert report(session, *many) == {EventResult.NEW: 10_000}
    assert report(session, *many) == {EventResult.SAME: 10_000}
    closed = [replace(one, detail="seen") for one in many]
    assert report(session, *closed) == {EventResult.CHANGED: 10_000}


@settings(
    max_examples=up_to(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_split_of_a_list_gives_the_same(
    session: Session, cast: Cast, data: st.DataObject
) -> None:
    """However messages of different ids are ordered and cut into calls, the rows are the same."""
    keys = data.draw(st.lists(st.integers(0, 20), unique=True, min_size=1, max_size=12))
    prefix = str(uuid4())  # examples follow each other in one database
    messages = [
        down(place, source_id=f"{prefix}/{key}", detail=str(key % 3))
        for place, key in enumerate(keys)
    ]
    order = data.draw(st.permutations(messages))
    cut = data.draw(st.integers(0, len(order)))
    for part in (order[:cut], order[cut:], order):
        report(session, *part)
    found = {
        event.source_key: (event.detail, event.version)
        for event in session.scalars(select(Event).where(Event.source_key.startswith(prefix)))
    }
    session.rollback()
    assert found == {f"{prefix}/{key}": (str(key % 3), 1) for key in keys}
