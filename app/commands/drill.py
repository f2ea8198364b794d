"""``flask drill``: what an administrator practises once a year, and its record."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import click
from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app.backups.backups import newest_backup, restored_elsewhere, upgrade_copy
from app.commands.arguments import TEXT, command_writer, print_table, system_user
from app.commands.base import PortalCommand, PortalGroup
from app.commands.partner_connections import (
    checks_here,
    one_connection,
    one_kind,
    tested_by_worker,
)
from app.core.database.failover_probe import can_fail_over, watch_failover
from app.core.database.schema import MOVING, mark_revision
from app.core.database.transactions import transaction
from app.core.rules.drills import Drill, Result, due
from app.core.rules.errors import Invalid, PortalError, SettingError
from app.core.services.backups import note_verified
from app.core.services.drills import drills, note_drill
from app.core.web.extensions import db
from app.exchange.models.connections import Connection
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail, MailMessage
from app.mail.services.mails import FAILED, SENT
from app.mail.services.messages import PRIVATE, MessageRecipient, queue_message
from app.trial import try_portal

_BETWEEN_LOOKS: Final = 0.3
_TRIES: Final = 3
"""How often the code of the mail may be typed."""


class _Details(list[tuple[str, str]]):
    """What was seen, in order; each line is printed when it is known."""

    def see(self, name: str, value: str) -> None:
        self.append((name, value))
        click.echo(f"{name}: {value}")


@click.group("drill", cls=PortalGroup)
def drill() -> None:
    """What an administrator practises once a year. Each result is recorded, also in the audit.

    Exit codes: 0 passed, 1 not (one line says why), 2 wrong usage.
    """


@drill.command("list", cls=PortalCommand)
def list_drills() -> None:
    """Print the record of all drills, and which ones are due."""
    done = drills(db.session())
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M}",
            one.drill,
            one.result,
            one.by,
            "; ".join(f"{name}: {value}" for name, value in one.details),
        )
        for one in done
    ]
    print_table(("when (UTC)", "drill", "result", "by", "what was seen"), rows)
    now = datetime.now(UTC)
    for which in _of_this_portal():
        if why := due(which, done, now):
            click.echo(f"Due: {which}, because {why}.")


def _of_this_portal() -> Sequence[Drill]:
    """The drills that can be practised: failover where there can be a second server, partner where
    one is connected."""
    without = set()
    if not can_fail_over(db.engine):
        without.add(Drill.FAILOVER)
    if db.session().scalar(select(Connection.id).where(Connection.ended_at.is_(None))) is None:
        without.add(Drill.PARTNER)
    return [one for one in Drill if one not in without]


@drill.command("restore", cls=PortalCommand)
@click.argument("folder", type=click.Path(path_type=Path))
def restore(folder: Path) -> None:
    """Restore the newest backup of FOLDER into a scratch database, and try the portal on it.

    Rows and sums of each table are compared, then a login, a SOAP get, a REST list and a figure are
    tried there. The portal may run.
    """
    settings = current_app.config["PORTAL"]
    with _recorded(Drill.RESTORE) as seen:
        file = newest_backup(folder)
        seen.see("file", str(file))
        began = monotonic()
        with restored_elsewhere(db.engine, file) as (scratch, manifest):
            seen.see("restored", f"{manifest.rows:,} rows in {monotonic() - began:.1f} s")
            seen.see("as of", manifest.made_at)
            upgrade_copy(scratch)
            with scratch.begin() as connection:
                mark_revision(connection, MOVING)  # the trial needs one that nobody can use
            url = scratch.url.render_as_string(hide_password=False)
            with Session(scratch) as expected:
                tried = try_portal(replace(settings, database_url=url), expected)
            seen.see("tried", ", ".join(tried))
        session = db.session()
        with transaction(session):
            note_verified(session, datetime.fromisoformat(manifest.made_at), datetime.now(UTC))


@drill.command("failover", cls=PortalCommand)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True
)
def failover(minutes: float) -> None:
    """Write five times a second while you fail PostgreSQL over to its replica.

    Start it, then stop the first server and promote the replica. It ends when another server has
    taken every write for 10 s, or after so many minutes, and says for how long nothing could be
    written and whether anything acknowledged was lost.
    """
    if not can_fail_over(db.engine):
        raise SettingError("DATABASE_URL: an SQLite file has no second server to fail over to")
    with _recorded(Drill.FAILOVER) as seen:
        click.echo("Writing; now fail over.", err=True)
        found = watch_failover(db.engine, minutes * 60, lambda line: click.echo(line, err=True))
        seen.see("from", found.before)
        seen.see("to", found.after)
        seen.see("nothing written for", f"{found.longest:.1f} s")
        seen.see("acknowledged writes", f"{found.acknowledged:,}, of which {found.lost:,} lost")
        if found.silent:
            raise Invalid("failover", f"Nothing can be written since {found.silent:.0f} s")
        if not found.is_other:
            raise Invalid("failover", "No other server was promoted in this time")
        if found.lost:
            raise Invalid("failover", "Acknowledged writes were lost: replicate synchronously")


@drill.command("mail", cls=PortalCommand)
@click.argument("address", type=TEXT)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), default=5.0, show_default=True
)
def mail(address: str, minutes: float) -> None:
    """Send a mail with a code to ADDRESS, and ask for the code.

    The worker sends it as it sends every mail. It passes when the code that arrived is typed.
    """
    with _recorded(Drill.MAIL) as seen:
        code = f"{secrets.randbelow(10**6):06}"
        key = f"{PRIVATE}drill {secrets.token_hex(8)}"
        began = monotonic()
        _queue_code(address, key, code)
        click.echo("Waiting for the worker to send it.", err=True)
        sent = _sent(key, began + minutes * 60)
        if not sent.taker:
            raise Invalid("mail", "No mail server is set up (MAIL_SMTP): the mail is a file")
        seen.see("accepted", f"by {sent.taker} after {monotonic() - began:.1f} s")
        seen.see("arrived", _arrived(code, began))


@drill.command("partner", cls=PortalCommand)
@click.argument("code", type=TEXT)
@one_kind
def partner(code: str, kind: str | None) -> None:
    """Test the connection with the system of the partner CODE, as ``flask partner test`` does."""
    with _recorded(Drill.PARTNER) as seen:
        session = db.session()
        connection = one_connection(session, code, kind)
        key, named = connection.id, f"{code} ({connection.kind})"
        session.rollback()
        seen.see("partner", named)
        context = Context(db.engine, current_app.config["PORTAL"])
        has_key = context.settings.secret_key is not None
        problems = []
        for check in (checks_here if has_key else tested_by_worker)(context, key):
            seen.see("checked", f"{check.what}: {check.problem or 'yes'}")
            if check.problem:
                problems.append(check.problem)
        if problems:
            raise Invalid("partner", problems[0])
        if len(seen) == 1:
            raise Invalid("partner", "Nothing of this connection was tested")


@contextmanager
def _recorded(which: Drill) -> Iterator[_Details]:
    """Record how the drill ends; one whose arguments are wrong is recorded, too."""
    seen, session = _Details(), db.session()
    began = monotonic()

    def note(result: Result) -> None:
        details = [*seen, ("seconds", f"{monotonic() - began:.1f}")]
        session.rollback()
        with transaction(session):
            note_drill(session, command_writer(system_user()), which, result, details)

    try:
        yield seen
    except (PortalError, DatabaseError, click.Abort) as error:
        reason = error.orig if isinstance(error, DatabaseError) else error
        seen.append(("why not", " ".join(str(reason).split()) or "it was interrupted"))
        note(Result.FAILED)
        raise
    note(Result.PASSED)
    click.echo(f"The drill {which} was passed, and is recorded.")


def _queue_code(address: str, key: str, code: str) -> None:
    session = db.session()
    with transaction(session):
        queued = queue_message(
            session,
            key=key,
            recipients=[
                MessageRecipient(address, None, "because an administrator practises sending mails")
            ],
            subject="Drill: a mail of the LHCOPN portal",
            text=f"An administrator practises sending mails of the portal. The code is {code}.",
            url="/",
            now=datetime.now(UTC),
        )
        if not queued:
            raise Invalid(
                "address",
                "The portal sends no mail to this address: it is no address,"
                " or its reader wants none",
            )


def _sent(key: str, deadline: float) -> Mail:
    """The mail once a server accepted it. Raises ``Invalid`` if it was refused or time is over."""
    session = db.session()
    one = select(Mail).join(Mail.message).where(MailMessage.key == key)
    while True:
        found = session.scalars(one.execution_options(populate_existing=True)).one()
        session.rollback()
        if found.state == SENT:
            return found
        if found.state == FAILED:
            raise Invalid("mail", f"The mail server refused it: {found.reason}")
        if monotonic() > deadline:
            why = f"the last attempt said: {found.reason}" if found.reason else "no worker tried"
            raise Invalid("mail", f"It was not sent in time; {why}")
        sleep(_BETWEEN_LOOKS)


def _arrived(code: str, began: float) -> str:
    """Ask for the code that the mail holds. Raises ``Invalid`` if it is not typed."""
    for _go in range(_TRIES):
        typed = click.prompt("Code in the mail", default="", show_default=False, err=True)
        if typed.strip() == code:
            return f"within {monotonic() - began:.0f} s"
        if not typed.strip() or not sys.stdin.isatty():
            break
    raise Invalid(
        "mail",
        "The server accepted the mail, but nobody typed its code: it is not known"
        " whether it arrived",
    )


COMMANDS: tuple[click.Command, ...] = (drill,)
