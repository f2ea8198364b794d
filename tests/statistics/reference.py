"""The definitions of matching said once more, slowly, one pair after another: what tests compare
with. Nothing here is taken from the portal but the columns' order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MINUTE = 60_000_000
HOUR = 60 * MINUTE
FOREVER = 253_402_300_800_000_000


class Event(NamedTuple):
    id: int
    thing: int
    start: int
    end: int
    state: int


class Said(NamedTuple):
    """One interval of a ticket about one link."""

    ticket: int
    thing: int
    start: int
    end: int
    how: int
    site: int
    since: int
    until: int
    offset: int
    maintenance: bool


class Rule(NamedTuple):
    version: int
    valid_from: int
    gap: int
    minimal: int
    tolerance: int


class Decided(NamedTuple):
    event: int
    ticket: int
    linked: bool
    order: int
    maintenance: bool


def rule_for(rules: Sequence[Rule], start: int) -> Rule:
    held = [rule for rule in rules if rule.valid_from <= start]
    return held[-1] if held else rules[0]


def groups(events: Sequence[Event], rules: Sequence[Rule]) -> list[list[Event]]:
    found: list[list[Event]] = []
    for event in sorted(events, key=lambda one: (one.thing, one.start, one.id)):
        last = found[-1] if found else None
        if (
            last is not None
            and last[0].thing == event.thing
            and event.start - max(one.end for one in last) <= rule_for(rules, event.start).gap
        ):
            last.append(event)
        else:
            found.append([event])
    return found


def shift_between(start: int, end: int, said: Said) -> int:
    if end >= FOREVER or said.end >= FOREVER:
        return 0
    fits = [
        (max(abs(said.start - start - shift), abs(said.end - end - shift)), place, shift)
        for place, shift in enumerate((HOUR, -HOUR, 2 * HOUR, -2 * HOUR, said.offset, -said.offset))
        if shift
    ]
    off, _place, shift = min(fits)
    return shift if off <= 10 * MINUTE else 0


def matched(
    events: Sequence[Event],
    said: Sequence[Said],
    decided: Sequence[Decided],
    rules: Sequence[Rule],
) -> dict[int, tuple[list[int], dict[int, bool]]]:
    """By the first event's id: the ids of its events, and its tickets; True if one documents it."""
    found: dict[int, tuple[list[int], dict[int, bool]]] = {}
    for group in groups(events, rules):
        start, end = group[0].start, max(one.end for one in group)
        tolerance = rule_for(rules, start).tolerance
        tickets: dict[int, bool] = {}
        for one in said:
            if one.thing != group[0].thing or not one.since <= start < one.until:
                continue
            touches = one.start - tolerance <= end and start <= one.end + tolerance
            if touches or shift_between(start, end, one):
                tickets[one.ticket] = tickets.get(one.ticket, False) or touches
        ids = [one.id for one in group]
        for decision in sorted(decided, key=lambda one: one.order):
            if decision.event in ids:
                newest = max(
                    (one for one in decided if one.event in ids and one.ticket == decision.ticket),
                    key=lambda one: one.order,
                )
                if newest.linked or decision.ticket in tickets:
                    tickets[decision.ticket] = newest.linked
        found[ids[0]] = (ids, tickets)
    return found
