"""Pictures of the exchange: created on top of the demo, with what failed, a conflict and a
comparison."""

from __future__ import annotations

from demo_portal import Shown
from picture_scenes import Scene, as_admin
from playwright.sync_api import Page
from sqlalchemy import select

from app.accounts.models.partners import Partner
from app.core.database.transactions import transaction
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryState
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES
from tests.exchange.seeded import PANELS, seed_exchange, seed_panels
from tests.harness.server import LiveServer


def _as_admin(path: str) -> Scene:
    def show(page: Page, shown: Shown) -> None:
        as_admin(page, shown)
        page.goto(shown.server.url + path)

    return show


def _ticket(page: Page, shown: Shown) -> None:
    """The ticket with two partners, one of whom has another value than we."""
    with shown.server.session() as session:
        number = session.scalars(
            select(TicketPair.ticket_number)
            .join(ExchangeEntry, ExchangeEntry.pair_id == TicketPair.id)
            .where(ExchangeEntry.state == EntryState.ASKED)
        ).first()
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/tickets/{number}#h-exchange")


def _panel(place: int) -> Scene:
    def show(page: Page, shown: Shown) -> None:
        with shown.server.session() as session:
            number = session.scalars(
                select(TicketPair.ticket_number)
                .join(Connection, Connection.id == TicketPair.connection_id)
                .join(Partner, Partner.id == Connection.partner_id)
                .where(Partner.code == "NREN-C")
                .order_by(TicketPair.id)
            ).all()[place]
        as_admin(page, shown)
        page.goto(f"{shown.server.url}/tickets/{number}#h-exchange")

    return show


EXCHANGE_PAGES: dict[str, Scene] = {
    **{f"exchange-panel-{name}": _panel(place) for place, name in enumerate(PANELS)},
    "exchange-comparison": _as_admin("/exchange/1/comparison"),
    "exchange-new": _as_admin("/exchange/new"),
    "exchange": _as_admin("/exchange"),
    "exchange-partner": _as_admin("/exchange/1"),
    "exchange-map": _as_admin("/exchange/1/map"),
    "exchange-test": _as_admin("/exchange/1/test"),
    "exchange-ticket": _ticket,
}
"""After ``begin_exchange``."""


def begin_exchange(server: LiveServer) -> None:
    """Connect partners, and lay what their pages are there for."""
    with server.session() as session, transaction(session):
        first, second, third, *others = session.scalars(
            select(Ticket.number)
            .where(Ticket.state.in_(OPEN_STATES))
            .order_by(Ticket.number.desc())
            .limit(3 + len(PANELS))
        ).all()
        seed_exchange(session, (first, second, third))
        seed_panels(session, others)
