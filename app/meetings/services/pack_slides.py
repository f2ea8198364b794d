"""Counts the content of a pack's slides: with the services that the portal's pages use.

Each slide names the page with the same figures. Nothing is cut here: what does not fit a slide is
cut where it is drawn, and lists that could be endless say how many more there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.rules.counted import DAYS_STANDING, DECK_NUMBERS, DECK_SOURCE
from app.core.rules.documents.slides import (
    SLIDE_WORDS,
    Cell,
    Chart,
    Column,
    Series,
    Slide,
    SlideKind,
    SlideRow,
    Table,
)
from app.core.rules.durations import length_in_words
from app.core.rules.quarters import CalendarPeriod, Month, Quarter, headline_periods, period_range
from app.duties.models.duties import Duty
from app.duties.rules.duties import DutyStatus
from app.duties.services.duties import (
    ALL,
    WHOLE,
    DutyCounts,
    DutyFilter,
    JudgedRule,
    conditions_of,
    judged_rules,
)
from app.duties.services.duties import what_if as asked_by_rules
from app.duties.services.listed_events import Detected, EventFilter, count_events, list_events
from app.duties.services.slides import RULES_AT_ONCE, comparison_slide
from app.matching.rules.matching import detected_in_words
from app.matching.services.rules import rules_in_order
from app.matching.services.slides import QUARTERS_AT_ONCE, matching_slide
from app.matching.services.tables import first_seen, has_no_data, matching_table
from app.registry.rules.networks import Network
from app.reports.rules.reports import due_at, last_day_of
from app.reports.services.grid import ReportGrid, report_grid
from app.reports.services.slides import QUARTERS_AT_ONCE as GRID_QUARTERS
from app.reports.services.slides import READER, grid_slide, submitted_of_due
from app.statistics.services.figures import CountRow, TicketFigures
from app.tickets.rules.tickets import Category
from app.tickets.services.lists.lists import TicketFilter

NETWORK: Final = str(Network.LHCOPN)
TOTAL: Final = "TOTAL"
MAX_ROWS: Final = 54
"""Rows of a list of events or tickets: three slides."""
_NAMES_AT_ONCE: Final = 8
"""Sites of one line."""
_CATEGORIES: Final = (
    (Category.INCIDENT, "Incidents"),
    (Category.MAINTENANCE, "Maintenance"),
    (Category.CHANGE, "Changes"),
    (Category.INFORMATIONAL, "Informational"),
)
_STANDINGS: Final[Sequence[tuple[DutyStatus, str]]] = (
    (DutyStatus.MET, "In time"),
    (DutyStatus.LATE, "Late"),
    (DutyStatus.MISSING, "Missing"),
    (DutyStatus.DUE, "Before the deadline"),
)

Base = str
"""The portal's own address, before a page's path."""


def slides_of(
    session: Session,
    kind: SlideKind,
    quarters: Sequence[Quarter],
    now: datetime,
    base: Base,
    due_days: int,
) -> Sequence[Slide]:
    """The slides of one kind for these quarters, which follow each other. Only reads.

    ``due_days``: days from a quarter's end to the day by which its reports are due.
    """
    if kind is SlideKind.REPORTS:
        return _reports(session, quarters, now, base, due_days)
    return _MAKERS[kind](session, quarters, now, base)


def range_in_words(quarters: Sequence[Quarter]) -> str:
    """``2013-Q1 to 2013-Q2``; one quarter alone."""
    first, last = quarters[0], quarters[-1]
    return str(first) if first == last else f"{first} to {last}"


def _title(kind: SlideKind) -> str:
    return SLIDE_WORDS[kind][0]


def _url(base: Base, path: str, **values: str | Sequence[str]) -> str:
    return f"{base}{path}?{urlencode(values, doseq=True)}"


def _said_of(periods: Sequence[CalendarPeriod], now: datetime) -> list[str]:
    """What is to be said of periods that are not over."""
    partial = [str(one) for one in periods if one.is_partial(now)]
    return [f"{partial[0]} is ongoing; numbers are up to now."] if partial else []


# ---- tickets ----


def _headlines(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base
) -> Sequence[Slide]:
    """As the group's slides of 2013 told it: the tickets of a year and of a half-year."""
    figures = TicketFigures(session, TicketFilter(), now)
    periods = headline_periods(quarters[-1])
    numbers = [figures.counts([period])[0].counts[0] for period in periods]
    counts = [
        f"{'no data' if number is None else f'{number:,}'} in {period.words}"
        for period, number in zip(periods, numbers, strict=True)
    ]
    return [
        Slide(
            _title(SlideKind.HEADLINES),
            f"Tickets: {', '.join(counts)}",
            _url(
                base,
                "/statistics/tickets",
                per="half-year",
                **{"from": str(periods[0]), "to": str(periods[1])},
            ),
            Chart([str(period) for period in periods], [Series("Tickets", numbers)]),
            Table(
                [Column("Period", 1.4), Column("Tickets", 1, is_number=True)],
                [
                    SlideRow([period.words, number])
                    for period, number in zip(periods, numbers, strict=True)
                ],
            ),
            [
                *_said_of(periods, now),
                f"For comparison, {DECK_SOURCE}: {' and '.join(DECK_NUMBERS)}.",
            ],
        )
    ]


