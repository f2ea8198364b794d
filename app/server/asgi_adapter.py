"""Serves a WSGI application from an asynchronous server, whole requests only.

A request gets one of the few worker threads only once it has arrived completely, within limits of
size and time, and the answer is sent after the thread is free again. Slow, half-sent, endless or
oversized requests therefore cost a socket and a bounded buffer, never a thread: a server that gives
threads the raw socket is blocked by as many half-sent requests as it has threads (measured in
``docs/adr/0002-wsgi-server.md``). An answer that the application marked as streamed
(``app/core/web/requests/streaming.py``) is sent piece by piece: the next piece is computed when the
client has accepted the last one, and if a piece fails, the answer is aborted so that the client
notices. A pushed answer (the same module) waits on the event loop, without a thread.

It connects ASGI 3 and PEP 3333 and does not know tickets, SOAP or Flask: limits and the text of
refusals are arguments.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote_to_bytes

from app.core.traces import new_request
from app.core.web.requests.request_ids import HEADER
from app.core.web.requests.streaming import Pieces, Pushed, is_streamed, let_push, pushed_body

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_BEAT: Final = 1.0
"""Seconds between two heartbeats."""
_LONGEST_WORK: Final = 120.0
"""Seconds after which threads that started nothing new count as hung: longer than all waits of a
request (a lock, a statement, a connection of the pool) together."""
HEADERS_LIMIT: Final = 64 * 1024
"""Bytes of all header lines of one request, including line ends."""


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer, ready to be sent."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class StreamedAnswer:
    """Status and headers of an HTTP answer whose body is computed while it is sent."""

    status: int
    headers: Headers
    pieces: Pieces


@dataclass(frozen=True)
class PushedAnswer:
    """Status and headers of an HTTP answer whose body is sent at irregular times."""

    status: int
    headers: Headers
    body: Pushed


@dataclass(frozen=True)
class Bounds:
    """Limits of one request. Times in seconds, sizes in bytes, per worker process."""

    threads: int = 16
    """Requests processed at once; others wait."""
    heavy_threads: int = 2
    """Heavy requests at once, with threads of their own: however many wait, other requests
    do not."""
    body_time: float = 15.0
    """Longest time from a request's headers to the end of its body, for a small body."""
    slowest: int = 256 * 1024
    """Bytes per second: a larger body gets the extra time that it needs at this speed."""
    send_time: float = 60.0
    """Longest time in which a client has to accept one answer."""
    small: int = 256 * 1024
    """A body or an answer up to this size counts as small."""
    buffered: int = 32 * 1024 * 1024
    """All small bodies that are arriving or waiting, together; above this, new ones get 503."""
    buffered_large: int = 32 * 1024 * 1024
    """The same for large bodies, so that their senders only delay one another."""
    leaving: int = 64 * 1024 * 1024
    """All large answers that clients have not accepted yet, together; above this, new ones
    get 503."""
    streams: int = 16
    """Streamed answers at once, with one piece of each in memory; above this, new ones get 503."""
    stream_threads: int = 2
    """Threads that compute their pieces, so that no other request waits for one."""
    drained: int = 4 * 1024 * 1024
    """How much of an oversized body is read and discarded, so that the sender sees the answer."""


