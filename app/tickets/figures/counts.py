"""How many tickets were created in each period, by one of their properties.

Facts in, frames out. Test tickets never count. A ticket with two links or sites counts for each of
them and once in the total.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.core.figures.columns import Columns
from app.tickets.figures.facts import WORDS, Table, TicketFacts
from app.tickets.rules.tickets import Category

NOTHING: Final = ""
"""The value of tickets that name no link or no site."""
BY: Final = (
    "network",
    "category",
    "layer",
    "state",
    "priority",
    "site",
    "affected",
    "responsible",
    "link",
)
"""By what tickets are counted: ``affected`` is an affected site, ``responsible`` the responsible
one, ``site`` one that the ticket concerns (give it facts that are ``concerning``); ``priority`` is
that at submission."""
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Named:
    """A link or site as figures name it: the keys, and the unknown names, that it stands for."""

    name: str
    keys: frozenset[int] = frozenset()
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Chosen:
    """Which tickets count: alternatives of each property; an empty one asks nothing."""

    words: Mapping[str, Collection[str]]
    """Of the closed lists, by name."""
    links: Collection[int] | None = None
    sites: Named | None = None
    """Several sites are one: any of them."""
    responsible: Collection[int] | None = None


@dataclass(frozen=True)
class Groups:
    """Which tickets belong to which value: places in the facts, each with the place of the
    value in ``values``."""

    values: Sequence[str]
    tickets: Places | None
    """None = each ticket once, in their order."""
    places: Places

    def of(self, column: Table) -> Table:
        """What a column says about these tickets."""
        return column if self.tickets is None else column[self.tickets]


def counting(facts: TicketFacts, chosen: Chosen | None = None) -> Mask:
    """Which of the tickets count: no test, and what was chosen."""
    tickets = facts.tickets
    mask: Mask = tickets["category"] != WORDS["category"].index(Category.TEST)
    if chosen is None:
        return mask
    for name, words in chosen.words.items():
        if words:
            wanted = np.array([word in words for word in WORDS[name]])
            mask &= wanted[tickets[name]]
    if chosen.links is not None:
        mask &= _having(facts, facts.links, chosen.links)
    if chosen.responsible is not None:
        mask &= np.isin(tickets["responsible"], list(chosen.responsible))
    if chosen.sites is not None:
        found = _having(facts, facts.sites, chosen.sites.keys)
        named = [number for number, name in facts.names if name in chosen.sites.texts]
        mask &= found | np.isin(tickets["number"], named)
    return mask


def periods_of(times: Table, edges: Sequence[int]) -> Places:
    """The period of each time: the place of its begin among ``edges``, the last of which is the end
    of the last period; -1 outside all of them. Microseconds, ascending."""
    places = np.searchsorted(np.asarray(edges, np.int64), times, side="right") - 1
    return np.where(places >= len(edges) - 1, -1, places)


def counted(
    facts: TicketFacts,
    mask: Mask,
    edges: Sequence[int],
    by: str = "",
    named: Sequence[Named] = (),
) -> pd.DataFrame:
    """Tickets by value and period of creation.

    One row for each value that any ticket has, in the order of its list or of ``named``, and one
    column for each period (0, 1, ...), zeros included. Without ``by`` one row "". ``named``: the
    links or sites, where it is by them; what has none of them is the value "".
    """
    count = len(edges) - 1
    periods = periods_of(facts.tickets["created"], edges)
    # what does not count is in a period of its own behind the others
    periods = np.where(mask & (periods >= 0), periods, count)
    groups = groups_of(facts, by, named)
    at = groups.places * (count + 1) + groups.of(periods)
    table = np.bincount(at, minlength=len(groups.values) * (count + 1))
    shape = len(groups.values), count + 1
    frame = pd.DataFrame(table.reshape(shape)[:, :count], index=list(groups.values))
    return frame if not by else frame[frame.sum(axis=1) > 0]


def groups_of(facts: TicketFacts, by: str, named: Sequence[Named] = ()) -> Groups:
    """Which tickets belong to which value of a property."""
    if not by:
        return Groups([NOTHING], None, np.zeros(len(facts), np.intp))
    if by in WORDS:
        return Groups(WORDS[by], None, facts.tickets[by].astype(np.intp))
    values = [*(one.name for one in named), NOTHING]
    if by == "responsible":
        every: Places = np.arange(len(facts), dtype=np.intp)
        tickets, places = _matched(facts.tickets["responsible"], every, named)
    else:
        pairs = facts.links if by == "link" else facts.sites
        tickets, places = _matched(pairs["id"], places_of(facts, pairs["number"]), named)
        again = np.array([len(one.keys) > 1 for one in named] + [False])[places]
        if by != "link" and facts.names:
            more = _by_text(facts, named)
            has_text = np.zeros(len(facts), bool)
            has_text[more[0]] = True
            tickets = np.concatenate([tickets, more[0]])
            places = np.concatenate([places, more[1]])
            again = np.concatenate([again, np.zeros(len(more[0]), bool)]) | has_text[tickets]
        if again.any():
            tickets, places = _once(tickets, places, again, len(values))
    left = np.ones(len(facts), bool)
    left[tickets] = False
    without = np.flatnonzero(left)
    return Groups(
        values,
        np.concatenate([tickets, without]),
        np.concatenate([places, np.full(len(without), len(named), np.intp)]),
    )


def places_of(facts: TicketFacts, numbers: Table) -> Places:
    """The places in the facts of the tickets with these numbers; all exist."""
    known = facts.tickets["number"]
    if not len(known):
        return np.zeros(len(numbers), np.intp)
    first, last = int(known[0]), int(known[-1])
    if last - first == len(known) - 1:
        return numbers.astype(np.intp) - first
    places = np.zeros(last + 1, np.intp)
    places[known] = np.arange(len(known))
    return places[numbers]


def _once(tickets: Places, places: Places, again: Mask, count: int) -> tuple[Places, Places]:
    """Each pair once: a ticket counts once for a site, by however many names it is meant.
    ``again``: the pairs that may be there several times."""
    pairs = np.unique(tickets[again] * count + places[again])
    return (
        np.concatenate([tickets[~again], pairs // count]),
        np.concatenate([places[~again], pairs % count]),
    )


def _matched(keys: Table, holders: Places, named: Sequence[Named]) -> tuple[Places, Places]:
    """Which holders have which of the named things; a key may stand for several of them."""
    above = max((key for one in named for key in one.keys), default=0) + 1
    layers: list[npt.NDArray[np.intp]] = []
    for place, one in enumerate(named):
        for key in one.keys:
            for layer in layers:
                if layer[key] < 0:
                    layer[key] = place
                    break
            else:
                layer = np.full(above + 1, -1, np.intp)
                layer[key] = place
                layers.append(layer)
    tickets: list[Places] = []
    places: list[Places] = []
    within = np.minimum(keys, above)
    for layer in layers:
        found = layer[within]
        hit = found >= 0
        tickets.append(holders[hit])
        places.append(found[hit])
    none: Places = np.zeros(0, np.intp)
    return np.concatenate([*tickets, none]), np.concatenate([*places, none])


def _by_text(facts: TicketFacts, named: Sequence[Named]) -> tuple[Places, Places]:
    known: dict[str, list[int]] = {}
    for place, one in enumerate(named):
        for text in one.texts:
            known.setdefault(text, []).append(place)
    found = [(number, place) for number, name in facts.names for place in known.get(name, ())]
    numbers = np.array([number for number, _ in found], np.intp)
    return places_of(facts, numbers), np.array([place for _, place in found], np.intp)


def _having(facts: TicketFacts, pairs: Columns, keys: Collection[int]) -> Mask:
    mask = np.zeros(len(facts), bool)
    mask[places_of(facts, pairs["number"][np.isin(pairs["id"], list(keys))])] = True
    return mask
