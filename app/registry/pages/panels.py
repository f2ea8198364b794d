"""What other rooms show on the page of a site and of a link, and in their lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from app.core.rules.access import Actor
from app.core.web.panels import Panels
from app.registry.models.registry import Link, Site
from app.registry.services.record_lists import RecordOnDay

RECORD_PANELS: Final[Panels[[Actor, RecordOnDay]]] = Panels()
"""Who looks, and at what."""
RECORD_ROWS: Final[Panels[[Sequence[Site] | Sequence[Link], date]]] = Panels()
"""The records of a page of a list, today."""
