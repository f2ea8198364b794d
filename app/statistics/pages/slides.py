"""What the pages of statistics show, as slides: the finding as title, the chart, the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.core.rules.documents.slides import Cell, Chart, Column, Series, Slide, SlideRow, Table
from app.core.rules.quarters import CalendarPeriod
from app.statistics.services.availability import AvailabilityRow
from app.statistics.services.figures import CountRow

MAX_ROWS: Final = 54
"""Rows of a list of any length: three slides."""
_PERIODS: Final = 6
"""Columns of periods in a table next to a chart, the newest ones."""
TOTAL: Final = "TOTAL"


def range_in_words(periods: Sequence[CalendarPeriod]) -> str:
    """``2012-Q1 to 2013-Q2``; one period alone."""
    first, last = periods[0], periods[-1]
    return str(first) if first == last else f"{first} to {last}"


def counts_slide(
    finding: str,
    subtitle: str,
    periods: Sequence[CalendarPeriod],
    whole: CountRow,
    named: Sequence[tuple[str, CountRow]],
    head: str,
) -> Slide:
    """Tickets per period; with rows by one of their properties where there are any."""
    names = [str(period) for period in periods]
    chart = Chart(names, [Series("Tickets", list(whole.counts))])
    if not named:
        rows = [SlideRow([name, count]) for name, count in zip(names, whole.counts, strict=True)]
        rows.append(SlideRow([TOTAL, whole.total], is_total=True))
        columns = [Column("Period", 1.4), Column("Tickets", 1, is_number=True)]
        return Slide(finding, subtitle, "", chart, Table(columns, rows))
    shown = slice(-_PERIODS, None)
    columns = [Column(head, 2)]
    columns += [Column(name, 1, is_number=True) for name in [*names[shown], "Total"]]
    rows = [SlideRow([name, *row.counts[shown], row.total]) for name, row in named[:MAX_ROWS]]
    rows.append(SlideRow([TOTAL, *whole.counts[shown], whole.total], is_total=True))
    words = left_in_words(len(named) - MAX_ROWS)
    if len(names) > _PERIODS:
        words.append(f"The table has the newest {_PERIODS} periods; totals cover all periods.")
    return Slide(finding, subtitle, "", chart, Table(columns, rows), words)


def availability_slide(
    finding: str,
    subtitle: str,
    periods: Sequence[CalendarPeriod],
    rows: Sequence[tuple[AvailabilityRow, float]],
    whole: AvailabilityRow,
    cells: Sequence[Sequence[str | None]],
    unmonitored: Sequence[str],
) -> Slide:
    """``rows``: sites and their hours down; ``cells``: availability in words of each of them and of
    all links together, one for each period and one for the whole time; None = no data.
    ``unmonitored``: the part of the time of each that was left out, in words; "" = none was."""
    shown = slice(-_PERIODS - 1, None)
    names = [*map(str, periods), "All"]
    left_out = [
        f"{row.name} {share}"
        for row, share in zip([*(row for row, _ in rows), whole], unmonitored, strict=True)
        if share
    ]
    lines = [
        SlideRow([name, *line[shown]], is_total=at == len(rows))
        for at, (name, line) in enumerate(
            zip([*(row.name for row, _ in rows), whole.name], cells, strict=True)
        )
    ]
    down = [round(hours) if row.whole.has_data else None for row, hours in rows]
    return Slide(
        finding,
        subtitle,
        "",
        Chart([row.name for row, _ in rows], [Series("Hours down", down)]),
        Table(
            [Column("Site", 1.6), *(Column(name, 1, is_number=True) for name in names[shown])],
            lines,
        ),
        ["Left out as unmonitored: " + ", ".join(left_out)] if left_out else [],
    )


def rows_slide(
    finding: str,
    subtitle: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    left: int,
) -> Slide:
    """A list; ``left``: how many more the page has."""
    table = Table(columns, [SlideRow(row) for row in rows]) if rows else None
    return Slide(finding, subtitle, "", None, table, left_in_words(left))


def left_in_words(count: int) -> list[str]:
    """What is said below a list that is cut."""
    return [f"{count:,} more on the page."] if count > 0 else []
