"""Old tickets are found by a new name of their site or link, once the worker has worked."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.jobs.tasks.context import Context
from app.registry.rules.registry import CircuitValue, SiteNameValue
from app.registry.services.links import change_link, link_of_name, link_values
from app.registry.services.sites import change_site, site_of_key, site_values
from app.tickets.rules.content import NewTicket
from app.tickets.rules.tokenizer import read_search
from app.tickets.services.lifecycle import open_ticket
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import list_tickets
from app.tickets.services.search.snippets import contexts_of
from app.tickets.tasks.search_names import follow_names
from app.worker.process import WorkerProcess
from tests.cast import Cast, enter, writer

LINK = "CERN-GRIDKA-LHCOPN-001"


def found(session: Session, cast: Cast, text: str) -> list[int]:
    wanted = TicketFilter(text=text, sort="number")
    with transaction(session):
        return [ticket.number for ticket in list_tickets(session, cast.operator, wanted).tickets]


def test_new_names_are_found(session: Session, context: Context) -> None:
    cast = enter(session)
    by = writer(cast.admin)
    with transaction(session):
        affected = open_ticket(session, by, NewTicket("one", sites=("ES-PIC",))).number
        on_link = open_ticket(session, by, NewTicket("two", links=(LINK,))).number
        open_ticket(session, by, NewTicket("three"))
    with transaction(session):
        names = (*site_values(site_of_key(session, "ES-PIC"))["names"],)
        names += (SiteNameValue("NetSite", "PORTUS"),)
        change_site(session, by, "ES-PIC", {"names": names})
        circuits = link_values(link_of_name(session, LINK))["circuits"]
        circuits += (CircuitValue("DFN", "X-4711"),)
        change_link(session, by, LINK, {"circuits": circuits})
        change_site(session, by, "CH-CERN", {"country": "FR"})  # no name: no work
    assert found(session, cast, "portus") == []
    # a worker that is told to end leaves all of it to the next one
    with transaction(session):
        site = site_of_key(session, "ES-PIC").id
    follow_names(replace(context, is_ending=lambda: True), {"kind": "site", "id": site})
    assert found(session, cast, "portus") == []
    WorkerProcess(context).work_once()
    session.expire_all()
    assert found(session, cast, "portus") == [affected]
    assert found(session, cast, "x-4711") == [on_link]


def test_a_ticket_is_found_by_each_site_that_it_concerns(
    session: Session, context: Context
) -> None:
    """By every name of an affected site, of the responsible one, and of the ends of its links; also
    after these changed."""
    cast = enter(session)
    by = writer(cast.admin)
    with transaction(session):
        on_link = open_ticket(session, by, NewTicket("one", links=(LINK,))).number
        on_site = open_ticket(session, by, NewTicket("two", sites=("FZK-LCG2",))).number
        open_ticket(session, by, NewTicket("three", sites=("ES-PIC",)))
    for text in ("DE-KIT", "fzk-lcg2"):
        assert found(session, cast, text) == [on_link, on_site], text
    assert found(session, cast, "CERN-PROD") == [on_link]
    wanted = TicketFilter(text="fzk-lcg2", sort="number")
    search = read_search(wanted.text)
    page = list_tickets(session, cast.operator, wanted)
    shown = contexts_of(session, page, search, internal=False)[on_link]
    assert "FZK-LCG2" in "".join(piece.text for piece in shown.line)
    session.rollback()
    with transaction(session):
        names = (*site_values(site_of_key(session, "CH-CERN"))["names"],)
        change_site(session, by, "CH-CERN", {"names": (*names, SiteNameValue("NetSite", "MEYRIN"))})
        change_link(session, by, LINK, {"end_b": "ES-PIC"})
    WorkerProcess(context).work_once()
    session.expire_all()
    assert found(session, cast, "meyrin") == [on_link]
    assert on_link in found(session, cast, "ES-PIC")
