"""A portal and a partner's system in one process, with a clock that a test sets: what is called
goes to the stand-in directly, and each call out and each commit has a named point where a test may
kill whoever works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Protocol

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.adapters.outbound import Answer
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Actor, ActorKind, Door, Role, Writer
from app.demo.partner_system import StandIn
from app.exchange.adapters.http import JsonCaller
from app.exchange.adapters.zammad.client import Zammad
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.partner import PartnerSystem
from app.exchange.rules.profiles import Choice, Profile, ValueRow
from app.exchange.rules.reading import TheirTicket
from app.exchange.services.connections.connections import connect
from app.exchange.services.planning import profile_in_use
from app.exchange.tasks.comparisons import Comparisons
from app.exchange.tasks.deliveries import Deliveries, plan_entries
from app.exchange.tasks.partner_reading import PartnerReader
from app.exchange.tasks.reading import read_whole
from app.jobs.tasks.context import Context
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.harness.server import test_settings

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
TOKEN = "a-token-of-tests"
PROFILE = Profile(
    tickets=Choice.NEW,
    group="Network",
    maps={
        "state": (
            ValueRow("assigned", "assigned"),
            ValueRow("in progress", "in progress"),
            ValueRow("solved", "solved"),
            ValueRow("new", "assigned", "out"),
        )
    },
)


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class Points:
    """Where a process may be killed: before and after each call out and each commit."""

    at: int | None = None
    """The number of the point at which it is killed, once; None = it lives."""
    passed: list[str] = field(default_factory=list)

    def passes(self, name: str) -> None:
        """The process is here."""
        self.passed.append(name)
        if self.at == len(self.passed):
            self.at = None
            raise Killed(name)


class _Context(Context):
    points: Points

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with Session(self.engine) as session:
            with transaction(session):
                yield session
                self.points.passes("before commit")
            self.points.passes("after commit")


class Partner(Protocol):
    """A partner's system of any kind that is spoken with over HTTP."""

    kind: str
    login: str
    """Our account's ``Authorization``."""
    application: Callable[..., Any]
    """What answers (WSGI)."""

    def system(self, caller: JsonCaller, profile: Profile, now: datetime) -> PartnerSystem:
        """What speaks with it."""


class World:
    """The portal's side of one connection with a stand-in partner; ``other``: one that is no
    Zammad (``tests.exchange.kinds``)."""

    def __init__(
        self,
        engine: Engine,
        profile: Profile = PROFILE,
        other: Partner | None = None,
        **connection: Any,
    ) -> None:
        self.engine, self.now = engine, BEGIN
        self.points = Points()
        self.partner = StandIn(TOKEN, now=lambda: self.now)
        self._other = other
        self.context = _Context(engine, test_settings(str(engine.url)), now=lambda: self.now)
        object.__setattr__(self.context, "points", self.points)
        self.deliveries = Deliveries(self._open, chance=lambda: 0.5)
        self.reader = PartnerReader(self._open, chance=lambda: 0.5)
        self.comparisons = Comparisons(self.reader)
        how = {"url": "http://partner.example", "direction": "both"} | connection
        with self.writing() as session:
            by = Writer(actor=SYSTEM, door=Door.COMMAND, now=self.now)
            kind = "zammad" if other is None else other.kind
            made = connect(session, by, "GGUS", kind, profile=profile, **how)
            self.connection_id = made.id
        plan_entries(self.context)
        self.points.passed.clear()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction of somebody whom nobody kills."""
        with Session(self.engine) as session, transaction(session):
            yield session

    def operator(self, name: str = "operator") -> Writer:
        """An operator, now."""
        actor = Actor(kind=ActorKind.PERSON, account=name, role=Role.OPERATOR)
        return Writer(actor=actor, door=Door.PORTAL, now=self.now, author=name)

    def admin(self) -> Writer:
        """An admin, now."""
        actor = Actor(kind=ActorKind.PERSON, account="admin", role=Role.ADMIN)
        return Writer(actor=actor, door=Door.PORTAL, now=self.now, author="admin")

    def open(self, title: str, text: str, **more: Any) -> int:
        """An operator opens a ticket; its number."""
        with self.writing() as session:
            new = NewTicket(title=title, description=text, **more)
            return open_ticket(session, self.operator(), new).number

    def do(self, verb: Callable[..., Any], *arguments: Any, **more: Any) -> None:
        """An operator does something: a verb of tickets."""
        with self.writing() as session:
            verb(session, self.operator(), *arguments, **more)

    def later(self, **time: float) -> None:
        """The clock goes on."""
        self.now += timedelta(**time)

    def pair_of(self, number: int) -> TicketPair | None:
        """The pair of a ticket as it is now."""
        with Session(self.engine) as session:
            return session.scalars(
                select(TicketPair).where(TicketPair.ticket_number == number)
            ).first()

    def deliver(self, number: int | None = None) -> None:
        """Plan what is due, and do all pairs, one after another, or the one of a ticket."""
        plan_entries(self.context)
        pairs = select(TicketPair.id).order_by(TicketPair.id)
        if number is not None:
            pairs = pairs.where(TicketPair.ticket_number == number)
        with Session(self.engine) as session:
            ids = session.scalars(pairs).all()
        for pair_id in ids:
            self.deliveries.deliver(self.context, {"pair": pair_id})

    def read(self, their_id: str) -> None:
        """Read one of their tickets, as after a hint."""
        self.reader.read_ticket(
            self.context, {"connection": self.connection_id, "ticket": their_id}
        )

    def read_now(self, their_id: str) -> TheirTicket:
        """Their ticket as a read brings it, not taken in."""
        with Session(self.engine) as session:
            connection = session.get_one(Connection, self.connection_id)
            system = self._open(self.context, session, connection)
        return read_whole(self.context, system, self.connection_id, their_id)[0]

    def pull(self) -> None:
        """Read what changed there."""
        self.reader.read_partner(self.context, {"connection": self.connection_id})

    def system(self) -> PartnerSystem:
        """What speaks with the partner's system."""
        with Session(self.engine) as session:
            connection = session.get_one(Connection, self.connection_id)
            return self._open(self.context, session, connection)

    def _open(self, context: Context, session: Session, connection: Connection) -> PartnerSystem:
        other, profile = self._other, profile_in_use(session, connection)
        login = f"Token token={TOKEN}" if other is None else other.login
        headers = {"Authorization": login}
        caller = JsonCaller(connection.url, (), headers, transport=self._ask)
        if other is not None:
            return other.system(caller, profile, context.now())
        return Zammad(caller, profile, context.now())

    def _ask(
        self,
        method: str,
        address: str,
        _limits: Any,
        _private: Any,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        path, _, query = address.removeprefix("http://partner.example").partition("?")
        self.points.passes(f"before {method} {path}")
        status: list[int] = []
        told: dict[str, str] = {}

        def start(line: str, heads: list[tuple[str, str]]) -> None:
            status.append(int(line.split()[0]))
            told.update({name.lower(): value for name, value in heads})

        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body or b"")),
            "HTTP_AUTHORIZATION": headers["Authorization"],
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "wsgi.input": BytesIO(body or b""),
        }
        partner = self.partner if self._other is None else self._other.application
        content = b"".join(partner(environ, start))
        self.points.passes(f"after {method} {path}")
        return Answer(status[0], told, content)
