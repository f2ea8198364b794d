"""A pair of tickets, ours and theirs: what to do next, and what an answer makes of it.

One rule holds for every call that writes: what is about to be called is recorded before the call,
and the result after. Whoever finds a call recorded and no outcome (a process was killed, an
answer was lost) waits until the call must be visible over there, looks, and only then calls again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.exchange.rules.failures import Failure, Outcome, pause_after

MOST_ATTEMPTS = 10
"""Failed attempts after which a person decides: with the pauses some 40 minutes."""


class PairState(StrEnum):
    """How far a pair is."""

    CREATING = "being created"
    """Their ticket is not known (yet)."""
    PAIRED = "paired"
    STOPPED = "stopped"
    """A person is asked; nothing is called until one answers."""
    ENDED = "ended"
    """A person said that the ticket is not exchanged any more: nothing crosses, whatever is written
    here or there. An answer that comes yet says what is there, and changes nothing else."""


@dataclass(frozen=True)
class Traits:
    """What a kind of partner can do."""

    can_look_up: bool
    """Their ticket is found by our reference."""
    settles: timedelta
    """From the beginning of a call until what it wrote is found over there at the latest: the
    longest call, and what their search lags behind."""
    lists_ours: bool = True
    """It can be asked for the tickets that our account made."""
    moved_by_text: Mapping[str, str] = field(default_factory=dict)
    """To which state a public text of ours moves one of their tickets by a rule that such a system
    has as delivered, where nobody there means it: from, to, in their words. Ours is set once
    more."""


@dataclass(frozen=True)
class Pair:
    """A pair as recorded. ``begun``: when the call in question was begun, None = none is."""

    number: int
    state: PairState = PairState.CREATING
    their_id: str = ""
    begun: datetime | None = None
    attempts: int = 0
    """Failed since the last success."""
    due: datetime | None = None
    """Nothing is called before."""
    reason: str = ""


class Step(StrEnum):
    """What is to be done now."""

    REST = "rest"
    LOOK_UP = "look up"
    """Search their ticket by our reference."""
    CREATE = "create"
    READ = "read"
    """Read their ticket: is the entry there whose sending was begun?"""
    SEND = "send"
    ASK = "ask"
    """Stop for a person."""


@dataclass(frozen=True)
class Next:
    """``until``: when there is something to do again, where time alone makes it so."""

    step: Step
    until: datetime | None = None
    reason: str = ""


def next_step(pair: Pair, *, waiting: bool, traits: Traits, now: datetime) -> Next:
    """What to do for a pair; ``waiting``: an entry of ours waits to be sent.

    Before the first create there is a look, too: we may have lost what we recorded of it.
    """
    if pair.state in (PairState.STOPPED, PairState.ENDED):
        return Next(Step.REST)
    if pair.due is not None and now < pair.due:
        return Next(Step.REST, pair.due)
    is_creating = pair.state is PairState.CREATING
    if pair.begun is not None:
        if not traits.can_look_up and is_creating:
            return Next(Step.ASK, reason="Nobody knows whether the ticket was created there")
        if now < (visible := pair.begun + traits.settles):
            return Next(Step.REST, visible)
        return Next(Step.LOOK_UP if is_creating else Step.READ)
    if is_creating:
        return Next(Step.LOOK_UP if traits.can_look_up else Step.CREATE)
    return Next(Step.SEND if waiting else Step.REST)


def begin(pair: Pair, now: datetime) -> Pair:
    """Recorded before a call that writes."""
    return replace(pair, begun=now)


def found(pair: Pair, ids: tuple[str, ...]) -> Pair:
    """After a look-up: their ticket is known, is not there, or there is more than one."""
    if len(ids) > 1:
        told = ", ".join(ids)
        return stop(pair, f"Several tickets there hold our reference: {told}; choose one")
    if ids:
        return paired(pair, ids[0])
    return replace(pair, begun=None)


def paired(pair: Pair, their_id: str) -> Pair:
    """Their ticket is known."""
    if pair.state is PairState.ENDED:
        return replace(pair, their_id=their_id, begun=None)
    return replace(
        pair, state=PairState.PAIRED, their_id=their_id, begun=None, attempts=0, due=None, reason=""
    )


def done(pair: Pair) -> Pair:
    """An entry was sent, or found over there; or was not there and may be sent again."""
    if pair.state in (PairState.STOPPED, PairState.ENDED):
        return replace(pair, begun=None)
    return replace(pair, begun=None, attempts=0, due=None, reason="")


def failed(
    pair: Pair, failure: Failure, now: datetime, chance: float, *, wrote: bool = True
) -> Pair:
    """After a call that did not succeed. An unknown outcome leaves ``begun`` where it is, and so
    does a call that only looked the result of an earlier one (``wrote`` is false)."""
    if failure.outcome is Outcome.PERMANENT or pair.state is PairState.ENDED:
        return stop(pair, failure.reason)
    is_open = failure.outcome is Outcome.UNKNOWN or not wrote
    attempts = pair.attempts + 1
    if attempts >= MOST_ATTEMPTS:
        kept = pair if is_open else replace(pair, begun=None)
        return stop(kept, f"{failure.reason} ({attempts} attempts)")
    due = now + pause_after(attempts, chance, failure.retry_after)
    begun = pair.begun if is_open else None
    return replace(pair, attempts=attempts, due=due, begun=begun, reason=failure.reason)


def stop(pair: Pair, reason: str) -> Pair:
    """A person is asked, unless one ended it."""
    if pair.state is PairState.ENDED:
        return pair
    return replace(pair, state=PairState.STOPPED, reason=reason, due=None)


def end(pair: Pair, reason: str) -> Pair:
    """A person said that nothing crosses any more. A call whose outcome is not known is not
    forgotten: who resumes it looks for that first."""
    return replace(pair, state=PairState.ENDED, attempts=0, due=None, reason=reason)


def resume(pair: Pair) -> Pair:
    """A person said to try again. What may have been written there is looked for as before."""
    state = PairState.PAIRED if pair.their_id else PairState.CREATING
    return replace(pair, state=state, attempts=0, due=None, reason="")
