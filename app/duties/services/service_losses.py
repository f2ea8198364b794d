"""Keeps the losses of service: when a T1 was cut off, and which event answers for it.

A loss is a matter of all links of a T1, so that a change of one link may move it to an event on
another. Whoever reckons duties settles the losses first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
from sqlalchemy import Table, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from app.duties.figures.outages import Downs, Losses, losses_of
from app.duties.models.duties import ServiceLoss
from app.duties.services.interval_rows import (
    columns_of,
    in_microseconds,
    moment_of,
    number_of,
    parts_of,
    times_of,
)
from app.duties.services.registry import Registry
from app.events.models.events import Event
from app.matching.models.matching import EventOfDetected


@dataclass(frozen=True)
class Difference:
    """Losses that are to be written, by site and start: those that are no more or differ, and the
    rows of those that are new or differ."""

    off: Sequence[tuple[int, datetime]] = ()
    on: Sequence[Mapping[str, Any]] = ()
    links: frozenset[int] = frozenset()
    """Those whose events answer otherwise than before."""

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self.off) + len(self.on)

    def parts(self, most: int) -> Iterator[Difference]:
        """The same as differences of at most ``most`` rows, or of one moment."""
        keys = sorted({*self.off, *((row["site_id"], row["start"]) for row in self.on)})
        at_once = max(1, most // 2)  # one may be written off and on
        for place in range(0, len(keys), at_once):
            some = {*keys[place : place + at_once]}
            yield Difference(
                [key for key in self.off if key in some],
                [row for row in self.on if (row["site_id"], row["start"]) in some],
                self.links,
            )


def difference_of_losses(
    session: Session, registry: Registry, t1s: Collection[int], now: int
) -> Difference:
    """By what the losses of these T1s differ from what is kept; writes nothing.

    What goes on ends ``now`` (microseconds).
    """
    if not t1s:
        return Difference()
    found = losses_of(
        registry.links.values(),
        [one for key, one in registry.sites.items() if key in t1s or one.is_t0],
        lambda link: _downs(session, link, now),
    )
    after = {
        (int(site), int(start)): (
            None if end >= now else int(end),
            bool(unsure),
            int(event),
        )
        for site, start, end, unsure, event in zip(
            found.sites, found.starts, found.ends, found.is_unsure, found.events, strict=True
        )
    }
    start, end = in_microseconds(session, ServiceLoss.start), ServiceLoss.end
    before = {
        (row[0], number_of(row[1])): (number_of(row[2], None), bool(row[3]), row[4])
        for row in session.execute(
            select(
                ServiceLoss.site_id,
                start,
                in_microseconds(session, end),
                ServiceLoss.is_unsure,
                ServiceLoss.event_id,
            ).where(ServiceLoss.site_id.in_(t1s))
        )
    }
    gone = [key for key, value in before.items() if after.get(key) != value]
    new = [key for key, value in after.items() if before.get(key) != value]
    changed = {before[key][2] for key in gone} | {after[key][2] for key in new}
    found_links: set[int] = set()
    for part in parts_of(sorted(changed)):
        found_links |= set(session.scalars(select(Event.link_id).where(Event.id.in_(part))))
    return Difference(
        [(site, _moment(at)) for site, at in gone],
        [
            {
                "site_id": site,
                "start": _moment(at),
                "end": moment_of(after[site, at][0]),
                "is_unsure": after[site, at][1],
                "event_id": after[site, at][2],
            }
            for site, at in new
        ],
        frozenset(key for key in found_links if key in registry.links),
    )


def _moment(at: int) -> datetime:
    moment = moment_of(at)
    assert moment is not None
    return moment


def write_losses(session: Session, difference: Difference) -> None:
    """Write them, in the caller's transaction."""
    if difference.off:
        session.connection().execute(
            delete(ServiceLoss).where(
                ServiceLoss.site_id == bindparam("of_site"),
                ServiceLoss.start == bindparam("at", type_=ServiceLoss.start.type),
            ),
            [{"of_site": site, "at": at} for site, at in difference.off],
        )
    if difference.on:
        session.connection().execute(
            insert(cast(Table, ServiceLoss.__table__)), [dict(row) for row in difference.on]
        )


def _downs(session: Session, link: int, now: int) -> Downs:
    """What was reported as down on a link; what goes on ends now."""
    rows = session.execute(
        select(
            EventOfDetected.detected_id,
            in_microseconds(session, Event.start),
            in_microseconds(session, Event.end),
        )
        .join(EventOfDetected, EventOfDetected.event_id == Event.id)
        .where(Event.link_id == link, Event.state == "down", Event.withdrawn_at.is_(None))
    ).all()
    events, starts, ends = columns_of(rows, 3)
    return Downs(times_of(starts), times_of(ends, otherwise=now), np.array(events, np.int64))


def kept_losses(session: Session, events: Sequence[int], now: int) -> Losses:
    """The losses for which these events answer; one that goes on ends now."""
    rows: list[Any] = []
    for part in parts_of(events):
        rows += session.execute(
            select(
                ServiceLoss.site_id,
                in_microseconds(session, ServiceLoss.start),
                in_microseconds(session, ServiceLoss.end),
                ServiceLoss.is_unsure,
                ServiceLoss.event_id,
            ).where(ServiceLoss.event_id.in_(part))
        ).all()
    sites, starts, ends, unsure, answering = columns_of(rows, 5)
    return Losses(
        np.array(sites, np.int64),
        times_of(starts),
        times_of(ends, otherwise=now),
        np.array([bool(one) for one in unsure], np.bool_),
        np.array(answering, np.int64),
    )


def cut_off_with(session: Session, links: Collection[int]) -> set[int]:
    """The sites of which a loss is kept for which events of these links answer: also those that are
    no T1 any more, or that no link reaches."""
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
