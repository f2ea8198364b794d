"""The queue of mails on both databases: planned once, claimed by one, in one digest, stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import disable_user, find_user, set_mail
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Door, Writer
from app.core.rules.errors import Invalid
from app.mail.models.mails import Mail
from app.mail.services.choices import allow_mails, find_stop, set_mail_choice, stop_mails
from app.mail.services.mails import AT_ONCE, draft_mails, put_mails
from app.mail.services.queue import (
    claim_mails,
    make_digests,
    mark_failed,
    mark_later,
    mark_sent,
    send_again,
    wait_after,
)
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from app.tickets.services.watching import watch_ticket
from tests.cast import NOON, Cast, writer
from tests.mails import KEY, SENDER, body, changed, enter_with_mails, message, opened, plan, told


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


def test_preferences_and_stops(session: Session, cast: Cast) -> None:
    number = opened(session, cast.kit, sites=("DE-KIT",))
    first = plan(session)[0]
    token = SENDER.stop_url(first.id, first.address_key).rpartition("/")[2]
    with transaction(session):
        watch_ticket(session, writer(cast.reader), number)
        set_mail_choice(session, writer(cast.kit), find_user(session, "kit"), "never")
        set_mail_choice(session, writer(cast.reader), find_user(session, "reader"), "digest")
        assert stop_mails(session, KEY, token, NOON, "").stopped
        assert stop_mails(session, KEY, token, NOON, "").stopped
    assert find_stop(session, KEY, token).stopped
    changed(session, cast.operator, number, public_comment="Seen.")
    (mail,) = plan(session)
    assert (mail.address, mail.state, mail.due_at) == ("reader@people.example", "digest", None)
    with transaction(session):
        assert not allow_mails(session, KEY, token, NOON, "").stopped
    changed(session, cast.operator, number, public_comment="Seen again.")
    assert set(told(session)) == {"noc@kit.example", "reader@people.example"}
    logged = session.scalars(select(Change.kind).order_by(Change.id.desc())).all()
    assert logged.count("mail stop") == 2, "stopped once, allowed once"


def test_an_account_chooses_for_its_address_whatever_the_address_said_before(
    session: Session, cast: Cast
) -> None:
    """Else the profile would say "a mail for each change" and none would come."""
    opened(session, cast.operator, carbon_copy="new@people.example")
    (mail,) = plan(session)
    token = SENDER.stop_url(mail.id, mail.address_key).rpartition("/")[2]
    with transaction(session):
        stop_mails(session, KEY, token, NOON, "")
    opened(session, cast.operator, carbon_copy="new@people.example")
    assert plan(session) == []
    with transaction(session):
        set_mail(session, writer(cast.reader), find_user(session, "reader"), "New@people.example")
    opened(session, cast.operator, carbon_copy="new@people.example")
    assert told(session) == {"new@people.example": "because you are in carbon copy"}


def test_nobody_silences_a_contact_by_writing_its_address_as_an_own_one(
    session: Session, cast: Cast
) -> None:
    """Only who speaks for the site chooses for its contact."""
    for person, by, expected in (
        ("reader", cast.reader, {"noc@kit.example": "as contact of DE-KIT"}),
        ("pic", cast.pic, {"noc@kit.example": "as contact of DE-KIT"}),
        ("kit", cast.kit, {}),
    ):
        with transaction(session):
            set_mail(session, writer(by), find_user(session, person), "NOC@kit.example")
            set_mail_choice(session, writer(by), find_user(session, person), "never")
        opened(session, cast.operator, sites=("DE-KIT",))
        assert told(session) == expected, person
        with transaction(session):
            set_mail(session, writer(by), find_user(session, person), "")


def test_who_stops_mails_gets_none_that_waited_either(session: Session, cast: Cast) -> None:
    """As while the mail server was down."""
    number = opened(session, cast.kit, carbon_copy="cc@x.example")
    changed(session, cast.operator, number, public_comment="Seen.")
    first, *_ = mails = plan(session)
    assert {mail.address for mail in mails} == {"cc@x.example", "kit@people.example"}
    token = SENDER.stop_url(first.id, first.address_key).rpartition("/")[2]
    with transaction(session):
        assert first.address == "cc@x.example"
        stop_mails(session, KEY, token, NOON, "")
        states = {mail.address: mail.state for mail in session.scalars(select(Mail))}
        assert states == {"cc@x.example": "dropped", "kit@people.example": "waiting"}
        set_mail_choice(session, writer(cast.kit), find_user(session, "kit"), "never")
        assert claim_mails(session, NOON, NOON) == {}


def test_who_may_not_log_in_any_more_gets_no_digest(session: Session, cast: Cast) -> None:
    number = opened(session, cast.kit)
    assert plan(session) == []
    for name, by in (("kit", cast.kit), ("reader", cast.reader)):
        with transaction(session):
            watch_ticket(session, writer(by), number)
            set_mail_choice(session, writer(by), find_user(session, name), "digest")
    changed(session, cast.operator, number, public_comment="We look.")
    assert [mail.state for mail in plan(session)] == ["digest", "digest"]
    with transaction(session):
        disable_user(session, writer(cast.admin), find_user(session, "kit"))
        assert make_digests(session, NOON) == 1
    mails = session.scalars(select(Mail).order_by(Mail.id))
    assert {(mail.address, mail.state) for mail in mails} == {
        ("kit@people.example", "dropped"),
        ("reader@people.example", "digested"),
        ("reader@people.example", "waiting"),
    }


def test_one_digest_tells_all_once(session: Session, cast: Cast) -> None:
    number = opened(session, cast.kit, title="Fibre cut")
    with transaction(session):
        set_mail_choice(session, writer(cast.kit), find_user(session, "kit"), "digest")
    changed(session, cast.operator, number, public_comment="We look.")
    changed(session, cast.operator, number, state="solved", solution="Spliced.")
    assert [mail.state for mail in plan(session)] == ["digest", "digest"]
    with transaction(session):
        assert make_digests(session, NOON) == 1
    with transaction(session):
        assert make_digests(session, NOON) == 0
    (digest,) = session.scalars(select(Mail).where(Mail.change_id.is_(None)))
    found = message(session, digest)
    assert found["Subject"] == "LHCOPN tickets, 2013-03-06: updates on 1 ticket"
    text = body(found, "plain")
    assert text.index("We look.") < text.index("Spliced.")
    assert "We look." in body(found, "html")
    with transaction(session):
        assert list(claim_mails(session, NOON, NOON + timedelta(minutes=1))) == [digest.id]


def test_planning_twice_or_at_once_makes_nothing_twice(session: Session, cast: Cast) -> None:
    opened(session, cast.operator, sites=("DE-KIT",))
    one = draft_mails(session, NOON, "")
    other = draft_mails(session, NOON, "")
    assert one is not None
    assert other is not None
    with transaction(session):
        assert put_mails(session, one)
    with transaction(session):
        assert not put_mails(session, other)
    assert len(session.scalars(select(Mail)).all()) == 1
    assert draft_mails(session, NOON, "") is None


def test_a_mail_is_claimed_by_one_until_its_time_is_over(session: Session, cast: Cast) -> None:
    """Whoever lost the claim records no failure; what a server accepted is sent all the same."""
    opened(session, cast.operator, sites=("DE-KIT",))
    (mail,) = plan(session)
    number = mail.id
    until = NOON + timedelta(minutes=5)
    with transaction(session):
        assert claim_mails(session, NOON, until) == {number: 0}
    with transaction(session):
        assert claim_mails(session, NOON + timedelta(minutes=4), until) == {}
        again = until + timedelta(minutes=5)
        assert claim_mails(session, until, again) == {number: 0}
        mark_failed(session, number, until, "550 too late")
        mark_later(session, number, until, "451 too late", until)
        assert (mail.state, mail.reason, mail.claimed_until) == ("waiting", "", again)
    with transaction(session):
        mark_later(session, number, again, "451 come back", until + timedelta(minutes=1))
    with transaction(session):
        assert claim_mails(session, until, until) == {}
        send_again(session, Writer(cast.operator, Door.PORTAL, until), number)
        assert claim_mails(session, until, again) == {number: 1}
        with pytest.raises(Invalid, match="this one is being sent"):
            send_again(session, Writer(cast.operator, Door.PORTAL, until), number)
    with transaction(session):
        mark_sent(session, number, until)
        mark_later(session, number, again, "451 come back", until)
    assert (mail.state, mail.due_at, mail.claimed_until) == ("sent", None, None)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)]
)
def test_each_pause_is_twice_as_long_up_to_an_hour(attempts: int, minutes: int) -> None:
    first = timedelta(minutes=1)
    assert wait_after(attempts, first, chance=1) == timedelta(minutes=minutes)
    assert wait_after(attempts, first, chance=0) == timedelta(minutes=minutes) / 2


def test_many_changes_are_planned_in_turns(session: Session, cast: Cast) -> None:
    with transaction(session):
        for count in range(AT_ONCE + 3):
            open_ticket(
                session, writer(cast.operator), NewTicket(title=f"No {count}", sites=("DE-KIT",))
            )
    assert len(plan(session)) == AT_ONCE + 3
