"""``flask events source list|set``: what the labels of Alertmanager's alerts are called."""

from __future__ import annotations

import click

from app.commands.arguments import TEXT, command_writer, print_table
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.web.extensions import db
from app.events.rules.events import EventState
from app.events.services.sources import LABELS, all_sources, set_source

_HELP = {
    "link_label": "Label that holds the link's id.",
    "site_label": "Label that holds any name of the site.",
    "state_label": "Label that says what it is; else the label severity does.",
    "layer_label": "Label that holds the layer.",
}


@click.group("source", cls=PortalGroup)
def source() -> None:
    """Systems that report events."""


@source.command("list", cls=PortalCommand)
def list_() -> None:
    """List every source."""
    rows = [
        (
            found.row.name,
            found.row.kind,
            found.partner,
            f"{found.events:,}",
            f"{found.newest:%Y-%m-%d %H:%MZ}" if found.newest else "never",
            ", ".join(str(getattr(found.row, label)) for label in LABELS),
            found.row.state_words,
        )
        for found in all_sources(db.session())
    ]
    head = ("NAME", "KIND", "PARTNER", "EVENTS", "NEWEST", "LINK, SITE, STATE, LAYER", "STATES")
    print_table(head, rows)


@source.command("set", cls=PortalCommand)
@click.argument("name", type=TEXT)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=TEXT,
    metavar="WORD=STATE",
    help=f"What a value of the state's label means: {', '.join(EventState)}; may be repeated, and"
    " replaces those that were said before.",
)
@click.option("--usual-states", is_flag=True, help="Reset to the default states.")
def set_(name: str, states: tuple[str, ...], *, usual_states: bool, **labels: str | None) -> None:
    """Make the source NAME, or change what its alerts' labels are called."""
    words: dict[str, str] = {}
    for pair in states:
        word, sign, state = pair.rpartition("=")
        if not sign:
            raise Invalid("state", "--state takes WORD=STATE, such as flapping=degraded")
        words[word] = state
    if words and usual_states:
        raise Invalid("state", "Say --state or --usual-states, not both")
    session = db.session()
    with transaction(session):
        set_source(
            session,
            command_writer(),
            name,
            {label: text for label, text in labels.items() if text is not None},
            words if words or usual_states else None,
        )
    click.echo(f"Source {name} is set.")


for _label in reversed(LABELS):
    set_.params.insert(
        1,
        click.Option(["--" + _label.replace("_", "-"), _label], type=TEXT, help=_HELP[_label]),
    )
