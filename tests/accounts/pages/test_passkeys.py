"""Passkeys through the pages: adding, logging in alone and behind the password, removing; and every
answer that is refused, all in the same words."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.models.passkeys import Passkey, PasskeyChallenge
from app.accounts.models.people import FailedLogins, Login, PendingLogin, User
from app.accounts.pages.passkeys import CHALLENGE
from app.accounts.services.logins import begin_pending
from app.accounts.services.people import disable_user, find_user, start_login
from app.core.database.transactions import transaction
from app.core.log import LineFormatter
from app.core.rules.access import Actor
from app.mail.models.mails import Mail, MailMessage
from tests.accounts.pages.test_second_factor import alive, give_code, give_password
from tests.cast import PASSWORD, SYSTEM, Cast
from tests.harness.authenticator import Authenticator, raw, text
from tests.harness.visitor import PageReader, Visitor, encoded
from tests.harness.visits import Enter

HERE = "/profile/passkeys"
REFUSED = "Passkey refused. Try again"
Device = Callable[..., Authenticator]


@pytest.fixture
def app(app_with: Callable[..., Flask]) -> Flask:
    """At an address that has passkeys."""
    made = app_with(public_url="http://localhost")
    made.config["TESTING"] = True
    return made


def options_of(visitor: Visitor, path: str, **fields: str) -> dict[str, Any]:
    answer = visitor.send(f"{path}", fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json or {}
    return found


def add(visitor: Visitor, device: Authenticator, **fields: str) -> TestResponse:
    """A passkey by the password."""
    asked = options_of(visitor, f"{HERE}/options", password=PASSWORD)
    answer = device.create(asked["create"])
    return visitor.send(HERE, {"name": "laptop", "credential": answer, **fields})


def codes_in(answer: TestResponse) -> list[str]:
    return re.findall(r"<li>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</li>", answer.text)


@pytest.fixture
def enrolled(visit: Enter) -> Device:
    """Add a passkey to an account."""

    def one(actor: Actor, **more: bool) -> Authenticator:
        device = Authenticator(**more)
        assert add(visit(actor), device).status_code in (200, 303)
        return device

    return one


def give_passkey(
    visitor: Visitor, device: Authenticator, path: str = "/login/passkey", **wrong: Any
) -> TestResponse:
    """Answer a challenge; ``wrong`` as the device's ``get`` takes it."""
    visitor.renew_token()
    asked = options_of(visitor, f"{path}/options")
    return visitor.send(path, {"credential": device.get(asked["get"], **wrong)})


class SecurityLog:
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog
        caplog.set_level(logging.INFO)

    def take(self) -> list[str]:
        records = [one for one in self.caplog.records if one.name == "portal.security"]
        lines = [LineFormatter().format(one) for one in records]
        self.caplog.clear()
        return [" / ".join(re.findall(r'(?:event|account|how)="([^"]*)"', line)) for line in lines]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> SecurityLog:
    return SecurityLog(caplog)


def test_adding_one_by_the_password(
    app: Flask, session: Session, cast: Cast, visit: Enter, log: SecurityLog
) -> None:
    with transaction(session):
        find_user(session, "kit").mail = "kit@people.example"
    visitor, other = visit(cast.kit), visit(cast.kit)
    assert "None. With a passkey you log in" in visitor.read("/profile").text
    wrong = visitor.send(f"{HERE}/options", {"password": "not it"})
    assert (wrong.status_code, wrong.json) == (422, {"problem": "This is not your password"})
    asked = options_of(visitor, f"{HERE}/options", password=PASSWORD)["create"]
    assert asked["rp"] == {"id": "localhost", "name": "LHCOPN tickets"}
    assert asked["user"]["name"] == "kit"
    assert "kit" not in raw(asked["user"]["id"]).decode()
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["excludeCredentials"] == []
    assert len(raw(asked["challenge"])) == 32
    device = Authenticator()
    answer = visitor.send(HERE, {"name": "work <laptop>", "credential": device.create(asked)})
    assert answer.status_code == 200
    codes = codes_in(answer)
    assert len(codes) == 10
    assert alive(visitor)
    assert not alive(other)  # it began without a second factor
    page = visitor.read(HERE)
    assert codes[0] not in page.text
    assert "work <laptop> on one device" in page.text
    assert "never used" in page.text
    profile = visitor.read("/profile").text
    assert "1 passkey. Log in with it alone" in profile
    assert "Off. A second factor" not in profile
    again = options_of(visitor, f"{HERE}/options", password=PASSWORD)["create"]
    assert [one["id"] for one in again["excludeCredentials"]] == [text(device.keys[0].id)]
    assert again["excludeCredentials"][0]["transports"] == ["internal"]
    assert again["user"]["id"] == asked["user"]["id"]
    answer = visitor.send(HERE, {"name": "", "credential": Authenticator().create(again)})
    assert answer.location == HERE
    assert "Passkey “unknown browser” added." in visitor.read(HERE).text
    subjects = session.scalars(select(MailMessage.subject).order_by(MailMessage.id)).all()
    assert [one.rpartition("] ")[2] for one in subjects] == [
        "A passkey was added to your account"
    ] * 2
    assert session.scalar(select(func.count()).select_from(Mail)) == 2
    events = log.take()
    assert "passkey added / kit" in events
    assert "failed login / kit / password asked again" in events