class _Refused(Exception):
    """The request ends with this HTTP status; ``why`` adds what the status does not say."""

    def __init__(self, status: HTTPStatus, why: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.why = why


class _NotMade(RuntimeError):
    """A piece of a streamed answer failed; the cause says why."""


class Bridge:
    """An ASGI application around a WSGI one.

    ``body_limit(path, query, cookies)`` returns the largest body in bytes for an address and the
    content of the Cookie header; ``refusal(path, query, status, why)`` returns the content type and
    the text with which a request is refused before the application sees it, ``headers`` the further
    headers of such an answer. ``host_problem(path, host)`` says in words why a request with this
    Host header is refused (400), or "". ``is_heavy(path, query, body)`` returns whether a complete
    request needs much more work than others. ``at_end()`` is called when the server shuts this
    process down in order, after the last request.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        body_limit: Callable[[str, str, str], int],
        refusal: Callable[[str, str, HTTPStatus, str], tuple[str, bytes]],
        host_problem: Callable[[str, str], str] = lambda _path, _host: "",
        is_heavy: Callable[[str, str, bytes], bool] = lambda _path, _query, _body: False,
        bounds: Bounds | None = None,
        at_end: Callable[[], None] | None = None,
        end_pushed: Callable[[], None] = lambda: None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._at_end = at_end
        self.end_pushed = end_pushed
        """Ends all pushed answers, which could last for hours: the process is about to end."""
        self._application = application
        self._body_limit = body_limit
        self._refusal = refusal
        self._host_problem = host_problem
        self._headers = _given([*(headers or {}).items()])
        self._is_heavy = is_heavy
        self._bounds = bounds or Bounds()
        self._threads = ThreadPoolExecutor(self._bounds.threads, thread_name_prefix="request")
        self._heavy_threads = ThreadPoolExecutor(
            self._bounds.heavy_threads, thread_name_prefix="heavy-request"
        )
        self._stream_threads = ThreadPoolExecutor(
            self._bounds.stream_threads, thread_name_prefix="stream"
        )
        self.beat: Callable[[], None] | None = None
        """Called about once a second while this process serves: by the event loop, after a thread
        has worked, and not if the requests' threads have finished nothing for long."""
        self._finished_at = 0.0
        """When a thread last finished a request, by the event loop's clock."""
        self._streams = 0
        self._buffered = {False: 0, True: 0}
        self._leaving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":  # no web sockets
            return
        path, query = _path(scope), scope["query_string"].decode("latin-1")
        received = _Body(self, 0, self._bounds.small)
        try:
            await self._check_head(scope, path, receive)
            received.limit = self._body_limit(path, query, _cookies(scope))
            body = await self._read(scope, receive, received)
            environ = _environ(scope, path, query, body)
            is_heavy = self._is_heavy(path, query, body)
            threads = self._heavy_threads if is_heavy else self._threads
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(threads, _run, self._application, environ)
            if not is_heavy:
                self._finished_at = loop.time()
        except _Refused as refused:
            answer = self._refused(path, query, refused.status, refused.why)
        finally:
            received.release()
        if isinstance(answer, PushedAnswer):
            await self._push(answer, receive, send)
            return
        if isinstance(answer, StreamedAnswer):
            if self._streams < self._bounds.streams:
                await self._stream(answer, receive, send)
                return
            await self._in_stream_thread(answer.pieces.close)
            answer = self._refused(path, query, HTTPStatus.SERVICE_UNAVAILABLE)
        size = len(answer.body) if len(answer.body) > self._bounds.small else 0
        if size and self._leaving and self._leaving + size > self._bounds.leaving:
            answer, size = self._refused(path, query, HTTPStatus.SERVICE_UNAVAILABLE), 0
        self._leaving += size
        try:
            await self._give(answer, send)
        finally:
            self._leaving -= size

    def _refused(self, path: str, query: str, status: HTTPStatus, why: str = "") -> Answer:
        with new_request("refused") as made:
            content_type, text = self._refusal(path, query, status, why)
        headers = [
            (b"content-type", content_type.encode("latin-1")),
            (b"content-length", str(len(text)).encode("ascii")),
            (b"connection", b"close"),
            (b"cache-control", b"no-store"),
            (HEADER.lower().encode("ascii"), made.request_id.encode("ascii")),
            *self._headers,
        ]
        return Answer(status, headers, text)

    async def _live(self, receive: Receive, send: Send) -> None:
        beating: asyncio.Task[None] | None = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self.beat is not None:
                    beating = asyncio.create_task(self._beat_while_serving(self.beat))
                await send({"type": "lifespan.startup.complete"})
                continue
            if beating is not None:
                beating.cancel()
            if self._at_end is not None:
                await asyncio.get_running_loop().run_in_executor(None, self._at_end)
            await send({"type": "lifespan.shutdown.complete"})
            return

    async def _beat_while_serving(self, beat: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        at_work, since = loop.run_in_executor(self._threads, _nothing), loop.time()
        while True:
            await loop.run_in_executor(None, _nothing)
            if at_work.done():
                at_work, since = loop.run_in_executor(self._threads, _nothing), loop.time()
            # if many wait, this comes to a thread late: finished requests show that threads work
            if loop.time() - max(since, self._finished_at) < _LONGEST_WORK:
                beat()
            await asyncio.sleep(_BEAT)

    async def _check_head(self, scope: Scope, path: str, receive: Receive) -> None:
        """Raise ``_Refused`` for header lines that no honest client sends."""
        try:
            host = _checked_host(scope)
            if host and (why := self._host_problem(path, host)):
                raise _Refused(HTTPStatus.BAD_REQUEST, why)
        except _Refused:
            if (declared := _declared_length(scope)) is not None:
                await self._drain(receive, declared)
            raise

    async def _read(self, scope: Scope, receive: Receive, received: _Body) -> bytes:
        """Return the whole body, or raise ``_Refused``."""
        declared = _declared_length(scope)
        if declared is not None and declared > received.limit:
            # A sender that waits for "100 Continue" has sent nothing yet, so nothing is drained.
            await self._drain(receive, declared)
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        size = received.limit if declared is None else declared
        try:
            async with asyncio.timeout(self._bounds.body_time + size / self._bounds.slowest):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        # The sender left; if only its sending half, it still gets the answer.
                        raise _Refused(HTTPStatus.BAD_REQUEST)
                    if not received.add(message.get("body", b"")):
                        break
                    if not message.get("more_body", False):
                        body = received.joined()
                        if declared is not None and len(body) != declared:
                            raise _Refused(HTTPStatus.BAD_REQUEST)
                        return body
        except TimeoutError:
            raise _Refused(HTTPStatus.REQUEST_TIMEOUT) from None
        await self._drain(receive, self._bounds.drained)
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    async def _drain(self, receive: Receive, expected: int) -> None:
        """Read and discard a limited rest: closing on unread bytes can cost the client our
        answer."""
        left = min(expected, self._bounds.drained)
        try:
            async with asyncio.timeout(min(1.0, self._bounds.body_time)):
                while left > 0:
                    message = await receive()
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        return
                    left -= len(message.get("body", b""))
        except TimeoutError:
            return

    async def _give(self, answer: Answer, send: Send) -> None:
        try:
            async with asyncio.timeout(self._bounds.send_time):
                await send(
                    {
                        "type": "http.response.start",
                        "status": int(answer.status),
                        "headers": answer.headers,
                    }
                )
                await send({"type": "http.response.body", "body": answer.body, "more_body": False})
        except (TimeoutError, OSError, RuntimeError):
            # The client no longer accepts its answer (granian raises RuntimeError then).
            _log.info("answer not accepted by the client")

    async def _stream(self, answer: StreamedAnswer, receive: Receive, send: Send) -> None:
        """Send one piece after another, as long as the client accepts them in time.

        Only a complete answer is ended; the server closes the connection of any other.
        """
        self._streams += 1
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": answer.status,
                    "headers": answer.headers,
                }
            )
            while (piece := await self._in_stream_thread(answer.pieces.next)) is not None:
                if gone.done():
                    raise ConnectionError
                if piece:
                    await self._send_piece(piece, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, OSError, RuntimeError) as error:
            if isinstance(error, _NotMade):
                made = dict(answer.headers).get(HEADER.lower().encode("ascii"), b"")
                _log.error(
                    "a streamed answer broke off",
                    exc_info=error.__cause__,
                    extra={"request": made.decode("latin-1")},
                )
            else:
                _log.info("streamed answer not accepted by the client")
        finally:
            gone.cancel()
            self._streams -= 1
            await self._in_stream_thread(answer.pieces.close)

    async def _push(self, answer: PushedAnswer, receive: Receive, send: Send) -> None:
        """Send whatever is there as soon as it is there, until either side ends the answer.

        Unaccepted data does not pile up: more of the body is requested only after it was accepted.
        """
        loop, awake = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop ended with the process
                loop.call_soon_threadsafe(awake.set)

        gone = asyncio.ensure_future(_until_gone(receive))
        gone.add_done_callback(lambda _: awake.set())
        try:
            answer.body.open(wake)
            await send(
                {
                    "type": "http.response.start",
                    "status": answer.status,
                    "headers": answer.headers,
                }
            )
            while not gone.done() and (piece := answer.body.take()) is not None:
                if piece:
                    await self._send_piece(piece, send)
                else:
                    await awake.wait()
                    awake.clear()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, OSError, RuntimeError):
            _log.info("pushed answer not accepted by the client")
        finally:
            answer.body.close()
            gone.cancel()

    async def _send_piece(self, piece: bytes, send: Send) -> None:
        async with asyncio.timeout(self._bounds.send_time):
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _in_stream_thread(self, act: Callable[[], _T]) -> _T:
        def run() -> _T:
            try:
                return act()
            except Exception as error:
                raise _NotMade from error

        return await asyncio.get_running_loop().run_in_executor(self._stream_threads, run)

    def reserve(self, size: int, *, large: bool) -> bool:
        """Count ``size`` more buffered bytes, unless that exceeds the limit of all requests."""
        bound = self._bounds.buffered_large if large else self._bounds.buffered
        if self._buffered[large] + size > bound:
            return False
        self._buffered[large] += size
        return True

    def give_back(self, size: int, *, large: bool) -> None:
        self._buffered[large] -= size


