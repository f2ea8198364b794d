"""What every door answers before it looks at what was asked: headers, bounds and names of hosts.

All doors of one process behind the bridge, and where only a socket can tell, the real server.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.asgi import HOST, Answer, Door, doors
from tests.harness.databases import fresh_database

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
    assert door.ask(path, headers=(), version="1.0").status != 400
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
