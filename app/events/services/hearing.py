"""Records that sources called, and reads which are silent.

A call is recorded in its own transaction, which has locked the source's row already, and at most
once in some seconds; it is not a change of a thing and not in the change log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, ActorKind, Writer, require_report
from app.core.rules.errors import Forbidden, NotFound
from app.core.rules.language import _
from app.events.models.events import EventSource, SourceSilence
from app.events.rules.hearing import WRITTEN_EVERY, Hearing, Span, ongoing_silence

HAND: Final = "hand"
"""The kind of a source that is people: it watches nothing."""


def hear_sources(session: Session, by: Writer, names: Collection[str]) -> None:
    """Record that the sources with these names call now, as far as they are known and the caller
    may report for them. Raises ``Forbidden`` if the caller may report nothing."""
    require_report(by.actor)
    if not names:
        return
    query = select(EventSource).where(EventSource.name.in_(names)).order_by(EventSource.name)
    for source in session.scalars(
        query.with_for_update().execution_options(populate_existing=True)
    ):
        if may_report_for(by.actor, source.partner_id):
            hear(session, source, by.now)
    session.flush()


def hear_source(session: Session, by: Writer, name: str) -> None:
    """Record that one source calls now. Raises ``NotFound`` for an unknown name, ``Forbidden`` if
    it belongs to another partner."""
    require_report(by.actor)
    source = session.scalar(select(EventSource).where(EventSource.name == name))
    if source is None:
        raise NotFound(
            _("No source has this name; it is created by its first event or by an admin")
        )
    if not may_report_for(by.actor, source.partner_id):
        raise Forbidden(_("This source belongs to another partner"))
    hear_sources(session, by, [name])


def sample_sources(session: Session) -> Sequence[str]:
    """The sample sources of a demo, by name."""
    return session.scalars(select(EventSource.name).where(EventSource.sample)).all()


def may_report_for(actor: Actor, partner_id: int | None) -> bool:
    """A partner's account reports for the partner's own sources, others for all."""
    return actor.kind is not ActorKind.PARTNER or partner_id == actor.partner_id


def hear(session: Session, source: EventSource, now: datetime) -> None:
    """Record that this source, which the caller's transaction has locked, calls now.

    A silence that this ends is written, starting when the source was last heard. A time in the
    future, written by a wrong clock, is corrected.
    """
    last = source.last_heard_at
    if last is not None and source.calls and timedelta(0) <= now - last < WRITTEN_EVERY:
        return
    expected = timedelta(minutes=source.expected_minutes)
    silence = ongoing_silence(last, expected, source.silence_from, now) if last else None
    if silence is not None:
        start, end = silence
        ongoing = session.scalar(
            select(SourceSilence).where(
                SourceSilence.source_id == source.id, SourceSilence.end.is_(None)
            )
        )
        if ongoing is None:
            session.add(SourceSilence(source_id=source.id, start=start, end=end))
        else:
            ongoing.start, ongoing.end = start, end
    source.last_heard_at = now
    source.calls = True


def heard_in_file(source: EventSource, newest: datetime) -> None:
    """Record the last time in a file for this source's events, if it is past: the source was alive
    then, which says nothing about now. For a source that calls, only its calls count."""
    if not source.calls and (source.last_heard_at is None or source.last_heard_at < newest):
        source.last_heard_at = newest


def people_sources(session: Session) -> Collection[int]:
    """The keys of the sources that are people."""
    return set(session.scalars(select(EventSource.id).where(EventSource.kind == HAND)))


def hearing_of(source: EventSource) -> Hearing:
    """The source, in the form used by the rules."""
    expected = timedelta(minutes=source.expected_minutes)
    return Hearing(source.name, expected, source.last_heard_at)


@dataclass(frozen=True)
class LastReport:
    """The state of monitoring as a whole, from the sources that call."""

    at: datetime | None
    """When one of them was last heard, UTC; None = none ever was."""
    sources: int
    silent: Sequence[Hearing]
    """The silent ones, by name."""

    @property
    def is_silent(self) -> bool:
        """Whether none of them is heard."""
        return len(self.silent) == self.sources


def last_report(session: Session, now: datetime) -> LastReport:
    """When any source last called, and which are silent. One statement of a few rows."""
    every = [
        Hearing(row.name, timedelta(minutes=row.expected_minutes), row.last_heard_at)
        for row in session.execute(
            select(EventSource.name, EventSource.expected_minutes, EventSource.last_heard_at)
            .where(EventSource.calls)
            .order_by(EventSource.name)
        )
    ]
    return LastReport(
        max((one.last for one in every if one.last is not None), default=None),
        len(every),
        [one for one in every if one.is_silent(now)],
    )


def silences(
    session: Session, begin: datetime, until: datetime, now: datetime
) -> Mapping[int, Sequence[Span]]:
    """When each source was silent between two moments (UTC), as far as known at ``now``; by the
    source's key, ascending. Two statements."""
    found: dict[int, list[Span]] = defaultdict(list)
    rows = session.execute(
        select(SourceSilence.source_id, SourceSilence.start, SourceSilence.end)
        .where(SourceSilence.end > begin, SourceSilence.start < until)
        .order_by(SourceSilence.start)
    )
    for source, start, end in rows:
        if end is not None:
            found[source].append((start, end))
    for row in session.execute(
        select(
            EventSource.id,
            *(EventSource.last_heard_at, EventSource.expected_minutes, EventSource.silence_from),
        )
    ):
        expected = timedelta(minutes=row.expected_minutes)
        ongoing = ongoing_silence(row.last_heard_at, expected, row.silence_from, now)
        if ongoing is not None and ongoing[0] < until:
            found[row.id].append(ongoing)
    return found
