"""How many statements the pages of every day ask, at most, and that what they keep is never old."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import PortalFact
from app.core.web.extensions import db
from app.registry.models.registry import Link
from app.tickets.models.tickets import Ticket
from app.tickets.pages.listing.columns import COLUMNS
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import list_tickets
from tests.cast import NOON, Cast, writer
from tests.harness.visits import Enter

KIT, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"


@pytest.fixture
def tickets(session: Session, cast: Cast) -> list[int]:
    with transaction(session):
        return [
            open_ticket(
                session,
                writer(cast.operator, NOON),
                NewTicket(title=f"Loss {turn}", links=(KIT,), sites=("DE-KIT", "nobody knows")),
            ).number
            for turn in range(60)
        ]


@pytest.mark.parametrize(
    ("path", "most"),
    [  # one of each whole page is the bar's: when monitoring reported last
        ("/shortcuts", 2),
        ("/tickets", 9),
        # one looks the site up, for the page and its counts
        ("/tickets?site=DE-KIT&state=open&state=closed&network=LHCOPN", 10),
        ("/tickets?sort=title&last=yes", 9),
        ("/tickets?q=loss", 10),
        ("/tickets?q=operator", 12),
        # one of them are its detected events, one the states of its links, one its partners, one
        # the lists of its sites' downtimes; a text that names something costs one more
        ("/tickets/{number}", 11),
        ("/search?q=lhc", 11),
        ("/ws/ticket_search.php?writeFormat=XML", 3),
        ("/topology", 8),
        ("/", 21),
    ],
)
def test_a_page_takes_few_statements(
    cast: Cast, visit: Enter, tickets: list[int], path: str, most: int
) -> None:
    visitor = visit(cast.operator)
    for number in tickets[:2]:  # the first one writes that the person was here
        visitor.read(path.format(number=number))
    counted: list[str] = []
    with visitor.client.application.app_context():
        engine = db.engine

    def note(*given: object) -> None:
        if not str(given[2]).startswith("BEGIN"):
            counted.append(str(given[2]))

    event.listen(engine, "before_cursor_execute", note)
    visitor.read(path.format(number=tickets[2]))
    event.remove(engine, "before_cursor_execute", note)
    assert len(counted) <= most, "\n".join(counted)


def test_what_a_page_shows_of_the_registry_is_never_old(
    session: Session, cast: Cast, visit: Enter, tickets: list[int]
) -> None:
    """The picture's layout is kept by what it is made of, and nothing else is kept."""
    visitor = visit(cast.operator)
    page = f"/tickets/{tickets[0]}"
    assert "3 sites and 2 links" in visitor.get(page).text
    assert "ADDED" not in visitor.get("/topology").text
    with transaction(session):
        pic = session.scalars(select(Link).where(Link.name == PIC)).one()
        session.add(Link(name="ADDED", network="LHCOPN", end_a=pic.end_a, end_b=pic.end_b))
    assert "3 sites and 3 links" in visitor.get(page).text
    for path in ("/topology", "/tickets/filter"):  # drawn, and among those to filter by
        assert "ADDED" in visitor.get(path).text
    with transaction(session):
        session.delete(session.scalars(select(Link).where(Link.name == "ADDED")).one())
    assert "3 sites and 2 links" in visitor.get(page).text
    for path in ("/topology", "/tickets/filter"):
        assert "ADDED" not in visitor.get(path).text


def test_pages_say_at_once_that_the_data_is_a_demo(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.reader)
    assert "Demo data" not in visitor.get("/tickets").text
    with transaction(session):
        session.add(PortalFact(name="demo", value="yes"))
    assert "Demo data" in visitor.get("/tickets").text


def test_each_column_of_a_list_shows_what_the_ticket_holds(
    session: Session, cast: Cast, tickets: list[int]
) -> None:
    page = list_tickets(session, cast.operator, TicketFilter(sort="number"), limit=1)
    (row,) = page.tickets
    ticket = session.get_one(Ticket, tickets[0])
    for column in COLUMNS.values():
        if column.field:
            assert getattr(row, column.field) == getattr(ticket, column.field)
    assert [item.shown for item in page.links[row.number]] == [KIT]
    assert [item.shown for item in page.sites[row.number]] == ["DE-KIT", "nobody knows"]
