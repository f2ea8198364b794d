"""The supervisor with small processes in place of the portal's: whichever is killed, others go on.

``test_make_run.py`` does the same to the real ones.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import pytest

from app.core.folders import PROJECT
from app.core.rules.errors import SettingError
from app.core.settings import service_manager
from app.server import supervisor
from app.server.sockets import open_sockets
from tests.harness.server import free_port, test_settings
from tests.harness.until import until

_SERVER = """
import contextlib, os, pathlib, select, signal, socket, sys
if pathlib.Path("broken").exists(): sys.exit(3)
while pathlib.Path("loads").exists(): signal.sigtimedwait([], 0.02)
listening, taking = socket.socket(fileno=int(sys.argv[1])), [True]
listening.setblocking(False)
signal.signal(signal.SIGUSR1, lambda *_: taking.clear())
os.write(int(sys.argv[2]), b".")
while taking:
    with contextlib.suppress(BlockingIOError):
        if select.select([listening], [], [], 0.02)[0]:
            with listening.accept()[0] as caller:
                caller.sendall(b"%d" % os.getpid())
while True: signal.pause()
"""
"""Tells each caller its number; takes no more of them after SIGUSR1."""
_PORTAL = """
import asyncio
def build_server():
    async def portal(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    portal.end_pushed = lambda: None
    return portal
"""
"""In place of the portal's ``wsgi.py``, behind the real server."""
_IMPATIENT = """
from app.server import supervisor
supervisor.LOADING = 3.0
supervisor.main()
"""
"""The supervisor, with less patience for what loads."""
_WORKER = """
import os, pathlib, signal
pathlib.Path("worker").write_text(str(os.getpid()))
signal.pause()
"""


@dataclass
class Running:
    """A supervisor, where its servers answer, and where its processes leave files."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def ask(self, seconds: float = 60) -> int:
        """The number of the process that answers; waits so long while none does."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as caller:
            return int(caller.recv(100) or 0)

    def servers(self, calls: int = 40) -> set[int]:
        """Who answers."""
        return {self.ask() for _ in range(calls)} - {0}

    def both(self) -> list[int]:
        """The two servers, once new connections come to both.

        One answer of each is not enough: it may be to a connection that waited since before.
        """
        until(lambda: all(len(self.servers()) == 2 for _ in range(2)))
        return sorted(self.servers())

    def worker(self) -> int:
        """The worker's number; 0 = it did not begin yet."""
        file = self.folder / "worker"
        return int(file.read_text() or 0) if file.exists() else 0

    def children(self) -> list[int]:
        """All that it started and that lives."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(number) for number in path.read_text().split()]


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    """Two servers, each with a socket (or, ``one socket``, as systemd hands it over), a worker."""
    settings = replace(test_settings("sqlite://"), port=free_port())
    sockets = open_sockets(settings)
    if getattr(request, "param", "") == "one socket":
        sockets.pop().close()
    if getattr(request, "param", "") == "broken":
        (tmp_path / "broken").touch()
    commands = ([sys.executable, "-S", "-c", text] for text in (_SERVER, _WORKER))
    numbers = [one.fileno() for one in sockets]
    plan = json.dumps([numbers, 2, *commands, "http://portal.example/", monotonic()])
    unread = getattr(request, "param", "") == "unread"
    start = ["-m", "app.server.supervisor"]
    if getattr(request, "param", "") == "impatient":
        start = ["-c", _IMPATIENT]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *start, plan],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            pass_fds=numbers,
            stdout=subprocess.PIPE if unread else log,
            stderr=log,
        )
    if process.stdout is not None:
        process.stdout.close()
    for one in sockets:
        one.close()
    portal = Running(process, settings.port, tmp_path)
    try:
        yield portal
    finally:
        process.terminate()
        process.wait(60)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_says_once_that_the_portal_answers(running: Running) -> None:
    def said() -> int:
        return (running.folder / "log").read_text().count("Ready: http://portal.example/ answers")

    until(lambda: said() == 1)
    for server in running.both():
        os.kill(server, signal.SIGKILL)
    running.both()
    assert said() == 1


@pytest.mark.parametrize("running", ["unread"], indirect=True)
def test_a_start_goes_on_where_nobody_reads_what_it_says(running: Running) -> None:
    """Who starts the portal may read its greeting, and then close the pipe."""
    servers = running.both()
    until(lambda: running.worker() > 0)
    assert running.both() == servers
    running.process.terminate()
    assert running.process.wait(60) == 0


def test_a_server_that_dies_again_and_again_stops_nobody(running: Running) -> None:
    healthy, dying = running.both()
    for _ in range(3):
        os.kill(dying, signal.SIGKILL)
        until(lambda gone=dying: not _lives(gone))  # type: ignore[misc]
        assert running.servers() - {dying} >= {healthy}
        (dying,) = {*running.both()} - {healthy}
    assert running.process.poll() is None
    log = (running.folder / "log").read_text()
    assert [f"again in {pause} s" in log for pause in ("0.5", "1", "2")] == [True] * 3, log


def test_new_connections_go_to_the_servers_that_live(running: Running) -> None:
    """None waits in the socket of one that died until the next is there."""
    healthy, dying = running.both()
    (running.folder / "broken").touch()  # what is started now ends at once
    os.kill(dying, signal.SIGKILL)

    def answers() -> bool:
        with suppress(TimeoutError):
            return running.ask(1) == healthy
        return False

    until(lambda: all(answers() for _ in range(30)))
    assert "server process" in (running.folder / "log").read_text()
    (running.folder / "broken").unlink()
    assert healthy in running.both()


@pytest.mark.parametrize("running", ["", "one socket"], indirect=True)
def test_connections_wait_while_all_servers_are_away(running: Running) -> None:
    before = running.both()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(_lives, before)))
    assert running.ask() not in before


def test_a_worker_that_dies_is_replaced_and_the_servers_do_not_notice(running: Running) -> None:
    until(lambda: running.worker() > 0)
    servers, worker = running.both(), running.worker()
    os.kill(worker, signal.SIGKILL)
    until(lambda: running.worker() not in (0, worker))
    assert sorted(running.servers()) == servers


def test_nothing_outlives_a_killed_supervisor_or_holds_the_port(running: Running) -> None:
    until(lambda: running.worker() > 0)
    running.both()
    children = running.children()
    assert len(children) == 3
    running.process.kill()  # it can tell nobody
    running.process.wait()
    until(lambda: not any(map(_lives, children)))
    for one in open_sockets(replace(test_settings("sqlite://"), port=running.port)):
        one.close()


def test_sigusr1_replaces_all_and_refuses_nobody(running: Running) -> None:
    until(lambda: running.worker() > 0)
    servers, worker = running.both(), running.worker()
    answers: list[int] = []
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            answers.append(running.ask())  # an error ends the list early

    caller = threading.Thread(target=call)
    caller.start()
    running.process.send_signal(signal.SIGUSR1)
    until(lambda: running.worker() not in (0, worker))
    until(lambda: not any(map(_lives, servers)))
    alive = caller.is_alive()
    over.set()
    caller.join()
    assert alive
    assert not {*running.both()} & {*servers}


def test_a_new_server_that_does_not_start_leaves_the_old_ones(running: Running) -> None:
    servers = running.both()
    (running.folder / "broken").touch()
    running.process.send_signal(signal.SIGUSR1)
    until(lambda: "no further processes are replaced" in (running.folder / "log").read_text())
    assert sorted(running.servers()) == servers


@pytest.mark.parametrize("running", ["impatient"], indirect=True)
def test_a_new_server_that_hangs_as_it_loads_leaves_the_old_ones(running: Running) -> None:
    servers = running.both()
    (running.folder / "loads").touch()
    running.process.send_signal(signal.SIGUSR1)
    until(lambda: "no further processes are replaced" in (running.folder / "log").read_text())
    assert "has sent no heartbeat for 3 s" in (running.folder / "log").read_text()
    assert sorted(running.servers()) == servers


@pytest.mark.parametrize("running", ["broken"], indirect=True)
def test_a_server_that_never_was_ready_ends_the_start(running: Running) -> None:
    assert running.process.wait(60) == 3


def test_two_starts_on_one_port_are_refused() -> None:
    settings = replace(test_settings("sqlite://"), port=free_port())
    sockets = open_sockets(settings)
    with pytest.raises(SettingError, match="PORT"):
        open_sockets(settings)
    for one in sockets:
        one.close()


def test_a_server_that_leaves_serves_whoever_is_connected_and_takes_no_others(
    tmp_path: Path,
) -> None:
    """granian itself closes a connection of which it has read nothing yet."""
    (tmp_path / "wsgi.py").write_text(_PORTAL)
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as ending:

        def start() -> subprocess.Popen[bytes]:
            ready, says_ready = os.pipe()
            given = [listening.fileno(), says_ready]
            process = subprocess.Popen(
                [sys.executable, "-m", "app.server.process", *map(str, given)],
                cwd=tmp_path,
                env=os.environ | {"PYTHONPATH": str(PROJECT)},
                pass_fds=given,
            )
            ending.callback(process.wait)
            ending.callback(process.kill)
            os.close(says_ready)
            assert os.read(ready, 1) == b"."
            os.close(ready)
            return process

        def connect(seconds: float = 60) -> socket.socket:
            peer = socket.create_connection(listening.getsockname(), timeout=seconds)
            return ending.enter_context(peer)

        def is_taken(peer: socket.socket) -> bool:
            with suppress(TimeoutError):
                peer.sendall(request)
                return peer.recv(100).startswith(b"HTTP/1.1 200 ")
            return False

        leaving = start()
        early, other = connect(), connect()
        assert is_taken(other), "so the earlier one is taken too"
        leaving.send_signal(signal.SIGUSR1)
        until(lambda: not is_taken(connect(0.2)))
        waiting = connect()
        waiting.sendall(request)
        assert is_taken(early)
        leaving.terminate()
        assert leaving.wait(60) == 0
        start()
        assert waiting.recv(100).startswith(b"HTTP/1.1 200 ")


# signs of life


_BEATING = """
import contextlib, os, pathlib, sys, time
pipe = int(sys.argv[-1])
os.set_blocking(pipe, False)
while pathlib.Path("loads").exists(): time.sleep(0.02)
os.write(pipe, b".")
while True:
    if not pathlib.Path("hangs").exists():
        os.write(pipe, b"b")
    time.sleep(0.02)
"""
"""A server, or a worker, that says that it lives until it is told to hang, or still loads."""


@pytest.fixture
def slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[supervisor.Slot]:
    """A place, by default a server's, whose process counts as hung after 0.3 s."""
    name = getattr(request, "param", "server process 1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(supervisor, "SILENT", 0.1)
    monkeypatch.setattr(supervisor, "HUNG", 0.3)
    monkeypatch.setattr(supervisor, "MIN_PAUSE", 0.0)
    with socket.socket() as listening:
        command = [sys.executable, "-S", "-c", _BEATING]
        number = None if name == "worker" else listening.fileno()
        place = supervisor.Slot(name, command, number, 0.0)
        yield place
        if place.process is not None:
            place.process.kill()
            until(lambda: place.process is None or place.process.look() is not None)


def _beats(place: supervisor.Slot) -> bool:
    place.look()
    return place.process is not None and place.process.has_given_sign


def test_a_process_that_is_stopped_is_killed_and_replaced(
    slot: supervisor.Slot, capfd: pytest.CaptureFixture[str]
) -> None:
    until(lambda: _beats(slot))
    assert slot.process is not None
    assert slot.takes_connections
    before = slot.process.pid
    os.kill(before, signal.SIGSTOP)
    until(lambda: not slot.takes_connections)
    assert _lives(before), "connections are led away first"
    until(lambda: _beats(slot) and slot.process is not None and slot.process.pid != before)
    assert slot.takes_connections
    said = capfd.readouterr().err.splitlines()
    assert said[0] == (
        f"The server process 1 (pid {before}) has sent no heartbeat for 0.3 s; it is killed and"
        " replaced."
    )
    assert said[1].startswith("The server process 1 ended (-9)")


def test_a_process_whose_loop_hangs_is_replaced(slot: supervisor.Slot, tmp_path: Path) -> None:
    """It runs, and answers nobody."""
    until(lambda: _beats(slot))
    assert slot.process is not None
    before = slot.process.pid
    (tmp_path / "hangs").touch()
    until(lambda: slot.look() is not None)
    assert not _lives(before)


def test_the_supervisors_own_sleep_is_held_against_nobody(slot: supervisor.Slot) -> None:
    until(lambda: _beats(slot))
    assert slot.process is not None
    os.kill(slot.process.pid, signal.SIGSTOP)
    slot.process.pardon(3600)  # it slept for an hour, and so did all others
    for _look in range(20):
        assert slot.look() is None
    assert slot.process.silence() < 0
    os.kill(slot.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("slot", ["server process 1", "worker"], indirect=True)
def test_one_that_hangs_before_its_first_sign_of_life_is_replaced(
    slot: supervisor.Slot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It has longer: it loads first."""
    monkeypatch.setattr(supervisor, "LOADING", 1.0)
    (tmp_path / "loads").touch()
    until(lambda: slot.look() is None and slot.process is not None)
    assert slot.process is not None
    before = slot.process
    until(lambda: slot.look() is not None)
    assert not before.has_given_sign
    assert not _lives(before.pid)
    assert monotonic() - before.began >= 1.0
    assert f"(pid {before.pid}) has sent no heartbeat for 1 s" in capfd.readouterr().err
    (tmp_path / "loads").unlink()
    until(lambda: _beats(slot))
    assert slot.process.pid != before.pid


def test_systemd_hears_that_it_is_ready_once_and_that_it_lives_again_and_again(
    tmp_path: Path,
) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.setblocking(False)  # noqa: FBT003  # positional only
        own = supervisor.ServiceManager(address, 0.04)
        heard: list[bytes] = []
        while len(heard) < 4:
            own.beat()
            with suppress(BlockingIOError):
                heard.append(manager.recv(100))
        assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    own.beat()  # nobody listens any more: it goes on


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": "no address"}, None),
        ({"NOTIFY_SOCKET": "/run/notify"}, ("/run/notify", 0.0)),
        ({"NOTIFY_SOCKET": "@notify", "WATCHDOG_USEC": "30000000"}, ("@notify", 30.0)),
        (
            {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
            ("/n", 0.0),  # it is for another process
        ),
        (
            {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid())},
            ("/n", 5.0),
        ),
    ],
)
def test_what_systemd_asks_for(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: object
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert service_manager() == expected
