"""What other rooms show on the page of a site and of a link."""

from __future__ import annotations

from typing import Final

from app.core.rules.access import Actor
from app.core.web.panels import Panels
from app.registry.models.registry import Link, Site

RECORD_PANELS: Final[Panels[[Actor, Site | Link]]] = Panels()
