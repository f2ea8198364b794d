"""The columns of the frames on this floor, and how times are stored in them.

A time is an int64: microseconds since 1970-01-01 00:00 UTC. What is ongoing ends at ``FOREVER``.
Ids are int64 too; ``NOBODY`` is not an id. Frames are never changed in place.

=============  ====================================================================================
EVENTS         id; thing (which link, or site); start; end; state (1 degraded, 2 down)
THINGS         thing; is_link; valid_from, valid_until (when the link was in use); a, b (its ends)
               and, for each of them, a_from, a_until, b_from, b_until: when it was a T1
EVIDENCE       ticket (never a duplicate: its master); thing; start; end; how (``BY_LINK``,
               ``BY_SITE``); site (that it names, else ``NOBODY``); from, until: when an event must
               begin for it to count (while the site was a T1); offset: of the responsible site
               from UTC, microseconds; maintenance; created (when the ticket was)
RULES          version; valid_from; gap; minimal; tolerance (lengths in microseconds)
DECISIONS      event (a raw one); ticket; linked; order (a later one has a higher number);
               maintenance
DETECTED       id; thing; start; end; beginnings; state; t1, other_t1; counted; changes_at (when
               time alone may change it, else ``FOREVER``); rule; documented; maintenance; how
MEMBERS        event; detected
PAIRS          detected; ticket; how; documents; overlap; apart; within; shift (0 = none); site;
               maintenance; decision (the ``order`` of the one that holds, else ``NOBODY``)
=============  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Times: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER: Final = 253_402_300_800_000_000
"""The first moment that no calendar has: the year 10000."""
NEVER: Final = -62_135_596_800_000_000
"""The first moment of the year 1."""
NOBODY: Final = -1
DEGRADED, DOWN = 1, 2
BY_LINK, BY_SITE, BY_HAND, BY_NONE = 0, 1, 2, 3
_MICROSECOND: Final = timedelta(microseconds=1)

EVENTS: Final = ("id", "thing", "start", "end", "state")
THINGS: Final = (
    *("thing", "is_link", "valid_from", "valid_until"),
    *("a", "a_from", "a_until", "b", "b_from", "b_until"),
)
EVIDENCE: Final = (
    *("ticket", "thing", "start", "end", "how", "site"),
    *("from", "until", "offset", "maintenance", "created"),
)
RULES: Final = ("version", "valid_from", "gap", "minimal", "tolerance")
DECISIONS: Final = ("event", "ticket", "linked", "order", "maintenance")
_FLAGS: Final = frozenset({"is_link", "maintenance", "linked"})


def micros(moment: datetime | None, missing: int = FOREVER) -> int:
    """An aware moment as this floor keeps it."""
    return missing if moment is None else (moment - EPOCH) // _MICROSECOND


def moment_of(value: int) -> datetime:
    """The other way round, UTC."""
    return EPOCH + timedelta(microseconds=int(value))


def quarters_of(starts: Times) -> Times:
    """Years times 4 plus the quarter from 0: 2012-Q1 is 8048. UTC."""
    months = starts.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    found: Times = 1970 * 4 + months // 3
    return found


@cache
def quarter_name(number: int) -> str:
    """``2012-Q1`` of such a number."""
    return f"{number // 4:04}-Q{number % 4 + 1}"


def frame(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Rows of whole numbers and flags as a frame with these columns, also if none exist."""
    by_column = [*zip(*rows, strict=True)] if rows else [()] * len(columns)
    return pd.DataFrame(
        {
            name: np.array(values, dtype=np.bool_ if name in _FLAGS else np.int64)
            for name, values in zip(columns, by_column, strict=True)
        }
    )


def columns_of(table: pd.DataFrame, *names: str) -> Sequence[Times]:
    """Columns as arrays."""
    return [table[name].to_numpy() for name in names]


def made(columns: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """A frame of arrays that are equally long."""
    return pd.DataFrame(dict(columns), copy=False)


def rows_of(table: pd.DataFrame) -> Iterable[Any]:
    """The rows, with the columns as attributes, in Python's own whole numbers and flags."""
    return table.itertuples(index=False)