def _tickets_by_quarter(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base
) -> Sequence[Slide]:
    return [_tickets(session, SlideKind.TICKETS_BY_QUARTER, quarters, "quarter", now, base)]


def _tickets_by_month(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base
) -> Sequence[Slide]:
    first, last = (Month.of(moment) for moment in (quarters[0].begin, quarters[-1].end))
    months = period_range(first, last.previous)
    return [_tickets(session, SlideKind.TICKETS_BY_MONTH, months, "month", now, base)]


def _tickets(
    session: Session,
    kind: SlideKind,
    periods: Sequence[CalendarPeriod],
    per: str,
    now: datetime,
    base: Base,
) -> Slide:
    figures = TicketFigures(session, TicketFilter(), now)
    (whole,) = figures.counts(periods)
    by_category = {row.value: row for row in figures.counts(periods, "category")}
    nothing = CountRow("", [0] * len(periods), 0)
    names = [str(period) for period in periods]

    def row(name: str, at: int | None) -> SlideRow:
        cells: list[Cell] = [name]
        for category, _ in _CATEGORIES:
            cells.append(_at(by_category.get(category, nothing), at))
        cells.append(_at(whole, at))
        return SlideRow(cells, is_total=at is None)

    head = [Column(per.capitalize(), 1.4)]
    head += [Column(word, 1.4, is_number=True) for _, word in _CATEGORIES]
    head.append(Column("All", 1, is_number=True))
    return Slide(
        _title(kind),
        f"{whole.total:,} tickets were created from {names[0]} to {names[-1]}"
        if len(names) > 1
        else f"{whole.total:,} tickets were created in {names[0]}",
        _url(
            base,
            "/statistics/tickets",
            per=per,
            by="category",
            **{"from": names[0], "to": names[-1]},
        ),
        Chart(names, [Series("Tickets", list(whole.counts))]),
        Table(head, [*(row(name, at) for at, name in enumerate(names)), row(TOTAL, None)]),
        _said_of(periods, now),
    )


def _at(row: CountRow, at: int | None) -> int | None:
    """The number of one period, or of all of them; None = no data."""
    return row.total if at is None else row.counts[at]


def _standing(
    session: Session, _quarters: Sequence[Quarter], now: datetime, base: Base
) -> Sequence[Slide]:
    found = TicketFigures(session, TicketFilter(), now).standing(MAX_ROWS)
    count = f"{found.count:,} ticket{'' if found.count == 1 else 's'}"
    verb = "is" if found.count == 1 else "are"
    subtitle = f"{count} created more than {DAYS_STANDING} days ago {verb} open, {now:%Y-%m-%d} UTC"
    rows = [
        SlideRow(
            [
                str(ticket.number),
                ticket.title,
                ticket.state,
                ticket.responsible_site.key if ticket.responsible_site else "none",
                f"{ticket.created_at:%Y-%m-%d}",
                f"{(now - ticket.created_at) // timedelta(days=1):,}",
            ]
        )
        for ticket in found.tickets
    ]
    head = [
        *(Column("Ticket", 0.7, is_number=True), Column("Title", 4.6), Column("State", 1.4)),
        *(Column("Responsible", 1.5), Column("Created", 1.1), Column("Days", 0.6, is_number=True)),
    ]
    words = _left(found.count - len(rows)) if rows else ["No ticket has been open for that long."]
    return [
        Slide(
            _title(SlideKind.STANDING),
            subtitle,
            f"{base}/statistics/long-standing",
            table=Table(head, rows) if rows else None,
            words=words,
        )
    ]


def _left(count: int) -> list[str]:
    return [f"{count:,} more on the page."] if count > 0 else []


# ---- events ----


