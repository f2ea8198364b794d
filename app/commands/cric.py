"""``flask cric import``: WLCG's site database as a source that proposes changes of the registry."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app

from app.commands.arguments import command_writer
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.rules.errors import SettingError
from app.core.settings import Settings
from app.core.web.extensions import db
from app.registry.adapters.cric.comparison import SINGLE_FIELDS, Comparison, Wanted
from app.registry.adapters.cric.reading import is_address, parse, parse_address, read_path
from app.registry.services.cric import check_size, compare_with_registry, read_source


@click.group("cric", cls=PortalGroup)
def cric() -> None:
    """Read CRIC and propose changes of sites."""


@cric.command("import", cls=PortalCommand)
@click.argument("source", metavar="FILE|URL")
@click.option("--dry-run", is_flag=True, help="Only show doubts and proposals.")
@click.option(
    "--even-if-smaller",
    "smaller",
    is_flag=True,
    help="Accept a source with far fewer records than the last one (but not an empty one).",
)
def import_(source: str, *, dry_run: bool, smaller: bool) -> None:
    """Read CRIC's rcsite JSON and propose the differences; people decide under Admin, CRIC.

    The registry is not changed. A source that is empty, or much smaller than the last good one,
    is an error: the exit code is not 0 and the proposals stay unchanged.
    """
    if is_address(source):
        settings: Settings = current_app.config["PORTAL"]
        content = parse_address(source, settings.outbound_private_hosts)
    else:
        content = parse(read_path(Path(source)))
    session = db.session()
    by = command_writer()
    if dry_run:
        alarm = check_size(session, content, smaller_is_right=smaller)
        if alarm:
            raise SettingError(alarm)
        _print_comparison(compare_with_registry(session, content, by.now.date()), content.count)
        click.echo("Nothing was written.")
        return
    with transaction(session):
        reading = read_source(session, by, content, smaller_is_right=smaller)
        alarm = reading.run.alarm
    if alarm:
        raise SettingError(alarm)
    _print_comparison(reading.comparison, content.count)
    click.echo(f"{reading.new} new proposals, {reading.gone} no longer proposed.")


def _print_comparison(comparison: Comparison, count: int) -> None:
    matched = sum(map(len, comparison.matched.values()))
    click.echo(f"{count} records, {matched} of them of {len(comparison.matched)} known sites.")
    click.echo(f"Doubtful in CRIC ({len(comparison.findings)}):")
    for finding in comparison.findings:
        click.echo(f"  {finding}")
    click.echo(f"Proposed ({len(comparison.wanted)}):")
    for item in comparison.wanted:
        click.echo(f"  {_line(item)}")


def _line(item: Wanted) -> str:
    note = f" ({item.note})" if item.note else ""
    if item.field in SINGLE_FIELDS:
        return f"{item.key}: {item.field}: {item.current or '(nothing)'} -> {item.proposed}{note}"
    return f"{item.key}: {item.field}: add {item.proposed}{note}"


COMMANDS: tuple[click.Command, ...] = (cric,)
