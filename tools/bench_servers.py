"""Measures WSGI servers under the SOAP door: speed, and what hostile senders do to each.

    python tools/bench_servers.py [SERVER ...]

Serves guard, envelope and Spyne with an operation that needs no database, on 127.0.0.1, with each
server that is installed, and prints one row per server. Its figures are in
``docs/adr/0002-wsgi-server.md``. Of the servers only granian is among the project's requirements.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from app.server.asgi_adapter import Bridge
    from soap_service.dispatch import Dispatcher

REQUESTS = 4000
SENDERS = 8
HALF_SENT = 40
SERVERS: Mapping[str, tuple[str, ...]] = {
    "granian bridge 1x8": ("granian", "--interface=asgi", "--workers=1", "--factory", "bridged"),
    "granian bridge 2x8": ("granian", "--interface=asgi", "--workers=2", "--factory", "bridged"),
    "granian wsgi 1x8": ("granian", "--interface=wsgi", "--workers=1", "--blocking-threads=8"),
    "granian wsgi 2x8": ("granian", "--interface=wsgi", "--workers=2", "--blocking-threads=8"),
    "gunicorn gthread 1x8": ("gunicorn", "--worker-class=gthread", "--workers=1", "--threads=8"),
    "gunicorn gthread 2x8": ("gunicorn", "--worker-class=gthread", "--workers=2", "--threads=8"),
    "waitress 1x8": ("waitress", "--threads=8"),
}
BODY = (
    b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="urn:GGUS">'
    b"<e:Header><n:AuthenticationInfo><n:userName>u</n:userName><n:password>p</n:password>"
    b"</n:AuthenticationInfo></e:Header><e:Body><n:TicketGet><n:GHD_Request_ID>7</n:GHD_Request_ID>"
    b"</n:TicketGet></e:Body></e:Envelope>"
)
HEAD = "Host: x\r\nContent-Type: text/xml\r\n"


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Guard, envelope and Spyne; every ticket is the same one."""
    from soap_service.faults import http_refusal
    from soap_service.guard import BODY_LIMIT, HttpRefusal, read_body

    try:
        status, body = HTTPStatus.OK, _answer(read_body(environ, BODY_LIMIT))
    except HttpRefusal as refused:
        status, body = refused.status, http_refusal(refused.status, BODY_LIMIT)
    headers = [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


@cache
def _dispatcher() -> Dispatcher:
    from soap_service.dispatch import from_table
    from soap_service.fields import GGUS

    ticket = {"GHD_Request_ID": "7", "GHD_Short_Description": "x", "GHD_Status": "new"}
    return from_table(GGUS, {item.name: lambda _call, _sent: ticket for item in GGUS.operations})


def _answer(body: bytes) -> bytes:
    from soap_service.dispatch import Call
    from soap_service.envelope import read_request
    from soap_service.fields import GGUS

    nobody = cast("Call", None)  # the operation does not look at it
    return _dispatcher().answer(nobody, read_request(GGUS, body, None).envelope)


def bridged() -> Bridge:
    """The same behind the bridge."""
    from app.server.asgi_adapter import Bounds, Bridge
    from soap_service.faults import http_refusal
    from soap_service.guard import BODY_LIMIT

    return Bridge(
        application,
        body_limit=lambda _path, _query, _cookies: BODY_LIMIT,
        refusal=lambda _path, _query, status, _: ("text/xml", http_refusal(status, BODY_LIMIT)),
        bounds=Bounds(threads=8),  # as many as the others have
    )


def command(server: str, port: int) -> list[str]:
    """How a server is started."""
    program, *options = SERVERS[server]
    python = sys.executable
    if program == "granian":
        target = "bench_servers:" + ("bridged" if options[-1] == "bridged" else "application")
        options = [item for item in options if item != "bridged"]
        fixed = ["--http=1", "--no-ws", "--log-level=error", f"--port={port}"]
        return [python, "-W", "ignore", "-m", "granian", *options, *fixed, target]
    if program == "gunicorn":
        fixed = [f"--bind=127.0.0.1:{port}", "--log-level=error"]
        return [python, "-m", "gunicorn", *options, *fixed, "bench_servers:application"]
    return [
        python,
        "-m",
        "waitress",
        *options,
        f"--listen=127.0.0.1:{port}",
        "bench_servers:application",
    ]


def post(port: int) -> None:
    """One good request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        _ask(connection)
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/soap/GGUS", BODY, {"Content-Type": "text/xml"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == HTTPStatus.OK, answer.status


def speed(port: int) -> str:
    """Requests per second and 99th percentile, 8 senders on persistent connections."""

    def send(_turn: int) -> list[float]:
        times = []
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for _ in range(REQUESTS // SENDERS):
            began = time.perf_counter()
            _ask(connection)
            times.append(time.perf_counter() - began)
        connection.close()
        return times

    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        times = sorted(item for part in senders.map(send, range(SENDERS)) for item in part)
    took = time.perf_counter() - began
    return f"{len(times) / took:.0f}/s, p99 {times[len(times) * 99 // 100] * 1000:.1f} ms"


def raw(port: int, data: bytes, seconds: float = 3) -> bytes:
    """What a server answers to bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as peer:
        answer = b""
        with suppress(OSError):
            peer.sendall(data)
            while part := peer.recv(65536):
                answer += part
        return answer


def half_sent(port: int) -> str:
    """A good request while 40 senders have stopped half-way."""
    peers = []
    for _ in range(HALF_SENT):
        peer = socket.create_connection(("127.0.0.1", port), timeout=5)
        peer.sendall(f"POST / HTTP/1.1\r\n{HEAD}Content-Length: 900\r\n\r\n<half".encode())
        peers.append(peer)
    began = time.perf_counter()
    head = f"POST / HTTP/1.1\r\n{HEAD}Connection: close\r\nContent-Length: {len(BODY)}\r\n\r\n"
    answer = raw(port, head.encode() + BODY, 5)
    took = time.perf_counter() - began
    for peer in peers:
        peer.close()
    return f"{took * 1000:.0f} ms" if b" 200 " in answer[:20] else "no answer in 5 s"


def oversized(port: int, group: int) -> str:
    """How much of 1 GiB is taken, and what memory it costs, without a length."""
    used = memory(group)
    block = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent, answer = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer, suppress(OSError):
        peer.sendall(f"POST / HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 1 << 30:
                peer.sendall(block)
                sent += 65536
        answer = peer.recv(65536)
    status = answer.split(b" ", 2)[1].decode() if answer else "cut"
    return f"{status} after {sent >> 20} MiB, +{(memory(group) - used) >> 10} MiB"


def memory(group: int) -> int:
    """Resident kB of a process group."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                total += int(fields[21]) * 4
    return total


def smuggled(port: int) -> str:
    """How many requests are seen in a body with both lengths."""
    second = f"POST /2 HTTP/1.1\r\n{HEAD}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    first = f"POST /1 HTTP/1.1\r\n{HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = raw(port, first.encode() + b"0\r\n\r\n" + second, 1).count(b"HTTP/1.1 ")
    return "1 request" if answers == 1 else f"{answers} requests"


def early_end(port: int) -> str:
    """The answer to a sender that stops before its declared length."""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as peer, suppress(OSError):
        head = f"POST / HTTP/1.1\r\n{HEAD}Content-Length: {len(BODY) + 50}\r\n\r\n"
        peer.sendall(head.encode() + BODY)
        peer.shutdown(socket.SHUT_WR)
        answer = peer.recv(65536)
        return answer.split(b" ", 2)[1].decode() if answer else "cut"
    return "cut"


def plain_http(port: int) -> str:
    """HTTP/1.0, chunks, and Connection: close."""
    length = f"Content-Length: {len(BODY)}\r\n\r\n"
    old = raw(port, f"POST / HTTP/1.0\r\n{HEAD}{length}".encode() + BODY)
    close = raw(port, f"POST / HTTP/1.1\r\n{HEAD}Connection: close\r\n{length}".encode() + BODY)
    chunks = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
    head = f"POST / HTTP/1.1\r\n{HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked = raw(port, head.encode() + chunks)
    good = (
        b" 200 " in old[:20],
        b"connection: close" in close.lower(),
        b" 200 " in chunked[:20],
    )
    return "/".join("yes" if item else "no" for item in good)


def measure(server: str) -> None:
    """Start a server, ask it everything, print its row, end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        command(server, port),
        cwd=PROJECT / "tools",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                post(port)
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
        checks: tuple[Callable[[], str], ...] = (
            lambda: speed(port),
            lambda: plain_http(port),
            lambda: smuggled(port),
            lambda: early_end(port),
            lambda: oversized(port, process.pid),
            lambda: half_sent(port),
        )
        print(f"| {server} | " + " | ".join(check() for check in checks) + " |", flush=True)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main(wanted: list[str]) -> None:
    """Measure the servers that are installed."""
    print("| server | speed | 1.0/close/chunks | both lengths | early end | 1 GiB | half-sent |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for server, (program, *_) in SERVERS.items():
        if wanted and server not in wanted:
            continue
        if find_spec(program) is None:
            print(f"| {server} | not installed |")
            continue
        measure(server)


if __name__ == "__main__":
    main(sys.argv[1:])
else:
    _dispatcher()  # in a server: before its threads ask for it
