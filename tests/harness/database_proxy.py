"""A TCP proxy in front of PostgreSQL that loses what it is told to lose.

``swallow()``: the next COMMIT is carried out and its answer is lost. ``cut()``: the next COMMIT
does not reach the server. ``last()``: the next COMMIT is answered, and it is the last thing the
database does. ``silent()``: nothing is passed on from now on, and nobody is told. ``down()``:
nobody is let in. ``up()`` ends all of it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_COMMIT = b"Q" + struct.pack("!I", 4 + len(b"COMMIT\0")) + b"COMMIT\0"
_READY = b"Z\x00\x00\x00\x05I"
"""The end of the answer: ReadyForQuery, in no transaction."""


class DatabaseProxy:
    """One listening port of 127.0.0.1."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        folder = parse_qs(parts.query)["host"][0]
        self._server = str(Path(folder) / ".s.PGSQL.5432")
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = (
            f"postgresql+psycopg://portal@127.0.0.1:{port}{parts.path}"
            "?sslmode=disable&gssencmode=disable"
        )
        self._next = ""
        self._down = False
        self._silent = threading.Event()
        self._ends: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        self._next = "swallow"

    def cut(self) -> None:
        self._next = "cut"

    def last(self) -> None:
        self._next = "last"

    def silent(self) -> None:
        self._silent.set()

    def down(self) -> None:
        """End every connection, and refuse new ones."""
        self._down = True
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def up(self) -> None:
        self._next, self._down = "", False
        self._silent.clear()

    def close(self) -> None:
        self.down()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._down:
                client.close()
                continue
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            self._ends |= {client, server}
            try:
                server.connect(self._server)
                while self._step(client, server):
                    pass
            finally:
                self._ends -= {client, server}

    def _step(self, client: socket.socket, server: socket.socket) -> bool:
        """Pass on what came from either side; False at the end of the connection."""
        readable, _, _ = select.select([client, server], [], [])
        for source in readable:
            data = source.recv(1 << 16)
            if self._silent.is_set():
                continue
            if not data:
                return False
            if source is client and data.endswith(_COMMIT) and self._next:
                return self._commit(data, client, server)
            (server if source is client else client).sendall(data)
        return True

    def _commit(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        what, self._next = self._next, ""
        if what == "cut":
            server.sendall(data[: -len(_COMMIT)])
            return False
        server.sendall(data)
        answer = b""
        while not answer.endswith(_READY):
            answer += server.recv(1 << 16)
        if what == "last":
            self._ends.discard(client)
            self.down()
            client.sendall(answer)
        return False


@contextmanager
def proxied(url: str) -> Iterator[DatabaseProxy]:
    """A proxy in front of the PostgreSQL database with this URL."""
    proxy = DatabaseProxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
