"""A pair of tickets, ours and theirs: the next step, and the effect of each answer.

One rule applies to every call that writes: the call is recorded before it is made, and its result
after it. If a call is recorded without an outcome (a process was killed, an answer was lost), the
next worker waits until the result must be visible there, looks, and only then calls again.
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
    """The progress of a pair."""

    CREATING = "being created"
    """Their ticket is not known (yet)."""
    PAIRED = "paired"
    STOPPED = "stopped"
    """A person has to decide; nothing is called until then."""
    ENDED = "ended"
    """A person ended the exchange of the ticket: nothing is exchanged, whatever is written on
    either side. A late answer is recorded, and changes nothing else."""


@dataclass(frozen=True)
class Traits:
    """The capabilities of a kind of partner."""

    can_look_up: bool
    """Their ticket can be found by our reference."""
    settles: timedelta
    """The longest time from the start of a call until its result can be found there: the longest
    call plus the delay of their search."""
    lists_ours: bool = True
    """It can list the tickets that our account created."""
    moved_by_text: Mapping[str, str] = field(default_factory=dict)
    """The state to which a public text of ours moves one of their tickets by a rule in the system's
    default configuration, unintended by anybody there: from, to, in their words. Our state is
    then sent again."""


@dataclass(frozen=True)
class Pair:
    """A pair as recorded. ``begun``: start of the call in question, None = no call."""

    number: int
    state: PairState = PairState.CREATING
    their_id: str = ""
    begun: datetime | None = None
    attempts: int = 0
    """Failures since the last success."""
    due: datetime | None = None
    """Nothing is called before this time."""
    reason: str = ""


class PairStep(StrEnum):
    """What has to be done now."""

    REST = "rest"
    LOOK_UP = "look up"
    """Search for their ticket by our reference."""
    CREATE = "create"
    READ = "read"
    """Read their ticket: does it contain the entry that was being sent?"""
    SEND = "send"
    ASK = "ask"
    """Stop for a person."""


@dataclass(frozen=True)
class Next:
    """``until``: when the next step becomes possible by time alone."""

    step: PairStep
    until: datetime | None = None
    reason: str = ""


def next_step(pair: Pair, *, waiting: bool, traits: Traits, now: datetime) -> Next:
    """The next step of a pair; ``waiting``: an entry of ours waits to be sent.

    There is a look-up even before the first create: our record may have been lost.
    """
    if pair.state in (PairState.STOPPED, PairState.ENDED):
        return Next(PairStep.REST)
    if pair.due is not None and now < pair.due:
        return Next(PairStep.REST, pair.due)
    is_creating = pair.state is PairState.CREATING
    if pair.begun is not None:
        if not traits.can_look_up and is_creating:
            reason = "Whether the ticket was created there is unknown; choose it or create it"
            return Next(PairStep.ASK, reason=reason)
        if now < (visible := pair.begun + traits.settles):
            return Next(PairStep.REST, visible)
        return Next(PairStep.LOOK_UP if is_creating else PairStep.READ)
    if is_creating:
        return Next(PairStep.LOOK_UP if traits.can_look_up else PairStep.CREATE)
    return Next(PairStep.SEND if waiting else PairStep.REST)


def begin(pair: Pair, now: datetime) -> Pair:
    """Record the start of a call that writes."""
    return replace(pair, begun=now)


def found(pair: Pair, ids: tuple[str, ...]) -> Pair:
    """After a look-up: their ticket is known, does not exist, or is ambiguous."""
    if len(ids) > 1:
        listed = ", ".join(ids)
        return stop(pair, f"Several tickets there hold our reference: {listed}; choose one")
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
    """An entry was sent, or found there; or it was not there and may be sent again."""
    if pair.state in (PairState.STOPPED, PairState.ENDED):
        return replace(pair, begun=None)
    return replace(pair, begun=None, attempts=0, due=None, reason="")


def failed(
    pair: Pair, failure: Failure, now: datetime, chance: float, *, wrote: bool = True
) -> Pair:
    """After a failed call. ``begun`` stays set if the outcome is unknown, and if the call only
    looked for the result of an earlier one (``wrote`` is false)."""
    if failure.outcome is Outcome.PERMANENT or pair.state is PairState.ENDED:
        return stop(pair, failure.reason)
    is_open = failure.outcome is Outcome.UNKNOWN or not wrote
    attempts = pair.attempts + 1
    if attempts >= MOST_ATTEMPTS:
        current = pair if is_open else replace(pair, begun=None)
        return stop(current, f"{failure.reason} ({attempts} attempts)")
    due = now + pause_after(attempts, chance, failure.retry_after)
    begun = pair.begun if is_open else None
    return replace(pair, attempts=attempts, due=due, begun=begun, reason=failure.reason)


def stop(pair: Pair, reason: str) -> Pair:
    """Stop for a person, unless somebody ended the pair."""
    if pair.state is PairState.ENDED:
        return pair
    return replace(pair, state=PairState.STOPPED, reason=reason, due=None)


def end(pair: Pair, reason: str) -> Pair:
    """End the exchange, as a person decided. A call with an unknown outcome is not forgotten:
    resuming looks for it first."""
    return replace(pair, state=PairState.ENDED, attempts=0, due=None, reason=reason)


def resume(pair: Pair) -> Pair:
    """Try again, as a person decided. What may have been written there is looked for, as before."""
    state = PairState.PAIRED if pair.their_id else PairState.CREATING
    return replace(pair, state=state, attempts=0, due=None, reason="")
