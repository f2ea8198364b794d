"""Hearing sources: who is heard by which call, what silence is written down, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event as listening
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.events.models.events import EventSource, SourceSilence
from app.events.rules.events import EventMessage
from app.events.services.events import EventsLeft, Heard, report_events
from app.events.services.hearing import hear_source, hear_sources, silences
from app.events.services.sources import set_source
from tests.cast import NOON, Cast, enter, writer

LINK = "CERN-GRIDKA-LHCOPN-001"
MINUTE = timedelta(minutes=1)
DOWN = EventMessage(
    *(0, "event 0", "probe", "1"),
    link=LINK,
    state="down",
    start=NOON - 60 * MINUTE,
    end=NOON - 50 * MINUTE,
)


@pytest.fixture
def cast(session: Session) -> Cast:
    """The cast, and a source that was heard at noon; it is expected every 15 minutes."""
    found = enter(session)
    with transaction(session):
        report_events(session, writer(found.operator), [DOWN])
        set_source(session, writer(found.admin), "probe", {}, expected_minutes=15)
    return found


def call(session: Session, cast: Cast, minutes: float) -> None:
    """An empty list, so many minutes after noon."""
    by = writer(cast.operator, NOON + minutes * MINUTE)
    with transaction(session):
        report_events(session, by, [], source="probe")


def heard_at(session: Session, name: str = "probe") -> datetime | None:
    session.rollback()
    found = session.scalar(select(EventSource.last_heard_at).where(EventSource.name == name))
    session.rollback()
    return found


def written(session: Session) -> list[tuple[float, float | None]]:
    """The silences that are written down, in minutes from noon."""
    session.rollback()
    rows = session.execute(
        select(SourceSilence.start, SourceSilence.end).order_by(SourceSilence.id)
    ).all()
    session.rollback()
    return [
        ((one.start - NOON) / MINUTE, None if one.end is None else (one.end - NOON) / MINUTE)
        for one in rows
    ]


def test_what_a_source_sends_is_being_heard(session: Session, cast: Cast) -> None:
    assert heard_at(session) == NOON
    by = writer(cast.operator, NOON + 5 * MINUTE)
    with transaction(session):
        report_events(session, by, [DOWN])  # nothing new
    assert heard_at(session) == NOON + 5 * MINUTE
    call(session, cast, 9)
    assert heard_at(session) == NOON + 9 * MINUTE


def test_a_gap_longer_than_the_interval_is_written_down_once(session: Session, cast: Cast) -> None:
    for minutes in (15, 30.5, 31, 31.1, 90):
        call(session, cast, minutes)
    # 6 s after it was heard it is not written again
    assert written(session) == [(15, 30.5), (31, 90)]


def test_being_heard_is_no_change_and_seldom_written(session: Session, cast: Cast) -> None:
    before = session.scalar(select(Change.id).order_by(Change.id.desc()))
    session.rollback()
    call(session, cast, 1)
    statements: list[str] = []
    engine = session.get_bind()
    listening.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    call(session, cast, 1.1)
    assert not [one for one in statements if one.startswith(("INSERT", "UPDATE"))]
    assert heard_at(session) == NOON + MINUTE
    call(session, cast, 1.2)
    assert heard_at(session) == NOON + 1.2 * MINUTE
    assert session.scalar(select(Change.id).order_by(Change.id.desc())) == before


def test_a_clock_that_was_ahead_does_not_let_a_source_be_heard_for_years(
    session: Session, cast: Cast
) -> None:
    call(session, cast, 525_600)  # a server whose clock was a year ahead
    call(session, cast, 5)
    assert heard_at(session) == NOON + 5 * MINUTE


def test_neither_a_person_nor_a_file_speaks_for_a_source_that_calls(
    session: Session, cast: Cast
) -> None:
    later = writer(cast.operator, NOON + 120 * MINUTE)
    message = replace(DOWN, start=NOON + 110 * MINUTE, end=None, is_open=True, source_id="2")
    with transaction(session):
        report_events(session, later, [message], kind="hand", heard=Heard.NOT)
        report_events(session, later, [replace(message, source_id="3")], heard=Heard.THEN)
    assert heard_at(session) == NOON
    call(session, cast, 125)
    assert written(session) == [(0, 125)]


def test_a_source_of_files_is_heard_when_its_file_speaks_of(session: Session, cast: Cast) -> None:
    old = replace(DOWN, source="old", start=NOON - 900 * MINUTE, end=NOON - 800 * MINUTE)
    with transaction(session):
        report_events(session, writer(cast.operator), [old], kind="file", heard=Heard.THEN)
    assert heard_at(session, "old") == NOON - 800 * MINUTE
    older = replace(old, source_id="4", start=NOON - 950 * MINUTE, end=NOON - 900 * MINUTE)
    with transaction(session):
        report_events(session, writer(cast.operator), [older], kind="file", heard=Heard.THEN)
    assert heard_at(session, "old") == NOON - 800 * MINUTE
    calls = session.scalar(select(EventSource.calls).where(EventSource.name == "old"))
    assert calls is False


def test_nobody_is_heard_for_another_partner(session: Session, cast: Cast) -> None:
    with transaction(session):
        partner = cast.nren_a.partner_id
        session.execute(update(EventSource).values(partner_id=partner))
    later = NOON + 60 * MINUTE
    stranger = writer(cast.nren_b, later)
    assert stranger.actor.partner_id != partner
    with transaction(session):
        hear_sources(session, stranger, ["probe"])
        reported = report_events(session, stranger, [DOWN], only_good=True)
    assert reported.problems
    assert heard_at(session) == NOON
    with transaction(session), pytest.raises(Forbidden):
        hear_source(session, stranger, "probe")
    with transaction(session):
        hear_sources(session, writer(cast.nren_a, later), ["probe", "no such source"])
    assert heard_at(session) == later


def test_only_a_known_source_is_heard_by_name(session: Session, cast: Cast) -> None:
    with transaction(session), pytest.raises(NotFound):
        hear_source(session, writer(cast.operator), "prob")
    with transaction(session), pytest.raises(Forbidden):
        hear_source(session, writer(cast.reader), "probe")
    with transaction(session):
        hear_source(session, writer(cast.operator, NOON + MINUTE), "probe")
    assert heard_at(session) == NOON + MINUTE


def test_what_is_refused_is_undone_with_its_hearing(session: Session, cast: Cast) -> None:
    """The door notes it once more, in what it commits."""
    wrong = replace(DOWN, link="NO-SUCH-LINK", source_id="9")
    by = writer(cast.operator, NOON + 5 * MINUTE)
    with pytest.raises(EventsLeft) as left, transaction(session):
        report_events(session, by, [wrong])
    assert left.value.reported.sources == ["probe"]
    assert heard_at(session) == NOON


@pytest.mark.parametrize("minutes", [0, -5, 44_641])
def test_an_interval_has_bounds(session: Session, cast: Cast, minutes: int) -> None:
    with transaction(session), pytest.raises(Invalid) as refused:
        set_source(session, writer(cast.admin), "probe", {}, expected_minutes=minutes)
    assert refused.value.field == "expected_minutes"


def test_an_interval_is_in_the_change_log(session: Session, cast: Cast) -> None:
    with transaction(session):
        source = set_source(session, writer(cast.admin), "probe", {}, expected_minutes=20)
        again = set_source(session, writer(cast.admin), "probe", {}, expected_minutes=20)
        assert (source.version, again.version) == (3, 3)
    newest = session.scalars(select(Change).order_by(Change.id.desc()).limit(1)).one()
    assert [(one.field, one.old, one.new) for one in newest.fields] == [
        ("expected_minutes", "15", "20")
    ]


def test_silences_are_read_as_they_are_known(session: Session, cast: Cast) -> None:
    for minutes in (10, 60, 70):
        call(session, cast, minutes)
    key = session.scalars(select(EventSource.id)).one()
    now = NOON + 200 * MINUTE
    spans = [(NOON + 10 * MINUTE, NOON + 60 * MINUTE), (NOON + 70 * MINUTE, now)]
    assert silences(session, NOON, now, now) == {key: spans}
    assert silences(session, NOON + 60 * MINUTE, now, now) == {key: spans[1:]}
    assert silences(session, NOON, NOON + 70 * MINUTE, now) == {key: spans[:1]}
    # of before this portal recorded it, nothing is known
    session.execute(update(EventSource).values(silence_from=NOON + 100 * MINUTE))
    assert silences(session, NOON + 61 * MINUTE, now, now) == {key: [(NOON + 100 * MINUTE, now)]}
    session.rollback()
