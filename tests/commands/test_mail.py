"""``flask mail receive``: a mail on standard input, one line about it out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from app.accounts.services.people import find_user
from app.core.database.transactions import transaction
from app.exchange.models.incoming_mails import IncomingMail, IncomingMailDay
from app.exchange.services.incoming_mails import JOB
from app.exchange.tasks.incoming_mails import take_mail
from app.jobs.services.queue import queued_jobs
from app.jobs.tasks.context import Context
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import enter, writer
from tests.commands.test_commands import done
from tests.exchange.mails import address, answer, said_on
from tests.exchange.reading_apart import at_each_start
from tests.harness.commands import flask
from tests.harness.server import TEST_SECRET, test_settings


@pytest.fixture
def to(session: Session) -> str:
    """The address that was given to DE-KIT's reporter for ticket 1."""
    cast = enter(session)
    with transaction(session):
        new = NewTicket(title="Link down", sites=("DE-KIT",))
        number = open_ticket(session, writer(cast.kit), new).number
    with transaction(session):
        kit = find_user(session, "kit")
        kit.mail, key = "kit@people.example", kit.id
    session.rollback()
    return address(number, f"u{key}")


def test_the_worker_takes_in_what_the_command_kept(
    database: str, session: Session, to: str
) -> None:
    mail = bytes(answer(to))
    assert flask(database, "mail", "receive", stdin=mail).stdout == (
        b"mail 1: received: the worker takes it in\n"
    )
    assert done(database, "mail", "receive", stdin=mail.decode()) == (
        "known already: nothing was done\n"
    )
    assert [job.name for job in queued_jobs(session)] == [JOB]
    session.rollback()
    context = Context(session.get_bind().engine, test_settings(database))
    for _ in range(2):
        take_mail(context, {"mail": 1})
    assert said_on(session, 1) == [("kit", "We dig.")]
    assert session.scalars(select(IncomingMail.state)).one() == "added"


def test_no_transaction_is_open_while_a_mail_is_read(
    database: str, session: Session, to: str
) -> None:
    engine = session.get_bind().engine
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    with engine.connect():
        assert pool.checkedout() == 1, "what is counted"
    attributes = " ".join(f"a{count}=1" for count in range(60_000))
    mail = answer(to)
    mail.set_content(f"<p {attributes}>We dig", subtype="html")
    flask(database, "mail", "receive", stdin=bytes(mail))
    context = Context(engine, test_settings(database))
    open_then: list[int] = []
    session.rollback()
    with at_each_start(lambda _words, _environment: open_then.append(pool.checkedout())):
        take_mail(context, {"mail": 1})
    assert open_then == [0]
    assert session.scalars(select(IncomingMail.state)).one() == "needs review"


def test_strangers_are_refused_over_their_room_and_known_senders_are_not(
    database: str, session: Session, to: str
) -> None:
    def receive(number: int, to: str) -> tuple[int, bytes]:
        mail = answer(to, f"We dig {number}.", Message_ID=f"<{number}@mua.example>")
        ran = flask(
            database,
            "mail",
            "receive",
            stdin=bytes(mail),
            MAIL_UNKNOWN_PER_DAY="2",
            SECRET_KEY=TEST_SECRET,
        )
        return ran.returncode, ran.stderr

    stranger = "tickets@portal.example"
    assert [receive(number, stranger)[0] for number in (1, 2)] == [0, 0]
    code, said = receive(3, stranger)
    assert code == 69, "EX_UNAVAILABLE: the mail server returns it"
    assert said.startswith(b"The portal accepts no further mails from this sender today")
    assert receive(1, stranger)[0] == 0, "known already: it is not counted again"
    assert receive(4, to)[0] == 0
    assert sorted(session.scalars(select(IncomingMail.state))) == [
        "added",
        "needs review",
        "needs review",
    ]
    day = session.scalars(select(IncomingMailDay).where(IncomingMailDay.room == "")).one()
    assert (day.kept, day.refused, day.refused_bytes > 0) == (2, 1, True)


def test_without_the_secret_only_so_many_wait_and_the_worker_refuses(
    database: str, session: Session, to: str
) -> None:
    def receive(number: int, to: str = "tickets@portal.example") -> int:
        mail = answer(to, f"We dig {number}.", Message_ID=f"<{number}@mua.example>")
        return flask(
            database, "mail", "receive", stdin=bytes(mail), MAIL_UNKNOWN_PER_DAY="2"
        ).returncode

    settings = test_settings(database)
    limits = replace(settings.mail.receiving, unknown_mails=2)
    settings = replace(settings, mail=replace(settings.mail, receiving=limits))
    context = Context(session.get_bind().engine, settings)
    assert [receive(number) for number in (1, 2, 3)] == [0, 0, 75]
    for number in (1, 2):
        take_mail(context, {"mail": number})
    assert [receive(3), receive(4, to)] == [0, 0]
    for number in (3, 4):
        take_mail(context, {"mail": number})
        take_mail(context, {"mail": 1})  # decided: nothing is counted again
    states = session.execute(select(IncomingMail.id, IncomingMail.state)).all()
    assert sorted(map(tuple, states)) == [
        (1, "needs review"),
        (2, "needs review"),
        (4, "added"),
    ]
    day = session.scalars(select(IncomingMailDay).where(IncomingMailDay.room == "")).one()
    assert (day.kept, day.refused) == (2, 1)


def test_a_mail_server_is_told_to_try_again(database: str) -> None:
    ran = flask(database, "mail", "receive", stdin=b"")
    assert (ran.returncode, ran.stdout) == (75, b"")
    assert ran.stderr == b"Error: Standard input contains no mail\n"
    broken = flask(database, "mail", "receive", "--recipient", "x@y.example", stdin=b"\xff\xfe")
    assert (broken.returncode, broken.stderr) == (0, b"")
