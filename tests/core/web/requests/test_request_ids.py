"""The id of a request: in its answer, on the page of an error, in the lines of the log."""

from __future__ import annotations

import io
import logging

from app.core.log import LineFormatter
from tests.harness.portal import portal
from tests.harness.server import test_settings
from tests.harness.visitor import PageReader, Visitor

AWAY = test_settings("postgresql+psycopg://account:password@127.0.0.1:1/portal")
"""A database that nobody answers for."""


def test_an_error_is_found_in_the_log_by_the_id_that_its_page_shows() -> None:
    log = logging.StreamHandler(io.StringIO())
    log.setFormatter(LineFormatter())
    logging.getLogger().addHandler(log)
    try:
        with portal(AWAY) as app:
            visitor = Visitor(app)
            visitor.carry("a login that cannot be looked up")
            answer = visitor.get("/tickets", {"X-Request-Id": "of-the-client"})
    finally:
        logging.getLogger().removeHandler(log)
    assert answer.status_code == 503
    (made,) = answer.headers.getlist("X-Request-Id")
    assert f"Request {made}:" in PageReader(answer.text).text
    assert f'request="{made}"' in log.stream.getvalue()
    assert "of-the-client" not in answer.text + log.stream.getvalue()


def test_each_request_has_its_own() -> None:
    with portal(AWAY) as app:
        client = app.test_client()
        made = {client.get("/healthz").headers["X-Request-Id"] for _ in range(3)}
    assert len(made) == 3
