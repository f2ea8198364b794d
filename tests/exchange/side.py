"""The portal's side of an exchange, in this process: one ticket system's connection, a worker that
does what is due when it is told to, and a clock that a test moves on."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.core.services.changes import TICKET, take_number
from app.exchange.adapters.newest import OVERLAP
from app.exchange.models.connections import Connection, ExchangeCall
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.partner import PartnerSystem
from app.exchange.rules.profiles import Choice, Profile
from app.exchange.services.connections.connections import connect, set_profile
from app.exchange.services.connections.secrets import LOGIN, add_secret, end_secret, live_secrets
from app.exchange.services.standing import Compared, compared
from app.exchange.tasks.comparisons import Comparisons
from app.exchange.tasks.deliveries import Deliveries, Opener, plan_entries
from app.exchange.tasks.partner_reading import PartnerReader
from app.exchange.tasks.systems import open_system
from app.jobs.tasks.context import Context
from app.tickets.models.attachments import AttachmentContent
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import comment_ticket, move_ticket, open_ticket
from tests.cast import Cast, enter, writer
from tests.harness.server import TEST_SECRET, test_settings

PARTNER = "NREN-A"


class Killed(BaseException):
    """The process dies here."""


class Dying:
    """A partner's system whose caller dies once, after the call of this name was answered."""

    def __init__(self, system: PartnerSystem, call: str) -> None:
        self._system, self._call = system, call

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._system, name)
        if name != self._call:
            return found

        def call(*given: Any) -> None:
            found(*given)
            raise Killed(name)

        return call


