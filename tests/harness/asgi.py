"""Requests to the bridge with all doors behind it, in this process: as the server hands them on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from app import serving
from app.core.web.extensions import db
from app.factory import create_app
from app.server.asgi_adapter import Bridge
from tests.harness.server import test_settings

HOST = ("host", "127.0.0.1:8000")


@dataclass(frozen=True)
class Answer:
    """A whole answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Door:
    """All doors of one process."""

    bridge: Bridge

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (HOST,),
        body: bytes = b"",
        version: str = "1.1",
    ) -> Answer:
        """One answer. A body's length is stated unless ``headers`` do or say that it is chunked."""
        given = [(name.lower(), value) for name, value in headers]
        if body and not {"content-length", "transfer-encoding"} & {name for name, _ in given}:
            given.append(("content-length", str(len(body))))
        address, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "http_version": version,
            "path": address,
            "raw_path": address.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given],
            "client": ("192.0.2.1", 1),
            "server": ("127.0.0.1", "8000"),
            "scheme": "http",
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.bridge(scope, receive, send))
        start, content = sent
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], found, content["body"])


@contextmanager
def doors(database: str, **settings: Any) -> Iterator[Door]:
    """Behind the bridge, on this database, with these settings besides."""
    flask_app = create_app(replace(test_settings(database), **settings))
    bridge = serving.bridge_of(flask_app)
    yield Door(bridge)
    asyncio.run(_end(bridge))
    with flask_app.app_context():
        db.session.remove()
        db.engine.dispose()


async def _end(bridge: Bridge) -> None:
    """The server ends the process in order."""

    async def receive() -> Any:
        return {"type": "lifespan.shutdown"}

    async def send(_message: Any) -> None:
        pass

    await bridge({"type": "lifespan"}, receive, send)
