"""Tickets as plain rows: whole, in order, in two statements, and only what may be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import PartnerAccount
from app.accounts.services.partners import actor_of_account, create_partner_account
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Actor, Door, Writer, may_read
from app.core.rules.errors import NotFound
from app.reference.seed import seed_reference
from app.tickets.models.tickets import Ticket, TicketSite
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.services import ticket_rows
from app.tickets.services.diaries import entries_of
from app.tickets.services.fields import facts_of
from app.tickets.services.lifecycle import (
    change_ticket,
    hand_to_partner,
    moves_from,
    moves_of,
    open_ticket,
)
from app.tickets.services.ticket_rows import read_ticket_row, read_ticket_rows, read_whole_row

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BY = Writer(SYSTEM, Door.COMMAND, NOW)


def account(session: Session, code: str, login: str, **switches: Any) -> Actor:
    create_partner_account(session, BY, code, login, "a password of sixteen", **switches)
    session.flush()
    row = session.scalars(select(PartnerAccount).where(PartnerAccount.login == login)).one()
    return actor_of_account(session, row.id)


@pytest.fixture
def cast(session: Session) -> dict[str, Actor]:
    with transaction(session):
        seed_reference(session, BY)
        return {
            "all": account(session, "ALL", "all", access="all"),
            "own": account(session, "OWN", "own", access="own"),
            "system": SYSTEM,
        }


def test_a_row_is_the_ticket_whoever_reads_it(session: Session, cast: dict[str, Actor]) -> None:
    own = Writer(cast["own"], Door.SOAP, NOW)
    with transaction(session):
        spelled = NewTicket(title="A", sites=("GRIDKA", "CH-CERN"), public_comment="First.")
        numbers = [
            open_ticket(session, own, spelled).number,
            open_ticket(session, BY, NewTicket(title="B", sites=("Nobody knows it",))).number,
            open_ticket(session, BY, NewTicket(title="C")).number,
        ]
        change_ticket(session, BY, numbers[0], {"internal_comment": "Second."})
    rows = {
        name: list(read_ticket_rows(session, actor, numbers[::-1])) for name, actor in cast.items()
    }
    mapped = session.get_one(Ticket, numbers[0])
    for row, _ in (found[0] for found in rows.values()):
        for column in Ticket.__table__.columns.keys():  # noqa: SIM118  (not a dict)
            assert getattr(row, column) == getattr(mapped, column)
    assert [row.number for row, _ in rows["all"]] == numbers
    assert [row.affected_site for row, _ in rows["all"]] == ["FZK-LCG2", "Nobody knows it", None]
    assert [row.partner_code for row, _ in rows["all"]] == ["OWN", None, None]
    assert [(row.number, row.affected_site) for row, _ in rows["own"]] == [(numbers[0], "GRIDKA")]
    assert [entry.text for entry in rows["own"][0][1]] == ["First."]
    assert [entry.text for entry in rows["system"][0][1]] == ["First.", "Second."]
    assert [len(entries) for _, entries in rows["system"]] == [2, 0, 0]


def test_one_ticket_is_read_as_in_a_list(session: Session, cast: dict[str, Actor]) -> None:
    """Whoever asks, with the diary in its order and its times and texts as they were written."""
    own = Writer(cast["own"], Door.SOAP, NOW)
    hard = 'a "quoted" \\ back\nslash, é and \U0001f642'
    with transaction(session):
        texts = NewTicket(title="A", sites=("GRIDKA",), internal_comment=hard, public_comment="0")
        numbers = [
            open_ticket(session, own, texts).number,
            open_ticket(session, BY, NewTicket(title="B")).number,
        ]
        for turn in range(12):  # as texts, 10 would come before 9
            later = NOW + timedelta(microseconds=turn * 100_000)
            by = Writer(SYSTEM, Door.COMMAND, later)
            change_ticket(session, by, numbers[0], {"public_comment": f"turn {turn}"})
        change_ticket(session, BY, numbers[0], {"internal_comment": "Of others."})
    for actor in cast.values():
        for number in numbers:
            listed = next(read_ticket_rows(session, actor, [number]), None)
            alone = read_ticket_row(session, actor, number)
            if listed is None:
                assert alone is None
                continue
            assert alone is not None
            assert tuple(alone[0])[:-1] == tuple(listed[0])
            assert list(alone[1]) == list(listed[1])
    assert read_ticket_row(session, cast["own"], numbers[1]) is None
    assert read_ticket_row(session, cast["all"], numbers[1] + 1) is None


def test_what_was_handed_over_is_read(session: Session, cast: dict[str, Actor]) -> None:
    with transaction(session):
        number = open_ticket(session, BY, NewTicket(title="A")).number
    assert list(read_ticket_rows(session, cast["own"], [number, number + 1])) == []
    with transaction(session):
        hand_to_partner(session, BY, number, "OWN")
    assert [row.title for row, _ in read_ticket_rows(session, cast["own"], [number])] == ["A"]
    alone = read_ticket_row(session, cast["own"], number)
    assert alone is not None
    assert alone[0].title == "A"


def test_a_page_takes_two_statements_and_a_longer_one_is_read_in_batches(
    session: Session, cast: dict[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(session):
        numbers = [
            open_ticket(session, BY, NewTicket(title="A", public_comment=str(count))).number
            for count in range(5)
        ]
    statements: list[str] = []
    engine = session.get_bind()

    @event.listens_for(engine, "before_cursor_execute")
    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    session.connection()
    for batch, wanted in ((5, 2), (2, 4)):
        monkeypatch.setattr(ticket_rows, "_AT_ONCE", batch)
        statements.clear()
        asked = select(Ticket.number).where(Ticket.number.in_(numbers))
        found = list(read_ticket_rows(session, cast["all"], asked))
        assert [entries[0].text for _, entries in found] == ["0", "1", "2", "3", "4"]
        assert len(statements) == wanted


LINKS = ("CERN-PIC-LHCOPN-001", "CERN-RAL-LHCOPN-001", "CERN-GRIDKA-LHCOPN-001")
SITES = ("GRIDKA", "CH-CERN", "ES-PIC", "Nobody knows it", "UK-T1-RAL")


def spelling_of(site: TicketSite, actor: Actor) -> str:
    """The site's name as this partner spells it, else as it was first sent or chosen."""
    own = [one.name for one in site.spellings if one.partner_id == actor.partner_id]
    return own[0] if own else site.name


