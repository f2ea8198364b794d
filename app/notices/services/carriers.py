"""What the carrier reader read in mails: drafts, the forms that people confirmed, imports by them.

The reader's answer is a draft that waits, unless a person confirmed this form of this carrier: from
then on its notices are imported as MAINTNOTE is, each with the confirmation by which it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.core.rules.errors import MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.core.services.changes import FieldChange, record_change, take_number
from app.notices.models.notices import CarrierTrust, MaintenanceNotice
from app.notices.rules.carriers import CarrierReading, as_text, from_text, provider_of
from app.notices.rules.notices import WHY_LIMIT, Notice, NoticeReading, Outcome, cut_line
from app.notices.services.circuits import resolved_circuits
from app.notices.services.notices import (
    NOTICE,
    Result,
    locked_notice,
    record_notice,
    require_take,
    take_into,
)

TRUST: Final = "carrier form"
"""The kind of confirmations in the change log."""
SHOWN: Final = 20
"""Notices listed for each confirmation."""


@dataclass(frozen=True)
class WaitingMail:
    """A mail for the reader."""

    provider: str
    content: bytes


@dataclass(frozen=True)
class Trusted:
    """A confirmation, and what was imported by it: how many notices, and the newest."""

    trust: CarrierTrust
    count: int
    newest: Sequence[MaintenanceNotice]


def mail_to_read(session: Session, number: int) -> WaitingMail | None:
    """The mail of a notice that nobody has decided, None = there is no such one any more."""
    row = session.get(MaintenanceNotice, number)
    if row is None or row.state != Outcome.TO_READ or row.file.content is None:
        return None
    return WaitingMail(provider_of(_domain(row)), row.file.content)


def not_read(session: Session, by: Writer, number: int, why: str) -> None:
    """The reader did not read a mail; ``why`` in words, "" = there is no reader."""
    row = locked_notice(session, by, number)
    row.file.content = None
    if why and row.state == Outcome.TO_READ:
        row.why = cut_line(f"{row.why}; {why}", WHY_LIMIT)
        record_notice(session, by, row, [("why", None, row.why)])


def take_reading(
    session: Session, by: Writer, number: int, reading: CarrierReading
) -> Sequence[Result]:
    """Import what was read if its form is confirmed; otherwise leave it to a person as a draft."""
    first = locked_notice(session, by, number)
    first.file.content = None
    if first.state != Outcome.TO_READ:
        return []
    rows = [first, *(_another(first, by) for _one in reading.notices[1:])]
    trust = _trust(session, _domain(first), reading.form)
    times = Counter(one.uid for one in reading.notices)
    results = []
    for row, notice in zip(rows, reading.notices, strict=True):
        row.form = reading.form
        if trust is not None and times[notice.uid] == 1:
            result = take_into(session, by, row, notice)
            if result.outcome is not Outcome.TO_READ:
                row.trust_id = trust.id
            results.append(result)
            continue
        _draft(session, by, row, notice, is_alone=times[notice.uid] == 1)
    session.flush()
    return results


def confirm(session: Session, by: Writer, number: int) -> MaintenanceNotice:
    """Import the reading of a notice, and trust its form from now on.

    Raises ``Forbidden``, ``NotFound``, and ``MoveNotAllowed`` if there is nothing to confirm.
    """
    row = locked_notice(session, by, number)
    if row.state != Outcome.TO_READ or not row.reading:
        raise MoveNotAllowed(_("This notice has no reading to confirm"))
    notice, row.reading = from_text(row.reading), ""
    sender = _domain(row)
    result = take_into(session, by, row, notice)
    is_read = result.outcome is not Outcome.TO_READ
    if is_read and sender and _trust(session, sender, row.form) is None:
        trust = CarrierTrust(
            sender=sender,
            provider=notice.provider,
            form=row.form,
            notice_number=row.id,
            confirmed_at=by.now,
            confirmed_by=by.shown_author[:SHORT_TEXT_LIMIT],
        )
        session.add(trust)
        session.flush()
        fields = [FieldChange("form", None, f"{sender}: {row.form}")]
        record_change(session, by, kind=TRUST, thing_id=trust.id, fields=fields)
    return row


def withdraw(session: Session, by: Writer, key: int) -> CarrierTrust:
    """Withdraw a confirmation: notices of its form wait for a person again.

    Raises ``Forbidden``, ``NotFound``, ``MoveNotAllowed``.
    """
    require_take(by.actor)
    take_number(session, NOTICE, 0)
    trust = session.get(CarrierTrust, key, populate_existing=True)
    if trust is None:
        raise NotFound(_("There is no such confirmation"))
    if trust.withdrawn_at is not None:
        raise MoveNotAllowed(_("This confirmation has already been withdrawn"))
    trust.withdrawn_at, trust.withdrawn_by = by.now, by.shown_author[:SHORT_TEXT_LIMIT]
    fields = [FieldChange("form", f"{trust.sender}: {trust.form}", None)]
    record_change(session, by, kind=TRUST, thing_id=trust.id, fields=fields)
    return trust


def list_trusts(session: Session) -> Sequence[Trusted]:
    """Every confirmation, the newest first, with what was imported by it."""
    result = []
    for trust in session.scalars(select(CarrierTrust).order_by(CarrierTrust.id.desc())):
        by_it = MaintenanceNotice.trust_id == trust.id
        count = session.scalar(select(func.count()).select_from(MaintenanceNotice).where(by_it))
        newest = session.scalars(
            select(MaintenanceNotice)
            .where(by_it)
            .order_by(MaintenanceNotice.id.desc())
            .limit(SHOWN)
        ).all()
        result.append(Trusted(trust, count or 0, newest))
    return result


def _trust(session: Session, sender: str, form: str) -> CarrierTrust | None:
    return session.scalars(
        select(CarrierTrust).where(
            CarrierTrust.sender == sender,
            CarrierTrust.form == form,
            CarrierTrust.withdrawn_at.is_(None),
        )
    ).first()


def _draft(
    session: Session, by: Writer, row: MaintenanceNotice, notice: Notice, *, is_alone: bool
) -> None:
    """Store a reading in a row that waits for a person."""
    row.provider, row.provider_key, row.uid = notice.provider, notice.provider_key, notice.uid
    row.title, row.maintenance_ids = notice.title(), "\n".join(notice.maintenance_ids)
    row.start, row.end, row.stamp = notice.start, notice.end, notice.stamp
    row.status, row.impact, row.sequence = notice.status, notice.impact, notice.sequence
    row.circuits = resolved_circuits(session, notice)
    row.why = f"Read by the carrier reader as {notice.provider}, form {row.form}"
    if is_alone:
        row.reading = as_text(notice)
        row.why += "; to be confirmed once for this form"
    else:
        row.why += "; the email has several windows of this maintenance"
    row.why = cut_line(row.why, WHY_LIMIT)
    if row not in session:
        row.id = take_number(session, NOTICE)
        session.add(row)
    session.flush()
    record_notice(session, by, row, [("why", None, row.why), ("title", None, row.title)])


def _another(first: MaintenanceNotice, by: Writer) -> MaintenanceNotice:
    return MaintenanceNotice(
        file=first.file, file_id=first.file_id, state=Outcome.TO_READ, received_at=by.now
    )


def _domain(row: MaintenanceNotice) -> str:
    return NoticeReading("", "", "", (), sender=row.file.sender).sender_domain
