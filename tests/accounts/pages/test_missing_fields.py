"""A form that decides rights or security and lacks a field: 422, and all stays as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import find_user
from app.core.models.changes import Change
from app.tickets.models.desk import SavedFilter
from tests.cast import PASSWORD, Cast
from tests.harness.databases import fresh_database
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter

PERSON = "/admin/people/operator"
TOKEN = {"scopes": "read", "password": PASSWORD}


@pytest.fixture
def database() -> Iterator[str]:
    """One database: it makes no difference here."""
    with fresh_database("sqlite") as url:
        yield url


def changes(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(Change)) or 0


@pytest.mark.parametrize(
    ("page", "action", "fields", "filled"),
    [
        (PERSON, f"{PERSON}/role", ("role", "sites"), {}),
        (
            "/admin/new-person",
            "/admin/new-person",
            ("name", "role", "sites", "password"),
            {"name": "new", "password": PASSWORD},
        ),
        (
            "/partners/accounts/1",
            "/partners/accounts/1/switches",
            ("access", "rights", "internal", "contract_year", "sites"),
            {},
        ),
        (
            "/partners/new",
            "/partners/new",
            ("code", "login", "access", "rights", "internal", "contract_year", "sites", "password"),
            {"code": "NEW", "login": "new", "password": PASSWORD},
        ),
        ("/admin/people", "/admin/second-factor", ("demand",), {}),
        ("/profile", "/profile/mail", ("mail", "password"), {"password": PASSWORD}),
        ("/admin/tokens", "/admin/tokens", ("name", "scopes", "days"), TOKEN),
        ("/profile/tokens", "/profile/tokens", ("name", "scopes", "days"), TOKEN),
    ],
)
def test_a_missing_field_is_refused(
    cast: Cast,
    session: Session,
    visit: Enter,
    page: str,
    action: str,
    fields: tuple[str, ...],
    filled: dict[str, str],
) -> None:
    visitor = visit(cast.admin)
    session.get_one(User, cast.admin.account_id).mail = "admin@example.org"
    session.commit()
    whole = {**visitor.read(page).form(action).data(), "name": "new", **filled}
    before = changes(session)
    for name in fields:
        partial = {key: value for key, value in whole.items() if key != name}
        answer = visitor.send(action, partial)
        assert answer.status_code == 422, name
        assert PageReader(answer.text).alerts, name
    assert visitor.send(action, {}).status_code == 422
    assert changes(session) == before
    assert find_user(session, "operator").role == "operator"
    assert session.get_one(User, cast.admin.account_id).mail == "admin@example.org"


def test_nobody_chosen_is_an_answer(cast: Cast, session: Session, visit: Enter) -> None:
    visitor, theirs = visit(cast.admin), "/admin/people/kit"
    untouched = visitor.read(theirs).form(f"{theirs}/role").data()
    assert visitor.send(f"{theirs}/role", untouched).status_code == 303
    assert [site.key for site in find_user(session, "kit").sites] == ["DE-KIT"]
    session.rollback()
    none = {**untouched, "role": "reader", "sites": [""]}
    assert visitor.send(f"{theirs}/role", none).status_code == 303
    assert not find_user(session, "kit").sites


def test_a_shared_filter_stays_shared(cast: Cast, session: Session, visit: Enter) -> None:
    visitor = visit(cast.operator)
    visitor.send("/filters", {"name": "Ours", "use": "shared", "query": ""})
    assert visitor.send("/filters/1/change", {"name": "Ours"}).status_code == 422
    assert session.scalar(select(SavedFilter.shared))
