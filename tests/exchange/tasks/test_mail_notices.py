"""A pull-only partner: notified by mail of each change, once; it answers with its own number or by
mail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.accounts.services.partners import partner_named
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Actor, ActorKind, Door, TicketAccess, Writer
from app.core.rules.errors import Invalid
from app.core.rules.ports import MailRefused
from app.exchange.adapters.incoming_mail import read_reply
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.pairs import PairState
from app.exchange.rules.partner import CallFailed
from app.exchange.services.connections.connections import connect
from app.exchange.services.decisions import send_again
from app.exchange.services.deliveries import begin_create, note_created
from app.exchange.services.endings import end_exchange, exchange_again
from app.exchange.services.incoming_mails import Ours, decide, keep_mail
from app.exchange.services.overview import troubles
from app.exchange.tasks.deliveries import Deliveries, plan_entries
from app.exchange.tasks.systems import open_system, try_connection
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail
from app.mail.rules.notifications import Sender, put_together
from app.mail.services.queue import post_of, send_refused_again
from app.mail.services.queue import send_again as send_mail_again
from app.mail.tasks.mails import PostOffice
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import (
    change_ticket,
    comment_ticket,
    hand_to_partner,
    open_ticket,
)
from tests.cast import Cast
from tests.exchange.exchange_world import BEGIN
from tests.exchange.mails import KEY, MAILBOX, address, answer, said_on
from tests.harness.server import test_settings

NOC = "noc@nren.example"


class _World:
    """The portal beside one partner that is told by mail."""

    def __init__(self, session: Session) -> None:
        self.session, self.now = session, BEGIN
        engine = session.get_bind().engine
        self.context = Context(engine, test_settings(str(engine.url)), now=lambda: self.now)
        self.deliveries = Deliveries(open_system)
        self.office = PostOffice(self.context)
        with transaction(session):
            by = Writer(SYSTEM, Door.COMMAND, self.now)
            self.connection = connect(session, by, "NREN", "mail", url=NOC, direction="push").id
            self.partner = partner_named(session, by, "NREN").id
        plan_entries(self.context)

    @property
    def by(self) -> Writer:
        """The portal's operator."""
        return Writer(SYSTEM, Door.PORTAL, self.now, author="operator")

    @property
    def them(self) -> Writer:
        """The partner at the SOAP door."""
        actor = Actor(
            ActorKind.PARTNER,
            "nren",
            partner_id=self.partner,
            partner_code="NREN",
            access=TicketAccess.OWN,
        )
        return Writer(actor, Door.SOAP, self.now)

    def shared(self, title: str = "Link down") -> int:
        with transaction(self.session):
            number = open_ticket(self.session, self.by, NewTicket(title=title)).number
            comment_ticket(self.session, self.by, number, "We look")
            hand_to_partner(self.session, self.by, number, "NREN")
        return number

    def deliver(self) -> None:
        plan_entries(self.context)
        self.session.rollback()
        for pair in self.session.scalars(select(TicketPair.id)).all():
            self.session.rollback()
            self.deliveries.deliver(self.context, {"pair": pair})
        self.now += timedelta(minutes=1)

    def told(self) -> list[tuple[str, str]]:
        """Subject and text of each mail to the partner."""
        self.session.rollback()
        mails = self.session.scalars(select(Mail).where(Mail.address == NOC).order_by(Mail.id))
        return [(one.message.subject, one.message.text) for one in mails if one.message]

    def pair(self, number: int) -> TicketPair:
        self.session.rollback()
        return self.session.scalars(
            select(TicketPair).where(TicketPair.ticket_number == number)
        ).one()


@pytest.fixture
def world(session: Session) -> _World:
    return _World(session)


def test_a_mail_says_where_and_what_is_not_set_any_more(world: _World, cast: Cast) -> None:
    link = "CERN-PIC-LHCOPN-001"
    with transaction(world.session):
        new = NewTicket(title="Link down", links=(link,), event_start=BEGIN)
        number = open_ticket(world.session, world.by, new).number
        hand_to_partner(world.session, world.by, number, "NREN")
    world.deliver()
    with transaction(world.session):
        wanted = {"links": (), "sites": ("ES-PIC",), "event_start": None}
        change_ticket(world.session, world.by, number, wanted)
    world.deliver()
    (_subject, first), (_same, second) = world.told()
    assert f"Affected links: {link}" in first
    assert "Affected links: not set" in second
    assert "Affected sites: ES-PIC" in second
    assert "Event start: not set" in second


