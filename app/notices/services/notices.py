"""Imports maintenance notices: they create, update, cancel and complete tickets.

A notice counts once, whichever file contains it. UIDs belong to their provider; for one maintenance
the higher sequence counts and, of two with the same sequence, the later stamp (RFC 5546, 2.1.5). A
notice that cannot be read, or that the ticket's state forbids, is stored for a person. Nothing is
dropped silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.calendar.rules.work_status import WorkStatus
from app.core.rules.access import Actor, ActorKind, Writer, require_scope
from app.core.rules.errors import Forbidden, NotFound
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.core.rules.texts import PORTAL_TEXT_LIMIT, SHORT_TEXT_LIMIT, cut_with_pointer
from app.core.services.changes import FieldChange, record_change, take_number
from app.jobs.services.queue import enqueue
from app.notices.models.notices import MaintenanceNotice, NoticeFile, ProviderMaintenance
from app.notices.rules.carriers import provider_of
from app.notices.rules.notices import (
    NO_CIRCUIT,
    WHY_LIMIT,
    Notice,
    NoticeReading,
    Outcome,
    Unread,
    cut_line,
)
from app.notices.services.circuits import resolved_circuits
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import MAX_THINGS, NewTicket, Reference
from app.tickets.rules.tickets import ENDED_STATES, FINAL_STATES, Category, Layer, State
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import change_ticket, locked_ticket, open_ticket

NOTICE: Final = "notice"
"""The kind of notices in the change log, and the sequence of their numbers."""
JOB: Final = "carrier_notice"
"""The job that has a carrier's mail read."""
_NAMED: Final = 20
"""Circuits listed one by one in a ticket's description."""


@dataclass(frozen=True)
class Result:
    """What happened to a notice, or would happen: its number, and that of its ticket, if any."""

    outcome: Outcome
    why: str
    title: str = ""
    provider: str = ""
    notice: int | None = None
    ticket: int | None = None
    is_new_ticket: bool = False
    unresolved: tuple[str, ...] = ()


def refusal_to_take(actor: Actor) -> str | None:
    """Why this account may not submit notices, or None."""
    if actor.kind is ActorKind.PERSON and not actor.is_operator:
        return "Only operators may import maintenance notices"
    if actor.kind is ActorKind.PARTNER:
        return "Partner accounts may not submit maintenance notices; use a token of scope tickets"
    return None


def require_take(actor: Actor) -> None:
    """Raise ``Forbidden`` unless this account may submit notices; a token needs ``tickets``."""
    require_scope(actor, Scope.TICKETS)
    reason = refusal_to_take(actor)
    if reason is not None:
        raise Forbidden(reason)


def locked_notice(session: Session, by: Writer, number: int) -> MaintenanceNotice:
    """A notice that nobody else decides or reads until the end of the transaction.

    Raises ``Forbidden``, ``NotFound``.
    """
    require_take(by.actor)
    take_number(session, NOTICE, 0)
    row = session.get(MaintenanceNotice, number, populate_existing=True)
    if row is None:
        raise NotFound(_("There is no notice with this number"))
    return row


# --- import --------------------------------------------------------------------------------------


def take_in(session: Session, by: Writer, reading: NoticeReading) -> Sequence[Result]:
    """Process the notices of a file; one result for each. Raises ``Forbidden``."""
    require_take(by.actor)
    take_number(session, NOTICE, 0)  # one file at a time: only the lock
    known = session.scalars(select(NoticeFile).where(NoticeFile.digest == reading.digest)).first()
    if known is not None:
        rows = session.scalars(
            select(MaintenanceNotice)
            .where(MaintenanceNotice.file_id == known.id)
            .order_by(MaintenanceNotice.id)
        )
        found = [
            _same(row, f"This file was imported on {known.received_at:%Y-%m-%d}") for row in rows
        ]
        return found or [Result(Outcome.SAME, "All notices in it are already known")]
    taking = _Taking(session, by, reading)
    taking.lock_tickets()
    return [taking.take(one) for one in reading.found]


