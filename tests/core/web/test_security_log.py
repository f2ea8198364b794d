"""The security log: one line each for what opens, leaves or changes an account, and no secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import ApiToken, Login
from app.accounts.rules.sign_on import Claimed
from app.accounts.services.identities import sign_on
from app.accounts.services.people import start_login
from app.accounts.services.second_factor import demand_of_admins
from app.accounts.services.sign_on_map import TypedMapRow, save_map
from app.api.rate_limit import RATE_LIMIT, RateLimit
from app.core.database.transactions import transaction
from app.core.log import LineFormatter
from app.core.rules.access import Door
from app.exchange.services.connections.connections import connect
from app.exchange.services.connections.settings import change_connection
from app.exchange.services.endings import end_connection
from app.factory import API
from app.tickets.services.attachments import add_attachment
from tests.accounts.pages.test_account_security import FACTOR, NEW, TOKEN, Programs, enrol
from tests.accounts.pages.test_second_factor import give_code, give_password, now_code, set_up
from tests.cast import NOON, PASSWORD, SYSTEM, Cast, writer
from tests.harness.visitor import PageReader, Visitor, encoded
from tests.harness.visits import Enter, Open

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Lines:
    """The security log's lines since they were last read."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog
        caplog.set_level(logging.INFO)

    def take(self) -> list[str]:
        """What stands in each line behind its time."""
        found = [
            LineFormatter().format(record).partition(" info portal.security ")[2]
            for record in self.caplog.records
            if record.name == "portal.security"
        ]
        self.caplog.clear()
        return found

    def events(self) -> list[str]:
        """Only what happened, and how."""
        return [" / ".join(re.findall(r'(?:event|how)="([^"]*)"', line)) for line in self.take()]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    return Lines(caplog)


