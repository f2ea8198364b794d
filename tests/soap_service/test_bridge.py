"""The bridge by itself: an ASGI conversation in, a WSGI application behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from app.bridge import Bounds, Bridge

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LIMIT = 100


class Application:
    """Keeps what it was asked and answers its body."""

    def __init__(self) -> None:
        self.seen: list[WSGIEnvironment] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.seen.append(environ)
        start_response("200 OK", [("X-Twice", "1"), ("X-Twice", "2")])
        return [environ["wsgi.input"].read(), b"!"]


def talk(
    application: Application,
    parts: Sequence[bytes | None],
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    bounds: Bounds | None = None,
    ends: bool = True,
) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Send a body in parts (None: the sender leaves); ``ends``: the last part is its end."""
    bridge = Bridge(
        application,
        body_limit=lambda _path: LIMIT,
        refusal=lambda _path, status: ("text/xml", str(status.value).encode()),
        bounds=bounds,
    )
    scope = {
        "type": "http",
        "method": "POST",
        "http_version": "1.1",
        "path": "/",
        "raw_path": b"/x%C3%A9",
        "query_string": b"a=b",
        "headers": list(headers),
        "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 80),
    }
    coming = [
        {"type": "http.disconnect"}
        if part is None
        else {"type": "http.request", "body": part, "more_body": not ends or number < len(parts)}
        for number, part in enumerate(parts, start=1)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        if coming:
            return coming.pop(0)
        return await asyncio.get_running_loop().create_future()  # a sender that only waits

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(bridge(scope, receive, send))
    start, body = sent
    return start["status"], body["body"], start["headers"]


def test_a_whole_request_is_handed_on() -> None:
    application = Application()
    status, body, headers = talk(
        application,
        [b"ab", b"", b"c"],
        headers=[
            (b"content-type", b"text/xml"),
            (b"transfer-encoding", b"chunked"),
            (b"content_length", b"9"),
            (b"soapaction", b"one"),
            (b"soapaction", b"two"),
        ],
    )
    assert (status, body) == (200, b"abc!")
    assert headers == [(b"x-twice", b"1"), (b"x-twice", b"2"), (b"content-length", b"4")]
    (environ,) = application.seen
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/xé"
    assert environ["QUERY_STRING"] == "a=b"
    assert environ["CONTENT_TYPE"] == "text/xml"
    assert environ["CONTENT_LENGTH"] == "3"
    assert environ["HTTP_SOAPACTION"] == "one,two"
    assert environ["REMOTE_ADDR"] == "192.0.2.1"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_a_missing_length_stays_missing() -> None:
    application = Application()
    talk(application, [b""])
    assert "CONTENT_LENGTH" not in application.seen[0]


@pytest.mark.parametrize(
    ("parts", "declared", "status"),
    [
        ([b"x" * 60, b"x" * 60], None, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        ([b"x"], b"101", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        ([b"x", None], b"5", HTTPStatus.BAD_REQUEST),
        ([b"x"], b"5", HTTPStatus.BAD_REQUEST),
    ],
)
def test_what_is_not_whole_or_too_large_never_takes_a_thread(
    parts: list[bytes | None], declared: bytes | None, status: HTTPStatus
) -> None:
    application = Application()
    headers = [(b"content-length", declared)] if declared else []
    answer, body, sent = talk(application, parts, headers=headers)
    assert (answer, body) == (status, str(status.value).encode())
    assert (b"connection", b"close") in sent
    assert not application.seen


def test_a_sender_that_waits_is_given_up() -> None:
    application = Application()
    status, _, _ = talk(application, [b"x"], ends=False, bounds=Bounds(body_time=0.05))
    assert status == HTTPStatus.REQUEST_TIMEOUT
    assert not application.seen


def test_all_bodies_together_are_bounded() -> None:
    application = Application()
    status, _, _ = talk(application, [b"x" * 50], bounds=Bounds(buffered=40))
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not application.seen