def test_each_change_of_a_shared_ticket_is_one_mail(world: _World) -> None:
    number = world.shared()
    world.deliver()
    ((subject, text),) = world.told()
    assert subject == f"GGUS-Ticket-ID: #{number} Link down"
    assert f"Ticket {number} is exchanged with you." in text
    assert f"TicketGet (GHD_Request_ID {number})" in text
    with transaction(world.session):
        wanted = {"public_comment": "We dig", "internal_comment": "a secret", "priority": "urgent"}
        change_ticket(world.session, world.by, number, wanted)
        add_attachment(world.session, world.by, number, "trace.txt", b"trace")
    world.deliver()
    world.deliver()
    (_first, (_subject, text)) = world.told()
    for part in ("operator commented:\nWe dig", "Priority: urgent", "attached trace.txt."):
        assert part in text
    assert "secret" not in text
    states = world.session.scalars(select(ExchangeEntry.state)).all()
    assert set(states) == {"sent"}


def test_a_mail_that_was_queued_before_a_kill_is_no_second_one(world: _World) -> None:
    number = world.shared()
    plan_entries(world.context)
    pair_id = world.pair(number).id
    world.session.rollback()
    with transaction(world.session):
        connection = world.session.get_one(Connection, world.connection)
        system = open_system(world.context, world.session, connection)

    with transaction(world.session):
        claimed = begin_create(world.session, pair_id, world.now)
    assert claimed.outgoing is not None
    system.create(claimed.outgoing)  # and the process is killed
    world.now += timedelta(minutes=1)
    world.deliver()
    assert len(world.told()) == 1
    assert world.pair(number).state == PairState.PAIRED


def test_their_number_completes_the_pair(world: _World) -> None:
    number, other = world.shared(), world.shared("Another")
    world.deliver()
    assert (world.pair(number).their_id, world.pair(number).their_number) == (
        f"LHCOPN#{number}",
        "",
    )
    told = world.told()
    with transaction(world.session):
        wanted = {"own_references": {"target": "TT#9"}, "public_comment": "Ours is TT#9"}
        change_ticket(world.session, world.them, number, wanted)
    world.deliver()
    pair = world.pair(number)
    assert (pair.their_id, pair.their_number, pair.state) == ("TT#9", "TT#9", PairState.PAIRED)
    assert world.told() == told, "what they wrote is not told to them"
    theirs = world.session.scalars(
        select(ExchangeEntry).where(ExchangeEntry.origin == "theirs")
    ).all()
    assert [(one.kind, one.state) for one in theirs] == [("comment", "applied")]
    with transaction(world.session):
        change_ticket(world.session, world.them, other, {"own_references": {"target": "TT#9"}})
    world.deliver()
    assert world.pair(other).their_id == f"LHCOPN#{other}"
    assert world.pair(other).reason == f"It names TT#9, which is the pair of our #{number}"


def test_their_number_before_the_first_mail_is_kept(world: _World) -> None:
    number = world.shared()
    plan_entries(world.context)
    with transaction(world.session):
        change_ticket(world.session, world.them, number, {"own_references": {"target": "TT#9"}})
    world.deliver()
    assert world.pair(number).their_id == "TT#9"
    assert len(world.told()) == 1


def test_the_partner_answers_by_mail(world: _World) -> None:
    number = world.shared()
    world.deliver()
    session = world.session
    mail = session.scalars(select(Mail).where(Mail.address == NOC)).one()
    sender = Sender("x", "t@portal.example", "https://portal.example", KEY, MAILBOX)
    post = post_of(session, sender, mail.id)
    assert b"List-Unsubscribe" not in put_together(sender, post)
    content = bytes(answer(post.reply_to, "We splice.", f"Re: LHCOPN#{number}", NOC))
    reply = read_reply(content, "portal.example")
    session.rollback()
    with transaction(session):
        kept = keep_mail(session, reply, content, "", world.now)
        assert kept is not None
        decide(session, kept, reply, Ours(KEY, ()), world.now)
        assert kept.reason == ""
    assert said_on(session, number)[-1] == ("NREN", "We splice.")
    told = world.told()
    world.deliver()
    assert world.told() == told
    entry = session.scalars(select(ExchangeEntry).where(ExchangeEntry.origin == "theirs")).one()
    assert (entry.kind, entry.state) == ("comment", "applied")
    assert session.get_one(Ticket, number).version > 3


