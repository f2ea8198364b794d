"""Pages of webhooks: who sees what, what is refused in words, and that no secret is in any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.mail.models.mails import Mail
from app.webhooks.models.webhooks import Webhook, WebhookDelivery, WebhookSecret
from app.webhooks.services.secrets import opened_secrets
from tests.cast import PASSWORD, Cast, writer
from tests.harness.server import TEST_SECRET
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open
from tests.mails import enter_with_mails
from tests.webhooks.seeded import seed_messages, seed_webhook

NEW: dict[str, str | Sequence[str]] = {
    "name": "Display of the NOC",
    "url": "https://noc.example.org/hooks/T0/very-secret-path",
    "kinds": ["ticket.created", "ticket.state"],
    "filter": "https://portal.example/tickets?site=DE-KIT&state=open&sort=-changed&columns=title",
    "password": PASSWORD,
}


def test_a_person_creates_one_and_sees_its_secret_once(
    app: Flask, session: Session, visit: Enter
) -> None:
    cast = enter_with_mails(session)
    visitor = visit(cast.kit)
    empty = visitor.read("/webhooks")
    assert "No webhooks yet" in empty.text
    assert "site=DE-KIT&category=incident" in empty.text
    answer = visitor.send("/webhooks/new", NEW)
    assert (answer.status_code, answer.location) == (303, "/webhooks/1")
    shown = visitor.get("/webhooks/1").text
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/]{43}=", shown))
    webhook = session.get_one(Webhook, 1)
    assert list(opened_secrets(session, webhook, TEST_SECRET.encode())) == [secret]
    assert webhook.filter == "state=open&site=DE-KIT"
    assert webhook.kinds == "ticket.created ticket.state"
    assert "State: open · Site: DE-KIT" in PageReader(shown).text
    for path in ("/webhooks", "/webhooks/1", "/webhooks/1/edit"):
        assert "whsec_" not in visitor.get(path).text, path
    logged = session.scalars(select(Change).where(Change.kind == "webhook")).all()
    values = [(one.field, one.new) for change in logged for one in change.fields]
    assert ("address", "https://noc.example.org") in values
    assert not any("very-secret-path" in (new or "") for _field, new in values)
    mail = session.scalars(select(Mail)).one()
    assert mail.message is not None
    assert mail.address == "kit@people.example"
    assert "https://noc.example.org" in mail.message.text
    assert "very-secret-path" not in mail.message.text


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "", "Name is required"),
        ("name", "x" * 101, "at most 100"),
        ("url", "", "Address is required"),
        ("url", "ftp://noc.example.org/", "must begin with https:// or http://"),
        ("url", "https://user:pass@noc.example.org/", "without a user and password"),
        ("url", "https://", "must begin with https:// or http://"),
        ("url", "https://noc.example.org/é", "in ASCII characters"),
        ("url", "https://noc.example.org/#x", "must not contain a #"),
        ("url", f"https://noc.example.org/{'x' * 500}", "at most 500"),
        *(
            ("url", f"http://{host}/", "in a private network")
            for host in (
                *("127.0.0.1", "10.0.0.5", "169.254.169.254", "192.168.1.1:8000", "0.0.0.0"),
                *("[::1]", "[::ffff:10.0.0.1]", "[fe80::1]", "127.0.0.1."),
            )
        ),
        ("kinds", (), "Choose at least one of"),
        ("kinds", ("ticket.created", "ticket.exploded"), "Choose at least one of"),
        ("filter", "state=molten", "State: unknown value. Use one of: "),
        ("filter", "desk=my sites", "Not a ticket filter"),
        ("filter", "nonsense", "Not a ticket filter"),
        ("filter", "x" * 2001, "at most 2000"),
        ("filter", "&".join(["site=A"] * 51), "at most 50 values"),
        ("filter", "q=a&q=b", "Use only one search text"),
        ("password", "wrong", "This is not your password"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(
    session: Session, cast: Cast, visit: Enter, field: str, value: str, told: str
) -> None:
    visitor = visit(cast.reader)
    answer = visitor.send("/webhooks/new", {**NEW, field: value})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert told in page.text
    assert session.scalars(select(Webhook)).all() == []
    if field != "name":
        assert page.form("/webhooks/new").data()["name"] == ["Display of the NOC"]
    assert PASSWORD not in answer.text


def test_only_ones_own_is_known(session: Session, cast: Cast, visit: Enter) -> None:
    """An admin sees of others' the host, and may stop them; nobody else learns that they exist."""
    with transaction(session):
        key, _ = seed_webhook(session, writer(cast.kit), "https://noc.example.org/very-secret-path")
        seed_messages(session, key, datetime.now(UTC))
    assert visit(cast.operator).get(f"/webhooks/{key}").status_code == 404
    assert "Display" not in visit(cast.operator).get("/webhooks").text
    assert "very-secret-path" in visit(cast.kit).get(f"/webhooks/{key}").text
    admin = visit(cast.admin)
    for path in ("/webhooks", f"/webhooks/{key}"):
        page = admin.get(path).text
        assert "https://noc.example.org" in page
        assert "very-secret-path" not in page
    assert admin.get(f"/webhooks/{key}/edit").status_code == 403
    assert "Display" not in admin.get("/webhooks?of=me").text
    assert admin.send(f"/webhooks/{key}/off", {}).status_code == 303
    assert admin.send(f"/webhooks/{key}/delete", {}).status_code == 303
    session.expire_all()
    for kind in (Webhook, WebhookSecret, WebhookDelivery):
        assert session.scalars(select(kind)).all() == []


