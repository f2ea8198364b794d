"""What other rooms show on a page: mappings of values for the page's template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ParamSpec, TypeAlias

from app.core.rules.hooks import Hook

P = ParamSpec("P")
Panels: TypeAlias = Hook[P, Mapping[str, Any]]
"""Its functions get what the page is about."""


def panel_values(panels: Panels[P], *about: P.args, **more: P.kwargs) -> dict[str, Any]:
    """The values of all panels of a page."""
    return {name: value for found in panels.all(*about, **more) for name, value in found.items()}
