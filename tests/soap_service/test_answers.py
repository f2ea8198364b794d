"""Kept answers: the bytes that Spyne writes, seen by nobody who may not, never an old one.

Two doors on one database answer the same calls: one keeps answers, the other makes each anew.
What "another process" does is done beside them, through the services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import current_thread, main_thread
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session
from werkzeug.test import Client

from app import demo
from app.accounts.models.calls import PartnerCall
from app.accounts.models.partners import Partner, PartnerAccount
from app.accounts.services.partners import (
    actor_of_account,
    create_partner_account,
    disable_account,
    find_account,
    set_account_password,
)
from app.core.database.transactions import writing
from app.core.rules.access import SYSTEM, Actor, Door, Kind, TicketAccess, Writer
from app.core.rules.errors import PortalError
from app.core.web.extensions import db
from app.factory import create_app
from app.registry.models.registry import Site, SiteName
from app.tickets.models.tickets import SiteSpelling, Ticket, TicketPartner
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, hand_to_partner, open_ticket
from soap_service.answers import KeptAnswers
from soap_service.application import mount
from soap_service.dispatch import Call
from soap_service.envelope import Request, read_request
from soap_service.fields import GGUS
from tests.harness.databases import KINDS, fresh_database, open_engine
from tests.harness.server import test_settings
from tests.soap_service.wire import PASSWORD, Wire, elements, envelope, login

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "ggus-all": {"code": "GGUS-DEMO", "access": "all"},
    "ggus-internal": {"code": "GGUS-DEMO", "access": "all", "internal": True},
    "ggus-2013": {"code": "GGUS-DEMO", "access": "own", "contract_year": 2013},
    "nren-own": {"code": "NREN-A", "access": "own"},
    "nren-all": {"code": "NREN-A", "access": "all", "read_only": True},
    "nren-internal": {"code": "NREN-A", "access": "all", "internal": True, "contract_year": 2012},
}
MOST_READS = 2
"""Statements of a call whose answer is kept: account with its credentials, version."""


@dataclass
class Doors:
    """Both doors, a session beside them, and how many statements the keeping one has sent."""

    keeping: Client
    plain: Client
    session: Session
    statements: list[str]

    def ask(
        self, client: Client, user: str, number: int, more: Mapping[str, str] | None = None
    ) -> bytes:
        values = {"GHD_Request_ID": str(number), **(more or {})}
        return self.call(client, user, "TicketGet", values)

    def lists(self, user: str, **asked: str) -> bytes:
        """The keeping door's list, which must be the plain one's."""
        answer = self.call(self.keeping, user, "TicketGetList", asked)
        assert answer == self.call(self.plain, user, "TicketGetList", asked)
        return answer

    def call(self, client: Client, user: str, operation: str, values: Mapping[str, str]) -> bytes:
        body = envelope(operation, elements(values), header=login(user))
        answer = client.post("/soap/GGUS", data=body, content_type="text/xml; charset=utf-8")
        return answer.get_data()

    def kept(self, user: str, number: int) -> bytes | None:
        """The keeping door's answer, None if it was not a kept one."""
        self.statements.clear()
        answer = self.ask(self.keeping, user, number)
        return answer if len(self.statements) <= MOST_READS else None

    def read(self, user: str, number: int) -> bytes:
        """The keeping door's answer, which must be the plain one's."""
        answer = self.ask(self.keeping, user, number)
        assert answer == self.ask(self.plain, user, number)
        return answer


@contextmanager
def doors_on(url: str) -> Iterator[Doors]:
    settings = test_settings(url)
    apps = [create_app(replace(settings, kept_answers=kept)) for kept in (True, False)]
    mounted = [mount(flask_app) for flask_app in apps]
    keeping, plain = (Client(application) for application in mounted)
    statements: list[str] = []
    with apps[0].app_context():

        @event.listens_for(db.engine, "before_cursor_execute")
        def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if not statement.startswith("BEGIN") and current_thread() is main_thread():
                statements.append(statement)

    engine = open_engine(url)
    with Session(engine) as session:
        yield Doors(keeping, plain, session, statements)
    engine.dispose()
    for application in mounted:
        application.close()
    for flask_app in apps:
        with flask_app.app_context():
            db.engine.dispose()


def lay_accounts(session: Session) -> None:
    by = Writer(SYSTEM, Door.COMMAND, NOW)
    for user, switches in ACCOUNTS.items():
        rest = {name: value for name, value in switches.items() if name != "code"}
        create_partner_account(session, by, switches["code"], user, PASSWORD, **rest)


