"""The downtimes that sites announced: importing a list, and what there was at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change
from app.evidence.models.downtimes import DowntimeList, SiteDowntime
from app.evidence.rules.downtimes import (
    Announced,
    Downtime,
    ListService,
    announced_together,
)
from app.registry.models.registry import Site

LIST: Final = "downtime list"
"""The kind of lists of downtimes in the change log."""


@dataclass(frozen=True)
class Imported:
    """What an import did with entries: by their ids in the list."""

    new: int
    changed: int
    same: int
    removed: int


@dataclass(frozen=True)
class KnownList:
    """A list that was searched, when it was imported, and whether it is older than the end of the
    period: then it lacks what was announced later."""

    site: str
    service: str
    imported_at: datetime
    is_older: bool


@dataclass(frozen=True)
class DowntimesBeside:
    """The downtimes of sites that overlap a period, and the lists that they are from.

    ``unknown`` are the sites without a list, of which nothing is known.
    """

    downtimes: Sequence[Announced]
    lists: Sequence[KnownList]
    unknown: Sequence[str]

    @property
    def scheduled(self) -> int:
        """How many of them are scheduled."""
        return sum(one.is_scheduled for one in self.downtimes)


def import_list(
    session: Session, by: Writer, site_key: str, service: ListService, entries: Sequence[Downtime]
) -> Imported:
    """Replace a site's list by these entries. Raises ``Invalid`` on ``site``."""
    site_id = session.scalar(select(Site.id).where(Site.key == site_key))
    if site_id is None:
        raise Invalid("site", _("No site in the registry has this name"))
    known = session.scalars(
        select(DowntimeList).where(
            DowntimeList.site_id == site_id, DowntimeList.service == service.value
        )
    ).first()
    is_new = known is None
    if known is None:
        known = DowntimeList(site_id=site_id, service=service.value, imported_at=by.now)
        session.add(known)
    known.imported_at = by.now
    session.flush()
    before = {row.their_id: row for row in _entries(session, [known.id])}
    counted_before = None if is_new else f"{service.value}: {len(before)}"
    session.execute(delete(SiteDowntime).where(SiteDowntime.list_id == known.id))
    if entries:  # without rows the statement would insert one of defaults
        rows = [{"list_id": known.id, **asdict(one)} for one in entries]
        session.execute(insert(SiteDowntime), rows)
    fields = [FieldChange("downtimes", counted_before, f"{service.value}: {len(entries)}")]
    record_change(session, by, kind=LIST, thing_id=known.id, fields=fields)
    same = sum(before.get(one.their_id) == one for one in entries)
    changed = sum(one.their_id in before for one in entries) - same
    return Imported(
        new=len(entries) - changed - same,
        changed=changed,
        same=same,
        removed=len(before.keys() - {one.their_id for one in entries}),
    )


def downtimes_beside(
    session: Session, site_ids: Collection[int], start: datetime, end: datetime
) -> DowntimesBeside:
    """What the lists of these sites say of a period; one statement if there is no list."""
    lists = session.scalars(
        select(DowntimeList)
        .where(DowntimeList.site_id.in_(site_ids))
        .order_by(DowntimeList.site_id, DowntimeList.service)
    ).all()
    without = set(site_ids) - {one.site_id for one in lists}
    unknown: Sequence[str] = []
    if lists and without:
        unknown = session.scalars(
            select(Site.key).where(Site.id.in_(without)).order_by(Site.key)
        ).all()
    found: list[Announced] = []
    for one in lists:
        overlapping = _entries(session, [one.id], start, end)
        found += announced_together(one.site.key, one.service, overlapping)
    return DowntimesBeside(
        sorted(found, key=lambda each: (each.start, each.site)),
        [
            KnownList(one.site.key, one.service, one.imported_at, one.imported_at < end)
            for one in lists
        ],
        unknown,
    )


def _entries(
    session: Session,
    list_ids: Collection[int],
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Downtime]:
    columns = [getattr(SiteDowntime, name) for name in Downtime.__dataclass_fields__]
    query = select(*columns).where(SiteDowntime.list_id.in_(list_ids))
    if start is not None and end is not None:
        query = query.where(SiteDowntime.start <= end, SiteDowntime.end >= start)
    return [Downtime(*row) for row in session.execute(query.order_by(SiteDowntime.id))]
