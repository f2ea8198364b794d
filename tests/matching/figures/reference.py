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
    created: int


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


def whole(said: Sequence[Said]) -> list[Said]:
    """Intervals of a ticket that meet are one."""
    found: list[Said] = []
    for one in sorted(said, key=lambda one: one.start):
        same = [
            place
            for place, other in enumerate(found)
            if other._replace(start=0, end=0, offset=0) == one._replace(start=0, end=0, offset=0)
            and other.end >= one.start
        ]
        if same:
            other = found[same[-1]]
            found[same[-1]] = other._replace(end=max(other.end, one.end))
        else:
            found.append(one)
    return found


def last_of(rows: Sequence[Said], most: int) -> set[int]:
    """The tickets of these rows that are kept: by kind, those that begin last."""
    kept: set[int] = set()
    for kind in {(row.how, row.maintenance) for row in rows}:
        begin: dict[int, int] = {}
        for row in rows:
            if (row.how, row.maintenance) == kind:
                begin[row.ticket] = max(row.start, begin.get(row.ticket, row.start))
        in_order = sorted(begin, key=lambda ticket: (begin[ticket], ticket), reverse=True)
        kept |= set(in_order[:most])
    return kept


def matched(
    events: Sequence[Event],
    said: Sequence[Said],
    decided: Sequence[Decided],
    rules: Sequence[Rule],
    most: int,
    now: int,
) -> dict[int, tuple[list[int], dict[int, bool]]]:
    """By the first event's id: the ids of its events, and its tickets; True if one documents it.
    Of each kind ``most`` tickets are kept. What begins after ``now`` says nothing."""
    said = [one for one in said if one.start <= now]
    found: dict[int, tuple[list[int], dict[int, bool]]] = {}
    for group in groups(events, rules):
        start, end = group[0].start, max(one.end for one in group)
        tolerance = rule_for(rules, start).tolerance
        ids = [one.id for one in group]
        newest: dict[int, Decided] = {}
        for decision in sorted(decided, key=lambda one: one.order):
            if decision.event in ids:
                newest[decision.ticket] = decision
        there = [
            one for one in said if one.thing == group[0].thing and one.since <= start < one.until
        ]

        def meets(
            one: Said, start: int = start, end: int = end, tolerance: int = tolerance
        ) -> bool:
            return one.start - tolerance <= end and start <= one.end + tolerance

        shifted = [one for one in there if shift_between(start, end, one)]
        met = {one.ticket for one in there if meets(one)}
        free = [one for one in there if one.ticket not in newest]
        kept = {one.ticket for one in (*shifted, *there) if one.ticket in newest}
        kept |= last_of([one for one in whole(free) if meets(one)], most)
        kept |= last_of([one for one in free if one in shifted and meets(one)], most)
        kept |= last_of([one for one in free if one in shifted and not meets(one)], most)
        created = [
            (one.created, one.ticket)
            for one in there
            if meets(one) and (one.ticket not in newest or newest[one.ticket].linked)
        ]
        kept |= {ticket for _, ticket in sorted(created)[:1]}
        if end >= FOREVER:  # the first of the link as well
            of_link = {one.ticket for one in there if one.how == 0}
            first = sorted(one for one in created if one[1] in of_link)[:1]
            kept |= {ticket for _, ticket in first}
        tickets = {
            ticket: ticket in met for ticket in kept & (met | {one.ticket for one in shifted})
        }
        for ticket, decision in newest.items():
            if decision.linked or ticket in tickets:
                tickets[ticket] = decision.linked
        found[ids[0]] = (ids, tickets)
    return found
