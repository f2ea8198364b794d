"""The bound on carbon copies: what counts, what does not, and that it holds when many come at once,
on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy.orm import Session

from app.accounts.services.copies import copies_today
from app.accounts.services.people import disable_user, find_user
from app.core.database.transactions import dry_run, transaction
from app.core.rules.access import Actor, ActorKind, Writer
from app.core.rules.errors import Invalid, TooManyCopies
from app.core.rules.mails.mail_addresses import mail_address
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, open_ticket
from tests.cast import NOON, SYSTEM, Cast, enter, writer
from tests.harness.databases import open_engine

FOUR = "a@out.example; b@out.example, c@out.example;d@out.example"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def bounded(actor: Actor, most: int = 4, **more: object) -> Writer:
    return replace(writer(actor), copies_per_day=most, **more)  # type: ignore[arg-type]


def opens(session: Session, by: Writer, copy: str) -> int:
    with transaction(session):
        return open_ticket(session, by, NewTicket(title="down", carbon_copy=copy)).number


def today(session: Session, actor: Actor, days: int = 0) -> int:
    day = (NOON + timedelta(days=days)).date()
    found = copies_today(session, actor.kind, actor.account_id or 0, day)
    session.rollback()
    return found


def test_each_new_outside_address_counts_once_on_a_ticket(session: Session, cast: Cast) -> None:
    with transaction(session):
        find_user(session, "kit").mail = "kit@people.example"
        find_user(session, "pic").mail = "pic@people.example"
        disable_user(session, SYSTEM, find_user(session, "pic"))
    by = bounded(cast.operator, 9)
    number = opens(session, by, "a@out.example; A@OUT.example; KIT@people.example; no address")
    assert today(session, cast.operator) == 1
    with transaction(session):
        change_ticket(session, by, number, {"carbon_copy": "a@out.example; b@out.example"})
    assert today(session, cast.operator) == 2  # one is new there
    with transaction(session):
        change_ticket(session, by, number, {"carbon_copy": ""})
        change_ticket(session, by, number, {"title": "up"})
    opens(session, by, "pic@people.example")  # of nobody who may log in
    assert today(session, cast.operator) == 3
    assert today(session, cast.nren_a) == 0


@pytest.mark.parametrize("who", ["nren_a", "operator"])
def test_one_more_than_allowed_is_refused_and_stores_nothing(
    session: Session, cast: Cast, who: str
) -> None:
    actor = getattr(cast, who)
    number = opens(session, bounded(actor), FOUR)

    def change() -> None:
        with transaction(session):
            change_ticket(session, bounded(actor), number, {"carbon_copy": f"{FOUR};e@out.example"})

    for attempt in (lambda: opens(session, bounded(actor), "e@out.example"), change):
        with pytest.raises(TooManyCopies, match=r"1 more addresses .* named 4 today") as caught:
            attempt()
        assert (caught.value.number, caught.value.field) == (627, "carbon_copy")
    assert today(session, actor) == 4
    opens(session, bounded(actor), "")
    opens(session, bounded(cast.nren_b), FOUR)  # another account has its own
    tomorrow = bounded(actor, now=NOON + timedelta(hours=12))
    opens(session, tomorrow, FOUR)
    assert (today(session, actor), today(session, actor, 1)) == (0, 4)


def test_none_at_all_can_be_allowed_and_what_is_tried_counts_not(
    session: Session, cast: Cast
) -> None:
    with dry_run(session):
        open_ticket(session, bounded(cast.nren_a), NewTicket(title="x", carbon_copy=FOUR))
    assert today(session, cast.nren_a) == 0
    with pytest.raises(TooManyCopies):
        opens(session, bounded(cast.nren_a, 0), "a@out.example")
    opens(session, replace(SYSTEM, copies_per_day=0), FOUR)  # the portal itself


def test_a_leading_dash_is_refused(session: Session, cast: Cast) -> None:
    assert mail_address("-oQ/tmp@out.example") is None
    for copy in ("-oQ/tmp@out.example", "a@out.example; -X@out.example", "-f"):
        for actor in (cast.nren_a, cast.operator):
            with pytest.raises(Invalid, match="cannot start with a dash"):
                opens(session, bounded(actor), copy)


def test_it_holds_when_many_come_at_once(session: Session, cast: Cast, database: str) -> None:
    actor, results = cast.nren_a, []
    start = Barrier(6)

    def work() -> None:
        engine = open_engine(database)
        with Session(engine) as own:
            start.wait()
            for _each in range(3):
                try:
                    opens(own, bounded(actor, 10), "a@out.example")
                    results.append(True)
                except TooManyCopies:
                    results.append(False)
        engine.dispose()

    threads = [Thread(target=work) for _each in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results.count(True), results.count(False)) == (10, 8)
    assert copies_today(session, ActorKind.PARTNER, actor.account_id or 0, NOON.date()) == 10
