"""``flask serve``: brings the database up to date, says where the portal is, and serves it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from time import monotonic, process_time

import click
from flask import current_app
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from app import demo
from app.commands.arguments import command_writer
from app.commands.base import PortalCommand
from app.commands.reseal import unreadable
from app.commands.search import write_missing_words
from app.core.database.schema import misfit, need_fitting_schema, revision_of
from app.core.database.transactions import transaction
from app.core.folders import BASE
from app.core.rules.errors import SettingError
from app.core.services.sealing import key_fits, publish_key
from app.core.settings import Settings, is_loopback, process_environment
from app.core.web.extensions import db
from app.reference.seed import seed_reference
from app.reports.services.first_quarter import ask_reports_from
from app.server.sockets import open_sockets, serving_command
from soap_service.addresses import wsdl_urls


@click.command("serve", cls=PortalCommand, any_schema=True)
@click.option(
    "--new-key",
    is_flag=True,
    help="SECRET_KEY was changed on purpose: stored secrets that it cannot decrypt have to"
    " be set again.",
)
def serve(new_key: bool) -> None:
    """Upgrade the database, seed it, and serve the portal until Ctrl-C."""
    _serve(_settings().for_serving(), new_key=new_key)


@click.command("run", cls=PortalCommand, any_schema=True)
def run() -> None:
    """Serve as `serve` does; without SECRET_KEY, a demo with sample data for this machine only."""
    _serve(_settings().for_trying().for_serving(), new_key=False)


def _serve(settings: Settings, *, new_key: bool) -> None:
    began = monotonic() - process_time()  # until here it imported, which is nothing but computing
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # the supervisor's; nothing runs yet to replace
    with ExitStack() as held:
        sockets = [held.enter_context(one) for one in open_sockets(settings)]
        _prepare(settings, new_key=new_key)
        os.chdir(BASE)
        for listening in sockets:
            listening.set_inheritable(True)
        command = serving_command(settings, sockets, began)
        os.execve(command[0], command, process_environment(settings))  # noqa: S606  # our server


def _prepare(settings: Settings, *, new_key: bool) -> None:
    """Bring the database up to date, and say where the portal is."""
    need_fitting_schema(db.engine, older_fits=True)
    with db.engine.connect() as connection:
        is_current = misfit(revision_of(connection)) is None
    if not is_current:
        _say("Bringing the tables of the database up to date.")
        from app.commands.database import upgrade_database  # few starts need it

        upgrade_database()
    session = db.session()
    if settings.demo and not demo.is_demo(session):
        _say("Writing demo data, which takes some seconds.")
    with transaction(session):
        lost = use_key(session, settings, new_key=new_key)
        seed_first(session, settings)
    if lost:
        _say(f"SECRET_KEY is new. Secrets to be set again: {', '.join(lost)}.")
    elif settings.key is not None and (lost := unreadable(session, settings.key)):
        _say(f"Secrets that no key decrypts: {', '.join(lost)}. Set each again, or OLD_SECRET_KEY.")
    session.rollback()
    write_missing_words(session)
    _say("\n".join([*greeting(settings), *warnings(settings, command_writer().now.date())]))
    db.session.remove()
    db.engine.dispose()


def warnings(settings: Settings, today: date) -> Sequence[str]:
    """What a start prints if a setting is no longer true; ``today`` is in UTC."""
    until = settings.security_contact.until
    if until is None or today <= until:
        return ()
    return [
        f"SECURITY_CONTACT_UNTIL was {until}: security.txt has expired. Check the contact, and set"
        " a new day."
    ]


def _say(lines: str) -> None:
    """At once, also where the output is a file."""
    click.echo(lines)
    sys.stdout.flush()


def greeting(settings: Settings) -> Sequence[str]:
    """What a start prints: the portal's address, the file of its database, the demo's logins, every
    WSDL."""
    lines = [f"Portal: {settings.public_url}/"]
    database = make_url(settings.database_url)
    if database.get_backend_name() == "sqlite":
        lines.append(f"Database: {database.database}")
    if settings.demo:
        lines += [
            f"Demo login: {login.name} / {login.password} ({login.role})" for login in demo.LOGINS
        ]
    lines += [f"WSDL: {url}" for url in wsdl_urls(settings.public_url, settings.ars_server)]
    lines.append("Ctrl-C ends it.")
    return lines


def seed_first(session: Session, settings: Settings) -> None:
    """Write what a start brings: reference data, in demo mode the demo, and REPORTS_FROM if it is
    set. Raises ``SettingError`` where a demo's public logins would be served to others."""
    by = command_writer()
    seed_reference(session, by)
    if settings.demo:
        demo.seed_demo(session, by.now)
    elif demo.is_demo(session) and not is_loopback(settings.host):
        raise SettingError(
            "DATABASE_URL: this database holds demo logins, whose passwords are public;"
            " only a loopback HOST may serve it"
        )
    if settings.reports_from is not None:
        ask_reports_from(session, settings.reports_from)
    if settings.key is not None:
        publish_key(session, settings.key)


def use_key(session: Session, settings: Settings, *, new_key: bool) -> Sequence[str]:
    """Make SECRET_KEY the key of stored secrets; if they were sealed with a key that is neither it
    nor OLD_SECRET_KEY, return the names of what has secrets that cannot be read. Raises
    ``SettingError`` where there is such and ``new_key`` is not said: after a restore with the wrong
    key all of them would be lost without a word."""
    if settings.key is None or key_fits(session, settings.key) in (None, True):
        return ()
    sealed = unreadable(session, settings.key)
    if sealed and not new_key:
        raise SettingError(
            f"SECRET_KEY is not the one with which {len(sealed)} stored secrets were encrypted"
            f" ({', '.join(sealed[:3])}{', ...' if len(sealed) > 3 else ''}); set that one, or, if"
            " SECRET_KEY was changed on purpose, set it as OLD_SECRET_KEY, or `flask serve"
            " --new-key` where it is lost: each of them is then to be set again"
        )
    publish_key(session, settings.key, replace=True)
    return sealed


def _settings() -> Settings:
    settings = current_app.config["PORTAL"]
    assert isinstance(settings, Settings)
    return settings


COMMANDS: tuple[click.Command, ...] = (run, serve)