def maintenance_of(session: Session, row: MaintenanceNotice) -> ProviderMaintenance | None:
    """The maintenance of a notice, if known; without a UID or number it has none."""
    return _maintenance(session, row.provider_key, row.uid) if row.uid else None


def _maintenance(session: Session, provider_key: str, uid: str) -> ProviderMaintenance | None:
    return session.scalars(
        select(ProviderMaintenance).where(
            ProviderMaintenance.provider_key == provider_key, ProviderMaintenance.uid == uid
        )
    ).first()


def _same(row: MaintenanceNotice, why: str) -> Result:
    return Result(Outcome.SAME, why, row.title, row.provider, row.id, row.ticket_number)


def take_into(session: Session, by: Writer, row: MaintenanceNotice, notice: Notice) -> Result:
    """Process a notice that was read in the mail of a row, whose state it becomes."""
    taking = _Taking(session, by, NoticeReading("", "", "", (notice,)), row)
    taking.lock_tickets()
    result = taking.take(notice)
    if result.outcome is Outcome.SAME and row in session:
        row.state, row.why, row.ticket_number = Outcome.IGNORED, result.why, result.ticket
        record_notice(session, by, row, [("state", None, row.state)])
    return result


class _Taking:
    """One file during its import."""

    def __init__(
        self,
        session: Session,
        by: Writer,
        reading: NoticeReading,
        into: MaintenanceNotice | None = None,
    ) -> None:
        self.session = session
        self.by = by
        self.reading = reading
        self._into = into
        self._file: NoticeFile | None = None if into is None else into.file

    def lock_tickets(self) -> None:
        """Lock all tickets that may change, in the order of their numbers: otherwise writers of
        several tickets could deadlock."""
        keys = {(n.provider_key, n.uid) for n in self.reading.found if isinstance(n, Notice)}
        if keys:
            numbers = self.session.scalars(
                select(ProviderMaintenance.ticket_number).where(
                    tuple_(ProviderMaintenance.provider_key, ProviderMaintenance.uid).in_(keys),
                    ProviderMaintenance.ticket_number.is_not(None),
                )
            )
            for number in sorted(set(filter(None, numbers))):
                locked_ticket(self.session, number)

    def take(self, found: Notice | Unread) -> Result:
        """Process one notice."""
        if isinstance(found, Unread):
            draft = found.draft
            row = self._row(Outcome.TO_READ, found.why)
            row.title = draft.title or self.reading.subject
            row.maintenance_ids, row.start, row.end = draft.reference, draft.start, draft.end
            row.status = draft.status
            if (
                draft.reference and self.reading.sender_domain
            ):  # mails with the same number belong together
                row.provider = row.provider_key = self.reading.sender_domain
                row.uid = draft.reference
            known = maintenance_of(self.session, row)
            if known is not None and known.ticket_number is not None:
                row.ticket_number = known.ticket_number
                row.why += f"; ticket {known.ticket_number} was created from notice"
                row.why += f" {known.notice_id} of the same provider and number"
            result = self._keep(row)
            if provider_of(self.reading.sender_domain):
                row.file.content = self.reading.mail
                enqueue(self.session, JOB, {"notice": row.id}, key=f"{JOB} {row.id}")
            return result
        before = _maintenance(self.session, found.provider_key, found.uid)
        if before is None and not found.circuits:
            return self._keep(self._row(Outcome.TO_READ, NO_CIRCUIT, found))
        if before is None:
            return self._first(found)
        newest = self.session.get_one(MaintenanceNotice, before.notice_id)
        same = self._known(found)
        if same is not None:
            return _same(same, f"Already known as notice {same.id}")
        order = _order(found, newest)
        if order < 0:
            row = self._row(Outcome.IGNORED, _older(found, newest), found)
            row.ticket_number = before.ticket_number
            return self._keep(row)
        if order == 0:
            row = self._row(
                Outcome.TO_READ,
                f"Sequence {found.sequence} was sent before, in notice {newest.id}, with different"
                " content",
                found,
            )
            row.ticket_number = before.ticket_number
            return self._keep(row)
        return self._next(found, before, newest)

    def _known(self, notice: Notice) -> MaintenanceNotice | None:
        return self.session.scalars(
            select(MaintenanceNotice)
            .where(
                MaintenanceNotice.provider_key == notice.provider_key,
                MaintenanceNotice.uid == notice.uid,
                MaintenanceNotice.digest == notice.digest(),
            )
            .order_by(MaintenanceNotice.id)
        ).first()

    def _first(self, notice: Notice) -> Result:
        """Process the first notice of a maintenance."""
        row = self._row(Outcome.MADE, "", notice)
        is_new = not notice.is_cancelled
        if is_new:
            row.ticket_number = self._open(row, notice)
        else:
            row.state = Outcome.CANCELLED
            row.why = "Cancelled before the portal received it: no ticket created"
        result = self._keep(row, is_new_ticket=is_new)
        self.session.add(
            ProviderMaintenance(
                provider_key=notice.provider_key,
                uid=notice.uid,
                ticket_number=row.ticket_number,
                notice_id=row.id,
            )
        )
        self.session.flush()
        return result

    def _next(
        self, notice: Notice, known: ProviderMaintenance, newest: MaintenanceNotice
    ) -> Result:
        """Process a newer notice of a known maintenance."""
        row = self._row(Outcome.UPDATED, "", notice)
        is_new = known.ticket_number is None and not notice.is_cancelled
        if is_new:
            row.state, row.ticket_number = Outcome.MADE, self._open(row, notice)
            known.ticket_number = row.ticket_number
        elif known.ticket_number is None:
            row.state, row.why = Outcome.CANCELLED, "Still cancelled; no ticket"
        else:
            row.ticket_number = known.ticket_number
            self._update(row, notice, newest, known.ticket_number)
        result = self._keep(row, is_new_ticket=is_new)
        known.notice_id = row.id
        self.session.flush()
        return result

    # --- tickets ---

    def _open(self, row: MaintenanceNotice, notice: Notice) -> int:
        links = _links_of(row)
        ticket = open_ticket(
            self.session,
            self.by,
            NewTicket(
                title=notice.title(),
                description=_description(notice, row),
                category=Category.MAINTENANCE,
                layer=Layer.L2,
                impact=notice.ticket_impact,
                links=links,
                window_start=notice.start,
                window_end=notice.end,
                submitter_name=cut_line(notice.organizer or notice.provider, SHORT_TEXT_LIMIT),
                references=_references(notice),
            ),
            check_needs=True,
        )
        row.why = f"Ticket {ticket.number} created"
        number = ticket.number
        if notice.status == WorkStatus.COMPLETED:
            row.state, row.why = Outcome.COMPLETED, f"{row.why}, and solved: the work is done"
            change_ticket(
                self.session,
                self.by,
                number,
                {"state": State.SOLVED, "solution": _solution(notice)},
            )
        elif notice.status == WorkStatus.IN_PROCESS:
            change_ticket(self.session, self.by, number, {"state": State.IN_PROGRESS})
        return number

    def _update(
        self, row: MaintenanceNotice, notice: Notice, newest: MaintenanceNotice, number: int
    ) -> None:
        ticket = locked_ticket(self.session, number)
        ends = notice.status in (WorkStatus.CANCELLED, WorkStatus.COMPLETED)
        if ticket.state in FINAL_STATES and not ends:
            row.state = Outcome.TO_READ
            row.why = f"Its ticket {number} is {ticket.state}; create another one"
            return
        comment = (
            f"{notice.provider} sent sequence {notice.sequence} of this maintenance: "
            f"{_differences(notice, newest)}."
        )
        if ticket.state in FINAL_STATES:
            change_ticket(self.session, self.by, number, {"public_comment": comment})
            row.state = _OUTCOME_OF.get(notice.status, Outcome.UPDATED)
            row.why = f"Ticket {number} is {ticket.state} and got a comment"
            return
        wanted: dict[str, Any] = {
            "window_start": notice.start,
            "window_end": notice.end,
            "references": _references_after(ticket, notice),
            "public_comment": comment,
        }
        if notice.circuits:
            wanted["links"] = _links_after(ticket, row, newest)
        if notice.impact or not notice.is_cancelled:
            wanted["impact"] = notice.ticket_impact
        if ticket.title == newest.title:  # nobody changed it
            wanted["title"] = notice.title()
        row.state = _OUTCOME_OF.get(notice.status, Outcome.UPDATED)
        row.why = f"Ticket {number} {_IN_WORDS[row.state]}"
        for step in _steps(ticket.state, notice):
            change_ticket(self.session, self.by, number, {**wanted, **step})
            wanted = {}

    # --- rows ---

    def _row(self, outcome: Outcome, why: str, notice: Notice | None = None) -> MaintenanceNotice:
        """A row of this file, not numbered yet."""
        if self._file is None:
            reading = self.reading
            self._file = NoticeFile(
                name=reading.name,
                digest=reading.digest,
                sender=reading.sender,
                subject=reading.subject,
                text=reading.text,
                received_at=self.by.now,
                received_by=self.by.shown_author[:SHORT_TEXT_LIMIT],
            )
            self.session.add(self._file)
            self.session.flush()
        row, self._into = self._into or MaintenanceNotice(received_at=self.by.now), None
        row.file_id, row.state, row.why = self._file.id, outcome, why
        if notice is not None:
            row.provider, row.provider_key = notice.provider, notice.provider_key[:255]
            row.uid, row.sequence, row.digest = notice.uid, notice.sequence, notice.digest()
            row.stamp, row.status, row.impact = notice.stamp, notice.status, notice.impact
            row.title, row.maintenance_ids = notice.title(), "\n".join(notice.maintenance_ids)
            row.start, row.end = notice.start, notice.end
            row.circuits = resolved_circuits(self.session, notice)
        return row

    def _keep(self, row: MaintenanceNotice, *, is_new_ticket: bool = False) -> Result:
        if row not in self.session:
            row.id = take_number(self.session, NOTICE)
        row.why = cut_line(row.why, WHY_LIMIT)
        self.session.add(row)
        self.session.flush()
        record_notice(
            self.session, self.by, row, [("state", None, row.state), ("title", None, row.title)]
        )
        return Result(
            Outcome(row.state),
            row.why,
            row.title,
            row.provider,
            row.id,
            row.ticket_number,
            is_new_ticket=is_new_ticket,
            unresolved=tuple(one.object_id for one in row.circuits if one.link_id is None),
        )


