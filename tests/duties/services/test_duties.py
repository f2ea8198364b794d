"""Duties follow events, tickets, links, rules and the calendar, whatever changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.calendar.models.lhc import LhcPeriod
from app.calendar.services.lhc_calendar import add_period, change_period, remove_period
from app.core.database.transactions import transaction
from app.core.rules.errors import Forbidden, Invalid
from app.core.rules.quarters import Quarter
from app.duties.models.duties import Duty, DutyRule, DutySum, ServiceLoss
from app.duties.rules.duties import R2009, Clause, ClauseKind, DutyStatus, Rule
from app.duties.services.duties import (
    ALL,
    OPEN,
    WHOLE,
    DutyCounts,
    DutyFilter,
    DutyRow,
    count_duties,
    duties_of_event,
    judged_rules,
    list_duties,
    what_if,
    would_ask,
)
from app.duties.services.rules import (
    all_rules,
    compose_rule,
    content_of,
    put_in_force,
    retire,
    revise_rule,
    undo,
)
from app.matching.models.matching import DetectedEvent
from app.matching.services.by_hand import link_by_hand
from app.matching.services.recompute import bring_up_to_date, mark_between
from app.registry.models.registry import Link, Site
from app.registry.services.links import change_link, create_link
from app.registry.services.sites import change_site
from app.tickets.services.lifecycle import change_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.duties.proposal import R2013
from tests.harness.examples import some_of
from tests.matching.matching_world import LINK, at, detected, recompute_all, report, ticket

Q1 = Quarter(2013, 1)
SEASON = {
    "name": "Ions 2013",
    "kind": "ions",
    "begin": "2013-03-01",
    "begin_standing": "sample",
    "end": "2013-03-31",
    "end_standing": "sample",
}


def due(session: Session, now: datetime = NOON, **wanted: Any) -> list[DutyRow]:
    session.rollback()
    session.expire_all()
    return list(list_duties(session, DutyFilter(**{"state": ALL, **wanted}), now).rows)


def version_of(session: Session, label: str) -> int:
    return next(one.version_id for one in judged_rules(session, NOON) if one.label == label)


def asked(session: Session, label: str) -> list[tuple[int, int]]:
    """Event and clause of what a rule asks for."""
    rows = due(session, version_id=version_of(session, label))
    rule = next(one.rule for one in judged_rules(session, NOON) if one.label == label)
    words = [clause.words() for clause in rule.clauses]
    return sorted((row.event_id, words.index(row.clause)) for row in rows)


def test_the_shipped_rules_are_those_of_the_domain(session: Session) -> None:
    first, second = all_rules(session)
    assert (first.name, content_of(first.versions[0])) == ("R2009", R2009)
    assert (second.name, content_of(second.versions[0])) == ("R2013", R2013)
    (force,) = first.versions[0].forces
    assert (force.begins_at, force.ends_at) == (datetime(2009, 2, 1, tzinfo=UTC), None)
    assert not second.versions[0].forces


def test_a_due_ticket_is_missing_then_there(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 11:30")
    report(session, cast, "5 20:00", "5 21:00")  # exactly 60 minutes
    recompute_all(session)
    (row,) = due(session)
    assert (row.event_id, row.rule, row.responsible, row.amount) == (event, "R2009", "DE-KIT", 5400)
    assert row.clause == "a link is down or degraded for more than 60 minutes"
    assert row.due_at == at("6 10:00")
    assert row.standing is DutyStatus.MISSING, "noon of the 6th is behind it"
    assert due(session, at("6 10:00"))[0].standing is DutyStatus.DUE
    number = ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 11:30")
    recompute_all(session)
    (row,) = due(session)
    assert (row.ticket, row.standing) == (number, DutyStatus.LATE)
    early = ticket(
        session, cast, now=at("5 12:00"), links=(LINK,), event_start="5 10:05", event_end="5 11:00"
    )
    recompute_all(session)
    (row,) = due(session)
    assert (row.ticket, row.standing, row.there_at) == (early, DutyStatus.MET, at("5 12:00"))
    assert not due(session, state=OPEN)
    assert count_duties(session, DutyFilter(state=DutyStatus.MET), NOON) == 1


def test_a_ticket_of_the_site_fulfils_no_obligation_of_an_ongoing_event(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "6 08:00", None, source_id="cut")
    number = ticket(session, cast, now=at("6 07:00"), sites=("DE-KIT",))
    recompute_all(session)
    (row,) = due(session)
    assert (row.event_id, row.ticket, row.site_ticket) == (event, None, number)
    assert (row.standing, row.why) == (DutyStatus.DUE, "")
    assert detected(session)[0].is_documented, "it counts in the figures all the same"
    assert count_duties(session, DutyFilter(), NOON) == 1
    own = ticket(session, cast, links=(LINK,), event_start="6 08:00")
    recompute_all(session)
    (row,) = due(session)
    assert (row.ticket, row.site_ticket, row.standing) == (own, None, DutyStatus.MET)
    assert (row.why, row.ticket_words) == ("same link, both ongoing", "")
    # solved, it fulfils it, and is called so while the event is ongoing
    with transaction(session):
        wanted = {"state": "solved", "solution": "Done."}
        change_ticket(session, writer(cast.operator, NOON), own, wanted)
    recompute_all(session, NOON + timedelta(seconds=1))
    (row,) = due(session)
    assert (row.ticket, row.ticket_words) == (own, "solved")
    assert row.why == "same link, overlap 4 h"
    # over: what names the site was there first
    report(session, cast, "6 08:00", "6 11:00", source_id="cut")
    recompute_all(session)
    (row,) = due(session)
    assert (row.ticket, row.ticket_words, row.there_at) == (number, "", at("6 07:00"))
    assert row.why == "by site DE-KIT, overlap 3 h"


def test_work_to_come_fulfils_no_obligation(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "6 08:00", None)
    window: dict[str, Any] = {"window_start": "6 14:00", "window_end": "6 16:00"}
    number = ticket(session, cast, links=(LINK,), category="maintenance", **window)
    recompute_all(session)
    (row,) = due(session)
    assert (row.ticket, row.is_maintenance, detected(session)[0].how) == (None, False, "none")
    recompute_all(session, at("6 13:59"))
    assert due(session)[0].ticket is None
    # time alone brings it
    recompute_all(session, at("6 14:00"))
    (row,) = due(session)
    assert (row.ticket, row.why) == (number, "same link, both ongoing")
    recompute_all(session, at("6 16:00"))
    assert due(session)[0].why == "same link, overlap 2 h"


def test_a_ticket_of_the_very_moment_is_in_time(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:30")
    second = timedelta(seconds=1)
    for written, standing in (
        (at("6 10:00") + second, DutyStatus.LATE),
        (at("6 10:00"), DutyStatus.MET),
    ):
        ticket(session, cast, now=written, links=(LINK,), event_start="5 10:00")
        recompute_all(session)
        (row,) = due(session)
        assert (row.there_at, row.standing) == (written, standing)
        assert count_duties(session, DutyFilter(state=standing), NOON) == 1


def test_no_ticket_is_due_of_what_counts_for_no_t1_as_its_link_was_not_in_use(
    session: Session,
) -> None:
    cast = enter(session)
    before = report(session, cast, "5 10:00", "5 12:00")
    over = report(session, cast, "5 23:00", "6 02:00")
    behind = report(session, cast, "6 05:00", "6 07:00")
    recompute_all(session)
    assert [row.event_id for row in due(session)] == [behind, over, before]
    with transaction(session):
        change_link(session, writer(cast.admin), LINK, {"valid_until": date(2013, 3, 6)})
    recompute_all(session)
    assert [row.event_id for row in due(session)] == [over, before]
    counted = select(DetectedEvent.id).where(DetectedEvent.is_counted).order_by(DetectedEvent.id)
    assert list(session.scalars(counted)) == [before, over]
    version = version_of(session, "R2009")
    (row,) = (
        row
        for row in session.scalars(select(DutySum))
        if row.rule_version_id == version and row.site_id == WHOLE
    )
    assert row.asked == 2
    with transaction(session):
        change_link(session, writer(cast.admin), LINK, {"valid_until": None})
    recompute_all(session)
    assert [row.event_id for row in due(session)] == [behind, over, before]


def test_sums_are_the_rows(session: Session) -> None:
    cast = enter(session)
    for day in (1, 2, 3):
        report(session, cast, f"{day} 10:00", f"{day} 12:00")
    ticket(session, cast, links=(LINK,), event_start="1 10:00", event_end="1 11:30")
    report(session, cast, "2013-04-01 00:00", "2013-04-01 02:00", now=at("2013-04-02 00:00"))
    recompute_all(session)
    version = version_of(session, "R2009")
    found = what_if(session, [version], Q1, Quarter(2013, 2))
    kit, cern = (
        session.scalars(select(Site.id).where(Site.key == key)).one()
        for key in ("DE-KIT", "CH-CERN")
    )
    assert found.at(version, kit, Q1) == DutyCounts(asked=3, there=1, late=1)
    assert found.at(version, WHOLE, Q1) == DutyCounts(asked=3, there=1, late=1)
    assert found.at(version, kit, Quarter(2013, 2)) == DutyCounts(asked=1)
    assert found.at(version, cern, Q1) == DutyCounts(), "the T0 row has only events without a T1"
    assert found.whole(version, kit).asked == 4
    for site, quarter in ((kit, Q1), (kit, Quarter(2013, 2))):
        wanted = DutyFilter(version, end_id=site, first=quarter, last=quarter, state=ALL)
        assert count_duties(session, wanted, NOON) == found.at(version, site, quarter).asked


def test_r2013_follows_backups_and_the_calendar(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 10:10")
    recompute_all(session)
    assert not asked(session, "R2013"), "no season is known"
    with transaction(session):
        season = add_period(session, writer(cast.admin), SEASON).id
    recompute_all(session)
    assert asked(session, "R2013") == [(event, 0)]
    (row,) = due(session, version_id=version_of(session, "R2013"))
    assert (row.lost_site, row.is_unsure, row.amount, row.is_due) == ("DE-KIT", True, 600, False)
    with transaction(session):
        create_link(
            session,
            writer(cast.admin),
            {
                "name": "CERN-GRIDKA-LHCOPN-002",
                "network": "LHCOPN",
                "end_a": "CH-CERN",
                "end_b": "DE-KIT",
                "role": "backup",
                "backs_up": LINK,
            },
        )
    recompute_all(session)
    assert not asked(session, "R2013"), "a backup without an event of its own is up"
    other = report(session, cast, "5 10:05", "5 10:20", link="CERN-GRIDKA-LHCOPN-002")
    recompute_all(session)
    assert asked(session, "R2013") == [(event, 0), (other, 1)]
    (loss,) = session.scalars(select(ServiceLoss)).all()
    assert (loss.start, loss.end, loss.is_unsure) == (at("5 10:05"), at("5 10:10"), False)
    with transaction(session):
        change_link(session, writer(cast.admin), "CERN-GRIDKA-LHCOPN-002", {"role": "primary"})
    recompute_all(session)
    assert (other, 1) not in asked(session, "R2013")
    with transaction(session):
        change_period(
            session,
            writer(cast.admin),
            season,
            {**SEASON, "begin": "2013-03-06"},
            seen_version=1,
        )
    recompute_all(session)
    assert not asked(session, "R2013")
    with transaction(session):
        remove_period(session, writer(cast.admin), season, "It never was")
    recompute_all(session)
    assert not asked(session, "R2013")


def test_an_event_that_goes_on_becomes_due(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "6 11:30", None)
    recompute_all(session)
    assert not due(session)
    recompute_all(session, NOON + timedelta(minutes=30))
    assert not due(session), "60 minutes are not more than 60 minutes"
    recompute_all(session, NOON + timedelta(minutes=31))
    (row,) = due(session, NOON + timedelta(minutes=31))
    assert (row.end, row.standing) == (None, DutyStatus.DUE)


def test_what_is_in_force_decides(session: Session) -> None:
    cast = enter(session)
    by = writer(cast.admin)
    first, second = (report(session, cast, f"{day} 10:00", f"{day} 10:30") for day in (4, 5))
    rule = Rule((Clause(ClauseKind.DOWN, minutes=30),), hours=2)
    with transaction(session):
        version = compose_rule(session, by, "Short", "For a try", rule).versions[0].id
    recompute_all(session)
    assert asked(session, "Short") == [(first, 0), (second, 0)]
    assert not due(session), "it is not in force"
    with transaction(session):
        force = put_in_force(session, by, version, at("5 00:00"), "A try").id
    recompute_all(session)
    (row,) = due(session)
    assert (row.event_id, row.rule, row.due_at) == (second, "Short", at("5 12:00"))
    with transaction(session):
        retire(session, by, force, at("5 09:00"), "Enough")
    recompute_all(session)
    assert not due(session)
    with transaction(session):
        undo(session, by, force)
    recompute_all(session)
    assert len(due(session)) == 1
    with transaction(session):
        undo(session, by, force)
    recompute_all(session)
    assert not due(session)
    with pytest.raises(Invalid, match="already been undone"), transaction(session):
        undo(session, by, force)


def test_a_newer_version_takes_the_place_of_the_older(session: Session) -> None:
    cast = enter(session)
    by = writer(cast.admin)
    before, behind = (report(session, cast, f"{day} 10:00", f"{day} 11:30") for day in (4, 5))
    rule = session.scalars(select(DutyRule).where(DutyRule.name == "R2009")).one().id
    longer = replace(R2009, clauses=(Clause(ClauseKind.ANY, minutes=120), R2009.clauses[1]))
    with transaction(session):
        version = revise_rule(session, by, rule, longer, "Too many").id
    recompute_all(session)
    assert [row.event_id for row in due(session)] == [behind, before], "the old one is in force"
    with transaction(session):
        newer = put_in_force(session, by, version, at("5 00:00"), "Agreed").id
    recompute_all(session)
    assert [row.event_id for row in due(session)] == [before]
    old = all_rules(session)[0].versions[0].forces[0]
    assert (old.ends_at, old.end_reason) == (at("5 00:00"), "replaced by R2009 v2")
    with pytest.raises(Invalid, match="replaced it"), transaction(session):
        undo(session, by, old.id)
    with transaction(session):
        undo(session, by, newer)
    with transaction(session):
        undo(session, by, old.id)
    recompute_all(session)
    assert len(due(session)) == 2
    with pytest.raises(Invalid, match="same as the newest version"), transaction(session):
        revise_rule(session, by, rule, longer)


def test_of_two_rules_in_force_an_event_is_due_once(session: Session) -> None:
    cast = enter(session)
    by = writer(cast.admin)
    report(session, cast, "5 10:00", "5 12:00")
    with transaction(session):
        made = compose_rule(session, by, "Any", "", Rule((Clause(),))).versions[0].id
        put_in_force(session, by, made, at("1 00:00"), "A try")
    recompute_all(session)
    assert [row.rule for row in due(session)] == ["R2009"]
    assert len(duties_of_event(session, due(session)[0].event_id, NOON)) == 2


def test_a_decision_by_hand_documents_at_once(session: Session) -> None:
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 12:00")
    number = ticket(session, cast, title="Nothing of it")
    recompute_all(session)
    assert due(session)[0].ticket is None
    with transaction(session):
        link_by_hand(session, writer(cast.operator), event, number, "It is this one")
    assert due(session)[0].ticket == number


def test_a_loss_of_a_t1_is_one_duty(session: Session) -> None:
    cast = enter(session)
    with transaction(session):
        add_period(session, writer(cast.admin), SEASON)
        session.add(
            Link(
                name="CERN-GRIDKA-LHCOPN-003",
                network="LHCOPN",
                end_a_id=session.scalars(select(Site.id).where(Site.key == "CH-CERN")).one(),
                end_b_id=session.scalars(select(Site.id).where(Site.key == "DE-KIT")).one(),
            )
        )
    report(session, cast, "5 10:00", "5 10:10")
    second = report(session, cast, "5 10:04", "5 10:30", link="CERN-GRIDKA-LHCOPN-003")
    recompute_all(session)
    assert asked(session, "R2013") == [(second, 0)]
    version = version_of(session, "R2013")
    found = what_if(session, [version], Q1, Q1)
    assert found.at(version, WHOLE, Q1) == DutyCounts(asked=1, unsure=1, losses=1)


def test_a_loss_grows_with_an_event_within_a_longer_outage(session: Session) -> None:
    """The outage itself stays as it was: only the time without any way is another."""
    cast = enter(session)
    report(session, cast, "5 10:00", "5 14:00", state="degraded")
    report(session, cast, "5 10:30", "5 10:40", source_id="x")
    recompute_all(session)
    ends = select(ServiceLoss.end)
    assert session.scalars(ends).all() == [at("5 10:40")]
    report(session, cast, "5 10:30", "5 12:40", source_id="x")
    recompute_all(session)
    assert session.scalars(ends).all() == [at("5 12:40")]


def test_a_loss_ends_though_its_end_came_by_a_clock_that_is_ahead(session: Session) -> None:
    cast = enter(session)
    end = NOON + timedelta(minutes=4)
    report(session, cast, "5 10:00", end.isoformat(" ", "minutes").removesuffix("+00:00"))
    recompute_all(session)
    later = NOON + timedelta(hours=1)
    recompute_all(session, later)
    assert session.scalars(select(ServiceLoss.end)).all() == [end]
    recompute_all(session, later)
    before = kept(session)
    with transaction(session):
        bring_up_to_date(session, later, everything=True)
    assert kept(session) == before, "what is computed from nothing is the same"


@pytest.mark.parametrize("what", ["another link ends", "another link begins", "it is no T1"])
def test_a_loss_begins_and_ends_with_a_day_of_the_registry(session: Session, what: str) -> None:
    """While an event is ongoing a day comes that was known long before: no change tells of it."""
    cast = enter(session)
    day, second = date(2013, 3, 7), "CERN-GRIDKA-LHCOPN-002"
    stated = {"name": second, "network": "LHCOPN", "end_a": "CH-CERN", "end_b": "DE-KIT"}
    with transaction(session):
        if what == "it is no T1":
            by = writer(cast.admin)
            change_site(session, by, "DE-KIT", {"tier_until": day}, why="So it is")
        else:
            known = "valid_until" if what == "another link ends" else "valid_from"
            create_link(session, writer(cast.admin), {**stated, known: day})
    report(session, cast, "6 10:00", None)
    recompute_all(session)
    later = NOON + timedelta(days=1)
    recompute_all(session, later)
    ends = (at("7 00:00"), None) if what == "another link ends" else (at("6 10:00"), at("7 00:00"))
    assert session.execute(select(ServiceLoss.start, ServiceLoss.end)).all() == [ends]
    before = kept(session)
    with transaction(session):
        bring_up_to_date(session, later, everything=True)
    assert kept(session) == before, "what is computed from nothing is the same"


def test_a_moved_and_a_withdrawn_event_leave_nothing(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00", source_id="x")
    recompute_all(session)
    assert due(session)[0].responsible == "DE-KIT"
    report(session, cast, "5 10:00", "5 12:00", source_id="x", link="CERN-PIC-LHCOPN-001")
    recompute_all(session)
    assert [row.responsible for row in due(session)] == ["ES-PIC"]
    assert (
        session.scalars(select(DutySum.link_id).distinct()).all()
        == session.scalars(select(Link.id).where(Link.name == "CERN-PIC-LHCOPN-001")).all()
    )
    report(session, cast, "5 10:00", "5 10:01", source_id="x", link="CERN-PIC-LHCOPN-001")
    recompute_all(session)
    assert not session.scalars(select(Duty)).all()
    assert not session.scalars(select(DutySum)).all()


def test_matching_anew_judges_anew(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00")
    recompute_all(session)
    with transaction(session):
        for kept in (Duty, DutySum, ServiceLoss):
            session.execute(delete(kept))
    assert not due(session)
    with transaction(session):
        assert mark_between(session, None, None) == 1
    recompute_all(session)
    assert len(due(session)) == 1
    assert session.scalars(select(DutySum.asked)).all() == [1, 1]


def test_a_rule_that_is_composed_says_what_it_would_ask(session: Session) -> None:
    cast = enter(session)
    for day in (1, 2, 3):
        report(session, cast, f"{day} 10:00", f"{day} 10:20")
    recompute_all(session)
    assert would_ask(session, Rule((Clause(ClauseKind.DOWN, minutes=20),)), NOON, Q1) == 3
    assert would_ask(session, Rule((Clause(ClauseKind.DOWN, minutes=21),)), NOON, Q1) == 0
    assert would_ask(session, Rule((Clause(),)), NOON, Quarter(2013, 2)) == 0


def test_only_admins_change_rules_and_the_calendar(session: Session) -> None:
    cast: Cast = enter(session)
    for actor in (cast.operator, cast.kit, cast.reader):
        with pytest.raises(Forbidden), transaction(session):
            compose_rule(session, writer(actor), "Mine", "", R2009)
        with pytest.raises(Forbidden), transaction(session):
            add_period(session, writer(actor), SEASON)


def test_an_event_that_moves_leaves_nothing_though_its_new_link_is_reckoned_first(
    session: Session,
) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00", source_id="x", link="CERN-PIC-LHCOPN-001")
    recompute_all(session)
    report(session, cast, "5 10:00", "5 12:00", source_id="x", link=LINK)
    for _ in range(4):  # link by link, as a worker does it
        with transaction(session):
            bring_up_to_date(session, NOON, most=1)
    assert [row.responsible for row in due(session)] == ["DE-KIT"]
    of_kit = session.scalars(select(Link.id).where(Link.name == LINK)).one()
    assert set(session.scalars(select(DutySum.link_id))) == {of_kit}


def test_a_site_that_is_no_t1_any_more_was_never_cut_off(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00")
    recompute_all(session)
    assert len(session.scalars(select(ServiceLoss)).all()) == 1
    with transaction(session):
        change_site(
            session,
            writer(cast.admin),
            "DE-KIT",
            {"tier": None, "tier_since": None},
            why="So it is",
        )
    recompute_all(session)
    assert not session.scalars(select(ServiceLoss)).all()


def test_a_link_that_ends_elsewhere_now_cuts_off_the_t1_that_it_left(session: Session) -> None:
    cast = enter(session)
    second = "CERN-GRIDKA-LHCOPN-002"
    with transaction(session):
        create_link(
            session,
            writer(cast.admin),
            {"name": second, "network": "LHCOPN", "end_a": "CH-CERN", "end_b": "DE-KIT"},
        )
    report(session, cast, "5 10:00", "5 12:00")
    recompute_all(session)
    assert not session.scalars(select(ServiceLoss)).all(), "the second one was up"
    with transaction(session):
        change_link(session, writer(cast.admin), second, {"end_b": "ES-PIC"})
    recompute_all(session)
    assert len(session.scalars(select(ServiceLoss)).all()) == 1


def kept(session: Session) -> tuple[list[Any], ...]:
    """All kept results, as plain rows."""
    session.rollback()
    return tuple(
        sorted(map(tuple, session.execute(select(*table.__table__.c))), key=str)
        for table in (Duty, DutySum, ServiceLoss)
    )


@pytest.mark.parametrize("seed", some_of([1, 2, 3]))
def test_what_follows_step_by_step_is_what_is_reckoned_from_nothing(
    session: Session, seed: int
) -> None:
    chance = Random(seed)
    cast = enter(session)
    by = writer(cast.admin)
    backup = {"name": "CERN-GRIDKA-LHCOPN-002", "network": "LHCOPN", "role": "backup"}
    with transaction(session):
        create_link(
            session, by, {**backup, "end_a": "CH-CERN", "end_b": "DE-KIT", "backs_up": LINK}
        )
        create_link(
            session,
            by,
            {
                "name": "GRIDKA-PIC-LHCOPN-001",
                "network": "LHCOPN",
                "end_a": "DE-KIT",
                "end_b": "ES-PIC",
            },
        )
        season = add_period(session, by, SEASON).id
    links = [LINK, backup["name"], "GRIDKA-PIC-LHCOPN-001", "CERN-PIC-LHCOPN-001"]

    def an_event() -> None:
        begin = at("1 00:00") + timedelta(minutes=chance.randrange(0, 2880, 7))
        end = begin + timedelta(minutes=chance.choice((1, 30, 60, 61, 400)))
        report(
            session,
            cast,
            f"{begin:%Y-%m-%d %H:%M}",
            f"{end:%Y-%m-%d %H:%M}",
            link=chance.choice(links),
            state=chance.choice(("down", "down", "degraded")),
            source_id=str(chance.randrange(30)),
        )

    def a_ticket() -> None:
        begin = at("1 00:00") + timedelta(hours=chance.randrange(48))
        ticket(
            session,
            cast,
            now=begin,
            links=(chance.choice(links),),
            event_start=f"{begin:%Y-%m-%d %H:%M}",
            event_end=f"{begin + timedelta(hours=1):%Y-%m-%d %H:%M}",
        )

    def a_link() -> None:
        with transaction(session):
            change_link(session, by, backup["name"], {"role": chance.choice(("primary", "backup"))})

    def a_season() -> None:
        stated = {**SEASON, "begin": f"2013-03-{chance.randrange(1, 3):02}"}
        with transaction(session):
            version = session.get_one(LhcPeriod, season).version
            change_period(session, by, season, stated, seen_version=version)

    for _ in range(8):
        for _ in range(4):
            chance.choice((an_event, an_event, an_event, a_ticket, a_link, a_season))()
        recompute_all(session)
    followed = kept(session)
    assert followed[0], "something is due"
    with transaction(session):
        for table in (Duty, DutySum, ServiceLoss):
            session.execute(delete(table))
        mark_between(session, None, None)
    recompute_all(session)
    assert kept(session) == followed