def _matching(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base
) -> Sequence[Slide]:
    at_once = QUARTERS_AT_ONCE
    pairs = [quarters[at : at + at_once] for at in range(0, len(quarters), at_once)]
    return [_matching_of(session, pair, now, base) for pair in pairs]


def _matching_of(session: Session, quarters: Sequence[Quarter], now: datetime, base: Base) -> Slide:
    return matching_slide(
        matching_table(session, quarters, NETWORK, now),
        detected_in_words(rules_in_order(session)[-1]),
        f"{_title(SlideKind.MATCHING)}, {range_in_words(quarters)}",
        _url(
            base,
            "/statistics/matching",
            **{"from": str(quarters[0]), "to": str(quarters[-1])},
        ),
        _said_of(quarters, now),
    )


def _undocumented(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base
) -> Sequence[Slide]:
    wanted = EventFilter(
        quarters=tuple(map(str, quarters)),
        networks=(NETWORK,),
        counted=True,
        documented=False,
        oldest_first=True,
    )
    count = count_events(session, Detected(), wanted, now)
    found = list_events(session, Detected(), wanted, now, limit=MAX_ROWS).rows
    rows = [
        SlideRow(
            [
                str(event.id),
                event.link or event.site,
                f"{event.start:%Y-%m-%d %H:%M}",
                f"{event.end:%Y-%m-%d %H:%M}" if event.end else "ongoing",
                length_in_words(timedelta(seconds=event.seconds)),
                event.state,
                "maintenance" if event.is_maintenance else "",
            ]
        )
        for event in found
    ]
    head = [
        *(Column("Event", 0.7, is_number=True), Column("Link", 2.6), Column("Start (UTC)", 1.5)),
        *(Column("End (UTC)", 1.5), Column("Length", 1.3), Column("State", 1), Column("", 1.2)),
    ]
    source = _url(
        base,
        "/events",
        quarter=[str(one) for one in quarters],
        network=NETWORK,
        counted="yes",
        documented="no",
    )
    events = f"{count:,} event{'' if count == 1 else 's'}"
    return [
        Slide(
            _title(SlideKind.UNDOCUMENTED),
            f"{range_in_words(quarters)}: {events} of at least one hour without a ticket",
            source,
            table=Table(head, rows) if rows else None,
            words=_left(count - len(rows)) if rows else ["Every counted event has its ticket."],
        )
    ]


# ---- duties ----


def _duties(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base
) -> Sequence[Slide]:
    first, last = quarters[0], quarters[-1]
    counts: dict[int | None, dict[DutyStatus, int]] = {}
    for standing, _ in _STANDINGS:
        wanted = DutyFilter(first=first, last=last, state=standing)
        for site_id, count in session.execute(
            select(Duty.site_id, func.count())
            .where(*conditions_of(session, wanted, now))
            .group_by(Duty.site_id)
        ):
            counts.setdefault(site_id, {})[standing] = count
    sites: list[tuple[str, int | None]] = [
        (row.site, row.site_id) for row in matching_table(session, quarters, NETWORK, now).rows
    ]
    known = {site_id for _, site_id in sites}
    others: dict[DutyStatus, int] = {}
    for site_id in counts.keys() - known:
        for standing, count in counts[site_id].items():
            others[standing] = others.get(standing, 0) + count
    named = [(name, counts.get(site_id, {})) for name, site_id in sites]
    if others:
        named.append(("others", others))
    total = {
        standing: sum(mine.get(standing, 0) for _, mine in named) for standing, _ in _STANDINGS
    }
    shown = [one for one in _STANDINGS if one[0] is not DutyStatus.DUE or total[DutyStatus.DUE]]

    def row(name: str, mine: Mapping[DutyStatus, int], *, is_total: bool = False) -> SlideRow:
        numbers = [mine.get(standing, 0) for standing, _ in shown]
        return SlideRow([name, *numbers, sum(numbers)], is_total=is_total)

    whole = sum(total.values())
    return [
        Slide(
            _title(SlideKind.DUTIES),
            f"{range_in_words(quarters)}: the rule in force required {whole:,} tickets,"
            f" {total[DutyStatus.MISSING]:,} are missing",
            _url(base, "/duty", state=ALL, **{"from": str(first), "to": str(last)}),
            Chart(
                [name for name, _ in named],
                [
                    Series(word, [mine.get(standing, 0) for _, mine in named])
                    for standing, word in shown
                ],
            ),
            Table(
                [
                    Column("Responsible", 2.3),
                    *(Column(word, 1.2, is_number=True) for _, word in shown),
                    Column("Required", 1.2, is_number=True),
                ],
                [*(row(*one) for one in named), row(TOTAL, total, is_total=True)],
            ),
            _said_of(quarters, now),
        )
    ]


