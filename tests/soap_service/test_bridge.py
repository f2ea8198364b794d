"""The bridge by itself: an ASGI conversation in, a WSGI application behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from app.core.web.requests.streaming import mark_pushed, mark_streamed, may_push
from app.server.asgi_adapter import Bounds, Bridge

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LIMIT = 100
HEAVY = b"heavy"


class Application:
    """Keeps what it was asked and answers its body."""

    def __init__(self) -> None:
        self.seen: list[WSGIEnvironment] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.seen.append(environ)
        start_response("200 OK", [("X-Twice", "1"), ("X-Twice", "2")])
        return [environ["wsgi.input"].read(), b"!"]


HOST = [(b"host", b"localhost")]
SCOPE = {
    "type": "http",
    "method": "POST",
    "http_version": "1.1",
    "path": "/",
    "raw_path": b"/x%C3%A9",
    "query_string": b"a=b",
    "headers": HOST,
    "client": ("192.0.2.1", 1),
    "server": ("127.0.0.1", 80),
}


def bridge_of(application: Application, bounds: Bounds | None) -> Bridge:
    """Takes ``LIMIT`` bytes where the address has the query a=b, else none."""
    return Bridge(
        application,
        body_limit=lambda _path, query, _cookies: LIMIT if query == "a=b" else 0,
        refusal=lambda _path, _query, status, _why: ("text/xml", str(status.value).encode()),
        is_heavy=lambda _path, _query, body: body == HEAVY,
        bounds=bounds,
    )


def talk(
    application: Application,
    parts: Sequence[bytes | None],
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    bounds: Bounds | None = None,
    ends: bool = True,
) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Send a body in parts (None: the sender leaves); ``ends``: the last part is its end."""
    bridge = bridge_of(application, bounds)
    scope = {**SCOPE, "headers": [*HOST, *headers]}
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
    for bounds in (Bounds(buffered=40), Bounds(small=9, buffered_large=40)):
        application = Application()
        status, _, _ = talk(application, [b"x" * 25, b"x" * 25], bounds=bounds)
        assert status == HTTPStatus.SERVICE_UNAVAILABLE
        assert not application.seen
    for bounds in (Bounds(buffered_large=0), Bounds(small=9, buffered=9)):
        assert talk(Application(), [b"x" * 25, b"x" * 25], bounds=bounds)[0] == HTTPStatus.OK


def test_large_answers_that_are_not_taken_are_bounded() -> None:
    async def conversation() -> list[list[Any]]:
        bridge = bridge_of(Application(), Bounds(small=9, leaving=50))
        taken = asyncio.Event()
        answers: list[list[Any]] = [[], [], []]

        async def ask(which: int, size: int) -> None:
            async def receive() -> Any:
                return {"type": "http.request", "body": b"x" * size, "more_body": False}

            async def send(message: Any) -> None:
                answers[which].append(message)
                if which == 0:
                    await taken.wait()

            await bridge(SCOPE, receive, send)

        slow = asyncio.create_task(ask(0, 40))
        while not answers[0]:  # until the first answer is leaving
            await asyncio.sleep(0)
        await ask(1, 20)
        await ask(2, 5)
        taken.set()
        await slow
        return answers

    statuses = [answer[0]["status"] for answer in asyncio.run(conversation())]
    assert statuses == [HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.OK]


def test_a_request_does_not_wait_for_heavy_ones() -> None:
    bounds, free = Bounds(threads=1), threading.Event()

    class Busy(Application):
        def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            (body, end) = super().__call__(environ, start)
            if body == HEAVY:
                free.wait(60)
            return [body, end]

    async def conversation() -> list[bytes]:
        application = Busy()
        bridge = bridge_of(application, bounds)
        answered: list[bytes] = []

        async def ask(sent: bytes) -> None:
            async def receive() -> Any:
                return {"type": "http.request", "body": sent, "more_body": False}

            async def send(message: Any) -> None:
                if message["type"] == "http.response.body":
                    answered.append(message["body"])

            await bridge(SCOPE, receive, send)

        heavy = [asyncio.create_task(ask(HEAVY)) for _ in range(5)]
        while len(application.seen) < bounds.heavy_threads:  # until all of theirs are taken
            await asyncio.sleep(0)
        await asyncio.wait_for(ask(b"light"), 50)
        free.set()
        await asyncio.gather(*heavy)
        return answered

    assert asyncio.run(conversation()) == [b"light!", *[b"heavy!"] * 5]


