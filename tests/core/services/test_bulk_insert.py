"""A ticket that is inserted by plain statements is the one that SQLAlchemy would have written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.accounts.models.people import User
from app.core.database.transactions import writing
from app.core.models.base import Base
from app.core.services.bulk_insert import insert_with_parts
from app.registry.models.registry import Link, Site
from app.tickets.models.relations import Acknowledgement
from app.tickets.models.tickets import (
    ExternalReference,
    SiteSpelling,
    Ticket,
    TicketLink,
    TicketSite,
)
from tests.cast import NOON, enter
from tests.harness.databases import open_engine

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
TIMES = st.none() | st.datetimes(
    datetime(2009, 1, 1),  # noqa: DTZ001  # made aware by the strategy
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
NEEDED: Mapping[str, Any] = {
    "version": 1,
    "title": "t",
    "state": "new",
    "priority": "urgent",
    "network": "LHCOPN",
    "category": "incident",
    "layer": "unknown",
    "impact": "none",
    "unit": "TPM",
    "type_of_problem": "Other",
    "created_at": NOON,
    "changed_at": NOON,
    "last_author": "x",
}
MORE: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("description", "solution", "affected_vo", "submitter_name"), TEXTS),
    **dict.fromkeys(("origin_system", "origin_id", "carbon_copy", "related_issue"), TEXTS),
    **dict.fromkeys(("event_start", "event_end", "window_start", "ended_at"), TIMES),
    **dict.fromkeys(("experiment_specific", "responsible_set_by_hand", "to_check"), st.booleans()),
    "repeats": st.integers(0, 9),
    "responsible_site_id": st.none() | st.integers(0, 2),
    "created_by_user_id": st.none() | st.integers(0, 2),
}
"""Columns that may be left out, so that they have what the row class gives them."""
SITES = st.tuples(
    st.none() | st.integers(0, 2),
    TEXTS,
    st.none() | st.booleans(),
    st.dictionaries(st.integers(0, 2), TEXTS, max_size=3),
)
LINKS = st.lists(
    st.tuples(st.integers(0, 1), st.none() | st.booleans()),
    max_size=2,
    unique_by=lambda one: one[0],
)
REFERENCES = st.tuples(TEXTS, st.none() | st.integers(0, 2), st.none() | TEXTS)
TICKETS = st.fixed_dictionaries(
    {
        "columns": st.fixed_dictionaries({}, optional=dict(MORE)),
        "responsible_site": st.none() | st.integers(0, 2),
        "partner": st.none() | st.integers(0, 2),
        "links": LINKS,
        "sites": st.lists(SITES, max_size=3),
        "references": st.lists(REFERENCES, max_size=3),
        "asked": st.lists(st.integers(0, 2), max_size=3, unique=True),
    }
)
Asked = Mapping[str, Any]


class Known:
    """Stored rows that a ticket refers to, in one session."""

    def __init__(self, session: Session) -> None:
        self.sites = session.scalars(select(Site).order_by(Site.id)).all()
        self.links = session.scalars(select(Link).order_by(Link.id)).all()
        self.partners = session.scalars(select(Partner).order_by(Partner.id)).all()
        self.users = session.scalars(select(User).order_by(User.id)).all()

    def ticket(self, number: int, asked: Asked) -> Ticket:
        """A new ticket with its parts, as a service puts it together."""
        columns = dict(asked["columns"])
        for name, rows in (("responsible_site_id", self.sites), ("created_by_user_id", self.users)):
            if columns.get(name) is not None:
                columns[name] = rows[columns[name]].id
        ticket = Ticket(number=number, **{**NEEDED, **columns})
        if asked["responsible_site"] is not None:
            ticket.responsible_site = self.sites[asked["responsible_site"]]
        if asked["partner"] is not None:
            ticket.created_by_partner = self.partners[asked["partner"]]
        for position, (link, recognised) in enumerate(asked["links"]):
            row = TicketLink(link=self.links[link], position=position)
            if recognised is not None:
                row.recognised = recognised
            ticket.affected_links.append(row)
        for position, (site, name, recognised, spellings) in enumerate(asked["sites"]):
            part = TicketSite(name=name, position=position)
            if site is not None:
                part.site = self.sites[site]
            if recognised is not None:
                part.recognised = recognised
            part.spellings = [
                SiteSpelling(partner_id=self.partners[partner].id, name=spelling)
                for partner, spelling in spellings.items()
            ]
            ticket.affected_sites.append(part)
        for reference, partner, url in asked["references"]:
            other = ExternalReference(kind="other", provider="NREN-A", reference=reference)
            other.partner_id = None if partner is None else self.partners[partner].id
            if url is not None:
                other.url = url
            ticket.references.append(other)
        ticket.acknowledgements = [Acknowledgement(site=self.sites[at]) for at in asked["asked"]]
        return ticket


PARTS: Sequence[type[Base]] = (TicketLink, TicketSite, ExternalReference, Acknowledgement)


def stored(session: Session, number: int) -> dict[str, list[dict[str, Any]]]:
    """All that is stored of a ticket, table by table, in the order of the keys; without those."""
    found = {"tickets": _rows(session, Ticket, Ticket.number == number)}
    for part in PARTS:
        found[part.__tablename__] = _rows(session, part, part.__table__.c.ticket_number == number)
    sites = select(TicketSite.id).where(TicketSite.ticket_number == number).order_by(TicketSite.id)
    for position, site in enumerate(session.scalars(sites)):
        found[f"site_spellings of {position}"] = _rows(
            session, SiteSpelling, SiteSpelling.ticket_site_id == site
        )
    return found


_KEYS = {"number", "id", "ticket_number", "ticket_site_id"}


def _rows(session: Session, kind: type[Base], where: Any) -> list[dict[str, Any]]:
    table = kind.__table__
    rows = session.execute(select(table).where(where).order_by(*table.primary_key)).mappings()
    return [{str(k): v for k, v in row.items() if k not in _KEYS} for row in rows]


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def engine(module_database: str) -> Iterator[Engine]:
    engine = open_engine(module_database)
    with Session(engine) as session:
        enter(session)
    yield engine
    engine.dispose()


_last = [0]


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(asked=TICKETS)
def test_both_ways_store_the_same(engine: Engine, asked: Asked) -> None:
    _last[0] += 2
    plain, flushed = _last[0] - 1, _last[0]
    with Session(engine) as session, writing(session):
        known = Known(session)
        with session.no_autoflush:
            insert_with_parts(session, known.ticket(plain, asked))
            session.add(known.ticket(flushed, asked))
        session.flush()
        assert stored(session, plain) == stored(session, flushed)
    with Session(engine) as session:
        one, other = (session.get_one(Ticket, number) for number in (plain, flushed))
        assert [row.link_id for row in one.affected_links] == [
            row.link_id for row in other.affected_links
        ]
        assert [row.name for row in one.affected_sites] == [
            row.name for row in other.affected_sites
        ]
        assert len(one.references) == len(asked["references"])
        assert len(one.acknowledgements) == len(asked["asked"])


FULL: Asked = {
    "columns": {"description": "d"},
    "responsible_site": 1,
    "partner": 1,
    "links": [(0, True), (1, None)],
    "sites": [(0, "CERN-PROD", None, {0: "CERN", 1: "cern"}), (None, "NOWHERE", True, {})],
    "references": [("1", None, None), ("2", 0, "https://example.org/2")],
    "asked": [2, 1],
}


def test_it_can_be_changed_in_the_same_session_and_is_not_inserted_again(engine: Engine) -> None:
    _last[0] += 1
    number = _last[0]
    with Session(engine) as session, writing(session), statements(engine) as sent:
        known = Known(session)
        ticket = known.ticket(number, FULL)
        insert_with_parts(session, ticket)
        assert sum(one.startswith("INSERT INTO tickets") for one in sent) == 1
        sent.clear()
        session.flush()
        assert sent == []  # nothing is left to write
        # what it has by its class, and what it refers to, can be read
        assert (ticket.solution, ticket.repeats, ticket.event_start) == ("", 0, None)
        assert ticket.responsible_site is known.sites[1]
        assert ticket.handed_to == []
        assert ticket.affected_links[0].ticket is ticket
        assert ticket.affected_sites[1].site is None
        ticket.title = "changed"
        ticket.affected_sites[0].name = "changed too"
        del ticket.affected_links[1]
        ticket.references.append(ExternalReference(kind="other", provider="p", reference="3"))
        ticket.affected_sites[0].spellings[0].name = "third"
        ticket.handed_to.append(known.partners[2])
        session.flush()
        assert [one for one in sent if one.startswith("INSERT INTO tickets")] == []
        assert session.get(Ticket, number) is ticket
    with Session(engine) as session:
        ticket = session.get_one(Ticket, number)
        assert ticket.title == "changed"
        assert [row.link_id for row in ticket.affected_links] == [1]
        assert [row.name for row in ticket.affected_sites] == ["changed too", "NOWHERE"]
        assert [row.reference for row in ticket.references] == ["1", "2", "3"]
        assert sorted(row.name for row in ticket.affected_sites[0].spellings) == ["cern", "third"]
        assert [partner.code for partner in ticket.handed_to] == ["NREN-B"]


def test_what_it_would_lose_is_refused(engine: Engine) -> None:
    with Session(engine) as session, writing(session):
        known = Known(session)
        ticket = known.ticket(999_001, {**FULL, "sites": [], "links": []})
        ticket.handed_to.append(known.partners[0])
        with session.no_autoflush, pytest.raises(AssertionError, match="would be lost"):
            insert_with_parts(session, ticket)
        session.rollback()


def test_a_reference_to_a_row_that_is_not_stored_is_refused(engine: Engine) -> None:
    with Session(engine) as session:
        known = Known(session)
        ticket = known.ticket(999_002, FULL)
        ticket.affected_sites[1].site = Site(key="NEW", country="CH", time_zone="UTC")
        with session.no_autoflush, pytest.raises(AssertionError, match="not stored"):
            insert_with_parts(session, ticket)


def test_one_that_the_database_refuses_leaves_nothing(engine: Engine) -> None:
    with Session(engine) as session:
        asked = {**FULL, "links": [(0, None), (0, None)]}
        with pytest.raises(IntegrityError), writing(session):
            insert_with_parts(session, Known(session).ticket(999_003, asked))
        assert session.get(Ticket, 999_003) is None
        count = text("SELECT count(*) FROM ticket_links WHERE ticket_number = 999003")
        assert session.scalar(count) == 0
