"""What a stolen cookie, password or token is good for: it ends when its owner acts, it makes
nothing that lasts, and each change of what opens an account is mailed to its owner."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.models.feeds import CalendarFeed
from app.accounts.models.people import ApiToken
from app.accounts.services.people import find_user, start_login
from app.accounts.services.reset_links import make_reset_link
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.mail.models.mails import Mail, MailStop
from app.mail.services.choices import set_mail_choice
from app.mail.services.queue import post_of
from tests.accounts.pages.test_second_factor import now_code
from tests.cast import PASSWORD, SYSTEM, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter
from tests.mails import SENDER

TOKEN = {"name": "laptop", "scopes": ["read"], "days": "90", "password": PASSWORD}
NEW = "another horse 8"
FACTOR = "/profile/second-factor"
_SECRET = re.compile(r'value="(lhcopn_[A-Za-z0-9_-]{43})"')
_ADDRESS = re.compile(r'value="http://[^/"]*(/calendar/feed/[A-Za-z0-9_-]{43}\.ics)"')

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Programs:
    """A person's programs: one with an API token, one that reads the calendar's address."""

    def __init__(self, app: Flask, visitor: Visitor) -> None:
        self.app = app
        token = _SECRET.search(visitor.send("/profile/tokens", TOKEN).text)
        make = visitor.send("/calendar/feed/make", {"password": PASSWORD})
        address = _ADDRESS.search(make.text)
        assert token is not None
        assert address is not None
        self.token, self.address = token[1], address[1]

    @property
    def answers(self) -> tuple[int, int]:
        """What both are answered."""
        client = self.app.test_client()
        headers = {"Authorization": f"Bearer {self.token}"}
        return (
            client.get("/api/v1/sites", headers=headers, buffered=True).status_code,
            client.get(self.address, buffered=True).status_code,
        )


def by_password(_app: Flask, mine: Visitor, _admin: Visitor, _session: Session) -> object:
    return mine.send("/profile/password", {"old": PASSWORD, "new": NEW, "again": NEW})


def by_end_others(_app: Flask, mine: Visitor, _admin: Visitor, _session: Session) -> object:
    return mine.send("/profile/end-other-logins", {})


def by_link(app: Flask, _mine: Visitor, _admin: Visitor, session: Session) -> object:
    with transaction(session):
        token = make_reset_link(session, replace(SYSTEM, now=datetime.now(UTC)), "kit")
    visitor = Visitor(app)
    visitor.get(f"/reset/{token}")
    page = visitor.read("/reset")
    sent = {"csrf_token": page.form("/reset").values("csrf_token"), "new": NEW, "again": NEW}
    return visitor.client.post("/reset", data=sent)


def by_admin(step: str) -> Callable[[Flask, Visitor, Visitor, Session], object]:
    def send(_app: Flask, _mine: Visitor, admin: Visitor, _session: Session) -> object:
        return admin.send(f"/admin/people/kit/{step}", {"why": "lost"})

    return send


def by_command(
    *words: str, typed: str = ""
) -> Callable[[Flask, Visitor, Visitor, Session], object]:
    def run(app: Flask, _mine: Visitor, _admin: Visitor, _session: Session) -> object:
        return app.test_cli_runner().invoke(args=["user", *words], input=typed)

    return run


@pytest.mark.parametrize(
    "way",
    [
        by_password,
        by_end_others,
        by_link,
        by_admin("end-logins"),
        by_admin("disable"),
        by_command("password", "kit", "--password-stdin", typed=NEW),
        by_command("disable", "kit"),
    ],
    ids=("password", "others", "link", "end-logins", "disable", "flask-password", "flask-disable"),
)
def test_tokens_and_the_calendar_address_end_and_stay_ended(
    app: Flask,
    session: Session,
    cast: Cast,
    visit: Enter,
    way: Callable[[Flask, Visitor, Visitor, Session], object],
) -> None:
    mine, admin = visit(cast.kit), visit(cast.admin)
    programs, others = Programs(app, mine), Programs(app, visit(cast.pic))
    assert programs.answers == (200, 200)
    done = way(app, mine, admin, session)
    assert getattr(done, "status_code", 303) == 303
    assert getattr(done, "exit_code", 0) == 0
    assert programs.answers == (401, 404)
    if find_user(session, "kit").disabled_at is None:
        session.rollback()
        admin.send("/admin/people/kit/disable", {})
    session.rollback()
    assert admin.send("/admin/people/kit/enable", {}).status_code == 303
    assert programs.answers == (401, 404)
    assert others.answers == (200, 200)
    kinds = session.scalars(select(Change.kind).order_by(Change.id)).all()
    assert [kinds.count("token"), kinds.count("feed")] == [3, 3]  # the audit has both ends


ASKED: Sequence[tuple[str, Mapping[str, object]]] = (
    ("/profile/tokens", TOKEN),
    ("/admin/tokens", {**TOKEN, "name": "nms"}),
    ("/calendar/feed/make", {}),
    (f"{FACTOR}/begin", {}),
)


@pytest.mark.parametrize(("path", "fields"), ASKED, ids=[path for path, _fields in ASKED])
@pytest.mark.parametrize("password", ["", "not it"])
def test_a_cookie_alone_makes_no_secret(
    session: Session,
    cast: Cast,
    visit: Enter,
    path: str,
    fields: Mapping[str, object],
    password: str,
) -> None:
    visitor = visit(cast.admin)
    answer = visitor.send(path, {**fields, "password": password})  # type: ignore[dict-item]
    words = "This is not your password" if password else "Your password is required"
    assert (answer.status_code, words in answer.text) == (422, True)
    assert _SECRET.search(answer.text) is None
    assert session.scalars(select(ApiToken)).all() == []
    assert session.scalars(select(CalendarFeed)).all() == []
    assert find_user(session, "admin").totp_secret == ""


def test_a_second_secret_and_new_recovery_codes_take_the_password(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.kit)
    Programs(app, visitor)
    number = session.scalars(select(ApiToken.id)).one()
    session.rollback()
    answer = visitor.send(f"/profile/tokens/{number}/rotate", {})
    assert answer.status_code == 422
    assert _SECRET.search(answer.text) is None
    codes, _secret = enrol(visitor)
    for password in ("", "not it"):
        answer = visitor.send(f"{FACTOR}/codes", {"password": password, "one_time_code": codes[0]})
        assert answer.status_code == 422
        assert codes_in(answer) == []
    answer = visitor.send(f"{FACTOR}/codes", {"password": PASSWORD, "one_time_code": codes[0]})
    assert len(codes_in(answer)) == 10  # the code was not used up


def test_the_secret_of_a_second_factor_is_shown_once(cast: Cast, visit: Enter) -> None:
    mine, thief = visit(cast.kit), visit(cast.kit)
    answer = mine.send(f"{FACTOR}/begin", {"password": PASSWORD})
    secret = secret_in(answer)
    assert secret
    assert secret_in(thief.get(FACTOR)) == ""
    assert secret_in(thief.send(f"{FACTOR}/confirm", {"one_time_code": "123456"})) == ""
    confirmed = mine.send(f"{FACTOR}/confirm", {"one_time_code": now_code(secret)})
    assert len(codes_in(confirmed)) == 10


def secret_in(answer: TestResponse) -> str:
    found = re.search(r'class="secret-text">([A-Z2-7 ]+)<', answer.text)
    return found[1].replace(" ", "") if found else ""


def codes_in(answer: TestResponse) -> list[str]:
    return re.findall(r"<li>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</li>", answer.text)


def enrol(visitor: Visitor) -> tuple[list[str], str]:
    """Set a second factor up by the page; its recovery codes and secret."""
    secret = secret_in(visitor.send(f"{FACTOR}/begin", {"password": PASSWORD}))
    return (
        codes_in(visitor.send(f"{FACTOR}/confirm", {"one_time_code": now_code(secret)})),
        secret,
    )


def mails(session: Session) -> list[tuple[str, str, str]]:
    """Address, subject and text of what waits, oldest first; it is taken away."""
    session.rollback()
    with transaction(session):
        rows = session.scalars(select(Mail).order_by(Mail.id)).all()
        posts = [post_of(session, SENDER, row.id) for row in rows]
        for row in rows:
            session.delete(row)
    return [(post.address, post.subject, post.text) for post in posts]


def test_each_change_of_what_opens_an_account_is_mailed(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        find_user(session, "kit").mail = "kit@people.example"
    visitor, admin = visit(cast.kit), visit(cast.admin)
    programs = Programs(app, visitor)
    number = session.scalars(select(ApiToken.id)).one()
    session.rollback()
    visitor.send(f"/profile/tokens/{number}/rotate", {"password": PASSWORD})
    visitor.send(f"/profile/tokens/{number}/end-older", {})
    codes, secret = enrol(visitor)
    anew = codes_in(
        visitor.send(f"{FACTOR}/codes", {"password": PASSWORD, "one_time_code": codes[0]})
    )
    visitor.send(f"{FACTOR}/off", {"password": PASSWORD, "one_time_code": anew[0]})
    enrol(visitor)
    admin.send("/admin/people/kit/take-off-second-factor", {"why": "lost"})
    visitor.send(f"/profile/tokens/{number}/end", {})
    visitor.send("/calendar/feed/end", {})
    visitor.send("/profile/password", {"old": PASSWORD, "new": NEW, "again": NEW})
    sent = mails(session)
    assert [subject for _to, subject, _text in sent] == [
        "An API token of yours was changed",
        "The address of your calendar was changed",
        "An API token of yours was changed",
        "An API token of yours was changed",
        "Your second factor was set up",
        "Your recovery codes were changed",
        "Your second factor was turned off",
        "Your second factor was set up",
        "Your second factor was turned off",
        "An API token of yours was changed",
        "The address of your calendar was changed",
        "Your password was changed",
    ]
    assert {to for to, _subject, _text in sent} == {"kit@people.example"}
    texts = "".join(text for _to, _subject, text in sent)
    for hidden in (PASSWORD, NEW, secret, programs.token, programs.address[-40:], *codes, *anew):
        assert hidden not in texts
    first = sent[0][2]
    assert f"When: {datetime.now(UTC):%Y-%m-%d}" in first
    assert "kit/laptop was created (account kit)" in first
    assert "By: kit, which is your own account" in first
    assert "From: the address 127.0.0.1" in first
    assert "If this was not you, set a new password" in first
    assert "By: the administrator admin" in sent[8][2]


def test_a_new_mail_address_is_told_to_the_old_and_the_new_one(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.kit)
    for address in ("old@people.example", "new@people.example", ""):
        visitor.send("/profile/mail", {"mail": address, "password": PASSWORD})
    sent = mails(session)
    assert [to for to, _subject, _text in sent] == [
        "old@people.example",
        "new@people.example",
        "old@people.example",
        "new@people.example",
    ]
    assert "from old@people.example to new@people.example" in sent[1][2]


def test_whoever_wants_no_mails_is_told_all_the_same_but_not_at_a_stopped_address(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        find_user(session, "kit").mail = "kit@people.example"
        set_mail_choice(session, writer(cast.kit), find_user(session, "kit"), "never")
    visitor = visit(cast.kit)
    visitor.send("/profile/tokens", TOKEN)
    for choice in ("each", "never"):  # would drop what waits
        visitor.send("/profile/mails", {"choice": choice})
    states = session.scalars(select(Mail.state)).all()
    assert states == ["waiting"]
    (_to, _subject, text) = mails(session)[0]
    assert "Unsubscribe" not in text  # a person's choice does not stop them
    with transaction(session):
        key = "kit@people.example"
        session.add(MailStop(address_key=key, since=datetime.now(UTC)))
    visitor.send("/profile/tokens", {**TOKEN, "name": "other"})
    assert mails(session) == []


def test_who_is_disabled_or_has_no_address_is_told_nothing(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        find_user(session, "kit").mail = "kit@people.example"
    admin = visit(cast.admin)
    admin.send("/admin/people/kit/disable", {})
    admin.send("/admin/people/kit/end-logins", {})
    visit(cast.reader).send("/profile/tokens", TOKEN)
    assert mails(session) == []


def test_the_old_password_makes_no_token_beside_a_new_one(
    session: Session, cast: Cast, visit: Enter
) -> None:
    mine, thief = visit(cast.kit), visit(cast.kit)
    thief.token()
    mine.send("/profile/password", {"old": PASSWORD, "new": NEW, "again": NEW})
    assert thief.send("/profile/tokens", TOKEN).status_code == 401
    mine.renew_token()
    assert mine.send("/profile/tokens", TOKEN).status_code == 422
    assert session.scalars(select(ApiToken)).all() == []


def test_carbon_copies_are_bounded_and_shown(
    app_with: Callable[..., Flask], session: Session, cast: Cast, visit: Enter
) -> None:
    portal = app_with(copies_per_day=2)
    with transaction(session):
        token = start_login(session, cast.operator.account_id or 0, datetime.now(UTC))
        other = start_login(session, cast.admin.account_id or 0, datetime.now(UTC))
    visitor, admin = Visitor(portal), Visitor(portal)
    visitor.carry(token)
    admin.carry(other)
    sent = visitor.read("/tickets/new").form("/tickets/new").data()
    sent |= {"title": ["Down"], "carbon_copy": ["a@out.example; b@out.example"]}
    sent.pop("csrf_token")
    assert visitor.send("/tickets/new", sent).status_code == 303
    refused = visitor.send("/tickets/new", {**sent, "title": ["Down again"]})
    assert refused.status_code == 422
    page = PageReader(refused.text)
    assert "this account named 2 today; at most 2 are allowed" in " ".join(page.alerts)
    assert page.form("/tickets/new").values("title") == ["Down again"]
    dashed = visitor.send("/tickets/new", {**sent, "carbon_copy": ["-oQ@out.example"]})
    assert dashed.status_code == 422
    words = "2 of 2 external addresses used today"
    assert words in visitor.read("/profile").text
    assert words in admin.read("/admin/people/operator").text
    assert "0 of 2 external addresses used today" in admin.read("/partners/accounts/1").text