@pytest.fixture(scope="module", params=KINDS)
def doors(request: pytest.FixtureRequest) -> Iterator[Doors]:
    with fresh_database(request.param) as url, doors_on(url) as both:
        with writing(both.session):
            demo.seed_demo(both.session, NOW)
            lay_accounts(both.session)
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
    found = 0
    for user in ACCOUNTS:
        for number in tickets:
            anew = doors.read(user, number)
            if b"Fault" in anew:
                assert doors.ask(doors.keeping, user, number) == anew
            else:
                assert doors.kept(user, number) == anew
                found += 1
    assert found > 4 * len(tickets)


@pytest.fixture
def number(doors: Doors) -> int:
    """A ticket of GGUS-DEMO at a known site, handed to NREN-A."""
    session = doors.session
    with writing(session):
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
    name.name += "-NEW"


def _partner_renamed(session: Session, _number: int) -> None:
    partner = session.scalars(select(Partner).where(Partner.code == "GGUS-DEMO")).one()
    partner.code = "GGUS-NEW"


def _switched(session: Session, _number: int) -> None:
    session.scalars(
        select(PartnerAccount).where(PartnerAccount.login == "nren-own")
    ).one().contract_year = 2012


def _restored(session: Session, number: int) -> None:
    """An older backup was put back, and the ticket went another way to the same version."""
    ticket = session.get_one(Ticket, number)
    ticket.title = "Another way"
    ticket.changed_at += timedelta(seconds=1)


def _planned(session: Session, number: int) -> None:
    wanted = {"estimated_end": NOW + timedelta(days=1), "related_issue": "https://example.org/1"}
    change_ticket(session, _by(session), number, wanted)


