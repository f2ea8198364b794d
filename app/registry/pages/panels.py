"""What other rooms show on the page of a site and of a link, and in their lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from app.core.rules.access import Actor
from app.core.rules.hooks import Hook
from app.core.web.panels import Panels
from app.registry.models.registry import Link, Site
from app.registry.services.record_lists import RecordOnDay

RECORD_PANELS: Final[Panels[[Actor, RecordOnDay]]] = Hook("RECORD_PANELS")
"""Who looks, and at what."""
RECORD_ROWS: Final[Panels[[Sequence[Site] | Sequence[Link], date]]] = Hook("RECORD_ROWS")
"""The records of a page of a list, today."""