def test_no_passkey_without_the_password_before_it(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.kit)
    asked = options_of(visitor, "/login/passkey/options")["get"]  # anybody has such a challenge
    made = {**asked, "rp": {"id": "localhost"}, "user": {"id": text(b"x")}}
    answer = visitor.send(HERE, {"name": "x", "credential": Authenticator().create(made)})
    assert answer.status_code == 422
    assert "The response of your device is invalid" in answer.text
    assert visitor.send(HERE, {"name": "x", "credential": "{}"}).status_code == 422
    # asked for by one person, sent by another from the same browser
    made = options_of(visitor, f"{HERE}/options", password=PASSWORD)["create"]
    with transaction(session):
        token = start_login(session, cast.pic.account_id or 0, datetime.now(UTC))
    visitor.carry(token)
    answer = visitor.send(HERE, {"name": "x", "credential": Authenticator().create(made)})
    assert answer.status_code == 422
    assert session.scalar(select(func.count()).select_from(Passkey)) == 0


def test_a_login_without_name_and_password(
    app: Flask, session: Session, cast: Cast, enrolled: Device, log: SecurityLog
) -> None:
    device = enrolled(cast.kit)
    log.take()
    visitor = Visitor(app)
    page = visitor.read("/login?next=/tickets?q%3Dx")
    assert page.form("/login/passkey").values("next") == ["/tickets?q=x"]
    asked = options_of(visitor, "/login/passkey/options")["get"]
    assert asked["allowCredentials"] == []
    assert (asked["rpId"], asked["userVerification"]) == ("localhost", "required")
    sent = {"credential": device.get(asked), "next": "/tickets?q=x"}
    answer = visitor.send("/login/passkey", sent)
    assert answer.location == "/tickets?q=x"
    assert alive(visitor)
    newest = session.scalars(select(Login).order_by(Login.id.desc())).first()
    assert newest is not None
    assert (newest.user_id, newest.second_factor) == (cast.kit.account_id, True)
    assert session.scalars(select(Passkey)).one().used_at is not None
    assert log.take() == ["login / kit / passkey"]


def test_behind_the_password(
    app: Flask, session: Session, cast: Cast, enrolled: Device, log: SecurityLog
) -> None:
    device, others = enrolled(cast.kit), enrolled(cast.pic)
    log.take()
    visitor = Visitor(app)
    assert visitor.get("/login/code").location == "/login"
    assert visitor.send("/login/code/passkey/options", {}).status_code == 401
    assert give_password(visitor, "kit", next="/tickets").location == "/login/code?next=/tickets"
    assert not alive(visitor)
    page = visitor.read("/login/code?next=/tickets")
    assert "use your passkey or enter a recovery code" in page.text
    assert page.form("/login/code/passkey").values("next") == ["/tickets"]
    visitor.renew_token()
    asked = options_of(visitor, "/login/code/passkey/options")["get"]
    assert [one["id"] for one in asked["allowCredentials"]] == [text(device.keys[0].id)]
    assert asked["userVerification"] == "preferred"
    answer = visitor.send("/login/code/passkey", {"credential": others.get(asked)})
    assert answer.status_code == 401
    assert REFUSED in " ".join(PageReader(answer.text).alerts)
    assert not alive(visitor)
    answer = give_passkey(visitor, device, "/login/code/passkey", verified=False, handle=None)
    assert answer.status_code == 303
    assert alive(visitor)
    assert session.scalars(select(PendingLogin)).all() == []
    assert log.take() == [
        "second factor asked / kit",
        "second factor wrong / kit / passkey",
        "login / kit / password and passkey",
    ]


