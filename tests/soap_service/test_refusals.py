"""What the audit keeps of partners' calls that were refused, and of where all calls came from."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import Client, TestResponse

from app.accounts.models.people import FailedLogins
from app.accounts.services.partners import change_account, find_account
from app.core.database.transactions import transaction
from app.core.log import LineFormatter
from app.core.models.changes import Change, Refusal
from app.core.web.extensions import db
from app.factory import create_app
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import open_ticket
from soap_service.application import mount
from tests.cast import PASSWORD, SYSTEM, Cast, enter, writer
from tests.harness.server import test_settings
from tests.soap_service.wire import CREATED, ENDPOINT, elements, envelope, in_order, login


class Caller:
    """A partner behind one proxy."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def call(
        self, service: str, operation: str, inner: str, *, user: str, password: str = PASSWORD
    ) -> TestResponse:
        return self._client.post(
            ENDPOINT.format(service),
            data=envelope(operation, inner, header=login(user, password), service=service),
            content_type="text/xml; charset=utf-8",
            headers={"X-Forwarded-For": "203.0.113.1, 192.0.2.44"},
        )

    def ggus(self, operation: str, values: dict[str, str], *, user: str) -> TestResponse:
        return self.call("GGUS", operation, elements(in_order(operation, values)), user=user)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


@pytest.fixture
def caller(database: str, cast: Cast) -> Iterator[Caller]:
    settings = replace(test_settings(database), trusted_proxies=1, copies_per_day=2)
    flask_app = create_app(settings)
    mounted = mount(flask_app)
    yield Caller(Client(mounted))
    mounted.close()
    with flask_app.app_context():
        db.session.remove()
        db.engine.dispose()


def make_read_only(session: Session) -> None:
    with transaction(session):
        change_account(
            session,
            SYSTEM,
            find_account(session, "ggus"),
            access="all",
            read_only=True,
            internal=True,
            contract_year=2016,
            sites=(),
        )


def test_a_call_that_lacks_a_right_is_kept(session: Session, cast: Cast, caller: Caller) -> None:
    make_read_only(session)
    for _ in range(2):  # verified anew, and remembered
        answer = caller.ggus("OpCreate", CREATED, user="ggus")
        assert answer.status_code == 500
        assert "ERROR (330)" in answer.text
    session.rollback()
    for kept in session.scalars(select(Refusal)).all():
        assert (kept.actor_kind, kept.actor_account) == ("partner", "ggus")
        assert kept.actor_id == cast.ggus.account_id
        assert (kept.door, kept.what, kept.remote) == ("soap", "GGUS OpCreate", "192.0.2.44")
        assert kept.reason.startswith("This account is read-only")
    assert len(session.scalars(select(Refusal)).all()) == 2


def test_the_native_service_is_a_door_of_its_own(
    session: Session, cast: Cast, caller: Caller
) -> None:
    inner = "<n:ticket><n:title>no light</n:title></n:ticket>"
    assert caller.call("LHCOPN", "CreateTicket", inner, user="ggus").status_code == 200
    session.rollback()
    newest = session.scalars(select(Change).order_by(Change.id.desc()).limit(1)).one()
    assert (newest.door, newest.remote) == ("native", "192.0.2.44")
    make_read_only(session)
    assert caller.call("LHCOPN", "CreateTicket", inner, user="ggus").status_code == 500
    session.rollback()
    (kept,) = session.scalars(select(Refusal)).all()
    assert (kept.door, kept.what) == ("native", "LHCOPN CreateTicket")


def test_a_change_keeps_the_address_that_the_proxy_tells(
    session: Session, cast: Cast, caller: Caller
) -> None:
    assert caller.ggus("OpCreate", CREATED, user="ggus").status_code == 200
    session.rollback()
    newest = session.scalars(select(Change).order_by(Change.id.desc()).limit(1)).one()
    assert (newest.door, newest.remote) == ("soap", "192.0.2.44")


