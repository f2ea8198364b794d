"""What other rooms show on a page: it knows none of them, ``app.browser`` puts it together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec

P = ParamSpec("P")


class Panels(Generic[P]):
    """The panels of one page, in the order in which they are asked.

    A panel is given what the page is about, and gives values for the page's template.
    """

    def __init__(self) -> None:
        self._panels: tuple[Callable[P, Mapping[str, Any]], ...] = ()

    def show(self, *panels: Callable[P, Mapping[str, Any]]) -> None:
        """These and no others."""
        self._panels = panels

    def values(self, *about: P.args, **more: P.kwargs) -> dict[str, Any]:
        """The values of all panels."""
        return {
            name: value for panel in self._panels for name, value in panel(*about, **more).items()
        }
