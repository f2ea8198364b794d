"""One's own profile: mail and logins (password and zone are in test_bad_input and test_login)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import Login
from app.accounts.pages.browsers import as_kept, in_words
from app.accounts.services.people import find_user, start_login
from app.core.database.transactions import transaction
from tests.cast import PASSWORD, Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl"),
        ("", "unknown browser"),
        ("<script>", "unknown browser"),
    ],
)
def test_browsers_in_words(told: str, words: str) -> None:
    assert in_words(told) == words
    assert len(as_kept(told * 100)) <= 255


def test_logins_are_listed_and_ended(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = Visitor(app)
    visitor.token()
    answer = visitor.client.post(
        "/login",
        data={"csrf_token": visitor.token(), "name": "kit", "password": PASSWORD},
        headers={"User-Agent": FIREFOX},
        environ_overrides={"REMOTE_ADDR": "192.0.2.7"},
    )
    assert answer.status_code == 303
    with transaction(session):
        now = datetime.now(UTC)
        key = cast.kit.account_id or 0
        start_login(session, key, now, remote="2001:db8::1", browser="curl/8", second_factor=True)
        start_login(session, key, now - timedelta(hours=13))  # over
    elsewhere, stranger = visit(cast.kit), visit(cast.reader)
    page = visitor.read("/profile")
    assert "Firefox on Linux from 192.0.2.7" in page.text
    assert "curl from 2001:db8::1" in page.text
    ended = page.form("/profile/end-login").values("login")
    assert page.text.count("this session") == 1
    assert len([form for form in page.forms if form.action == "/profile/end-login"]) == 2
    of_stranger = session.scalars(select(Login.id).order_by(Login.id.desc())).first()
    session.rollback()
    visitor.renew_token()
    for wrong in (str(of_stranger), "999", "", "-1", "1e3", "9" * 30, "\u0661"):
        answer = visitor.send("/profile/end-login", {"login": wrong})
        assert answer.status_code == 422, wrong
    assert stranger.get("/tickets").status_code == 200
    assert visitor.send("/profile/end-login", {"login": ended[0]}).location == "/profile"
    assert elsewhere.get("/tickets").status_code == 303
    again = visit(cast.kit)
    assert visitor.send("/profile/end-other-logins", {}).status_code == 303
    assert "2 other sessions ended" in visitor.read("/profile").text
    assert again.get("/tickets").status_code == 303
    assert visitor.get("/tickets").status_code == 200


def test_the_mail_address_is_ones_own(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    sent = {"mail": " noc@example.org ", "password": PASSWORD}
    assert visitor.send("/profile/mail", sent).status_code == 303
    assert find_user(session, "reader").mail == "noc@example.org"
    session.rollback()
    for bad, words in (
        ("nobody", "Email address: use email addresses"),
        ("a@b.example,c@d.example", "Email address: enter one address only"),
        ("a@" + "b" * 253, "at most 254"),
    ):
        answer = visitor.send("/profile/mail", {"mail": bad, "password": PASSWORD})
        assert answer.status_code == 422
        page = PageReader(answer.text)
        assert words in " ".join(page.alerts)
        assert page.form("/profile/mail").values("mail") == [bad]
    for password in ("", "wrong"):  # which a stolen cookie does not have
        answer = visitor.send("/profile/mail", {"mail": "thief@example.org", "password": password})
        assert answer.status_code == 422
        assert PageReader(answer.text).form("/profile/mail").values("mail") == ["thief@example.org"]
    assert find_user(session, "reader").mail == "noc@example.org"
    session.rollback()
    assert visitor.send("/profile/mail", {"mail": "", "password": PASSWORD}).status_code == 303
    assert find_user(session, "reader").mail == ""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_single_keys_can_be_switched_off(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    assert 'data-shortcuts="on"' in visitor.get("/shortcuts").text
    assert visitor.send("/shortcuts", {"on": "no"}).status_code == 303
    assert 'data-shortcuts="off"' in visitor.get("/sites").text
    assert 'data-shortcuts="on"' in visit(cast.kit).get("/sites").text  # of each for itself
    assert "Single-key shortcuts are off" in visitor.read("/shortcuts").text
    answer = visitor.send("/shortcuts", {"on": "perhaps"})
    assert answer.status_code == 422
    assert "Shortcuts: choose yes or no" in answer.text
