"""What a partner is told beside a ticket's text: what, where and when, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry
from app.exchange.rules.entries import EntryKind
from app.exchange.rules.ledger import Origin
from app.exchange.rules.profiles import Choice, ValueRow
from app.exchange.services.decisions import share
from app.exchange.services.overview import counterparts
from app.tickets.services.lifecycle import change_ticket, comment_ticket
from tests.cast import Cast
from tests.exchange.exchange_world import BEGIN, PROFILE, World
from tests.exchange.tasks.test_deliveries import comments_here, entries_of

LINK = "CERN-GRIDKA-LHCOPN-001"
NAMED = {"category": (ValueRow("maintenance", "Planned work"),)}


@pytest.fixture
def world(session: Session, cast: Cast) -> World:
    return World(session.get_bind().engine)


def open_maintenance(world: World) -> int:
    """A maintenance of one link, whose text says nothing of it."""
    return world.open(
        "Works",
        "The fibre is replaced.",
        category="maintenance",
        impact="outage",
        links=(LINK,),
        sites=("DE-KIT",),
        window_start=BEGIN,
        window_end=BEGIN + timedelta(hours=2),
    )


def bodies(world: World) -> list[str]:
    """What stands at the partner."""
    return [article["body"] for article in world.partner.tickets[1001].articles]


def block(world: World, number: int, category: str = "maintenance") -> str:
    return (
        "Window: 2026-03-02 10:00 UTC to 2026-03-02 12:00 UTC\n"
        f"Category: {category}\n"
        "Impact: outage\n"
        f"Affected links: {LINK}\n"
        "Affected sites: DE-KIT\n"
        f"Ticket: {world.context.settings.public_url}/tickets/{number}"
    )


def test_the_first_text_says_what_where_and_when(world: World) -> None:
    number = open_maintenance(world)
    world.deliver()
    assert bodies(world) == [
        f"The fibre is replaced.\n\n{block(world, number)}\n\n(operator via LHCOPN#{number}/1)"
    ]


def test_the_words_are_those_of_the_map(session: Session, cast: Cast) -> None:
    maps = {**PROFILE.maps, **NAMED}
    world = World(session.get_bind().engine, replace(PROFILE, maps=maps))
    number = open_maintenance(world)
    world.deliver()
    assert block(world, number, "Planned work") in bodies(world)[0]


def test_a_fact_that_changes_is_said_once(world: World) -> None:
    number = open_maintenance(world)
    world.deliver()
    later = {"window_end": BEGIN + timedelta(hours=4), "impact": "degraded", "layer": "performance"}
    world.do(change_ticket, number, later)
    world.do(comment_ticket, number, "It takes longer")
    world.deliver()
    world.deliver()
    assert bodies(world)[1:] == [
        "Impact: was outage, now degraded\n"
        "Window end: was 2026-03-02 12:00 UTC, now 2026-03-02 14:00 UTC\n\n"
        f"(operator via LHCOPN#{number}/2)",
        f"It takes longer\n\n(operator via LHCOPN#{number}/4)",
    ]


def test_sent_is_only_what_a_call_carried(world: World) -> None:
    number = open_maintenance(world)
    world.do(change_ticket, number, {"layer": "performance"})
    world.deliver()
    assert entries_of(world, number) == [
        ("ticket", "sent", "Not set there: priority, layer"),
        ("fields", "skipped", "Not set there: layer"),
    ]


def test_the_block_does_not_come_back_and_nothing_differs(world: World) -> None:
    number = open_maintenance(world)
    world.deliver()
    world.do(change_ticket, number, {"impact": "degraded"})
    world.deliver()
    for article in world.partner.tickets[1001].articles:  # their system cuts the last line off
        article["body"] = article["body"].rpartition("\n\n")[0].upper()
    world.later(minutes=1)
    world.read("1001")
    world.pull()
    assert comments_here(world, number) == []
    with Session(world.engine) as session:
        (found,) = [
            one for one in counterparts(session, number, world.now, internal=True) if one.pair
        ]
        assert found.compared is not None
        assert found.compared.in_step


def test_what_changed_before_it_was_sent_is_said_as_a_change(world: World) -> None:
    number = open_maintenance(world)
    world.do(change_ticket, number, {"impact": "degraded"})
    world.deliver()
    assert "Impact: outage" in bodies(world)[0]
    assert bodies(world)[1].startswith("Impact: was outage, now degraded")


def test_a_ticket_that_is_shared_later_says_what_it_is_by_then(
    session: Session, cast: Cast
) -> None:
    world = World(session.get_bind().engine, replace(PROFILE, tickets=Choice.SHARED))
    number = open_maintenance(world)
    world.do(change_ticket, number, {"impact": "degraded", "sites": ("ES-PIC",)})
    world.deliver()
    with world.writing() as session:
        share(session, world.operator(), number, session.get_one(Connection, world.connection_id))
    world.deliver()
    (first,) = bodies(world)
    assert "Impact: degraded" in first
    assert "Affected sites: ES-PIC" in first


def test_no_field_of_the_block_is_one_that_partners_may_not_see(world: World) -> None:
    number = open_maintenance(world)
    world.do(comment_ticket, number, "the code is 1234", internal=True)
    world.deliver()
    with Session(world.engine) as session:
        first = session.scalars(
            select(ExchangeEntry).where(
                ExchangeEntry.kind == EntryKind.TICKET, ExchangeEntry.origin == Origin.OURS
            )
        ).one()
        said = json.loads(first.content)["facts"]
    names = {line.partition(":")[0] for line in said.splitlines()}
    assert names == {
        *("Window", "Category", "Impact", "Affected links", "Affected sites", "Ticket"),
    }
    assert not any("1234" in body for body in bodies(world))
