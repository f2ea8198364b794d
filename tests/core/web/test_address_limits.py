"""What one address may cause without a login: counted, refused in words, and every door has one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.models.people import LoginFailure
from app.core.rules.addresses import network_of
from app.core.web import address_limits
from app.core.web.address_limits import ALLOWED, HOOK, LIMITED, LOGIN, AddressLimits, Counted
from app.core.web.person import PUBLIC
from tests.accounts.adapters.openid_stand_in import stand_in
from tests.cast import PASSWORD, Cast
from tests.harness.databases import fresh_database
from tests.harness.identity_provider import sign_on_settings
from tests.harness.visitor import PageReader, Visitor

COSTS_NOTHING = {
    "/logout": "ends what the sender has",
    "/logout/sign-on": "calls the provider only behind the logout of one who signed on",
    "/reset/<token>": "the cookie alone",
    "/calendar/feed/<secret>.ics": "reads for who has the address, else nothing",
    "/hooks/<kind>/<connection>": "counts what no secret signed, in the view",
    "/metrics": "reads for who has the token or a known address, else nothing",
    **dict.fromkeys(("/healthz", "/readyz", "/scripts.js", "/.well-known/security.txt"), "reads"),
    **dict.fromkeys(
        ("/guide", "/guide/faults", "/guide/fields", "/guide/native", "/guide/rest"), "reads"
    ),
}
"""Public addresses that have no decorator, and why."""


@pytest.fixture
def database() -> Iterator[str]:
    """One database: it makes no difference here."""
    with fresh_database("sqlite") as url:
        yield url


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of each kind."""
    for what in ALLOWED:
        monkeypatch.setitem(address_limits.ALLOWED, what, 3)


@pytest.fixture
def behind(app_with: Callable[..., Flask]) -> Flask:
    """A portal that believes one proxy."""
    return app_with(trusted_proxies=1, public_url="http://localhost")


def from_(address: str, **more: str) -> dict[str, str]:
    return {"X-Forwarded-For": address, **more}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_for_whom_an_address_stands(address: str, network: str) -> None:
    assert network_of(address) == network


def test_an_address_is_counted_within_its_minute(few: None) -> None:
    limits = AddressLimits()
    told = [limits.count(LOGIN, "192.0.2.7", at) for at in (10.0, 20.0, 30.0, 40.5, 69.9)]
    assert told == [Counted(), Counted(), Counted(), Counted(30, is_first=True), Counted(1)]
    assert limits.count(LOGIN, "192.0.2.8", 41.0) == Counted(), "another address"
    assert limits.count(HOOK, "192.0.2.7", 41.0) == Counted(), "another door"
    assert limits.count(LOGIN, "192.0.2.7", 70.0) == Counted(), "another minute"
    same = [f"2001:db8::{host}" for host in range(4)]
    assert [limits.count(LOGIN, one, 80.0).wait for one in same] == [0, 0, 0, 60]


def test_to_look_counts_nothing_before_it_is_too_much(few: None) -> None:
    limits = AddressLimits()
    for _turn in range(9):
        assert limits.count(HOOK, "192.0.2.7", 1.0, only_look=True) == Counted()
    assert len(limits) == 0
    for _turn in range(3):
        limits.count(HOOK, "192.0.2.7", 1.0)
    told = [limits.count(HOOK, "192.0.2.7", 2.0, only_look=True) for _turn in range(3)]
    assert told == [Counted(59, is_first=True), Counted(59), Counted(59)]


def test_what_is_remembered_is_bounded(few: None) -> None:
    limits = AddressLimits(most_kept=100)
    for number in range(1000):
        limits.count(LOGIN, f"10.0.{number // 250}.{number % 250}", 1.0)
    assert len(limits) == 100


def test_thirty_people_behind_one_address_log_in_within_a_minute() -> None:
    """Each mistypes once, gives a code, and asks for a passkey first: four requests."""
    limits = AddressLimits()
    requests = [limits.count(LOGIN, "192.0.2.7", float(number % 60)) for number in range(30 * 4)]
    assert not any(one.wait for one in requests)


def _lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    return [
        (one.getMessage(), getattr(one, "remote", ""), getattr(one, "thing", ""))
        for one in caplog.records
        if one.name == "portal.security" and one.getMessage() == "too many requests"
    ]


