"""The API behind the real server: keys with any character, limits, and forged headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import quote

from app.accounts.models.people import ApiToken
from app.accounts.services.tokens import create_token
from app.core.database.transactions import transaction
from app.registry.models.registry import Link, Site
from tests.cast import enter, writer
from tests.harness.server import LiveServer

NAME = "A/B %2F//\u00e9 \u94fe?#&;=.."


def ask(
    server: LiveServer,
    path: str,
    headers: Mapping[str, str],
    method: str = "GET",
    body: bytes | None = None,
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_the_api_on_the_wire(sqlite_server: LiveServer) -> None:
    with sqlite_server.session() as session:
        cast = enter(session)
        with transaction(session):
            ends = [session.get_one(Site, key) for key in (1, 2)]
            session.add(Link(name=NAME, network="LHCONE", end_a=ends[0], end_b=ends[1]))
            now = datetime.now(UTC)
            secret = create_token(session, writer(cast.admin, now), "nms", ["read"], 1).secret
    bearer = {"Authorization": f"Bearer {secret}"}

    path = f"/api/v1/links/{quote(NAME, safe='')}"
    answer, body = ask(sqlite_server, path, bearer)
    assert answer.status == 200, body
    assert json.loads(body)["name"] == NAME
    head, nothing = ask(sqlite_server, path, bearer, "HEAD")
    assert (head.status, nothing) == (200, b"")
    assert head.headers["ETag"] == answer.headers["ETag"]
    again, nothing = ask(sqlite_server, path, {**bearer, "If-None-Match": answer.headers["ETag"]})
    assert (again.status, nothing) == (304, b"")
    with sqlite_server.session() as session:
        assert session.query(ApiToken).one().used_at is not None

    forged, body = ask(sqlite_server, "/api/v1/links?limit=1", {**bearer, "Host": "evil.example"})
    assert forged.status == 400
    assert forged.headers["Content-Type"] == "application/problem+json"
    assert b"evil.example" not in body
    page, body = ask(sqlite_server, "/api/v1/links?limit=1", {**bearer, "Host": "localhost:1"})
    assert page.status == 200
    assert b"localhost" not in body
    following, body = ask(sqlite_server, json.loads(body)["next"], bearer)
    assert following.status == 200

    large, body = ask(sqlite_server, "/api/v1/sites", bearer, "POST", b"x" * (64 * 1024 + 1))
    assert large.status == 413
    assert large.headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["detail"] == "A request to this address takes at most 64 kB."
    for path, kilobytes in (("/api/v1/events", 8192), ("/api/v1/notices", 4096)):  # of files
        announced = {**bearer, "Content-Length": str(kilobytes * 1024 + 1)}
        large, body = ask(sqlite_server, path, announced, "POST", b"x")
        assert large.status == 413
        assert json.loads(body)["detail"].endswith(f" at most {kilobytes} kB.")
    wrong, body = ask(sqlite_server, "/api/v1/changes", bearer, "POST", b"x" * 64 * 1024)
    assert (wrong.status, json.loads(body)["status"]) == (405, 405)
    for odd in ("/apix", "/apix/v1/sites"):  # no address of this door
        other, _ = ask(sqlite_server, odd, bearer)
        assert other.status == 404
        assert other.headers["Content-Type"].startswith("text/html")  # a page says so
