"""Setting a password by a one-time link, and what a guesser learns: nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import Login, LoginFailure
from app.accounts.services.people import find_user
from app.accounts.services.reset_links import make_reset_link
from app.core.database.transactions import transaction
from tests.cast import PASSWORD, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

NEW = "three words apart"


def link(session: Session, cast: Cast, hours: float = 0) -> str:
    """A link for kit, made so many hours ago."""
    now = datetime.now(UTC) - timedelta(hours=hours)
    with transaction(session):
        return f"/reset/{make_reset_link(session, writer(cast.admin, now), 'kit')}"


def test_links_that_are_over_used_replaced_or_never_were_answer_alike(
    app: Flask, session: Session, cast: Cast
) -> None:
    replaced = link(session, cast)
    over = link(session, cast, 48.01)
    used = link(session, cast)
    visitor = Visitor(app)
    visitor.get(used)
    assert visitor.send("/reset", {"new": NEW, "again": NEW}).status_code == 303
    answers = set()
    for path in (replaced, over, used, "/reset/never-was", f"/reset/{'x' * 5000}"):
        fresh = Visitor(app)
        taken = fresh.get(path)
        assert (taken.status_code, taken.location) == (303, "/reset")
        assert taken.headers["Referrer-Policy"] == "no-referrer"
        answer = fresh.get("/reset")
        assert answer.headers["Cache-Control"] == "private, no-store"
        posted = Visitor(app)
        posted.get(path)
        sent = posted.send("/reset", {"new": NEW, "again": NEW})
        answers.add((answer.status_code, answer.text, sent.status_code))
    assert len(answers) == 1
    status, text, posted_status = answers.pop()
    assert (status, posted_status) == (404, 404)
    assert "kit" not in text
    assert Visitor(app).get("/reset").status_code == 404


def test_looking_at_it_uses_nothing_up_and_what_is_wrong_is_said(
    app: Flask, session: Session, cast: Cast
) -> None:
    path, visitor = link(session, cast), Visitor(app)
    for _look in range(3):
        visitor.get(path)
        assert "For the account kit" in visitor.read("/reset").text
    for new, again, words in (
        ("short", "short", "at least 10 characters"),
        ("password123", "password123", "among the first ones guessed"),
        ("kit-2026-12-31", "kit-2026-12-31", "login name"),
        (NEW, "another horse", "differ"),
        ("", "", "New password is required"),
        (NEW + "\x01", NEW + "\x01", "Password holds a character"),
    ):
        answer = visitor.send("/reset", {"new": new, "again": again})
        assert answer.status_code == 422
        assert words in " ".join(PageReader(answer.text).alerts), words
        assert not new or new not in answer.text
    assert visitor.send("/reset", {"new": NEW, "again": NEW}).status_code == 303
    user = find_user(session, "kit")
    assert user.disabled_at is None


def test_it_logs_nobody_in_and_ends_all_logins(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    theirs, other = visit(cast.kit), visit(cast.reader)
    path = link(session, cast)
    other.get(path)  # opened where somebody else is logged in
    other.renew_token()
    assert other.send("/reset", {"new": NEW, "again": NEW}).location == "/login"
    assert [one.get("/tickets").status_code for one in (theirs, other)] == [303, 303]
    assert all(login.ended_at for login in session.scalars(select(Login)))
    visitor = Visitor(app)
    for password, status in ((PASSWORD, 401), (NEW, 303)):
        answer = visitor.send("/login", {"name": "kit", "password": password})
        assert answer.status_code == status


def test_a_form_of_another_site_sets_nothing(app: Flask, session: Session, cast: Cast) -> None:
    visitor = Visitor(app)
    visitor.get(link(session, cast))
    answer = visitor.send_raw("/reset", b"new=three+words+apart&again=three+words+apart")
    assert answer.status_code == 400
    assert visitor.get("/reset").status_code == 200


def test_guesses_are_slowed_and_the_genuine_link_works_meanwhile(
    app: Flask, session: Session, cast: Cast
) -> None:
    path = link(session, cast)
    guesser = Visitor(app)
    guesser.get("/reset/guess")
    assert guesser.get("/reset").status_code == 404
    with transaction(session):  # 19 more at this moment, so that a slow machine makes no difference
        first = session.scalars(select(LoginFailure)).one()
        now = datetime.now(UTC)
        session.add_all(LoginFailure(account=first.account, at=now) for _ in range(19))
    guesser.get("/reset/guess")
    assert guesser.get("/reset").status_code == 429
    guesser.get("/reset/guess")
    answer = guesser.get("/reset")
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    genuine = Visitor(app)
    genuine.get(path)
    assert genuine.send("/reset", {"new": NEW, "again": NEW}).status_code == 303
    genuine.renew_token()
    assert genuine.send("/login", {"name": "reader", "password": PASSWORD}).status_code == 303