def test_a_connection_by_mail_takes_an_address_and_tells(world: _World) -> None:
    session = world.session
    with transaction(session):
        by = Writer(SYSTEM, Door.COMMAND, world.now)
        for url, direction in (("ftp://x.example", "push"), (NOC, "pull"), ("", "push")):
            with pytest.raises(Invalid):
                connect(session, by, "OTHER", "mail", url=url, direction=direction)
        made = connect(session, by, "OTHER", "mail", url=f"mailto:{NOC}", direction="push")
        assert made.url == f"mailto:{NOC}"
        assert session.scalars(select(Partner.code).where(Partner.id == made.partner_id)).one()
    checks = list(try_connection(world.context, world.connection))
    assert [check.problem for check in checks] == ["", ""]
    assert "MAIL_REPLY_TO is not set" in str(checks[1].what)


def test_a_partner_answers_only_about_what_is_exchanged_with_it(world: _World) -> None:
    session = world.session
    with transaction(session):
        number = open_ticket(session, world.by, NewTicket(title="Link down")).number
    to = address(number, f"c{world.connection}")
    content = bytes(answer(to, "We splice.", f"Re: LHCOPN#{number}", NOC))
    reply = read_reply(content, "portal.example")
    with transaction(session):
        kept = keep_mail(session, reply, content, "", world.now)
        assert kept is not None
        decide(session, kept, reply, Ours(KEY, ()), world.now)
    assert (kept.state, kept.added_at) == ("needs review", None)
    assert kept.reason == "The ticket is not exchanged with that partner"
    assert said_on(session, number) == []


class _Box:
    """A mailer that takes what it is told to take."""

    name = "box.example:25"

    def __init__(self) -> None:
        self.refuses, self.taken = "", list[bytes]()

    def send(self, message: bytes, _sender: str, _address: str, _key: str) -> None:
        if self.refuses:
            raise MailRefused(self.refuses)
        self.taken.append(message)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def box(world: _World) -> _Box:
    """Where the portal's mails go; what it refuses is known to the exchange."""
    box = _Box()
    world.office = PostOffice(world.context, make_mailer=lambda _settings: box)
    return box


@pytest.mark.parametrize("is_new", [True, False])
def test_what_their_server_refuses_for_good_has_failed_and_is_sent_again(
    world: _World, box: _Box, is_new: bool
) -> None:
    number = world.shared()
    if not is_new:
        world.deliver()
        world.office.step()
        with transaction(world.session):
            comment_ticket(world.session, world.by, number, "We dig")
    box.refuses = "550 5.1.1 <noc@nren.example>: no such user"
    world.deliver()
    world.office.step()
    pair = world.pair(number)
    assert pair.state == PairState.STOPPED
    assert pair.reason == f"Their mail server refused the mail: {box.refuses}"
    with Session(world.context.engine) as session:
        (trouble,) = troubles(session, 10)
        assert trouble.first is not None
        assert trouble.first.kind == ("ticket" if is_new else "comment")
    told = len(world.told())
    world.deliver()  # nothing is told before a person says so
    assert len(world.told()) == told
    box.refuses = ""
    with transaction(world.session):
        send_again(world.session, world.by, pair.id)
    world.deliver()
    world.office.step()
    assert len(world.told()) == told + 1
    assert world.told()[-1] == world.told()[-2]
    assert len(box.taken) == (1 if is_new else 2)
    again = world.pair(number)
    assert (again.state, again.reason) == (PairState.PAIRED, "")
    assert set(world.session.scalars(select(ExchangeEntry.state))) == {"sent"}


