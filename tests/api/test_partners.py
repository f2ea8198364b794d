"""Partners' accounts over REST: switches, secrets that are given once, disabling."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.api_requests import ApiRequest
from app.accounts.services.partners import find_account, live_secrets
from tests.api.answers import as_described
from tests.api.conftest import Calling, Program
from tests.cast import Cast

ACCOUNTS = "/api/v1/accounts"


@pytest.fixture
def admin(calling: Calling, cast: Cast) -> Program:
    return calling("admin", of=cast.admin)


def test_partners_are_listed_with_their_accounts(admin: Program) -> None:
    first = as_described(admin.get("/api/v1/partners?limit=2"), "listPartners")
    assert [(one["code"], one["accounts"]) for one in first["items"]] == [
        ("GGUS-TEST", ["ggus"]),
        ("NREN-A", ["nren_a"]),
    ]
    rest = as_described(admin.get(first["next"]), "listPartners")
    assert [one["code"] for one in rest["items"]] == ["NREN-B"]
    assert rest["next"] is None
    one = as_described(admin.get("/api/v1/partners/NREN-B"), "getPartner")
    assert one["accounts"] == ["nren_b"]
    assert admin.get("/api/v1/partners/nren-b").status_code == 404


def test_a_new_account_has_a_secret_that_is_given_once(admin: Program, session: Session) -> None:
    new = {"partner": "NREN-C", "login": "nren_c", "sites": ["FZK-LCG2"]}
    answer = admin.post(ACCOUNTS, new, Idempotency_Key="a")
    made = as_described(answer, "createAccount")
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{ACCOUNTS}/nren_c")
    assert len(made["secret"]) == 43
    again = admin.post(ACCOUNTS, new, Idempotency_Key="a")
    assert as_described(again, "createAccount") == {**made, "secret": None}
    session.rollback()
    assert made["secret"] not in session.scalars(select(ApiRequest.body)).one()
    told = admin.get(f"{ACCOUNTS}/nren_c")
    account = as_described(told, "getAccount")
    assert made["secret"] not in told.text
    assert account == {
        "login": "nren_c",
        "partner": "NREN-C",
        "access": "own",
        "read_only": False,
        "internal": False,
        "contract_year": 2016,
        "sites": ["DE-KIT"],
        "created": account["created"],
        "disabled": None,
        "last_call": None,
        "secrets": [{"id": made["id"], "created": account["created"]}],
    }


def test_switches_change_where_they_are_stated(admin: Program) -> None:
    tag = admin.get(f"{ACCOUNTS}/nren_a").headers["ETag"]
    path = f"{ACCOUNTS}/nren_a"
    sent = {"read_only": True, "contract_year": 2012}
    changed = as_described(admin.send("PATCH", path, sent, If_Match=tag), "changeAccount")
    assert (changed["access"], changed["read_only"], changed["contract_year"]) == (
        "own",
        True,
        2012,
    )
    late = admin.send("PATCH", path, {"access": "all"}, If_Match=tag)
    assert as_described(late, "changeAccount")["current"] == changed
    assert late.status_code == 412
    for step, disabled in (("disable", True), ("disable", True), ("enable", False)):
        told = as_described(admin.send("POST", f"{path}/{step}"), f"{step}Account")
        assert (told["disabled"] is not None) is disabled


def test_a_secret_is_changed_over_without_a_gap(admin: Program, session: Session) -> None:
    path = f"{ACCOUNTS}/nren_a/secrets"
    (old,) = (one["id"] for one in admin.read(f"{ACCOUNTS}/nren_a")["secrets"])
    assert admin.send("DELETE", f"{path}/{old}").status_code == 409  # the only one
    new = as_described(admin.send("POST", path), "addSecret")
    assert admin.send("POST", path).status_code == 409  # at most two
    ended = as_described(admin.send("DELETE", f"{path}/{old}"), "endSecret")
    assert [one["id"] for one in ended["secrets"]] == [new["id"]]
    assert as_described(admin.send("DELETE", f"{path}/{old}"), "endSecret")["status"] == 409
    assert admin.send("DELETE", f"{path}/x").status_code == 404
    session.rollback()
    assert [one.id for one in live_secrets(session, find_account(session, "nren_a"))] == [new["id"]]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "fields"),
    [
        ("POST", "", {}, 422, {"partner", "login"}),
        ("POST", "", {"partner": "A B", "login": "x"}, 422, {"partner"}),
        ("POST", "", {"partner": "A", "login": "nren_a"}, 422, {"login"}),
        ("POST", "", {"partner": "A", "login": "x", "secret": "mine"}, 422, {"secret"}),
        ("POST", "", {"partner": "A", "login": "x", "access": "some"}, 422, {"access"}),
        ("POST", "", {"partner": "A", "login": "x", "contract_year": 2014}, 422, {"contract_year"}),
        ("POST", "", {"partner": "A", "login": "x", "sites": ["NOWHERE"]}, 422, {"sites"}),
        ("PATCH", "/nobody", {"read_only": True}, 404, None),
        ("PATCH", "/nren_a", {"read_only": "yes"}, 422, {"read_only"}),
        ("POST", "/nobody/secrets", None, 404, None),
    ],
)
def test_bad_input_names_fields(
    admin: Program, method: str, path: str, sent: Any, status: int, fields: set[str] | None
) -> None:
    answer = admin.send(method, f"{ACCOUNTS}{path}", sent)
    assert answer.status_code == status, answer.text
    assert answer.json is not None
    assert {one["field"] for one in answer.json.get("errors", ())} == (fields or set())
