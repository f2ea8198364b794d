"""Decides what happens to a value that both sides have; the only place that does.

An agreed value is a pair, ours in our words and theirs in theirs: a partner has fewer words than we
do, so the returned word may mean another value than the one sent. A side has changed if it differs
from its own half (docs/adr/0067).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from app.exchange.rules.fields import Owner, ValueMap

MOVES_WITHIN: Final = timedelta(minutes=2)
"""How long after the start of sending a text of ours a read may still show the state before its
arrival: the longest duration of a call and a read together."""


class Settlement(StrEnum):
    """What is done about a value."""

    NOTHING = "nothing"
    """Both sides mean the same."""
    SEND = "send"
    """Ours is sent to them."""
    TAKE = "take"
    """Theirs becomes ours."""
    ASK = "ask"
    """Both stay; a person chooses."""
    SAY = "say"
    """Both stay, and nothing may be done: the difference is shown, with its reason."""


class Why(StrEnum):
    """Why a difference stays."""

    NO_WORD_OF_OURS = "our value has no mapping"
    NO_WORD_OF_THEIRS = "their value has no mapping"
    NOT_KEPT = "they do not accept our value"
    UNKNOWN = "it is unknown which side changed it"


@dataclass(frozen=True)
class Settled:
    """The result of ``settle``. ``why``: for differences that are only shown."""

    what: Settlement
    why: Why | None = None


@dataclass(frozen=True)
class Base:
    """The agreed value of a field: each side's own value when both were known to mean the same, or
    when a call had carried ours."""

    ours: str | None
    """In our words; None = our value counts as changed, whatever it is."""
    theirs: str | None
    """In their words; None = their value counts as unchanged, whatever it is."""
    moved: str | None = None
    """The state to which our newest text moves theirs by a rule of that system; None = no such
    rule."""
    moved_at: datetime | None = None
    """When the call that carried that text started (UTC)."""
    over: str | None = None
    """Their value that ours, which decides, replaced; if it returns, they do not accept ours."""
    is_seen: bool = False
    """Not agreed: the values that both had when they were first compared."""
    is_refused: bool = False
    """A call carried ours, and they did not set it."""


@dataclass(frozen=True)
class Times:
    """When a value was set, each by the clock of its own side (UTC); None = unknown."""

    ours: datetime | None = None
    theirs: datetime | None = None

    @property
    def ours_is_newer(self) -> bool | None:
        """Whether ours was set after theirs; None = unknown."""
        if self.ours is None or self.theirs is None or self.ours == self.theirs:
            return None
        return self.ours > self.theirs


NO_TIMES: Final = Times()


def same(words: ValueMap, ours: str, theirs: str) -> bool:
    """Whether our value and theirs mean the same: the map converts one into the other, either
    way."""
    folded = theirs.casefold()
    return (words.theirs_of(ours) or "").casefold() == folded or words.ours_of(folded) == ours


def settle(
    base: Base | None,
    ours: str,
    theirs: str,
    words: ValueMap,
    owner: Owner,
    times: Times = NO_TIMES,
) -> Settled:
    """Decide about a value, ``ours`` in our words and ``theirs`` in theirs.

    An owner decides whenever a side changed it. Otherwise the side that alone changed it counts; if
    both did, the later change, if known, and else a person decides. If a text of ours moved theirs
    by a rule of their system, nobody there changed it, and ours is sent once more.
    """
    if same(words, ours, theirs):
        return Settled(Settlement.NOTHING)
    if owner is Owner.THEM:
        return _take(words, theirs)
    ours_changed, theirs_changed = _changed(base, ours, theirs)
    is_moved = base is not None and _is_moved(base, theirs)
    if not (ours_changed or theirs_changed or is_moved):
        return Settled(Settlement.SAY, _why_unchanged(base, words, ours, theirs))
    if owner is Owner.US:
        is_refused = base is not None and not ours_changed and _is(theirs, base.over)
        return Settled(Settlement.SAY, Why.NOT_KEPT) if is_refused else _send(words, ours)
    if ours_changed and theirs_changed:
        return _contested(base, theirs, words, ours, owner, times)
    return _take(words, theirs) if theirs_changed else _send(words, ours)


def may_be_contested(base: Base | None, theirs: str) -> bool:
    """Whether a person may have to choose, whatever our value is: only if theirs has changed."""
    return base is not None and _theirs_changed(base, theirs)


def _contested(
    base: Base | None, theirs: str, words: ValueMap, ours: str, owner: Owner, times: Times
) -> Settled:
    """Both sides changed it, or it is unknown which one did."""
    newer = times.ours_is_newer if base is not None and owner is Owner.NEWEST else None
    if newer:
        return _send(words, ours)
    if newer is not None or words.ours_of(theirs.casefold()) is None:
        return _take(words, theirs)
    return Settled(Settlement.SAY, Why.UNKNOWN) if base is None else Settled(Settlement.ASK)


def _changed(base: Base | None, ours: str, theirs: str) -> tuple[bool, bool]:
    """Which sides differ from their own half: ours, and theirs."""
    if base is None:
        return True, True
    return base.ours != ours, _theirs_changed(base, theirs)


def _theirs_changed(base: Base, theirs: str) -> bool:
    """Whether theirs differs from its half, and a text of ours did not move it."""
    is_other = base.theirs is not None and not _is(theirs, base.theirs)
    return is_other and not _is_moved(base, theirs)


def _is_moved(base: Base, theirs: str) -> bool:
    """Whether theirs is the value to which our text moved it, and not the one before."""
    is_as_before = base.theirs is None or _is(theirs, base.theirs)
    return not is_as_before and _is(theirs, base.moved)


def _is(theirs: str, other: str | None) -> bool:
    return other is not None and theirs.casefold() == other.casefold()


def _send(words: ValueMap, ours: str) -> Settled:
    if words.theirs_of(ours) is None:
        return Settled(Settlement.SAY, Why.NO_WORD_OF_OURS)
    return Settled(Settlement.SEND)


def _take(words: ValueMap, theirs: str) -> Settled:
    if words.ours_of(theirs.casefold()) is None:
        return Settled(Settlement.SAY, Why.NO_WORD_OF_THEIRS)
    return Settled(Settlement.TAKE)


def _why_unchanged(base: Base | None, words: ValueMap, ours: str, theirs: str) -> Why:
    if words.ours_of(theirs.casefold()) is None:
        return Why.NO_WORD_OF_THEIRS
    if words.theirs_of(ours) is None:
        return Why.NO_WORD_OF_OURS
    return Why.UNKNOWN if base is not None and base.is_seen else Why.NOT_KEPT


# the effect of each outcome on the base


def agreed(base: Base | None, ours: str, theirs: str, now: datetime) -> Base:
    """Both mean the same, as read. The possible move by our text is forgotten once no running read
    can be older than the text; the replaced value, once ours has changed."""
    if base is None:
        return Base(ours, theirs)
    over = base.over if base.ours == ours else None
    is_open = base.moved_at is not None and now - base.moved_at <= MOVES_WITHIN
    if not is_open or _is(theirs, base.moved):
        return Base(ours, theirs, over=over)
    return Base(ours, theirs, base.moved, base.moved_at, over)


def to_be_sent(base: Base | None, theirs: str) -> Base:
    """Ours is to be sent over theirs, which is thereby seen: only later changes there count against
    it."""
    if base is not None and base.theirs is not None and _is(theirs, base.theirs):
        return base
    return Base(None, theirs)


def carried(base: Base | None, ours: str, theirs: str | None, over: str | None = None) -> Base:
    """A call carried ours, which is ``theirs`` in their words; None = the value last read there
    stays. ``over``: their value that was read before the call, remembered if ours was sent
    because theirs had changed."""
    if base is None:
        return Base(ours, theirs, over=over)
    if base.ours is not None:
        over = base.over if base.ours == ours else None
    return Base(ours, base.theirs if theirs is None else theirs, over=over)


def not_set(base: Base | None, ours: str) -> Base:
    """A call sent ours, and they did not set it: it is not sent again automatically."""
    theirs = base.moved or base.theirs if base is not None else None
    return Base(ours, theirs, is_refused=True)


def text_begun(base: Base, moved_by_text: Mapping[str, str], now: datetime) -> Base:
    """A public text of ours is being sent there, which moves some values by a rule of theirs: from,
    to."""
    moved = {old.casefold(): new for old, new in moved_by_text.items()}
    to = moved.get((base.theirs or "").casefold())
    return replace(base, moved=to, moved_at=now) if to else base


def answered(base: Base) -> Base:
    """Somebody there has written a public text since: a moved value is their own change."""
    return replace(base, moved=None, moved_at=None)


# as stored


def bases_of(stored: str) -> dict[str, Base]:
    """Read the bases of a pair by field, from JSON."""
    return {name: _base(one) for name, one in json.loads(stored).items()}


def as_stored(bases: Mapping[str, Base]) -> str:
    """The bases of a pair as JSON."""
    return json.dumps({name: _fields(one) for name, one in bases.items()}, ensure_ascii=False)


def _base(stored: Mapping[str, Any]) -> Base:
    at = stored.get("moved_at")
    return Base(
        stored["ours"],
        stored["theirs"],
        stored.get("moved"),
        datetime.fromisoformat(at) if at else None,
        stored.get("over"),
        stored.get("seen", False),
        stored.get("refused", False),
    )


def _fields(base: Base) -> Mapping[str, Any]:
    fields: dict[str, Any] = {"ours": base.ours, "theirs": base.theirs}
    if base.moved_at is not None:
        fields |= {"moved": base.moved, "moved_at": base.moved_at.isoformat()}
    fields |= {"over": base.over} if base.over is not None else {}
    fields |= {"seen": True} if base.is_seen else {}
    return fields | ({"refused": True} if base.is_refused else {})
