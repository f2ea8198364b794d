"""GGUS's times of tickets: response, solution, waiting, lifetime; averages and medians. Beside the
solution time the active one: without what a ticket waited for replies or was on hold.

Response and both solution times are in working days (24 h between Monday 00:00 and Saturday 00:00
UTC), waiting and lifetime in calendar days of 24 h. A ticket of which a time is not known, or not
over, does not count for it; only an ongoing wait counts as far as it has got.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.core.figures.columns import Columns
from app.tickets.figures.counts import Mask, Named, groups_of, periods_of
from app.tickets.figures.facts import NOT_SET, Table, TicketFacts

DAY: Final = 86_400_000_000
"""Microseconds."""
_WEEK: Final = 7 * DAY
_WORKED: Final = 5 * DAY
_FIRST_MONDAY: Final = 4 * DAY
"""1970-01-05."""
MEASURES: Final = ("response", "solution", "active", "waiting", "lifetime")
WORKING: Final = frozenset({"response", "solution", "active"})
"""What is in working days."""
Days = npt.NDArray[np.float64]


def working_days(start: Table, end: Table) -> Days:
    """The working days between two times, 0 where the second is the earlier."""
    days: Days = np.maximum(_worked_until(end) - _worked_until(start), 0) / DAY
    return days


def _worked_until(times: Table) -> Table:
    since = times - _FIRST_MONDAY
    weeks = since // _WEEK  # several times faster than a division that gives the rest as well
    worked: Table = weeks * _WORKED + np.minimum(since - weeks * _WEEK, _WORKED)
    return worked


def measured(tickets: Columns, measure: str, now: int) -> Days:
    """One time of each ticket in days; NaN where it does not count for it."""
    if measure == "waiting":
        is_waiting = tickets["waiting_since"] != NOT_SET
        whole = np.where(tickets["waited"] != NOT_SET, tickets["waited"], 0)
        running = np.where(is_waiting, np.maximum(now - tickets["waiting_since"], 0), 0)
        ever = is_waiting | (tickets["waited"] != NOT_SET)
        return np.where(ever, (whole + running) / DAY, np.nan)
    over = tickets["responded"] if measure == "response" else tickets["ended"]
    known = over != NOT_SET
    if measure == "active":
        known &= tickets["paused"] != NOT_SET
    until = np.where(known, over, tickets["created"])
    if measure in WORKING:
        days = working_days(tickets["created"], until)
        if measure == "active":
            days = np.maximum(days - np.where(known, tickets["paused"], 0) / DAY, 0)
    else:
        days = np.maximum(until - tickets["created"], 0) / DAY
    return np.where(known, days, np.nan)


def measured_all(tickets: Columns, now: int) -> Days:
    """All of ``MEASURES``, one row each."""
    found = np.empty((len(MEASURES), len(tickets)))
    for row, measure in zip(found, MEASURES, strict=True):
        row[:] = measured(tickets, measure, now)
    return found


def summed_up(
    facts: TicketFacts,
    mask: Mask,
    edges: Sequence[int],
    days: Days,
    by: str = "",
    named: Sequence[Named] = (),
) -> pd.DataFrame:
    """The times by period of creation, or by value of a property over all periods.

    ``days``: what was measured of all tickets. Without ``by`` a row for each period (0, 1, ...),
    else for each value that any ticket has, in its order. Columns: ``tickets``, and of each measure
    its name with ``_count``, ``_mean`` and ``_median`` in days (NaN where no ticket counts).
    """
    periods = periods_of(facts.tickets["created"], edges)
    usable = mask & (periods >= 0)
    index: list[Any] = list(range(len(edges) - 1))
    rows, keys = None, periods
    if by:
        groups = groups_of(facts, by, named)
        rows, keys, usable = groups.tickets, groups.places, groups.of(usable)
        index = list(groups.values)
    if not usable.all():
        rows, keys = np.flatnonzero(usable) if rows is None else rows[usable], keys[usable]
    if rows is not None:
        days = np.take(days, rows, axis=1)
    table = pd.DataFrame({"tickets": np.bincount(keys, minlength=len(index))})
    of_key = pd.Categorical.from_codes(keys, categories=pd.RangeIndex(len(index)))
    each = pd.DataFrame(days.T, columns=list(MEASURES), copy=False)
    groups_by_key = each.groupby(pd.Series(of_key), observed=False)
    summaries = {name: groups_by_key.agg(name) for name in ("count", "mean", "median")}
    for measure in MEASURES:
        for name, summary in summaries.items():
            table[f"{measure}_{name}"] = summary[measure].to_numpy()
    table.index = pd.Index(index)
    return table[table["tickets"] > 0] if by else table
