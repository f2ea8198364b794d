"""What each web node says of itself at ``/readyz``, asked four times a second."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from time import monotonic
from typing import Final

from bench.faults.site import Node

EVERY: Final = 0.25
SILENT: Final = "no answer"


@dataclass(frozen=True)
class Said:
    """From when (monotonic seconds) a node said this; "" = ready."""

    at: float
    node: str
    what: str


@dataclass
class Health:
    """All that the nodes said, each change of it once."""

    webs: Sequence[Node]
    said: list[Said] = field(default_factory=list)
    _now: dict[str, str] = field(default_factory=dict)
    _ends: threading.Event = field(default_factory=threading.Event)
    _threads: Sequence[threading.Thread] = ()

    def start(self) -> None:
        """Ask until ``stop``."""
        self._threads = [
            threading.Thread(target=self._ask, args=(node,), daemon=True) for node in self.webs
        ]
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        """Ask no more."""
        self._ends.set()
        for one in self._threads:
            one.join()

    def are_ready(self) -> bool:
        """Whether every node's last answer was that it is ready."""
        return all(self._now.get(node.name) == "" for node in self.webs)

    def wait_ready(self, seconds: float) -> bool:
        """Wait until all are; whether that came in these seconds."""
        deadline = monotonic() + seconds
        while not self.are_ready() and monotonic() < deadline:
            self._ends.wait(EVERY)
        return self.are_ready()

    def reasons(self, since: float, until: float) -> Sequence[Said]:
        """What was said between two times of a node that was not ready, the oldest first."""
        return [one for one in self.said if since <= one.at <= until and one.what]

    def _ask(self, node: Node) -> None:
        while not self._ends.wait(EVERY):
            what = _answer(node.port)
            if self._now.get(node.name) != what:
                self._now[node.name] = what
                self.said.append(Said(monotonic(), node.name, what))


def _answer(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    with suppress(OSError, HTTPException, ValueError):
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status == 200:
            return ""
        told = json.loads(content)
        return "; ".join(told["reasons"])
    connection.close()
    return SILENT
