"""Detected events and their tickets follow every change, and people's decisions stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.matching.models.matching import EventTicket
from app.matching.rules.matching import MatchingRule
from app.matching.services import stale_links
from app.matching.services.by_hand import link_by_hand, undo_decision, unlink_by_hand
from app.matching.services.recompute import bring_up_to_date, pending
from app.matching.services.rules import add_rule
from app.matching.services.stale_links import freshness
from app.tickets.rules.relations import RelationRole
from app.tickets.services.lifecycle import change_ticket, comment_ticket
from app.tickets.services.relations import relate_tickets, unrelate_tickets
from tests.cast import NOON, enter, writer
from tests.matching.matching_world import LINK, at, detected, recompute_all, report, ticket, why


def test_an_event_and_its_ticket(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 11:30")
    recompute_all(session)
    (found,) = detected(session)
    assert (found.id, found.seconds, found.beginnings, found.quarter) == (
        event,
        5400,
        1,
        "2013-Q1",
    )
    assert (found.is_counted, found.is_documented, found.how) == (True, False, "none")
    number = ticket(session, cast, links=(LINK,), event_start="5 10:20", event_end="5 11:03")
    recompute_all(session)
    (found,) = detected(session)
    assert (found.is_documented, found.how) == (True, "link")
    assert why(session) == {(event, number): "same link, overlap 43 min*"}


def test_a_comment_concerns_no_figure(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:30")
    number = ticket(session, cast, links=(LINK,))
    recompute_all(session)
    with transaction(session):
        comment_ticket(session, writer(cast.operator), number, "Looking into it")
    assert freshness(session).pending == 1
    assert pending(session, NOON).is_empty


def test_each_change_of_a_ticket_is_followed(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 11:30")
    number = ticket(session, cast, sites=("DE-KIT",), event_start="5 10:00", event_end="5 11:30")
    recompute_all(session)
    assert why(session) == {(event, number): "by site DE-KIT, overlap 1 h 30 min*"}

    def change(**fields: object) -> dict[tuple[int, int], str]:
        with transaction(session):
            change_ticket(session, writer(cast.operator), number, fields)
        recompute_all(session)
        return why(session)

    assert change(links=("CERN-PIC-LHCOPN-001",)) == {}, "it names another link now"
    assert list(change(links=(LINK,)).values()) == ["same link, overlap 1 h 30 min*"]
    assert change(category="test") == {}
    assert len(change(category="incident")) == 1
    assert list(change(event_start=at("5 12:30"), event_end=at("5 13:00")).values()) == [
        "same link, 1 h apart, within the tolerance*"
    ]
    assert change(event_start=at("5 12:31")) == {}


def test_by_site_documents_an_incident_or_a_maintenance_of_the_links_network(
    session: Session,
) -> None:
    """A linkless change of LHCONE made a due ticket of CERN-BNL-LHCOPN-001 vanish."""
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:30")
    number = ticket(session, cast, sites=("DE-KIT",), event_start="5 10:00", event_end="5 11:30")

    def documented() -> bool:
        recompute_all(session)
        (found,) = detected(session)
        return found.is_documented

    def change(**fields: object) -> bool:
        with transaction(session):
            change_ticket(session, writer(cast.operator), number, fields)
        return documented()

    assert documented()
    assert not change(network="LHCONE"), "of the other network"
    assert change(network="LHCOPN")
    assert not change(category="change")
    assert not change(category="informational")
    assert change(category="maintenance")
    assert not change(network="LHCONE")
    # whoever names the link documents it, whatever the ticket's network and category
    assert change(category="change", links=(LINK,))


def test_a_cancelled_maintenance_documents_nothing(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:30")
    number = ticket(
        session,
        cast,
        category="maintenance",
        links=(LINK,),
        window_start="5 09:00",
        window_end="5 12:00",
    )
    recompute_all(session)
    (found,) = detected(session)
    assert (found.is_documented, found.is_maintenance, found.is_counted) == (True, True, True)
    with transaction(session):
        change_ticket(
            session, writer(cast.operator), number, {"state": "unsolved", "solution": "Cancelled"}
        )
    recompute_all(session)
    (found,) = detected(session)
    assert (found.is_documented, found.is_maintenance) == (False, False)


def test_a_duplicate_lends_to_its_master_and_takes_back(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 11:30")
    master = ticket(
        session, cast, links=("CERN-PIC-LHCOPN-001",), event_start="1 00:00", event_end="1 01:00"
    )
    double = ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 11:30")
    recompute_all(session)
    assert [*why(session)] == [(event, double)]
    with transaction(session):
        relate_tickets(session, writer(cast.operator), double, RelationRole.DUPLICATE_OF, master)
    recompute_all(session)
    assert [*why(session)] == [(event, master)]
    with transaction(session):
        unrelate_tickets(session, writer(cast.operator), double, RelationRole.DUPLICATE_OF, master)
    recompute_all(session)
    assert [*why(session)] == [(event, double)]


def test_flaps_are_one_event_whatever_source_reports_them(session: Session) -> None:
    cast = enter(session)
    first = report(session, cast, "5 10:00", "5 10:20", source="a")
    report(session, cast, "5 10:30", "5 10:40", source="b", state="degraded")
    report(session, cast, "5 10:50:01", "5 11:10", source="a")
    recompute_all(session)
    one, two = detected(session)
    assert (one.id, one.beginnings, one.seconds, one.state) == (first, 2, 2400, "down")
    assert not one.is_counted
    assert two.beginnings == 1
    # what comes between joins them, also when it comes last
    report(session, cast, "5 10:40", "5 10:45", source="c")
    recompute_all(session)
    (one,) = detected(session)
    assert (one.id, one.beginnings, one.seconds, one.is_counted) == (first, 4, 4200, True)


def test_an_open_event_begins_to_count_by_itself(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "6 11:30", None)
    recompute_all(session, NOON)
    (found,) = detected(session)
    assert (found.id, found.is_open, found.is_counted) == (event, True, False)
    recompute_all(session, NOON + timedelta(minutes=29))
    assert not detected(session)[0].is_counted
    recompute_all(session, NOON + timedelta(minutes=30))
    assert detected(session)[0].is_counted, "exactly 60 minutes count"


def test_an_event_that_moves_to_another_link_leaves_nothing_behind(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 11:30", source_id="x")
    ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 11:30")
    recompute_all(session)
    assert detected(session)[0].is_documented
    again = report(session, cast, "5 10:00", "5 11:30", source_id="x", link="CERN-PIC-LHCOPN-001")
    assert again == event
    recompute_all(session)
    (found,) = detected(session)
    assert (found.id, found.is_documented) == (event, False)


def test_a_decision_outlives_what_the_event_grows_into(session: Session) -> None:
    cast = enter(session)
    later = report(session, cast, "5 11:00", "5 12:00")
    number = ticket(session, cast, event_start="1 00:00", event_end="1 01:00")
    with transaction(session):
        link_by_hand(session, writer(cast.kit), later, number, "The provider wrote the wrong day")
    assert why(session) == {(later, number): "by hand: The provider wrote the wrong day*"}, (
        "at once, in its own transaction"
    )
    first = report(session, cast, "5 10:00", "5 10:55")
    recompute_all(session)
    (found,) = detected(session)
    assert (found.id, found.is_documented, found.how) == (first, True, "hand")
    with transaction(session):
        unlink_by_hand(
            session, writer(cast.operator, NOON + timedelta(hours=1)), first, number, "It was right"
        )
    assert why(session) == {}, "the newer one holds, and by the rules there is nothing"
    with transaction(session):
        undo_decision(session, writer(cast.operator), first, number)
    assert [*why(session)] == [(first, number)]


def test_a_suspected_time_zone_counts_when_a_person_confirms(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 10:30")
    number = ticket(session, cast, links=(LINK,), event_start="5 12:05", event_end="5 12:32")
    recompute_all(session)
    (found,) = detected(session)
    assert not found.is_documented
    assert why(session) == {
        (event, number): "same link, 1 h 35 min apart, outside the tolerance,"
        " both ends off by +2 h: suspected time zone"
    }
    with transaction(session):
        link_by_hand(session, writer(cast.operator), event, number, "Summer time was meant")
    assert detected(session)[0].how == "hand"


def test_the_work_is_done_in_parts_and_only_once(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:30")
    report(session, cast, "5 10:00", "5 11:30", link="CERN-PIC-LHCOPN-001")
    with transaction(session):
        assert bring_up_to_date(session, NOON, most=1).stale == 1
    assert freshness(session).computed_at is None
    with transaction(session):
        assert bring_up_to_date(session, NOON, most=1).is_fresh
    assert freshness(session).computed_at == NOON
    before = [one.computed_at for one in detected(session)]
    with transaction(session):
        bring_up_to_date(session, NOON + timedelta(hours=1), everything=True)
    assert [one.computed_at for one in detected(session)] == before, "what stands is kept"


def test_an_end_by_a_clock_that_is_ahead_counts(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "6 11:02", "6 12:02", now=NOON)
    recompute_all(session, NOON)
    assert detected(session)[0].is_counted, "exactly 60 minutes, and it never changes again"


def test_a_new_rule_forgets_what_left_a_link_at_the_same_time(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:30", source_id="x")
    recompute_all(session)
    with transaction(session):
        rule = MatchingRule(0, at("1 00:00"))
        add_rule(session, writer(cast.admin), rule, "The same from now on")
    report(session, cast, "5 10:00", "5 11:30", source_id="x", link="NOT-KNOWN")
    recompute_all(session)
    assert not detected(session), "no link of this name is known"


def test_many_changes_are_worked_in_in_parts(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00")
    for _ in range(4):
        ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 12:00")
    recompute_all(session)
    for _ in range(3):
        ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 12:00")
    behind = freshness(session).pending
    monkeypatch.setattr(stale_links, "MAX_CHANGES", 2)
    assert pending(session, NOON).later == behind - 2
    session.rollback()
    left, later = [behind], NOON + timedelta(hours=1)
    while left[-1]:
        with transaction(session):
            state = bring_up_to_date(session, later)
        left.append(state.pending)
        assert state.computed_at == (NOON if state.pending else later)
    assert left == [*range(behind, 0, -2), 0]
    assert len(session.scalars(select(EventTicket)).all()) == 7
