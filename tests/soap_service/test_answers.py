"""Answers about tickets: the bytes that Spyne writes, seen by nobody who may not, never an old one.

A second dispatcher over the same handlers leaves the writing to Spyne. What "another process" does
is done beside the door, through the services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import current_thread, main_thread
from tracemalloc import get_traced_memory, start, stop
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session
from werkzeug.test import Client

from app.accounts.models.calls import PartnerCall
from app.accounts.models.partners import Partner
from app.accounts.services.partners import (
    actor_of_account,
    create_partner_account,
    disable_account,
    find_account,
    set_account_password,
)
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Actor, Door, Writer
from app.core.rules.errors import PortalError
from app.core.web.extensions import db
from app.factory import create_app
from app.registry.models.registry import Site, SiteName
from app.tickets.models.tickets import SiteSpelling, Ticket, TicketPartner
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, hand_to_partner, open_ticket
from soap_service.answer_xml import Values, sendable, write_answer
from soap_service.application import mount
from soap_service.dispatch import Call, Dispatcher, application_of
from soap_service.envelope import read_request
from soap_service.faults import SoapFault
from soap_service.fields import GGUS, ROW, Operation
from soap_service.tickets import HANDLERS
from soap_service.types import model_of, row_of
from tests.demo.seeded import NOW, lay_demo
from tests.harness.databases import KINDS, fresh_database, open_engine
from tests.harness.examples import some_of
from tests.harness.server import test_settings
from tests.soap_service.wire import PASSWORD, Wire, elements, envelope, login

from spyne import rpc  # isort: skip

ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "ggus-all": {"code": "GGUS-DEMO", "access": "all"},
    "ggus-internal": {"code": "GGUS-DEMO", "access": "all", "internal": True},
    "ggus-2013": {"code": "GGUS-DEMO", "access": "own", "contract_year": 2013},
    "nren-own": {"code": "NREN-A", "access": "own"},
    "nren-all": {"code": "NREN-A", "access": "all", "read_only": True},
    "nren-internal": {"code": "NREN-A", "access": "all", "internal": True, "contract_year": 2012},
}


def spyne_writes(operation: Operation) -> Any:
    """The method of an operation whose answer Spyne writes from objects of its own."""
    response = model_of(operation.response, GGUS.namespace)

    def call(ctx: Any, sent: Any) -> Any:
        values = {
            element.name: value
            for element in operation.request.elements
            if (value := getattr(sent, element.name)) is not None
        }
        result = HANDLERS[operation.name](ctx.udc.call, values)
        if isinstance(result, Mapping):
            return response(**_in_xml(result))
        row = row_of(operation.response, GGUS.namespace)
        return response(**{ROW: [row(**_in_xml(item)) for item in result]})

    call.__name__ = operation.name
    return rpc(
        model_of(operation.request, GGUS.namespace),
        _returns=response,
        _body_style="bare",
        _in_message_name=f"{{{GGUS.namespace}}}{operation.name}",
        _out_message_name=f"{{{GGUS.namespace}}}{operation.name}Response",
    )(call)


def _in_xml(values: Values) -> Values:
    return {
        name: sendable(value) if isinstance(value, str) else value for name, value in values.items()
    }


SPYNE = Dispatcher(
    application_of(
        GGUS.name,
        GGUS.namespace,
        {operation.name: spyne_writes(operation) for operation in GGUS.operations},
    )
)


@dataclass
class Doors:
    """The door, and a session beside it."""

    client: Client
    session: Session
    public_url: str

    def read(self, user: str, number: int, more: Mapping[str, str] | None = None) -> bytes:
        """The answer about a ticket."""
        return self.call(user, "TicketGet", {"GHD_Request_ID": str(number), **(more or {})})

    def lists(self, user: str, **asked: str) -> bytes:
        """The answer to a list."""
        return self.call(user, "TicketGetList", asked)

    def call(self, user: str, operation: str, values: Mapping[str, str]) -> bytes:
        body = envelope(operation, elements(values), header=login(user))
        answer = self.client.post("/soap/GGUS", data=body, content_type="text/xml; charset=utf-8")
        return answer.get_data()

    def spyne(self, user: str, operation: str, values: Mapping[str, str]) -> bytes:
        """What Spyne writes; "Fault" where the operation raises one."""
        request = read_request(GGUS, envelope(operation, elements(values)).encode(), None)
        actor = _actor(self.session, user)
        call = Call(actor, datetime.now(UTC), self.session, self.public_url)
        try:
            return SPYNE.answer(call, request.envelope)
        except (PortalError, SoapFault):
            return b"Fault"
        finally:
            self.session.rollback()


@contextmanager
def doors_on(url: str) -> Iterator[Doors]:
    settings = test_settings(url)
    flask_app = create_app(settings)
    mounted = mount(flask_app)
    engine = open_engine(url)
    with Session(engine) as session:
        yield Doors(Client(mounted), session, settings.public_url)
    engine.dispose()
    mounted.close()
    with flask_app.app_context():
        db.engine.dispose()


def create_accounts(session: Session) -> None:
    by = Writer(SYSTEM, Door.COMMAND, NOW)
    for user, switches in ACCOUNTS.items():
        rest = {name: value for name, value in switches.items() if name != "code"}
        create_partner_account(session, by, switches["code"], user, PASSWORD, **rest)


@pytest.fixture(scope="module", params=KINDS)
def doors(request: pytest.FixtureRequest) -> Iterator[Doors]:
    with fresh_database(request.param) as url:
        lay_demo(url)
        with doors_on(url) as both:
            with transaction(both.session):
                create_accounts(both.session)
            yield both


def _actor(session: Session, user: str) -> Actor:
    return actor_of_account(session, find_account(session, user).id)


def _by(session: Session, user: str | None = None) -> Writer:
    actor = SYSTEM if user is None else _actor(session, user)
    door = Door.COMMAND if user is None else Door.SOAP
    return Writer(actor=actor, door=door, now=datetime.now(UTC))


def test_every_demo_ticket_is_answered_in_spynes_bytes_to_every_kind_of_account(
    doors: Doors,
) -> None:
    tickets = doors.session.scalars(select(Ticket.number).order_by(Ticket.number)).all()
    doors.session.rollback()
    assert len(tickets) > 200
    if doors.session.get_bind().dialect.name != "sqlite":
        tickets = tickets[::5]  # the bytes are the same; what is read of them might not be
    tickets = some_of(tickets)
    found = 0
    for user in ACCOUNTS:
        for number in tickets:
            answer = doors.read(user, number)
            spyne = doors.spyne(user, "TicketGet", {"GHD_Request_ID": str(number)})
            assert answer == spyne or (b"ERROR (302)" in answer and spyne == b"Fault")
            found += b"Fault" not in answer
    assert found > 4 * len(tickets)


def test_what_xml_cannot_say_plainly_and_what_is_missing_is_in_spynes_bytes(doors: Doors) -> None:
    session = doors.session
    with transaction(session):
        ticket = open_ticket(session, _by(session, "ggus-internal"), NewTicket(title="x"))
        number = ticket.number
        ticket.title = "<&>\"'\r\n\t ]]> \u00e9 \u2028\u0085\x7f \U0001f525 \x0b\ufffe"
        ticket.description = "</ns0:GHD_Description>\r"
        ticket.last_author = ""  # a required element of a list's row
    for operation, values in (
        ("TicketGet", {"GHD_Request_ID": str(number)}),
        ("TicketGetList", {"Qualification": f"'GHD_Request ID'={number}"}),
    ):
        answer = doors.call("ggus-all", operation, values)
        assert answer == doors.spyne("ggus-all", operation, values)
        assert (b'xsi:nil="true"' in answer) == (operation == "TicketGetList")


@pytest.fixture
def number(doors: Doors) -> int:
    """A ticket of GGUS-DEMO at a known site, handed to NREN-A."""
    session = doors.session
    with transaction(session):
        new = NewTicket(
            title="Kept", sites=("DE-KIT",), submitter_mail="a@example.org", origin_system="X"
        )
        ticket = open_ticket(session, _by(session, "ggus-internal"), new)
        hand_to_partner(session, _by(session), ticket.number, "NREN-A")
        return ticket.number


def _commented(session: Session, number: int, *, internal: bool = False) -> None:
    field = "internal_comment" if internal else "public_comment"
    change_ticket(session, _by(session, "ggus-internal"), number, {field: "News."})


def _spelled(session: Session, number: int) -> None:
    """The same site under another of its names: no change of the ticket, but another answer."""
    version = session.get_one(Ticket, number).version
    change_ticket(session, _by(session, "nren-own"), number, {"first_site": "GRIDKA"})
    assert session.get_one(Ticket, number).version == version
    assert session.scalars(select(SiteSpelling.name).where(SiteSpelling.name == "GRIDKA")).first()


def _site_renamed(session: Session, _number: int) -> None:
    name = session.scalars(
        select(SiteName)
        .join(Site)
        .where(Site.key == "DE-KIT", SiteName.system == "GOCDB")
        .order_by(SiteName.id)
    ).first()
    assert name is not None
    name.name += "-RENAMED"


def _partner_renamed(session: Session, _number: int) -> None:
    partner = session.scalars(select(Partner).where(Partner.code == "GGUS-DEMO")).one()
    partner.code = "GGUS-NEW"


def _restored(session: Session, number: int) -> None:
    """An older backup was put back, and the ticket went another way to the same version."""
    ticket = session.get_one(Ticket, number)
    ticket.title = "Another way"
    ticket.changed_at += timedelta(seconds=1)


def _planned(session: Session, number: int) -> None:
    wanted = {"estimated_end": NOW + timedelta(days=1), "related_issue": "https://example.org/1"}
    change_ticket(session, _by(session), number, wanted)


CHANGES: Mapping[str, tuple[Callable[[Session, int], None], bytes]] = {
    "comment": (_commented, b"News."),
    "fields": (_planned, b"https://example.org/1"),
    "spelling": (_spelled, b"<ns0:GHD_Affected_Site>GRIDKA<"),
    "site": (_site_renamed, b"-RENAMED<"),
    "partner": (_partner_renamed, b"<ns0:GHD_Origin_SG>GGUS-NEW<"),
    "backup": (_restored, b"Another way"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_another_process_changed_is_answered_at_once(
    doors: Doors, number: int, change: str
) -> None:
    carry_out, new = CHANGES[change]
    only = {"Qualification": f"'GHD_Request ID'={number}"}
    assert new not in doors.read("nren-own", number)
    assert new not in doors.lists("nren-own", **only)
    with transaction(doors.session):
        carry_out(doors.session, number)
    assert new in doors.read("nren-own", number)
    assert new in doors.lists("nren-own", **only)


def test_one_emoji_does_not_multiply_the_memory_that_a_list_takes() -> None:
    operation = GGUS.operation("TicketGetList")
    assert operation is not None
    titles = ("\U0001f525", *["Down"] * 999)
    start()
    try:
        rows = ({"GHD_Short_Description": title, "GHD_Description": "d" * 4000} for title in titles)
        answer = write_answer(GGUS, operation, rows)
        _, peak = get_traced_memory()
    finally:
        stop()
    assert answer.count(b"<ns0:getListValues>") == 1000
    assert peak < 2.5 * len(answer), "the answer itself, and its rows before they are joined"


LISTS: tuple[Mapping[str, str], ...] = (
    {"Qualification": "'GHD_Meta Status'=\"Open\"", "startRecord": "0", "maxLimit": "20"},
    {"startRecord": "3", "maxLimit": "40"},
    {"maxLimit": "-1", "GHD_Status": "closed"},
    {"Qualification": "'GHD_Affected Site'!=\"FZK-LCG2\"", "maxLimit": "50"},
    {"Qualification": "'GHD_Request ID'<0"},
    {"Qualification": "'GHD_Nothing'=1"},
    {"maxLimit": "0"},
)


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize("user", ACCOUNTS)
def test_lists_are_spynes_bytes(doors: Doors, user: str) -> None:
    rows = 0
    for asked in LISTS:
        answer = doors.lists(user, **asked)
        spyne = doors.spyne(user, "TicketGetList", asked)
        assert answer == spyne or (b"ERROR (" in answer and spyne == b"Fault")
        rows += answer.count(b"<ns0:getListValues>")
    assert rows > 0


def test_a_text_that_looks_like_a_row_is_none(doors: Doors, number: int) -> None:
    text = "</ns0:getListValues><ns0:getListValues>"
    with transaction(doors.session):
        by = _by(doors.session, "ggus-internal")
        change_ticket(doors.session, by, number, {"title": text, "public_comment": text})
    asked = {"Qualification": f"'GHD_Request ID'>{number - 3}"}
    assert doors.lists("nren-all", **asked).count(b"<ns0:getListValues>") == 3


def test_switches_of_an_account_count_at_each_call(doors: Doors, number: int) -> None:
    with transaction(doors.session):
        _planned(doors.session, number)
        _commented(doors.session, number, internal=True)
        account = create_partner_account(
            doors.session, _by(doors.session), "NREN-A", f"own-{number}", PASSWORD, access="own"
        )
    user = account.login
    of_2016 = doors.read(user, number)
    assert b"GHD_ETA" in of_2016
    assert b"GHD_E-Mail" not in of_2016
    assert b"GHD_E-Mail" in doors.read("ggus-all", number)
    assert b"GHD_Internal_Diary" not in of_2016
    assert b"GHD_Internal_Diary" in doors.read("nren-internal", number)
    with transaction(doors.session):
        account.contract_year = 2012
    assert b"GHD_ETA" not in doors.read(user, number)


def test_a_ticket_that_may_no_longer_be_read_is_an_unknown_one(doors: Doors, number: int) -> None:
    assert b"Kept" in doors.read("nren-own", number)
    with transaction(doors.session):
        handed = doors.session.get_one(TicketPartner, (number, _actor_partner(doors.session)))
        doors.session.delete(handed)
    assert b"ERROR (302)" in doors.read("nren-own", number)
    assert b"ERROR (302)" in doors.read("nren-own", 999_999)
    assert b"Kept" in doors.read("nren-all", number)


def _actor_partner(session: Session) -> int:
    partner = _actor(session, "nren-own").partner_id
    assert partner is not None
    return partner


def test_credentials_count_at_each_call(doors: Doors, number: int) -> None:
    with transaction(doors.session):
        account = create_partner_account(
            doors.session, _by(doors.session), "NREN-A", f"gone-{number}", PASSWORD, access="all"
        )
    user = account.login
    assert b"Kept" in doors.read(user, number)
    with transaction(doors.session):
        set_account_password(doors.session, _by(doors.session), account, "quite another password")
    assert b"ERROR (623)" in doors.read(user, number)
    with transaction(doors.session):
        set_account_password(doors.session, _by(doors.session), account, PASSWORD)
    assert b"Kept" in doors.read(user, number)
    with transaction(doors.session):
        disable_account(doors.session, _by(doors.session), account)
    assert b"ERROR (623)" in doors.read(user, number)


def test_a_ticket_is_a_list_of_one_to_page_through(doors: Doors, number: int) -> None:
    for page in ({"startRecord": "1"}, {"startRecord": "x"}, {"maxLimit": "0"}, {"maxLimit": "9"}):
        answer = doors.read("nren-all", number, page)
        assert (b"Kept" in answer) == (page == {"maxLimit": "9"})
        assert (b"ERROR (302)" in answer) == (page == {"startRecord": "1"})


def test_no_read_after_a_commit_gives_an_older_answer(wire: Wire) -> None:
    """One writer in this process, readers through both processes of the server."""
    number = int(wire.create())
    with wire.server.session() as session:
        actor = _actor(session, "opn")
    committed = [0]
    writes = 60

    def write() -> None:
        with wire.server.session() as session:
            for turn in range(1, writes + 1):
                by = Writer(actor, Door.SOAP, datetime.now(UTC))
                with transaction(session):
                    change_ticket(session, by, number, {"title": f"turn {turn}"})
                committed[0] = turn

    def read(reader: int) -> int:
        reads = 0
        seen = 0
        while committed[0] < writes or seen < writes:
            least = max(committed[0], seen)
            # another limit each time: the same call too often would be refused
            page = {"maxLimit": str(1 + reader + 4 * reads)}
            answer = wire.call("TicketGet", {"GHD_Request_ID": str(number), **page})
            title = answer.values["GHD_Short_Description"]
            seen = int(title.removeprefix("turn ")) if title.startswith("turn ") else 0
            assert seen >= least
            reads += 1
        return reads

    with ThreadPoolExecutor(5) as threads:
        readers = [threads.submit(read, reader) for reader in range(4)]
        writer = threads.submit(write)
        writer.result()
        assert all(reader.result() for reader in readers)


@contextmanager
def counted_door(database: str) -> Iterator[tuple[Client, Engine, list[str]]]:
    """The door in this process, its accounts' engine, and the statements of this thread so far."""
    flask_app = create_app(test_settings(database))
    doors = mount(flask_app)
    sent: list[str] = []
    with flask_app.app_context():
        engine = db.engine
    with Session(engine) as session, transaction(session):
        create_accounts(session)

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN") and current_thread() is main_thread():
            sent.append(statement)

    try:
        yield Client(doors), engine, sent
    finally:
        doors.close()
        engine.dispose()


