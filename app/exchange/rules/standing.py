"""Whether our ticket and a partner's are equal, as far as is known; decided only here.

"In step" needs evidence: every change here is planned, nothing waits, the partner is called, their
ticket was read after the last thing that we sent, their changes were requested recently, every
mapped value that was read means ours, and every exchanged text and file is there. Each missing
condition has a name of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import UNKNOWN, PartDifference
from app.exchange.rules.settle import Base, same

HEARD_WITHIN: Final = timedelta(minutes=10)
"""Their changes must have been requested within this time: the portal does so every minute."""


class Standing(StrEnum):
    """How two tickets compare, as far as is known."""

    ENDED = "ended"
    FAILED = "failed"
    ASKED = "asked"
    """Two values contradict each other, and a person has to choose."""
    HELD = "held"
    """Something waits, and nothing is called: the connection is paused or stopped."""
    QUEUED = "queued"
    DIFFERENT = "different"
    NOT_COMPARED = "not compared"
    IN_STEP = "in step"


class Unread(StrEnum):
    """Why the partner's current state is not known."""

    NEVER = "their ticket has not been read"
    ONE_WAY = "this connection does not read"
    SENT_SINCE = "sent, not read back yet"
    FAILED = "their ticket could not be read to its end"
    SILENT = "their changes have not been read recently"
    PAUSED = "the connection is not called"
    NO_VALUE = "they did not give every value"
    NO_PARTS = "texts and files have not been compared"
    NO_FILES = "they do not list the files that we sent"


class Answering(StrEnum):
    """Whether a partner's system answers, as far as is known."""

    ENDED = "ended"
    STOPPED = "stopped"
    PAUSED = "paused"
    RESTING = "no answer"
    FAILING = "last call failed"
    NEVER = "never called"
    SILENT = "not called recently"
    ANSWERS = "answers"


def answering(
    *,
    ended: bool,
    stopped: bool,
    paused: bool,
    resting_until: datetime | None,
    failures: int,
    succeeded: Sequence[datetime | None],
    now: datetime,
) -> Answering:
    """Whether a partner's system answers: only if a call succeeded recently and none has failed
    since. ``succeeded``: when calls of each kind last succeeded."""
    if ended or stopped:
        return Answering.ENDED if ended else Answering.STOPPED
    if paused:
        return Answering.PAUSED
    if resting_until is not None and resting_until > now:
        return Answering.RESTING
    if failures:
        return Answering.FAILING
    last = max((one for one in succeeded if one is not None), default=None)
    if last is None:
        return Answering.NEVER
    return Answering.ANSWERS if now - last <= HEARD_WITHIN else Answering.SILENT


@dataclass(frozen=True)
class ValueDifference:
    """A mapped field whose values differ: ours, and theirs in their words."""

    name: str
    ours: str
    theirs: str


@dataclass(frozen=True)
class Evidence:
    """What is known of a pair. Times are UTC; None = never."""

    state: PairState
    is_called: bool
    """Calls are neither paused by a person nor stopped by the portal."""
    is_read: bool
    """The portal reads their tickets over this connection."""
    waiting: int
    """Entries of ours, and changes here that are not planned yet."""
    asked: int
    is_calling: bool
    """A call that writes was started, and its result is not recorded."""
    left_out: int
    """Comments and files that one side has and the other does not accept."""
    sent_at: datetime | None
    """When the newest of ours arrived."""
    read_at: datetime | None
    """When their ticket was last read."""
    unread_since: datetime | None
    """Since when their ticket was not read to its end."""
    heard_at: datetime | None
    """When their changes were last requested, over this connection."""
    differing: Sequence[ValueDifference] = ()
    unknown: Sequence[str] = ()
    """Mapped fields whose value there was missing in the last read."""
    parts: Sequence[PartDifference] | None = ()
    """Texts and files that differ there, as last read; None = unknown."""


def standing_of(known: Evidence, now: datetime) -> Standing:
    """How the two tickets compare."""
    if known.state is PairState.ENDED:
        return Standing.ENDED
    if known.state is PairState.STOPPED:
        return Standing.FAILED
    if known.asked:
        return Standing.ASKED
    if known.waiting or known.is_calling or known.state is PairState.CREATING:
        return Standing.QUEUED if known.is_called else Standing.HELD
    reason = unread(known, now)
    differs = known.differing or any(one.why != UNKNOWN for one in known.parts or ())
    if known.left_out or (differs and reason is not Unread.SENT_SINCE):
        return Standing.DIFFERENT
    return Standing.IN_STEP if reason is None else Standing.NOT_COMPARED


def unread(known: Evidence, now: datetime) -> Unread | None:
    """Why the partner's current state is not known; None = it is known."""
    if not known.is_read:
        return Unread.ONE_WAY
    if known.read_at is None:
        return Unread.NEVER
    if not known.is_called:
        return Unread.PAUSED
    if known.sent_at is not None and known.sent_at > known.read_at:
        return Unread.SENT_SINCE
    if known.unread_since is not None:
        return Unread.FAILED
    if known.heard_at is None or now - known.heard_at > HEARD_WITHIN:
        return Unread.SILENT
    if known.unknown:
        return Unread.NO_VALUE
    if known.parts is None:
        return Unread.NO_PARTS
    return Unread.NO_FILES if any(one.why == UNKNOWN for one in known.parts) else None


def compare_values(
    profile: Profile, ours: Callable[[str], str], theirs: Mapping[str, str]
) -> tuple[Sequence[ValueDifference], Sequence[str]]:
    """The mapped fields whose values differ, and those whose value there is unknown. ``ours``
    returns the value of a field here; ``theirs`` are in their words, as last read
    (``settle.same``)."""
    differing, unknown = [], []
    for name, rows in profile.maps.items():
        if not rows:
            continue
        if name not in theirs:
            unknown.append(name)
        elif not same(profile.map_of(name), ours(name), theirs[name]):
            differing.append(ValueDifference(name, ours(name), theirs[name]))
    return differing, unknown


def values_not_set(
    profile: Profile, ours: Callable[[str], str], bases: Mapping[str, Base]
) -> Sequence[str]:
    """The mapped fields whose current value was not set there when a call carried it: for a partner
    that is not read this is all that is known, because it may have set them since."""
    return [
        name
        for name, base in bases.items()
        if profile.maps.get(name) and base.is_refused and base.ours == ours(name)
    ]
