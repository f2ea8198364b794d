"""``flask links export|import``: the registry's links as CSV or JSON."""

from __future__ import annotations

import click

from app.commands.base import PortalGroup
from app.commands.registry_files import add_file_commands
from app.registry.rules.records import Records


@click.group("links", cls=PortalGroup)
def links() -> None:
    """Links of the registry, as files."""


add_file_commands(links, Records.LINKS)

COMMANDS: tuple[click.Command, ...] = (links,)
