"""People over REST: what administrators may, and that a link is given once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.api_requests import ApiRequest
from app.accounts.models.people import ApiToken
from app.accounts.services.people import find_user
from app.accounts.services.reset_links import find_reset_link
from app.core.models.changes import Change
from tests.api.answers import as_described
from tests.api.conftest import Calling, Program
from tests.cast import Cast

PEOPLE = "/api/v1/people"


@pytest.fixture
def admin(calling: Calling, cast: Cast) -> Program:
    return calling("admin", of=cast.admin)


def test_everybody_is_listed_page_by_page(admin: Program) -> None:
    first = as_described(admin.get(f"{PEOPLE}?limit=3"), "listPeople")
    assert [one["name"] for one in first["items"]] == ["admin", "kit", "operator"]
    assert first["items"][1]["sites"] == ["DE-KIT"]
    rest = as_described(admin.get(first["next"]), "listPeople")
    assert [one["name"] for one in rest["items"]] == ["pic", "reader"]
    assert rest["next"] is None


def test_a_new_person_has_a_link_that_is_given_once(
    admin: Program, session: Session, app: Flask
) -> None:
    new = {"name": "anna", "role": "reporter", "sites": ["FZK-LCG2"], "why": "Joined"}
    answer = admin.post(PEOPLE, new, Idempotency_Key="a")
    made = as_described(answer, "createPerson")
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{PEOPLE}/anna"
    assert "ETag" not in answer.headers
    token = re.fullmatch(r".*/reset/(\S{43})", made["link"])
    assert token is not None
    assert app.test_client().get(f"/reset/{token[1]}").status_code in (200, 302, 303)
    again = admin.post(PEOPLE, new, Idempotency_Key="a")
    assert as_described(again, "createPerson") == {**made, "link": None}
    session.rollback()
    kept = session.scalars(select(ApiRequest.body)).one()
    assert token[1] not in kept
    person = as_described(admin.get(f"{PEOPLE}/anna"), "getPerson")
    assert (person["role"], person["sites"]) == ("reporter", ["DE-KIT"])
    assert person["link_until"] == made["until"]
    change = session.scalars(
        select(Change).where(Change.kind == "person").order_by(-Change.id)
    ).first()
    assert change is not None
    assert (change.door, change.actor_account) == ("api", "admin")


def test_role_and_sites_change_where_they_are_stated(admin: Program) -> None:
    def change(name: str, sent: Any, **headers: str) -> Any:
        answer = admin.send("PATCH", f"{PEOPLE}/{name}", sent, **headers)
        return as_described(answer, "changePerson")

    assert change("kit", {"sites": ["DE-KIT", "pic"]})["sites"] == ["DE-KIT", "ES-PIC"]
    operator = change("kit", {"role": "operator"})
    assert (operator["role"], operator["sites"]) == ("operator", [])
    tag = admin.get(f"{PEOPLE}/pic").headers["ETag"]
    assert change("pic", {"role": "reader"}, If_Match=tag)["role"] == "reader"
    late = change("pic", {"role": "admin"}, If_Match=tag)
    assert (late["status"], late["current"]["role"]) == (412, "reader")
    assert admin.read(f"{PEOPLE}/pic")["role"] == "reader"


def test_steps_answer_the_person(admin: Program, session: Session) -> None:
    def step(name: str, path: str, operation: str) -> Any:
        answer = admin.post(f"{PEOPLE}/{name}/{path}", {"why": "Left"})
        assert answer.status_code == 200, answer.text
        return as_described(answer, operation)

    assert step("pic", "disable", "disablePerson")["disabled"].endswith("Z")
    assert step("pic", "enable", "enablePerson")["disabled"] is None
    assert step("pic", "end-logins", "endLogins")["logins"] == 0
    taken = step("pic", "take-off-second-factor", "takeOffSecondFactor")
    assert taken["second_factor"] is False
    link = step("pic", "links", "makeOneTimeLink")["link"]
    found = find_reset_link(session, link.rpartition("/")[2], find_user(session, "pic").created_at)
    assert found.user.name == "pic"


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "fields"),
    [
        ("POST", "", {"role": "reader"}, 422, {"name"}),
        ("POST", "", {"name": "a b", "role": "reader"}, 422, {"name"}),
        ("POST", "", {"name": "kit", "role": "reader"}, 422, {"name"}),
        ("POST", "", {"name": "new", "role": "king", "password": "x"}, 422, {"role", "password"}),
        ("POST", "", {"name": "new", "role": "reporter"}, 422, {"sites"}),
        ("POST", "", {"name": "new", "role": "reader", "sites": ["DE-KIT"]}, 422, {"sites"}),
        ("POST", "", {"name": "new", "role": "reporter", "sites": ["NOWHERE"]}, 422, {"sites"}),
        ("POST", "", {"name": "new", "role": "reader", "mail": "a, b"}, 422, {"mail"}),
        ("POST", "", {"name": "new", "role": "reader", "why": "x" * 300}, 422, {"why"}),
        ("PATCH", "/admin", {"role": "reader"}, 422, {"role"}),
        ("PATCH", "/nobody", {"role": "reader"}, 404, None),
        ("POST", "/admin/disable", {}, 422, {"name"}),
        ("POST", "/nobody/links", {}, 404, None),
        ("POST", "/a%20b/disable", {}, 404, None),
        ("POST", "/%00/disable", {}, 404, None),
    ],
)
def test_bad_input_names_fields(
    admin: Program, method: str, path: str, sent: Any, status: int, fields: set[str] | None
) -> None:
    answer = admin.send(method, f"{PEOPLE}{path}", sent)
    assert answer.status_code == status, answer.text
    assert answer.json is not None
    found = {one["field"] for one in answer.json.get("errors", ())}
    assert found == (fields or set())


def test_a_disabled_person_gets_no_link(admin: Program) -> None:
    admin.post(f"{PEOPLE}/pic/disable", {})
    assert admin.post(f"{PEOPLE}/pic/links", {}).status_code == 422


@pytest.mark.parametrize("name", ["operator", "kit", "reader"])
def test_the_scope_admin_makes_no_administrator(calling: Calling, cast: Cast, name: str) -> None:
    program = calling("admin", of=getattr(cast, name))
    for path in ("people", "people/pic", "people/nobody", "partners", "accounts/nren_a"):
        assert program.get(f"/api/v1/{path}").status_code == 403
    for path in ("people/nobody/disable", "accounts/nobody/disable", "accounts/nobody/secrets"):
        sent: Any = {} if path.startswith("people") else None
        assert program.send("POST", f"/api/v1/{path}", sent).status_code == 403


def test_ending_logins_ends_the_token_that_asks(
    admin: Program, session: Session, cast: Cast
) -> None:
    assert admin.post(f"{PEOPLE}/admin/end-logins", {}).status_code == 200
    assert admin.get(PEOPLE).status_code == 401
    token = session.scalars(select(ApiToken).where(ApiToken.user_id == cast.admin.account_id)).one()
    assert token.ended_at is not None


def test_no_token_makes_or_lets_in_an_administrator(admin: Program, session: Session) -> None:
    new = {"name": "anna", "role": "admin"}
    assert admin.post(PEOPLE, new).status_code == 403
    assert admin.send("PATCH", f"{PEOPLE}/operator", {"role": "admin"}).status_code == 403
    assert admin.post(f"{PEOPLE}/admin/links", {}).status_code == 403
    assert admin.post(f"{PEOPLE}/admin/take-off-second-factor", {}).status_code == 403
    assert admin.post(f"{PEOPLE}/operator/links", {}).status_code == 200


def test_what_is_not_sent_stays(admin: Program, session: Session) -> None:
    before = session.scalar(select(func.max(Change.id)))
    assert admin.send("PATCH", f"{PEOPLE}/operator", {"why": "x"}).status_code == 200
    session.rollback()
    assert session.scalar(select(func.max(Change.id))) == before


def test_a_secret_is_answered_whatever_is_preferred(admin: Program) -> None:
    answer = admin.post(PEOPLE, {"name": "bea", "role": "reader"}, Prefer="return=minimal")
    assert answer.json is not None
    assert "/reset/" in answer.json["link"]
    assert answer.headers["Cache-Control"] == "no-store"
