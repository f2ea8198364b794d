"""``flask events ...``: network events as files, and the systems that report them."""

from __future__ import annotations

import click

from app.commands.base import PortalGroup
from app.commands.events.files import add_file_commands
from app.commands.events.matching import match
from app.commands.events.sources import heard, source


@click.group("events", cls=PortalGroup)
def events() -> None:
    """Network events reported by monitoring."""


add_file_commands(events)
events.add_command(source)
events.add_command(heard)
events.add_command(match)


COMMANDS: tuple[click.Command, ...] = (events,)
