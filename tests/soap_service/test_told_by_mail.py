"""A partner that is notified by mail fetches the ticket and answers with its own number."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.exchange.models.pairs import TicketPair
from app.exchange.services.connections.connections import connect
from app.exchange.tasks.deliveries import Deliveries, plan_entries
from app.exchange.tasks.systems import open_system
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import hand_to_partner, open_ticket
from tests.harness.server import test_settings
from tests.soap_service.wire import Wire, modify


def test_ticketmodify_with_their_number_completes_the_pair(sqlite_wire: Wire) -> None:
    by = Writer(SYSTEM, Door.COMMAND, datetime.now(UTC))
    with sqlite_wire.server.session() as session:
        engine = session.get_bind().engine
        context = Context(engine, test_settings(str(engine.url)))
        with transaction(session):
            connect(session, by, "OPN", "mail", url="noc@opn.example", direction="push")
        plan_entries(context)
        with transaction(session):
            number = open_ticket(session, by, NewTicket(title="Link down")).number
            hand_to_partner(session, by, number, "OPN")
        plan_entries(context)
        Deliveries(open_system).deliver(context, {"pair": 1})
        mail = session.scalars(select(Mail).where(Mail.address == "noc@opn.example")).one()
        assert mail.ticket_number == number
        session.rollback()
        assert sqlite_wire.get(str(number))["GHD_Short_Description"] == "Link down"
        assert modify(sqlite_wire, str(number), {"GHD_Target_ID": "TT#479"}).status == 200
        plan_entries(context)
        session.rollback()
        pair = session.scalars(select(TicketPair)).one()
        assert (pair.state, pair.their_id) == ("paired", "TT#479")