class Streaming:
    """Answers piece by piece, and notes what became of it."""

    def __init__(self, pieces: Sequence[bytes], *, breaks: bool = False) -> None:
        self.pieces = pieces
        self.breaks = breaks
        self.made = 0
        self.closed = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        mark_streamed(environ)
        start_response("200 OK", [("X-Kind", "streamed")])
        return self._body()

    def _body(self) -> Iterator[bytes]:
        try:
            for piece in self.pieces:
                self.made += 1
                yield piece
            if self.breaks:
                raise ValueError("the database is gone")
        finally:
            self.closed.set()


def stream(
    application: Streaming,
    *,
    bounds: Bounds | None = None,
    taken: int | None = None,
    leaves: bool = False,
) -> list[Any]:
    """What is sent; the client takes ``taken`` messages and then no more, or leaves."""

    async def conversation() -> list[Any]:
        bridge = bridge_of(application, bounds)  # type: ignore[arg-type]
        sent: list[Any] = []
        left = asyncio.Event()
        asked = False

        async def receive() -> Any:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if taken is not None and len(sent) >= taken:
                if not leaves:
                    await asyncio.get_running_loop().create_future()
                left.set()  # a server drops what is sent to a client that left
                return
            sent.append(message)

        await bridge(SCOPE, receive, send)
        return sent

    return asyncio.run(conversation())


def test_a_streamed_answer_is_given_out_piece_by_piece() -> None:
    application = Streaming([b"ab", b"", b"c"])
    start, *body = stream(application)
    assert start["status"] == HTTPStatus.OK
    assert start["headers"] == [(b"x-kind", b"streamed")]
    assert [(part["body"], part["more_body"]) for part in body] == [
        (b"ab", True),
        (b"c", True),
        (b"", False),
    ]
    assert application.closed.is_set()


def test_nothing_more_is_made_for_who_does_not_take_it() -> None:
    application = Streaming([b"x"] * 1000)
    sent = stream(application, bounds=Bounds(send_time=0.05), taken=3)
    assert len(sent) == 3
    assert application.made == 3  # the head and two were taken; the third waits
    assert application.closed.is_set()


def test_what_is_made_for_who_left_ends() -> None:
    application = Streaming([b"x"] * 1000)
    sent = stream(application, taken=3, leaves=True)
    assert len(sent) == 3
    assert application.made < 10
    assert application.closed.is_set()


def test_a_streamed_answer_that_cannot_be_made_is_not_ended() -> None:
    application = Streaming([b"ab"], breaks=True)
    _start, *body = stream(application)
    assert [(part["body"], part["more_body"]) for part in body] == [(b"ab", True)]
    assert application.closed.is_set()


def test_streamed_answers_are_bounded() -> None:
    application = Streaming([b"ab"])
    start, body = stream(application, bounds=Bounds(streams=0))
    assert (start["status"], body["body"]) == (HTTPStatus.SERVICE_UNAVAILABLE, b"503")
    assert not application.made


class Pushing:
    """An answer that has something to give out now and then, and notes what became of it."""

    def __init__(self, *pieces: bytes | None) -> None:
        self.pieces = list(pieces)
        self.taken = 0
        self.closed = 0
        self.wakes: list[Callable[[], None]] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert may_push(environ)
        mark_pushed(environ, self)
        start_response("200 OK", [("X-Kind", "pushed")])
        return iter(())

    def open(self, wake: Callable[[], None]) -> None:
        self.wakes.append(wake)

    def take(self) -> bytes | None:
        self.taken += 1
        piece = self.pieces.pop(0) if self.pieces else b""
        if piece == b"":  # another thread has something in a moment
            threading.Thread(target=self.wakes[0]).start()
        return piece

    def close(self) -> None:
        self.closed += 1


def test_a_pushed_answer_waits_without_a_thread_until_it_is_woken() -> None:
    application = Pushing(b"ab", b"", b"c", b"", None)
    start, *body = stream(application)  # type: ignore[arg-type]
    assert (start["status"], start["headers"]) == (HTTPStatus.OK, [(b"x-kind", b"pushed")])
    assert [(part["body"], part["more_body"]) for part in body] == [
        (b"ab", True),
        (b"c", True),
        (b"", False),
    ]
    assert application.closed == 1


