"""Drills: what an administrator practises once a year, so that it works on the day it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

PRACTISED_WITHIN: Final = timedelta(days=365)
"""A drill that was not passed for longer is due (issue 34: once a year)."""


class Drill(StrEnum):
    """The drills, in the order in which lists show them."""

    RESTORE = "restore"
    FAILOVER = "failover"
    MAIL = "mail"
    PARTNER = "partner"


class Result(StrEnum):
    """How a drill ended."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True)
class Practised:
    """One drill that was carried out. ``at``: when it ended (UTC); ``by``: the account on the
    machine where it was run; ``details``: what was seen, such as seconds, with their names."""

    drill: str
    at: datetime
    by: str
    result: str
    details: Sequence[tuple[str, str]]


def due(drill: Drill, practised: Sequence[Practised], now: datetime) -> str:
    """Why a drill is to be practised ``now`` (UTC), as a clause; "" if it was passed within a
    year and did not fail since. ``practised``: all that is known, the newest first."""
    own = [one for one in practised if one.drill == drill]
    if not own:
        return "it was never practised"
    if own[0].result != Result.PASSED:
        return f"it failed on {own[0].at:%Y-%m-%d}"
    if now - own[0].at > PRACTISED_WITHIN:
        return f"it was last passed on {own[0].at:%Y-%m-%d}"
    return ""
