"""Two PostgreSQL servers of their own: one that is written to, and its synchronous replica.

A commit is acknowledged when the replica has it too, so that nothing acknowledged is lost if the
first server is killed and the replica is promoted. Both listen on the loopback address.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import connect

from tests.harness.postgres import bin_folder, call, own
from tests.harness.server import free_port
from tests.harness.until import until

_OPTIONS: Mapping[str, object] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": 200,
    "log_min_messages": "fatal",
    "shared_buffers": "64MB",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
}
_NAME = "portal"


@dataclass(frozen=True)
class Server:
    """One server, and the folder of its files."""

    home: Path
    port: int

    @property
    def conninfo(self) -> str:
        """How libpq reaches the portal's database of this server alone."""
        return f"host=127.0.0.1 port={self.port} user=portal dbname={_NAME}"

    @property
    def reached(self) -> tuple[object, ...]:
        """The same for PostgreSQL's programs."""
        return ("-h", "127.0.0.1", "-p", self.port, "-U", "portal")

    def start(self) -> None:
        """Start it."""
        options = {**_OPTIONS, "port": self.port}
        given = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        log = self.home.with_suffix(".log")
        call([bin_folder() / "pg_ctl", "start", "-D", self.home, "-w", "-l", log, "-o", given])

    @property
    def url(self) -> str:
        """A DATABASE_URL of this server alone."""
        return f"postgresql+psycopg://portal@127.0.0.1:{self.port}/{_NAME}"

    def is_running(self) -> bool:
        """Whether its first process is there."""
        file = self.home / "postmaster.pid"
        return file.exists() and Path(f"/proc/{file.read_text().split()[0]}").exists()

    def kill(self) -> None:
        """``kill -9`` of the server and of all its processes, as if the machine went away."""
        main = int((self.home / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for process in (main, *map(int, children)):
            os.kill(process, signal.SIGKILL)

    def promote(self) -> None:
        """Make the replica the server that is written to; from now on it waits for no other."""
        with connect(self.conninfo, dbname="postgres", autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            connection.execute("SELECT pg_reload_conf()")
        call([bin_folder() / "pg_ctl", "promote", "-D", self.home, "-w"])

    def stop(self) -> None:
        """Stop it, if it runs."""
        command = [bin_folder() / "pg_ctl", "stop", "-D", self.home, "-m", "immediate", "-w"]
        call(command, check=False)


@dataclass(frozen=True)
class Pair:
    """The first server and its replica."""

    first: Server
    replica: Server

    @property
    def url(self) -> str:
        """A DATABASE_URL with both, of which that one is used that can be written to."""
        ports = f"port={self.first.port},{self.replica.port}"
        return (
            f"postgresql+psycopg://portal@/{_NAME}?host=127.0.0.1,127.0.0.1&{ports}"
            "&target_session_attrs=read-write"
        )

    def is_in_step(self) -> bool:
        """Whether the replica confirms each commit."""
        with connect(self.first.conninfo, dbname="postgres") as connection:
            states = connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall()
        return states == [("sync",)]


@contextmanager
def single(folder: Path) -> Iterator[Server]:
    """One server, running, with an empty database. ``folder`` is given to its account."""
    folder.mkdir()
    own(folder)
    server = Server(folder / "first", free_port())
    initdb = [bin_folder() / "initdb", "-D", server.home, "-U", "portal", "--auth=trust"]
    call([*initdb, "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"])
    try:
        server.start()
        call([bin_folder() / "createdb", *server.reached, _NAME])
        yield server
    finally:
        server.stop()


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """Both servers, running, with an empty database. ``folder`` is given to their account."""
    with single(folder) as first:
        replica = Server(folder / "replica", free_port())
        found = Pair(first, replica)
        words = [bin_folder() / "pg_basebackup", "-D", replica.home, "-R", "-X", "stream"]
        call([*words, *first.reached, "--checkpoint=fast"])
        replica.start()
        with connect(first.conninfo, dbname="postgres", autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        until(found.is_in_step)
        try:
            yield found
        finally:
            replica.stop()
