"""Each form of the pages carries a key: sent again it is the same entry (decisions, section 4)."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import PartnerAccount
from app.accounts.services.people import start_login
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.changes import ChangedField
from app.core.models.form_keys import FormKey
from app.core.rules.access import SYSTEM
from app.core.web.errors import FORM_KEY
from app.core.web.extensions import db
from app.factory import create_app
from app.home.services.tidying import Retention, tidy
from app.tickets.models.attachments import Attachment
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket, find_ticket
from tests.cast import PASSWORD, Cast, enter, writer
from tests.harness.server import LiveServer
from tests.harness.visitor import PageReader, Visitor, encoded
from tests.harness.visits import Enter, Open

HTMX = {"HX-Request": "true"}


def count(session: Session, row: type) -> int:
    session.rollback()
    return session.scalars(select(func.count()).select_from(row)).one()


def form_of(
    visitor: Visitor, page: str, action: str, **typed: str
) -> dict[str, str | Sequence[str]]:
    """What a form of a page would send, with what was typed into it."""
    return {**visitor.read(page).form(action).data(), **typed}


def comments(session: Session) -> Sequence[str | None]:
    session.rollback()
    return session.scalars(
        select(ChangedField.new)
        .where(ChangedField.field.in_(("public_comment", "internal_comment")))
        .order_by(ChangedField.id)
    ).all()


PAGES = (
    "/",
    "/tickets",
    "/tickets/new",
    "/tickets/1",
    "/tickets/1/edit",
    "/profile",
    "/admin/people",
    "/admin/new-person",
    "/partners/new",
    "/sites/new",
    "/sites/DE-KIT",
    "/links/new",
    "/events/new",
    "/events/import",
    "/reports/teleconferences/new",
    "/reports/DE-KIT/2013-Q1",
    "/calendar/feed",
    "/filters",
)


def test_every_form_carries_a_key_of_its_own(
    cast: Cast, visit: Enter, opened: Open, session: Session
) -> None:
    opened()
    visitor = visit(cast.admin)
    keys: list[str] = []
    forms = 0
    for page in PAGES:
        answer = visitor.get(page)
        if answer.status_code == 404:
            pytest.fail(f"no page {page}")
        for form in PageReader(answer.text).forms:
            if form.method == "post":
                forms += 1
                assert len(form.values(FORM_KEY)) == 1, (page, form.action)
                keys += form.values(FORM_KEY)
    assert forms > 40
    assert len(set(keys)) == forms


def test_r1_a_new_ticket_sent_twice_is_one_and_is_answered_alike(
    cast: Cast, visit: Enter, session: Session
) -> None:
    visitor = visit(cast.kit)
    sent = form_of(visitor, "/tickets/new", "/tickets/new", title="No light")
    first, again = visitor.send("/tickets/new", sent), visitor.send("/tickets/new", sent)
    assert (first.status_code, first.headers["Location"]) == (303, "/tickets/1")
    assert (again.status_code, again.headers["Location"]) == (303, "/tickets/1")
    assert count(session, Ticket) == 1
    assert "already received; nothing was stored a second time" in visitor.read("/tickets/1").text


def test_the_back_button_with_other_words_is_another_ticket(
    cast: Cast, visit: Enter, session: Session
) -> None:
    visitor = visit(cast.kit)
    sent = form_of(visitor, "/tickets/new", "/tickets/new", title="No light")
    targets = [
        visitor.send("/tickets/new", {**sent, "title": title}).headers["Location"]
        for title in ("No light", "Light again", "No light", "Light again")
    ]
    assert targets == ["/tickets/1", "/tickets/2", "/tickets/1", "/tickets/2"]
    assert count(session, Ticket) == 2


def test_the_key_of_another_person_is_like_a_new_one(
    cast: Cast, visit: Enter, session: Session
) -> None:
    """It neither tells that it was used nor gives out what was made with it."""
    kit, pic = visit(cast.kit), visit(cast.pic)
    sent = form_of(kit, "/tickets/new", "/tickets/new", title="Mine")
    kit.send("/tickets/new", sent)
    stolen = {name: value for name, value in sent.items() if name != "csrf_token"}
    answer = pic.send("/tickets/new", stolen)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tickets/2")
    session.rollback()
    tickets = session.scalars(select(Ticket).order_by(Ticket.number))
    assert [ticket.submitter_name for ticket in tickets] == ["kit", "pic"]
    assert kit.send("/tickets/new", sent).headers["Location"] == "/tickets/1"


def test_a_comment_is_one_entry_also_when_others_wrote_between(
    cast: Cast, visit: Enter, opened: Open, session: Session
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    place = f"/tickets/{number}/comment"
    sent = form_of(visitor, f"/tickets/{number}", place, text="on it", kind="public")
    first = visitor.send(place, sent)
    with transaction(session):
        change_ticket(session, writer(cast.admin), number, {"public_comment": "between"})
    again = visitor.send(place, sent)
    assert again.headers["Location"] == first.headers["Location"] == f"/tickets/{number}#c2"
    assert comments(session) == ["on it", "between"]


def test_a_repeat_is_answered_also_where_the_view_would_refuse_it_by_now(
    cast: Cast, visit: Enter, opened: Open, session: Session
) -> None:
    number = opened(by=cast.operator)
    visitor = visit(cast.operator)
    place = f"/tickets/{number}/comment"
    sent = form_of(
        visitor, f"/tickets/{number}", place, text="new fibre", kind="solve", solution="spliced"
    )
    assert visitor.send(place, sent).status_code == 303
    with transaction(session):
        change_ticket(session, writer(cast.operator), number, {"state": "closed"})
    assert visitor.send(place, sent).headers["Location"] == f"/tickets/{number}#c2"
    assert comments(session) == ["new fibre"]


def test_a_script_is_led_to_the_page_as_it_is_now(
    cast: Cast, visit: Enter, opened: Open, session: Session
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    place = f"/tickets/{number}/comment"
    sent = form_of(visitor, f"/tickets/{number}", place, text="on it", kind="public")
    assert visitor.send(place, sent, HTMX).status_code == 200
    again = visitor.send(place, sent, HTMX)
    assert (again.status_code, again.headers["HX-Redirect"]) == (204, f"/tickets/{number}")
    assert comments(session) == ["on it"]


def test_several_files_are_attached_once(
    cast: Cast, visit: Enter, opened: Open, session: Session
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    place = f"/tickets/{number}/attachments"
    (key,) = visitor.read(f"/tickets/{number}").form(place).values(FORM_KEY)
    for content, stored in ((b"one", 1), (b"one", 1), (b"two", 2), (b"one", 2)):
        answer = visitor.upload(place, {FORM_KEY: key}, "a.log", content)
        assert answer.status_code == 303
        assert count(session, Attachment) == stored


def test_a_removal_leads_to_the_ticket_again(
    cast: Cast, visit: Enter, opened: Open, session: Session
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    visitor.upload(f"/tickets/{number}/attachments", {}, "a.log", b"one")
    place = "/attachments/ATT1/remove"
    sent = form_of(visitor, f"/tickets/{number}", place)
    visitor.send(place, sent)
    again = visitor.send(place, sent)
    assert (again.status_code, again.headers["Location"]) == (303, f"/tickets/{number}")


def test_what_was_refused_does_not_use_the_key_up(
    cast: Cast, visit: Enter, opened: Open, session: Session
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    place = f"/tickets/{number}/relate"
    sent = form_of(visitor, f"/tickets/{number}", place, role="related", other="2")
    assert visitor.send(place, sent).status_code == 422
    assert count(session, FormKey) == 0
    opened()
    assert visitor.send(place, sent).status_code == 303
    assert count(session, FormKey) == 1
    assert visitor.send(place, sent).status_code == 303
    assert find_ticket(session, SYSTEM, number).version == 2


def test_without_a_key_each_is_its_own(cast: Cast, visit: Enter, session: Session) -> None:
    """Such as a script without a page: as before."""
    visitor = visit(cast.kit)
    for _ in range(2):
        assert visitor.send("/tickets/new", {"title": "No light", "state": "new"}).status_code in (
            303,
            422,
        )
    assert count(session, FormKey) == 0


def test_a_secret_is_shown_once_and_kept_nowhere(
    cast: Cast, visit: Enter, session: Session
) -> None:
    visitor = visit(cast.admin)
    sent = form_of(
        visitor, "/partners/new", "/partners/new", code="NREN-C", login="nren_c", password=PASSWORD
    )
    first = visitor.send("/partners/new", sent)
    account = session.scalars(select(PartnerAccount).where(PartnerAccount.login == "nren_c")).one()
    target = f"/partners/accounts/{account.id}"
    assert (first.status_code, first.headers["Location"]) == (303, target)
    assert "New secret" in visitor.get(target).text
    again = visitor.send("/partners/new", sent)
    assert (again.status_code, again.headers["Location"]) == (303, target)
    assert "New secret" not in visitor.get(target).text
    place = f"{target}/add-secret"
    sent = form_of(visitor, target, place, password=PASSWORD)
    for shown in (True, False):
        answer = visitor.send(place, sent)
        assert (answer.status_code, answer.headers["Location"]) == (303, target)
        assert ("New secret" in visitor.get(target).text) == shown
    session.rollback()
    assert len(account.secrets) == 2
    assert {key.location for key in session.scalars(select(FormKey))} == {target, ""}


def test_an_edit_that_is_sent_again_is_no_conflict_with_oneself(
    cast: Cast, visit: Enter, opened: Open, session: Session
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    place = f"/tickets/{number}/edit"
    sent = form_of(visitor, place, place, title="No light", description="since noon")
    for _ in range(2):
        answer = visitor.send(place, sent)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/tickets/{number}")
    session.rollback()
    assert find_ticket(session, SYSTEM, number).version == 2


def test_a_field_of_a_report_that_is_sent_again_is_no_conflict_with_oneself(
    cast: Cast, visit: Enter, session: Session
) -> None:
    visitor = visit(cast.kit)
    place = "/reports/DE-KIT/2013-Q1"
    typed = {"answer.issues": "none", "seen.answer.issues": "0"}
    for _ in range(2):
        assert visitor.send(f"{place}/fields/answer.issues", typed, HTMX).status_code == 200
    sent = {**form_of(visitor, place, place), "answer.plans": "more light", "do": "save"}
    for _ in range(2):
        assert visitor.send(place, sent).status_code == 303


def test_old_keys_are_deleted(session: Session, cast: Cast) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert cast.kit.account_id is not None
    with transaction(session):
        for age in (timedelta(days=1), timedelta(days=1, seconds=1), timedelta(days=300)):
            at = now - age
            session.add(FormKey(user_id=cast.kit.account_id, digest=f"{age}", at=at, location=""))
    with transaction(session):
        tidy(session, now, Retention(*[timedelta(days=365)] * 5))
    assert [key.digest for key in session.scalars(select(FormKey))] == ["1 day, 0:00:00"]


OF_LOGINS = {"login", "own_password", "reset", "second_factor", "passkeys", "sign_on"}
"""Modules where the cookie, the password and codes decide, and each code is good for once."""
SETS = {
    # set a value, or show what is: the newest word holds
    "registry/cric": {"read"},
    "meetings/feeds": {"download"},
    "tickets/filters": {"change", "replace"},
    "tickets/tickets": {"columns"},
    "mail/mails": {"stop", "undo_stop"},
    "accounts/partners": {"switches", "_changed"},
    "accounts/sign_on_map": {"_follow"},
    "accounts/people": {"demand", "role", "_with_reason"},
    "home/profile": {"zone", "mail", "mails", "updates", "password", "end_other_logins"},
    "home/shortcuts": {"switch"},
    "webhooks/webhooks": {"edit"},
    "meetings/teleconferences": {"join", "leave"},
    "tickets/writing": {"watch"},
    "tickets/reminders": {"remind", "remove"},
    "tickets/visits": {"begin_reading", "note_opened", "seen"},
    # the key of a delivery is unique
    "exchange/hooks": {"hint"},
    "exchange/connections": {"edit", "_done", "compare"},  # decisions: twice is once
    # have versions of their own
    "registry/record_pages": {"edit"},
    "tickets/edit": {"edit"},
    "reports/form_autosave": {"save_one"},
    "reports/form_saving": {"saved"},
    # go on step by step with what is left
    "events/imports": {"withdraw", "write"},
    "names/unresolved": {"_step"},
}
"""The functions of pages that write without the form's key, and why a repeat does no harm."""