def test_after_five_wrong_ones_the_password_is_asked_again(
    app: Flask, session: Session, cast: Cast, enrolled: Device
) -> None:
    device = enrolled(cast.kit)
    visitor = Visitor(app)
    give_password(visitor, "kit")
    for _turn in range(4):
        answer = give_passkey(visitor, device, "/login/code/passkey", signed=b"something else")
        assert answer.status_code == 401
    answer = give_passkey(visitor, device, "/login/code/passkey", signed=b"something else")
    assert answer.location == "/login"
    assert visitor.send("/login/code/passkey", {"credential": "{}"}).location == "/login"
    assert session.scalar(select(func.sum(FailedLogins.failures))) == 5


def test_a_recovery_code_instead(app: Flask, session: Session, cast: Cast, visit: Enter) -> None:
    visitor, device = visit(cast.kit), Authenticator()
    codes = codes_in(add(visitor, device))
    fresh = Visitor(app)
    give_password(fresh, "kit")
    answer = give_code(fresh, "123456")
    assert answer.status_code == 401
    assert "This recovery code is wrong or already used" in " ".join(PageReader(answer.text).alerts)
    assert give_code(fresh, codes[0]).status_code == 303
    assert alive(fresh)
    assert "9 of your recovery codes are unused" in visitor.read(HERE).text
    asked = options_of(visitor, f"{HERE}/confirm")["get"]
    answer = visitor.send(f"{HERE}/codes", {"credential": device.get(asked)})
    anew = codes_in(answer)
    assert len(anew) == 10
    assert set(anew).isdisjoint(codes)
    answer = visitor.send(f"{HERE}/codes", {"credential": device.get(asked)})
    assert answer.status_code == 401  # the challenge was used
    assert codes_in(answer) == []


def disable(session: Session, _visitor: Visitor) -> None:
    disable_user(session, SYSTEM, find_user(session, "kit"))


def remove(session: Session, _visitor: Visitor) -> None:
    session.execute(delete(Passkey))


def age(_session: Session, visitor: Visitor) -> None:
    """The cookie as it was five minutes before."""
    with visitor.client.session_transaction() as cookie:
        ends, _dot, challenge = cookie[CHALLENGE].partition(".")
        cookie[CHALLENGE] = f"{int(ends) - 300}.{challenge}"


@pytest.mark.parametrize(
    ("wrong", "before", "account"),
    [
        ({"origin": "https://localhost"}, None, "kit"),
        ({"origin": "http://localhost:8080"}, None, "kit"),
        ({"rp_id": "elsewhere.example"}, None, "kit"),
        ({"verified": False}, None, "kit"),
        ({"handle": None}, None, "kit"),
        ({"handle": text(b"another account")}, None, "kit"),
        ({"signed": b"something else"}, None, "kit"),
        ({}, age, "kit"),
        ({}, disable, "kit"),
        ({}, remove, ""),
    ],
    ids=lambda value: str(getattr(value, "__name__", value)),
)
def test_what_is_refused_is_refused_alike_and_counted(
    app: Flask,
    session: Session,
    cast: Cast,
    enrolled: Device,
    log: SecurityLog,
    wrong: dict[str, Any],
    before: Callable[[Session, Visitor], None] | None,
    account: str,
) -> None:
    device = enrolled(cast.kit)
    log.take()
    visitor = Visitor(app)
    asked = options_of(visitor, "/login/passkey/options")["get"]
    if before is not None:
        with transaction(session):
            before(session, visitor)
    answer = visitor.send("/login/passkey", {"credential": device.get(asked, **wrong)})
    assert answer.status_code == 401
    assert REFUSED in " ".join(PageReader(answer.text).alerts)
    assert "kit" not in PageReader(answer.text).text
    assert not alive(visitor)
    assert log.take() == [f"failed login / {account} / passkey"]
    found = session.execute(select(FailedLogins.account, FailedLogins.failures)).all()
    assert [tuple(row) for row in found] == [(account, 1)]


