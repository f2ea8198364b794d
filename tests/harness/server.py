"""The real server as its own processes on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.folders import PROJECT
from app.core.mail_settings import MailSettings
from app.core.settings import Settings, process_environment
from app.server.sockets import open_sockets, serving_command
from tests.harness import loaded, run
from tests.harness.databases import open_engine

TEST_SECRET = "only-for-tests-0123456789-abcdefghij"  # signs nothing outside of a test run


@dataclass(frozen=True)
class LiveServer:
    """A running portal: where it answers, on what database, and its log."""

    url: str
    port: int
    settings: Settings
    log: Path
    pid: int

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session on the server's database, to lay what a test needs or see what it left."""
        engine = open_engine(self.settings.database_url)
        try:
            with Session(engine) as session:
                yield session
        finally:
            engine.dispose()
            event.listen(engine, "do_connect", _connects_no_more)


def _connects_no_more(*_: object) -> None:
    """A connection opened now would stay open, until Python reports it during any later test."""
    raise AssertionError("the engine of a session that has ended connects again")


def test_settings(database_url: str) -> Settings:
    """Settings as in production, on this database; programs may call as often as tests do."""
    mail = MailSettings(folder=str(run.folder() / "mails"))
    return Settings(
        database_url=database_url, secret_key=TEST_SECRET, mail=mail, api_calls_per_minute=0
    )


test_settings.__test__ = False  # type: ignore[attr-defined]  # no test, whatever its name


PORTS: Final = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections (from 32768), and above all that Chromium
refuses: a port of the system's own choice may be another connection's before the server has it."""


def free_port() -> int:
    """A port that nobody listens on now, and that this run gives to nobody else."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if run.take(f"port-{port}"):
            return port


@contextmanager
def live(
    settings: Settings,
    public_url: str = "",
    host: str = "127.0.0.1",
    *,
    supervised: bool = False,
    worker: bool = False,
) -> Iterator[LiveServer]:
    """Start the server that ``flask serve`` would start, behind this address (default: its own,
    under this name); all its processes end afterwards.

    ``supervised``: by its own command, with the supervisor that replaces processes, which can have
    a ``worker`` too; otherwise forked from a process that has loaded the portal (``loaded``).
    """
    port = free_port()
    url = f"http://{host}:{port}"
    settings = replace(settings, port=port, public_url=public_url or url, worker=worker)
    log = run.folder() / f"server-{port}.log"
    sockets = open_sockets(settings)
    process: subprocess.Popen[bytes] | loaded.Child
    if supervised:
        with log.open("wb") as out:
            process = subprocess.Popen(
                serving_command(settings, sockets, monotonic()),
                cwd=PROJECT,
                env=process_environment(settings),
                pass_fds=[one.fileno() for one in sockets],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    else:
        process = loaded.start_server(settings, sockets, log)
    for one in sockets:  # the server's own alone hold the port
        one.close()
    try:
        wait_until_answering(process, port, log)
        yield LiveServer(url, port, settings, log, process.pid)
    finally:
        end_group(process)


def wait_until_answering(
    process: subprocess.Popen[bytes] | loaded.Child,
    port: int,
    log: Path,
    seconds: float = 120,
    page: str = "/login",
) -> None:
    """Return when the port answers a request; raise with the log when the process ends."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
        try:
            connection.request("GET", page)
            connection.getresponse().read()
        except (OSError, HTTPException):
            try:
                process.wait(timeout=0.05)  # the pause between two tries, and no longer
            except subprocess.TimeoutExpired:
                continue
            break
        finally:
            connection.close()
        return
    raise AssertionError(f"the server did not answer; it wrote:\n{log.read_text()[-4000:]}")


def end_group(process: subprocess.Popen[bytes] | loaded.Child) -> None:
    """End a process started in its own session, and all its children.

    Only the first is asked: it ends its workers, which wait long when they are asked twice.
    """
    try:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        os.killpg(process.pid, signal.SIGKILL)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