_OUTCOME_OF: Final[Mapping[str, Outcome]] = {
    WorkStatus.CANCELLED: Outcome.CANCELLED,
    WorkStatus.COMPLETED: Outcome.COMPLETED,
}
_IN_WORDS: Final = {
    Outcome.UPDATED: "is updated",
    Outcome.CANCELLED: "is set to unsolved: the work is cancelled",
    Outcome.COMPLETED: "is solved: the work is done",
}


def _order(notice: Notice, newest: MaintenanceNotice) -> int:
    """Above 0 for a newer notice, below for an older one; 0 = undecided."""
    if notice.sequence != newest.sequence:
        return notice.sequence - newest.sequence
    if notice.stamp is None or newest.stamp is None or notice.stamp == newest.stamp:
        return 0
    return 1 if notice.stamp > newest.stamp else -1


def _older(notice: Notice, newest: MaintenanceNotice) -> str:
    if notice.sequence == newest.sequence:
        return f"Its time stamp is older than that of notice {newest.id}; ignored"
    return (
        f"It is older (sequence {notice.sequence}) than notice {newest.id} (sequence"
        f" {newest.sequence}); ignored"
    )


def _steps(state: str, notice: Notice) -> Sequence[Mapping[str, Any]]:
    """The changes of a ticket's state, in order; at least one, possibly without a state."""
    ends = {WorkStatus.CANCELLED: State.UNSOLVED, WorkStatus.COMPLETED: State.SOLVED}
    to = ends.get(WorkStatus(notice.status)) if notice.status else None
    ended = state in ENDED_STATES
    if to is None:
        if ended:
            return ({"state": State.REOPENED},)
        if notice.status == WorkStatus.IN_PROCESS:
            return ({"state": State.IN_PROGRESS},)
        return ({},)
    if state == to:
        return ({},)
    last: dict[str, Any] = {"state": to}
    if to is State.SOLVED:
        last["solution"] = _solution(notice)
    return ({"state": State.REOPENED}, last) if ended else (last,)