def test_an_answer_is_good_once_and_in_its_own_browser(
    app: Flask, session: Session, cast: Cast, enrolled: Device
) -> None:
    device = enrolled(cast.kit, counts=False)
    visitor, thief = Visitor(app), Visitor(app)
    asked = options_of(visitor, "/login/passkey/options")["get"]
    answer = device.get(asked)
    assert thief.send("/login/passkey", {"credential": answer}).status_code == 401
    options_of(thief, "/login/passkey/options")  # a challenge of its own does not help
    assert thief.send("/login/passkey", {"credential": answer}).status_code == 401
    copied = visitor.cookie
    assert visitor.send("/login/passkey", {"credential": answer}).status_code == 303
    thief.client.set_cookie("portal", copied)
    thief.renew_token()
    assert thief.send("/login/passkey", {"credential": answer}).status_code == 401
    assert not alive(thief)


@pytest.mark.parametrize(
    "credential",
    ["", "null", "[]", "{}", '"x"', "[" * 9000, "x" * 40_000, "\0", '{"id": "\\ud800"}'],
    ids=lambda text: text[:12],
)
def test_garbage_is_refused(app: Flask, session: Session, cast: Cast, credential: str) -> None:
    visitor = Visitor(app)
    options_of(visitor, "/login/passkey/options")
    answer = visitor.send("/login/passkey", {"credential": credential})
    assert answer.status_code == 401
    assert REFUSED in answer.text


def test_parts_of_an_answer_that_are_garbage(
    app: Flask, session: Session, cast: Cast, enrolled: Device
) -> None:
    device = enrolled(cast.kit)
    visitor = Visitor(app)
    for part in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        for bad in (
            "",
            "AAAA",
            "!!!",
            "\ud7ff",
            text(b'{"type": 1, "challenge": 2, "origin": []}'),
        ):
            asked = options_of(visitor, "/login/passkey/options")["get"]
            answer = json.loads(device.get(asked))
            answer["response"][part] = bad
            got = visitor.send("/login/passkey", {"credential": json.dumps(answer)})
            assert got.status_code in (401, 429), (part, bad)
    assert not alive(visitor)


def test_removing_one_takes_password_and_code_or_a_passkey(
    app: Flask, session: Session, cast: Cast, visit: Enter, enrolled: Device
) -> None:
    visitor, first = visit(cast.kit), Authenticator()
    codes = codes_in(add(visitor, first))
    second = Authenticator()
    assert add(visitor, second, name="phone").location == HERE
    keys = session.scalars(select(Passkey.id).order_by(Passkey.id)).all()
    session.rollback()
    page = visitor.read(f"{HERE}/{keys[0]}")
    assert "last passkey" not in page.text
    for password, code in (("not it", codes[0]), (PASSWORD, "000000"), ("", ""), (PASSWORD, "")):
        sent = {"password": password, "one_time_code": code}
        assert visitor.send(f"{HERE}/{keys[0]}/remove", sent).status_code == 422
    sent = {"password": PASSWORD, "one_time_code": codes[0]}
    assert visitor.send(f"{HERE}/{keys[0]}/remove", sent).location == HERE
    assert give_passkey(Visitor(app), first).status_code == 401
    assert (
        "your password alone logs you in, and your recovery codes become invalid"
        in visitor.read(f"{HERE}/{keys[1]}").text
    )
    assert visitor.send(f"{HERE}/{keys[1]}/remove-by-passkey", {}).status_code == 401
    others = enrolled(cast.pic)
    asked = options_of(visitor, f"{HERE}/confirm")["get"]
    sent = {"credential": others.get(asked)}
    assert visitor.send(f"{HERE}/{keys[1]}/remove-by-passkey", sent).status_code == 401
    asked = options_of(visitor, f"{HERE}/confirm")["get"]
    sent = {"credential": second.get(asked)}
    assert visitor.send(f"{HERE}/{keys[1]}/remove-by-passkey", sent).location == HERE
    assert "Your password alone logs you in now" in visitor.read(HERE).text
    assert give_password(Visitor(app), "kit").location == "/"


