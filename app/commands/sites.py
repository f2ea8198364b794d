"""``flask sites export|import``: the registry's sites as CSV or JSON."""

from __future__ import annotations

import click

from app.commands.base import PortalGroup
from app.commands.registry_files import add_file_commands
from app.registry.rules.records import Records


@click.group("sites", cls=PortalGroup)
def sites() -> None:
    """Sites of the registry, as files."""


add_file_commands(sites, Records.SITES)

COMMANDS: tuple[click.Command, ...] = (sites,)