def test_logins_and_what_fails(
    app: Flask, session: Session, cast: Cast, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = Visitor(app)
    give_password(visitor, "kit", password="kept to myself")
    assert lines.take() == [
        'event="failed login" account="kit" remote="127.0.0.1" door="portal" kind="person"'
        ' thing="" how="password"'
    ]
    for typed in ("my own pass phrase", "x" * 5000, "a\nb", "\u202e"):
        give_password(visitor, typed)
        (line,) = lines.take()
        assert 'account=""' in line
        assert line.isprintable()
        assert len(line) < 200
    assert give_password(visitor, "kit").status_code == 303
    number = session.scalars(select(Login.id)).one()
    session.rollback()
    assert lines.take() == [
        'event="login" account="kit" remote="127.0.0.1" door="portal" kind="login"'
        f' thing="{number}" how="password"'
    ]
    visitor.renew_token()
    visitor.send("/logout", {})
    assert lines.events() == ["logout"]
    visitor.get("/reset/" + "A" * 43)
    visitor.get("/reset")
    assert lines.events() == ["failed login / one-time link"]


def test_the_second_factor(app: Flask, session: Session, cast: Cast, lines: Lines) -> None:
    secret, _codes = set_up(session, cast.kit)
    lines.take()
    visitor = Visitor(app)
    give_password(visitor, "kit")
    give_code(visitor, "000000 no")
    give_code(visitor, now_code(secret))
    assert lines.events() == [
        "second factor asked",
        "second factor wrong / code",
        "login / second factor",
    ]


def test_what_opens_an_account(
    app: Flask, session: Session, cast: Cast, visit: Enter, lines: Lines
) -> None:
    visitor = visit(cast.kit)
    programs = Programs(app, visitor)
    number = session.scalars(select(ApiToken.id)).one()
    session.rollback()
    first = lines.take()
    assert first[0] == (
        'event="token created" account="kit" remote="127.0.0.1" door="portal" kind="token"'
        ' thing="kit/laptop"'
    )
    visitor.send(f"/profile/tokens/{number}/rotate", {"password": "not it"})
    visitor.send(f"/profile/tokens/{number}/rotate", {"password": PASSWORD})
    visitor.send(f"/profile/tokens/{number}/end-older", {})
    codes, secret = enrol(visitor)
    visitor.send(f"{FACTOR}/codes", {"password": PASSWORD, "one_time_code": "wrong"})
    visitor.send(f"{FACTOR}/off", {"password": PASSWORD, "one_time_code": codes[0]})
    visitor.send("/profile/mail", {"mail": "kit@people.example", "password": PASSWORD})
    visitor.send("/profile/password", {"old": PASSWORD, "new": NEW, "again": NEW})
    told = lines.take()
    events = [" / ".join(re.findall(r'(?:event|how)="([^"]*)"', line)) for line in told]
    assert events == [
        "failed login / password asked again",
        "token created",
        "token ended / the older secret",
        "second factor on",
        "second factor wrong",
        "second factor off",
        "mail address changed",
        "token ended",
        "calendar address ended",
        "password changed / set",
    ]
    for hidden in (PASSWORD, NEW, secret, programs.token, programs.address[-40:], *codes):
        assert hidden not in repr([first, told])


def test_each_change_of_people_and_partners(
    app: Flask, session: Session, cast: Cast, visit: Enter, lines: Lines
) -> None:
    admin = visit(cast.admin)
    new = {"name": "curie", "mail": "", "role": "reporter", "sites": ["DE-KIT"], "why": ""}
    person, account = "/admin/people/curie", "/partners/accounts/1"
    switches = admin.read(account).form(f"{account}/switches").data()
    own = {"password": PASSWORD}
    lines.take()
    done: list[tuple[str, dict[str, Any], list[str]]] = [
        (
            "/admin/new-person",
            new | own,
            ["person created / reporter of DE-KIT", "one-time link created"],
        ),
        (f"{person}/role", {"role": "admin", "sites": [""], "why": ""}, ["role changed / admin"]),
        (f"{person}/role", {"role": "admin", "sites": [""], "why": ""}, []),
        (f"{person}/link", {"why": ""} | own, ["one-time link created"]),
        (f"{person}/disable", {"why": ""}, ["person disabled"]),
        (f"{person}/enable", {"why": ""}, ["person enabled"]),
        (
            "/admin/second-factor",
            {"demand": "yes", "why": ""},
            ["second factor of admins / needed"],
        ),
        (
            f"{account}/switches",
            {**switches, "access": "own", "internal": "hidden"},
            ["partner account changed / access own, internal no"],
        ),
        (f"{account}/add-secret", own, ["partner secret created"]),
        (f"{account}/disable", {}, ["partner account disabled"]),
        (f"{account}/enable", {}, ["partner account enabled"]),
        (
            "/partners/new",
            {**switches, "code": "NEW", "login": "new"} | own,
            [
                "partner account created / access all, read_only no, internal yes,"
                " contract_year 2016, sites none",
                "partner secret created",
            ],
        ),
    ]
    for path, fields, expected in done:
        if path == f"{account}/switches":
            _set_factor_aside(session)
        answer = admin.send(path, fields)
        assert answer.status_code in (200, 303), (path, answer.text)
        assert lines.events() == expected, path


def _set_factor_aside(session: Session) -> None:
    """Nobody needs one again, without a line."""
    session.rollback()
    with transaction(session):
        demand_of_admins(session, SYSTEM, on=False)


def test_each_change_of_a_connection(session: Session, cast: Cast, lines: Lines) -> None:
    by = writer(cast.admin)
    with transaction(session):
        made = connect(
            session, by, "NEW", "zammad", url="https://desk.example/api", direction="push"
        )
    with transaction(session):
        change_connection(
            session,
            by,
            made,
            url="https://other.example/api?token=hidden",
            direction="both",
            remote_login="portal",
            internal=False,
        )
    with transaction(session):
        end_connection(session, by, made, "done")
    told = lines.take()
    assert [" / ".join(re.findall(r'(?:event|how)="([^"]*)"', line)) for line in told] == [
        "connection created / zammad, push",
        "connection changed / url, direction, remote_login",
        "connection ended",
    ]
    assert "hidden" not in repr(told)


def test_a_role_by_the_map_of_sign_on(session: Session, cast: Cast, lines: Lines) -> None:
    portal = replace(SYSTEM, door=Door.PORTAL)
    said = Claimed("https://sso.example", "s-1", "curie", "Marie Curie", "", ("noc",))
    with transaction(session):
        save_map(session, writer(cast.admin), [TypedMapRow("noc", "admin")], 0)
    with transaction(session):
        sign_on(session, portal, said, refuse_unmapped=True)
    assert lines.events() == [
        "sign-on map changed",
        "person created / reader",
        "role changed / sign-on: admin",
    ]


def test_lists_and_too_many_calls_of_a_program(
    app: Flask, cast: Cast, visit: Enter, lines: Lines
) -> None:
    token = Programs(app, visit(cast.reader)).token
    programs = app.extensions[API]
    client, bearer = app.test_client(), {"Authorization": f"Bearer {token}"}
    usual = programs.extensions[RATE_LIMIT]
    programs.extensions[RATE_LIMIT] = RateLimit(4)
    lines.take()
    try:
        for path in ("tickets", "tickets?limit=1", "sites", "sites/DE-KIT", "sites", "sites"):
            client.get(f"/api/v1/{path}", headers=bearer)
    finally:
        programs.extensions[RATE_LIMIT] = usual
    told = [
        re.sub(
            r'^event="(.*?)" account="(.*?)" .* door="api" kind="(.*?)" thing="(.*?)".*',
            r"\1 \2 \3 \4",
            line,
        )
        for line in lines.take()
    ]
    assert told == [
        "list reader operation listTickets",
        "list reader operation listSites",
        "too many requests reader operation listSites",
    ]


def test_what_is_not_committed_is_not_logged(
    session: Session, cast: Cast, visit: Enter, lines: Lines
) -> None:
    visitor = visit(cast.kit)
    visitor.send("/profile/password", {"old": PASSWORD, "new": "short", "again": "short"})
    visitor.send("/profile/tokens", {**TOKEN, "name": "two words"})
    assert lines.take() == []


def test_files_attachments_and_refused_rights(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open, lines: Lines
) -> None:
    number = opened()
    with transaction(session):
        key = add_attachment(session, writer(cast.operator, NOON), number, "a.txt", b"text").id
    reader, admin = visit(cast.reader), visit(cast.admin)
    for path in ("/tickets.csv", "/tickets.xlsx", "/statistics/matching.csv", "/duty.csv"):
        assert reader.get(path).status_code == 200
    for path in ("/admin/audit.csv", f"/attachments/ATT{key}"):
        assert admin.get(path).status_code == 200
    assert reader.get(f"/tickets/{number}").status_code == 200
    assert reader.send(f"/tickets/{number}/comment", {"text": "x"}).status_code == 403
    told = [
        re.sub(
            r'^event="(.*?)" account="(.*?)" .* kind="(.*?)" thing="(.*?)".*', r"\1 \2 \3 \4", line
        )
        for line in lines.take()
    ]
    assert told == [
        "export reader file tickets.csv",
        "export reader file tickets.xlsx",
        "export reader file matching.csv",
        "export reader file duty.csv",
        "export admin file audit-changes.csv",
        f"download admin attachment ATT{key}",
        f"refused reader POST /tickets/<int(max=2147483647):number>/comment {number}",
    ]


def test_the_programs_door(app: Flask, cast: Cast, visit: Enter, lines: Lines) -> None:
    client = app.test_client()
    assert client.get("/api/v1/sites").status_code == 401
    assert lines.take() == []  # it brought nothing that could be wrong
    headers = {"Authorization": "Bearer lhcopn_guessed"}
    assert client.get("/api/v1/sites", headers=headers).status_code == 401
    (line,) = lines.take()
    assert 'event="failed login" account="" remote="127.0.0.1" door="api" kind="token"' in line
    assert "guessed" not in line
    token = Programs(app, visit(cast.reader)).token
    lines.take()
    answer = client.post("/api/v1/events", headers={"Authorization": f"Bearer {token}"}, json=[])
    assert answer.status_code == 403
    (line,) = lines.take()
    assert line.startswith('event="refused" account="reader" remote="127.0.0.1" door="api"')
    assert 'kind="POST /api/v1/events"' in line


def test_the_address_is_what_a_trusted_proxy_says(
    app_with: Callable[..., Flask], session: Session, cast: Cast, lines: Lines
) -> None:
    visitor = Visitor(app_with(trusted_proxies=1))
    token = visitor.token()
    for sent in ("198.51.100.1, 192.0.2.9", "x\r\ny"):
        visitor.client.post(
            "/login",
            data={"csrf_token": token, "name": "kit", "password": "wrong"},
            headers={"X-Forwarded-For": sent.replace("\r\n", " ")},
        )
    told = [re.findall(r'remote="(.*?)"', line) for line in lines.take()]
    assert told == [["192.0.2.9"], [""]]


def test_a_login_that_was_not_used_for_hours_ends(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open, lines: Lines
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    token = visitor.token()

    def leave(hours: float) -> None:
        session.rollback()
        with transaction(session):
            login = session.scalars(select(Login).order_by(Login.id.desc())).first()
            assert login is not None
            login.created_at = login.seen_at = datetime.now(UTC) - timedelta(hours=hours)

    leave(3.9)
    assert visitor.get("/tickets").status_code == 200
    leave(4.1)
    answer = visitor.get("/tickets?q=x")
    assert answer.location == "/login?next=/tickets?q%3Dx"
    page = visitor.read(answer.location)
    assert "Your session expired because it was not used for 4 hours." in page.text
    assert session.scalars(select(Login.ended_at)).one() is not None
    assert lines.events() == ["logout / not used for too long"]
    again = visit(cast.operator)
    token = again.token()
    leave(5)
    body = encoded({"csrf_token": token, "kind": "public", "text": "Typed text"})
    answer = again.send_raw(f"/tickets/{number}/comment", body, {"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 401
    assert "not used for 4 hours. Nothing was stored" in answer.text
    assert PageReader(answer.text).form("/login").values("kept.text") == ["Typed text"]


def test_who_goes_on_working_stays_logged_in(
    app_with: Callable[..., Flask], session: Session, cast: Cast
) -> None:
    moment = datetime.now(UTC)
    with transaction(session):
        token = start_login(session, cast.kit.account_id or 0, moment - timedelta(hours=9))
        login = session.scalars(select(Login)).one()
        login.seen_at = moment - timedelta(minutes=30)
    visitor = Visitor(app_with(login_idle_hours=4))
    visitor.carry(token)
    assert visitor.get("/tickets").status_code == 200


def test_the_idle_limit_can_be_switched_off(
    app_with: Callable[..., Flask], session: Session, cast: Cast
) -> None:
    with transaction(session):
        began = datetime.now(UTC) - timedelta(hours=11)
        token = start_login(session, cast.kit.account_id or 0, began)
    visitor = Visitor(app_with(login_idle_hours=0))
    visitor.carry(token)
    assert visitor.get("/tickets").status_code == 200
