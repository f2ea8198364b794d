"""Tickets out as NTTDM and in again: what it can hold is kept, what is internal is not told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import demo
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Actor, Door, Writer
from app.reference.seed import add_links, seed_reference
from app.tickets.models.tickets import ExternalReference, Ticket
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.relations import RelationRole
from app.tickets.services.diaries import entries_of
from app.tickets.services.files.export import exported_numbers, exported_rows
from app.tickets.services.files.imports import ImportOutcome, Source, import_tickets
from app.tickets.services.files.nttdm import nttdm_pieces
from app.tickets.services.lifecycle import (
    change_ticket,
    comment_ticket,
    hand_to_partner,
    open_ticket,
)
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.relations import relate_tickets
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import fresh_database, open_engine

LINKS = ("CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001")


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def engine_of(session: Session) -> Engine:
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    return engine


def written(engine: Engine, actor: Actor) -> bytes:
    numbers = exported_numbers(engine, actor, TicketFilter(sort="number"))
    return "".join(nttdm_pieces(engine, actor, numbers)).encode()


def fields(content: bytes, place: int = 0) -> dict[str, str]:
    ticket = ElementTree.fromstring(content)[place]
    return {one.tag.partition("}")[2]: one.text or "" for one in ticket}


def test_the_demo_comes_back_the_same(session: Session) -> None:
    """The demo as NTTDM, imported into a portal that only has the registry: the same rows."""
    now = datetime.now(UTC)
    with transaction(session):
        demo.seed_demo(session, now)
    engine = engine_of(session)
    numbers = exported_numbers(engine, SYSTEM, TicketFilter(sort="number"))
    before = [row for rows in exported_rows(engine, numbers) for row in rows]
    content = written(engine, SYSTEM)
    with fresh_database(session.get_bind().dialect.name) as url:
        other = open_engine(url)
        by = Writer(SYSTEM, Door.COMMAND, now)
        with Session(other) as empty:
            with transaction(empty):
                seed_reference(empty, by)
                add_links(empty, by, demo.LINKS)
            source = Source(content, "the demo")
            with transaction(empty):
                done = import_tickets(empty, by, source)
            assert done.counts == {ImportOutcome.NEW: len(before)}
            with transaction(empty):
                again = import_tickets(empty, by, source)
            assert again.counts == {ImportOutcome.KNOWN: len(before)}
            given = empty.execute(
                select(ExternalReference.ticket_number, ExternalReference.reference).where(
                    ExternalReference.provider == "the demo", ExternalReference.kind == "other"
                )
            )
            old = {row.ticket_number: row.reference for row in given}
            mine = {row.number: row for row in empty.scalars(select(Ticket))}
            theirs = {row.number: row for row in session.scalars(select(Ticket))}
            for number, row in mine.items():
                was = theirs[int(old[number])]
                for name in ("affected_vo", "person_in_charge"):
                    assert getattr(row, name) == getattr(was, name)
                for one in was.references:
                    said = [(item.provider, item.reference or item.url) for item in row.references]
                    assert (one.provider, one.reference or one.url) in said
            empty.rollback()
            news = exported_numbers(other, SYSTEM, TicketFilter(sort="number"))
            after = [row for rows in exported_rows(other, news) for row in rows]
        other.dispose()
    assert len(before) > 200
    assert sorted((old[int(row[0])], *row[1:]) for row in after) == sorted(map(tuple, before))


def test_a_ticket_says_all_that_the_form_holds(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    new = NewTicket(
        title="Fibre cut",
        links=LINKS,
        sites=("pic",),
        affected_vo="atlas",
        person_in_charge="kit",
        estimated_end=NOON + timedelta(hours=3),
        references=(Reference("NREN-A", "12"), Reference("DFN", "", "https://dfn.example/1")),
        public_comment="Seen.",
    )
    with transaction(session):
        number = open_ticket(session, by, new).number
        other = open_ticket(session, writer(cast.nren_a), NewTicket(title="Other")).number
        relate_tickets(session, by, number, RelationRole.RELATED, other)
        later = writer(cast.kit, NOON + timedelta(minutes=5))
        comment_ticket(session, later, number, "Two lines\nof text")
        comment_ticket(session, by, number, "TOP SECRET", internal=True)
        change = {"state": "solved", "solution": "Spliced", "event_end": None}
        change_ticket(session, writer(cast.operator, NOON + timedelta(hours=1)), number, change)
    found = fields(written(engine_of(session), cast.operator))
    wanted = {
        "PARTNER_ID": "LHCOPN",
        "ORIGINAL_ID": str(number),
        "TT_ID": str(number),
        "TT_SOURCE": "Users",
        "TT_STATUS": "Solved",
        "TT_OPEN_DATETIME": "2013-03-06T12:00:00Z",
        "TT_CLOSE_DATETIME": "2013-03-06T13:00:00Z",
        "WORK_PLAN_END_DATETIME": "2013-03-06T15:00:00Z",
        "RELATED_EXTERNAL_TICKETS": "NREN-A: 12;DFN: https://dfn.example/1",
        "RELATED_ACTIVITY": str(other),
        "AFFECTED_COMMUNITY": "atlas",
        "AFFECTED_SERVICE": "LHCOPN",
        "LOCATION": "ES-PIC",
        "NETWORK_LINK_CIRCUIT": ";".join(LINKS),
        "END_LINE_LOCATION_A": "CH-CERN",
        "END_LINE_LOCATION_B": "DE-KIT",
        "CONTACT_ENGINEERS": "kit",
        "CLOSE_ENGINEER": cast.operator.account,
        "HISTORY": "2013-03-06T12:00:00Z operator: Seen.\n"
        "2013-03-06T12:05:00Z kit: Two lines\nof text\n"
        "2013-03-06T13:00:00Z operator: new -> solved",
    }
    assert {name: found[name] for name in wanted} == wanted


def test_internal_text_and_contacts_are_in_no_document(session: Session, cast: Cast) -> None:
    new = NewTicket(
        title="Down",
        submitter_name="NOC",
        submitter_mail="secret@noc.example",
        submitter_phone="+41 77 secret",
        carbon_copy="copy-secret@noc.example",
        internal_comment="secret from the start",
    )
    with transaction(session):
        number = open_ticket(session, writer(cast.ggus), new).number
        comment_ticket(session, writer(cast.operator), number, "more secret", internal=True)
    for actor in (SYSTEM, cast.admin, cast.operator, cast.ggus, cast.reader):
        content = written(engine_of(session), actor)
        assert b"secret" not in content.lower()
        assert fields(content)["TT_SOURCE"] == "Other NOC"


def test_a_partner_is_told_only_of_what_it_may_read(session: Session, cast: Cast) -> None:
    by = writer(cast.operator)
    with transaction(session):
        mine = open_ticket(session, writer(cast.nren_a), NewTicket(title="Mine")).number
        foreign = open_ticket(session, by, NewTicket(title="Foreign")).number
        handed = open_ticket(session, by, NewTicket(title="Handed")).number
        hand_to_partner(session, by, handed, "NREN-A")
        for other in (foreign, handed):
            relate_tickets(session, by, mine, RelationRole.RELATED, other)
    content = written(engine_of(session), cast.nren_a)
    assert len(ElementTree.fromstring(content)) == 2
    assert fields(content)["RELATED_ACTIVITY"] == str(handed)
    assert b"Foreign" not in content


def test_its_history_is_kept_as_one_comment(session: Session, cast: Cast) -> None:
    with transaction(session):
        number = open_ticket(session, writer(cast.kit), NewTicket(title="x")).number
        comment_ticket(session, writer(cast.kit), number, "Seen\r\nby us")
    content = written(engine_of(session), SYSTEM)
    by = writer(cast.admin, NOON + timedelta(days=1))
    with transaction(session):
        done = import_tickets(session, by, Source(content, "another portal"))
    assert done.first is not None
    (entry,) = entries_of(session, cast.reader, [done.first])[done.first]
    assert entry.text == "2013-03-06T12:00:00Z kit: Seen\r\nby us"
    session.rollback()
    # what it says is found by the search, as any comment is
    found = exported_numbers(engine_of(session), SYSTEM, TicketFilter(text="kit: Seen"))
    assert done.first in found
