"""The grid of reports as a slide: for a pack, and for the page's file."""

from __future__ import annotations

from typing import Final

from app.core.rules.access import Actor, ActorKind, Role
from app.core.rules.documents.slides import Column, Slide, SlideRow, Table, Tone
from app.reports.rules.reports import ReportStatus, ShownState
from app.reports.services.grid import ReportGrid

READER: Final = Actor(ActorKind.PERSON, "", role=Role.READER)
"""The reader of the grid for files: they leave the portal, so no draft is in them."""
QUARTERS_AT_ONCE: Final = 8
"""Columns of the grid on one slide."""
_NOT_REQUIRED: Final = "–"
_LATE: Final = ", late"
_TONES: Final = {
    ShownState.MISSING: Tone.TROUBLE,
    ShownState.REOPENED: Tone.WAITING,
    ShownState.ACCEPTED: Tone.OK,
    ShownState.NOT_YET: Tone.QUIET,
}


def submitted_of_due(grid: ReportGrid) -> str:
    """``17 of 22 reports are submitted``: of all quarters of the grid that have ended."""
    done, asked = (sum(getattr(one, name) for one in grid.counts) for name in ("done", "asked"))
    return f"{done} of {asked} reports are submitted"


def grid_slide(grid: ReportGrid, title: str, subtitle: str, source: str) -> Slide:
    """A row for each site; below them how many are submitted."""
    words = {f"{shown}{late}": tone for shown, tone in _TONES.items() for late in ("", _LATE)}
    rows = [
        SlideRow([row.site, *(_words(cell.standing) for cell in row.cells)]) for row in grid.rows
    ]
    rows.append(
        SlideRow(
            ["Submitted", *(f"{one.done} of {one.asked}" for one in grid.counts)], is_total=True
        )
    )
    head = [Column("Site", 1.6), *(Column(str(quarter), 1.2) for quarter in grid.quarters)]
    return Slide(title, subtitle, source, table=Table(head, rows, words))


def _words(standing: ReportStatus) -> str:
    if standing.shown is ShownState.NOT_REQUIRED:
        return _NOT_REQUIRED
    return f"{standing.shown}{_LATE if standing.is_late else ''}"
