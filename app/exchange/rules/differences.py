"""Compares two versions of a profile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.rules.language import joined, said_word
from app.exchange.rules.profiles import Profile, ValueRow

_LISTS: Final = ("networks", "categories", "sites")
_WAYS: Final = {"both": "=", "out": ">", "in": "<"}


@dataclass(frozen=True)
class ProfileChange:
    """A part that differs. ``part``: choice, group, map or owner; ``field``: its field; "" = the
    part did not exist, or no longer does."""

    part: str
    field: str
    before: str
    after: str


def differences(before: Profile, after: Profile) -> Sequence[ProfileChange]:
    """All differences, in the order of the form."""
    found = []
    if before.tickets != after.tickets:
        found.append(ProfileChange("choice", "tickets", before.tickets, after.tickets))
    for name in _LISTS:
        old, new = getattr(before, name), getattr(after, name)
        if set(old) != set(new):
            found.append(ProfileChange("choice", name, _listed(old), _listed(new)))
    if before.group != after.group:
        found.append(ProfileChange("group", "", before.group, after.group))
    for name in dict.fromkeys((*before.maps, *after.maps)):
        found += _of_map(name, before.maps.get(name, ()), after.maps.get(name, ()))
    for name in dict.fromkeys((*before.owners, *after.owners)):
        if before.owner_of(name) != after.owner_of(name):
            change = ProfileChange("owner", name, before.owner_of(name), after.owner_of(name))
            found.append(change)
    return found


def _of_map(
    name: str, before: Sequence[ValueRow], after: Sequence[ValueRow]
) -> Iterable[ProfileChange]:
    for row in before:
        if row not in after:
            yield ProfileChange("map", name, _shown(row), "")
    for row in after:
        if row not in before:
            yield ProfileChange("map", name, "", _shown(row))
    same = [row for row in before if row in after]
    if same != [row for row in after if row in before]:
        yield ProfileChange("map", name, _order(same), _order([r for r in after if r in before]))


def _order(rows: Iterable[ValueRow]) -> str:
    return joined(", ", (said_word(row.ours) for row in rows))


def _shown(row: ValueRow) -> str:
    return joined(f" {_WAYS[row.way]} ", (said_word(row.ours), row.theirs))


def _listed(values: Sequence[str]) -> str:
    return ", ".join(sorted(values))
