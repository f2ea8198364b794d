"""Tries a portal that nobody uses yet through its interfaces, and compares it with the rows that it
should have: a login, a SOAP get, a REST list, a figure.

The application is the one that servers run, on that database. It gets accounts of its own, which
are removed afterwards with all that they left, also if an answer was not right.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from flask import Flask
from lxml import etree
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import Client, TestResponse

from app.accounts.services.trial_accounts import (
    TrialAccounts,
    create_trial_accounts,
    remove_trial_accounts,
)
from app.core.database.transactions import LONG_STATEMENT_TIMEOUT, transaction
from app.core.rules.errors import SettingError
from app.core.rules.quarters import Year
from app.core.settings import Settings
from app.core.web.extensions import db
from app.factory import create_app
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import Category
from soap_service.application import mount

LISTED: Final = 50
"""Tickets of the list that is compared, the newest."""
_CSRF: Final = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_NO_TICKET: Final = 1
"""A number that is not in use where there is no ticket."""
_GET: Final = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="urn:GGUS">'
    "<e:Header><n:AuthenticationInfo><n:userName>{name}</n:userName>"
    "<n:password>{password}</n:password></n:AuthenticationInfo></e:Header>"
    "<e:Body><n:TicketGet><n:GHD_Request_ID>{number}</n:GHD_Request_ID></n:TicketGet></e:Body>"
    "</e:Envelope>"
)


def try_portal(settings: Settings, expected: Session) -> Sequence[str]:
    """Try the portal of these settings against the rows behind ``expected``.

    Returns what was tried, in words. Raises SettingError for the first answer that is not right.
    """
    # no proxy is in between, and nobody continues a session of this process
    settings = replace(
        settings, secret_key=secrets.token_hex(32), old_secret_key=None, trusted_proxies=0
    )
    flask_app = create_app(settings, LONG_STATEMENT_TIMEOUT)
    with (
        _ended(flask_app),
        _accounts(flask_app) as accounts,
        closing(mount(flask_app)) as portal,
    ):
        trial = _Trial(Client(portal), settings.public_url, accounts, expected)
        return [trial.log_in(), trial.get_by_soap(), trial.list_by_rest(), trial.count()]


@contextmanager
def _ended(flask_app: Flask) -> Iterator[None]:
    try:
        yield
    finally:
        with flask_app.app_context():
            db.engine.dispose()


@contextmanager
def _accounts(flask_app: Flask) -> Iterator[TrialAccounts]:
    """Accounts for the trial. If it is killed they stay in a database that no portal starts on, and
    nobody knows their secrets."""
    with flask_app.app_context(), transaction(db.session()):
        accounts = create_trial_accounts(db.session(), datetime.now(UTC))
    try:
        yield accounts
    finally:
        with flask_app.app_context(), transaction(db.session()):
            remove_trial_accounts(db.session(), accounts)


class _Trial:
    """One trial; ``expected`` are the rows that the portal should have."""

    def __init__(
        self, client: Client, url: str, accounts: TrialAccounts, expected: Session
    ) -> None:
        self._client = client
        self._url = url
        self._accounts = accounts
        self._newest = expected.execute(
            select(Ticket.number, Ticket.title, Ticket.created_at)
            .order_by(Ticket.number.desc())
            .limit(LISTED)
        ).all()
        self._expected = expected

    def log_in(self) -> str:
        """A person logs in with a password and gets a page."""
        page = self._client.get("/login", base_url=self._url).text
        token = _CSRF.search(page)
        given = {
            "csrf_token": token[1] if token else "",
            "name": self._accounts.name,
            "password": self._accounts.password,
        }
        referrer = {"Referer": f"{self._url}/login"}
        answer = self._client.post("/login", data=given, base_url=self._url, headers=referrer)
        _need(answer.status_code == HTTPStatus.SEE_OTHER, "a login", answer)
        answer = self._client.get("/tickets", base_url=self._url)
        _need(answer.status_code == HTTPStatus.OK, "the page /tickets", answer)
        return "a login and the page of tickets"

    def get_by_soap(self) -> str:
        """A partner gets the newest ticket."""
        number, title = self._newest[0][:2] if self._newest else (_NO_TICKET, None)
        accounts = self._accounts
        answer = self._client.post(
            "/soap/GGUS",
            data=_GET.format(name=accounts.name, password=accounts.password, number=number),
            content_type="text/xml; charset=utf-8",
            base_url=self._url,
        )
        if title is None:
            is_fault = answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
            _need(is_fault and b"faultstring" in answer.data, "SOAP TicketGet", answer)
            return "a SOAP get (its fault, since there is no ticket)"
        _need(answer.status_code == HTTPStatus.OK, "SOAP TicketGet", answer)
        found = {
            etree.QName(one).localname: one.text for one in etree.fromstring(answer.data).iter()
        }
        answered = (found.get("GHD_Request_ID"), found.get("GHD_Short_Description"))
        is_right = answered == (str(number), title)
        _need(is_right, f"SOAP TicketGet of ticket {number}", answer)
        return f"a SOAP get (ticket {number})"

    def list_by_rest(self) -> str:
        """A program lists the newest tickets."""
        answer = self._ask_rest(f"/api/v1/tickets?sort=-number&limit={LISTED}")
        content: Any = answer.json
        listed = [(one["number"], one["title"]) for one in content["items"]]
        _need(listed == [tuple(row[:2]) for row in self._newest], "the list of tickets", answer)
        return f"a REST list ({len(listed)} tickets)"

    def count(self) -> str:
        """A figure: tickets created in the newest ticket's year, tests left out."""
        year = Year((self._newest[0].created_at if self._newest else datetime.now(UTC)).year)
        answer = self._ask_rest(f"/api/v1/statistics/tickets?per=year&from={year}&to={year}")
        content: Any = answer.json
        found = content["total"]["total"]["number"]
        expected = self._expected.scalar(
            select(func.count())
            .select_from(Ticket)
            .where(
                Ticket.created_at >= year.begin,
                Ticket.created_at < year.end,
                Ticket.category != Category.TEST,
            )
        )
        _need(found == expected, f"the number of tickets of {year}", answer)
        return f"a figure ({found:,} tickets created in {year})"

    def _ask_rest(self, address: str) -> TestResponse:
        token = {"Authorization": f"Bearer {self._accounts.token}"}
        answer = self._client.get(address, base_url=self._url, headers=token)
        _need(answer.status_code == HTTPStatus.OK, f"GET {address}", answer)
        return answer


def _need(is_right: bool, what: str, answer: TestResponse) -> None:
    if not is_right:
        raise SettingError(
            f"The portal was tried, and {what} is not right (answer {answer.status_code}); the log"
            " on standard error may say why"
        )