def _what_if(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base
) -> Sequence[Slide]:
    rules = judged_rules(session, now)
    if not rules:
        source = f"{base}/statistics/what-if"
        words = ["No rule requires tickets."]
        return [Slide(_title(SlideKind.WHAT_IF), range_in_words(quarters), source, words=words)]
    parts = [rules[at : at + RULES_AT_ONCE] for at in range(0, len(rules), RULES_AT_ONCE)]
    return [_what_if_of(session, part, quarters, now, base) for part in parts]


def _what_if_of(
    session: Session,
    rules: Sequence[JudgedRule],
    quarters: Sequence[Quarter],
    now: datetime,
    base: Base,
) -> Slide:
    found = asked_by_rules(session, [rule.version_id for rule in rules], quarters[0], quarters[-1])
    seen = first_seen(session, NETWORK)
    sites = matching_table(session, quarters, NETWORK, now).rows

    def numbers(site_id: int, first: datetime | None) -> Sequence[DutyCounts | None]:
        if all(has_no_data(quarter, first, now) for quarter in quarters):
            return [None] * len(rules)
        return [found.whole(rule.version_id, site_id) for rule in rules]

    return comparison_slide(
        rules,
        [(row.site, numbers(row.site_id, seen.get(row.site_id))) for row in sites],
        numbers(WHOLE, min(seen.values(), default=None)),
        f"{_title(SlideKind.WHAT_IF)}: {' and '.join(rule.label for rule in rules)}",
        range_in_words(quarters),
        _url(
            base,
            "/statistics/what-if",
            rule=[rule.label for rule in rules],
            **{"from": str(quarters[0]), "to": str(quarters[-1])},
        ),
        _said_of(quarters, now),
    )


# ---- reports ----


def _reports(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base, due_days: int
) -> Sequence[Slide]:
    parts = [quarters[at : at + GRID_QUARTERS] for at in range(0, len(quarters), GRID_QUARTERS)]
    found = [_reports_of(session, part, now, base, due_days) for part in parts]
    return [slide for slides in found for slide in slides]


def _reports_of(
    session: Session, quarters: Sequence[Quarter], now: datetime, base: Base, due_days: int
) -> Sequence[Slide]:
    grid = report_grid(session, READER, quarters, now, due_days)
    source = _url(base, "/reports", **{"from": str(quarters[0]), "to": str(quarters[-1])})
    subtitle = f"{range_in_words(quarters)}: {submitted_of_due(grid)}"
    return [
        grid_slide(grid, _title(SlideKind.REPORTS), subtitle, source),
        Slide(
            "Missing reports",
            f"{range_in_words(quarters)}: sites whose report is due and not submitted,"
            f" {now:%Y-%m-%d} UTC",
            source,
            table=Table(
                [Column("Quarter", 1), Column("Missing", 1), Column("Sites", 9)],
                _missing(grid, now, due_days),
            ),
        ),
    ]


def _missing(grid: ReportGrid, now: datetime, due_days: int) -> Sequence[SlideRow]:
    found = []
    for place, quarter in enumerate(grid.quarters):
        cells = [(row.site, row.cells[place]) for row in grid.rows]
        names = [site for site, cell in cells if cell.is_counted and not cell.is_done]
        if now < quarter.end:
            due = last_day_of(due_at(quarter, due_days))
            found.append(SlideRow([str(quarter), "", f"not yet due (due by {due})"]))
            continue
        lines = [
            ", ".join(names[at : at + _NAMES_AT_ONCE])
            for at in range(0, len(names), _NAMES_AT_ONCE)
        ]
        found.append(SlideRow([str(quarter), f"{len(names)}", lines[0] if lines else "none"]))
        found += [SlideRow(["", "", line]) for line in lines[1:]]
    return found


_Maker = Callable[[Session, Sequence[Quarter], datetime, Base], Sequence[Slide]]
_MAKERS: Final[Mapping[SlideKind, _Maker]] = {
    SlideKind.HEADLINES: _headlines,
    SlideKind.TICKETS_BY_QUARTER: _tickets_by_quarter,
    SlideKind.TICKETS_BY_MONTH: _tickets_by_month,
    SlideKind.MATCHING: _matching,
    SlideKind.UNDOCUMENTED: _undocumented,
    SlideKind.DUTIES: _duties,
    SlideKind.WHAT_IF: _what_if,
    SlideKind.STANDING: _standing,
}
