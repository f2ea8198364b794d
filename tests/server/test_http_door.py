"""What every door answers before it looks at what was asked: headers, bounds and names of hosts.

All doors of one process behind the bridge, and where only a socket can tell, the real server.
"""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from tests.harness.asgi import HOST, Answer, Door, doors
from tests.harness.databases import fresh_database
from tests.harness.server import TEST_SECRET, LiveServer, live, test_settings
from tests.soap_service.wire import Wire, create_accounts

ARS = "/arsys/services/ARService?server=ggus&webService=GGUS"
FORM = ("content-type", "application/x-www-form-urlencoded")
XML = ("content-type", "text/xml; charset=utf-8")
EVERY_DOOR = ("/login", "/api/v1/sites", "/soap/GGUS?wsdl", ARS, "/static/portal.css")


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with fresh_database("sqlite") as url, doors(url) as found:
        yield found


@pytest.fixture(scope="module")
def https_door() -> Iterator[Door]:
    with (
        fresh_database("sqlite") as url,
        doors(url, public_url="https://portal.example") as found,
    ):
        yield found


def is_secured(answer: Answer) -> None:
    """The headers that every answer has."""
    policy = answer.headers["content-security-policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"):
        assert part in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] in ("same-origin", "no-referrer")
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def in_the_doors_form(path: str, answer: Answer) -> None:
    """A refusal before the application is asked."""
    is_secured(answer)
    assert answer.headers["cache-control"] == "no-store"
    kind = answer.headers["content-type"]
    if path.startswith("/api/"):
        assert kind == "application/problem+json"
    elif path.startswith(("/soap/", "/arsys/")):
        assert kind == "text/xml; charset=utf-8"
        assert f"ERROR ({answer.status})" in answer.text
    else:
        assert kind == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/login", "GET", 200),
        ("/tickets", "GET", 303),
        ("/nothing", "GET", 404),
        ("/scripts.js", "GET", 200),
        ("/static/portal.css", "GET", 200),
        ("/static/nothing", "GET", 404),
        ("/api/v1/sites", "GET", 401),
        ("/api/v1/openapi.json", "GET", 200),
        ("/api/nothing", "GET", 404),
        ("/soap/GGUS?wsdl", "GET", 200),
        ("/arsys/WSDL/public/ggus/GGUS", "GET", 200),
        ("/soap/nothing", "GET", 404),
        (ARS, "GET", 405),
        (ARS, "POST", 500),
    ],
)
def test_every_answer_has_the_security_headers(
    door: Door, https_door: Door, path: str, method: str, status: int
) -> None:
    body = b"<a/>" if method == "POST" else b""
    answer = door.ask(path, method, (HOST, XML), body)
    assert answer.status == status
    is_secured(answer)
    assert "strict-transport-security" not in answer.headers
    answer = https_door.ask(path, method, (("host", "portal.example"), XML), body)
    is_secured(answer)
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_only_files_that_exist_are_kept_by_browsers(door: Door) -> None:
    for path in ("/static/portal.css", "/scripts.js"):
        assert door.ask(path).headers["cache-control"] == "public, max-age=86400"
    for path in ("/static/nothing", "/static/", "/static/../wsgi.py"):
        answer = door.ask(path)
        assert (answer.status, answer.headers["cache-control"]) == (404, "private, no-store")


@pytest.mark.parametrize("path", ["/login", "/api/v1/sites", "/soap/GGUS", ARS])
def test_ten_mebibytes_in_one_field_are_refused_unread(door: Door, path: str) -> None:
    kind = XML if path.startswith(("/soap/", "/arsys/")) else FORM
    answer = door.ask(path, "POST", (HOST, kind), b"name=" + b"x" * (10 << 20))
    assert answer.status == 413
    in_the_doors_form(path, answer)


@pytest.mark.parametrize("path", EVERY_DOOR)
@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((host, 200) for host in ("127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8000")),
        *((host, 200) for host in ("portal.example", "Portal.Example:8443", "portal.example.")),
        *((host, 200) for host in ("also.example:80", "192.0.2.9", "[2001:db8::1]:1")),
        *((host, 400) for host in ("evil.example", "portal.example.evil.example", "192.0.2.8")),
        *((host, 400) for host in ("2130706433", "portal.example@evil.example", "localhost:x")),
        *(
            (host, 400)
            for host in ("portal.example/evil", "a b", "[::1", "127.0.0.1, evil.example")
        ),
    ],
)
def test_every_door_answers_to_its_own_names_only(
    named_door: Door, path: str, host: str, status: int
) -> None:
    answer = named_door.ask(path, headers=(("host", host),))
    assert (answer.status == 400) is (status == 400)
    if status == 400:
        in_the_doors_form(path, answer)
        assert "ALLOWED_HOSTS" in answer.text
        assert host not in answer.text


