"""Merging a ticket into another one: what is closed, told, brought along, and undone again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.core.services.changes import TICKET, changes_of
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket
from app.tickets.models.watchers import TicketWatcher
from app.tickets.rules.content import NewTicket
from app.tickets.rules.merging import MERGED_COMMENT
from app.tickets.rules.relations import RelationRole
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import (
    close_due_tickets,
    comment_ticket,
    find_ticket,
    hand_to_partner,
    move_ticket,
    open_ticket,
)
from app.tickets.services.merging import merge_tickets, separate_tickets, stories_of
from app.tickets.services.relations import relate_tickets, relations_of
from app.tickets.services.watching import unwatch_ticket, watch_ticket
from tests.cast import NOON, SYSTEM, Cast, enter, writer
from tests.harness.databases import open_engine

DUPLICATE_OF, DUPLICATE = RelationRole.DUPLICATE_OF, RelationRole.DUPLICATE
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def opened(session: Session, by: Actor, **fields: str) -> int:
    with transaction(session):
        return open_ticket(session, writer(by), NewTicket(**{"title": "Down", **fields})).number  # type: ignore[arg-type]


def merge(session: Session, by: Actor, number: int, master: int) -> None:
    with transaction(session):
        merge_tickets(session, writer(by, LATER), number, master)


def separate(session: Session, by: Actor, number: int, role: RelationRole, other: int) -> None:
    with transaction(session):
        separate_tickets(session, writer(by, LATER), number, role, other)


def newest(session: Session, number: int) -> list[tuple[str, str | None, str | None]]:
    change = changes_of(session, TICKET, number)[-1]
    return [(item.field, item.old, item.new) for item in change.fields]


def seen(session: Session, by: Actor, number: int) -> list[tuple[str, int]]:
    return [(item.role, item.number) for item in relations_of(session, by, number)]


def watchers(session: Session, number: int) -> set[int]:
    return set(
        session.scalars(select(TicketWatcher.user_id).where(TicketWatcher.ticket_number == number))
    )


def test_the_duplicate_is_closed_in_one_change_and_each_names_the_other(
    session: Session, cast: Cast
) -> None:
    master, double = opened(session, cast.operator), opened(session, cast.ggus)
    merge(session, cast.operator, double, master)
    assert newest(session, double) == [
        ("state", "new", "unsolved"),
        ("public_comment", None, MERGED_COMMENT),
        ("duplicate_of", None, str(master)),
    ]
    assert newest(session, master) == [("duplicate", None, str(double))]
    row = session.get_one(Ticket, double)
    assert (row.state, row.ended_at, row.version) == ("unsolved", LATER, 2)
    assert session.get_one(Ticket, master).state == "new"
    assert seen(session, cast.reader, double) == [(DUPLICATE_OF, master)]
    versions = [session.get_one(Ticket, one).version for one in (double, master)]
    merge(session, cast.operator, double, master)  # the second time is no change
    assert [session.get_one(Ticket, one).version for one in (double, master)] == versions


def test_separating_restores_both(session: Session, cast: Cast) -> None:
    master, double = opened(session, cast.operator), opened(session, cast.operator)
    with transaction(session):
        move_ticket(session, writer(cast.operator), double, "on hold")
        watch_ticket(session, writer(cast.pic), double)
        watch_ticket(session, writer(cast.reader), double)
        watch_ticket(session, writer(cast.reader), master)
    merge(session, cast.operator, double, master)
    people = (cast.pic, cast.reader, cast.operator)  # the last opened the duplicate
    assert watchers(session, master) == {one.account_id for one in people}
    with transaction(session):
        comment_ticket(session, writer(cast.operator, LATER), double, "afterwards")
    separate(session, cast.operator, master, DUPLICATE, double)
    assert newest(session, double) == [
        ("state", "unsolved", "on hold"),
        ("duplicate_of", str(master), None),
    ]
    assert newest(session, master) == [("duplicate", str(double), None)]
    row = session.get_one(Ticket, double)
    assert (row.state, row.ended_at) == ("on hold", None)
    assert seen(session, cast.reader, double) == []
    assert watchers(session, master) == {cast.reader.account_id}
    assert watchers(session, double) == {cast.pic.account_id, cast.reader.account_id}


def test_who_left_the_master_and_came_back_stays(session: Session, cast: Cast) -> None:
    master, double = opened(session, cast.ggus), opened(session, cast.ggus)
    with transaction(session):
        watch_ticket(session, writer(cast.pic), double)
    merge(session, cast.operator, double, master)
    with transaction(session):
        again = writer(cast.pic, LATER + timedelta(minutes=1))
        unwatch_ticket(session, again, master)
        watch_ticket(session, again, master)
    separate(session, cast.operator, double, DUPLICATE_OF, master)
    assert watchers(session, master) == {cast.pic.account_id}


@pytest.mark.parametrize("how", ["moved", "closed"])
def test_a_duplicate_that_was_moved_since_stays_as_it_is(
    session: Session, cast: Cast, how: str
) -> None:
    master, double = opened(session, cast.operator), opened(session, cast.operator)
    merge(session, cast.operator, double, master)
    with transaction(session):
        if how == "moved":
            move_ticket(session, writer(cast.operator, LATER), double, "reopened")
        else:
            close_due_tickets(session, SYSTEM, LATER + timedelta(days=30))
    state = session.get_one(Ticket, double).state
    assert state == {"moved": "reopened", "closed": "closed"}[how]
    separate(session, cast.operator, double, DUPLICATE_OF, master)
    assert newest(session, double) == [("duplicate_of", str(master), None)]
    assert session.get_one(Ticket, double).state == state


def test_what_was_ended_or_linked_before_is_merged_too(session: Session, cast: Cast) -> None:
    master, ended, linked = (opened(session, cast.operator) for _ in range(3))
    with transaction(session):
        move_ticket(session, writer(cast.operator), ended, "solved", solution="Replaced")
        relate_tickets(session, writer(cast.operator), linked, DUPLICATE_OF, master)
    for one in (ended, linked):
        merge(session, cast.operator, one, master)
    assert session.get_one(Ticket, ended).state == "solved"
    assert newest(session, ended) == [("duplicate_of", None, str(master))]
    assert newest(session, linked) == [
        ("state", "new", "unsolved"),
        ("public_comment", None, MERGED_COMMENT),
        ("duplicate_of", str(master), str(master)),
    ]
    separate(session, cast.operator, linked, DUPLICATE_OF, master)
    separate(session, cast.operator, ended, DUPLICATE_OF, master)
    assert [session.get_one(Ticket, one).state for one in (ended, linked)] == ["solved", "new"]
    assert seen(session, cast.reader, master) == []


def test_a_merge_of_before_is_not_undone_by_a_later_link(session: Session, cast: Cast) -> None:
    master, double = opened(session, cast.operator), opened(session, cast.operator)
    merge(session, cast.operator, double, master)
    with transaction(session):
        by = writer(cast.operator, LATER)
        separate_tickets(session, by, double, DUPLICATE_OF, master)
        move_ticket(session, by, double, "unsolved")
        relate_tickets(session, by, double, DUPLICATE_OF, master)
    separate(session, cast.operator, double, DUPLICATE_OF, master)
    assert session.get_one(Ticket, double).state == "unsolved"


def test_writing_on_both_is_needed(session: Session, cast: Cast) -> None:
    own = opened(session, cast.kit)
    other = opened(session, cast.operator)
    handed = opened(session, cast.nren_a)
    for by, number, master in (
        (cast.kit, own, other),
        (cast.kit, other, own),
        (cast.reader, own, other),
    ):
        with pytest.raises(Forbidden):
            merge(session, by, number, master)
    with pytest.raises(NotFound):
        merge(session, cast.nren_a, handed, other)
    with pytest.raises(NotFound):
        merge(session, cast.operator, own, 99)
    merge(session, cast.operator, own, other)
    with pytest.raises(Forbidden):
        separate(session, cast.kit, own, DUPLICATE_OF, other)
    assert session.get_one(Ticket, own).state == "unsolved"
    with transaction(session):
        hand_to_partner(session, writer(cast.operator), other, "NREN-A")
    merge(session, cast.nren_a, handed, other)


def test_circles_and_chains_are_refused(session: Session, cast: Cast) -> None:
    one, two, three = (opened(session, cast.operator) for _ in range(3))
    merge(session, cast.operator, one, two)
    for number, master, words in (
        (two, one, "Ticket 1 is unsolved"),
        (three, one, "Ticket 1 is unsolved"),
        (two, three, "has duplicates itself"),
        (one, three, "already has an original"),
        (one, one, "into itself"),
    ):
        with pytest.raises(Invalid, match=words):
            merge(session, cast.operator, number, master)
    with transaction(session):
        move_ticket(session, writer(cast.operator, LATER), one, "reopened")
    with pytest.raises(Invalid, match="duplicate itself"):
        merge(session, cast.operator, three, one)


def test_a_partner_reads_no_more_than_before(session: Session, cast: Cast) -> None:
    master, double = opened(session, cast.operator), opened(session, cast.nren_a)
    with transaction(session):
        comment_ticket(session, writer(cast.operator), double, "secret", internal=True)
        comment_ticket(session, writer(cast.operator), double, "open")
        add_attachment(session, writer(cast.operator), double, "trace.txt", b"hops")
    merge(session, cast.operator, double, master)
    with pytest.raises(NotFound):
        find_ticket(session, cast.nren_a, master)
    (story,) = stories_of(session, cast.operator, [double])
    assert [step.internal_comment for step in story.steps if step.internal_comment] == ["secret"]
    (story,) = stories_of(session, cast.reader, [double])
    assert not any(step.internal_comment for step in story.steps)
    texts = [step.public_comment for step in story.steps if step.public_comment]
    assert texts == ["open", MERGED_COMMENT]
    assert len(story.attachments) == 1


@pytest.mark.timeout(120)
def test_two_who_merge_into_each_other_at_once_are_not_both_granted(
    database: str, session: Session, cast: Cast
) -> None:
    engine = open_engine(database)
    for _ in range(8):
        one, two = opened(session, cast.operator), opened(session, cast.operator)

        def wish(pair: tuple[int, int]) -> bool:
            with Session(engine) as own:
                try:
                    merge(own, cast.operator, *pair)
                except Invalid:
                    return False
                return True

        with ThreadPoolExecutor(2) as pool:
            granted = list(pool.map(wish, [(one, two), (two, one)]))
        assert sorted(granted) == [False, True]
        session.rollback()
        bonds = session.scalars(
            select(TicketRelation).where(TicketRelation.ticket_number.in_((one, two)))
        ).all()
        assert [bond.kind for bond in bonds] == ["duplicate"]
        states = {number: session.get_one(Ticket, number).state for number in (one, two)}
        assert states == {bonds[0].ticket_number: "unsolved", bonds[0].other_number: "new"}
    engine.dispose()