def test_every_other_form_is_carried_out_once() -> None:
    found: dict[str, set[str]] = {}
    for file in sorted(PROJECT.glob("app/*/pages/**/*.py")):
        body = ast.parse(file.read_text("utf-8")).body
        methods = [part for owner in body if isinstance(owner, ast.ClassDef) for part in owner.body]
        for function in [*body, *methods]:
            if isinstance(function, ast.FunctionDef) and file.stem not in OF_LOGINS:
                calls = {
                    node.func.id
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                }
                if "transaction" in calls:
                    found.setdefault(
                        f"{file.relative_to(PROJECT).parts[1]}/{file.stem}", set()
                    ).add(function.name)
    assert found == SETS


def test_r1_twenty_of_one_form_at_once_are_one_entry(live_server: LiveServer) -> None:
    """To a server of several processes."""
    app = create_app(live_server.settings)
    with live_server.session() as session:
        cast = enter(session)
        assert cast.kit.account_id is not None
        with transaction(session):
            login = start_login(session, cast.kit.account_id, datetime.now(UTC))
    visitor = Visitor(app)
    visitor.carry(login)
    sent = form_of(visitor, "/tickets/new", "/tickets/new", title="once only")
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    body, begin = encoded(sent), Barrier(20)

    def send(_turn: int) -> tuple[int, str | None]:
        connection = HTTPConnection("127.0.0.1", live_server.port, timeout=60)
        headers = {
            "Cookie": f"portal={visitor.cookie}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        begin.wait(60)
        connection.request("POST", "/tickets/new", body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers["Location"]

    with ThreadPoolExecutor(20) as senders:
        answers = set(senders.map(send, range(20)))
    assert answers == {(303, "/tickets/1")}
    with live_server.session() as session:
        assert count(session, Ticket) == 1
        assert count(session, FormKey) == 1
