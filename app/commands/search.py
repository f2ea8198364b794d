"""``flask search rebuild``: writes the words again by which tickets are found."""

from __future__ import annotations

import click
from sqlalchemy.orm import Session

from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.tickets.services.search.index import count_missing, rebuild

_SHOWN_EACH = 10_000


@click.group("search", cls=PortalGroup)
def search() -> None:
    """The search index."""


@search.command("rebuild", cls=PortalCommand)
@click.option("--missing", is_flag=True, help="Only tickets that are not in the index yet.")
def rebuild_(missing: bool) -> None:
    """Rebuild the search index of all tickets while the portal runs.

    Needed if anything but the portal wrote tickets. After names or prefixes of sites and links
    change, the worker does this automatically.
    """
    count = write_words(db.session(), only_missing=missing)
    click.echo(f"The words of {count} tickets were written.")


def write_words(session: Session, *, only_missing: bool) -> int:
    """Write words in transactions of some hundred tickets each, and report progress; returns how
    many.

    Tickets that are written meanwhile keep their words by themselves.
    """
    count = shown = after = 0
    while True:
        with transaction(session):
            done = rebuild(session, after, only_missing=only_missing)
        if done is None:
            return count
        after, written = done
        count += written
        if count - shown >= _SHOWN_EACH:
            shown = count
            click.echo(f"Words of {count} tickets are written, up to number {after}", err=True)


def write_missing_words(session: Session) -> None:
    """At a start: tickets of a portal that had no such search get their words."""
    missing = count_missing(session)
    session.rollback()
    if missing:
        click.echo(f"The search reads {missing} tickets for the first time")
        write_words(session, only_missing=True)


COMMANDS: tuple[click.Command, ...] = (search,)
