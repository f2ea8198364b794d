"""A downtime as its list states it, and how entries of several resources are one downtime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class ListService(StrEnum):
    """Services that publish the downtimes of sites."""

    OSG = "OSG"
    """https://github.com/opensciencegrid/topology, one YAML file for each resource group."""


LENGTHS: Final = {"their_id": 50, "resource": 255, "services": 255, "severity": 100, "text": 20_000}
"""Most characters of each text."""


@dataclass(frozen=True)
class Downtime:
    """One entry of a list; the fields are those of ``SiteDowntime``."""

    their_id: str
    resource: str
    services: str
    severity: str
    is_scheduled: bool
    start: datetime
    end: datetime
    announced_at: datetime | None
    text: str


@dataclass(frozen=True)
class Announced:
    """Entries that were announced together: the same time and text for several resources."""

    site: str
    service: str
    severity: str
    is_scheduled: bool
    start: datetime
    end: datetime
    announced_at: datetime | None
    """The earliest of the entries; None = the list does not say."""
    text: str
    resources: Sequence[str]
    services: Sequence[str]

    @property
    def notice(self) -> timedelta | None:
        """How long before its start it was announced; negative = after it; None = unknown."""
        return None if self.announced_at is None else self.start - self.announced_at


def announced_together(site: str, service: str, entries: Iterable[Downtime]) -> list[Announced]:
    """Entries of one site's list as downtimes, by their start."""
    groups: dict[tuple[object, ...], list[Downtime]] = {}
    for one in entries:
        key = (one.start, one.end, one.is_scheduled, one.severity, one.text)
        groups.setdefault(key, []).append(one)
    found = [
        Announced(
            site=site,
            service=service,
            severity=group[0].severity,
            is_scheduled=group[0].is_scheduled,
            start=group[0].start,
            end=group[0].end,
            announced_at=min(
                (one.announced_at for one in group if one.announced_at is not None), default=None
            ),
            text=group[0].text,
            resources=sorted({one.resource for one in group}),
            services=sorted({name for one in group for name in one.services.split(", ") if name}),
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda one: (one.start, one.end, one.text))
