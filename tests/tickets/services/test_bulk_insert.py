"""A new ticket's rows: all of its parts, and on PostgreSQL its number as late as can be."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.accounts.services.partners import actor_of_account, create_partner_account
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.services.changes import TICKET
from app.reference.seed import seed_reference
from app.tickets.models.search import TicketWords
from app.tickets.models.tickets import SiteSpelling, Ticket, TicketSite, UnknownLink
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.services.creation.idempotency import create_ticket_idempotent
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import open_ticket
from app.tickets.services.search.index import index_tickets

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BY = Writer(SYSTEM, Door.COMMAND, NOW)
EVERYTHING = NewTicket(
    title='Change of "quotes", a \\ and an é',
    description="CERN-GRIDKA-LHCOPN-001 and CERN-NOWHERE-LHCOPN-009\nsecond line",
    category="change",
    links=("CERN-GRIDKA-LHCOPN-001", "CERN-IN2P3-LHCOPN-001"),
    sites=("GRIDKA", "Nobody knows it"),
    asked_sites=("DE-KIT", "CH-CERN"),
    references=(
        Reference("PARTNER", "4711", "https://example.org/4711", "target"),
        Reference("Other", "12"),
    ),
    event_start=NOW,
    window_start=NOW,
    window_end=NOW,
    carbon_copy="noc@example.org",
    public_comment="Seen.",
    internal_comment="Between us.",
    origin_id="X-1",
)


def partner(session: Session) -> Writer:
    seed_reference(session, BY)
    account = create_partner_account(
        session, BY, "PARTNER", "partner", "a password of sixteen", access="all", internal=True
    )
    session.flush()
    return Writer(actor_of_account(session, account.id), Door.SOAP, NOW, author="A NOC")


def test_all_parts_of_a_new_ticket_are_written(session: Session) -> None:
    with transaction(session):
        by = partner(session)
        number = create_ticket_idempotent(session, by, EVERYTHING, {"title": "A"}).number
    ticket = session.get_one(Ticket, number)
    for field in ("links", "sites", "references", "event_start", "window_end", "carbon_copy"):
        assert current_value(ticket, field) == getattr(EVERYTHING, field)
    assert current_value(ticket, "asked_sites") == ("CH-CERN", "DE-KIT")
    assert [item.position for item in ticket.affected_links] == [0, 1]
    assert [(item.position, item.recognised) for item in ticket.affected_sites] == [
        (0, False),
        (1, False),
    ]
    assert ticket.references[0].partner_id == by.actor.partner_id
    assert ticket.references[0].kind == "target"
    assert (ticket.title, ticket.description) == (EVERYTHING.title, EVERYTHING.description)
    assert (ticket.version, ticket.repeats, ticket.to_check) == (1, 0, False)
    assert ticket.responsible_site is not None
    assert ticket.responsible_site.key == "DE-KIT"
    assert {item.answer for item in ticket.acknowledgements} == {""}
    spellings = session.execute(
        select(TicketSite.position, SiteSpelling.name)
        .join(SiteSpelling)
        .where(TicketSite.ticket_number == number)
        .order_by(TicketSite.position)
    )
    assert [tuple(row) for row in spellings] == [(0, "GRIDKA"), (1, "Nobody knows it")]
    unknown = session.scalars(select(UnknownLink).where(UnknownLink.ticket_number == number)).all()
    assert [(item.name, item.link_id) for item in unknown] == [("CERN-NOWHERE-LHCOPN-009", None)]
    change = session.scalars(
        select(Change).where(Change.kind == TICKET, Change.thing_id == number)
    ).one()
    assert (change.version, change.at, change.author) == (1, ticket.created_at, "A NOC")
    logged = {item.field: item.new for item in change.fields}
    assert logged["title"] == EVERYTHING.title
    assert logged["public_comment"] == "Seen."
    assert [item.position for item in change.fields] == [*range(len(change.fields))]


def test_the_words_of_a_new_ticket_are_those_that_a_rebuild_writes(session: Session) -> None:
    with transaction(session):
        number = open_ticket(session, partner(session), EVERYTHING).number
    written = session.get_one(TicketWords, number)
    before = written.public.split()
    assert written.internal == " _ between us "
    with transaction(session):
        index_tickets(session, [number])
    session.expire_all()
    assert before[0] == str(number)
    assert {*before} == {*session.get_one(TicketWords, number).public.split()}


def test_a_creation_takes_few_statements_and_its_number_last(session: Session) -> None:
    """Who else creates a ticket waits from the number to the commit."""
    with transaction(session):
        by = partner(session)
    new = NewTicket(title="A", description="B", sites=("GRIDKA",), origin_id="1")
    statements: list[str] = []
    engine = session.get_bind()

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    with transaction(session):
        session.connection()
        statements.clear()
        create_ticket_idempotent(session, by, new, {"title": "A"})
    first = next(place for place, text in enumerate(statements) if "INTO counters" in text)
    behind = statements[first + 1 :]
    if engine.dialect.name == "postgresql":
        # the key, links and site that are named, the site's names; then all rows
        assert len(statements) == 5
        assert behind == []
    else:
        assert len(statements) <= 14
        assert [text for text in behind if text.startswith("SELECT")] == []
