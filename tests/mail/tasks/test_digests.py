"""Digests as timed work: one mail with all that was told, made and sent once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import find_user
from app.core.database.transactions import transaction
from app.jobs.rules.work import DIGESTS
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail
from app.mail.services.choices import set_mail_choice
from app.mail.tasks.mails import PostOffice, plan_mails
from app.tickets.services.lifecycle import comment_ticket
from app.worker.timed import TIMED
from tests.cast import writer
from tests.mails import enter_with_mails, opened


def test_a_digest_is_made_and_sent_once(session: Session, context: Context) -> None:
    cast = enter_with_mails(session)
    number = opened(session, cast.kit)
    now = datetime.now(UTC)
    with transaction(session):
        set_mail_choice(session, writer(cast.kit), find_user(session, "kit"), "digest")
        for word in ("one", "two"):
            comment_ticket(session, writer(cast.operator, now), number, word)
    plan_mails(context)
    assert not PostOffice(context).step(), "it is not time yet"
    assert TIMED[DIGESTS.name](context) == "1 digest created"
    assert TIMED[DIGESTS.name](context) == "No digests due"
    assert PostOffice(context).step()
    assert not PostOffice(context).step()
    session.rollback()
    mails = session.scalars(select(Mail).order_by(Mail.id)).all()
    assert [mail.state for mail in mails] == ["digested", "digested", "sent"]
    file = Path(context.settings.mail.folder) / f"mail-{mails[-1].id}.eml"
    assert b"kit@people.example" in file.read_bytes()
