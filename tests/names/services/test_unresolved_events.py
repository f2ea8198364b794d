"""Events of unknown links and sites: listed with tickets', settled once, and matching is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.core.services.changes import changes_of
from app.events.models.events import Event
from app.events.rules.events import read_event
from app.events.services.events import EVENT, report_events
from app.names.services.event_name_decisions import follow_events, release_events
from app.names.services.name_decisions import Followed, dismiss_name, make_alias, take_back
from app.names.services.unresolved import (
    NameKind,
    count_unresolved,
    counts_by_kind,
    unresolved_name,
    unresolved_names,
)
from app.registry.models.registry import Link, Site
from app.registry.services.links import create_link
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine

LINK, SITE = NameKind.LINK, NameKind.SITE
KIT = "CERN-GRIDKA-LHCOPN-001"
SLIP = "cern-grdka-lhcopn-001"
START, END = "2013-03-06T10:00:00Z", "2013-03-06T11:00:00Z"
BY = Writer(SYSTEM, Door.COMMAND, NOON)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def report(session: Session, key: str, source: str = "probe", **texts: str) -> None:
    given = {"source": source, "source_id": key, "state": "down", "start": START, "end": END}
    with transaction(session):
        message = read_event(0, "event 0", {**given, **texts})
        report_events(session, BY, [message], keep_unresolved=True)


def of(session: Session, key: str) -> Event:
    session.rollback()
    session.expire_all()
    return session.scalars(select(Event).where(Event.source_key == key)).one()


def do(session: Session, verb: Any, *args: Any, **more: Any) -> Any:
    session.rollback()
    with transaction(session):
        return verb(session, *args, **more)


def named(session: Session, name: str) -> tuple[int | None, int]:
    """Key of that link, and of that site."""
    session.rollback()
    return (
        session.scalar(select(Link.id).where(Link.name == name)),
        session.scalar(select(Site.id).where(Site.key == name)) or 0,
    )


def test_names_are_listed_with_those_of_tickets(session: Session, cast: Cast) -> None:
    for number in range(3):
        report(session, str(number), link=SLIP)
    report(session, "4", source="other", link=SLIP.upper(), site="XX")
    with transaction(session):
        title = f"{SLIP.upper()} is down"
        number = open_ticket(session, writer(cast.operator), NewTicket(title=title)).number
    found = unresolved_names(session, cast.admin, LINK)
    assert [(item.name, item.count, item.events) for item in found.names] == [
        (SLIP, 0, 3),
        (SLIP.upper(), 1, 1),
    ]
    first, second = found.names
    assert (first.newest, first.newest_event, first.writers) == (0, 3, [("probe", 3)])
    assert (second.newest, second.newest_event) == (number, 4)
    assert second.writers == [("operator", 1), ("other", 1)]
    assert first.near[0].key == KIT
    assert count_unresolved(session, cast.admin) == 3
    assert counts_by_kind(session, cast.admin)[SITE] == 1


def test_events_follow_an_alias_and_go_back(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    for number in range(3):
        report(session, str(number), link=SLIP)
    do(session, make_alias, by, LINK, SLIP, KIT)
    assert unresolved_name(session, cast.admin, LINK, SLIP).means == KIT
    assert do(session, follow_events, by, LINK, SLIP, 2) == Followed(2, 1)
    assert do(session, follow_events, by, LINK, SLIP) == Followed(1, 0)
    link, _ = named(session, KIT)
    event = of(session, "0")
    assert (event.link_id, event.link_text, event.version) == (link, SLIP, 2)
    change = changes_of(session, EVENT, event.id)[-1]
    assert (change.actor_account, change.version) == ("admin", 2)
    assert [(item.field, item.old, item.new) for item in change.fields] == [
        ("link", f"{SLIP} (not known)", KIT)
    ]
    session.rollback()
    with pytest.raises(NotFound):
        unresolved_name(session, cast.admin, LINK, SLIP)
    # what its source says of it later, and what comes under that name from now on, is known
    report(session, "0", link=SLIP, detail="more")
    report(session, "9", link=SLIP)
    assert (of(session, "0").link_id, of(session, "9").link_id) == (link, link)

    do(session, take_back, by, LINK, SLIP)
    assert do(session, release_events, by, LINK, SLIP) == Followed(3, 0)
    event = of(session, "0")
    assert (event.link_id, event.link_text, event.version) == (None, SLIP, 4)


def test_sites_follow_by_the_events_own_day(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    report(session, "a", link="", site="OLD-KIT")
    do(session, make_alias, by, SITE, "OLD-KIT", "DE-KIT")
    assert do(session, follow_events, by, SITE, "OLD-KIT") == Followed(1, 0)
    _, kit = named(session, "DE-KIT")
    assert of(session, "a").site_id == kit
    do(session, take_back, by, SITE, "OLD-KIT")
    assert do(session, release_events, by, SITE, "OLD-KIT") == Followed(1, 0)
    assert of(session, "a").site_id is None


def test_a_link_of_its_own_is_followed_too(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    report(session, "a", link="CERN-NEW-LHCOPN-001")
    ends = {"end_a": "CH-CERN", "end_b": "ES-PIC"}
    values = {"name": "CERN-NEW-LHCOPN-001", "network": "LHCOPN", **ends}
    do(session, create_link, by, values)
    found = unresolved_name(session, cast.admin, LINK, "CERN-NEW-LHCOPN-001")
    assert found.means == "CERN-NEW-LHCOPN-001"
    assert do(session, follow_events, by, LINK, found.name) == Followed(1, 0)
    link, _ = named(session, found.name)
    assert of(session, "a").link_id == link


def test_dismissed_names_and_withdrawn_events_are_not_listed(session: Session, cast: Cast) -> None:
    report(session, "a", link=SLIP)
    report(session, "b", link="OTHER")
    do(session, dismiss_name, writer(cast.admin), LINK, SLIP)
    with transaction(session):
        session.scalars(select(Event).where(Event.source_key == "b")).one().withdrawn_at = NOON
    assert unresolved_names(session, cast.admin, LINK).names == ()
    assert count_unresolved(session, cast.admin) == 0


def test_what_cannot_be_an_alias_is_said(session: Session, cast: Cast) -> None:
    report(session, "a", link="x" * 200)
    with pytest.raises(Invalid, match="at most 100 characters"):
        do(session, make_alias, writer(cast.admin), LINK, "x" * 200, KIT)


def test_only_admins_settle(session: Session, cast: Cast) -> None:
    report(session, "a", link=SLIP)
    for verb in (follow_events, release_events):
        with pytest.raises(Forbidden):
            do(session, verb, writer(cast.operator), LINK, SLIP)


def test_settling_and_correcting_at_once_lose_nothing(
    session: Session, cast: Cast, database: str
) -> None:
    for number in range(40):
        report(session, str(number), link=SLIP)
    do(session, make_alias, writer(cast.admin), LINK, SLIP, KIT)
    session.close()
    together = Barrier(2)

    def settle() -> None:
        engine = open_engine(database)
        with Session(engine) as own:
            together.wait()
            while do(own, follow_events, writer(cast.admin), LINK, SLIP, 10).left:
                pass
        engine.dispose()

    def correct() -> None:
        engine = open_engine(database)
        with Session(engine) as own:
            together.wait()
            for number in reversed(range(40)):
                silent = {"source": "probe", "source_id": str(number), "detail": "seen"}
                with transaction(own):
                    report_events(own, BY, [read_event(0, "event 0", silent)])
        engine.dispose()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(settle), pool.submit(correct)]:
            done.result()
    link, _ = named(session, KIT)
    found = session.scalars(select(Event)).all()
    assert {(event.link_id, event.detail, event.version) for event in found} == {(link, "seen", 3)}
    logged = session.scalars(select(Change.version).where(Change.kind == EVENT)).all()
    assert sorted(logged) == [1] * 40 + [2] * 40 + [3] * 40


def test_a_link_that_ended_is_settled_by_hand(session: Session, cast: Cast) -> None:
    with transaction(session):
        session.scalars(select(Link).where(Link.name == KIT)).one().valid_until = date(2013, 1, 1)
    report(session, "a", link=KIT)
    assert of(session, "a").link_id is None
    found = unresolved_name(session, cast.admin, LINK, KIT)
    assert (found.events, found.means) == (1, KIT)
