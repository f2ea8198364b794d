"""Mails of carriers: a draft once, imported after a person confirmed the form, until withdrawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden, MoveNotAllowed
from app.jobs.tasks.context import Context
from app.notices.adapters.files import read
from app.notices.models.notices import MaintenanceNotice
from app.notices.rules.notices import Outcome
from app.notices.services.carriers import confirm, list_trusts, withdraw
from app.notices.services.lists import find_notice
from app.notices.services.notices import take_in
from app.notices.tasks.carriers import read_notice
from app.tickets.models.tickets import Ticket
from tests.carrier_answers import START, carrier_answer, carrier_mail, stand_in
from tests.cast import NOON, Cast, writer
from tests.harness.server import test_settings as settings_for


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_in(tmp_path_factory.mktemp("reader"))


class World:
    """Mails that come in, and the worker that has them read."""

    def __init__(self, session: Session, cast: Cast, python: Path | None) -> None:
        self.session, self.by, self.cast = session, writer(cast.operator), cast
        from dataclasses import replace

        engine = session.get_bind()
        assert isinstance(engine, Engine)
        url = engine.url.render_as_string(hide_password=False)
        settings = replace(settings_for(url), carrier_reader=python)
        self.context = Context(engine, settings, now=lambda: NOON)

    def mail(self, body: object, sender: str = "noc@mail.zayo.com") -> MaintenanceNotice:
        """A mail that came in and was read; its first notice."""
        self.session.rollback()
        with transaction(self.session):
            (result,) = take_in(self.session, self.by, read(carrier_mail(body, sender)))
        assert result.notice is not None
        self.session.rollback()
        read_notice(self.context, {"notice": result.notice})
        self.session.expire_all()
        return find_notice(self.session, result.notice)

    def confirm(self, number: int, actor: Actor | None = None) -> MaintenanceNotice:
        self.session.rollback()
        with transaction(self.session):
            return confirm(self.session, writer(actor or self.cast.operator), number)


@pytest.fixture
def world(session: Session, cast: Cast, python: Path) -> World:
    return World(session, cast, python)


def test_a_form_is_confirmed_once(world: World) -> None:
    first = world.mail(carrier_answer("TTN-1"))
    assert (first.state, first.ticket_number) == (Outcome.TO_READ, None)
    assert (first.provider, first.maintenance_ids, first.uid) == ("zayo", "TTN-1", "TTN-1")
    assert first.start is not None
    assert first.start.timestamp() == START
    assert first.file.content is None
    waiting = world.mail(carrier_answer("TTN-2"))
    assert waiting.state == Outcome.TO_READ
    assert world.confirm(1).state == Outcome.MADE
    third = world.mail(carrier_answer("TTN-3"))
    assert (third.state, third.ticket_number) == (Outcome.MADE, 2)
    assert world.session.get_one(Ticket, 2).window_start == third.start
    (trusted,) = list_trusts(world.session)
    assert (trusted.trust.sender, trusted.trust.notice_number) == ("mail.zayo.com", 1)
    assert [one.id for one in trusted.newest] == [3]
    assert trusted.trust.confirmed_by == world.by.shown_author


def test_another_form_or_sender_waits(world: World) -> None:
    world.confirm(world.mail(carrier_answer("TTN-1")).id)
    other = {**carrier_answer("TTN-2"), "form": ["EmailDateParser", "HtmlParserZayo2"]}
    assert world.mail(other).state == Outcome.TO_READ
    assert world.mail(carrier_answer("TTN-3"), "noc@zayo.com").state == Outcome.TO_READ
    assert world.mail(carrier_answer("TTN-4"), "noc@zayo.example").form == ""


def test_a_later_mail_moves_the_window_and_a_cancellation_ends_it(world: World) -> None:
    world.confirm(world.mail(carrier_answer("TTN-1")).id)
    moved = world.mail(carrier_answer("TTN-1", start=START + 60, stamp=START - 7200))
    assert (moved.state, moved.ticket_number) == (Outcome.UPDATED, 1)
    assert world.session.get_one(Ticket, 1).window_start == moved.start
    ended = world.mail(carrier_answer("TTN-1", status="CANCELLED", circuits=[], stamp=START))
    assert ended.state == Outcome.CANCELLED
    assert world.session.get_one(Ticket, 1).state == "unsolved"


def test_the_trust_is_withdrawn(world: World) -> None:
    world.confirm(world.mail(carrier_answer("TTN-1")).id)
    (trusted,) = list_trusts(world.session)
    world.session.rollback()
    with transaction(world.session):
        withdraw(world.session, world.by, trusted.trust.id)
    assert world.mail(carrier_answer("TTN-2")).state == Outcome.TO_READ
    with pytest.raises(MoveNotAllowed), transaction(world.session):
        withdraw(world.session, world.by, trusted.trust.id)
    assert world.confirm(2).state == Outcome.MADE
    assert [one.trust.withdrawn_at is None for one in list_trusts(world.session)] == [True, False]


def test_several_notices_of_a_mail(world: World) -> None:
    one, two = (carrier_answer(number)["maintenances"][0] for number in ("TTN-1", "TTN-2"))
    form = carrier_answer("")["form"]
    world.mail({"form": form, "maintenances": [one, two]})
    rows = world.session.scalars(select(MaintenanceNotice).order_by(MaintenanceNotice.id)).all()
    assert [(row.uid, row.state) for row in rows] == [("TTN-1", "to read"), ("TTN-2", "to read")]
    world.confirm(1)
    later = {"end": START + 7200, "stamp": START}
    world.mail({"form": form, "maintenances": [one | later, {**two, **later}, {**two, **later}]})
    rows = world.session.scalars(select(MaintenanceNotice).order_by(MaintenanceNotice.id)).all()
    assert [row.state for row in rows] == ["made", "to read", "updated", "to read", "to read"]
    assert "several windows of this maintenance" in rows[3].why
    with pytest.raises(MoveNotAllowed):
        world.confirm(4)


@pytest.mark.parametrize("what", ["unknown", "crash", "chatter", "run x"])
def test_what_fails_waits_with_a_sentence_and_its_text(world: World, what: str) -> None:
    row = world.mail(what)
    assert row.state == Outcome.TO_READ
    assert "the carrier reader" in row.why
    assert what in row.file.text
    assert row.file.content is None


def test_without_the_reader_a_mail_waits_as_it_did(session: Session, cast: Cast) -> None:
    row = World(session, cast, None).mail(carrier_answer("TTN-1"))
    assert (row.state, row.form, row.file.content) == (Outcome.TO_READ, "", None)
    assert "carrier reader" not in row.why


def test_only_operators_confirm(world: World) -> None:
    world.mail(carrier_answer("TTN-1"))
    with pytest.raises(Forbidden):
        world.confirm(1, world.cast.reader)