class _Body:
    """The parts of one body as they arrive, counted against its own limit and the common one.

    Bytes up to ``small`` count towards small bodies, the rest towards large ones.
    """

    def __init__(self, bridge: Bridge, limit: int, small: int) -> None:
        self._bridge = bridge
        self.limit = limit
        self._small = small
        self._parts: list[bytes] = []
        self._size = 0
        self._counted = {False: 0, True: 0}

    def add(self, part: bytes) -> bool:
        """Store ``part``; return False if the body has exceeded its limit."""
        self._size += len(part)
        if self._size > self.limit:
            return False
        beyond = max(0, self._size - self._small) - self._counted[True]
        for large, size in ((False, len(part) - beyond), (True, beyond)):
            if not self._bridge.reserve(size, large=large):
                raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE)
            self._counted[large] += size
        if part:
            self._parts.append(part)
        return True

    def joined(self) -> bytes:
        return b"".join(self._parts)

    def release(self) -> None:
        self._parts.clear()
        for large, size in self._counted.items():
            self._bridge.give_back(size, large=large)
        self._counted.clear()


async def _until_gone(receive: Receive) -> None:
    """Return when the client closes its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _path(scope: Scope) -> str:
    """The path as PEP 3333 requires it: percent-decoded bytes, read as Latin-1."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        raw = str(scope["path"]).encode("utf-8")
    else:
        raw = unquote_to_bytes(raw.split(b"?", 1)[0])
    return raw.decode("latin-1")


