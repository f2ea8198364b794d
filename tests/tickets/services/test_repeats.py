"""What is sent once more within ten minutes is answered, counted on the ticket and stored once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.services.partners import actor_of_account, create_partner_account
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import SYSTEM, Actor
from app.core.rules.errors import Forbidden
from app.core.services.changes import TICKET
from app.tickets.models.attachments import Attachment
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment, remove_attachment
from app.tickets.services.lifecycle import (
    change_ticket,
    comment_ticket,
    find_ticket,
    move_ticket,
    open_ticket,
)
from tests.cast import NOON, PASSWORD, Cast, enter, writer
from tests.cast import SYSTEM as SYSTEM_WRITER
from tests.harness.examples import up_to

TEN = timedelta(minutes=10)
SOON = NOON + timedelta(minutes=1)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def opened(session: Session, by: Actor, **fields: object) -> int:
    with transaction(session):
        new = NewTicket(**{"title": "t", **fields})  # type: ignore[arg-type]
        return open_ticket(session, writer(by), new).number


def comment(
    session: Session, by: Actor, number: int, text: str, at: datetime = SOON, author: str = ""
) -> int:
    """The ticket's version that is answered."""
    with transaction(session):
        return comment_ticket(session, writer(by, at, author=author), number, text).version


def attach(
    session: Session,
    by: Actor,
    number: int,
    name: str = "a.log",
    content: bytes = b"log",
    at: datetime = SOON,
    author: str = "",
) -> int:
    """The id that is answered."""
    with transaction(session):
        return add_attachment(session, writer(by, at, author=author), number, name, content).id


def repeats(session: Session, number: int) -> int:
    return find_ticket(session, SYSTEM, number).repeats


def comments(session: Session, number: int) -> Sequence[str | None]:
    return session.scalars(
        select(ChangedField.new)
        .join(Change)
        .where(Change.kind == TICKET, Change.thing_id == number)
        .where(ChangedField.field.in_(("public_comment", "internal_comment")))
        .order_by(Change.version, ChangedField.position)
    ).all()


def files(session: Session, number: int) -> int:
    return session.scalars(
        select(func.count()).select_from(Attachment).where(Attachment.ticket_number == number)
    ).one()


@pytest.mark.parametrize("who", ["operator", "ggus", "nren_a"])
def test_r1_a_comment_sent_again_is_one_entry(session: Session, cast: Cast, who: str) -> None:
    by = getattr(cast, who)
    number = opened(session, by)
    first = comment(session, by, number, "we look")
    assert comment(session, by, number, "we look", SOON + TEN) == first == 2
    assert comments(session, number) == ["we look"]
    assert repeats(session, number) == 1
    late = comment(session, by, number, "we look", SOON + TEN + timedelta(milliseconds=1))
    assert (late, repeats(session, number)) == (3, 1)
    assert comments(session, number) == ["we look", "we look"]


