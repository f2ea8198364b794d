"""What a quarterly report says about a site's tickets: how many of each category, and how long.

Facts in, plain numbers out. Test tickets never count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.core.figures.columns import Columns
from app.tickets.figures.counts import Chosen, Mask, Named, counting
from app.tickets.figures.facts import WORDS, TicketFacts
from app.tickets.figures.times import measured


@dataclass(frozen=True)
class MedianTime:
    """The median of one time, in days; None where no ticket has it."""

    count: int
    """Tickets that have it."""
    days: float | None


@dataclass(frozen=True)
class SiteTickets:
    """The tickets of one site among some facts."""

    affected: Mapping[str, int]
    """How many affect the site, by category."""
    responsible: Mapping[str, int]
    """For how many the site is responsible, by category."""
    times: Mapping[str, MedianTime]
    """By measure, of the tickets for which the site is responsible."""


def created_between(facts: TicketFacts, begin: int, end: int) -> TicketFacts:
    """The facts of what was created from ``begin`` until before ``end`` (microseconds)."""
    created = facts.tickets["created"]
    tickets = facts.tickets.at((created >= begin) & (created < end))
    if not len(tickets):
        nothing = slice(0)
        return TicketFacts(tickets, facts.links.at(nothing), facts.sites.at(nothing))
    chosen = np.zeros(int(facts.tickets["number"][-1]) + 1, bool)
    chosen[tickets["number"]] = True
    return TicketFacts(
        tickets,
        facts.links.at(chosen[facts.links["number"]]),
        facts.sites.at(chosen[facts.sites["number"]]),
        tuple(pair for pair in facts.names if chosen[pair[0]]),
    )


def tickets_of_site(
    facts: TicketFacts, name: str, keys: Collection[int], measures: Sequence[str], now: int
) -> SiteTickets:
    """Count them; ``keys`` are those of all sites that have the name, as the list of tickets takes
    it."""
    affected = counting(facts, Chosen({}, sites=Named(name, frozenset(keys), frozenset((name,)))))
    mine = counting(facts, Chosen({}, responsible=keys))
    tickets = facts.tickets.at(mine)
    return SiteTickets(
        _by_category(facts, affected),
        _by_category(facts, mine),
        {measure: _median(tickets, measure, now) for measure in measures},
    )


def _by_category(facts: TicketFacts, mask: Mask) -> Mapping[str, int]:
    words = WORDS["category"]
    counts = np.bincount(facts.tickets["category"][mask], minlength=len(words))
    return {word: int(count) for word, count in zip(words, counts, strict=True)}


def _median(tickets: Columns, measure: str, now: int) -> MedianTime:
    days = measured(tickets, measure, now)
    known = days[~np.isnan(days)]
    return MedianTime(len(known), float(np.median(known)) if len(known) else None)
