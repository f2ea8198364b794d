"""What it costs to read texts of a partner, in statements; a time would depend on the machine."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.exchange.models.pairs import ExchangeEntry
from tests.exchange.exchange_world import World

TEXTS = 30


def count_of(world: World, texts: int) -> Counter[str]:
    """The statements while a worker reads so many new texts."""
    statements: Counter[str] = Counter()

    def note(*given: Any) -> None:
        if not str(given[2]).startswith("BEGIN"):
            statements[str(given[2])] += 1

    before = theirs(world)
    event.listen(world.engine, "before_cursor_execute", note)
    world.pull()
    event.remove(world.engine, "before_cursor_execute", note)
    assert theirs(world) == before + texts
    return statements


def theirs(world: World) -> int:
    """Texts of theirs that are stored."""
    stored = select(func.count()).where(
        ExchangeEntry.origin == "theirs", ExchangeEntry.kind == "comment"
    )
    with Session(world.engine) as session:
        return session.scalar(stored) or 0


def open_there(world: World, tickets: int) -> list[int]:
    """Their tickets, with pairs."""
    world.pull()  # what changes from now on
    made = [
        world.partner.open(f"Down {one}", "The fibre is cut.", group="Network")
        for one in range(tickets)
    ]
    world.later(minutes=1)
    world.pull()
    world.later(minutes=1)
    return made


def test_a_text_on_each_of_many_tickets_takes_few_statements(session: Session) -> None:
    """Their values are read with it and did not change."""
    world = World(session.get_bind().engine)
    for ticket in open_there(world, TEXTS):
        world.partner.comment(ticket, "We look")
    statements = count_of(world, TEXTS)
    assert statements.total() <= 21 * TEXTS, statements.most_common()


def test_many_texts_on_one_ticket_load_its_entries_once(session: Session) -> None:
    """For each text only the number of the newest entry is looked up."""
    world = World(session.get_bind().engine)
    (ticket,) = open_there(world, 1)
    for one in range(TEXTS):
        world.partner.comment(ticket, f"We look again, {one}")
    statements = count_of(world, TEXTS)
    of_entries = Counter(
        {text: count for text, count in statements.items() if "FROM exchange_entries" in text}
    )
    assert of_entries.total() <= TEXTS + 6, of_entries.most_common()
