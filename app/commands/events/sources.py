"""``flask events source list|set`` and ``flask events heard``: the systems that report events."""

from __future__ import annotations

import click

from app.commands.arguments import TEXT, command_writer, print_table
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.web.extensions import db
from app.events.rules.events import EventState
from app.events.services.hearing import hear_source
from app.events.services.sources import LABELS, all_sources, set_source

_HELP = {
    "link_label": "Label with the link's id.",
    "site_label": "Label with any name of the site.",
    "state_label": "Label with the state; default: the label severity.",
    "layer_label": "Label with the network layer.",
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
            f"{found.row.last_heard_at:%Y-%m-%d %H:%MZ}" if found.row.last_heard_at else "never",
            f"{found.row.expected_minutes:,}",
            ", ".join(str(getattr(found.row, label)) for label in LABELS),
            found.row.state_words,
        )
        for found in all_sources(db.session())
    ]
    head = (
        *("NAME", "KIND", "PARTNER", "EVENTS", "LAST HEARD", "EXPECTED EVERY (MIN)"),
        *("LINK, SITE, STATE, LAYER", "STATES"),
    )
    print_table(head, rows)


@source.command("set", cls=PortalCommand)
@click.argument("name", type=TEXT)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=TEXT,
    metavar="WORD=STATE",
    help=f"Meaning of a value of the state's label: {', '.join(EventState)}; may be repeated, and"
    " replaces the previous ones.",
)
@click.option("--usual-states", is_flag=True, help="Reset to the default states.")
@click.option(
    "--expected-minutes",
    type=int,
    metavar="MINUTES",
    help="The source is silent if it does not call for longer than this.",
)
def set_(
    name: str,
    states: tuple[str, ...],
    *,
    usual_states: bool,
    expected_minutes: int | None,
    **labels: str | None,
) -> None:
    """Create the source NAME, or change its settings."""
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
            expected_minutes,
        )
    click.echo(f"Source {name} is set.")


@click.command("heard", cls=PortalCommand)
@click.argument("name", type=TEXT)
def heard(name: str) -> None:
    """Record that the source NAME works and has nothing to report.

    For a scheduled job next to a source that reports only failures.
    """
    session = db.session()
    with transaction(session):
        hear_source(session, command_writer(), name)
    click.echo(f"Source {name} was heard.")


for _label in reversed(LABELS):
    set_.params.insert(
        1,
        click.Option(["--" + _label.replace("_", "-"), _label], type=TEXT, help=_HELP[_label]),
    )