def test_an_answer_takes_two_statements_and_each_call_is_counted(database: str) -> None:
    with counted_door(database) as (client, engine, sent):
        with Session(engine) as session, transaction(session):
            number = open_ticket(session, _by(session), NewTicket(title="Kept")).number
        body = envelope(
            "TicketGet", elements({"GHD_Request_ID": str(number)}), header=login("nren-all")
        )
        answers, reads = set(), []
        for _ in range(4):
            sent.clear()
            answer = client.post("/soap/GGUS", data=body, content_type="text/xml; charset=utf-8")
            answers.add(answer.get_data())
            reads.append(len(sent))
        assert len(answers) == 1
        # account, and ticket with its diary; the first one also verifies the password, and
        # remembers it
        assert reads[1:] == [2, 2, 2]
    with Session(engine) as session:  # the door has closed: what waited is written
        calls = session.scalars(select(PartnerCall).order_by(PartnerCall.id)).all()
        assert [(call.operation, call.answer_bytes, call.fault) for call in calls] == [
            ("TicketGet", len(answer.get_data()), None)
        ] * 4
    engine.dispose()


def test_a_creation_through_the_door_takes_few_statements(database: str) -> None:
    with counted_door(database) as (client, engine, sent):
        for turn in range(3):
            sent.clear()
            values = {
                "GHD_Description": "No traffic.",
                "GHD_Origin_ID": f"N-{turn}",
                "GHD_Short_Description": f"Down {turn}",
                "GHD_Last_Modifier": "A NOC",
                "GHD_Last_Login": "noc",
            }
            body = envelope("OpCreate", elements(values), header=login("ggus-all"))
            answer = client.post("/soap/GGUS", data=body, content_type="text/xml; charset=utf-8")
            assert answer.status_code == 200, answer.get_data()
        # account, origin id, links and site that the texts name; then all rows
        assert len(sent) <= (5 if engine.dialect.name == "postgresql" else 11)