def test_a_passkey_of_another_is_not_there(
    app: Flask, session: Session, cast: Cast, visit: Enter, enrolled: Device
) -> None:
    enrolled(cast.pic)
    key = session.scalars(select(Passkey.id)).one()
    session.rollback()
    visitor, device = visit(cast.kit), Authenticator()
    codes = codes_in(add(visitor, device))
    assert visitor.get(f"{HERE}/{key}").status_code == 404
    assert visitor.send(f"{HERE}/{key}/rename", {"name": "mine"}).status_code == 404
    sent = {"password": PASSWORD, "one_time_code": codes[0]}
    assert visitor.send(f"{HERE}/{key}/remove", sent).status_code == 404
    asked = options_of(visitor, f"{HERE}/confirm")["get"]
    sent = {"credential": device.get(asked)}
    assert visitor.send(f"{HERE}/{key}/remove-by-passkey", sent).status_code == 404
    assert session.scalar(select(func.count()).select_from(Passkey)) == 2


def test_another_name(app: Flask, session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.kit)
    add(visitor, Authenticator())
    key = session.scalars(select(Passkey.id)).one()
    session.rollback()
    for bad in ("", "   ", "x" * 61, "a\0b"):
        answer = visitor.send(f"{HERE}/{key}/rename", {"name": bad})
        assert answer.status_code == 422
        assert "The name was not saved" in answer.text
    assert visitor.send(f"{HERE}/{key}/rename", {"name": "<b>phone</b>"}).location == HERE
    page = visitor.get(HERE).text
    assert "&lt;b&gt;phone" in page
    assert "<b>phone" not in page
    asked = options_of(visitor, f"{HERE}/options", password=PASSWORD)["create"]
    sent = {"name": "x" * 61, "credential": Authenticator().create(asked)}
    answer = visitor.send(HERE, sent)
    assert answer.status_code == 422
    assert "at most 60 characters" in " ".join(PageReader(answer.text).alerts)


def test_who_has_twenty_is_told_before_the_device_makes_one(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.kit)
    with transaction(session):
        session.add_all(
            Passkey(
                user_id=cast.kit.account_id or 0,
                credential_id=f"number-{turn}",
                public_key=b"",
                sign_count=0,
                is_synced=False,
                transports="",
                name="x",
                created_at=datetime.now(UTC),
            )
            for turn in range(20)
        )
    answer = visitor.send(f"{HERE}/options", {"password": PASSWORD})
    assert answer.status_code == 422
    assert "You have 20 passkeys" in (answer.json or {})["problem"]


