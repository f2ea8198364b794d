"""A PDF with the shipped fonts: what slides and reports share when they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from fpdf import FPDF

from app.core.documents import layout
from app.core.documents.font_metrics import BOLD, CHINESE, REGULAR, drawable

FAMILY: Final = "noto"
_FALLBACK: Final = "notosc"


class Paper(FPDF):
    """A document measured in points from the upper left corner. Nothing breaks by itself."""

    def __init__(self, size: tuple[float, float], title: str, made_at: datetime) -> None:
        super().__init__(unit="pt", format=size)
        self.set_auto_page_break(False)
        self.set_margin(0)
        self.c_margin = 0
        self.alias_nb_pages("")  # else "{nb}" in a text is replaced by the number of pages
        self.add_font(FAMILY, "", REGULAR)
        self.add_font(FAMILY, "B", BOLD)
        self._has_chinese = False
        self.set_title(drawable(title))
        self.set_creator("LHCOPN portal")
        self.set_producer("LHCOPN portal")
        self.set_lang("en")
        self.set_creation_date(made_at)

    def write_line(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        text: str,
        size: float,
        colour: tuple[int, int, int] = layout.INK,
        *,
        bold: bool = False,
        align: str = "L",
    ) -> None:
        """A line of text, in the middle of that height; the caller has cut it to its width."""
        shown = drawable(text)
        self._know_letters(shown)
        self.set_font(FAMILY, "B" if bold else "", size)
        # the library forgets that a line of the other font took its font along (fpdf2 2.8.9)
        self.current_font_is_set_on_page = False
        self.set_text_color(*colour)
        self.set_xy(x, y)
        self.cell(width, height, shown, align=align)

    def ruled(
        self, x: float, y: float, width: float, colour: tuple[int, int, int], thick: float = 0.5
    ) -> None:
        """A horizontal line."""
        self.set_draw_color(*colour)
        self.set_line_width(thick)
        self.line(x, y, x + width, y)

    def filled(
        self, x: float, y: float, width: float, height: float, colour: tuple[int, int, int]
    ) -> None:
        """A rectangle without a border."""
        self.set_fill_color(*colour)
        self.rect(x, y, width, height, style="F")

    @contextmanager
    def turned(self, degrees: float, x: float, y: float) -> Iterator[None]:
        """What is drawn in it is turned round that point."""
        with self.rotation(degrees, x, y):
            yield

    def _know_letters(self, text: str) -> None:
        """The large font of Chinese is read where a text needs it."""
        if self._has_chinese or all(ord(sign) < _BEYOND for sign in text):
            return
        for style in ("", "B"):
            self.add_font(_FALLBACK, style, CHINESE)
        self.set_fallback_fonts([_FALLBACK], exact_match=False)
        self._has_chinese = True


_BEYOND: Final = 0x2000
"""Below it there is no sign that only the large font has."""