def test_one_that_is_refused_before_anybody_noted_that_it_was_told_is_not_lost(
    world: _World, box: _Box
) -> None:
    number = world.shared()
    plan_entries(world.context)
    pair_id = world.pair(number).id
    world.session.rollback()
    with transaction(world.session):
        connection = world.session.get_one(Connection, world.connection)
        system = open_system(world.context, world.session, connection)
    with transaction(world.session):
        claimed = begin_create(world.session, pair_id, world.now)
    assert claimed.outgoing is not None
    created = system.create(claimed.outgoing)
    box.refuses = "550 no"
    world.office.step()
    with transaction(world.session):
        note_created(world.session, claimed, pair_id, created, world.now)
    assert world.pair(number).state == PairState.STOPPED
    assert "waiting" in set(world.session.scalars(select(ExchangeEntry.state)))
    box.refuses = ""
    with transaction(world.session):
        send_again(world.session, world.by, pair_id)
    world.deliver()
    world.office.step()
    assert len(box.taken) == 1
    assert set(world.session.scalars(select(ExchangeEntry.state))) == {"sent"}


def test_the_page_of_mails_sends_none_of_them_a_second_time(world: _World, box: _Box) -> None:
    world.shared()
    box.refuses = "550 no"
    world.deliver()
    world.office.step()
    world.session.rollback()
    mail = world.session.scalars(select(Mail).where(Mail.address == NOC)).one().id
    with pytest.raises(Invalid, match="exchange"), transaction(world.session):
        send_mail_again(world.session, world.by, mail)
    with transaction(world.session):
        assert send_refused_again(world.session, world.by) == 0


def test_a_refusal_after_the_exchange_ended_asks_nobody(world: _World, box: _Box) -> None:
    number = world.shared()
    world.deliver()
    pair = world.pair(number).id
    world.session.rollback()
    with transaction(world.session):
        end_exchange(world.session, world.by, pair, "Not theirs")
    box.refuses = "550 no"
    world.office.step()
    assert (world.pair(number).state, world.pair(number).reason) == (PairState.ENDED, "Not theirs")
    box.refuses = ""
    with transaction(world.session):
        exchange_again(world.session, world.by, pair)
    world.deliver()
    world.office.step()
    assert len(box.taken) == 1, "what nobody there was told is told now"
    assert set(world.session.scalars(select(ExchangeEntry.state))) == {"sent"}


def test_a_mail_is_not_told_that_was_left_out_meanwhile(world: _World) -> None:
    number = world.shared()
    plan_entries(world.context)
    pair_id = world.pair(number).id
    world.session.rollback()
    with transaction(world.session):
        connection = world.session.get_one(Connection, world.connection)
        system = open_system(world.context, world.session, connection)
    with transaction(world.session):
        claimed = begin_create(world.session, pair_id, world.now)
    assert claimed.outgoing is not None
    with transaction(world.session):
        end_exchange(world.session, world.by, pair_id, "Not theirs")
    with pytest.raises(CallFailed):
        system.create(claimed.outgoing)
    assert world.told() == []


def test_what_comes_by_mail_after_the_end_is_for_a_person(world: _World) -> None:
    """What the partner writes with its own account is a matter of that account, and no entry."""
    session, number = world.session, world.shared()
    world.deliver()
    pair = world.pair(number).id
    session.rollback()
    with transaction(session):
        end_exchange(session, world.by, pair, "Not theirs")
    to = address(number, f"c{world.connection}")
    content = bytes(answer(to, "We splice.", f"Re: LHCOPN#{number}", NOC))
    reply = read_reply(content, "portal.example")
    with transaction(session):
        kept = keep_mail(session, reply, content, "", world.now)
        assert kept is not None
        decide(session, kept, reply, Ours(KEY, ()), world.now)
    assert (kept.state, kept.added_at) == ("needs review", None)
    assert kept.reason == "The ticket is not exchanged with that partner"
    session.rollback()
    with transaction(session):
        comment_ticket(session, world.them, number, "By SOAP")
    world.deliver()
    assert (
        session.scalars(select(ExchangeEntry).where(ExchangeEntry.origin == "theirs")).all() == []
    )
    assert world.pair(number).state == PairState.ENDED
