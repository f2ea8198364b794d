"""A partner whose ticket system writes mails: its tickets here, ours there, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.exchange.adapters.incoming_mail import read_reply
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.profiles import Choice, Profile, ValueRow, profile_of
from app.exchange.services.connections.connections import connect
from app.exchange.services.incoming_mails import Ours, decide, keep_mail
from app.exchange.tasks.deliveries import Deliveries, plan_entries
from app.exchange.tasks.systems import open_system
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, comment_ticket, open_ticket
from tests.cast import Cast
from tests.exchange.exchange_world import BEGIN
from tests.exchange.mails import KEY, address, answer, said_on
from tests.exchange.rules.test_structured_mail import HEANET
from tests.harness.server import test_settings

SAMPLES = Path(__file__).parents[2] / "notices_sample"
NOC = "noc@nren.example"
PROFILE = Profile(
    tickets=Choice.NEW,
    maps={
        "state": (
            ValueRow("assigned", "Open"),
            ValueRow("new", "Open", "out"),
            ValueRow("in progress", "Work in progress"),
            ValueRow("solved", "Closed"),
        )
    },
    mail=HEANET,
)


class _World:
    """The portal beside one partner whose ticket system writes mails."""

    def __init__(
        self, session: Session, direction: str = "both", profile: Profile = PROFILE
    ) -> None:
        self.session, self.now, self._mails = session, BEGIN, 0
        engine = session.get_bind().engine
        self.context = Context(engine, test_settings(str(engine.url)), now=lambda: self.now)
        with transaction(session):
            by = Writer(SYSTEM, Door.COMMAND, self.now)
            made = connect(
                session, by, "NREN", "mail", url=NOC, direction=direction, profile=profile
            )
            self.connection = made.id
        plan_entries(self.context)

    def get(self, text: str, number: int = 0, /, **headers: str) -> IncomingMail:
        """A mail of theirs to the address of the connection, or to that of a ticket."""
        self._mails += 1
        self.now += timedelta(minutes=1)
        given = {"Message_ID": f"<{self._mails}@nren.example>", **headers}
        subject = given.pop("subject", "A ticket")
        mail = answer(address(number, f"c{self.connection}"), text, subject, NOC, **given)
        content = bytes(mail)
        reply = read_reply(content, "portal.example")
        self.session.rollback()
        with transaction(self.session):
            kept = keep_mail(self.session, reply, content, "", self.now)
            assert kept is not None
            decide(self.session, kept, reply, Ours(KEY, ()), self.now)
        return kept

    def told(self) -> list[str]:
        """What was written to them."""
        plan_entries(self.context)
        self.session.rollback()
        for pair in self.session.scalars(select(TicketPair.id)).all():
            self.session.rollback()
            Deliveries(open_system).deliver(self.context, {"pair": pair})
        mails = self.session.scalars(select(Mail).where(Mail.address == NOC).order_by(Mail.id))
        return [one.message.text for one in mails if one.message]

    def tickets(self) -> list[Ticket]:
        self.session.rollback()
        return list(self.session.scalars(select(Ticket).order_by(Ticket.number)))


@pytest.fixture
def world(session: Session) -> _World:
    return _World(session)


def lines(number: str, state: str, text: str) -> str:
    return f"Ticket Number: {number}\nStatus: {state}\nDescription: {text}\n"


def test_their_ticket_is_opened_once_and_followed(world: _World) -> None:
    first = world.get(lines("479", "Open", "The fibre is cut."), subject="Outage Dublin")
    assert (first.state, first.reason) == ("added", "")
    world.get(lines("479", "Work in progress", "Engineers are there."))
    last = world.get(lines("479", "Closed", "Spliced."))
    (ticket,) = world.tickets()
    assert first.ticket_number == last.ticket_number == ticket.number
    assert (ticket.title, ticket.description, ticket.state) == (
        "Outage Dublin",
        "The fibre is cut.",
        "solved",
    )
    assert [text for _author, text in said_on(world.session, ticket.number)] == [
        "Engineers are there.",
        "Spliced.",
    ]
    assert ticket.solution == "Spliced."
    assert world.told() == []


def test_ours_goes_there_in_their_lines_and_their_answer_completes_it(world: _World) -> None:
    by = Writer(SYSTEM, Door.PORTAL, world.now, author="operator")
    with transaction(world.session):
        new = NewTicket(title="Link down", description="No light.")
        number = open_ticket(world.session, by, new).number
    (text,) = world.told()
    assert text == "Status: Open\nType: incident\n\nDescription:\nNo light.\n"
    taken = world.get(
        lines("77", "Open", "We look."), number, Auto_Submitted="auto-generated", Precedence="bulk"
    )
    assert (taken.state, taken.ticket_number) == ("added", number)
    pair = world.session.scalars(select(TicketPair)).one()
    assert (pair.their_id, pair.their_number) == ("77", "77")
    world.session.rollback()
    with transaction(world.session):
        comment_ticket(world.session, by, number, "Any news?")
    assert world.told()[-1] == (
        "Ticket Number: 77\nStatus: Open\nType: incident\n\n"
        "Description:\noperator commented:\nAny news?\n"
    )
    world.get(lines("77", "Open", "Not yet."))
    assert [said for _author, said in said_on(world.session, number)] == [
        "We look.",
        "Any news?",
        "Not yet.",
    ]


def test_facts_without_a_line_are_in_the_text_and_what_has_no_place_is_not_sent(
    world: _World, cast: Cast
) -> None:
    by = Writer(SYSTEM, Door.PORTAL, world.now, author="operator")
    with transaction(world.session):
        new = NewTicket(
            "Works",
            "The fibre is replaced.",
            category="maintenance",
            impact="outage",
            links=("CERN-PIC-LHCOPN-001",),
            window_start=BEGIN,
            window_end=BEGIN + timedelta(hours=2),
        )
        number = open_ticket(world.session, by, new).number
    (first,) = world.told()
    assert "Impact: outage" in first
    assert first.count("CERN-PIC-LHCOPN-001") == 1
    assert first.count("2026-03-02") == 2
    with transaction(world.session):
        change_ticket(world.session, by, number, {"impact": "degraded", "layer": "performance"})
    assert "Impact: was outage, now degraded" in world.told()[1]
    fields = world.session.scalars(
        select(ExchangeEntry).where(ExchangeEntry.kind == "fields")
    ).one()
    assert (fields.state, fields.reason) == ("skipped", "Not set there: layer")


def test_a_subject_with_our_reference_finds_the_ticket(world: _World) -> None:
    by = Writer(SYSTEM, Door.PORTAL, world.now, author="operator")
    with transaction(world.session):
        number = open_ticket(world.session, by, NewTicket(title="Link down")).number
    world.told()
    taken = world.get(lines("77", "Open", "We look."), subject=f"Re: [LHCOPN#{number}] Link down")
    assert taken.ticket_number == number
    assert len(world.tickets()) == 1


@pytest.mark.parametrize(
    ("text", "headers", "state"),
    [
        ("Thank you!", {}, "needs review"),
        ("Ticket Number: \nStatus: Open", {}, "needs review"),
        (lines("479", "Open", "x"), {"Auto_Submitted": "auto-replied"}, "dropped"),
        ("Thank you!", {"Auto_Submitted": "auto-generated"}, "dropped"),
    ],
)
def test_what_is_no_mail_of_a_ticket_system(
    world: _World, text: str, headers: dict[str, str], state: str
) -> None:
    assert world.get(text, **headers).state == state
    assert world.tickets() == []


def test_two_numbers_that_do_not_belong_together_are_a_persons(world: _World) -> None:
    world.get(lines("479", "Open", "One"))
    world.get(lines("480", "Open", "Two"))
    first, second = world.tickets()
    doubt = world.get(lines("479", "Closed", "x"), second.number)
    assert doubt.state == "needs review"
    assert f"their ticket 479 and our ticket {second.number}" in doubt.reason
    assert first.number != second.number


def test_their_own_tickets_come_only_where_both_ways_are_agreed(session: Session) -> None:
    world = _World(session, "push")
    assert world.get(lines("479", "Open", "x")).state == "needs review"
    assert world.tickets() == []


def test_a_state_that_nobody_mapped_changes_nothing_and_is_named(world: _World) -> None:
    world.get(lines("479", "Open", "One"))
    world.get(lines("479", "Melted", "Two"))
    (ticket,) = world.tickets()
    assert ticket.state == "assigned"
    assert "Melted" in world.session.scalars(select(TicketPair.reason)).one()
    assert world.session.scalars(select(ExchangeEntry.state)).all() == ["applied", "applied"]


def test_two_programs_that_answer_each_other_are_stopped(world: _World) -> None:
    states = [world.get(lines("479", "Open", f"Text {n}")).state for n in range(25)]
    assert set(states[:20]) == {"added"}
    assert set(states[-3:]) == {"needs review"}


def test_lines_come_back_from_a_file_and_bad_ones_are_refused() -> None:
    assert profile_of(PROFILE.as_json()) == PROFILE


def test_a_long_text_goes_there_whole(world: _World) -> None:
    by = Writer(SYSTEM, Door.PORTAL, world.now, author="operator")
    with transaction(world.session):
        number = open_ticket(world.session, by, NewTicket(title="Link down")).number
    world.told()
    with transaction(world.session):
        comment_ticket(world.session, by, number, "x" * 50_000)
    assert "x" * 50_000 in world.told()[-1]


def test_another_number_of_theirs_is_a_persons_and_no_text_is_lost(world: _World) -> None:
    world.get(lines("479", "Open", "One"))
    (ticket,) = world.tickets()
    doubt = world.get(lines("480", "Open", "lost?"), ticket.number)
    assert doubt.state == "needs review"
    assert "are not a pair" in doubt.reason
    assert world.get(lines("9" * 300, "Open", "x")).state == "needs review"
    several = world.get(lines("479", "Open", "x"), subject="LHCOPN#1 and LHCOPN#2")
    assert several.state == "needs review"


def test_more_texts_than_a_mail_holds_come_in_the_next_one(world: _World) -> None:
    by = Writer(SYSTEM, Door.PORTAL, world.now, author="operator")
    with transaction(world.session):
        number = open_ticket(world.session, by, NewTicket(title="Link down")).number
        for one in range(30):
            comment_ticket(world.session, by, number, f"Text {one:02}")
    told = "\n".join(world.told())
    assert all(f"Text {one:02}" in told for one in range(30))


TWO_COLUMNS = Profile(
    tickets=Choice.NEW,
    maps={
        "state": (
            ValueRow("assigned", "OPEN"),
            ValueRow("in progress", "UPDATE"),
            ValueRow("solved", "CLOSE"),
        ),
        "category": (ValueRow("maintenance", "scheduled"),),
    },
    mail=(
        ("Ticket Number", "number"),
        ("Ticket Status", "state"),
        ("Ticket Type", "category"),
        ("Problem Start", "window_start"),
        ("Problem End", "window_end"),
        ("Site/line", "links"),
        ("Description", "text"),
    ),
)


def mailed(name: str) -> str:
    """The text of a sample."""
    whole = (SAMPLES / f"two-columns-{name}.eml").read_text(encoding="utf-8")
    return whole.split("\n\n", 1)[1]


def test_mails_in_two_columns_are_one_ticket_and_one_window(session: Session) -> None:
    world = _World(session, profile=TWO_COLUMNS)
    start = datetime(2013, 3, 9, 23, 59, tzinfo=UTC)
    for name, state, end in (
        ("open", "assigned", datetime(2013, 3, 10, 8, 0, tzinfo=UTC)),
        ("update", "in progress", datetime(2013, 3, 10, 9, 30, tzinfo=UTC)),
        ("close", "solved", datetime(2013, 3, 10, 7, 40, tzinfo=UTC)),
    ):
        taken = world.get(mailed(name))
        assert (taken.state, taken.reason) == ("added", "")
        (ticket,) = world.tickets()
        assert (ticket.state, ticket.category) == (state, "maintenance")
        assert (ticket.window_start, ticket.window_end) == (start, end)
    assert world.session.scalars(select(TicketPair.their_id)).all() == ["NREN-NOC/20130304-8"]
    assert world.told() == []


def test_a_window_that_is_not_whole_changes_none(session: Session) -> None:
    world = _World(session, profile=TWO_COLUMNS)
    world.get(mailed("open"))
    for old, new in (("09:30 UTC", "09:30"), ("20130310 09:30", "20130301 09:30")):
        world.get(mailed("update").replace(old, new))
        (ticket,) = world.tickets()
        assert ticket.window_end == datetime(2013, 3, 10, 8, 0, tzinfo=UTC)
