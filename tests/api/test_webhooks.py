"""Webhooks over REST: what a person's token sees and does of its own, and of nobody else's."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.scopes import Scope
from app.webhooks.models.webhooks import Webhook, WebhookDelivery
from tests.api.conftest import Calling
from tests.cast import NOON, Cast, writer
from tests.webhooks.seeded import seed_messages, seed_webhook


def test_a_program_looks_after_its_own(session: Session, cast: Cast, calling: Calling) -> None:
    with transaction(session):
        key, secret = seed_webhook(session, writer(cast.kit), filter="site=DE-KIT")
        ids = seed_messages(session, key, NOON)
        seed_webhook(session, writer(cast.pic))
    program, path = calling("tickets", of=cast.kit), f"/api/v1/webhooks/{key}"
    (listed,) = program.read("/api/v1/webhooks")["items"]
    assert listed == program.read(path)
    assert (listed["number"], listed["name"], listed["on"]) == (key, "Display", True)
    assert (listed["filter"], listed["failures"]) == ("site=DE-KIT", 4)
    assert listed["failing_since"] == "2013-03-06T11:56:00Z"
    assert secret not in str(listed)
    found = program.read(f"{path}/messages?limit=3")
    assert [one["number"] for one in found["items"]] == ids[:0:-1]
    assert found["items"][0]["state"] == "waiting"
    assert found["items"][0]["due_at"] == "2013-03-06T12:08:00Z"
    (last,) = program.read(found["next"])["items"]
    assert (last["number"], last["status"]) == (ids[0], 204)
    given_up = program.read(f"{path}/messages?state=given%20up")
    assert [one["failure"] for one in given_up["items"]] == ["too old"]
    assert program.get(f"{path}/messages?state=lost").status_code == 400
    again = program.post(f"{path}/messages/{ids[1]}/again", None)
    assert again.json is not None
    assert (again.status_code, again.json["state"]) == (200, "waiting")
    assert program.post(f"{path}/test", None).status_code == 200
    assert program.post(f"{path}/off", None).json["on"] is False  # type: ignore[index]
    assert program.post(f"{path}/test", None).status_code == 409  # it is off
    assert program.send("DELETE", path).status_code == 204
    session.expire_all()
    assert session.get(Webhook, key) is None
    assert session.get(WebhookDelivery, ids[0]) is None
    session.rollback()


def test_an_admins_token_needs_its_scope_for_those_of_partners(
    session: Session, cast: Cast, calling: Calling
) -> None:
    with transaction(session):
        key, _secret = seed_webhook(session, writer(cast.admin), account="nren_a")
    less, more = calling("tickets", of=cast.admin), calling(*Scope, of=cast.admin)
    assert less.read("/api/v1/webhooks")["items"] == []
    assert less.get(f"/api/v1/webhooks/{key}").status_code == 404
    assert [one["account"] for one in more.read("/api/v1/webhooks")["items"]] == ["nren_a"]