def test_nothing_is_heaped_up_for_who_does_not_take_what_is_pushed() -> None:
    application = Pushing(*[b"x"] * 1000)
    sent = stream(application, bounds=Bounds(send_time=0.05), taken=3)  # type: ignore[arg-type]
    assert (len(sent), application.taken) == (3, 3)
    assert application.closed == 1


def test_a_pushed_answer_ends_with_its_client() -> None:
    application = Pushing(b"x", b"x", b"x", b"x")
    stream(application, taken=3, leaves=True)  # type: ignore[arg-type]
    assert application.closed == 1


class Lived:
    """A server's lifespan, with each sign of life."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bounds: Bounds | None = None) -> None:
        monkeypatch.setattr("app.server.asgi_adapter._BEAT", 0.0)
        self.application = Application()
        self.bridge = bridge_of(self.application, bounds)
        self.beats = 0
        self.bridge.beat = self._beat
        self.wanted, self.ending = 5, asyncio.Event()

    def _beat(self) -> None:
        self.beats += 1
        if self.beats == self.wanted:
            self.ending.set()

    async def receive(self) -> Any:
        if not self.beats and not self.ending.is_set() and not hasattr(self, "began"):
            self.began = True
            return {"type": "lifespan.startup"}
        await self.ending.wait()
        return {"type": "lifespan.shutdown"}

    async def send(self, _message: Any) -> None:
        """Nobody listens."""

    async def live(self) -> None:
        await self.bridge({"type": "lifespan"}, self.receive, self.send)


def test_it_says_again_and_again_that_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    lived = Lived(monkeypatch)
    asyncio.run(lived.live())
    assert lived.beats >= lived.wanted


def test_it_says_so_no_longer_while_its_threads_finish_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One thread, and a request in it that does not end; the event loop runs on."""
    monkeypatch.setattr("app.server.asgi_adapter._LONGEST_WORK", 0.05)
    stuck, inside = threading.Event(), threading.Event()
    lived = Lived(monkeypatch, Bounds(threads=1))
    lived.wanted = -1

    def hang(_environ: object, start: Any) -> Any:
        inside.set()
        stuck.wait(60)
        start("200 OK", [])
        return [b""]

    lived.bridge._application = hang

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def whole() -> None:
        living = asyncio.create_task(lived.live())
        request = asyncio.create_task(lived.bridge({**SCOPE}, receive, lived.send))
        await asyncio.to_thread(inside.wait, 60)
        while True:  # until a while has brought no sign of life
            before = lived.beats
            await asyncio.sleep(0.2)
            if lived.beats == before:
                break
        stuck.set()
        await request
        lived.wanted = lived.beats + 3
        await living

    asyncio.run(whole())
    assert lived.beats == lived.wanted, "it says so again once they do"


def test_it_says_so_while_its_threads_end_one_request_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More requests wait than the threads end in a long time, as while the database is stuck."""
    monkeypatch.setattr("app.server.asgi_adapter._LONGEST_WORK", 120.0)
    inside, may_end = threading.Semaphore(0), threading.Semaphore(0)
    lived = Lived(monkeypatch, Bounds(threads=1))
    lived.wanted = -1
    clock = [1000.0]

    def wait(_environ: object, start: Any) -> Any:
        inside.release()
        may_end.acquire()
        start("200 OK", [])
        return [b""]

    lived.bridge._application = wait

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def is_inside() -> bool:
        return await asyncio.to_thread(inside.acquire, timeout=60)

    async def whole() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])
        asked = [
            asyncio.create_task(lived.bridge({**SCOPE}, receive, lived.send)) for _ in range(3)
        ]
        assert await is_inside()
        living = asyncio.create_task(lived.live())
        for _ in range(2):
            clock[0] += 100
            may_end.release()
            assert await is_inside()
        clock[0] += 100
        before = lived.beats
        for _ in range(50):  # as many steps of the loop
            await asyncio.to_thread(lambda: None)
        heard = lived.beats
        may_end.release()
        await asyncio.gather(*asked)
        lived.ending.set()
        await living
        assert heard > before

    asyncio.run(whole())
