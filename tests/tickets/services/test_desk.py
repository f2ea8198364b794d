"""What lies on somebody's desk, on both databases, and that the home page counts the same rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.home.services.home import BY_STATE, Asked, groups_of, open_counts
from app.tickets.rules.content import NewTicket
from app.tickets.rules.desk import Desk
from app.tickets.services.acknowledgements import acknowledge_change
from app.tickets.services.lifecycle import change_ticket, open_ticket
from app.tickets.services.lists.desk import on_desk
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import list_tickets
from tests.cast import NOON, SYSTEM, Cast, enter, writer

GRIDKA, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
LATER = NOON + timedelta(days=7, seconds=30)
"""Five working days after NOON, which is a Wednesday, and half a minute."""


@pytest.fixture
def cast(session: Session) -> Cast:
    cast = enter(session)
    by, kit = cast.operator, cast.kit

    def seed(actor: Actor, at: datetime, **fields: object) -> int:
        new = NewTicket(**{"title": "Link down", **fields})  # type: ignore[arg-type]
        return open_ticket(session, writer(actor, at), new).number

    def move(number: int, at: datetime, state: str) -> None:
        change_ticket(session, writer(by, at), number, {"state": state})

    with transaction(session):
        seed(by, NOON, links=(GRIDKA,))  # 1 still new
        seed(by, LATER - timedelta(hours=1), links=(PIC,))  # 2 new since an hour
        seed(by, NOON, links=(PIC,))  # 3 waits, changed since
        seed(by, NOON, sites=("DE-KIT",))  # 4 waits since a little less
        seed(kit, NOON)  # 5 in progress, written by the reporter
        seed(by, NOON, category="change", sites=("DE-KIT", "ES-PIC"))  # 6 DE-KIT answers
        seed(by, NOON, category="change", sites=("ES-PIC",))  # 7 over before anybody answered
        move(3, NOON, "waiting for reply")
        move(4, NOON, "in progress")
        move(4, NOON + timedelta(minutes=1), "waiting for reply")
        move(5, NOON, "in progress")
        move(6, NOON, "in progress")
        move(7, NOON, "unsolved")
        lately = writer(cast.admin, LATER - timedelta(hours=2))
        change_ticket(session, lately, 3, {"priority": "urgent", "internal_comment": "Hm."})
        acknowledge_change(session, writer(kit, NOON), 6, "DE-KIT", "accepted")
    return cast


@pytest.mark.parametrize(
    ("desk", "who", "numbers"),
    [
        (Desk.WAITS_TOO_LONG, "operator", [3]),
        (Desk.NOT_TAKEN, "operator", [1]),
        (Desk.ANSWER_MISSING, "operator", [6]),
        (Desk.MY_SITES, "kit", [1, 4, 6]),
        (Desk.WAITS_FOR_ME, "kit", [4]),
        (Desk.WAITS_FOR_ME, "pic", [3]),
        (Desk.MY_ANSWER, "kit", []),
        (Desk.MY_ANSWER, "pic", [6]),
        (Desk.MY_SITES, "reader", []),
    ],
)
def test_each_word(session: Session, cast: Cast, desk: Desk, who: str, numbers: list[int]) -> None:
    actor: Actor = getattr(cast, who)
    wanted = TicketFilter(states=("open",), desk=(on_desk(desk, LATER, actor),), sort="number")
    assert [one.number for one in list_tickets(session, actor, wanted).tickets] == numbers
    group = groups_of(session, actor, {"it": Asked(wanted, rows=2)})["it"]
    assert group.count.number == len(numbers)
    assert [one.number for one in group.tickets] == numbers[:2]


def test_waiting_is_too_long_from_the_minute_on(session: Session, cast: Cast) -> None:
    def waiting(at: datetime) -> list[int]:
        desk = (on_desk(Desk.WAITS_TOO_LONG, at, cast.operator),)
        wanted = TicketFilter(desk=desk, sort="number")
        return [one.number for one in list_tickets(session, cast.operator, wanted).tickets]

    assert waiting(LATER - timedelta(minutes=1)) == []
    assert waiting(LATER + timedelta(minutes=1)) == [3, 4]


def test_a_persons_comment_begins_the_wait_anew_and_a_reminder_does_not(
    session: Session, cast: Cast
) -> None:
    desk = (on_desk(Desk.WAITS_TOO_LONG, LATER, cast.operator),)

    def waiting() -> list[int]:
        found = list_tickets(session, cast.operator, TicketFilter(desk=desk))
        return [one.number for one in found.tickets]

    at, comment = LATER - timedelta(hours=1), {"public_comment": "Anything new?"}
    with transaction(session):
        change_ticket(session, writer(SYSTEM.actor, at), 3, comment)
    assert waiting() == [3]
    with transaction(session):
        change_ticket(session, writer(cast.admin, at), 3, comment)
    assert waiting() == []


def test_counting_stops(session: Session, cast: Cast) -> None:
    for most, words in ((3, "3+"), (6, "6+"), (7, "7"), (8, "7")):
        found = groups_of(session, cast.operator, {"all": Asked(TicketFilter(), 0, most)})
        assert (str(found["all"].count), found["all"].tickets) == (words, ())
    groups = groups_of(session, cast.reader, BY_STATE)
    assert {name: one.number for name, one in open_counts(groups).items()} == {
        "open": 6,
        "new": 2,
        "assigned": 0,
        "in progress": 2,
        "waiting for reply": 2,
        "on hold": 0,
        "reopened": 0,
    }