@dataclass
class Side:
    """What a test does on the portal's side."""

    engine: Engine
    kind: str
    url: str
    profile: Profile
    secret: str
    login: str = ""
    direction: str = "both"
    internal: bool = False
    numbers_above: int = 0
    """Tickets are numbered from the next one on: a partner may know others from before."""
    ahead: timedelta = timedelta()
    cast: Cast = field(init=False)
    connection_id: int = field(init=False)
    reader: PartnerReader = field(init=False)

    def __post_init__(self) -> None:
        with Session(self.engine) as session:
            self.cast = enter(session)
        self.profile = replace(self.profile, tickets=Choice.NEW)
        with self.writing() as session:
            if self.numbers_above:
                take_number(session, TICKET, self.numbers_above)
            by = self._admin()
            made = connect(
                session,
                by,
                PARTNER,
                self.kind,
                url=self.url,
                direction=self.direction,
                remote_login=self.login,
                internal=self.internal,
                profile=self.profile,
            )
            add_secret(session, by, made, LOGIN, self.secret, TEST_SECRET.encode())
            self.connection_id = made.id
        self.context = Context(
            self.engine,
            replace(
                test_settings(str(self.engine.url)), outbound_private_hosts=frozenset({"127.0.0.1"})
            ),
            now=self.now,
        )
        self.reader = PartnerReader(open_system)
        self.plan()

    # people's doings

    def open(self, title: str, text: str) -> int:
        """Open a ticket; its number."""
        with self.writing() as session:
            return open_ticket(session, self.by(), NewTicket(title=title, description=text)).number

    def comment(self, number: int, text: str, *, internal: bool = False) -> None:
        """Comment on a ticket."""
        with self.writing() as session:
            comment_ticket(session, self.by(), number, text, internal=internal)

    def move(self, number: int, state: str, solution: str | None = None) -> None:
        """Move a ticket."""
        with self.writing() as session:
            move_ticket(session, self.by(), number, state, solution=solution)

    def attach(self, number: int, name: str, content: bytes) -> None:
        """Add a file."""
        with self.writing() as session:
            add_attachment(session, self.by(), number, name, content)

    # the worker's doings

    def plan(self) -> None:
        """Plan what is to be sent."""
        plan_entries(self.context)

    def send(self, open_system: Opener = open_system) -> None:
        """Plan and send what is due."""
        self.plan()
        with Session(self.engine) as session:
            pairs = session.scalars(select(TicketPair.id).order_by(TicketPair.id)).all()
        for pair in pairs:
            Deliveries(open_system, chance=lambda: 0.5).deliver(self.context, {"pair": pair})

    def die_after(self, call: str) -> None:
        """Send, and die after this call was answered and before that is recorded."""

        def dying(context: Context, session: Session, connection: Connection) -> PartnerSystem:
            return cast(PartnerSystem, Dying(open_system(context, session, connection), call))

        try:
            self.send(dying)
        except Killed:
            return
        raise AssertionError(f"{call} was not called")

    def pull(self) -> None:
        """Read what changed there."""
        self.reader.read_partner(self.context, {"connection": self.connection_id})

    def read(self, their_id: str) -> None:
        """Read one of their tickets, as after a hint."""
        self.reader.read_ticket(
            self.context, {"connection": self.connection_id, "ticket": their_id}
        )

    def sweep(self) -> None:
        """Read all open pairs."""
        Comparisons(self.reader).compare(self.context, {"connection": self.connection_id})

    def system(self) -> PartnerSystem:
        """What speaks with the partner's system."""
        with Session(self.engine) as session:
            connection = session.get_one(Connection, self.connection_id)
            return open_system(self.context, session, connection)

    def change_profile(self, profile: Profile) -> None:
        """Change what is exchanged."""
        with self.writing() as session:
            connection = session.get_one(Connection, self.connection_id)
            content = replace(profile, tickets=Choice.NEW).as_json()
            set_profile(session, self._admin(), connection, content)

    def change_secret(self, secret: str, login: str = "") -> None:
        """Log in there in another way."""
        with self.writing() as session:
            connection = session.get_one(Connection, self.connection_id)
            for row in live_secrets(session, connection, LOGIN):
                end_secret(session, self._admin(), connection, row.id)
            key = TEST_SECRET.encode()
            add_secret(session, self._admin(), connection, LOGIN, secret, key)
            connection.remote_login = login

    def read_from(self, at: datetime) -> None:
        """Read on as if all before a time there were read already."""
        with self.writing() as session:
            cursor = (at + OVERLAP).isoformat()
            session.get_one(Connection, self.connection_id).cursor = cursor

    def later(self, **more: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(**more)

    # what a test looks at

    def pair(self, number: int) -> TicketPair:
        """The pair of a ticket."""
        with Session(self.engine, expire_on_commit=False) as session:
            found = select(TicketPair).where(TicketPair.ticket_number == number)
            return session.scalars(found).one()

    def compared(self, number: int) -> Compared:
        """What people are told of how the two tickets are to each other."""
        with Session(self.engine) as session:
            pair = session.scalars(
                select(TicketPair).where(TicketPair.ticket_number == number)
            ).one()
            return compared(session, [pair], self.now())[pair.id]

    def tickets(self) -> list[int]:
        """All tickets' numbers."""
        with Session(self.engine) as session:
            return list(session.scalars(select(Ticket.number).order_by(Ticket.number)))

    def ticket(self, number: int) -> Ticket:
        """A ticket as it is."""
        with Session(self.engine, expire_on_commit=False) as session:
            return session.get_one(Ticket, number)

    def theirs(self, number: int) -> list[tuple[str, str, str]]:
        """Their entries: kind, text or values, state."""
        return self._entries(number, "theirs")

    def ours(self, number: int) -> list[tuple[str, str, str]]:
        """Our entries, alike."""
        return self._entries(number, "ours")

    def reasons(self, number: int) -> list[str]:
        """What is said of entries of ours."""
        return [row.reason for row in self._rows(number, "ours") if row.reason]

    def content(self, attachment: int) -> bytes:
        """What a file here holds."""
        with Session(self.engine) as session:
            return session.get_one(AttachmentContent, attachment).content

    def calls(self) -> list[ExchangeCall]:
        """The calls, oldest first."""
        with Session(self.engine, expire_on_commit=False) as session:
            return list(session.scalars(select(ExchangeCall).order_by(ExchangeCall.id)))

    def reason(self) -> str:
        """Why the last call was in vain."""
        with Session(self.engine) as session:
            return session.get_one(Connection, self.connection_id).reason

    def now(self) -> datetime:
        """The portal's time."""
        return datetime.now(UTC) + self.ahead

    def by(self) -> Writer:
        """An operator, writing now."""
        return writer(self.cast.operator, self.now())

    def _admin(self) -> Writer:
        return writer(self.cast.admin, self.now())

    def writing(self) -> AbstractContextManager[Session]:
        """A session with one transaction."""
        return Context(self.engine, test_settings(str(self.engine.url))).transaction()

    def _rows(self, number: int, origin: str) -> list[ExchangeEntry]:
        pair = self.pair(number)
        with Session(self.engine, expire_on_commit=False) as session:
            found = select(ExchangeEntry).where(
                ExchangeEntry.pair_id == pair.id, ExchangeEntry.origin == origin
            )
            return list(session.scalars(found.order_by(ExchangeEntry.sequence)))

    def _entries(self, number: int, origin: str) -> list[tuple[str, str, str]]:
        told = []
        for row in self._rows(number, origin):
            content = json.loads(row.content)
            text = content.get("text", content.get("description"))
            told.append((row.kind, text if text is not None else row.content, row.state))
        return told
