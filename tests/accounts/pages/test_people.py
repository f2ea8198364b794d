"""The admins' pages of people."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.people import Login, ResetLink, User
from app.accounts.services.people import create_user, find_user
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField
from tests.cast import PASSWORD, SYSTEM, Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

PEOPLE = "/admin/people"
KIT = f"{PEOPLE}/kit"
NEW = "/admin/new-person"
GOOD = {
    "name": "noc",
    "role": "reporter",
    "sites": "FZK-LCG2",
    "mail": "",
    "why": "night shift",
    "password": PASSWORD,
}
OWN = {"password": PASSWORD}
POSTS = ("role", "disable", "enable", "link", "end-logins", "take-off-second-factor")


def link_in(page: str) -> str:
    """The path of the one-time link on a page."""
    found = re.search(
        r'id="new-link" value="http://127.0.0.1:8000(/reset/[A-Za-z0-9_-]{43})"', page
    )
    assert found is not None
    return found[1]


def logged(session: Session) -> str:
    session.rollback()
    return repr(session.execute(select(ChangedField.old, ChangedField.new)).all())


@pytest.mark.parametrize("who", ["operator", "kit", "reader"])
def test_only_admins_know_the_pages(cast: Cast, session: Session, visit: Enter, who: str) -> None:
    visitor = visit(getattr(cast, who))
    before = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    for path in (PEOPLE, NEW, KIT, f"{PEOPLE}/nobody"):
        answer = visitor.get(path)
        assert answer.status_code == 403
        assert "Only admins may see and manage people" in PageReader(answer.text).text
    for path in (NEW, "/admin/second-factor", *(f"{KIT}/{verb}" for verb in POSTS)):
        assert visitor.send(path, {**GOOD, "demand": "yes"}).status_code == 403
    assert session.scalar(select(func.count()).select_from(Change)) == before
    assert Visitor(visitor.client.application).get(PEOPLE).location.startswith("/login")


def test_nobody_of_this_name_is_404(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    for name in ("nobody", "new", "a%20b", "x" * 500, "%00"):
        assert visitor.get(f"{PEOPLE}/{name}").status_code in (400, 404), name
    for verb in POSTS:
        answer = visitor.send(f"{PEOPLE}/nobody/{verb}", {"role": "reader"})
        assert answer.status_code == 404, verb


def test_the_list_says_who_is_who(cast: Cast, session: Session, visit: Enter) -> None:
    with transaction(session):
        create_user(session, SYSTEM, "waiting", "operator")
    visitor = visit(cast.admin)
    assert (PEOPLE, "People") in visitor.read("/admin").links
    text = visitor.read(PEOPLE).text
    for words in (
        "kit enabled reporter DE-KIT off no never",
        "waiting no password yet operator",
        "admin enabled admin off",
        "Currently without a second factor: admin",
    ):
        assert words in text, words


def test_a_person_is_created_without_a_password_and_comes_in_by_the_link(
    app: Flask, cast: Cast, session: Session, visit: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = visit(cast.admin)
    answer = visitor.send(NEW, GOOD)
    assert answer.status_code == 200
    link = link_in(answer.text)
    assert link not in visitor.get(f"{PEOPLE}/noc").text  # shown once
    assert link.removeprefix("/reset/") not in logged(session) + caplog.text
    fresh = Visitor(app)
    chosen = "three words apart"
    assert fresh.get(link).location == "/reset"
    assert "For the account noc" in fresh.read("/reset").text
    answer = fresh.send("/reset", {"new": chosen, "again": chosen})
    assert answer.location == "/login"
    fresh.renew_token()
    assert fresh.send("/login", {"name": "noc", "password": chosen}).location == "/"
    session.rollback()
    user = find_user(session, "noc")
    assert (user.role, [site.key for site in user.sites]) == ("reporter", ["DE-KIT"])
    changes = session.scalars(
        select(Change).where(Change.thing_id == user.id).order_by(Change.id)
    ).all()
    story = [
        (change.actor_account, item.field)
        for change in changes
        if change.kind == "person"
        for item in change.fields
    ]
    assert story == [
        ("admin", "name"),
        ("admin", "role"),
        ("admin", "sites"),
        ("admin", "why"),
        ("admin", "one_time_link"),
        ("noc", "password"),
    ]


def test_refused_values_stand_at_their_fields(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    for changed, words in (
        ({"name": "kit"}, "A user with this name already exists"),
        ({"name": "two words"}, "Name: use letters"),
        ({"sites": ""}, "Sites: choose at least one for a reporter"),
        ({"role": "operator"}, "Sites: only for reporters"),
        ({"mail": "nobody"}, "Email address: use email addresses"),
        ({"mail": "a@b.example; c@d.example"}, "Email address: enter one address only"),
        ({"why": "x" * 256}, "Reason has 256 characters"),
    ):
        answer = visitor.send(NEW, {**GOOD, **changed})
        page = PageReader(answer.text)
        assert answer.status_code == 422
        assert words in " ".join(page.alerts), words
        assert page.form(NEW).values("why") == [changed.get("why", "night shift")]


def test_roles_disabling_and_logins(app: Flask, cast: Cast, session: Session, visit: Enter) -> None:
    visitor, theirs = visit(cast.admin), visit(cast.kit)
    data = visitor.read(KIT).form(f"{KIT}/role").data()
    assert (data["role"], data["sites"]) == (["reporter"], ["", "DE-KIT"])
    answer = visitor.send(f"{KIT}/role", {"role": "operator", "sites": "", "why": "promoted"})
    assert (answer.status_code, answer.location) == (303, KIT)
    page = visitor.read(KIT)
    assert "role reporter operator , sites DE-KIT none" in page.text
    assert "because: promoted" in page.text
    assert theirs.get("/tickets").status_code == 200
    assert visitor.send(f"{KIT}/end-logins", {"why": "lost laptop"}).status_code == 303
    assert theirs.get("/tickets").status_code == 303
    theirs = visit(cast.kit)
    assert visitor.send(f"{KIT}/disable", {}).status_code == 303
    assert theirs.get("/tickets").status_code == 303
    page = visitor.read(KIT)
    assert "disabled" in page.text
    assert "One-time link" not in page.text
    assert visitor.send(f"{KIT}/link", OWN).status_code == 422
    assert visitor.send(f"{KIT}/enable", {}).status_code == 303
    assert find_user(session, "kit").disabled_at is None


def test_the_last_admin_is_told_why(cast: Cast, session: Session, visit: Enter) -> None:
    visitor = visit(cast.admin)
    answer = visitor.send(f"{PEOPLE}/admin/role", {"role": "reader", "sites": "", "why": "typed"})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert "This is the last admin who can log in" in " ".join(page.alerts)
    assert page.form(f"{PEOPLE}/admin/role").values("why") == ["typed"]
    answer = visitor.send(f"{PEOPLE}/admin/disable", {"why": "typed"})
    assert answer.status_code == 422
    assert "This is the last admin who can log in" in " ".join(PageReader(answer.text).alerts)
    assert "typed" in PageReader(answer.text).text
    assert session.scalar(select(User.role).where(User.name == "admin")) == "admin"
    assert visitor.get("/tickets").status_code == 200


@pytest.mark.parametrize("given", [{}, {"password": ""}, {"password": "wrong"}], ids=str)
def test_no_link_without_ones_own_password(
    cast: Cast, session: Session, visit: Enter, given: dict[str, str]
) -> None:
    """A stolen cookie alone makes none, for nobody, and no person."""
    visitor = visit(cast.admin)
    whole = {name: value for name, value in GOOD.items() if name != "password"}
    for path, fields in ((f"{KIT}/link", {"why": "typed reason"}), (NEW, whole)):
        answer = visitor.send(path, fields | given)
        assert answer.status_code == 422, path
        page = PageReader(answer.text)
        assert "password" in " ".join(page.alerts)
        assert page.form(path).values("why") == [fields["why"]]
    assert session.scalar(select(func.count()).select_from(ResetLink)) == 0
    assert session.scalar(select(func.count()).where(User.name == "noc")) == 0
    assert visitor.send(f"{PEOPLE}/nobody/link", given).status_code == 404


def test_a_newer_link_ends_the_older(app: Flask, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    older = link_in(visitor.send(f"{KIT}/link", {"why": "forgotten"} | OWN).text)
    assert "A link was created" in visitor.read(KIT).text
    newer = link_in(visitor.send(f"{KIT}/link", OWN).text)
    assert older != newer
    fresh = Visitor(app)
    fresh.get(older)
    assert fresh.get("/reset").status_code == 404
    fresh.get(newer)
    assert fresh.get("/reset").status_code == 200


def test_last_use_is_seen_and_nothing_is_written_in_between(
    cast: Cast, session: Session, visit: Enter
) -> None:
    visitor = visit(cast.kit)

    def seen() -> datetime | None:
        session.rollback()
        return session.scalars(select(Login.seen_at)).one()

    assert visitor.get("/tickets").status_code == 200
    assert seen() is None  # it began just now
    session.rollback()
    with transaction(session):
        session.scalars(select(Login)).one().created_at = datetime.now(UTC) - timedelta(hours=1)
    visitor.get("/tickets")
    first = seen()
    assert first is not None
    visitor.get("/tickets")
    assert seen() == first
