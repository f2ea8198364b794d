"""Creation that is safe to repeat: which repeat answers what."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import Forbidden
from app.core.services.changes import TICKET, changes_of
from app.tickets.rules.content import NewTicket
from app.tickets.services.creation.idempotency import CreationAnswer, create_ticket_idempotent
from app.tickets.services.lifecycle import change_ticket, find_ticket, mark_checked, move_ticket
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import list_tickets
from app.tickets.services.timeline import timeline_of
from tests.cast import Cast, enter, writer


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def send(session: Session, cast: Cast, who: str = "nren_a", **content: str) -> CreationAnswer:
    new = NewTicket(title="down", origin_id="77", origin_system=content.get("GHD_Origin_SG", ""))
    with transaction(session):
        return create_ticket_idempotent(
            session, writer(getattr(cast, who)), new, {"GHD_Short_Description": "down", **content}
        )


def test_a_repeat_is_compared_with_what_was_sent_first_not_with_the_ticket(
    session: Session, cast: Cast
) -> None:
    assert send(session, cast) == CreationAnswer(1, created=True)
    with transaction(session):
        change_ticket(session, writer(cast.operator), 1, {"title": "renamed"})
    assert send(session, cast) == CreationAnswer(1, created=False)
    assert find_ticket(session, cast.operator, 1).version == 2


def test_other_content_is_marked_once_per_content_and_overwrites_nothing(
    session: Session, cast: Cast
) -> None:
    send(session, cast)
    for priority in ("urgent", "urgent", "top priority"):
        assert send(session, cast, GHD_Priority=priority).number == 1
    ticket = find_ticket(session, cast.operator, 1)
    assert (ticket.title, ticket.priority, ticket.to_check) == ("down", "less urgent", True)
    notes = [
        item.new
        for change in changes_of(session, TICKET, 1)
        for item in change.fields
        if item.field == "internal_comment"
    ]
    assert notes == [
        "Repeated creation with other content; the ticket was not changed:\nGHD_Priority: urgent",
        "Repeated creation with other content; the ticket was not changed:\n"
        "GHD_Priority: top priority",
    ]
    to_check = list_tickets(session, cast.operator, TicketFilter(to_check=True))
    assert [item.number for item in to_check.tickets] == [1]


def test_a_closed_ticket_answers_the_same_content_and_refuses_another(
    session: Session, cast: Cast
) -> None:
    send(session, cast)
    with transaction(session):
        move_ticket(session, writer(cast.operator), 1, "unsolved")
    assert send(session, cast) == CreationAnswer(1, created=False)
    answer = send(session, cast, GHD_Priority="urgent")
    assert answer.refused is not None
    assert "ticket 1" in answer.refused.message
    assert find_ticket(session, cast.operator, 1).to_check


def test_keys_of_other_partners_and_other_systems_are_others(session: Session, cast: Cast) -> None:
    assert send(session, cast).number == 1
    assert send(session, cast, who="nren_b").number == 2
    assert send(session, cast, GHD_Origin_SG="X").number == 3


def test_an_empty_origin_id_is_no_key(session: Session, cast: Cast) -> None:
    numbers = []
    for _ in range(2):
        with transaction(session):
            new = NewTicket(title="down")
            numbers.append(create_ticket_idempotent(session, writer(cast.nren_a), new, {}).number)
    assert numbers == [1, 2]


def test_a_read_only_account_creates_nothing(session: Session, cast: Cast) -> None:
    from dataclasses import replace

    by = writer(replace(cast.nren_a, read_only=True))
    with pytest.raises(Forbidden, match="read-only"), transaction(session):
        create_ticket_idempotent(session, by, NewTicket(title="x", origin_id="1"), {})


def test_differing_contacts_are_for_operators_and_that_partner_only(
    session: Session, cast: Cast
) -> None:
    send(session, cast)
    content = {"GHD_E-Mail": "secret@nren.example", "GHD_Phone": "+41 22"}
    send(session, cast, **content)

    def shown(who: str) -> str:
        return str(timeline_of(session, getattr(cast, who), 1))

    assert "GHD_E-Mail: (differs)" in shown("ggus")
    assert "secret" not in shown("ggus")
    assert "+41 22" not in shown("ggus")
    assert "secret@nren.example" in shown("operator")
    assert "+41 22" in shown("nren_a")


def test_a_refused_repetition_is_listed_to_check_again(session: Session, cast: Cast) -> None:
    send(session, cast)
    send(session, cast, GHD_Priority="urgent")
    with transaction(session):
        mark_checked(session, writer(cast.operator), 1)
        move_ticket(session, writer(cast.operator), 1, "unsolved")
    assert send(session, cast, GHD_Priority="urgent").refused is not None
    assert find_ticket(session, cast.operator, 1).to_check
