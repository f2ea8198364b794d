"""Logging in and out, the gate in front of every page, and tokens against foreign forms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.models.people import Login, LoginFailure, User
from app.accounts.services.people import disable_user, set_password
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.tickets.models.tickets import Ticket
from tests.cast import PASSWORD, SYSTEM, Cast
from tests.harness.examples import some_of
from tests.harness.visitor import PageReader, Visitor, encoded
from tests.harness.visits import Enter, Open

OURS = {"Sec-Fetch-Site": "same-origin"}
ASKED_BY_PAGES = {"live.listen", "tickets.changed"}
PUBLIC = {
    "static",
    "login.login",
    "login.logout",
    "second_factor.ask",
    *("sign_on.begin", "sign_on.done", "sign_on.leave"),
    *(f"passkeys.{one}" for one in ("login", "login_options", "second", "second_options")),
    "feeds.download",
    "scripts.joined",
    *("health.alive", "health.ready", "metrics.metrics", "security_txt.show"),
    "reset.take",
    "reset.reset",
    "mails.stop",
    "mails.undo_stop",
    "hooks.hint",
    *("guide.guide", "guide.fields", "guide.faults", "guide.native", "guide.rest"),
}


def log_in(visitor: Visitor, name: str, password: str, **more: str) -> TestResponse:
    return visitor.send("/login", {"name": name, "password": password, **more})


def alive(visitor: Visitor) -> bool:
    return visitor.get("/tickets").status_code == 200


VALUES: Mapping[str, str | int] = {
    "number": 1,
    "call": 1,
    "mail": 1,
    "message": 1,
    "kind": "sites",
    "form": "csv",
    "person": "kit",
    "site": "DE-KIT",
    "quarter": "2013-Q1",
    "point": 1,
}
"""What stands in an address by the name of the place; elsewhere the name of a file."""


def own_addresses(app: Flask, method: str) -> Iterator[tuple[str, str]]:
    """Every address of the URL map that takes this method, with ticket 1 where one is named."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()):
            kinds = re.search(r"any\((\w+)[^)]*\):kind", rule.rule)
            kind = {"kind": kinds[1]} if kinds else {}
            known = {**VALUES, **kind, **(rule.defaults or {})}
            values = {name: known.get(name, "icon.svg") for name in rule.arguments}
            yield rule.endpoint, adapter.build(rule.endpoint, values, method=method)