def test_another_passkey_stands_for_the_password(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    visitor, device = visit(cast.kit), Authenticator()
    add(visitor, device)
    asked = options_of(visitor, f"{HERE}/options", by="passkey")
    assert asked["again"] is True
    assert asked["get"]["userVerification"] == "required"
    wrong = device.get(asked["get"], verified=False)
    answer = visitor.send(f"{HERE}/options", {"by": "passkey", "credential": wrong})
    assert answer.status_code == 401
    assert REFUSED in (answer.json or {})["problem"]
    asked = options_of(visitor, f"{HERE}/options", by="passkey")
    right = device.get(asked["get"])
    asked = options_of(visitor, f"{HERE}/options", by="passkey", credential=right)
    sent = {"name": "phone", "credential": Authenticator().create(asked["create"])}
    assert visitor.send(HERE, sent).location == HERE


def test_who_only_signs_on_has_it_as_a_second_factor_and_never_alone(
    app: Flask, session: Session, cast: Cast, log: SecurityLog
) -> None:
    with transaction(session):
        find_user(session, "kit").password_hash = ""
        person, now = cast.kit.account_id or 0, datetime.now(UTC)
        token = start_login(session, person, now, second_factor=True, sign_on=True)
    visitor, device = Visitor(app), Authenticator()
    visitor.carry(token)
    asked = options_of(visitor, f"{HERE}/options")["create"]  # a fresh sign-on stands for it
    assert visitor.send(HERE, {"credential": device.create(asked)}).status_code == 200
    with transaction(session):
        for login in session.scalars(select(Login)):
            login.created_at -= timedelta(minutes=10)
    answer = visitor.send(f"{HERE}/options", {})
    assert answer.status_code == 422
    assert "Sign in again first" in (answer.json or {})["problem"]
    log.take()
    assert give_passkey(Visitor(app), device).status_code == 401  # the provider was not asked
    assert log.take() == ["failed login / kit / passkey alone of somebody without a password"]
    with transaction(session):
        pending = begin_pending(session, person, now, sign_on=True)
    behind = Visitor(app)
    with behind.client.session_transaction() as cookie:
        cookie["pending"] = pending
    assert give_passkey(behind, device, "/login/code/passkey").status_code == 303
    newest = session.scalars(select(Login).order_by(Login.id.desc())).first()
    assert newest is not None
    assert (newest.sign_on, newest.second_factor) == (True, True)
    assert log.take() == ["login / kit / sign-on and passkey"]


def test_an_admin_who_needs_a_factor_may_add_a_passkey(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    assert "Admin pages are protected by your password only" in visitor.read("/").text
    assert "protected by your password only" not in visit(cast.operator).read("/").text
    assert visitor.send("/admin/second-factor", {"demand": "yes"}).status_code == 303
    assert visitor.get("/tickets").location == "/profile/second-factor"
    assert visitor.read("/profile/second-factor").links.count((HERE, "passkey")) == 1
    assert "Admins need a second factor: a passkey" in visitor.read(HERE).text
    assert add(visitor, Authenticator()).status_code == 200
    assert alive(visitor)
    assert "Admin pages are protected by your password only" not in visitor.read("/").text
    people = visitor.read("/admin/people").text
    assert "Currently without a second factor" not in people
    assert "on 1 passkey" in visitor.read("/admin/people/admin").text
    assert visitor.send("/admin/people/admin/take-off-second-factor", {}).status_code == 303
    assert visitor.get("/tickets").location == "/profile/second-factor"


def test_behind_a_proxy_the_name_decides(app_with: Callable[..., Flask], cast: Cast) -> None:
    app = app_with(public_url="https://localhost")
    visitor = Visitor(app)  # which comes by http, as from a proxy
    page = visitor.get("/login", {"Host": "localhost:8000"}).text
    assert PageReader(page).has_form("/login/passkey")
    page = visitor.get("/login", {"Host": "127.0.0.1"}).text
    assert not PageReader(page).has_form("/login/passkey")


def test_where_the_address_has_none_nothing_offers_them(
    app_with: Callable[..., Flask], session: Session, cast: Cast, visit: Enter
) -> None:
    app = app_with(public_url="http://127.0.0.1:8000")
    visitor = Visitor(app)
    assert not visitor.read("/login").has_form("/login/passkey")
    assert visitor.send("/login/passkey/options", {}).status_code == 403
    assert visitor.send("/login/passkey", {"credential": "{}"}).status_code == 403
    with transaction(session):
        token = start_login(session, cast.kit.account_id or 0, datetime.now(UTC))
    mine = Visitor(app)
    mine.carry(token)
    page = mine.read(HERE)
    assert "Not available: passkeys need" in page.text
    assert not page.has_form(HERE)
    assert session.scalars(select(User.passkey_handle).distinct()).all() == [""]


def test_what_was_sent_without_a_login_goes_through_a_passkey_as_well(
    app: Flask, session: Session, cast: Cast, enrolled: Device
) -> None:
    device = enrolled(cast.kit)
    visitor = Visitor(app)
    path = "/reports/DE-KIT/2013-Q1"
    typed = {"answer.issues": "Two lines\n& <more>", "seen.answer.issues": "0", "do": "save"}
    refused = visitor.send(path, typed, {"Sec-Fetch-Site": "same-origin"})
    form = PageReader(refused.text).form("/login/passkey").data()
    assert form["kept.answer.issues"] == ["Two lines\n& <more>"]
    asked = options_of(visitor, "/login/passkey/options")["get"]
    done = visitor.send("/login/passkey", {**form, "credential": device.get(asked)})
    assert done.status_code == 200
    resent = PageReader(done.text).form(path).data()
    assert visitor.send_raw(path, encoded(resent)).status_code == 303
    assert "Two lines\n&amp; &lt;more&gt;" in visitor.get(path).text


def test_who_only_asks_to_log_in_stores_nothing(app: Flask, session: Session, cast: Cast) -> None:
    for _turn in range(20):
        options_of(Visitor(app), "/login/passkey/options")
    assert session.scalar(select(func.count()).select_from(PasskeyChallenge)) == 0


def test_no_form_without_its_token(app: Flask, session: Session, cast: Cast) -> None:
    visitor = Visitor(app)
    for path in ("/login/passkey/options", "/login/passkey", "/login/code/passkey", HERE):
        assert visitor.send_raw(path, b"credential=x").status_code == 400
    assert session.scalar(select(func.count()).select_from(PasskeyChallenge)) == 0
