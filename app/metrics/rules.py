"""What a metric of the database is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Gauge:
    """One metric: its values by the values of its labels.

    No value means not known; a zero is only there where something was counted. Moments are seconds
    since 1970 (UTC), lengths of time are seconds.
    """

    name: str
    """Without the prefix that all metrics of the portal have."""
    meaning: str
    labels: Sequence[str]
    values: Sequence[tuple[Sequence[str], float]]
