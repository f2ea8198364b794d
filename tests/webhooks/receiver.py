"""A receiver of webhooks: a server of its own that keeps what it was sent, and checks it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
TAKEN: Answer = (204, {}, b"")
SILENCE: Answer = (0, {}, b"")
"""No answer: the connection is closed, as by a receiver that is away."""


@dataclass
class Receiver:
    """Keeps what came, and answers what ``answer`` says of each message."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], Answer] = field(default=lambda _message: TAKEN)
    at_once: int = 0
    """Most messages about one ticket that were here at the same time."""
    _here: dict[object, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.got]

    def take(self, headers: dict[str, str], body: bytes) -> Answer:
        message = json.loads(body)
        ticket = message["data"].get("number")
        with self._lock:
            self.got.append((headers, body))
            self._here[ticket] = self._here.get(ticket, 0) + 1
            self.at_once = max(self.at_once, self._here[ticket])
        try:
            return self.answer(message)
        finally:
            with self._lock:
                self._here[ticket] -= 1


def is_signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """As a receiver checks it, computed anew from the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split(" ")


@contextmanager
def receiving() -> Iterator[Receiver]:
    known = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, content = known.take(headers, body)
            if not status:
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(content)
            except OSError:
                """Whoever asked does not wait for the rest."""

        def log_message(self, *_: object) -> None:
            """Nothing is written for each call."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        known.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield known
        server.shutdown()
