"""The manual's pictures: a part of a page each, small enough to be next to text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from picture_scenes import PAGES, Scene
from playwright.sync_api import FloatRect, Page


@dataclass(frozen=True)
class Part:
    """What of a page is shown: from the top of ``begin`` to the bottom of ``end``."""

    show: Scene
    begin: str
    end: str
    high: int = 420
    """At most so many CSS pixels."""
    width: int = 800
    """Of the screen, and of the picture: hardly more than the text next to it, so that letters keep
    their size."""

    def clip(self, page: Page) -> FloatRect:
        """The part in CSS pixels of the whole page."""
        first, last = (page.locator(one).first.bounding_box() for one in (self.begin, self.end))
        assert first is not None, self.begin
        assert last is not None, self.end
        down = page.evaluate("window.scrollY")
        top = max(first["y"] + down - 8, 0)
        bottom = last["y"] + down + last["height"] + 8
        return {"x": 0, "y": top, "width": self.width, "height": min(bottom - top, self.high)}


MANUAL: Final[dict[str, Part]] = {
    "down-now": Part(PAGES["home-operator"], "#h-down", ".down-now"),
    "link": Part(PAGES["link"], "h1", ".days-scale", high=560),
    "ticket": Part(PAGES["ticket-with-event"], "h1", "#ticket", high=600, width=1120),
    "conflict": Part(PAGES["window-in-conflict"], ".for-maintenance", "#window-conflicts"),
    "report": Part(PAGES["report"], "#report-form", ".report-bar", high=600),
    "unresolved": Part(PAGES["unresolved-names"], "main table", "main table"),
}
"""By the name of the file."""
