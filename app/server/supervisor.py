"""Holds the portal's sockets and restarts its processes.

Run as ``python -m app.server.supervisor`` with one argument, a JSON list: the numbers of the
listening sockets, the number of server processes, their command, the worker's command or null, the
portal's URL, the time when the start began (printed with the URL once the portal answers) and,
under systemd, its socket and watchdog.

A process that ends is restarted after a pause; the others continue and accept its connections. One
that hangs, as missing heartbeats show, is killed and replaced. Only if a server fails before any
was ready does the supervisor exit, with its exit code. SIGTERM and SIGINT are passed on once; the
supervisor waits for the processes to end. SIGUSR1 replaces the server processes one by one, the new
one ready before the old one is stopped, then the worker. When the supervisor is killed, Linux ends
the others: the servers at once, so that nothing holds the port, and the worker in order. Uses only
the standard library, to save memory.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic, sleep
from types import FrameType
from typing import Final

HEAD_START: Final = 2.0
"""Seconds before the worker starts: the first pages do not wait for its start."""
MIN_PAUSE: Final = 0.5
MAX_PAUSE: Final = 30.0
"""Longest pause in seconds before a restart: doubled each time a process ends soon."""
LIVED_WELL: Final = 60.0
"""A process that ran for so many seconds did not end soon."""
SERVER_STOP_TIMEOUT: Final = 5.0
"""Seconds that a server has for its current requests before it is killed at shutdown."""
REPLACED_STOP_TIMEOUT: Final = 60.0
"""The same when it is replaced: as long as a client may take to accept an answer."""
FAREWELL: Final = 0.3
"""Seconds from a server's last new connection to its end: connected clients have sent something."""
WORKER_STOP_TIMEOUT: Final = 15.0
"""Seconds that the worker has to end; by itself it needs 8 at most."""
_LOOK: Final = 0.1
SILENT: Final = 5.0
"""Seconds without a heartbeat after which new connections are sent to the other servers."""
HUNG: Final = 20.0
"""Seconds without a heartbeat after which a process is killed; one is sent every second. Seconds in
which this process itself did not run do not count: then no process ran."""
LOADING: Final = 120.0
"""The same before the first heartbeat: loading takes some seconds, on a busy machine many. The
tables of a database are upgraded before any process is started."""
_OWN_GAP: Final = 1.0
"""Seconds between two checks above which this process did not run."""
_PR_SET_PDEATHSIG: Final = 1


_SO_ATTACH_REUSEPORT_CBPF: Final = 51
_SO_DETACH_REUSEPORT_BPF: Final = 68
"""socket(7); Python has no names for them."""
_BPF_RETURN: Final = 0x06
"""BPF_RET | BPF_K of linux/bpf_common.h: a filter that is one constant."""


def lead_to(sockets: Sequence[socket.socket], index: int | None) -> None:
    """Send new connections to this one of the sockets that share a port; None = to any.

    Otherwise connections that the kernel gives to the socket of a dead process wait until the next
    one is loaded. They also wait on systems where this is not possible.
    """
    with suppress(OSError):
        if index is None:
            sockets[0].setsockopt(socket.SOL_SOCKET, _SO_DETACH_REUSEPORT_BPF, 0)
            return
        step = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RETURN, 0, 0, index))
        program = struct.pack("HL", 1, ctypes.addressof(step))
        sockets[0].setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, program)


def _ends_with_parent(by: signal.Signals) -> Callable[[], None]:
    """For the child: when this supervisor is killed, Linux sends it this signal."""
    parent = os.getpid()

    def prepare() -> None:
        with suppress(OSError, AttributeError):  # another system; a worker notices by itself
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:  # killed before that
            os._exit(1)

    return prepare


