"""Stores the losses of service: when a T1 was cut off, and which event accounts for it.

A loss depends on all links of a T1, so a change of one link may move it to an event on another.
Losses are written before duties are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, cast

import numpy as np
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from app.core.database.expressions import fast_time
from app.duties.figures.outages import Downs, Losses, losses_of
from app.duties.models.duties import ServiceLoss
from app.duties.services.registry import Registry
from app.events.models.events import Event
from app.matching.models.matching import EventOfDetected
from app.matching.services.number_rows import (
    columns_of,
    parts_of,
    rows_of,
    stored_rows,
    times_of,
)
from app.matching.services.result_diff import row_batches

_EVENT: Final = 4
"""The index of the event that accounts for the loss, in a row of ``ServiceLoss``."""


def difference_of_losses(
    session: Session, registry: Registry, t1s: Collection[int], now: int
) -> tuple[Iterable[Callable[[Session], None]], set[int]]:
    """How the losses of these T1s differ from what is stored, as batches that write the difference;
    and the links whose events account for other losses than before. Writes nothing.

    Ongoing losses end ``now`` (microseconds).
    """
    found = losses_of(
        registry.links.values(),
        [one for key, one in registry.sites.items() if key in t1s or one.is_t0],
        lambda link: _downs(session, link, now),
    )
    columns = (found.sites, found.starts, found.ends, found.is_unsure, found.events)
    after = {
        row[:2]: (*row[:2], None if row[2] >= now else row[2], *row[3:])
        for row in zip(*[one.tolist() for one in columns], strict=True)
    }
    table = cast(Table, ServiceLoss.__table__)
    rows = stored_rows(session, table.c, ServiceLoss.site_id.in_(t1s))
    before = {row[:2]: row for row in rows}
    differ = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    events = {side[key][_EVENT] for side in (before, after) for key in differ if key in side}
    links = {
        link
        for some in parts_of(sorted(events))
        for link in session.scalars(select(Event.link_id).where(Event.id.in_(some)))
        if link is not None
    }
    return row_batches(ServiceLoss, 2, before, after, tuple), links


def _downs(session: Session, link: int, now: int) -> Downs:
    """When a link was reported as down; ongoing reports end now."""
    rows = rows_of(
        session,
        select(
            EventOfDetected.detected_id,
            fast_time(Event.start),
            fast_time(Event.end),
        )
        .join(EventOfDetected, EventOfDetected.event_id == Event.id)
        .where(Event.link_id == link, Event.state == "down", Event.withdrawn_at.is_(None)),
    )
    events, starts, ends = columns_of(rows, 3)
    return Downs(times_of(starts), times_of(ends, otherwise=now), np.array(events, np.int64))


def stored_losses(session: Session, events: Sequence[int], now: int) -> Losses:
    """The losses for which these events account; an ongoing one ends now."""
    rows: list[Any] = []
    for part in parts_of(events):
        rows += rows_of(
            session,
            select(
                ServiceLoss.site_id,
                fast_time(ServiceLoss.start),
                fast_time(ServiceLoss.end),
                ServiceLoss.is_unsure,
                ServiceLoss.event_id,
            ).where(ServiceLoss.event_id.in_(part)),
        )
    sites, starts, ends, unsure, answering = columns_of(rows, 5)
    return Losses(
        np.array(sites, np.int64),
        times_of(starts),
        times_of(ends, otherwise=now),
        np.array(unsure, np.bool_),
        np.array(answering, np.int64),
    )


def cut_off_with(session: Session, links: Collection[int]) -> set[int]:
    """The sites with a stored loss for which events of these links account: also those that are no
    longer a T1, or that no link reaches."""
    found: set[int] = set()
    for part in parts_of(sorted(links)):
        found |= set(
            session.scalars(
                select(ServiceLoss.site_id)
                .join(Event, Event.id == ServiceLoss.event_id)
                .where(Event.link_id.in_(part))
            )
        )
    return found