def test_an_admin_creates_those_of_partners(session: Session, cast: Cast, visit: Enter) -> None:
    admin = visit(cast.admin)
    account = admin.read("/partners/accounts/1")
    assert "New webhook…" in account.text
    page = admin.read("/webhooks/new?of=nren_a")
    assert page.form("/webhooks/new").data()["account"] == ["nren_a"]
    assert admin.send("/webhooks/new", {**NEW, "account": "nobody"}).status_code == 422
    assert admin.send("/webhooks/new", {**NEW, "account": "nren_a"}).status_code == 303
    assert "nren_a" in admin.read("/webhooks/1").text
    assert (
        visit(cast.operator).send("/webhooks/new", {**NEW, "account": "nren_a"}).status_code == 403
    )


def test_secrets_are_changed_without_a_gap(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    visitor.send("/webhooks/new", NEW)
    only = visitor.send("/webhooks/1/end-secret", {"secret_id": "1"})
    assert only.status_code == 422
    assert "only secret" in only.text
    wrong = visitor.send("/webhooks/1/add-secret", {"password": "wrong"})
    assert wrong.status_code == 422
    assert "This is not your password" in wrong.text
    assert visitor.send("/webhooks/1/add-secret", {"password": PASSWORD}).status_code == 303
    assert "whsec_" in visitor.get("/webhooks/1").text
    third = visitor.send("/webhooks/1/add-secret", {"password": PASSWORD})
    assert "Two secrets are already active" in third.text
    assert visitor.send("/webhooks/1/end-secret", {"secret_id": "1"}).status_code == 303
    assert [one.id for one in session.scalars(select(WebhookSecret))] == [2]
    assert visitor.send("/webhooks/1/end-secret", {"secret_id": "x"}).status_code == 422
    assert visitor.send("/webhooks/1/end-secret", {"secret_id": "77"}).status_code == 404


def test_messages_are_listed_with_what_came_back(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    opened(title="Link down")
    with transaction(session):
        key, _ = seed_webhook(session, writer(cast.kit))
        ids = seed_messages(session, key, datetime.now(UTC))
    visitor = visit(cast.kit)
    page = visitor.read(f"/webhooks/{key}")
    for told in ("ticket.created", "delivered", "too old", "no right", "503", "1 waiting"):
        assert told in page.text, told
    assert "4 attempts in a row failed" in page.text
    failed = visitor.read(f"/webhooks/{key}?state=given+up")
    assert "ticket.commented" in failed.text
    assert "ticket.created" not in failed.text.replace("ticket.created, ", "")
    assert visitor.get(f"/webhooks/{key}?state=nonsense&before=x").status_code == 200
    one = visitor.read(f"/webhooks/{key}/messages/{ids[1]}")
    assert "It could not be delivered for 7 days" in one.text
    assert "not now" in one.text
    assert visitor.send(f"/webhooks/{key}/messages/{ids[1]}/again", {}).status_code == 303
    session.expire_all()
    again = session.get_one(WebhookDelivery, ids[1])
    assert (again.state, again.attempts) == ("waiting", 0)
    assert visitor.get(f"/webhooks/{key}/messages/99").status_code == 404


def test_what_hosts_inside_answer_is_shown_to_admins_only(
    session: Session, cast: Cast, visit: Enter, app: Flask
) -> None:
    with transaction(session):
        key, _ = seed_webhook(session, writer(cast.kit), "http://127.0.0.1:9/")
        ids = seed_messages(session, key, datetime.now(UTC))
    path = f"/webhooks/{key}/messages/{ids[1]}"
    hidden = "shown to admins only"
    assert hidden not in visit(cast.kit).get(path).text
    settings = app.config["PORTAL"]
    app.config["PORTAL"] = replace(settings, outbound_private_hosts=frozenset({"127.0.0.1"}))
    page = visit(cast.kit).get(path).text
    assert hidden in page
    assert "not now" not in page
    assert "not now" in visit(cast.admin).get(path).text


def test_many_messages_are_pages(session: Session, cast: Cast, visit: Enter) -> None:
    """10,000 that wait are counted and listed by 30; the page stays small."""
    now = datetime.now(UTC)
    with transaction(session):
        key, _ = seed_webhook(session, writer(cast.kit))
        first = seed_messages(session, key, now)[0]
        row = session.get_one(WebhookDelivery, first)
        same = {
            column.name: getattr(row, column.name)
            for column in WebhookDelivery.__table__.c
            if column.name != "id"
        }
        session.execute(
            WebhookDelivery.__table__.insert(),  # type: ignore[attr-defined]
            [{**same, "key": f"msg_{count}", "state": "waiting"} for count in range(10_000)],
        )
    visitor: Visitor = visit(cast.kit)
    answer = visitor.get(f"/webhooks/{key}")
    assert "10,001 waiting" in answer.text
    assert len(answer.data) < 150_000
    page = PageReader(answer.text)
    for _page in range(3):
        page = visitor.read(next(url for url, _word in page.links if "before=" in url))
        assert page.text.count("Send again") == 30
    assert "10,001" in visitor.get("/webhooks").text
