"""What a ticket's page reads at once is what the ticket's own lists hold."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import NotFound
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.relations import RelationRole
from app.tickets.services.attachments import add_attachment, remove_attachment
from app.tickets.services.lifecycle import hand_to_partner, open_ticket
from app.tickets.services.relations import relate_tickets
from app.tickets.services.whole_ticket import read_whole_ticket
from tests.cast import Cast, enter, writer

LISTS = ("affected_links", "affected_sites", "references", "handed_to", "acknowledgements")


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def opened(session: Session, cast: Cast, **fields: object) -> int:
    new = NewTicket(**{"title": "Plan", **fields})  # type: ignore[arg-type]
    return open_ticket(session, writer(cast.operator), new).number


def keys_of(rows: Iterable[object]) -> list[object]:
    return [inspect(row).identity for row in rows]


def test_it_holds_all_in_order(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    with transaction(session):
        one = opened(
            session,
            cast,
            category="change",
            links=("CERN-PIC-LHCOPN-001", "CERN-GRIDKA-LHCOPN-001"),
            sites=("nobody knows", "ES-PIC", "DE-KIT"),
            references=(Reference("NREN-B", "7"), Reference("GGUS", "3", kind="target")),
        )
        bare = opened(session, cast)
        hand_to_partner(session, by, one, "NREN-B")
        hand_to_partner(session, by, one, "NREN-A")
        file = add_attachment(session, by, one, "a.txt", b"a").id
        relate_tickets(session, by, one, RelationRole.RELATED, bare)
    with transaction(session):
        expected = {
            number: {
                name: keys_of(getattr(session.get_one(Ticket, number), name)) for name in LISTS
            }
            for number in (one, bare)
        }
    session.expunge_all()
    for number in (one, bare):
        whole = read_whole_ticket(session, cast.operator, number)
        found = {name: getattr(whole.ticket, name) for name in LISTS}
        assert {name: keys_of(found[name]) for name in LISTS} == expected[number]
        assert whole.has_relations
        assert whole.has_attachments is (number == one)
        assert whole.partners == ["GGUS-TEST", "NREN-A", "NREN-B"]
    with transaction(session):
        remove_attachment(session, by, file)
    assert not read_whole_ticket(session, cast.operator, one).has_attachments


def test_nothing_more_is_asked_of_a_ticket_that_has_nothing(session: Session, cast: Cast) -> None:
    with transaction(session):
        number = opened(session, cast, links=("CERN-PIC-LHCOPN-001",), sites=("DE-KIT",))
    session.expunge_all()
    asked: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *it: asked.append(it[2]))
    ticket = read_whole_ticket(session, cast.operator, number).ticket
    assert [item.link.end_a.key for item in ticket.affected_links] == ["CH-CERN"]
    assert [item.site and item.site.key for item in ticket.affected_sites] == ["DE-KIT"]
    assert [list(getattr(ticket, name)) for name in LISTS[2:]] == [[], [], []]
    assert sum(not statement.startswith("BEGIN") for statement in asked) == 2


def test_who_may_not_read_it_finds_none(session: Session, cast: Cast) -> None:
    with transaction(session):
        number = opened(session, cast)
        hand_to_partner(session, writer(cast.operator), number, "NREN-B")
    assert read_whole_ticket(session, cast.nren_b, number).ticket.number == number
    for actor, wanted in ((cast.nren_a, number), (cast.operator, 999)):
        with pytest.raises(NotFound):
            read_whole_ticket(session, actor, wanted)
