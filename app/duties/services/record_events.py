"""The detected events of a site or link whose keys are known."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_
from sqlalchemy.orm import Session

from app.duties.services.listed_events import Detected, EventFilter
from app.matching.models.matching import DetectedEvent


class EventsOfRecord(Detected):
    """Those of some links, and those that name only the site."""

    def __init__(self, links: Collection[int], site: int | None) -> None:
        of_links = DetectedEvent.link_id.in_(links)
        self._which: ColumnElement[bool] = (
            of_links if site is None else or_(of_links, DetectedEvent.site_id == site)
        )

    def query(
        self, session: Session, wanted: EventFilter, now: datetime
    ) -> Select[*tuple[Any, ...]]:
        """Those that the filter selects."""
        return super().query(session, wanted, now).where(self._which)