CHANGES: Mapping[str, Callable[[Session, int], None]] = {
    "comment": _commented,
    "fields": _planned,
    "spelling": _spelled,
    "site": _site_renamed,
    "partner": _partner_renamed,
    "backup": _restored,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_another_process_changed_is_answered_at_once(
    doors: Doors, number: int, change: str
) -> None:
    before = doors.read("nren-own", number)
    listed = doors.lists("nren-own")
    assert doors.kept("nren-own", number) == before
    with writing(doors.session):
        CHANGES[change](doors.session, number)
    after = doors.read("nren-own", number)
    assert after != before
    assert doors.kept("nren-own", number) == after
    assert doors.lists("nren-own") != listed


LISTS: tuple[Mapping[str, str], ...] = (
    {"Qualification": "'GHD_Meta Status'=\"Open\"", "startRecord": "0", "maxLimit": "20"},
    {"startRecord": "3", "maxLimit": "40"},
    {"maxLimit": "-1", "GHD_Status": "closed"},
    {"Qualification": "'GHD_Affected Site'!=\"FZK-LCG2\"", "maxLimit": "50"},
    {"Qualification": "'GHD_Request ID'<0"},
    {"Qualification": "'GHD_Nothing'=1"},
    {"maxLimit": "0"},
)


@pytest.mark.parametrize("user", ACCOUNTS)
def test_lists_are_spynes_bytes_however_much_of_them_is_kept(doors: Doors, user: str) -> None:
    for asked in LISTS * 2:  # the first of them overlap: some rows are kept, others new
        answer = doors.lists(user, **asked)
        assert (b"Fault" in answer) or answer.count(b"<ns0:getListValues>") > 0
    doors.statements.clear()
    kept = doors.call(doors.keeping, user, "TicketGetList", LISTS[1])
    assert len(doors.statements) <= MOST_READS or b"Fault" in kept


def test_a_text_that_looks_like_a_row_is_none(doors: Doors, number: int) -> None:
    text = "</ns0:getListValues><ns0:getListValues>"
    with writing(doors.session):
        by = _by(doors.session, "ggus-internal")
        change_ticket(doors.session, by, number, {"title": text, "public_comment": text})
    asked = {"Qualification": f"'GHD_Request ID'>{number - 3}"}
    for _ in range(2):
        assert doors.lists("nren-all", **asked).count(b"<ns0:getListValues>") == 3


def test_switches_of_an_account_are_part_of_what_is_kept(doors: Doors, number: int) -> None:
    with writing(doors.session):
        _planned(doors.session, number)
        _commented(doors.session, number, internal=True)
    of_2016 = doors.read("nren-own", number)
    assert b"GHD_ETA" in of_2016
    assert b"GHD_E-Mail" not in of_2016
    assert b"GHD_E-Mail" in doors.read("ggus-all", number)
    assert b"GHD_Internal_Diary" not in of_2016
    assert b"GHD_Internal_Diary" in doors.read("nren-internal", number)
    with writing(doors.session):
        _switched(doors.session, number)
    assert b"GHD_ETA" not in doors.read("nren-own", number)


def test_who_may_no_longer_read_gets_no_kept_answer(doors: Doors, number: int) -> None:
    assert b"Kept" in doors.read("nren-own", number)
    with writing(doors.session):
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
    with writing(doors.session):
        account = create_partner_account(
            doors.session, _by(doors.session), "NREN-A", f"gone-{number}", PASSWORD, access="all"
        )
    user = account.login
    assert b"Kept" in doors.read(user, number)
    with writing(doors.session):
        set_account_password(doors.session, _by(doors.session), account, "quite another password")
    assert b"ERROR (623)" in doors.ask(doors.keeping, user, number)
    with writing(doors.session):
        set_account_password(doors.session, _by(doors.session), account, PASSWORD)
    assert b"Kept" in doors.read(user, number)
    with writing(doors.session):
        disable_account(doors.session, _by(doors.session), account)
    assert b"ERROR (623)" in doors.ask(doors.keeping, user, number)


def test_paging_of_one_ticket_is_what_it_was(doors: Doors, number: int) -> None:
    for page in ({"startRecord": "1"}, {"startRecord": "x"}, {"maxLimit": "0"}, {"maxLimit": "9"}):
        asked = [doors.ask(door, "nren-all", number, page) for door in (doors.plain, doors.keeping)]
        assert asked[0] == asked[1]
        assert (b"Kept" in asked[0]) == (page == {"maxLimit": "9"})


def _engine(session: Session) -> Engine:
    bind = session.get_bind()
    assert isinstance(bind, Engine)
    return bind


def test_memory_is_bounded(session: Session) -> None:
    actor = Actor(kind=Kind.PARTNER, account="x", access=TicketAccess.ALL)
    with writing(session):
        by = Writer(SYSTEM, Door.COMMAND, NOW)
        numbers = [open_ticket(session, by, NewTicket(title="Kept")).number for _ in range(9)]
    kept = KeptAnswers(bound=3 * (1000 + 1024))
    made: list[int] = []

    def ask(number: int) -> None:
        body = envelope("TicketGet", elements({"GHD_Request_ID": str(number)}))
        request = read_request(GGUS, body.encode(), None)

        def carry_out(_call: Call) -> bytes:
            made.append(number)
            return bytes(1000)

        if kept.found(session.connection(), actor, request, "http://x") is None:
            kept.answer(Call(actor, NOW, session, "http://x"), request, carry_out)

    for number in numbers:
        ask(number)
        ask(numbers[0])  # used all the time, so it stays
        assert kept.size <= 3 * (1000 + 1024)
    assert made == numbers
    ask(numbers[8])
    ask(numbers[7])
    ask(numbers[1])
    assert made == [*numbers, numbers[1]]


def test_a_long_list_is_made_a_part_at_a_time(session: Session) -> None:
    actor = Actor(kind=Kind.PARTNER, account="x", access=TicketAccess.ALL)
    with writing(session):
        by = Writer(SYSTEM, Door.COMMAND, NOW)
        numbers = [open_ticket(session, by, NewTicket(title="Kept")).number for _ in range(9)]
    asked = elements({"Qualification": f"'GHD_Request ID'>={numbers[0]}"})
    request = read_request(GGUS, envelope("TicketGetList", asked).encode(), None)
    made: list[int] = []

    def listing(some: Sequence[int]) -> bytes:
        rows = (f"<ns0:getListValues>{number}</ns0:getListValues>" for number in some)
        return f"<list>{''.join(rows)}</list>".encode()

    def carry_out(call: Call) -> bytes:
        made.append(len(call.only))
        return listing(call.only)

    kept = KeptAnswers(at_once=4)
    for _ in range(2):
        call = Call(actor, NOW, session, "http://x")
        assert kept.answer(call, request, carry_out) == listing(numbers)
    assert made == [4, 4, 1]


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
                with writing(session):
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


def test_what_is_found_before_a_session_is_opened(session: Session) -> None:
    """Only an answer about one ticket that was made, that may be read, and that is as it was."""
    with writing(session):
        by = Writer(SYSTEM, Door.COMMAND, NOW)
        number = open_ticket(session, by, NewTicket(title="Kept")).number
        create_partner_account(session, by, "OWN", "own", PASSWORD, access="own")
        create_partner_account(session, by, "ALL", "all", PASSWORD, access="all")
    every, own = _actor(session, "all"), _actor(session, "own")
    kept = KeptAnswers()

    def request(operation: str = "TicketGet", **sent: str) -> Request:
        values = {"GHD_Request_ID": str(number), **sent}
        return read_request(GGUS, envelope(operation, elements(values)).encode(), None)

    def found(asked: Request, actor: Actor = every, url: str = "http://x") -> bytes | None:
        return kept.found(session.connection(), actor, asked, url)

    def make(asked: Request) -> None:
        call = Call(every, NOW, session, "http://x")
        assert kept.answer(call, asked, lambda _: b"made") == b"made"

    assert found(request()) is None
    make(request())
    assert found(request()) == b"made"
    assert found(request(maxLimit="9")) == b"made"
    assert found(request(startRecord="1")) is None  # behind the only one: a fault
    assert found(request("OpGet")) is None  # other bytes, made by itself
    make(request("OpGet"))
    assert found(request("OpGet")) == b"made"
    assert found(request(GHD_Request_ID=str(number + 1))) is None
    assert found(request(), actor=own) is None  # may not read it
    assert found(request(), actor=replace(every, contract_year=2012)) is None
    assert found(request(), url="http://y") is None
    lists = read_request(GGUS, envelope("TicketGetList", "").encode(), None)
    assert found(lists) is None
    for asked in (request(GHD_Request_ID="x"), request(maxLimit="0")):
        with pytest.raises(PortalError):  # as without it
            found(asked)
    session.rollback()
    with writing(session):
        change_ticket(session, by, number, {"title": "Changed"})
    assert found(request()) is None


def test_an_answer_that_changed_while_it_was_made_is_not_kept(session: Session) -> None:
    with writing(session):
        by = Writer(SYSTEM, Door.COMMAND, NOW)
        number = open_ticket(session, by, NewTicket(title="Kept")).number
    every = Actor(kind=Kind.PARTNER, account="x", access=TicketAccess.ALL)
    asked = envelope("TicketGet", elements({"GHD_Request_ID": str(number)}))
    request = read_request(GGUS, asked.encode(), None)
    kept = KeptAnswers()
    call = Call(every, NOW, session, "http://x")

    def carry_out(_call: Call) -> bytes:
        with Session(_engine(session)) as other, writing(other):
            change_ticket(other, by, number, {"title": "Changed"})
        return b"old or new"

    assert kept.answer(call, request, carry_out) == b"old or new"
    session.rollback()
    assert kept.found(session.connection(), every, request, "http://x") is None


@pytest.mark.parametrize("kept_answers", [True, False])
def test_calls_are_counted_whether_their_answer_was_kept_or_not(
    database: str, *, kept_answers: bool
) -> None:
    flask_app = create_app(replace(test_settings(database), kept_answers=kept_answers))
    doors = mount(flask_app)
    client = Client(doors)
    reads: list[int] = []
    with flask_app.app_context():
        engine = db.engine
    with Session(engine) as session, writing(session):
        lay_accounts(session)
        number = open_ticket(session, _by(session), NewTicket(title="Kept")).number

    @event.listens_for(engine, "before_cursor_execute")
    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN") and current_thread() is main_thread():
            reads[-1] += 1

    body = envelope(
        "TicketGet", elements({"GHD_Request_ID": str(number)}), header=login("nren-all")
    )
    answers = set()
    for _ in range(4):
        reads.append(0)
        answer = client.post("/soap/GGUS", data=body, content_type="text/xml; charset=utf-8")
        answers.add(answer.get_data())
    assert len(answers) == 1
    # the first one hashes and makes; with answers kept, the last two read account and version only
    assert (reads[2:] == [2, 2]) if kept_answers else (reads[1:] == [3, 3, 3])
    doors.close()
    with Session(engine) as session:
        calls = session.scalars(select(PartnerCall).order_by(PartnerCall.id)).all()
        assert [(call.operation, call.answer_bytes, call.fault) for call in calls] == [
            ("TicketGet", len(answer.get_data()), None)
        ] * 4
    engine.dispose()
