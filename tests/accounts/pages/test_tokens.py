"""Pages of tokens: made, shown once, used, rotated and ended, by admins and by everybody."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import ApiToken
from app.core.models.changes import Change, ChangedField
from tests.cast import PASSWORD, Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

TOKENS, OWN = "/admin/tokens", "/profile/tokens"
GOOD = {"name": "nms", "scopes": ["read", "registry"], "days": "90", "password": PASSWORD}


def secret_in(page: str) -> str:
    found = re.search(r'id="new-secret" value="(lhcopn_[A-Za-z0-9_-]{43})"', page)
    assert found is not None
    return found[1]


def works(app: Flask, secret: str) -> bool:
    answer = app.test_client().get(
        "/api/v1/sites", headers={"Authorization": f"Bearer {secret}"}, buffered=True
    )
    return answer.status_code == 200


@pytest.mark.parametrize(
    ("who", "base", "name"), [("admin", TOKENS, "nms"), ("kit", OWN, "kit/nms")]
)
def test_a_token_from_its_making_to_its_end(
    app: Flask,
    cast: Cast,
    session: Session,
    visit: Enter,
    who: str,
    base: str,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    visitor = visit(getattr(cast, who))
    assert "No tokens yet" in visitor.read(base).text
    answer = visitor.send(base, GOOD)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    first = secret_in(answer.text)
    assert works(app, first)
    row = session.scalars(select(ApiToken)).one()
    assert (row.name, row.scopes) == (name, "registry read")
    again = visitor.send(base, GOOD)  # as a reload would
    assert again.status_code == 422
    assert "A token with this name already exists" in PageReader(again.text).text
    place = f"{base}/{row.id}"
    second = secret_in(visitor.send(f"{place}/rotate", {"password": PASSWORD}).text)
    assert works(app, first)
    assert works(app, second)
    third = visitor.send(f"{place}/rotate", {"password": PASSWORD})
    assert third.status_code == 422
    assert "at most 2 active secrets" in PageReader(third.text).text
    ended = visitor.send(f"{place}/end-older", {})
    assert (ended.status_code, ended.location) == (303, base)
    assert not works(app, first)
    assert works(app, second)
    page = visitor.read(base)
    assert f"The older secret of {name} has ended" in page.text
    assert "registry, read active" in page.text
    assert visitor.send(f"{place}/end", {}).status_code == 303
    assert not works(app, second)
    assert f"{name} registry, read ended" in visitor.read(base).text
    session.rollback()
    logged = repr(session.execute(select(ChangedField.old, ChangedField.new)).all())
    for secret in (first, second):
        for text in (again.text, visitor.get(base).text, logged, caplog.text):
            assert secret not in text
    doors = session.execute(select(Change.door, Change.actor_account).where(Change.kind == "token"))
    assert {tuple(row) for row in doors} == {("portal", who)}


def test_ones_own_is_nobody_elses(cast: Cast, session: Session, visit: Enter) -> None:
    assert visit(cast.kit).send(OWN, GOOD).status_code == 200
    number = session.scalars(select(ApiToken.id)).one()
    session.rollback()
    for who in (cast.pic, cast.admin):  # an admin ends it at the other address
        visitor = visit(who)
        assert "kit/nms" not in visitor.get(OWN).text
        for do in ("rotate", "end-older", "end"):
            assert visitor.send(f"{OWN}/{number}/{do}", {}).status_code == 404
            assert visitor.send(f"{OWN}/999/{do}", {}).status_code == 404
    assert "kit/nms registry, read active" in visit(cast.admin).read(TOKENS).text
    assert (
        visit(cast.admin).send(f"{TOKENS}/{number}/rotate", {"password": PASSWORD}).status_code
        == 403
    )
    assert "Add a secret to kit/nms" not in visit(cast.admin).get(TOKENS).text
    assert "Add a secret to kit/nms" in visit(cast.kit).get(OWN).text
    assert visit(cast.admin).send(f"{TOKENS}/{number}/end", {}).status_code == 303


def test_wrong_values_are_said_at_the_field_and_kept(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    for more, words in (
        (
            {"scopes": []},
            "Scope: choose one or more of: events, tickets, reports, registry, read, admin",
        ),
        ({"days": "401"}, "Expires in (days): choose one of"),
        ({"name": "two words"}, "Name: use letters, digits"),
    ):
        answer = visitor.send(TOKENS, {**GOOD, **more})
        page = PageReader(answer.text)
        assert answer.status_code == 422
        assert words in page.text
        kept = page.form(TOKENS)
        assert kept.values("name") == [more.get("name", "nms")]
        assert kept.values("scopes") == ([] if "scopes" in more else ["registry", "read"])


def test_the_profile_leads_to_ones_tokens(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    assert "No active token." in visitor.read("/profile").text
    visitor.send(OWN, GOOD)
    page = visitor.read("/profile")
    assert "1 active token." in page.text
    assert OWN in [address for address, _word in page.links]
    assert TOKENS in [address for address, _word in visit(cast.admin).read("/admin").links]


def test_without_a_form_token_nothing_is_made(app: Flask, cast: Cast, visit: Enter) -> None:
    assert visit(cast.admin).send_raw(TOKENS, b"name=x&scopes=read&days=90").status_code == 400
    assert Visitor(app).get(OWN).location.startswith("/login")
