"""``flask serve``: brings the database up to date, says where the portal is, and serves it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from flask import current_app
from flask_migrate import upgrade
from sqlalchemy.orm import Session

from app import demo
from app.commands.base import PortalCommand
from app.config import PROJECT, Settings, process_environment
from app.database import writing
from app.domain.errors import SettingError
from app.extensions import db
from app.services import reference
from soap_service.addresses import wsdl_urls


def server_command(settings: Settings) -> list[str]:
    """The server process for these settings, to be run in the project's folder."""
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface=asgi",
        "--factory",
        "--http=1",
        "--no-ws",
        f"--host={_address(settings.host)}",
        f"--port={settings.port}",
        "--workers=2",
        "--respawn-failed-workers",
        "--workers-kill-timeout=10",
        "--log-level=warning",
        "wsgi:build_server",
    ]


@click.command("serve", cls=PortalCommand)
def serve() -> None:
    """Upgrade the database, seed it, and serve the portal until Ctrl-C."""
    settings = _settings().for_serving()
    _need_free_port(settings)
    upgrade()
    with writing(db.session()):
        _seed(db.session(), settings)
    click.echo("\n".join(greeting(settings)))
    sys.stdout.flush()
    db.session.remove()
    db.engine.dispose()
    os.chdir(PROJECT)
    command = server_command(settings)
    os.execve(command[0], command, process_environment(settings))  # noqa: S606  # our own server


def greeting(settings: Settings) -> Sequence[str]:
    """What a start tells: the portal's address, the demo's logins, every WSDL."""
    lines = [f"Portal: {settings.public_url}/"]
    if settings.demo:
        lines += [
            f"Demo login: {login.name} / {login.password} ({login.role})" for login in demo.LOGINS
        ]
    lines += [f"WSDL: {url}" for url in wsdl_urls(settings.public_url, settings.ars_server)]
    lines.append("Ctrl-C ends it.")
    return lines


def _seed(session: Session, settings: Settings) -> None:
    reference.seed_reference(session)
    if settings.demo:
        demo.seed_demo(session, datetime.now(UTC))


def _settings() -> Settings:
    settings = current_app.config["PORTAL"]
    assert isinstance(settings, Settings)
    return settings


def _address(host: str) -> str:
    """The server binds to addresses, not names: the first one of ``host``."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise SettingError("HOST is no address of this machine, and no name for one") from None
    # IPv4 first: "localhost" should answer at 127.0.0.1, which every client tries.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])


def _need_free_port(settings: Settings) -> None:
    """Raise ``SettingError`` where the address is taken or not ours, before anything is done."""
    address = _address(settings.host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, settings.port))
            probe.listen(1)
        except PermissionError:
            raise SettingError(
                f"PORT {settings.port} needs rights that this process lacks; choose one above 1023"
            ) from None
        except OSError:
            raise SettingError(
                f"PORT {settings.port} on {settings.host} is in use or HOST is not an address of"
                " this machine; choose another, for instance PORT=8123 make run"
            ) from None


COMMANDS: tuple[click.Command, ...] = (serve,)