def _posts(visitor: Visitor, path: str, data: dict[str, str], address: str) -> list[TestResponse]:
    token = visitor.token()
    return [
        visitor.client.post(path, data={"csrf_token": token, **data}, headers=from_(address))
        for _turn in range(5)
    ]


@pytest.mark.parametrize(
    ("path", "usual"),
    [("/login", 401), ("/login/code", 303), ("/login/passkey", 401), ("/reset", 404)],
)
def test_the_forms_without_a_login(
    behind: Flask,
    session: Session,
    cast: Cast,
    few: None,
    caplog: pytest.LogCaptureFixture,
    path: str,
    usual: int,
) -> None:
    caplog.set_level(logging.INFO)
    visitor = Visitor(behind)
    data = {"name": "nobody", "password": "x", "credential": "x", "one_time_code": "1"}
    answers = _posts(visitor, path, data, "2001:db8::1")
    assert [one.status_code for one in answers] == [usual] * 3 + [429] * 2
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    page = PageReader(answers[3].text)
    assert "Too many requests came from your network address" in page.text
    assert "x" not in page.text.split(), "what was typed"
    assert _lines(caplog) == [("too many requests", "2001:db8::1", "login")]
    other = visitor.client.post(
        path, data={"csrf_token": visitor.token(), **data}, headers=from_("2001:db8:0:1::1")
    )
    assert other.status_code == usual
    failures = session.scalar(select(func.count()).select_from(LoginFailure)) or 0
    assert failures <= 4


def test_a_script_reads_why_it_gets_no_challenge(behind: Flask, cast: Cast, few: None) -> None:
    visitor = Visitor(behind)
    answers = _posts(visitor, "/login/passkey/options", {}, "192.0.2.7")
    assert [one.status_code for one in answers] == [200] * 3 + [429] * 2
    assert "Too many requests" in answers[3].text


@pytest.mark.parametrize("path", ["/login/sign-on", "/login/sign-on/done?state=x&code=x"])
def test_the_way_to_the_provider_and_back(
    app_with: Callable[..., Flask], cast: Cast, few: None, path: str
) -> None:
    with stand_in() as said:
        port = urlsplit(said.issuer).port
        assert port is not None
        client = app_with(
            trusted_proxies=1, public_url="http://localhost", **sign_on_settings(port)
        ).test_client()
        told = [client.get(path, headers=from_("192.0.2.7")).status_code for _turn in range(5)]
        assert told[3:] == [429, 429]
        assert 429 not in told[:3]
        assert client.get(path, headers=from_("192.0.2.8")).status_code == told[0]
        assert "/token" not in said.asked


def test_what_nobody_signed_is_counted_and_what_is_signed_is_not(
    behind: Flask, cast: Cast, few: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = behind.test_client()

    def hint() -> TestResponse:
        return client.post("/hooks/zammad/GGUS-TEST", json={}, headers=from_("192.0.2.7"))

    answers = [hint() for _turn in range(5)]
    assert [one.status_code for one in answers] == [401] * 3 + [429] * 2
    assert answers[4].text.startswith("429 Too Many Requests")
    assert _lines(caplog) == [("too many requests", "192.0.2.7", "hook")]


def test_a_login_of_another_address_is_not_held_up(behind: Flask, cast: Cast, few: None) -> None:
    stranger, honest = Visitor(behind), Visitor(behind)
    _posts(stranger, "/login", {"name": "kit", "password": "x"}, "192.0.2.9")
    answer = honest.client.post(
        "/login",
        data={"csrf_token": honest.token(), "name": "kit", "password": PASSWORD},
        headers=from_("192.0.2.7"),
    )
    assert answer.status_code == 303


def test_each_anonymous_door_has_a_limit_or_a_reason(app: Flask) -> None:
    views = {str(rule): app.view_functions[rule.endpoint] for rule in app.url_map.iter_rules()}
    public = {path for path, view in views.items() if getattr(view, PUBLIC, False)}
    limited = {path for path in public if hasattr(views[path], LIMITED)}
    assert public - limited == COSTS_NOTHING.keys()
    assert {path.split("/")[1] for path in limited} == {"login", "reset", "unsubscribe"}
