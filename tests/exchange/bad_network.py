"""A TCP proxy that loses, delays and doubles what passes it, as its own dice say."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import suppress
from random import Random
from time import sleep

_ENDS = b"\r\n\r\n"


class BadNetwork:
    """One listening port of 127.0.0.1 in front of another. Each connection carries one call.

    ``odds`` of ``cut`` (nothing arrives), ``lost`` (it arrives, the answer does not), ``late`` (up
    to half a second) and ``doubled`` (it arrives twice); what is left passes.
    """

    def __init__(self, target: int, dice: Random, **odds: float) -> None:
        self._target, self._dice, self.odds = target, dice, odds
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.done: Counter[str] = Counter()
        threading.Thread(target=self._accept, daemon=True).start()

    def heal(self) -> None:
        """Everything passes from now on."""
        self.odds = {}

    def _accept(self) -> None:
        while True:
            peer, _ = self._listener.accept()
            fate, roll = "passed", self._dice.random()
            for name, odds in self.odds.items():
                roll -= odds
                if roll < 0:
                    fate = name
                    break
            self.done[fate] += 1
            threading.Thread(target=self._carry, args=(peer, fate), daemon=True).start()

    def _carry(self, peer: socket.socket, fate: str) -> None:
        with suppress(OSError), peer:
            peer.settimeout(60)
            if fate == "cut":
                return
            request = _whole(peer)
            if fate == "late":
                sleep(self._dice.random() / 2)
            if fate == "doubled":
                self._ask(request)
            answer = self._ask(request)
            if fate != "lost":
                peer.sendall(answer)

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._target), timeout=60) as there:
            there.sendall(request)
            return _whole(there)


def _whole(peer: socket.socket) -> bytes:
    """One HTTP message, up to the end that its Content-Length names, or that of the connection."""
    got = b""
    while _ENDS not in got:
        part = peer.recv(65536)
        if not part:
            return got
        got += part
    head, _, body = got.partition(_ENDS)
    length = None
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    if length is None and not head.startswith(b"HTTP/"):
        length = 0
    parts = [body]
    count = len(body)
    while length is None or count < length:
        part = peer.recv(65536)
        if not part:
            break
        parts.append(part)
        count += len(part)
    return head + _ENDS + b"".join(parts)
