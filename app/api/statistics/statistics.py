"""Statistics: tickets by period, their times, events against tickets, what rules ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.api.caller import session
from app.api.freshness import fresh_figures
from app.api.operations import Call, operation
from app.api.periods import PER, asked_periods, quarters_asked
from app.api.rows_behind import DUTIES, EVENTS, TICKETS, events_counted, number, rows_at, t1_of
from app.api.statistics.schemas import (
    AvailabilityQuery,
    AvailabilityTable,
    MatchingQuery,
    MatchingTable,
    RuleComparison,
    RulesQuery,
    TicketCounts,
    TicketCountsQuery,
    TicketTimes,
    TicketTimesQuery,
)
from app.core.rules.access import require_all_tickets
from app.core.rules.errors import Invalid
from app.core.rules.quarters import CalendarPeriod, Quarter, present
from app.core.rules.scopes import Scope
from app.duties.rules.duties import DutyStatus
from app.duties.services.duties import (
    ALL,
    OPEN,
    THERE,
    WHOLE,
    DutyCounts,
    JudgedRule,
    judged_rules,
    sites_of_quarters,
    what_if,
)
from app.matching.figures.per_t1 import Cell
from app.matching.services.tables import first_seen, has_no_data, matching_table
from app.registry.rules.networks import Network
from app.registry.services.registry import require_site
from app.statistics.figures.availability import Availability
from app.statistics.services.availability import AvailabilityRow, availability_of
from app.statistics.services.figures import CountRow, TicketFigures
from app.statistics.services.rows import FILTERS, in_order, rows_behind, values_asked
from app.tickets.services.lists.lists import TicketFilter

_READ: Final = (Scope.READ,)

BEFORE: Final = 4
"""Periods before the running one where the caller does not say from when."""
_HOUR: Final = 3_600_000_000
"""In microseconds."""
_OF_VALUES: Final = ("network", "category", "layer")


@operation(
    "GET", "/v1/statistics/tickets", scopes=_READ, query=TicketCountsQuery, answer=TicketCounts
)
def count_tickets(call: Call) -> Mapping[str, Any]:
    """Count tickets created per period."""
    figures, periods, filters = _asked(call)
    by = call.query.get("by", "")

    def row(found: CountRow, by: str) -> Mapping[str, Any]:
        value = found.value if by else None

        def rows(some: Sequence[CalendarPeriod]) -> Sequence[tuple[str, str]]:
            return rows_behind(filters, some, by, value)

        return {
            "value": found.value if by else "",
            "periods": [
                {"period": str(period), **number(count, TICKETS, rows([period]))}
                for period, count in zip(periods, found.counts, strict=True)
            ],
            "total": number(found.total, TICKETS, rows(periods)),
        }

    allowed = values_asked(session(), by, filters.get(by, ()))
    return {
        "total": row(figures.counts(periods)[0], ""),
        "items": [
            row(one, by)
            for one in (in_order(figures.counts(periods, by), by) if by else ())
            if allowed is None or one.value in allowed
        ],
    }


@operation("GET", "/v1/statistics/times", scopes=_READ, query=TicketTimesQuery, answer=TicketTimes)
def times_of_tickets(call: Call) -> Mapping[str, Any]:
    """Get ticket times: response, solution, waiting, lifetime.

    By period of their creation, or by value.
    """
    figures, periods, filters = _asked(call)
    by = call.query.get("by", "")
    allowed = values_asked(session(), by, filters.get(by, ()))
    found = figures.times(periods, by)
    items = []
    for place, one in enumerate(found):
        if allowed is not None and one.value not in allowed:
            continue
        rows = rows_behind(filters, periods if by else [periods[place]], by, one.value or "")
        items.append(
            {
                "value": one.value,
                "tickets": number(one.tickets, TICKETS, rows),
                "measures": [
                    {"measure": name, **vars(measure)} for name, measure in one.measures.items()
                ],
            }
        )
    return {"items": items}


def _asked(
    call: Call,
) -> tuple[TicketFigures, Sequence[CalendarPeriod], Mapping[str, Sequence[str]]]:
    """The figures of the tickets that are requested, the periods, and the filters as they were
    sent."""
    require_all_tickets(call.actor)
    query = call.query
    filters = {name: tuple(query[name]) for name in FILTERS if name in query}
    wanted = TicketFilter(
        values={name: filters[name] for name in _OF_VALUES if name in filters},
        states=filters.get("state", ("open", "closed")),
        sites=filters.get("site", ()),
        affected=filters.get("affected", ()),
        responsible=filters.get("responsible", ()),
        links=filters.get("link", ()),
    )
    kind = PER[query["per"]]
    periods = asked_periods(kind, query.get("from_"), query.get("to"), call.now, BEFORE)
    return TicketFigures(session(), wanted, call.now), periods, filters


@operation(
    "GET", "/v1/statistics/matching", scopes=_READ, query=MatchingQuery, answer=MatchingTable
)
def count_events(call: Call) -> Mapping[str, Any]:
    """Count detected events of 1 h or more, with and without a ticket, per T1 and quarter."""
    require_all_tickets(call.actor)
    fresh_figures()
    network = call.query["network"]
    quarters = _quarters(call)
    table = matching_table(session(), quarters, network, call.now)

    def row(site: str, tier: int | None, quarter: Quarter, cell: Cell | None) -> Mapping[str, Any]:
        t1 = t1_of(site, tier)

        def count(value: int | None, documented: str) -> Mapping[str, Any]:
            return events_counted(
                value, quarter=str(quarter), t1=t1, network=network, documented=documented
            )

        return {
            "site": site,
            "tier": tier,
            "quarter": str(quarter),
            "detected": count(None if cell is None else cell.detected, ""),
            "documented": count(None if cell is None else cell.documented, "yes"),
            "missing": count(None if cell is None else cell.missing, "no"),
        }

    return {
        "items": [
            row(one.site, one.tier, quarter, cell)
            for one in table.rows
            for quarter, cell, there in zip(quarters, one.cells, one.there, strict=True)
            if there
        ],
        "totals": [
            row("", None, quarter, cell)
            for quarter, cell in zip(quarters, table.totals, strict=True)
        ],
    }


@operation(
    "GET",
    "/v1/statistics/availability",
    scopes=_READ,
    query=AvailabilityQuery,
    answer=AvailabilityTable,
)
def availability_of_links(call: Call) -> Mapping[str, Any]:
    """Get the availability of each link and site."""
    query = call.query
    kind, network = PER[query["per"]], query["network"]
    periods = asked_periods(kind, query.get("from_"), query.get("to"), call.now, BEFORE)
    site = require_site(session(), query["site"]).key if "site" in query else ""
    found = availability_of(session(), periods, call.now, network=network, site=site)

    def rows(one: AvailabilityRow, **where: str) -> list[Mapping[str, Any]]:
        return [
            _available(period, cell, where) for period, cell in zip(periods, one.cells, strict=True)
        ]

    return {
        "items": [
            *(row for one in found.sites for row in rows(one, site=one.name)),
            *(row for one in found.links for row in rows(one, link=one.name)),
        ],
        "totals": rows(found.whole),
    }


def _available(
    period: CalendarPeriod, cell: Availability, where: Mapping[str, str]
) -> Mapping[str, Any]:
    span = {"from": f"{period.begin:%Y-%m-%d}", "to": f"{period.end:%Y-%m-%d}"}
    names = ("down", "degraded", "unmonitored")
    return {
        "link": where.get("link", ""),
        "site": where.get("site", ""),
        "period": str(period),
        "availability": cell.share,
        "hours": cell.length / _HOUR,
        **{f"{name}_hours": getattr(cell, name) / _HOUR for name in names},
        "rows": rows_at(EVENTS, {**where, **span}.items()) if cell.has_data and where else None,
    }


@operation("GET", "/v1/statistics/what-if", scopes=_READ, query=RulesQuery, answer=RuleComparison)
def compare_rules(call: Call) -> Mapping[str, Any]:
    """Compare how many tickets each rule requires, per T1 and quarter.

    Rules that were never in force can be compared too.
    """
    require_all_tickets(call.actor)
    fresh_figures()
    quarters = _quarters(call)
    chosen = _rules(call)
    found = what_if(session(), [one.version_id for one in chosen], quarters[0], quarters[-1])
    seen = first_seen(session(), Network.LHCOPN)
    places = [
        (one.key, one.id, seen.get(one.id))
        for one in sites_of_quarters(session(), quarters[0], quarters[-1])
    ]

    def row(rule: JudgedRule, site: str, key: int, first: Any, quarter: Quarter) -> Any:
        sums = found.at(rule.version_id, key, quarter)
        is_blank = has_no_data(quarter, first, call.now)
        return _sums(rule.label, site, quarter, None if is_blank else sums)

    return {
        "items": [
            row(rule, *place, quarter)
            for rule in chosen
            for place in places
            for quarter in quarters
        ],
        "totals": [
            row(rule, "", WHOLE, min(seen.values(), default=None), quarter)
            for rule in chosen
            for quarter in quarters
        ],
    }


def _rules(call: Call) -> Sequence[JudgedRule]:
    known = {one.label: one for one in judged_rules(session(), call.now)}
    named = call.query.get("rule", ())
    if wrong := [one for one in named if one not in known]:
        raise Invalid("rule", f"rule takes {', '.join(known)}; not {', '.join(wrong)}")
    return [known[one] for one in dict.fromkeys(named)] or list(known.values())


def _sums(rule: str, site: str, quarter: Quarter, sums: DutyCounts | None) -> Mapping[str, Any]:
    where = {"rule": rule, "end": site, "from": str(quarter), "to": str(quarter)}

    def count(value: int | None, state: str, **more: str) -> Mapping[str, Any]:
        return number(value, DUTIES, {**where, "state": state, **more}.items())

    return {
        "rule": rule,
        "site": site,
        "quarter": str(quarter),
        "asked": count(None if sums is None else sums.asked, ALL),
        "there": count(None if sums is None else sums.there, THERE),
        "missing": count(None if sums is None else sums.missing, OPEN),
        "late": count(None if sums is None else sums.late, DutyStatus.LATE),
        "cut_off": count(None if sums is None else sums.losses, ALL, losses="yes"),
        "unsure": None if sums is None else sums.unsure,
    }


def _quarters(call: Call) -> Sequence[Quarter]:
    query = call.query
    return quarters_asked(query.get("from_"), query.get("to"), present(Quarter, call.now))
