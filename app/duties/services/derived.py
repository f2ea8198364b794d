"""Computes losses of service and duties per link, together with its matches
(``app.matching.services.recompute``)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.calendar.services.lhc_calendar import LHC_PERIOD
from app.core.models.changes import Change, ChangedField
from app.duties.figures.duties import microseconds
from app.duties.models.duties import Duty
from app.duties.services.registry import Registry, registry_facts
from app.duties.services.results import (
    difference_of_duties,
    duties_by_tickets,
    judgement_at,
    ripe_links,
)
from app.duties.services.rules import DUTY_RULE
from app.duties.services.service_losses import cut_off_with, difference_of_losses
from app.events.models.events import Event
from app.matching.services.affected_links import Span, Target
from app.matching.services.recompute import Batch
from app.matching.services.stale_links import renew_marks
from app.registry.models.registry import Link
from app.registry.services.registry import LINK, SITE

_RIPE_AT_ONCE: Final = 100
_WHERE: Final = frozenset({"end_a", "end_b", "backs_up"})
"""Fields of a link, as named in the change log, that decide to which T1s it is a path."""


def links_of_changed_duties(session: Session, span: Span, now: datetime) -> set[Target]:
    """Links whose duties may change with these changes although their matching does not, and those
    on which an ongoing event becomes due by now, or no longer is."""
    found = ripe_links(session, now, _RIPE_AT_ONCE)
    if span.begins == span.ends:
        return _with_events(session, found) if found else set()
    everything = select(func.count()).where(span.of(DUTY_RULE, LHC_PERIOD))
    # a T1 that lost this link may now be cut off; the registry no longer connects them
    moved = (
        select(Change.id)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(span.of(LINK), Change.version > 1, ChangedField.field.in_(_WHERE))
    )
    if session.scalar(everything) or session.scalar(moved.limit(1)) is not None:
        return _with_events(session, None)
    links = set(session.scalars(select(Change.thing_id).where(span.of(LINK)).distinct()))
    sites = set(session.scalars(select(Change.thing_id).where(span.of(SITE)).distinct()))
    if links or sites:
        # a link may be a T1's last path, or change, without an event of its own
        registry = registry_facts(session)
        for site in registry.t1s_at(links) | sites:
            found |= registry.links_of_t1(site)
        found |= links
    return _with_events(session, found) if found else set()


def _with_events(session: Session, links: Collection[int] | None) -> set[Target]:
    """Those with events or duties; None = all."""
    has = exists().where(Event.link_id == Link.id) | exists().where(Duty.link_id == Link.id)
    query = select(Link.id).where(has)
    found = session.scalars(query if links is None else query.where(Link.id.in_(links)))
    return {("link", link) for link in found}


def write_losses(session: Session, target: Target, now: datetime) -> Iterable[Batch]:
    """The losses of service of the T1s at a link.

    They depend on all links of these T1s: a worker that recomputes another one of these links at
    the same time has to start again, and links whose events account for other losses than before
    are stale.
    """
    kind, link = target
    if kind != "link":
        return ()
    registry = registry_facts(session)
    t1s = _t1s(session, registry, link)
    if not t1s:
        return ()
    batches, links = difference_of_losses(session, registry, t1s, microseconds(now))
    answering = {("link", one) for one in links}
    others = _others(registry, t1s, target)
    return [partial(_written, one, others, answering) for one in batches]


def write_duties(session: Session, target: Target, now: datetime) -> Iterable[Batch]:
    """The duties of a link, their sums and when they have to be recomputed.

    The last step makes the other links of its T1s start again even if no loss differs: they may
    have read this link's previous results.
    """
    kind, link = target
    if kind != "link":
        return ()
    judgement = judgement_at(session, now)
    *batches, last = [*difference_of_duties(session, judgement, link)] or [_nothing]
    others = _others(judgement.registry, _t1s(session, judgement.registry, link), target)
    return [*batches, partial(_written, last, others, ())]


def write_tickets_of_duties(
    session: Session, target: Target, events: Collection[int], now: datetime
) -> Iterable[Batch]:
    """The tickets of detected events whose tickets changed. Losses depend only on events, and no
    other link reads this."""
    kind, link = target
    return duties_by_tickets(session, link, events, now) if kind == "link" else ()


def _t1s(session: Session, registry: Registry, link: int) -> set[int]:
    return registry.t1s_at({link}) | cut_off_with(session, {link})


def _others(registry: Registry, t1s: Collection[int], target: Target) -> set[Target]:
    return {("link", one) for t1 in t1s for one in registry.links_of_t1(t1)} - {target}


def _written(
    write: Callable[[Session], None],
    others: Collection[Target],
    answering: Collection[Target],
    session: Session,
) -> Collection[Target]:
    write(session)
    renew_marks(session, others)
    return answering


def _nothing(_session: Session) -> None:
    """Nothing differs."""