def test_a_good_login_leads_home_and_empties_the_session(
    app: Flask, session: Session, cast: Cast
) -> None:
    visitor = Visitor(app)
    with visitor.client.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    visitor.token()
    before = visitor.cookie
    answer = log_in(visitor, "operator", PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/")
    assert alive(visitor)
    with visitor.client.session_transaction() as cookie:
        assert "planted" not in cookie
    planted = Visitor(app)
    planted.client.set_cookie("portal", before)
    assert not alive(planted)
    token = session.scalars(select(Login.token_hash)).one()
    assert token not in visitor.cookie  # only the hash of the cookie's id is stored


def test_wrong_unknown_and_disabled_answer_the_same(
    app: Flask, session: Session, cast: Cast
) -> None:
    with transaction(session):
        disable_user(
            session, SYSTEM, session.scalars(select(User).where(User.name == "reader")).one()
        )
    visitor = Visitor(app)
    answers = []
    for name, password in (
        ("operator", "bad-word"),
        ("nobody", "bad-word"),
        ("reader", PASSWORD),
        ("x" * 5000, "bad-word"),
        ("a\0b\x01", "bad-word"),
        ("operator", "w" * 5000),
    ):
        answer = log_in(visitor, name, password)
        page = PageReader(answer.text)
        assert password not in answer.text
        kept = page.form("/login").values("name") == [name]
        answers.append((answer.status_code, "".join(page.alerts).strip(), kept))
    words = "Name or password is wrong, or the account is disabled."
    assert {(status, text) for status, text, _kept in answers} == {(401, words)}
    assert [kept for _status, _text, kept in answers[:4]] == [True] * 4
    empty = log_in(visitor, "", "")
    assert empty.status_code == 422
    assert "Name is required" in empty.text
    assert session.scalar(select(func.count()).select_from(Login)) == 0


def test_the_21st_failure_is_told_to_wait(app: Flask, session: Session, cast: Cast) -> None:
    visitor = Visitor(app)
    assert log_in(visitor, "operator", "wrong").status_code == 401
    with transaction(session):  # 19 more at this moment, so that a slow machine makes no difference
        first = session.scalars(select(LoginFailure)).one()
        now = datetime.now(UTC)
        session.add_all(LoginFailure(account=first.account, at=now) for _ in range(19))
    assert log_in(visitor, "operator", "wrong again").status_code == 429
    answer = log_in(visitor, "operator", PASSWORD)
    assert answer.status_code == 429
    assert "Too many failed attempts on this account; wait a few seconds" in answer.text
    assert log_in(visitor, "reader", PASSWORD).status_code == 303  # nobody else is kept out


def test_logout_disabling_and_a_new_password_end_a_login_at_once(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    copied = Visitor(app)
    copied.client.set_cookie("portal", visitor.cookie)
    assert alive(copied)
    answer = visitor.send("/logout", {})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert not alive(visitor)
    assert not alive(copied)

    disabled, renewed, other = visit(cast.pic), visit(cast.kit), visit(cast.reader)
    with transaction(session):
        by_name = {user.name: user for user in session.scalars(select(User))}
        disable_user(session, SYSTEM, by_name["pic"])
        set_password(session, SYSTEM, by_name["kit"], "another horse 8")
    assert [alive(one) for one in (disabled, renewed, other)] == [False, False, True]


def test_ones_own_new_password_ends_the_other_logins(cast: Cast, visit: Enter) -> None:
    here, there = visit(cast.reader), visit(cast.reader)
    old_cookie = here.cookie
    new = "another horse 8"
    answer = here.send("/profile/password", {"old": PASSWORD, "new": new, "again": new})
    assert answer.status_code == 303
    assert alive(here)
    assert not alive(there)
    there.client.set_cookie("portal", old_cookie)
    assert not alive(there)


def test_next_leads_only_to_pages_of_this_portal(cast: Cast, visit: Enter) -> None:
    logged_in = visit(cast.operator)
    for good in ("/tickets/1", "/tickets?state=closed&q=a+b"):
        answer = logged_in.client.get("/login", query_string={"next": good})
        assert answer.location == good
    for bad in (
        "//evil.example",
        "https://evil.example/",
        "http:evil.example",
        "\\evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "%2F%2Fevil.example",
        "%5C%5Cevil.example",
        "///evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/\n/evil.example",
        "/logout",
        "/tickets/1/comment",  # takes no GET
        "/nothing",
        "evil.example",
        "/\r\nSet-Cookie: a=b",
        "//[",
    ):
        answer = logged_in.get("/login?" + encoded({"next": bad}).decode())
        assert answer.status_code == 303
        assert answer.location == "/", bad


def test_a_theme_leads_back_to_a_page(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    for came_from, back in (
        ("http://localhost/sites", "/sites"),
        ("http://localhost/tickets?state=closed", "/tickets?state=closed"),
        ("http://localhost/tickets/1/comment", "/profile"),
        ("http://evil.example/sites", "/profile"),
        ("", "/profile"),
    ):
        answer = visitor.send("/profile/theme", {"theme": "dark"}, {"Referer": came_from})
        assert (answer.status_code, answer.location) == (303, back), came_from


def test_next_of_the_form_is_checked_as_well(app: Flask, cast: Cast) -> None:
    visitor = Visitor(app)
    first = visitor.get("/tickets/7?x=1")
    assert (first.status_code, first.location) == (303, "/login?next=/tickets/7?x%3D1")
    form = PageReader(visitor.get(first.location).text).form("/login")
    assert form.values("next") == ["/tickets/7?x=1"]
    answer = log_in(visitor, "operator", PASSWORD, next=form.values("next")[0])
    assert answer.location == "/tickets/7?x=1"
    visitor.renew_token()
    answer = log_in(visitor, "operator", PASSWORD, next="//evil.example")
    assert answer.location == "/"


def test_nobody_sees_or_writes_anything_without_a_login(
    app: Flask, session: Session, cast: Cast, opened: Open
) -> None:
    opened(title="Only for people who are logged in")
    changes = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    visitor = Visitor(app)
    asked = set()
    for endpoint, path in own_addresses(app, "GET"):
        if endpoint in PUBLIC:
            continue
        asked.add(endpoint)
        answer = visitor.get(path)
        if endpoint in ASKED_BY_PAGES:  # that are open, and stay where they are
            assert (answer.status_code, answer.data) == (401, b""), path
            continue
        assert answer.status_code == 303, path
        assert answer.location.startswith("/login"), path
        assert "Only for people" not in answer.text
        expired = visitor.get(path, {"HX-Request": "true", "HX-Current-URL": f"http://x{path}"})
        assert expired.status_code == 204
        assert expired.headers["HX-Redirect"].startswith("/login")
    for endpoint, path in own_addresses(app, "POST"):
        if endpoint in PUBLIC:
            continue
        asked.add(endpoint)
        answer = visitor.send(path, {"title": "typed by nobody", "password": "s3cret-word"})
        assert answer.status_code == 401, path
        assert "typed by nobody" in answer.text  # kept, to copy
        assert "s3cret-word" not in answer.text
        expired = visitor.send(
            path, {"title": "x"}, {"HX-Request": "true", "HX-Current-URL": "http://x/tickets/1"}
        )
        assert expired.status_code == 204
        assert expired.headers["HX-Redirect"] == "/login?next=/tickets/1"
    assert {"tickets.listing", "tickets.edit", "tickets.comment", "tickets_csv.download"} <= asked
    assert session.scalar(select(func.count()).select_from(Change)) == changes


def test_a_write_without_a_valid_token_is_400_and_keeps_what_was_typed(
    app: Flask, session: Session, cast: Cast, opened: Open, visit: Enter
) -> None:
    opened()
    changes = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    visitor, stranger = visit(cast.operator), Visitor(app)
    other_token = visit(cast.kit).token()
    typed = {"title": "A <long> text & more", "links": ["one", "two"], "old": "s3cret-word"}
    tokens: list[dict[str, str]] = [{}, {"csrf_token": "wrong"}, {"csrf_token": other_token}]
    for turn, (endpoint, path) in enumerate(own_addresses(app, "POST")):
        # mail clients and partners post there; what proves their right: test_mails, test_hooks
        if endpoint in ("mails.stop", "hooks.hint"):
            assert visitor.send_raw(path, encoded(typed), OURS).status_code == 404
            continue
        for token in some_of(tokens, turn):
            body = encoded({**typed, "password": "s3cret-word", **token})
            answer = visitor.send_raw(path, body, OURS)
            assert answer.status_code == 400, path
            page = PageReader(answer.text)
            assert "A <long> text & more" in page.text
            assert "s3cret-word" not in answer.text
        hostile = visitor.send_raw(path, encoded(typed), {"Sec-Fetch-Site": "cross-site"})
        assert hostile.status_code == 400
        assert not any("title" in form.names for form in PageReader(hostile.text).forms)
        by_htmx = visitor.send_raw(path, encoded(typed), {"HX-Request": "true"})
        assert by_htmx.status_code == 400
        assert "<html" not in by_htmx.text
    assert session.scalar(select(func.count()).select_from(Change)) == changes
    session.rollback()
    assert alive(visitor)  # not even the logout

    blank = visitor.read("/tickets/new").form("/tickets/new").data()
    filled = {**blank, "title": ["Sent again"], "sites": ["DE-KIT", "CH-CERN"]}
    del filled["csrf_token"]
    assert filled["network"] == filled["responsible_site"] == [""]  # empty is an answer, too
    answer = visitor.send_raw("/tickets/new", encoded(filled), OURS)
    form = PageReader(answer.text).form("/tickets/new")
    assert form.data().items() >= filled.items()
    again = visitor.client.post(form.action, data=form.data())
    assert again.status_code == 303
    assert session.scalars(select(Ticket.title).where(Ticket.number == 2)).one() == "Sent again"
    session.rollback()

    login = {"name": "operator", "password": PASSWORD, "next": "/sites"}
    answer = stranger.send_raw("/login", encoded(login), OURS)
    assert answer.status_code == 400
    assert PASSWORD not in answer.text
    form = PageReader(answer.text).form("/login")
    assert {"name", "next", "csrf_token", "password"} <= form.names
    again = stranger.client.post(form.action, data={**form.data(), "password": [PASSWORD]})
    assert (again.status_code, again.location) == (303, "/sites")


def test_a_login_ends_by_itself(app: Flask, session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    with transaction(session):
        session.scalars(select(Login)).one().expires_at = datetime.now(UTC)
    assert not alive(visitor)
