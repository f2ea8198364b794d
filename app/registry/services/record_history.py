"""What was recorded of a site or link at the end of a day, read from the change log backwards.

Two kinds of time meet here. What has days of its own - names, tier, validity, links - is known
today for every day. What has none, such as bandwidth, is known for a day as it was recorded then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.core.models.changes import Change, ChangedField
from app.registry.models.registry import Link, Site
from app.registry.rules.records import logged
from app.registry.services.links import LINKS
from app.registry.services.records import RecordVerbs
from app.registry.services.sites import SITES

DATED = frozenset({"names", "tier", "tier_since", "tier_until", "valid_from", "valid_until"})
"""Fields that carry their own days: they are as they are known now, on every day."""
NEWEST = 100


@dataclass(frozen=True)
class RecordedFacts:
    """A record's fields as texts (None = not set) at the end of a day, UTC.

    ``recorded_from`` is set where nothing was recorded on that day yet: the facts are then those
    that were recorded first, at that time. ``later`` are the fields that were changed since.
    """

    texts: Mapping[str, str | None]
    later: frozenset[str]
    recorded_from: datetime | None = None


def verbs_of(row: Site | Link) -> RecordVerbs[Any]:
    """The verbs on records of its kind."""
    return SITES if isinstance(row, Site) else LINKS


def facts_now(row: Site | Link) -> dict[str, str | None]:
    """A record's fields as the change log would keep them."""
    return {name: logged(name, value) for name, value in verbs_of(row).values(row).items()}


def facts_on(session: Session, row: Site | Link, day: date) -> RecordedFacts:
    """A record's fields as they were recorded at the end of a day, UTC."""
    kind = verbs_of(row).kind
    texts: dict[str, str | None] = facts_now(row)
    of_record = (Change.kind == kind.name, Change.thing_id == row.id)
    first = session.scalar(select(func.min(Change.at)).where(*of_record))
    end = _end_of(day)
    later: set[str] = set()
    rows = session.execute(
        select(ChangedField.field, ChangedField.old)
        .join(Change)
        .where(*of_record, Change.at >= end, Change.version > 1)
        .order_by(Change.version.desc(), ChangedField.position.desc())
    )
    for field, old in rows:
        if field in kind.by_name and field not in DATED:
            texts[field] = old
            later.add(field)
    return RecordedFacts(
        texts, frozenset(later), first if first is not None and first >= end else None
    )


def _end_of(day: date) -> datetime:
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def history_of(session: Session, row: Site | Link) -> Sequence[Change]:
    """The newest hundred changes of a record, newest first."""
    found = session.scalars(
        select(Change)
        .where(Change.kind == verbs_of(row).kind.name, Change.thing_id == row.id)
        .order_by(Change.version.desc())
        .limit(NEWEST)
        .options(joinedload(Change.fields))
    )
    return found.unique().all()
