"""The cast of all tests: accounts, the sites and links they work on, and how they write.

One admin, one operator, the reporter of one site (DE-KIT), the reporter of another (ES-PIC), a
reader, and partners: GGUS-TEST (access all, internal), NREN-A and NREN-B (access own).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.accounts.models.people import User
from app.accounts.services.partners import actor_of_account, create_partner_account
from app.accounts.services.people import actor_of_user, create_user
from app.core.database.transactions import transaction
from app.core.models.changes import Change, Counter
from app.core.rules.access import Actor, ActorKind, Door, Writer
from app.registry.models.registry import Link, Site, SiteName
from app.reports.services.first_quarter import FIRST_QUARTER, ask_reports_from
from tests.harness.rows import Rows, read_rows, write_rows

NOON = datetime(2013, 3, 6, 12, 0, tzinfo=UTC)
"""A Wednesday."""
PASSWORD = "correct horse 9"
SYSTEM = Writer(actor=Actor(kind=ActorKind.SYSTEM, account="portal"), door=Door.COMMAND, now=NOON)


_HAS_ROWS = select(*(exists(select(row)) for row in (Change, Counter, Link, Partner, Site, User)))
_entered: dict[str, tuple[Cast, Rows]] = {}
"""The cast as it was entered into a database of a kind, and the rows that this left."""


@dataclass(frozen=True)
class Cast:
    """Actors, built from real rows."""

    admin: Actor
    operator: Actor
    kit: Actor
    pic: Actor
    reader: Actor
    ggus: Actor
    nren_a: Actor
    nren_b: Actor


def writer(actor: Actor, now: datetime = NOON, **more: Any) -> Writer:
    """That actor, writing at ``now`` through the door that its kind uses."""
    door = Door.SOAP if actor.kind is ActorKind.PARTNER else Door.PORTAL
    return Writer(actor=actor, door=door, now=now, **more)


def enter(session: Session) -> Cast:
    """Write the cast, three sites and two links into an empty database and commit.

    The services write them once for each kind of database and process: what they wrote is kept.
    """
    kind = session.get_bind().dialect.name
    with transaction(session):
        ask_reports_from(session, FIRST_QUARTER)
        is_empty = not any(session.execute(_HAS_ROWS).one())
        if is_empty and kind in _entered:
            cast, rows = _entered[kind]
            write_rows(session, rows)
            return cast
        before = read_rows(session)
        people, accounts = _write(session)
    cast = Cast(
        **{name: _person(session, key) for name, key in people.items()},
        **{login: actor_of_account(session, key) for login, key in accounts.items()},
    )
    if is_empty:
        _entered[kind] = cast, read_rows(session).since(before)
    session.rollback()  # a test begins with no snapshot held
    return cast


def _write(session: Session) -> tuple[dict[str, int], dict[str, int]]:
    """The keys of people and of partners' accounts, by name."""
    sites = {
        key: _site(session, key, country, zone, tier, names)
        for key, country, zone, tier, names in (
            (
                "CH-CERN",
                "CH",
                "Europe/Zurich",
                0,
                {"GOCDB": ("CERN-PROD",), "short": ("CERN",)},
            ),
            (
                "DE-KIT",
                "DE",
                "Europe/Berlin",
                1,
                {"GOCDB": ("FZK-LCG2",), "short": ("GRIDKA",)},
            ),
            ("ES-PIC", "ES", "Europe/Madrid", 1, {"GOCDB": ("pic",), "short": ("PIC",)}),
        )
    }
    for name, end in (("CERN-GRIDKA-LHCOPN-001", "DE-KIT"), ("CERN-PIC-LHCOPN-001", "ES-PIC")):
        session.add(Link(name=name, network="LHCOPN", end_a=sites["CH-CERN"], end_b=sites[end]))
    session.flush()
    people = {
        name: create_user(session, SYSTEM, name, role, PASSWORD, keys).id
        for name, role, keys in (
            ("admin", "admin", ()),
            ("operator", "operator", ()),
            ("kit", "reporter", ("DE-KIT",)),
            ("pic", "reporter", ("ES-PIC",)),
            ("reader", "reader", ()),
        )
    }
    accounts = {
        login: create_partner_account(
            session, SYSTEM, code, login, PASSWORD, access=access, internal=internal
        ).id
        for code, login, access, internal in (
            ("GGUS-TEST", "ggus", "all", True),
            ("NREN-A", "nren_a", "own", False),
            ("NREN-B", "nren_b", "own", False),
        )
    }
    return people, accounts


def _person(session: Session, key: int) -> Actor:
    return actor_of_user(session.get_one(User, key))


def _site(
    session: Session,
    key: str,
    country: str,
    zone: str,
    tier: int,
    names: Mapping[str, tuple[str, ...]],
) -> Site:
    site = Site(key=key, country=country, time_zone=zone, tier=tier, tier_since=date(2009, 2, 1))
    site.names = [SiteName(system="LHCOPN", name=key)] + [
        SiteName(system=system, name=name) for system, given in names.items() for name in given
    ]
    session.add(site)
    return site
