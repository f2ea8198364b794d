"""Pages of connections: who sees what, what they do, and that no secret is in any of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.accounts.models.people import Login
from app.accounts.services.people import find_user, start_login
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.exchange.adapters.kinds import KINDS
from app.exchange.models.connections import Connection, ConnectionSecret, ExchangeCall
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.pages import connections as pages
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Choice
from app.exchange.services import decisions
from app.exchange.services.comparisons import (
    begin_comparison,
    end_comparison,
    note_compared,
    note_unread,
)
from app.exchange.services.connections.secrets import HINT, LOGIN, add_secret, live_secrets
from app.exchange.services.connections.secrets import opened as unsealed
from app.exchange.services.planning import begin_pair, profile_in_use
from app.tickets.models.tickets import Ticket
from tests.cast import NOON, PASSWORD, Cast, writer
from tests.exchange.seeded import SeededPair, seed_connection, seed_pair
from tests.harness.server import TEST_SECRET
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

KEY = TEST_SECRET.encode()
TOKEN = "their-token-55aa"
NEW = {
    "code": "GGUS-TEST",
    "kind": "zammad",
    "url": "https://helpdesk.example.org",
    "direction": "both",
    "remote_login": "",
    "internal": "not sent",
    "group": "Network",
    "tickets": "shared",
    "remote_secret": TOKEN,
    "password": PASSWORD,
}
EDITED = {
    "url": "https://helpdesk.example.org",
    "direction": "both",
    "remote_login": "",
    "internal": "not sent",
    "password": PASSWORD,
}


def test_an_admin_sets_a_connection_up(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    assert "No connections yet" in visitor.read("/exchange").text
    answer = visitor.send("/exchange/new", NEW)
    assert (answer.status_code, answer.location) == (303, "/exchange/1")
    found = session.get_one(Connection, 1)
    assert (found.partner.code, found.kind, found.direction) == ("GGUS-TEST", "zammad", "both")
    assert found.paused_at is not None, "nothing is called before somebody looked at it"
    begun = profile_in_use(session, found)
    assert begun == replace(KINDS["zammad"].profile, group="Network", tickets=Choice.SHARED)
    secret = session.scalars(select(ConnectionSecret)).one()
    assert TOKEN not in secret.sealed
    assert unsealed(secret, TEST_SECRET.encode()) == TOKEN
    session.rollback()
    for path in ("/exchange", "/exchange/1", "/exchange/1/edit", "/exchange/1/map"):
        assert TOKEN not in visitor.get(path).text, path
    assert "paused" in visitor.read("/exchange").text
    visitor.send("/exchange/1/resume", {})
    assert session.get_one(Connection, 1).paused_at is None


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("code", "", "Partner code is required"),
        ("code", "x" * 51, "at most 50"),
        ("kind", "telepathy", "Kind of system"),
        ("direction", "sideways", "Direction"),
        ("internal", "perhaps", "Internal notes"),
        ("tickets", "some", "Tickets"),
        ("group", "x" * 256, "Their queue or group"),
        ("url", "x" * 501, "Address"),
        ("url", "https://a\x01b", "Address"),
        ("remote_login", "x" * 256, "login"),
        ("remote_secret", "x" * 4001, "Secret"),
        ("remote_secret", "a\x00b", "Secret"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_stored(
    session: Session, cast: Cast, visit: Enter, field: str, value: str, told: str
) -> None:
    visitor = visit(cast.admin)
    answer = visitor.send("/exchange/new", {**NEW, field: value})
    page = PageReader(answer.text)
    assert answer.status_code == 422
    assert told.lower() in page.text.lower()
    assert TOKEN not in answer.text, "what was typed as secret is not shown again"
    if field != "url":
        assert page.form("/exchange/new").values("url") == [NEW["url"]]
    assert session.scalars(select(Connection)).all() == []


def test_a_request_tracker_needs_a_queue(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    answer = visitor.send("/exchange/new", {**NEW, "kind": "rt", "group": " "})
    assert answer.status_code == 422
    assert "Enter the queue of the Request Tracker" in PageReader(answer.text).text
    assert session.scalars(select(Connection)).all() == []


def test_a_partner_has_one_connection_of_a_kind(session: Session, cast: Cast, visit: Enter) -> None:
    with transaction(session):
        seed_connection(session, "GGUS-TEST")
    answer = visit(cast.admin).send("/exchange/new", NEW)
    assert answer.status_code == 422
    assert "already has a connection of kind zammad" in PageReader(answer.text).text


def test_two_secrets_live_at_once_and_none_is_shown(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        seed_connection(session, "GGUS-TEST")
    visitor = visit(cast.admin)
    for secret in ("first-77aa", "second-88bb"):
        data = {"use": "login", "remote_secret": secret, "password": PASSWORD}
        assert visitor.send("/exchange/1/add-secret", data).status_code == 303
    data = {"use": "login", "remote_secret": "third-99cc", "password": PASSWORD}
    third = visitor.send("/exchange/1/add-secret", data)
    assert third.status_code == 422
    assert "Two secrets are already active" in PageReader(third.text).text
    for secret in ("first-77aa", "second-88bb", "third-99cc"):
        assert secret not in third.text
    older = session.scalars(select(ConnectionSecret.id).order_by(ConnectionSecret.id)).first()
    session.rollback()
    assert visitor.send("/exchange/1/end-secret", {"secret_id": str(older)}).status_code == 303
    assert visitor.send("/exchange/1/end-secret", {"secret_id": str(older)}).status_code == 404
    assert visitor.send("/exchange/1/end-secret", {"secret_id": "nonsense"}).status_code == 422
    live = session.scalars(
        select(ConnectionSecret).where(ConnectionSecret.ended_at.is_(None))
    ).one()
    assert unsealed(live, TEST_SECRET.encode()) == "second-88bb"
    session.rollback()
    data = {"use": "login", "remote_secret": "", "password": PASSWORD}
    answer = visitor.send("/exchange/1/add-secret", data)
    assert "Secret is required" in PageReader(answer.text).text


@pytest.mark.parametrize("password", ["", "wrong", None])
def test_no_secret_and_no_address_without_the_password(
    session: Session, cast: Cast, visit: Enter, password: str | None
) -> None:
    """A stolen cookie alone sends no secret anywhere, and sets none."""
    with transaction(session):
        made = seed_connection(session, "NREN-A", paused=True)
        add_secret(session, writer(cast.admin), made, LOGIN, "theirs-22bb", KEY)
    visitor = visit(cast.admin)
    given = {} if password is None else {"password": password}
    typed = {"url": "https://helpdesk.example.org/typed", "remote_login": "typed login"}
    for path, at, fields in (
        ("/exchange/new", "/exchange/new", {**NEW, **typed}),
        ("/exchange/1/edit", "/exchange/1/edit", {**EDITED, **typed}),
        ("/exchange/1/edit", "/exchange/1/edit", {**EDITED, **typed, "remote_secret": TOKEN}),
        ("/exchange/1/add-secret", "", {"use": "hint", "remote_secret": TOKEN}),
    ):
        sent = {name: value for name, value in fields.items() if name != "password"} | given
        answer = visitor.send(path, sent)
        page = PageReader(answer.text)
        assert answer.status_code == 422, path
        assert "password" in " ".join(page.alerts), path
        assert TOKEN not in answer.text
        if at:  # what was typed is still there
            assert [page.form(at).values(name) for name in typed] == [
                [one] for one in typed.values()
            ]
        else:
            assert page.form(path).values("use") == ["hint"]
    found = session.scalars(select(Connection)).one()
    assert (found.url, found.remote_login) == ("https://helpdesk.example.org", "")
    assert session.scalar(select(func.count()).select_from(ConnectionSecret)) == 1


def test_whoever_has_no_password_signs_on_again_before(
    app: Flask, session: Session, cast: Cast
) -> None:
    with transaction(session):
        seed_connection(session, "NREN-A")
        admin = find_user(session, "admin")
        admin.password_hash = ""
        at = datetime.now(UTC)
        token = start_login(session, admin.id, at, second_factor=True, sign_on=True)
    visitor = Visitor(app)
    visitor.carry(token)
    sent = {name: value for name, value in EDITED.items() if name != "password"}
    fresh, late = ({**sent, "remote_login": word} for word in ("fresh", "late"))
    assert visitor.send("/exchange/1/edit", fresh).status_code == 303
    with transaction(session):
        for login in session.scalars(select(Login)):
            login.created_at -= timedelta(minutes=10)
    answer = visitor.send("/exchange/1/edit", late)
    assert answer.status_code == 422
    assert "Sign in again first" in " ".join(PageReader(answer.text).alerts)
    assert session.get_one(Connection, 1).remote_login == "fresh"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "http://helpdesk.example.org",
        "https://helpdesk.example.org:8443",
        "https://helpdesk.example.org.evil.example/helpdesk.example.org",
    ],
)
def test_a_stored_secret_is_not_sent_to_another_place(
    session: Session, cast: Cast, visit: Enter, url: str
) -> None:
    with transaction(session):
        made = seed_connection(session, "NREN-A")
        for secret in ("first-11aa", "theirs-22bb"):
            add_secret(session, writer(cast.admin), made, LOGIN, secret, KEY)
        add_secret(session, writer(cast.admin), made, HINT, "hint-33cc", KEY)
    visitor = visit(cast.admin)
    answer = visitor.send("/exchange/1/edit", {**EDITED, "url": url})
    page = PageReader(answer.text)
    assert answer.status_code == 422
    assert "The scheme, host or port of the address changes: enter the secret" in " ".join(
        page.alerts
    )
    assert page.form("/exchange/1/edit").values("url") == [url]
    assert session.get_one(Connection, 1).url == "https://helpdesk.example.org"
    session.rollback()
    sent = {**EDITED, "url": url, "remote_secret": TOKEN}
    assert visitor.send("/exchange/1/edit", sent).status_code == 303
    found = session.get_one(Connection, 1)
    assert found.url == url
    live = [
        unsealed(one, KEY) for use in (LOGIN, HINT) for one in live_secrets(session, found, use)
    ]
    assert live == [TOKEN, "hint-33cc"], "what is sent nowhere stays"
    session.rollback()
    audit = visitor.read("/admin/audit").text
    assert "login secret" in audit
    assert TOKEN not in audit


def test_a_stored_secret_stays_where_the_host_does(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        made = seed_connection(session, "NREN-A")
        add_secret(session, writer(cast.admin), made, LOGIN, "theirs-22bb", KEY)
    visitor = visit(cast.admin)
    url = "https://HELPDESK.example.org:443/api"
    assert visitor.send("/exchange/1/edit", {**EDITED, "url": url}).status_code == 303
    found = session.get_one(Connection, 1)
    assert found.url == url
    assert [unsealed(one, KEY) for one in live_secrets(session, found, LOGIN)] == ["theirs-22bb"]


def test_an_address_without_a_secret_changes_by_the_password_alone(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        seed_connection(session, "NREN-A")
    answer = visit(cast.admin).send("/exchange/1/edit", {**EDITED, "url": "https://new.example"})
    assert answer.status_code == 303
    assert session.get_one(Connection, 1).url == "https://new.example"


def test_operators_look_and_see_no_secrets_and_no_verbs_of_admins(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Loss on the link")
    with transaction(session):
        seed_pair(session, "GGUS-TEST", number)
    page = visit(cast.operator).read("/exchange/1")
    assert "no such group" in page.text
    assert page.has_form("/exchange/pairs/1/again")
    for path in ("pause", "resume", "add-secret", "end-secret"):
        assert not page.has_form(f"/exchange/1/{path}")
    assert "Secrets" not in page.text


def test_what_failed_is_told_and_sent_again(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Loss on the link")
    with transaction(session):
        pair = seed_pair(session, "GGUS-TEST", number)
        entry = pair.waiting().id
    visitor = visit(cast.operator)
    home = visitor.read("/")
    assert "1 exchanged ticket needs review" in home.text
    assert ("/exchange", "1 exchanged ticket needs review") in home.links
    listed = visitor.read("/exchange").text
    for words in ("GGUS-TEST", "Loss on the link", "body is missing", "2013030648000012"):
        assert words in listed
    answer = visitor.send("/exchange/pairs/1/again", {"back": "/exchange"})
    assert answer.location == "/exchange"
    assert session.get_one(TicketPair, 1).state == PairState.PAIRED
    session.rollback()
    assert "needs review" not in visitor.read("/").text
    refused = visitor.send(f"/exchange/entries/{entry}/skip", {"reason": "x"})
    assert refused.status_code == 403


def test_an_admin_skips_with_a_reason_and_replays(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        entry = seed_pair(session, "GGUS-TEST", number).waiting().id
    visitor = visit(cast.admin)
    skip = f"/exchange/entries/{entry}/skip"
    for bad in ("", "   ", "x" * 256, "a\x01b"):
        answer = visitor.send(skip, {"reason": bad})
        assert answer.status_code == 422, bad
        assert session.get_one(ExchangeEntry, entry).state == EntryState.WAITING
        session.rollback()
    assert visitor.send(skip, {"reason": "Sent by phone", "back": "/exchange/1"}).location == (
        "/exchange/1"
    )
    page = visitor.read("/exchange/1")
    assert "Sent by phone" in page.text
    assert page.has_form(f"/exchange/entries/{entry}/replay")
    visitor.send(f"/exchange/entries/{entry}/replay", {})
    assert session.get_one(ExchangeEntry, entry).state == EntryState.WAITING


def test_an_answer_leads_to_no_other_site(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        seed_pair(session, "GGUS-TEST", number)
    visitor = visit(cast.operator)
    for bad in ("https://evil.example", "//evil.example", "/exchange/pairs/1/again"):
        answer = visitor.send("/exchange/pairs/1/again", {"back": bad})
        assert answer.location == "/exchange/1"


def test_calls_are_listed_and_each_shows_what_was_said(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        seed_connection(session, "GGUS-TEST")
        for failure in ("", "It responded with 500"):
            session.add(
                ExchangeCall(
                    connection_id=1,
                    at=NOON,
                    what="POST /api/v1/tickets",
                    asked='{"title": "<b>Loss</b>"}',
                    answered="500 <html>",
                    milliseconds=120,
                    failure=failure,
                )
            )
    visitor = visit(cast.operator)
    page = visitor.read("/exchange/1")
    assert page.text.count("POST /api/v1/tickets") == 2
    failed = visitor.read("/exchange/1?calls=failed")
    assert failed.text.count("POST /api/v1/tickets") == 1
    (link,) = [href for href, _text in failed.links if "/calls/" in href]
    call = visitor.get(link)
    assert "&lt;b&gt;Loss&lt;/b&gt;" in call.text
    assert "It responded with 500" in call.text
    assert visitor.get("/exchange/1/calls/999").status_code == 404
    with transaction(session):
        seed_connection(session, "NREN-A")
    assert visitor.get(link.replace("/exchange/1/", "/exchange/2/")).status_code == 404


def test_what_a_comparison_found_is_said_with_its_time(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number, at = opened(), datetime.now(UTC)
    with transaction(session):
        seeded = seed_pair(session, "GGUS-TEST", number).read(at)
    pair, connection = seeded.pair, seeded.pair.connection
    visitor = visit(cast.operator)
    page = "/exchange/1/comparison"
    for path in ("/exchange/1", page):
        assert "Not compared yet. The portal compares each night." in visitor.read(path).text
    assert visitor.send("/exchange/1/compare", {}).location == page
    assert "A comparison is queued or running" in visitor.read(page).text
    with transaction(session):
        begin_comparison(connection, at)
        note_compared(session, connection, [pair.id], at)
    told = visitor.read(page).text
    assert "not finished" in told
    assert "nothing differed" not in told
    with transaction(session):
        end_comparison(session, connection, at)
    told = visitor.read(page).text
    assert "nothing differed" in told
    assert "1 ticket compared 1 in step when read 0 different" in told
    with transaction(session):
        begin_comparison(connection, at)
        end_comparison(session, connection, at, "Their system did not answer: 503")
    told = visitor.read(page).text
    assert "failed: Their system did not answer: 503" in told
    assert "Last finished comparison" in told
    assert "failed last finished" in visitor.read("/exchange").text
    assert "nothing differed" not in told
    with transaction(session):
        begin_comparison(connection, at)
        missing = '[{"part": "text", "origin": "ours", "sequence": 1, "why": "missing"}]'
        pair.differing = missing
        note_compared(session, connection, [pair.id], at)
        end_comparison(session, connection, at)
    told = visitor.read(page).text
    assert "nothing differed" not in told
    assert "text (our entry 1): missing in their ticket" in told
    assert "1 exchanged ticket needs review" in visitor.read("/").text
    assert "different" in visitor.read("/exchange").text
    assert visitor.send("/exchange/pairs/1/leave", {"reason": " "}).status_code == 422
    assert visitor.send("/exchange/pairs/999/leave", {"reason": "So"}).status_code == 404
    assert visitor.send("/exchange/pairs/1/leave", {"reason": "So"}).status_code == 303
    assert "needs review" not in visitor.read("/").text
    left = visitor.read(page)
    assert "missing in their ticket left as it is" in left.text
    assert not left.has_form("/exchange/pairs/1/leave")
    with transaction(session):
        begin_comparison(connection, at)
        end_comparison(session, connection, at)
    told = visitor.read(page).text
    assert "no ticket compared" in told
    assert "nothing differed" not in told
    with transaction(session):
        begin_comparison(connection, at)
        pair.differing = "[]"
        note_compared(session, connection, [pair.id], at)
        note_unread(connection, "Their ticket 7: It responded with 500")
        end_comparison(session, connection, at)
    told = visitor.read(page).text
    assert "Not all of their tickets could be read: Their ticket 7: It responded with 500" in told
    assert "nothing differed" not in told
    with transaction(session):
        connection.direction = "push"
    assert "nothing differed" not in visitor.read(page).text
    assert "this connection does not read the partner" in visitor.read(page).text
    assert visitor.send("/exchange/1/compare", {}).status_code == 422


def test_what_is_hostile_is_shown_as_text(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="<script>alert(1)</script>")
    with transaction(session):
        pair = seed_pair(session, "GGUS-TEST", number).known().pair
        pair.state, pair.reason = PairState.STOPPED, "<script>alert(2)</script>"
        pair.their_url, pair.their_number = "javascript:alert(3)", "<b>theirs</b>"
        pair.connection.reason = "<script>alert(4)</script>"
    for path in ("/exchange", "/exchange/1", f"/tickets/{number}"):
        text = visit(cast.admin).get(path).text
        assert "<script>alert" not in text, path
        assert 'href="javascript' not in text, path
        assert "<b>theirs</b>" not in text, path


@pytest.mark.parametrize(("path", "most"), [("/exchange", 9), ("/exchange/1", 14)])
def test_the_pages_take_few_statements(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open, path: str, most: int
) -> None:
    """Three of them are those of every page."""
    for turn in range(4):
        number = opened(title=f"Loss {turn}")
        with transaction(session):
            seed_pair(session, f"P-{turn}", number).waiting()
    visitor = visit(cast.admin)
    visitor.get(path)
    counted: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(*given: object) -> None:
        if not str(given[2]).startswith("BEGIN"):
            counted.append(str(given[2]))

    event.listen(engine, "before_cursor_execute", note)
    visitor.read(path)
    event.remove(engine, "before_cursor_execute", note)
    assert len(counted) <= most, "\n".join(counted)


def test_a_secret_is_not_kept_where_the_login_had_expired(
    app: Flask, session: Session, cast: Cast
) -> None:
    """What was typed is kept for after the login, but for secrets."""
    with transaction(session):
        seed_connection(session, "NREN-A")
    stranger = Visitor(app)
    token = stranger.read("/login").form("/login").values("csrf_token")[0]
    for path in ("/exchange/new", "/exchange/1/add-secret"):
        data = {**NEW, "remote_secret": TOKEN, "use": "login", "csrf_token": token}
        answer = stranger.client.post(path, data=data)
        assert TOKEN not in answer.text, path


def test_numbers_that_no_row_can_have_are_not_found(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        seed_connection(session, "NREN-A")
    visitor = visit(cast.admin)
    for path in ("/exchange/1/calls/99999999999", "/exchange/99999999999", "/exchange/0"):
        assert visitor.get(path).status_code == 404


def test_the_pages_stay_small_however_much_failed(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    numbers = [opened(title=f"Loss {turn} on a link with a long name") for turn in range(120)]
    with transaction(session):
        connection = seed_pair(session, "GGUS-TEST", numbers[0]).pair.connection
        for turn, number in enumerate(numbers[1:]):
            pair = begin_pair(session, connection, session.get_one(Ticket, number), NOON)
            known = SeededPair(session, pair).known(f"{turn}")
            pair.state, pair.reason = (
                PairState.STOPPED,
                "It responded with 422: the body is missing",
            )
            content = {"text": "x"}
            known.entry(Origin.OURS, EntryKind.COMMENT, content, EntryState.WAITING)
    visitor = visit(cast.admin)
    for path in ("/exchange", "/exchange/1"):
        answer = visitor.get(path)
        assert len(answer.data) < 150_000, path
        assert "Showing the newest" in answer.text
    answer = visitor.send("/exchange/1/again", {})
    assert answer.status_code == 303
    stopped = select(func.count()).where(TicketPair.state == PairState.STOPPED)
    assert session.scalar(stopped) == 0


def test_what_was_done_is_in_the_audit(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        entry = seed_pair(session, "GGUS-TEST", number).waiting().id
    visitor = visit(cast.admin)
    visitor.send("/exchange/1/pause", {})
    secret = {"use": "login", "remote_secret": TOKEN, "password": PASSWORD}
    visitor.send("/exchange/1/add-secret", secret)
    visitor.send(f"/exchange/entries/{entry}/skip", {"reason": "Sent by phone"})
    page = visitor.read("/admin/audit")
    for words in ("paused", "login secret", "Sent by phone"):
        assert words in page.text, words
    assert TOKEN not in page.text


def test_an_admin_ends_a_connection_for_good(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        pair = seed_pair(session, "GGUS-TEST", number)
        left_out = pair.known().entry(
            Origin.OURS, EntryKind.COMMENT, {"text": "x"}, EntryState.SKIPPED
        )
        left_out.reason = "Sent by phone"
    assert not visit(cast.operator).read("/exchange/1").has_form("/exchange/1/end")
    visitor = visit(cast.admin)
    page = visitor.read("/exchange/1")
    form = page.form("/exchange/1/end").data()
    form.pop("csrf_token")
    assert visitor.send("/exchange/1/end", {**form, "reason": " "}).status_code == 422
    answer = visitor.send("/exchange/1/end", {**form, "reason": "The NOC moved"})
    assert answer.location == "/exchange/1"
    page = visitor.read("/exchange/1")
    for words in ("ended", "Ended permanently", "The NOC moved", "Sent by phone", "Comparison"):
        assert words in page.text, words
    for path in ("pause", "resume", "end", "add-secret"):
        assert not page.has_form(f"/exchange/1/{path}")
    assert not page.has_form(f"/exchange/entries/{left_out.id}/replay")
    assert not visitor.read("/exchange/1/comparison").has_form("/exchange/1/compare")
    for path, data in (
        ("resume", {}),
        ("pause", {}),
        ("edit", {**EDITED, "url": "https://x.example"}),
        ("add-secret", {"use": "login", "remote_secret": TOKEN, "password": PASSWORD}),
        ("test", {}),
        ("share", {"ticket": str(number)}),
    ):
        answer = visitor.send(f"/exchange/1/{path}", data)
        assert (answer.status_code, path) == (422, path)
        assert "has ended" in answer.text, path
    assert "ended" in visitor.read("/exchange").text
    assert "The NOC moved" in visitor.read("/admin/audit").text


def test_what_is_sent_again_says_how_many_and_whether_now(
    session: Session, cast: Cast, visit: Enter, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (decisions, pages):
        monkeypatch.setattr(module, "AGAIN_AT_ONCE", 2)
    numbers = [opened() for _turn in range(3)]
    with transaction(session):
        connection = seed_pair(session, "GGUS-TEST", numbers[0]).pair.connection
        for number in numbers[1:]:
            pair = begin_pair(session, connection, session.get_one(Ticket, number), NOON)
            pair.state, pair.reason = PairState.STOPPED, "It responded with 422"
    visitor = visit(cast.operator)
    assert "Send the oldest 2 again" in visitor.read("/exchange/1").text
    visitor.send("/exchange/1/again", {})
    page = visitor.read("/exchange/1")
    assert "The oldest 2 tickets are queued again" in page.text
    visitor.send("/exchange/1/again", {"key": "another"})
    assert "1 ticket is queued again." in visitor.read("/exchange/1").text
    with transaction(session):
        session.get_one(Connection, 1).paused_at = NOON
    for path in ("/exchange/pairs/1/again", "/exchange/1/again"):
        visitor.send(path, {"key": path})
        text = visitor.read("/exchange/1").text
        assert "The connection is paused or stopped" in text, path
        assert "being retried" not in text