class Process:
    """A running server (with ``listening``, the socket's number) or worker."""

    def __init__(self, command: list[str], listening: int | None) -> None:
        self.began = monotonic()
        self.is_ready = listening is None
        self.timeout = WORKER_STOP_TIMEOUT if listening is None else SERVER_STOP_TIMEOUT
        self._listens = listening is not None
        self._is_ending = self._is_killed = False
        self._terminate_at: float | None = None
        self._kill_at: float | None = None
        self.has_given_sign = False
        self._seen = self.began
        """The last heartbeat, by ``monotonic``; before the first one, the start."""
        self._pipe, write_end = os.pipe()
        os.set_blocking(self._pipe, False)
        inherited = [write_end] if listening is None else [listening, write_end]
        given = ["--beats", write_end] if listening is None else inherited
        # its own process group: Ctrl-C reaches only the supervisor, which signals each child once
        self._process = subprocess.Popen(  # noqa: S603  # the commands that `flask serve` made
            [*command, *map(str, given)],
            stdin=subprocess.DEVNULL,
            process_group=0,
            pass_fds=inherited,
            preexec_fn=_ends_with_parent(  # this process has one thread
                signal.SIGTERM if listening is None else signal.SIGKILL
            ),
        )
        self.pid = self._process.pid
        os.close(write_end)

    def _hear(self) -> None:
        """Read its heartbeats: the first one of a server means that it is ready."""
        with suppress(BlockingIOError):
            while os.read(self._pipe, 1000):
                self.is_ready = self.has_given_sign = True
                self._seen = monotonic()

    def silence(self) -> float:
        """Seconds since the last heartbeat, or since the start if there was no heartbeat."""
        return monotonic() - self._seen

    @property
    def may_be_silent(self) -> float:
        """Seconds of silence after which it counts as hung."""
        return HUNG if self.has_given_sign else LOADING

    def pardon(self, seconds: float) -> None:
        """Do not count that time as silence."""
        self._seen += seconds

    def kill_if_hung(self, name: str) -> None:
        """Kill it, and log so, if it has been silent for too long."""
        if self.silence() > self.may_be_silent and not self._is_killed:
            self._is_killed = True
            _say(
                f"The {name} (pid {self.pid}) has sent no heartbeat for"
                f" {self.may_be_silent:g} s; it is killed and replaced."
            )
            self.kill()

    def kill(self) -> None:
        """Kill it at once."""
        self._process.kill()

    def look(self) -> int | None:
        """Note whether it is ready; kill it if it ends too slowly; return the exit code if it
        ended."""
        code = self._process.poll()
        if self._pipe >= 0:
            self._hear()
            if code is not None:
                os.close(self._pipe)
                self._pipe = -1
        now = monotonic()
        if code is None and self._kill_at is not None and now > self._kill_at:
            self._process.kill()
        elif (
            code is None
            and self._terminate_at is not None
            and not self._is_ending
            and now >= self._terminate_at
        ):
            self._is_ending = True
            self._process.terminate()
        return code

    def stop(self, timeout: float) -> None:
        """Stop it in order, and kill it after so many seconds. A server first accepts no new
        connections."""
        now = monotonic()
        if self._terminate_at is None:
            self._terminate_at = now
            if self._listens and self.is_ready:
                self._process.send_signal(signal.SIGUSR1)
                self._terminate_at += FAREWELL
        self._kill_at = self._terminate_at + timeout


class Slot:
    """A process that must always run, one server or the worker: it is restarted whenever it
    ends."""

    def __init__(self, name: str, command: list[str], listening: int | None, start: float) -> None:
        self.name, self._command, self._listening = name, command, listening
        self._start_at, self._pause = start, MIN_PAUSE
        self.process: Process | None = None
        self.successor: Process | None = None

    def look(self) -> int | None:
        """Start what is due; return the exit code of a process that ended."""
        if self.process is None:
            if self.successor is None and monotonic() >= self._start_at:
                self.process = Process(self._command, self._listening)
            return None
        code = self.process.look()
        if code is None:
            self.process.kill_if_hung(self.name)
            return None
        if monotonic() - self.process.began > LIVED_WELL:
            self._pause = MIN_PAUSE
        _say(f"The {self.name} ended ({code}); it is started again in {self._pause:g} s.")
        self.process, self._start_at = None, monotonic() + self._pause
        self._pause = min(MAX_PAUSE, self._pause * 2)
        return code

    @property
    def takes_connections(self) -> bool:
        """Return whether a ready process is alive."""
        return any(
            one is not None and one.is_ready and one.silence() < SILENT
            for one in (self.process, self.successor)
        )

    def begin_replacing(self) -> Process:
        """Start a successor in addition to the running process."""
        self.successor = Process(self._command, self._listening)
        return self.successor

    def end_replacing(self) -> Process | None:
        """Replace the process by its successor; return the replaced one."""
        before, self.process, self.successor = self.process, self.successor, None
        return before


class ServiceManager:
    """Notifies systemd over its socket (sd_notify(3)): that the portal serves, and that this
    process is alive. ``every``: seconds within which systemd expects it; 0 = never."""

    def __init__(self, address: str, every: float) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every, self._next = every, 0.0
        self._said_ready = False

    def beat(self) -> None:
        """Send it if it is due."""
        if not self._said_ready:
            self._said_ready = self._tell(b"READY=1")
        if self._every and monotonic() >= self._next:
            self._next = monotonic() + self._every / 4
            self._tell(b"WATCHDOG=1")

    def _tell(self, line: bytes) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.setblocking(False)  # noqa: FBT003  # positional only
            own.sendto(line, self._address)
            return True
        return False