def some_content(rng: Random) -> dict[str, Any]:
    """Lists of a ticket, in any order and of any length from none."""

    def some(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(rng.sample(names, rng.randrange(len(names) + 1)))

    return {
        "links": some(LINKS),
        "sites": some(SITES),
        "references": tuple(
            Reference(one, f"{one}-1", "https://example.org/" * rng.randrange(2), "other")
            for one in some(("NREN", 'a "quoted" one', "Carrier é"))
        ),
    }


def test_a_whole_row_is_the_mapped_ticket_with_its_lists(
    session: Session, cast: dict[str, Actor]
) -> None:
    """Whatever was written and changed, whoever reads it; what may not be read is not found."""
    rng = Random(2026)
    own = Writer(cast["own"], Door.SOAP, NOW)
    numbers = []
    with transaction(session):
        for turn in range(12):
            by = rng.choice((BY, own))
            ticket = open_ticket(session, by, NewTicket(title=f"No {turn}", **some_content(rng)))
            numbers.append(ticket.number)
            if rng.random() < 0.6:
                wanted = some_content(rng) | {"public_comment": f"Turn {turn}"}
                change_ticket(session, rng.choice((BY, by)), ticket.number, wanted)
            if rng.random() < 0.3:
                hand_to_partner(session, BY, ticket.number, "OWN")
    found = hidden = 0
    for actor in cast.values():
        for number in numbers:
            mapped = session.get_one(Ticket, number)
            if not may_read(actor, facts_of(mapped)):
                hidden += 1
                with pytest.raises(NotFound):
                    read_whole_row(session, actor, number)
                continue
            found += 1
            whole = read_whole_row(session, actor, number)
            for column in Ticket.__table__.columns.keys():  # noqa: SIM118  (not a dict)
                assert getattr(whole.ticket, column) == getattr(mapped, column)
            site, partner = mapped.responsible_site, mapped.created_by_partner
            assert whole.ticket.responsible_key == (site and site.key)
            assert whole.ticket.partner_code == (partner and partner.code)
            assert [(one.name, one.end_a, one.end_b, one.recognised) for one in whole.links] == [
                (one.link.name, one.link.end_a.key, one.link.end_b.key, one.recognised)
                for one in mapped.affected_links
            ]
            assert [(one.key, one.name, one.recognised) for one in whole.sites] == [
                (one.site and one.site.key, spelling_of(one, actor), one.recognised)
                for one in mapped.affected_sites
            ]
            assert whole.references == [
                Reference(one.provider, one.reference, one.url, one.kind)
                for one in mapped.references
            ]
            assert whole.diary == entries_of(session, actor, [number]).get(number, [])
            facts = facts_of(mapped)
            assert whole.site_ids == facts.site_ids
            assert whole.handed_to_partners == facts.handed_to_partners
            assert moves_from(actor, mapped.state, whole) == moves_of(actor, mapped)
    assert min(found, hidden) >= 3
    with pytest.raises(NotFound):
        read_whole_row(session, SYSTEM, numbers[-1] + 1)
