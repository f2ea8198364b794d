"""What belongs to people who no longer sign on ends, after a mail, and nobody else's does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.feeds import CalendarFeed
from app.accounts.models.people import ApiToken, User
from app.accounts.rules.sign_on import Claimed
from app.accounts.services import identities
from app.accounts.services.lapses import end_lapsed, lapses_at
from app.accounts.services.people import actor_of_user, disable_user
from app.accounts.services.tokens import create_own_token
from app.calendar.services.feeds import make_feed
from app.core.database.transactions import transaction
from app.mail.models.mails import MailMessage
from app.webhooks.models.webhooks import Webhook
from tests.cast import NOON, SYSTEM, Cast, enter, writer
from tests.webhooks.seeded import seed_webhook

CURIE = Claimed("https://sso.example", "s-1", "curie", "Marie Curie", "curie@example.org", ())
DAYS = 30


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def sign_on(session: Session, day: float, said: Claimed = CURIE) -> User:
    by = replace(SYSTEM, now=NOON + timedelta(days=day))
    with transaction(session):
        found = identities.sign_on(session, by, said, refuse_unmapped=False)
    assert found is not None
    return found


def give(session: Session, user: User, *, feed: bool = True) -> None:
    """An API token, and a calendar address."""
    by = writer(actor_of_user(user))
    with transaction(session):
        create_own_token(session, by, "laptop", ["read"], 400)
        if feed:
            make_feed(session, by)


def pass_days(session: Session, day: float, days: int = DAYS) -> tuple[int, int]:
    with transaction(session):
        return end_lapsed(session, replace(SYSTEM, now=NOON + timedelta(days=day)), days)


def live(session: Session) -> tuple[int, int]:
    tokens = select(func.count()).select_from(ApiToken).where(ApiToken.ended_at.is_(None))
    found = session.scalar(tokens), session.scalar(select(func.count()).select_from(CalendarFeed))
    session.rollback()
    return found[0] or 0, found[1] or 0


def subjects(session: Session) -> list[str]:
    found = session.scalars(
        select(MailMessage.subject)
        .where(MailMessage.subject.contains(" end"))
        .order_by(MailMessage.id)
    ).all()
    session.rollback()
    return list(found)


SOON, ENDED = (
    "Your API tokens and calendar feed end soon",
    ("Your API tokens and calendar feed ended"),
)


def test_a_mail_a_week_before_and_the_end_after_thirty_days(session: Session, cast: Cast) -> None:
    give(session, sign_on(session, 0))
    assert [pass_days(session, day) for day in (1, 22.9)] == [(0, 0)] * 2
    assert subjects(session) == []
    assert [pass_days(session, day) for day in (23, 24, 29.9)] == [(0, 1), (0, 0), (0, 0)]
    assert live(session) == (1, 1)
    assert pass_days(session, 30) == (1, 0)
    assert live(session) == (0, 0)
    assert pass_days(session, 31) == (0, 0)
    assert [one.split("] ")[-1] for one in subjects(session)] == [SOON, ENDED]


def test_a_sign_on_begins_it_again_and_warns_again(session: Session, cast: Cast) -> None:
    user = sign_on(session, 0)
    give(session, user)
    assert pass_days(session, 25) == (0, 1)
    sign_on(session, 26)
    assert lapses_at(session, user, DAYS) == NOON + timedelta(days=56)
    session.rollback()
    assert [pass_days(session, day) for day in (30, 48, 49, 56)] == [(0, 0), (0, 0), (0, 1), (1, 0)]


def test_whom_it_does_not_concern(session: Session, cast: Cast) -> None:
    """A local account, one whose role is set here, one that is disabled, and no limit."""
    kit = session.get_one(User, cast.kit.account_id)
    session.rollback()
    give(session, kit)
    linked = session.get_one(User, cast.pic.account_id)
    with transaction(session):
        identities.link(session, writer(cast.pic), "pic", replace(CURIE, subject="s-2"))
    give(session, linked, feed=False)
    assert lapses_at(session, kit, DAYS) is None
    assert lapses_at(session, linked, DAYS) is None
    session.rollback()
    assert pass_days(session, 400) == (0, 0)
    user = sign_on(session, 0)
    give(session, user, feed=False)
    assert lapses_at(session, user, 0) is None
    session.rollback()
    assert pass_days(session, 400, days=0) == (0, 0)
    with transaction(session):
        disable_user(session, writer(cast.admin), user)
    assert pass_days(session, 400) == (0, 0)
    assert live(session) == (2, 1)


def test_who_was_away_before_anything_ended_is_warned_first(session: Session, cast: Cast) -> None:
    """As after an upgrade, and where the days become fewer: nothing ends without the mail."""
    user = sign_on(session, 0)
    give(session, user)
    assert pass_days(session, 200) == (0, 1)
    assert lapses_at(session, user, DAYS) == NOON + timedelta(days=207)
    session.rollback()
    assert [pass_days(session, day) for day in (201, 206.9, 207)] == [(0, 0), (0, 0), (1, 0)]
    assert [one.split("] ")[-1] for one in subjects(session)] == [SOON, ENDED]
    again = writer(actor_of_user(sign_on(session, 210)))
    with transaction(session):
        make_feed(session, again)
    assert pass_days(session, 250, days=300) == (0, 0)
    assert [pass_days(session, day) for day in (251, 257.9, 258)] == [(0, 1), (0, 0), (1, 0)]
    assert live(session) == (0, 0)


def test_webhooks_end_too_where_there_is_nothing_else(session: Session, cast: Cast) -> None:
    user = sign_on(session, 0)
    with transaction(session):
        number, _secret = seed_webhook(session, writer(actor_of_user(user)))
    assert [pass_days(session, day) for day in (1, 23, 24)] == [(0, 0), (0, 1), (0, 0)]
    assert [pass_days(session, day) for day in (30, 31)] == [(1, 0), (0, 0)]
    assert session.get_one(Webhook, number).off_why == "sessions"
    text = session.scalars(select(MailMessage.text).order_by(MailMessage.id.desc())).first() or ""
    assert "Ended: 1 webhook. Sign in" in text