@pytest.fixture(scope="module")
def named_door() -> Iterator[Door]:
    more = {
        "public_url": "https://portal.example",
        "allowed_hosts": ("also.example", "192.0.2.9", "2001:db8::1"),
    }
    with fresh_database("sqlite") as url, doors(url, **more) as found:
        yield found


@pytest.mark.parametrize("path", EVERY_DOOR)
def test_a_request_has_one_host_and_one_length(door: Door, path: str) -> None:
    chunked, length = ("transfer-encoding", "chunked"), ("content-length", "1")
    for headers in (
        (),
        (("host", ""),),
        (HOST, HOST),
        (HOST, ("host", "x")),
        (HOST, length, chunked),
    ):
        answer = door.ask(path, headers=headers)
        assert answer.status == 400
        in_the_doors_form(path, answer)
    assert door.ask(path, headers=(), version="1").status != 400
    assert door.ask(path, headers=(HOST, HOST), version="1.0").status == 400


def test_who_watches_may_ask_by_any_name(door: Door) -> None:
    for path in ("/healthz", "/readyz"):
        assert door.ask(path, headers=(("host", "10.0.0.7:8000"),)).status != 400


@pytest.mark.parametrize("path", EVERY_DOOR)
def test_header_lines_are_bounded(door: Door, path: str) -> None:
    cookies = ("cookie", "; ".join(f"c{number}=1" for number in range(100_000)))
    line = ("x-filler", "x" * (64 * 1024))
    many = [(f"x-{number}", "x" * 1000) for number in range(70)]
    for headers in ((HOST, cookies), (HOST, line), (HOST, *many)):
        answer = door.ask(path, headers=headers)
        assert answer.status == 431
        in_the_doors_form(path, answer)
    assert door.ask(path, headers=(HOST, ("x-filler", "x" * (63 * 1024)))).status != 431


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/static//portal.css", "/static/portal.css"),
        ("//tickets//1?a=//b", "/tickets/1?a=//b"),
        ("//static///portal.css", "/static/portal.css"),
    ],
)
def test_doubled_slashes_lead_to_this_portal(door: Door, path: str, there: str) -> None:
    answer = door.ask(path, headers=(("host", "localhost:1234"),))
    assert (answer.status, answer.headers["location"]) == (308, there)
    assert "localhost" not in answer.text
    is_secured(answer)


def cookie_of(login: str) -> tuple[str, str]:
    """A browser's cookie that holds this login's random id; signed as the portal does."""
    app = Flask("signs")
    app.secret_key = TEST_SECRET
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    return "cookie", f"theme=dark; portal={serializer.dumps({'_user_id': login})}; list=x"


def test_only_who_logged_in_once_sends_much(door: Door) -> None:
    held = cookie_of("one that expired long ago")
    broken = (held[0], held[1].replace("; list", "x; list"))
    large, huge = b"name=" + b"x" * (64 * 1024), b"name=" + b"x" * (4 * 1024 * 1024)
    for path in ("/login", "/tickets/new", "/tickets/1/attachments", "/nothing"):
        for headers in ((HOST, FORM), (HOST, FORM, broken)):
            for more in ((), (("transfer-encoding", "chunked"),)):
                answer = door.ask(path, "POST", (*headers, *more), large)
                assert answer.status == 413
                in_the_doors_form(path, answer)
                assert "Without a login" in answer.text
        assert door.ask(path, "POST", (HOST, FORM, held), large).status != 413
    assert door.ask("/login", "POST", (HOST, FORM, held), huge).status == 413
    # a partner's webhook brings none, and a whole ticket
    assert door.ask("/hooks/zammad/GGUS", "POST", (HOST,), large).status == 401
    refused = door.ask("/hooks/zammad/GGUS", "POST", (HOST,), huge)
    assert (refused.status, "1 MiB" in refused.text) == (413, True)
    assert "Without a login" not in refused.text
    # programs and partners bring no cookie: their bounds are what they were
    assert door.ask("/api/v1/events", "POST", (HOST,), huge).status == 401
    assert door.ask("/soap/GGUS_ATTACH", "POST", (HOST, XML), large).status == 500
    assert door.ask("/soap/GGUS", "POST", (HOST, XML), large).status == 500