def test_what_an_account_may_not_know_is_no_refusal(
    session: Session, cast: Cast, caller: Caller
) -> None:
    with transaction(session):
        number = open_ticket(session, writer(cast.operator), NewTicket(title="Not theirs")).number
    inner = elements({"GHD_Request_ID": str(number)})
    answer = caller.call("GGUS", "OpGet", inner, user="nren_a")
    assert "ERROR (302)" in answer.text
    session.rollback()
    assert session.scalars(select(Refusal)).all() == []


def test_failed_logins_of_accounts_are_counted(
    session: Session, cast: Cast, caller: Caller
) -> None:
    for user in ("ggus", "nobody", "nren_b", "ggus"):
        wrong = caller.call(
            "GGUS", "OpGet", elements({"GHD_Request_ID": "1"}), user=user, password="no"
        )
        assert "ERROR (623)" in wrong.text
    session.rollback()
    counts: dict[str, int] = {}
    for row in session.scalars(select(FailedLogins)):
        assert (row.kind, row.remote) == ("partner", "192.0.2.44")
        counts[row.account] = counts.get(row.account, 0) + row.failures
    assert counts == {"ggus": 2, "nren_b": 1, "": 1}


def security_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The security log's lines since they were last read, without their times."""
    found = [
        LineFormatter().format(record).partition(" info portal.security ")[2]
        for record in caplog.records
        if record.name == "portal.security"
    ]
    caplog.clear()
    return found


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_security_log_has_failed_logins_downloads_and_refusals(
    session: Session, cast: Cast, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for user, shown in (("ggus", "ggus"), ("my own pass phrase", ""), ("x" * 5000, "")):
        inner = elements({"GHD_Request_ID": "1"})
        caller.call("GGUS", "TicketGet", inner, user=user, password="guessed")
        (line,) = security_lines(caplog)
        assert line == (
            f'event="failed login" account="{shown}" remote="192.0.2.44" door="soap"'
            ' kind="account" thing="" how="GGUS TicketGet"'
        )
    with transaction(session):
        number = open_ticket(session, writer(cast.ggus), NewTicket(title="down")).number
        key = add_attachment(session, writer(cast.ggus), number, "a.txt", b"text").id
    page = {"startRecord": "0", "maxLimit": "9"}
    for operation, sent in (
        ("GetOneAttachment", {"GAT_Attachment_ID": f"ATT{key}"}),
        ("GetAttachments", {"GAT_Request_ID": str(number), **page}),
        ("GetAttachIDs", {**page, "GAT_Request_ID": str(number)}),
    ):
        inner = elements(sent)
        assert caller.call("GGUS_ATTACH", operation, inner, user="ggus").status_code == 200
    told = security_lines(caplog)
    assert len(told) == 2  # the ids alone are no download
    for line in told:
        assert line.startswith('event="download" account="ggus" remote="192.0.2.44" door="soap"')
        assert line.endswith(f'kind="attachment" thing="ATT{key}"')
    make_read_only(session)
    caller.ggus("OpCreate", CREATED, user="ggus")
    (line,) = security_lines(caplog)
    assert line.startswith('event="refused" account="ggus" remote="192.0.2.44" door="soap"')
    assert 'kind="GGUS OpCreate"' in line


def test_more_copies_than_allowed_are_fault_627(
    session: Session, cast: Cast, caller: Caller
) -> None:
    copies = "a@out.example;b@out.example"
    sent = {**CREATED, "GHD_CarbonCopy": copies, "GHD_Origin_ID": "4711"}
    for _each in range(2):  # a repeat of the same request counts nothing
        assert caller.ggus("OpCreate", sent, user="nren_a").status_code == 200
    refused = caller.ggus("OpCreate", {**sent, "GHD_Origin_ID": "4712"}, user="nren_a")
    assert refused.status_code == 500
    (words,) = re.findall(r"<faultstring>(.*)</faultstring>", refused.text)
    assert words == (
        "ERROR (627): GHD_CarbonCopy: Carbon copy names 2 more addresses outside the portal, and"
        " this account named 2 today; at most 2 are allowed a day, which ends at 00:00 UTC"
    )
    dashed = {**CREATED, "GHD_CarbonCopy": "-oQ@out.example"}
    refused = caller.ggus("OpCreate", dashed, user="nren_b")
    assert "ERROR (310): GHD_CarbonCopy: Carbon copy: an address cannot start" in refused.text