def test_r1_an_attachment_sent_again_is_one_attachment(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    first = attach(session, cast.ggus, number, author="noc")
    assert attach(session, cast.ggus, number, at=SOON + TEN, author="noc") == first
    assert (files(session, number), repeats(session, number)) == (1, 1)
    late = attach(session, cast.ggus, number, at=SOON + TEN + timedelta(milliseconds=1))
    assert late != first
    assert (files(session, number), repeats(session, number)) == (2, 1)


def test_what_differs_or_is_another_s_is_no_repeat(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    ids = [
        attach(session, by, number, name, content)
        for by, name, content in (
            (cast.ggus, "a.log", b"log"),
            (cast.operator, "a.log", b"log"),
            (cast.operator, "b.log", b"log"),
            (cast.operator, "b.log", b"lag"),
        )
    ]
    assert len(set(ids)) == files(session, number) == 4
    comment(session, cast.operator, number, "same")
    comment(session, cast.ggus, number, "same", author="one")
    comment(session, cast.ggus, number, "same", author="two")
    with transaction(session):
        comment_ticket(
            session, writer(cast.ggus, SOON, author="two"), number, "same", internal=True
        )
    assert comments(session, number) == ["same"] * 4
    assert repeats(session, number) == 0


def test_a_partner_whose_login_is_a_persons_name_is_another(session: Session, cast: Cast) -> None:
    with transaction(session):
        account = create_partner_account(
            session, SYSTEM_WRITER, "NOC", "operator", PASSWORD, access="all"
        )
    number = opened(session, cast.operator)
    for by in (cast.operator, actor_of_account(session, account.id)):
        comment(session, by, number, "we look")
    assert comments(session, number) == ["we look", "we look"]
    assert repeats(session, number) == 0


def test_another_change_between_ends_it(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    comment(session, cast.operator, number, "hello")
    attach(session, cast.operator, number)
    comment(session, cast.operator, number, "hello")
    attach(session, cast.operator, number)
    assert comments(session, number) == ["hello", "hello"]
    assert (files(session, number), repeats(session, number)) == (2, 0)


def test_a_removed_attachment_can_be_added_again_at_once(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    first = attach(session, cast.operator, number)
    with transaction(session):
        remove_attachment(session, writer(cast.operator, SOON), first)
    assert attach(session, cast.operator, number) != first
    assert repeats(session, number) == 0


def test_a_repeat_moves_nothing_and_asks_for_the_right_to_write(
    session: Session, cast: Cast
) -> None:
    """The first comment of the submitter moves the ticket; its repeat is no second entry."""
    number = opened(session, cast.nren_a)
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "waiting for reply")
    first = comment(session, cast.nren_a, number, "here it is")
    assert comment(session, cast.nren_a, number, "here it is") == first
    assert find_ticket(session, SYSTEM, number).state == "in progress"
    assert (comments(session, number), repeats(session, number)) == (["here it is"], 1)
    with pytest.raises(Forbidden):
        comment(session, cast.reader, number, "here it is")


def test_a_move_with_a_comment_sent_again_is_one_entry(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    for at in (SOON, SOON + TEN):
        with transaction(session):
            move_ticket(
                session, writer(cast.operator, at), number, "on hold", public_comment="wait for RAL"
            )
    assert (comments(session, number), repeats(session, number)) == (["wait for RAL"], 1)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["comment", "attach", "title"]),
        st.sampled_from(["operator", "ggus"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from([1_000, 240_000, 599_999, 600_000, 600_001]),
    ),
    min_size=2,
    max_size=7,
)


@settings(max_examples=up_to(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
@example(steps=[("comment", "ggus", "x", 1_000), ("comment", "ggus", "x", 600_000)])
@example(steps=[("attach", "ggus", "x", 1_000), ("attach", "ggus", "x", 600_001)])
def test_any_order_of_writers_and_times(
    session: Session, cast: Cast, steps: list[tuple[str, str, str, int]]
) -> None:
    """Against the rule as it is written: only what equals the newest change of the ticket, by the
    same account, at most ten minutes old, is a repeat; repeats do not renew the ten minutes."""
    number = opened(session, cast.operator)
    now, newest, newest_at = NOON, ("", "", ""), NOON
    expected: dict[str, list[str]] = {"comment": [], "attach": [], "repeat": []}
    title = "t"
    for what, who, text, milliseconds in steps:
        now += timedelta(milliseconds=milliseconds)
        by = getattr(cast, who)
        if what == "comment":
            comment(session, by, number, text, now)
        elif what == "attach":
            attach(session, by, number, text, b"content", now)
        else:
            with transaction(session):
                change_ticket(session, writer(by, now), number, {"title": text})
            if title != text:
                title, newest, newest_at = text, ("title", who, text), now
            continue
        if newest == (what, who, text) and now - newest_at <= TEN:
            expected["repeat"].append(text)
        else:
            expected[what].append(text)
            newest, newest_at = (what, who, text), now
    assert comments(session, number) == expected["comment"]
    assert files(session, number) == len(expected["attach"])
    assert repeats(session, number) == len(expected["repeat"])
