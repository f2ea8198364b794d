"""A request's id and its caller's trace: in the job that it enqueues, in that job's lines of the
log, at the partner whom the job calls, and in the webhook and the mail about what it changed."""

from __future__ import annotations

import email
import io
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import Client, TestResponse

from app.accounts.services.tokens import create_token
from app.core.database.transactions import transaction
from app.core.log import JsonFormatter
from app.core.mail_settings import MailSettings
from app.core.traces import new_request
from app.exchange.services.connections.connection_tests import JOB
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.exchange.tasks.connection_tests import test_connection as run_test
from app.jobs.rules.jobs import Pace
from app.jobs.services.backend import Runner
from app.jobs.services.queue import enqueue, run_jobs
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import PostOffice, plan_mails
from app.webhooks.tasks.planning import plan_messages
from app.webhooks.tasks.sending import WebhookSender
from app.worker.child import in_child
from soap_service.application import mount
from tests.cast import PASSWORD, Cast, writer
from tests.exchange.seeded import seed_connection
from tests.harness.server import TEST_SECRET
from tests.harness.smtp import SMTP_TIMEOUT, smtp_server
from tests.harness.visits import Enter
from tests.soap_service.wire import CREATED, ENDPOINT, elements, envelope, in_order, login
from tests.webhooks.receiver import receiving
from tests.webhooks.seeded import seed_webhook

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = f"00-{TRACE}-00f067aa0ba902b7-01"
COPY = "noc@nren.example"
"""Who gets a mail about the ticket."""


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


@dataclass
class Mailbox:
    """A mail server that accepts every mail."""

    mails: list[bytes] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.mails.append(envelope.content)
        return "250 Taken"


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


def failed_jobs_of(logged: io.StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    return [line for line in lines if line["message"] == "a job failed"]


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
    (failed,) = (line for line in failed_jobs_of(logged) if line["job"] == JOB)
    assert failed["error"] == "ValueError: after the test"
    assert (failed["request_id"], failed["trace_id"], failed["component"]) == (made, TRACE, "job")
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
    failed = failed_jobs_of(logged)
    assert len({line["request_id"] for line in failed}) == len(failed) == 2


def log_a_line(_context: Context, arguments: Mapping[str, Any]) -> None:
    """A job that runs in a process of its own."""
    logging.getLogger(__name__).info("at work", extra=arguments)


def test_a_process_of_its_own_belongs_to_the_request_of_its_job(
    context: Context, capfd: pytest.CaptureFixture[str]
) -> None:
    context = replace(context, settings=replace(context.settings, log_format="json"))
    with new_request("rest", SENT) as made:
        in_child(log_a_line)(context, {"number": 7})
    (line,) = map(json.loads, capfd.readouterr().err.splitlines())
    assert (line["message"], line["number"], line["component"]) == ("at work", 7, "job")
    assert (line["request_id"], line["trace_id"]) == (made.request_id, TRACE)


def create_by_soap(door: Client) -> TestResponse:
    values = elements(in_order("TicketCreate", {**CREATED, "GHD_CarbonCopy": COPY}))
    return door.post(
        ENDPOINT.format("GGUS"),
        data=envelope("TicketCreate", values, header=login("ggus", PASSWORD), service="GGUS"),
        content_type="text/xml; charset=utf-8",
        headers={"traceparent": SENT},
    )


def create_by_rest(door: Client, secret: str) -> TestResponse:
    return door.post(
        "/api/v1/tickets",
        json={"title": "Link down", "carbon_copy": COPY, "submitter": {"name": "noc-demo"}},
        headers={"Authorization": f"Bearer {secret}", "traceparent": SENT},
    )


@pytest.mark.parametrize("by", ["soap", "rest"])
def test_from_a_call_to_the_webhook_and_the_mail_about_its_ticket(
    app: Flask, session: Session, cast: Cast, context: Context, by: str
) -> None:
    now, box = datetime.now(UTC), Mailbox()
    with (
        receiving() as receiver,
        smtp_server(box) as port,
        closing(mount(app)) as mounted,
    ):
        settings = replace(
            context.settings,
            mail=MailSettings(host="127.0.0.1", port=port, timeout=SMTP_TIMEOUT),
            outbound_private_hosts=frozenset({"127.0.0.1"}),
        )
        context = replace(context, settings=settings)
        with transaction(session):
            admin = writer(cast.admin, now)
            secret = create_token(session, admin, "ggus", ["tickets"], 9, "ggus").secret
            seed_webhook(session, writer(cast.operator, now), receiver.url)
        door = Client(mounted)
        answer = create_by_soap(door) if by == "soap" else create_by_rest(door, secret)
        assert answer.status_code == (200 if by == "soap" else 201), answer.text
        made = answer.headers["X-Request-Id"]
        plan_messages(context)
        WebhookSender(context).drain()
        plan_mails(context)
        PostOffice(context).step()
    ((headers, _body),) = receiver.got
    assert headers["traceparent"] == f"00-{TRACE}-{made}-01"
    (mail,) = box.mails
    found = email.message_from_bytes(mail)
    assert (found["To"], found["X-Request-Id"]) == (COPY, made)
