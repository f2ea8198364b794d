"""What people decide about exchanged tickets: once, by whom, and with which effect."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.reading import TheirTicket
from app.exchange.services import decisions
from app.exchange.services.planning import plan_next
from app.exchange.services.reading import take_in
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket, comment_ticket
from tests.cast import NOON, Cast, writer
from tests.exchange.seeded import SeededPair, seed_connection, seed_pair
from tests.harness.visits import Open

LATER = NOON + timedelta(hours=1)


def entries(session: Session, pair: TicketPair | int) -> Sequence[tuple[str, str, str]]:
    """Origin, kind and state of each entry, in their order."""
    key = pair if isinstance(pair, int) else pair.id
    rows = select(ExchangeEntry).where(ExchangeEntry.pair_id == key).order_by(ExchangeEntry.id)
    return [(one.origin, one.kind, one.state) for one in session.scalars(rows)]


def test_sharing_sends_the_whole_ticket_first_and_once(
    session: Session, cast: Cast, opened: Open
) -> None:
    number = opened(title="Loss", description="Packets are lost")
    with transaction(session):
        comment_ticket(session, writer(cast.operator), number, "Looking")
    with transaction(session):
        connection = seed_connection(session, "GGUS-TEST")
    for _turn in range(2):
        with transaction(session):
            key = decisions.share(session, writer(cast.operator, LATER), number, connection)
    with transaction(session):
        while plan_next(session, LATER):
            pass
    found = session.scalars(
        select(ExchangeEntry).where(ExchangeEntry.pair_id == key).order_by(ExchangeEntry.id)
    ).all()
    assert [(one.kind, one.state) for one in found] == [
        (EntryKind.TICKET, EntryState.WAITING),
        (EntryKind.COMMENT, EntryState.WAITING),
    ]
    assert json.loads(found[0].content)["description"] == "Packets are lost"
    assert json.loads(found[1].content) == {"text": "Looking"}
    ticket = session.get_one(Ticket, number)
    assert [partner.code for partner in ticket.handed_to] == ["GGUS-TEST"]


def test_nothing_is_shared_over_a_connection_that_only_reads(
    session: Session, cast: Cast, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        connection = seed_connection(session, "NREN-A", direction="pull")
    with pytest.raises(Invalid, match="only reads"), transaction(session):
        decisions.share(session, writer(cast.operator), number, connection)
    assert session.scalars(select(TicketPair)).all() == []


@pytest.fixture
def pair(session: Session, cast: Cast, opened: Open) -> SeededPair:
    number = opened(title="Loss", priority="urgent")
    with transaction(session):
        return seed_pair(session, "NREN-A", number)


def test_theirs_becomes_ours_and_is_not_sent_back(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    with transaction(session):
        asked = pair.asked("priority", "top priority").id
    number, key = pair.pair.ticket_number, pair.pair.id
    with transaction(session):
        while plan_next(session, NOON):
            pass
    with transaction(session):
        assert decisions.choose(session, writer(cast.operator, LATER), asked, ours=False)
    with transaction(session):
        assert not decisions.choose(session, writer(cast.operator, LATER), asked, ours=True)
    with transaction(session):
        while plan_next(session, LATER):
            pass
    assert session.get_one(Ticket, number).priority == "top priority"
    assert entries(session, key) == [
        (Origin.OURS, EntryKind.TICKET, EntryState.SENT),
        (Origin.THEIRS, EntryKind.FIELDS, EntryState.APPLIED),
    ]
    assert session.get_one(ExchangeEntry, asked).reason == "operator chose theirs"


def test_ours_goes_to_the_partner_and_is_not_asked_again(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    with transaction(session):
        asked = pair.asked("priority", "top priority").id
    key = pair.pair.id
    for _turn in range(2):
        with transaction(session):
            decisions.choose(session, writer(cast.operator, LATER), asked, ours=True)
    assert entries(session, key) == [
        (Origin.OURS, EntryKind.TICKET, EntryState.SENT),
        (Origin.THEIRS, EntryKind.FIELDS, EntryState.SKIPPED),
        (Origin.OURS, EntryKind.FIELDS, EntryState.WAITING),
    ]
    sent = session.scalars(
        select(ExchangeEntry).where(ExchangeEntry.state == EntryState.WAITING)
    ).one()
    assert json.loads(sent.content) == {"priority": "urgent"}
    assert session.get_one(ExchangeEntry, asked).reason == "operator chose ours"
    agreed = json.loads(session.get_one(TicketPair, key).bases)
    assert agreed == {"priority": {"ours": None, "theirs": "top priority"}}, "ours has changed"


def test_older_questions_about_the_field_end_with_the_newest(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    with transaction(session):
        older = pair.asked("priority", "less urgent").id
        content = {"priority": "top priority"}
        newer = pair.entry(Origin.THEIRS, EntryKind.FIELDS, content, EntryState.ASKED).id
        other = pair.entry(
            Origin.THEIRS, EntryKind.FIELDS, {"impact": "outage"}, EntryState.ASKED
        ).id
    with transaction(session):
        decisions.choose(session, writer(cast.operator, LATER), newer, ours=False)
    states = [session.get_one(ExchangeEntry, one).state for one in (older, newer, other)]
    assert states == [EntryState.SKIPPED, EntryState.APPLIED, EntryState.ASKED]


def test_a_move_that_is_not_allowed_here_is_refused_in_words(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    number = pair.pair.ticket_number
    with transaction(session):
        asked = pair.asked("state", "verified").id
    with pytest.raises(Invalid) as refused, transaction(session):
        decisions.choose(session, writer(cast.operator, LATER), asked, ours=False)
    assert refused.value.message
    assert session.get_one(ExchangeEntry, asked).state == EntryState.ASKED
    assert session.get_one(Ticket, number).state == "new"


def test_solved_over_there_brings_their_last_word_as_solution(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    number = pair.pair.ticket_number
    with transaction(session):
        asked = pair.asked("state", "solved").id
        content = {"text": "Card replaced"}
        pair.entry(Origin.THEIRS, EntryKind.COMMENT, content, EntryState.APPLIED)
    with transaction(session):
        decisions.choose(session, writer(cast.operator, LATER), asked, ours=False)
    ticket = session.get_one(Ticket, number)
    assert (ticket.state, ticket.solution) == ("solved", "Card replaced")


def test_a_question_ends_by_itself_where_both_sides_come_to_agree(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    from app.exchange.rules.profiles import Profile, ValueRow
    from app.exchange.services.connections.connections import set_profile
    from tests.cast import SYSTEM

    rows = tuple(ValueRow(one, one) for one in ("urgent", "top priority"))
    with transaction(session):
        profile = Profile(maps={"priority": rows}).as_json()
        set_profile(session, SYSTEM, pair.pair.connection, profile)
        asked = pair.asked("priority", "top priority").id
        number, key = pair.pair.ticket_number, pair.pair.id
    with transaction(session):
        by = writer(cast.operator, LATER)
        change_ticket(session, by, number, {"priority": "top priority"})
    with transaction(session):
        take_in(session, key, TheirTicket("4711", [], {"priority": "top priority"}), LATER)
    found = session.get_one(ExchangeEntry, asked)
    assert (found.state, found.reason) == (EntryState.SKIPPED, "The values have changed")


def test_only_what_waits_first_is_skipped(session: Session, cast: Cast, pair: SeededPair) -> None:
    with transaction(session):
        first = pair.waiting("one").id
        content = {"text": "two"}
        second = pair.entry(Origin.OURS, EntryKind.COMMENT, content, EntryState.WAITING).id
    key = pair.pair.id
    by = writer(cast.admin, LATER)
    with pytest.raises(Invalid, match="first one waiting"), transaction(session):
        decisions.skip(session, by, second, "Too long")
    for _turn in range(2):  # the second time it is skipped already, and the next one stays
        with transaction(session):
            decisions.skip(session, by, first, "Too long")
    assert [session.get_one(ExchangeEntry, one).state for one in (first, second)] == [
        EntryState.SKIPPED,
        EntryState.WAITING,
    ]
    assert session.get_one(TicketPair, key).state == PairState.PAIRED
    with transaction(session):
        decisions.replay(session, by, first)
    assert session.get_one(ExchangeEntry, first).state == EntryState.WAITING


def test_what_was_not_allowed_here_is_applied_when_it_is(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    number, by = pair.pair.ticket_number, writer(cast.admin, LATER)
    with transaction(session):
        pair.known()
        told = pair.entry(
            Origin.THEIRS, EntryKind.FIELDS, {"state": "reopened"}, EntryState.RECORDED
        ).id
    with pytest.raises(Invalid), transaction(session):
        decisions.replay(session, by, told)
    with transaction(session):
        wanted = {"state": "solved", "solution": "Card replaced"}
        change_ticket(session, writer(cast.operator, LATER), number, wanted)
    with transaction(session):
        decisions.replay(session, by, told)
    assert session.get_one(Ticket, number).state == "reopened"
    assert session.get_one(ExchangeEntry, told).state == EntryState.APPLIED


def test_a_person_says_which_ticket_is_theirs(
    session: Session, cast: Cast, opened: Open, pair: SeededPair
) -> None:
    key, by, number = pair.pair.id, writer(cast.admin, LATER), opened(title="Other")
    with transaction(session):
        pair.pair.begun_at = NOON
        other = SeededPair(session, seed_other(session, pair, number)).known("99")
    assert other.pair.their_id == "99"
    with pytest.raises(Invalid, match="counterpart of our ticket"), transaction(session):
        decisions.name_theirs(session, by, key, "99")
    with transaction(session):
        decisions.name_theirs(session, by, key, "100")
    found = session.get_one(TicketPair, key)
    assert (found.state, found.their_id, found.begun_at) == (PairState.PAIRED, "100", None)
    assert entries(session, key) == [(Origin.OURS, EntryKind.TICKET, EntryState.SKIPPED)]
    with pytest.raises(Invalid, match="already known"), transaction(session):
        decisions.name_theirs(session, by, key, "101")


def test_a_person_says_that_there_is_none(session: Session, cast: Cast, pair: SeededPair) -> None:
    """Else a kind that cannot look up would stop again at each try."""
    key = pair.pair.id
    with transaction(session):
        pair.pair.begun_at = NOON
    with transaction(session):
        decisions.name_theirs(session, writer(cast.admin, LATER), key, "")
    found = session.get_one(TicketPair, key)
    assert (found.state, found.their_id, found.begun_at) == (PairState.CREATING, None, None)


def test_all_that_failed_is_sent_again(session: Session, cast: Cast, pair: SeededPair) -> None:
    with transaction(session):
        connection = pair.pair.connection
        connection.failures, connection.resting_until = 7, LATER
    with transaction(session):
        assert decisions.send_all_again(session, writer(cast.operator), connection) == 1
    with transaction(session):
        assert decisions.send_all_again(session, writer(cast.operator), connection) == 0
    found = session.get_one(TicketPair, pair.pair.id)
    assert (found.state, found.reason) == (PairState.CREATING, "")
    assert found.connection.resting_until is None


VERBS: dict[str, Callable[[Session, Actor, SeededPair], object]] = {
    "share": lambda s, a, p: decisions.share(s, writer(a), p.pair.ticket_number, p.pair.connection),
    "send again": lambda s, a, p: decisions.send_again(s, writer(a), p.pair.id),
    "send all": lambda s, a, p: decisions.send_all_again(s, writer(a), p.pair.connection),
    "theirs": lambda s, a, p: decisions.name_theirs(s, writer(a), p.pair.id, "1"),
    "skip": lambda s, a, p: decisions.skip(s, writer(a), 1, "x"),
    "replay": lambda s, a, p: decisions.replay(s, writer(a), 1),
    "choose": lambda s, a, p: decisions.choose(s, writer(a), 1, ours=True),
}


@pytest.mark.parametrize("verb", VERBS)
def test_others_may_not(session: Session, cast: Cast, pair: SeededPair, verb: str) -> None:
    who = [cast.kit, cast.reader, cast.ggus]
    if verb in ("theirs", "skip", "replay"):
        who.append(cast.operator)
    for actor in who:
        with pytest.raises(Forbidden), transaction(session):
            VERBS[verb](session, actor, pair)


def test_what_there_is_not_is_not_found(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    for verb in (
        lambda: decisions.send_again(session, by, 999),
        lambda: decisions.name_theirs(session, by, 999, "1"),
        lambda: decisions.skip(session, by, 999, "x"),
        lambda: decisions.choose(session, by, 999, ours=True),
    ):
        with pytest.raises(NotFound), transaction(session):
            verb()


def seed_other(session: Session, pair: SeededPair, number: int) -> TicketPair:
    """Another ticket that is exchanged with the same connection."""
    from app.exchange.services.planning import begin_pair

    return begin_pair(session, pair.pair.connection, session.get_one(Ticket, number), NOON)
