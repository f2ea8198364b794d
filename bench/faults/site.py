"""The portal as the guide installs it on several machines, here on one: nginx, web nodes, workers.

A process that ends is started again after a second, as systemd does it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from app.core.folders import PROJECT
from app.core.settings import process_environment
from tests.harness import run
from tests.harness.nginx import NAME, Proxy, nginx
from tests.harness.server import free_port, test_settings

RESTARTED_AFTER: Final = 1.0
"""Seconds, as in ``deploy/systemd``."""


@dataclass
class Node:
    """A machine with one process group of the portal: a web node, or a worker (``port`` 0)."""

    name: str
    port: int
    log: Path
    environ: Mapping[str, str]
    checkout: Path = PROJECT
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _ends: threading.Event = field(default_factory=threading.Event)
    _keeper: threading.Thread | None = None

    def start(self) -> None:
        """Start it, and start it again whenever it ends."""
        self._ends.clear()
        self._begin()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """Stop it as systemd does, and leave it stopped."""
        self._ends.set()
        if self._keeper is not None:
            self._keeper.join()
        process = self._process
        if process is None:
            return
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(40)
        self._signal(signal.SIGKILL)
        process.wait()

    def kill(self) -> None:
        """``kill -9`` of all its processes at once, as if the machine lost its power."""
        self._signal(signal.SIGKILL)

    def _begin(self) -> None:
        python = self.checkout / ".venv" / "bin" / "python"
        program = str(python) if self.checkout != PROJECT else sys.executable
        words = ["-m", "flask", "serve" if self.port else "worker"]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [program, *words],
                cwd=self.checkout,
                env={**self.environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _keep(self) -> None:
        while not self._ends.is_set():
            assert self._process is not None
            if self._process.poll() is None:
                self._ends.wait(0.1)
                continue
            self._signal(signal.SIGKILL)  # what is left of its group
            if not self._ends.wait(RESTARTED_AFTER):
                self.restarts += 1
                self._begin()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


@dataclass(frozen=True)
class Site:
    """All nodes on one database, behind one nginx."""

    url: str
    webs: Sequence[Node]
    workers: Sequence[Node]
    proxy: Proxy

    @property
    def nodes(self) -> Sequence[Node]:
        """Web nodes and workers."""
        return [*self.webs, *self.workers]


@contextmanager
def running_site(
    url: str,
    *,
    webs: int = 2,
    workers: int = 2,
    checkout: Path = PROJECT,
    more: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """Such a site, started. ``more``: variables of the environment of its nodes."""
    front = free_port()
    settings = replace(
        test_settings(url), public_url=f"https://{NAME}:{front}", trusted_proxies=1, worker=False
    )
    folder = run.folder() / f"site-{front}"
    (folder / "nginx").mkdir(parents=True)

    def node(name: str, port: int) -> Node:
        environ = process_environment(replace(settings, port=port) if port else settings)
        return Node(name, port, folder / f"{name}.log", environ | dict(more or {}), checkout)

    front_of = [node(f"web{number + 1}", free_port()) for number in range(webs)]
    behind = [node(f"worker{number + 1}", 0) for number in range(workers)]
    servers = "".join(f"server 127.0.0.1:{one.port};\n" for one in front_of)
    with ExitStack() as held:
        for one in [*front_of, *behind]:
            one.start()
            held.callback(one.stop)
        proxy = held.enter_context(nginx(folder / "nginx", servers, front))
        yield Site(url, front_of, behind, proxy)
