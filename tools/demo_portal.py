"""A server of its own with the demo's data, for pictures and for anyone who measures pages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import demo
from app.accounts.models.calls import AccountDay
from app.accounts.models.people import User
from app.accounts.services.people import actor_of_user
from app.core.database.transactions import transaction
from app.core.mail_settings import MailSettings
from app.core.models.changes import Change
from app.core.rules.access import Door, Writer
from app.matching.services.recompute import bring_up_to_date
from app.registry.services.sites import change_site
from app.tickets.models.relations import Acknowledgement, TicketRelation
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.harness import postgres, run
from tests.harness.databases import fresh_database
from tests.harness.jobs import seed_background_work
from tests.harness.server import LiveServer, live, test_settings
from tests.mails import seed_mails
from tests.soap_service.wire import CREATED, Wire, in_order

PASSWORDS = {login.name: login.password for login in demo.LOGINS}


@dataclass(frozen=True)
class Shown:
    """Where the pages are, and the tickets worth a picture."""

    server: LiveServer
    story: int
    """The open ticket with the longest story."""
    edited: int
    """A ticket that two people edit."""
    change: int
    """A change that some sites accepted."""
    parent: int
    """A ticket with children."""


def log_in(page: Page, server: LiveServer, name: str) -> None:
    """Log in with one of the demo's logins."""
    page.goto(f"{server.url}/login?next=/tickets")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORDS[name])
    page.get_by_role("button", name="Log in").click()
    page.locator(".person-menu").wait_for()


def _let_partner_call(server: LiveServer, ticket: int) -> None:
    """Calls of the demo's partner as its client would make them, some of them wrong."""
    wire, user = (
        Wire(server),
        {"user": demo.PARTNER_LOGIN, "password": PASSWORDS[demo.PARTNER_LOGIN]},
    )
    for turn in range(12):
        wire.call("TicketGet", {"GHD_Request_ID": str(ticket + turn % 5)}, **user)
    wire.call("TicketGetList", {"Qualification": "'GHD_Meta Status' = \"Open\""}, **user)
    wire.call("TicketGet", {"GHD_Request_ID": "999999"}, **user)
    wire.call("TicketGet", {"GHD_Ticket_ID": "1"}, **user)
    wire.call("OpCreate", {**CREATED, "GHD_Origin_ID": "4711"}, **user)
    wire.call("OpCreate", in_order("OpCreate", {**CREATED, "GHD_Origin_ID": "4711"}), **user)
    wire.call("OpGetTicketHist", {"GHD_Request_ID": str(ticket)}, service="GGUS_HISTORY", **user)
    wire.call("TicketGet", {"GHD_Request_ID": str(ticket)}, **{**user, "password": "not this one"})
    with server.session() as session:
        deadline = monotonic() + 10
        while (session.scalar(select(func.sum(AccountDay.calls))) or 0) < 19:
            session.rollback()
            assert monotonic() < deadline, "the calls do not appear in the journal"
            Event().wait(0.1)


def _let_admin_work(server: LiveServer) -> None:
    """Changes of sites with reasons, and tickets with names that nobody knows."""
    with server.session() as session:
        user = session.scalars(select(User).where(User.name == "admin")).one()
        by = Writer(
            actor=actor_of_user(user), door=Door.PORTAL, now=datetime.now(UTC), remote="192.0.2.17"
        )
        session.rollback()
        for key, gbps in (("DE-KIT", 200), ("ES-PIC", 40), ("DE-KIT", 400)):
            with transaction(session):
                change_site(
                    session, by, key, {"bandwidth_gbps": gbps}, why="Upgrade, said by the site"
                )
        for site, count in (("FZK-LGC2", 3), ("UK-T1-RALL", 2), ("NDGF T1", 1)):
            for _ in range(count):
                with transaction(session):
                    content = NewTicket(title="No light on CERN-GRDKA-LHCOPN-001", sites=(site,))
                    open_ticket(session, by, content)


def follow_changes(session: Session) -> None:
    """Work all changes into the figures, as the worker does a moment later."""
    while True:
        with transaction(session):
            left = bring_up_to_date(session, datetime.now(UTC))
        if not left.stale:
            return


@contextmanager
def demo_portal() -> Iterator[Shown]:
    """A server of its own with the demo as it is now."""
    folder = run.begin()
    try:
        with fresh_database("sqlite") as url:
            settings = replace(test_settings(url), demo=True, mail=MailSettings())
            with live(settings) as server:
                with server.session() as session:
                    with transaction(session):
                        demo.seed_demo(session, datetime.now(UTC))
                    story = session.scalars(
                        select(Ticket.number)
                        .join(Change, Change.thing_id == Ticket.number)
                        .where(Change.kind == "ticket", Ticket.state == "in progress")
                        .group_by(Ticket.number)
                        .order_by(func.count().desc(), Ticket.number.desc())
                    ).first()
                    edited = session.scalars(
                        select(Ticket.number).where(Ticket.state == "assigned")
                    ).first()
                    change = session.scalars(
                        select(Acknowledgement.ticket_number).where(
                            Acknowledgement.answer == "refused"
                        )
                    ).first()
                    parent = session.scalars(
                        select(TicketRelation.other_number).where(TicketRelation.kind == "child")
                    ).first()
                assert story is not None
                assert edited is not None
                assert change is not None
                assert parent is not None
                _let_partner_call(server, story)
                _let_admin_work(server)
                with server.session() as session, transaction(session):
                    seed_background_work(session, datetime.now(UTC))
                with server.session() as session:
                    seed_mails(session, datetime.now(UTC))
                with server.session() as session:
                    follow_changes(session)
                yield Shown(server, story, edited, change, parent)
    finally:
        postgres.stop(folder)
        run.end(folder)