def _solution(notice: Notice) -> str:
    return f"{notice.provider} reports this maintenance as completed (sequence {notice.sequence})."


def _description(notice: Notice, row: MaintenanceNotice) -> str:
    named = [one.object_id for one in row.circuits]
    circuits = ", ".join(named[:_NAMED])
    if len(named) > _NAMED:
        circuits += f" and {len(named) - _NAMED} more (listed in the notice)"
    lines = [
        notice.summary,
        "",
        f"Provider: {notice.provider}",
        f"Maintenance: {', '.join(notice.maintenance_ids[:_NAMED])}",
        f"Account: {notice.account}" if notice.account else "",
        f"Circuits: {circuits}",
        f"Status: {notice.status}" if notice.status else "",
        f"Impact: {notice.impact or 'not stated'}",
    ]
    text = "\n".join(line for at, line in enumerate(lines) if line or at == 1).strip()
    if notice.description:
        text += f"\n\n{notice.description}"
    return cut_with_pointer(text, PORTAL_TEXT_LIMIT, "\n[The rest is in the notice.]")


def _references(notice: Notice) -> tuple[Reference, ...]:
    return tuple(
        Reference(notice.provider, one) for one in notice.maintenance_ids[: MAX_THINGS // 2]
    )


def _references_after(ticket: Ticket, notice: Notice) -> tuple[Reference, ...]:
    now: tuple[Reference, ...] = current_value(ticket, "references")
    return tuple(dict.fromkeys((*now, *_references(notice))))[:MAX_THINGS]


def _links_of(row: MaintenanceNotice) -> tuple[str, ...]:
    names = (one.link.name for one in row.circuits if one.link is not None)
    return tuple(dict.fromkeys(names))[:MAX_THINGS]


def _links_after(
    ticket: Ticket, row: MaintenanceNotice, newest: MaintenanceNotice
) -> tuple[str, ...]:
    """The ticket's links: without those that only the last notice named, with the new ones."""
    now = current_value(ticket, "links")
    named, before = _links_of(row), set(_links_of(newest))
    remaining = [name for name in now if name in named or name not in before]
    return tuple(dict.fromkeys((*remaining, *named)))[:MAX_THINGS]


def _differences(notice: Notice, newest: MaintenanceNotice) -> str:
    """What a notice changes, in words."""
    parts = []
    if notice.status != newest.status and notice.status:
        parts.append(f"status {notice.status}")
    if (notice.start, notice.end) != (newest.start, newest.end):
        parts.append(
            f"the window is now {span(notice.start, notice.end)}, it was"
            f" {span(newest.start, newest.end)}"
        )
    if notice.impact != newest.impact and (notice.impact or not notice.is_cancelled):
        parts.append(
            f"impact {notice.impact or 'not stated'}, it was {newest.impact or 'not stated'}"
        )
    if notice.title() != newest.title:
        parts.append(f"the title is now “{notice.title()}”")
    circuits = {one.object_id for one in notice.circuits}
    before = {one.object_id for one in newest.circuits}
    gone = before - circuits if circuits else set()
    for word, names in (("added", circuits - before), ("no longer named", gone)):
        if names:
            some = sorted(names)
            more = f" and {len(some) - _NAMED} more" if len(some) > _NAMED else ""
            parts.append(f"circuits {word}: {', '.join(some[:_NAMED])}{more}")
    return "; ".join(parts) or "the same window, impact and circuits"


def span(start: datetime | None, end: datetime | None) -> str:
    """A window in words, UTC."""
    return " to ".join(
        "not set" if one is None else f"{one.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        for one in (start, end)
    )


def record_notice(
    session: Session,
    by: Writer,
    row: MaintenanceNotice,
    fields: Iterable[tuple[str, str | None, str | None]],
) -> None:
    changed = [FieldChange(name, old, new) for name, old, new in fields if new]
    record_change(session, by, kind=NOTICE, thing_id=row.id, fields=changed)