def _checked_host(scope: Scope) -> str:
    """The value of the Host header, "" if HTTP/1.0 has none. Raises ``_Refused``.

    RFC 9112: sections 3.2 (exactly one Host) and 6.1 (no Content-Length together with
    Transfer-Encoding; granian itself removes that header and closes the connection after the
    answer).
    """
    headers = scope["headers"]
    if sum(len(name) + len(value) + 4 for name, value in headers) > HEADERS_LIMIT:
        raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    names = [name for name, _ in headers]
    hosts = [value for name, value in headers if name == b"host" and value]  # granian adds an empty
    is_old = scope["http_version"] in ("1.0", "1")  # HTTP/1.0, as ASGI and as granian write it
    if len(hosts) > 1 or not (hosts or is_old):
        raise _Refused(HTTPStatus.BAD_REQUEST, "A request needs exactly one Host header.")
    if b"transfer-encoding" in names and b"content-length" in names:
        raise _Refused(
            HTTPStatus.BAD_REQUEST, "Content-Length and Transfer-Encoding exclude each other."
        )
    return hosts[0].decode("latin-1") if hosts else ""


def _cookies(scope: Scope) -> str:
    return "; ".join(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"
    )


def _declared_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 20:
            return int(value)
    return None


def _nothing() -> None:
    """Does nothing; a thread runs it to show that it works."""


def _environ(scope: Scope, path: str, query: str, body: bytes) -> WSGIEnvironment:
    server = scope.get("server") or ("127.0.0.1", 80)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    has_body = False
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name:  # otherwise "Content_Type" could pass for "Content-Type"
            continue
        if name in ("content-length", "transfer-encoding"):
            has_body = True
            continue
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        glue = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{glue}{value}" if key in environ else value
    if has_body or body:
        environ["CONTENT_LENGTH"] = str(len(body))
    let_push(environ)
    return environ


def _run(
    application: WSGIApplication, environ: WSGIEnvironment
) -> Answer | StreamedAnswer | PushedAnswer:
    """Call ``application`` in this thread and collect the whole answer, unless it is streamed or
    pushed."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    parts: list[bytes] = []

    def start_response(
        status: str,
        headers: list[tuple[str, str]],
        exc_info: tuple[type[BaseException], BaseException, TracebackType]
        | tuple[None, None, None]
        | None = None,
        /,
    ) -> Callable[[bytes], object]:
        del exc_info  # nothing has been sent yet, so a late error replaces what there was
        started[:] = [(status, headers)]
        return parts.append

    result: Iterable[bytes] = application(environ, start_response)
    if is_streamed(environ):
        status, headers = started[0]
        return StreamedAnswer(_code(status), _given(headers), Pieces(result))
    try:
        parts.extend(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    status, headers = started[0]
    given = _given(headers)
    if (pushed := pushed_body(environ)) is not None:
        return PushedAnswer(_code(status), given, pushed)
    body = b"".join(parts)
    if not any(name == b"content-length" for name, _ in given):
        given.append((b"content-length", str(len(body)).encode("ascii")))
    return Answer(_code(status), given, body)


def _code(status: str) -> int:
    return int(status.split(" ", 1)[0])


def _given(headers: list[tuple[str, str]]) -> Headers:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
