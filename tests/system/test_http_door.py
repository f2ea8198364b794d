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
