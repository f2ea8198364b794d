"""OpCreate and TicketModify: the portal against a bare Spyne service that commits the same rows."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.tickets.models.tickets import Ticket
from bench import places
from bench.load import Load, drive
from bench.places import LOGIN, PASSWORD, TITLES, Place
from bench.reads import ask
from bench.tables import print_table, rate, ratio
from tests.harness.databases import open_engine

from lxml import etree  # isort: skip

ROUNDS = 3
_TEMPLATE = (
    "<n:GHD_Description>Measured loss between the ends of the link.</n:GHD_Description>"
    "<n:GHD_Origin_ID>template</n:GHD_Origin_ID><n:GHD_Priority>urgent</n:GHD_Priority>"
    "<n:GHD_Short_Description>Sample 123456-1234</n:GHD_Short_Description>"
    "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
    "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
    "<n:GHD_Affected_Site>FZK-LCG2</n:GHD_Affected_Site>"
)
"""As ``calls.lua`` sends it."""


def measure(place: Place, seconds: float) -> None:
    """Print the table of both operations for one database."""
    create = Load("OpCreate", LOGIN, PASSWORD)
    rows = []
    with ExitStack() as servers:
        portal = servers.enter_context(places.portal(place))
        answer = etree.fromstring(ask(portal, "OpCreate", _TEMPLATE))
        template = int(answer[-1][0][0].text or "0")
        bare = servers.enter_context(places.bare(place, {"BENCH_TEMPLATE": str(template)}))
        for operation in ("OpCreate", "TicketModify"):
            load = create
            if operation == "TicketModify":  # of tickets that were just created
                load = Load(operation, LOGIN, PASSWORD, template, _newest(place))
            ways = {"portal": partial(drive, portal, load), "bare": partial(drive, bare, load)}
            found: dict[str, list[float]] = {name: [] for name in ways}
            for way in ways.values():
                way(1)
            for _ in range(ROUNDS):
                for name, way in ways.items():
                    found[name].append(way(seconds))
            ours, theirs = found["portal"], found["bare"]
            rows.append((operation, rate(ours), rate(theirs), ratio(ours, theirs)))
    print_table(
        f"Writing, {TITLES[place.kind]}, each call committed to disk: 8 clients, 2 processes",
        ("operation", "portal", "bare Spyne, the same rows by plain SQL", "ratio"),
        rows,
    )


def _newest(place: Place) -> int:
    engine = open_engine(place.url)
    with Session(engine) as session:
        newest = session.scalar(select(func.max(Ticket.number))) or 0
    engine.dispose()
    return newest
