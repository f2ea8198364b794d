"""``flask events ...``: network events as files."""

from __future__ import annotations

import click

from app.commands.base import PortalGroup
from app.commands.event_files import add_file_commands


@click.group("events", cls=PortalGroup)
def events() -> None:
    """Network events as monitoring reported them."""


add_file_commands(events)


COMMANDS: tuple[click.Command, ...] = (events,)
