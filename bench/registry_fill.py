"""Fills a database with a large registry and a long audit: made-up sites, links and changes.

Plain rows in great batches, past the services, because a million changes through them would take
hours. What is made is the same each time, up to the moment at which the log ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from random import Random
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner, PartnerAccount
from app.accounts.models.people import FailedLogins, User
from app.core.models.base import Base
from app.core.models.changes import Change, ChangedField, Refusal
from app.registry.models.registry import (
    FactSource,
    Link,
    LinkCircuit,
    Site,
    SiteAsn,
    SiteContact,
    SiteName,
    SitePrefix,
)
from app.tickets.models.tickets import Ticket, TicketLink

_AT_ONCE = 20_000
_SINCE = datetime(2012, 1, 1, tzinfo=UTC)
_COUNTRIES = ("CH", "DE", "ES", "FR", "GB", "IT", "JP", "NL", "SE", "US")
_KINDS = {"link": 50, "site": 30, "person": 6, "account": 6, "partner": 4, "ticket": 4}
"""Of a hundred changes, how many are of which kind of thing."""
_FIELDS = {
    "link": ("bandwidth_gbps", "10", "100"),
    "site": ("time_zone", "Europe/Zurich", "Europe/Berlin"),
    "person": ("role", "reader", "reporter"),
    "account": ("contract_year", "2013", "2016"),
    "partner": ("code", "NREN", "NREN-A"),
    "ticket": ("priority", "urgent", "less urgent"),
}


@dataclass(frozen=True)
class Filled:
    """What was laid, to ask for."""

    sites: Sequence[str]
    """Keys of sites, the busiest first."""
    links: Sequence[str]
    who: str
    """An account with many changes."""
    middle: tuple[datetime, int]
    """Time and id of a change in the middle of the log."""


def fill_registry(engine: Engine, sites: int, links: int) -> None:
    """Add that many sites and links to the reference data, with names, contacts and circuits."""
    rng = Random(2013)
    with Session(engine) as session:
        first = (session.scalar(select(func.max(Site.id))) or 0) + 1
        first_link = (session.scalar(select(func.max(Link.id))) or 0) + 1
        cern = session.scalars(select(Site.id).where(Site.key == "CH-CERN")).one()
        tickets = session.scalars(select(Ticket.number)).all()
    keys = range(first, first + sites)
    t1s = list(keys[: max(2, sites // 8)])
    store(engine, Site, (_site(key, is_t1=key <= t1s[-1]) for key in keys))
    store(engine, SiteName, (row for key in keys for row in _names(key)))
    store(engine, SiteAsn, ({"site_id": key, "asn": 4_200_000_000 + key} for key in keys))
    store(engine, SitePrefix, (row for key in keys for row in _prefixes(key)))
    store(engine, SiteContact, (_contact(key) for key in keys))
    ends = list(islice(_ends(rng, cern, t1s, keys), links))
    store(engine, Link, _links(ends, first_link))
    store(
        engine,
        LinkCircuit,
        (
            {"link_id": key, "provider": f"NREN-{key % 40}", "circuit_id": f"sample-{key:06}"}
            for key in range(first_link, first_link + links)
        ),
    )
    store(
        engine,
        FactSource,
        (
            {"kind": "site", "thing_id": key, "field": "tier", "source": "", "sample": True}
            for key in keys
        ),
    )
    store(  # so that links have states
        engine,
        TicketLink,
        (
            {
                "ticket_number": number,
                "position": 9,
                "link_id": first_link + position * 7 % links,
                "recognised": False,
            }
            for position, number in enumerate(tickets)
        ),
    )


def fill_audit(engine: Engine, changes: int) -> None:
    """Add that many changes, a fifth as many refusals and as many minutes with failed logins."""
    rng = Random(2012)
    with Session(engine) as session:
        known = {
            "link": session.scalars(select(Link.id)).all(),
            "site": session.scalars(select(Site.id)).all(),
            "person": session.scalars(select(User.id)).all(),
            "account": session.scalars(select(PartnerAccount.id)).all(),
            "partner": session.scalars(select(Partner.id)).all(),
            "ticket": session.scalars(select(Ticket.number)).all(),
        }
        newest = select(Change.kind, Change.thing_id, func.max(Change.version))
        versions: dict[tuple[str, int], int] = defaultdict(int)
        for kind, thing, version in session.execute(newest.group_by(Change.kind, Change.thing_id)):
            versions[kind, thing] = version
        first = (session.scalar(select(func.max(Change.id))) or 0) + 1
        people = session.execute(select(User.id, User.name).order_by(User.id)).all()
    step = (datetime.now(UTC) - _SINCE) / changes
    kinds = rng.choices(list(_KINDS), list(_KINDS.values()), k=changes)

    def logged() -> Iterator[dict[str, Any]]:
        for position, kind in enumerate(kinds):
            thing = rng.choice(known[kind])
            versions[kind, thing] += 1
            person = people[position % len(people)]
            yield {
                "id": first + position,
                "kind": kind,
                "thing_id": thing,
                "version": versions[kind, thing],
                "at": _SINCE + position * step,
                "actor_kind": "person",
                "actor_account": person.name,
                "actor_id": person.id,
                "partner_id": None,
                "author": person.name,
                "claims": "",
                "door": "portal",
                "remote": f"192.0.2.{position % 250}",
                "request_digest": None,
            }

    store(engine, Change, logged())
    store(
        engine,
        ChangedField,
        (
            {
                "change_id": first + position,
                "position": 0,
                **dict(zip(("field", "old", "new"), _FIELDS[kind], strict=True)),
            }
            for position, kind in enumerate(kinds)
        ),
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE counters SET value = {first + changes - 1} WHERE name = 'change'"
        )
    others = range(changes // 5)
    store(
        engine,
        Refusal,
        (
            {
                "at": _SINCE + 5 * position * step,
                "actor_kind": "person",
                "actor_account": "reader",
                "actor_id": None,
                "door": "portal",
                "remote": "192.0.2.9",
                "what": "/admin",
                "reason": "Only admins may manage partners and their accounts",
            }
            for position in others
        ),
    )
    store(
        engine,
        FailedLogins,
        (
            {
                "kind": "person",
                "account": people[position % len(people)].name,
                "minute": (_SINCE + 5 * position * step).replace(second=0, microsecond=0),
                "failures": 1 + position % 20,
                "remote": f"192.0.2.{position % 250}",
            }
            for position in others
        ),
    )


def what_is_there(engine: Engine) -> Filled:
    """What the pages are asked for."""
    with Session(engine) as session:
        ends = select(Link.end_a_id.label("site")).union_all(select(Link.end_b_id)).subquery()
        busiest = (
            select(Site.key)
            .join(ends, ends.c.site == Site.id)
            .where(Site.key.like("SITE-%"))
            .group_by(Site.key)
            .order_by(func.count().desc(), Site.key)
            .limit(50)
        )
        middle = session.execute(
            select(Change.at, Change.id)
            .where(Change.kind == "link", Change.at >= _SINCE + (datetime.now(UTC) - _SINCE) / 2)
            .order_by(Change.at, Change.id)
            .limit(1)
        ).one()
        return Filled(
            sites=session.scalars(busiest).all(),
            links=session.scalars(select(Link.name).order_by(Link.id.desc()).limit(50)).all(),
            who=session.scalars(select(User.name).order_by(User.id)).first() or "",
            middle=(middle.at, middle.id),
        )


def store(engine: Engine, kind: type[Base], rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns, in one transaction, as fast as it goes."""
    table = kind.__table__
    sqlite = engine.dialect.name == "sqlite"
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        if sqlite:
            cursor.execute("BEGIN IMMEDIATE")
        left = iter(rows)
        while some := list(islice(left, _AT_ONCE)):
            columns = list(some[0])
            names = ", ".join(columns)
            if sqlite:
                marks = ", ".join("?" * len(columns))
                values = [[_plain(row[name]) for name in columns] for row in some]
                cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
            else:
                with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                    for row in some:
                        copy.write_row([row[name] for name in columns])
        if not sqlite and "id" in table.c and table.c.id.autoincrement is not False:
            cursor.execute(  # the next row that the portal writes comes behind these
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
        cursor.execute("COMMIT") if sqlite else connection.commit()
        cursor.close()


def _plain(value: object) -> object:
    """As SQLAlchemy stores it in SQLite."""
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None)
        return naive.isoformat(sep=" ", timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


def _key(key: int) -> str:
    return f"SITE-{key:05}"


def _site(key: int, *, is_t1: bool) -> dict[str, Any]:
    return {
        "id": key,
        "key": _key(key),
        "country": _COUNTRIES[key % len(_COUNTRIES)],
        "time_zone": "Europe/Zurich",
        "tier": 1 if is_t1 else None,
        "tier_since": date(2009, 2, 1) if is_t1 else None,
        "tier_until": None,
        "source": "",
        "sample": True,
        "valid_from": date(2009, 1, 1),
        "valid_until": None,
        "version": 1,
        "bandwidth_gbps": 100.0,
        "nrens": f"NREN-{key % 40}",
        "vos": "atlas; cms",
    }


def _names(key: int) -> Iterator[dict[str, Any]]:
    for system, name in (
        ("LHCOPN", _key(key)),
        ("GOCDB", f"SAMPLE-{key:05}-LCG2"),
        ("short", f"S{key:05}"),
    ):
        yield {
            "site_id": key,
            "system": system,
            "name": name,
            "valid_from": None,
            "valid_until": None,
        }


def _prefixes(key: int) -> Iterator[dict[str, Any]]:
    high, low = divmod(key, 256)
    for network, prefix in (
        ("LHCOPN", f"10.{high % 256}.{low}.0/24"),
        ("LHCONE", f"fd00:{key:x}::/48"),
    ):
        yield {"site_id": key, "network": network, "prefix": prefix}


def _contact(key: int) -> dict[str, Any]:
    return {
        "site_id": key,
        "role": "network",
        "name": "Sample NOC",
        "mail": f"noc@site-{key:05}.example",
        "phone": "",
    }


Ends = tuple[str, int, int, int, str]
"""Network, both ends, the number among the links of these ends, and the role."""


def _ends(rng: Random, cern: int, t1s: Sequence[int], keys: Sequence[int]) -> Iterator[Ends]:
    """A primary and a backup link of each T1 to CERN, then links between sites at random."""
    for key in t1s:
        yield "LHCOPN", cern, key, 1, "primary"
        yield "LHCOPN", cern, key, 2, "backup"
    counted: dict[tuple[str, int, int], int] = defaultdict(int)
    while True:
        network = rng.choice(("LHCOPN", "LHCONE", "LHCONE"))
        first, second = sorted(rng.sample(keys, 2))
        counted[network, first, second] += 1
        yield network, first, second, counted[network, first, second], "primary"


def _links(ends: Iterable[Ends], first: int) -> Iterator[dict[str, Any]]:
    for key, (network, one, other, number, role) in enumerate(ends, first):
        yield {
            "id": key,
            "name": f"S{one:05}-S{other:05}-{network}-{number:03}",
            "network": network,
            "end_a_id": one,
            "end_b_id": other,
            "role": role,
            "backs_up_id": key - 1 if role == "backup" else None,
            "responsible_site_id": None,
            "bandwidth_gbps": 100.0,
            "valid_from": date(2009, 1, 1),
            "valid_until": None,
            "source": "",
            "sample": True,
            "version": 1,
        }
