"""A request's id and its caller's trace: in the job that it enqueues, in that job's lines of the
log, and at the partner whom the job calls."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.log import JsonFormatter
from app.exchange.services.connections.connection_tests import JOB
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.exchange.tasks.connection_tests import test_connection as run_test
from app.jobs.rules.jobs import Pace
from app.jobs.services.backend import Runner
from app.jobs.services.queue import enqueue, run_jobs
from app.jobs.tasks.context import Context
from tests.cast import Cast, writer
from tests.exchange.seeded import seed_connection
from tests.harness.server import TEST_SECRET
from tests.harness.visits import Enter

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@contextmanager
def partner() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the ``traceparent`` of each call."""
    traces: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            traces.extend(self.headers.get_all("traceparent", [""]))
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            """Nothing is written for each call."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", traces
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


def work(context: Context, functions: Mapping[str, Any]) -> None:
    runner = Runner(context.engine, "w", functions, Pace(look=0.1), context.now, threading.Event())
    while run_jobs(runner, until_empty=True):
        pass


def test_from_a_page_through_a_job_to_a_partner(
    session: Session, cast: Cast, visit: Enter, context: Context, logged: io.StringIO
) -> None:
    hosts = frozenset({"127.0.0.1"})
    context = replace(context, settings=replace(context.settings, outbound_private_hosts=hosts))
    with partner() as (url, traces):
        with transaction(session):
            connection = seed_connection(session, "GGUS-TEST", url=url)
            by = writer(cast.admin)
            add_secret(session, by, connection, LOGIN, "login", TEST_SECRET.encode())
            key = connection.id
        visitor, page = visit(cast.admin), f"/exchange/{key}/test"
        form = visitor.read(page).form(page).data()
        answer = visitor.send(page, form, {"traceparent": SENT, "X-Request-Id": "of-the-client"})
        assert answer.status_code == 303
        made = answer.headers["X-Request-Id"]

        def test_and_fail(arguments: Mapping[str, Any]) -> None:
            assert set(arguments) == {"connection"}
            run_test(context, arguments)
            raise ValueError("after the test")

        work(context, {JOB: test_and_fail})
    assert {*traces} == {f"00-{TRACE}-{made}-01"}
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    (failed,) = (line for line in lines if line["message"] == "a job failed")
    assert failed["job"] == JOB
    assert (failed["request_id"], failed["trace_id"], failed["door"]) == (made, TRACE, "job")
    assert "of-the-client" not in logged.getvalue()


def test_a_job_of_no_request_is_a_request_of_its_own(
    session: Session, context: Context, logged: io.StringIO
) -> None:
    with transaction(session):
        for number in range(2):
            enqueue(session, "fail", {"number": number})

    def fail(arguments: Mapping[str, Any]) -> None:
        raise ValueError(f"number {arguments['number']}")

    work(context, {"fail": fail})
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    failed = [line for line in lines if line["message"] == "a job failed"]
    assert len({line["request_id"] for line in failed}) == len(failed) == 2
