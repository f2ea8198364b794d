"""What the pages of statistics show, from the cached facts: counts, times, long-standing tickets.

Filters are those of the list of tickets, so that a number and the list behind it are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.counted import DAYS_STANDING, Counted
from app.core.rules.quarters import CalendarPeriod
from app.registry.models.registry import Link, Site, SiteName
from app.statistics.services.cache import current_facts
from app.statistics.services.tickets import TICKET_FACTS
from app.tickets.figures.counts import Chosen, Named, counted, counting
from app.tickets.figures.facts import NOT_SET, WORDS, TicketFacts, concerning, microseconds
from app.tickets.figures.times import MEASURES, Days, measured_all, summed_up
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES
from app.tickets.services.lists.lists import TicketFilter

_EPOCH_YEAR: Final = 1970


@dataclass(frozen=True)
class CountRow:
    """How many tickets of one value were created in each period; ``total`` over all of them."""

    value: str
    counts: Sequence[int | None]
    """None = no data: a year without any ticket may be unknown rather than empty."""
    total: int


@dataclass(frozen=True)
class Measure:
    """One time of several tickets, in days; None where none of them counts for it."""

    count: int
    mean: float | None
    median: float | None


@dataclass(frozen=True)
class TimesRow:
    """The times of the tickets of one value, or of one period."""

    value: str
    tickets: int
    measures: Mapping[str, Measure]


@dataclass(frozen=True)
class Standing:
    """The long-standing tickets: how many of each responsible site, and the oldest ones."""

    count: int
    by_site: Sequence[CountRow]
    tickets: Sequence[Ticket]


class TicketFigures:
    """The figures of the tickets that a filter chooses; all of one moment."""

    def __init__(self, session: Session, wanted: TicketFilter, now: datetime) -> None:
        self._session, self._now = session, now
        self._facts = current_facts(session, TICKET_FACTS)
        self._sites = site_keys(session)
        self._mask = counting(self._facts, self._chosen(wanted))
        if wanted.sites:
            chosen = Chosen({}, sites=self._concerned("", wanted.sites))
            self._mask &= counting(self._concerning, chosen)
        for one in wanted.counted:
            if one.counted is Counted.LONG_STANDING:
                self._mask &= self._standing()

    @property
    def count(self) -> int:
        """How many tickets count at all."""
        return int(self._mask.sum())

    def counts(self, periods: Sequence[CalendarPeriod], by: str = "") -> list[CountRow]:
        """Tickets by value and period of creation; without ``by`` one row."""
        facts = self._facts_by(by)
        frame = counted(facts, self._mask, edges_of(periods), by, self._named(by))
        known = [self.has_data(period) for period in periods]
        return [
            CountRow(
                str(value),
                [int(one) if is_known else None for one, is_known in zip(row, known, strict=True)],
                int(sum(row)),
            )
            for value, row in zip(frame.index, frame.to_numpy().tolist(), strict=True)
        ]

    def created(self, begin: datetime, end: datetime) -> int:
        """Tickets created from ``begin`` until before ``end``."""
        times = self._facts.tickets["created"]
        is_within = (times >= microseconds(begin)) & (times < microseconds(end))
        return int((self._mask & is_within).sum())

    def has_data(self, period: CalendarPeriod) -> bool:
        """Whether the portal holds any ticket of the period's year, whatever the filter; of the
        running year and later ones a zero is one."""
        return period.year in self._years or period.year >= self._now.astimezone(UTC).year

    @cached_property
    def _years(self) -> frozenset[int]:
        created = self._facts.tickets["created"][counting(self._facts)]
        years = np.unique(created.astype("datetime64[us]").astype("datetime64[Y]").astype(int))
        return frozenset((years + _EPOCH_YEAR).tolist())

    def times(self, periods: Sequence[CalendarPeriod], by: str = "") -> list[TimesRow]:
        """GGUS's times by period of creation, or by value over all periods."""
        edges = edges_of(periods)
        facts = self._facts_by(by)
        frame = summed_up(facts, self._mask, edges, self._days, by, self._named(by))
        return [
            TimesRow(
                str(value) if by else str(periods[int(value)]),
                int(row["tickets"]),
                {
                    name: Measure(
                        int(row[f"{name}_count"]),
                        _or_none(row[f"{name}_mean"]),
                        _or_none(row[f"{name}_median"]),
                    )
                    for name in MEASURES
                },
            )
            for value, row in zip(frame.index, frame.to_dict("records"), strict=True)
        ]

    @cached_property
    def _days(self) -> Days:
        return measured_all(self._facts.tickets, microseconds(self._now.astimezone(UTC)))

    @property
    def standing_count(self) -> int:
        """How many of them are long-standing."""
        return int((self._mask & self._standing()).sum())

    def standing(self, most: int) -> Standing:
        """The long-standing tickets, the oldest ones with their rows."""
        mask = self._mask & self._standing()
        # one period that holds everything
        frame = counted(
            self._facts, mask, [NOT_SET, 2**63 - 1], "responsible", self._named("responsible")
        )
        by_site = [
            CountRow(str(value), [int(row[0])], int(row[0]))
            for value, row in zip(frame.index, frame.to_numpy().tolist(), strict=True)
        ]
        standing = np.flatnonzero(mask)
        # numbers ascend already: of the same time they stay in their order
        order = np.argsort(self._facts.tickets["created"][standing], kind="stable")[:most]
        numbers = self._facts.tickets["number"][standing[order]].tolist()
        rows = {
            row.number: row
            for row in self._session.scalars(
                select(Ticket).where(Ticket.number.in_(numbers))
            ).unique()
        }
        return Standing(
            int(mask.sum()),
            sorted(by_site, key=lambda row: (-row.total, row.value)),
            [rows[number] for number in numbers if number in rows],
        )

    def _standing(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        tickets = self._facts.tickets
        limit = microseconds((self._now - timedelta(days=DAYS_STANDING)).astimezone(UTC))
        is_open = np.array([state in OPEN_STATES for state in WORDS["state"]])
        return np.asarray(is_open[tickets["state"]] & (tickets["created"] < limit))

    def _chosen(self, wanted: TicketFilter) -> Chosen:
        words = {
            "state": wanted.expanded_states(),
            **{name: wanted.values.get(name, ()) for name in ("network", "category", "layer")},
        }
        links = None
        if wanted.links:
            links = self._session.scalars(select(Link.id).where(Link.name.in_(wanted.links))).all()
        sites = responsible = None
        if wanted.affected:
            keys = self._keys(wanted.affected)
            sites = Named("", frozenset(keys), frozenset(wanted.affected))
        if wanted.responsible:
            responsible = self._keys(wanted.responsible)
        return Chosen(words, links, sites, responsible)

    def _keys(self, names: Collection[str]) -> set[int]:
        return {key for name in names for key in self._sites.get(name, ())}

    def _concerned(self, called: str, names: Collection[str]) -> Named:
        """Any of these sites; where nobody knew it, by each of its names."""
        keys = self._keys(names)
        texts = {name for name, bearers in self._sites.items() if keys & {*bearers}}
        return Named(called, frozenset(keys), frozenset(texts | {*names}))

    @cached_property
    def _concerning(self) -> TicketFacts:
        rows = self._session.execute(select(Link.id, Link.end_a_id, Link.end_b_id))
        return concerning(self._facts, {key: (one, other) for key, one, other in rows})

    def _facts_by(self, by: str) -> TicketFacts:
        return self._concerning if by == "site" else self._facts

    def _named(self, by: str) -> Sequence[Named]:
        if by == "link":
            rows = self._session.execute(select(Link.name, Link.id).order_by(Link.name))
            return [Named(name, frozenset((key,))) for name, key in rows]
        if by not in ("site", "affected", "responsible"):
            return ()
        names = list(self._session.scalars(select(Site.key).order_by(Site.key)))
        if by != "responsible":
            names += sorted({name for _, name in self._facts.names} - set(names))
        if by == "site":
            return [self._concerned(name, (name,)) for name in names]
        return [
            Named(name, frozenset(self._sites.get(name, ())), frozenset((name,))) for name in names
        ]


def site_keys(session: Session) -> Mapping[str, Collection[int]]:
    """The sites that have each name in any system, valid today or not."""
    found: dict[str, set[int]] = {}
    for name, key in session.execute(select(SiteName.name, SiteName.site_id)):
        found.setdefault(name, set()).add(key)
    return found


def edges_of(periods: Sequence[CalendarPeriod]) -> list[int]:
    """The begins of the periods and the end of the last one, in microseconds."""
    return [microseconds(one.begin) for one in periods] + [microseconds(periods[-1].end)]


def _or_none(number: float) -> float | None:
    return None if number != number else float(number)
