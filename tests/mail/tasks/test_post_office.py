"""The worker's post office: one mail's trouble is not another's, and what was taken stays taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.ports import MailLater, MailRefused
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail, MailNotification
from app.mail.services.choices import stop_mails
from app.mail.tasks.mails import PostOffice
from tests.cast import NOON, Cast
from tests.harness.databases import fresh_database
from tests.mails import KEY, SENDER, enter_with_mails, opened, plan


@dataclass
class Box:
    """A mailer that says for some addresses what it is told to say."""

    name = "box.example:25"
    says: dict[str, MailLater | MailRefused] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    also: Callable[[], None] = lambda: None
    """What happens while it has a mail."""

    def send(self, _message: bytes, _sender: str, address: str, _key: str) -> None:
        if address in self.says:
            raise self.says[address]
        self.also()
        self.taken.append(address)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def database() -> Iterator[str]:
    """SQLite: what is tried here asks the database nothing special."""
    with fresh_database("sqlite") as url:
        yield url


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


@pytest.fixture
def clock() -> list[timedelta]:
    """How long after noon it is."""
    return [timedelta()]


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def office(context: Context, box: Box, clock: list[timedelta]) -> PostOffice:
    at = Context(context.engine, context.settings, now=lambda: NOON + clock[0])
    return PostOffice(at, make_mailer=lambda _settings: box, chance=lambda: 1.0)


def seed(session: Session, cast: Cast, *addresses: str) -> None:
    for address in addresses:
        opened(session, cast.operator, carbon_copy=address)
    assert len(plan(session)) == len(addresses)


def states(session: Session) -> dict[str, tuple[str, str]]:
    session.rollback()
    session.expire_all()
    mails = session.scalars(select(Mail).order_by(Mail.id))
    return {mail.address: (mail.state, mail.reason) for mail in mails}


def test_a_mail_that_cannot_be_written_holds_up_no_other(
    session: Session, cast: Cast, office: PostOffice, box: Box
) -> None:
    seed(session, cast, "a@x.example", "b@x.example", "c@x.example")
    with transaction(session):
        notification = session.scalars(
            select(MailNotification).order_by(MailNotification.change_id)
        ).first()
        assert notification is not None
        notification.content = '{"of": "another version", "facts": []}'
    assert office.step()
    assert box.taken == ["b@x.example", "c@x.example"]
    assert states(session) == {
        "a@x.example": (
            "failed",
            "The mail could not be written: TypeError: Notification.__init__() got an unexpected"
            " keyword argument 'of'",
        ),
        "b@x.example": ("sent", ""),
        "c@x.example": ("sent", ""),
    }


def test_what_was_taken_while_the_database_was_away_is_not_sent_again(
    session: Session, cast: Cast, office: PostOffice, box: Box, context: Context,
    clock: list[timedelta],
) -> None:  # fmt: skip
    seed(session, cast, "a@x.example")

    def refuse(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "sent_at=" in statement:
            raise OperationalError(statement, None, Exception("the database is away"))

    event.listen(context.engine, "before_cursor_execute", refuse)
    with pytest.raises(OperationalError):
        office.step()
    event.remove(context.engine, "before_cursor_execute", refuse)
    assert states(session) == {"a@x.example": ("waiting", "")}
    clock[0] = timedelta(hours=1)  # its claim is over by now
    office.step()
    assert box.taken == ["a@x.example"]
    assert states(session) == {"a@x.example": ("sent", "")}
    mail = session.scalars(select(Mail)).one()
    assert mail.sent_at == NOON, "when the server took it"


def test_a_mail_that_was_stopped_after_a_worker_claimed_it_is_not_sent(
    session: Session, cast: Cast, office: PostOffice, box: Box
) -> None:
    seed(session, cast, "a@x.example", "b@x.example")
    _first, second = session.scalars(select(Mail).order_by(Mail.id))
    token = SENDER.stop_url(second.id, second.address_key).rpartition("/")[2]
    session.rollback()

    def stop() -> None:
        with transaction(session):
            stop_mails(session, KEY, token, NOON, "")

    box.also = stop
    assert office.step()
    assert box.taken == ["a@x.example"]
    assert states(session) == {"a@x.example": ("sent", ""), "b@x.example": ("dropped", "")}


def test_a_server_that_takes_none_is_left_alone_for_longer_each_time(
    session: Session, cast: Cast, office: PostOffice, box: Box, clock: list[timedelta]
) -> None:
    seed(session, cast, "a@x.example", "b@x.example")
    away = MailLater("no connection", for_all=True)
    box.says = {"a@x.example": away, "b@x.example": away}
    assert not office.step()
    assert states(session) == {
        "a@x.example": ("waiting", "no connection"),
        "b@x.example": ("waiting", ""),
    }
    assert not office.step()
    box.says = {}
    clock[0] = timedelta(seconds=59)
    assert not office.step()
    clock[0] = timedelta(seconds=60)
    assert office.step()
    assert sorted(box.taken) == ["a@x.example", "b@x.example"]
