"""``flask events match``: matches events and tickets again, all of them or those of a range."""

from __future__ import annotations

from datetime import datetime

import click

from app.commands.arguments import command_writer
from app.commands.base import PortalCommand
from app.composition import compose_figures
from app.core.database.transactions import ShortTransactions, transaction
from app.core.rules.errors import Invalid
from app.core.rules.quarters import Quarter
from app.core.rules.texts import read_time
from app.core.web.extensions import db
from app.matching.services.matched_events import DetectedFilter, count_detected
from app.matching.services.recompute import follow, mark_between
from app.matching.services.stale_links import Freshness, freshness

compose_figures()


class EdgeArgument(click.ParamType[datetime]):
    """A quarter (``2012-Q1``) or a time; ``is_end``: a quarter is meant to its last moment."""

    name = "quarter or time"

    def __init__(self, *, is_end: bool) -> None:
        self._is_end = is_end

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment, UTC."""
        if isinstance(value, datetime):
            return value
        try:
            if "Q" in value:
                quarter = Quarter.parse(value)
                return quarter.end if self._is_end else quarter.begin
            return read_time("time", value, label="It")
        except Invalid:
            allowed = (
                "write a quarter as 2012-Q1, or a time as 2012-01-31 or 2012-01-31 10:00 (UTC)"
            )
            self.fail(allowed, param, ctx)


@click.command("match", cls=PortalCommand)
@click.option("--from", "begin", type=EdgeArgument(is_end=False), help="2012-Q1, or a time (UTC)")
@click.option("--to", "end", type=EdgeArgument(is_end=True), help="2013-Q2, or a time (UTC)")
def match(begin: datetime | None, end: datetime | None) -> None:
    """Match events and tickets again.

    Changes are matched automatically; this command matches all events of the links that have
    events in the range (default: all links) now. Decisions of people stay unchanged.
    """
    if begin is not None and end is not None and end <= begin:
        raise click.UsageError("--to is not behind --from")
    session, now = db.session(), command_writer().now
    with transaction(session):
        things = mark_between(session, begin, end)
        whole = max(things, freshness(session).stale)

    def print_progress(state: Freshness) -> None:
        click.echo(f"Matched {whole - min(state.stale, whole)} of {whole}", err=True)

    follow(ShortTransactions(session), lambda: now, report=print_progress)
    wanted = DetectedFilter(begin, end)
    counted = count_detected(session, DetectedFilter(begin, end, counted=True))
    documented = count_detected(session, DetectedFilter(begin, end, counted=True, documented=True))
    click.echo(
        f"Links and sites: {things}. Detected events: {count_detected(session, wanted)};"
        f" counted: {counted}; of these documented: {documented}"
    )