def resident(group: int) -> int:
    """Resident kB of all processes of a group."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):
            text = status.read_text()
            stat = (status.parent / "stat").read_text()
            if int(stat.rpartition(")")[2].split()[2]) == group:
                found = re.search(r"VmRSS:\s+(\d+)", text)
                total += int(found[1]) if found else 0
    return total


def on_the_wire(server: LiveServer, head: str, body: bytes = b"") -> bytes:
    """Send one request, and read until the server closes."""
    raw = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as peer:
        with suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
        with suppress(ConnectionResetError):
            while more := peer.recv(65536):
                raw += more
    return raw


def test_eight_forms_of_300000_fields_cost_nothing(supervised_server: LiveServer) -> None:
    head = "POST /login HTTP/1.1\nHost: localhost\nConnection: close\n"
    form = b"&".join(b"f%06d=x" % number for number in range(300_000))
    head += f"Content-Type: {FORM[1]}\nContent-Length: {len(form)}\n"
    logged = head + "Cookie: {}\n".format(cookie_of("expired")[1])
    page = "GET /login HTTP/1.1\nHost: localhost\nConnection: close\n"
    for _ in range(4):  # until both processes are warm
        assert b" 200 " in on_the_wire(supervised_server, page)[:20]
    before = most = resident(supervised_server.pid)
    with ThreadPoolExecutor(8) as senders:
        for sent in (head, logged):
            pending = [senders.submit(on_the_wire, supervised_server, sent, form) for _ in range(8)]
            while not all(one.done() for one in pending):
                most = max(most, resident(supervised_server.pid))
            began = monotonic()
            assert b" 200 " in on_the_wire(supervised_server, page)[:20]
            assert monotonic() - began < 1
            for one in pending:
                raw = one.result()
                assert b" 413 " in raw[:20]
                assert b"content-security-policy" in raw
                assert len(raw) < 64 * 1024
    assert most - before < 64 * 1024, f"grew by {most - before} kB"


def test_the_server_itself_refuses_odd_heads(sqlite_server: LiveServer) -> None:
    get = "GET /login HTTP/1.1\nConnection: close\n"
    host = "Host: localhost\n"
    for head, status in (
        (get, 400),
        (get + host + host, 400),
        (get + "Host: evil.example\n", 400),
        (get + host + f"X-Filler: {'x' * 65_536}\n", 431),
        (get + host + f"X-Filler: {'x' * 3_000_000}\n", 431),
        (get + host + "Cookie: " + "; ".join(f"c{n}=1" for n in range(100_000)) + "\n", 431),
        (get + host + f"X-Filler: {'x' * 63_000}\n", 200),
        ("GET /login HTTP/1.0\n", 200),
    ):
        assert int(on_the_wire(sqlite_server, head).split()[1]) == status, head[:100]
    # the server hides Content-Length where both are sent: what follows is never read as a request
    both = "POST /login HTTP/1.1\n" + host + "{}\n{}\n"
    lines = ("Content-Length: 5", "Transfer-Encoding: chunked")
    for first, second in (lines, lines[::-1]):
        second_request = (get + host).replace("\n", "\r\n").encode() + b"\r\n"
        raw = on_the_wire(sqlite_server, both.format(first, second), b"0\r\n\r\n" + second_request)
        assert raw.count(b"HTTP/1.1 ") == 1


def test_a_head_without_end_is_given_up(sqlite_server: LiveServer) -> None:
    with socket.create_connection(("127.0.0.1", sqlite_server.port), timeout=60) as peer:
        peer.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Filler: ")
        sent = 0
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 64 << 20:
                peer.sendall(b"x" * 65_536)
                sent += 65_536
        assert sent < 64 << 20


def test_after_an_orderly_end_the_file_alone_has_everything() -> None:
    """Whoever copies the database of a portal that was ended copies one file."""
    with fresh_database("sqlite") as url:
        file = url.removeprefix("sqlite:///")
        with live(test_settings(url)) as server:
            create_accounts(server)
            number = Wire(server).create()
            assert Path(f"{file}-wal").stat().st_size
        assert not Path(f"{file}-wal").exists()
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as copied:
            assert copied.execute("SELECT number FROM tickets").fetchall() == [(int(number),)]