class Supervisor:
    """Runs all processes until a signal comes or the start fails."""

    def __init__(
        self,
        listening: list[int],
        servers: int,
        server: list[str],
        worker: list[str] | None,
        url: str,
        began: float,
        manager: tuple[str, float] | None = None,
    ) -> None:
        self._manager = ServiceManager(*manager) if manager else None
        self._sockets = [socket.socket(fileno=number) for number in listening]
        self._led_to: int | None = None
        self._servers = [
            Slot(f"server process {index + 1}", server, listening[index % len(listening)], 0.0)
            for index in range(servers)
        ]
        self._workers = [Slot("worker", worker, None, monotonic() + HEAD_START)] if worker else []
        self._url, self._began = url, began
        self._started = False
        """Whether any server process was ever ready."""
        self._to_replace: list[Slot] = []
        self._leaving: list[Process] = []
        self._ending = self._replacing = False
        self._paused_at = monotonic()
        self._awake, wakes = os.pipe()
        for number in (self._awake, wakes):
            os.set_blocking(number, False)
        signal.set_wakeup_fd(wakes)

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """Stop everything; a signal's handler."""
        self._ending = True

    def replace(self, _number: int, _frame: FrameType | None) -> None:
        """Replace all processes one by one; a signal's handler."""
        self._replacing = True

    def notice(self, _number: int, _frame: FrameType | None) -> None:
        """Handle the end of a process: check at once, and send no connections to it; a signal's
        handler."""

    def _pause(self) -> None:
        """Wait for a signal, or until the next check is due."""
        if select.select([self._awake], [], [], _LOOK)[0]:
            os.read(self._awake, 100)
        now = monotonic()
        gap, self._paused_at = now - self._paused_at, now
        if gap > _OWN_GAP:  # this process did not run: then silence does not count
            for place in self._servers + self._workers:
                for one in (place.process, place.successor):
                    if one is not None:
                        one.pardon(gap)

    def run(self) -> int:
        """Run; return the exit code: 0 if a signal ended it, else that of the server that failed to
        start."""
        places = self._servers + self._workers
        try:
            while not self._ending:
                for place in places:
                    code = place.look()
                    if code and code > 0 and place in self._servers and not self._started:
                        return code
                self._lead_connections()
                self._leaving = [process for process in self._leaving if process.look() is None]
                self._go_on_replacing()
                if self._manager is not None and self._started:
                    self._manager.beat()
                self._pause()
        finally:
            running = [one for place in places for one in (place.process, place.successor) if one]
            _end(running + self._leaving)
        return 0

    def _lead_connections(self) -> None:
        """Send no connections to sockets whose process accepts none, as long as another one
        does."""
        ready = [index for index, place in enumerate(self._servers) if place.takes_connections]
        if ready and not self._started:
            self._started = True
            line = f"Ready: {self._url} answers after {monotonic() - self._began:.1f} s.\n"
            with suppress(OSError):  # the parent may have read enough and closed the pipe
                os.write(1, line.encode())
        if len(self._sockets) < len(self._servers):  # systemd's: all processes share it
            return
        to = ready[0] if 0 < len(ready) < len(self._servers) else None
        if to != self._led_to:
            lead_to(self._sockets, to)
            self._led_to = to

    def _go_on_replacing(self) -> None:
        """Do one step; if a new process fails to start, the old one stays."""
        if self._replacing and not self._to_replace:
            self._replacing, self._to_replace = False, list(self._servers)
        if not self._to_replace:
            return
        place = self._to_replace[0]
        successor = place.successor or place.begin_replacing()
        if (code := successor.look()) is not None:
            place.successor, self._to_replace = None, []
            _say(f"The new {place.name} ended ({code}); no further processes are replaced.")
            return
        successor.kill_if_hung(f"new {place.name}")
        if successor.is_ready:
            del self._to_replace[0]
            if (before := place.end_replacing()) is not None:
                before.stop(REPLACED_STOP_TIMEOUT)
                self._leaving.append(before)
            if not self._to_replace:
                _say("The server processes are replaced.")
                for worker in self._workers:  # its place starts the next
                    if worker.process is not None:
                        worker.process.stop(WORKER_STOP_TIMEOUT)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # the log of all


def _end(processes: list[Process]) -> None:
    """Signal each once, and wait."""
    for process in processes:
        process.stop(process.timeout)
    while any(process.look() is None for process in processes):
        sleep(_LOOK / 2)


def main() -> None:
    """Supervise the processes named on the command line."""
    supervisor = Supervisor(*json.loads(sys.argv[1]))
    signal.signal(signal.SIGTERM, supervisor.end)
    signal.signal(signal.SIGINT, supervisor.end)
    signal.signal(signal.SIGUSR1, supervisor.replace)
    signal.signal(signal.SIGCHLD, supervisor.notice)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under `nohup`
        signal.signal(signal.SIGHUP, supervisor.end)
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
