"""The address at which open pages hear of changes, and what pages hold for it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import Login, User
from app.accounts.services.people import find_user, set_updates
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.errors import Forbidden, Invalid
from app.core.web.times import age, ago
from app.tickets.services.lifecycle import comment_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open

STREAM = {"Accept": "text/event-stream"}


def _comment(session: Session, cast: Cast, number: int, *, internal: bool = False) -> None:
    with transaction(session):
        comment_ticket(session, writer(cast.operator), number, "Seen", internal=internal)


def _attribute(page: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def test_a_page_asks_from_its_own_place_on(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.reader)
    page = visitor.get(f"/tickets/{number}").text
    cursor = _attribute(page, "data-cursor")
    assert (_attribute(page, "data-number"), _attribute(page, "data-version")) == (str(number), "1")
    assert visitor.get(f"/live?since={cursor}").json == {
        "cursor": int(cursor),
        "changes": [],
        "many": [],
        "stream": False,
    }
    _comment(session, cast, number)
    news = visitor.get(f"/live?since={cursor}").json
    assert news is not None
    assert news["changes"] == [["ticket", number, 2, 1]]
    assert news["cursor"] == int(cursor) + 1


def test_an_internal_note_is_told_to_operators_alone(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    before = session.scalar(select(Change.id).order_by(Change.id.desc()))
    session.rollback()
    _comment(session, cast, number, internal=True)
    for actor, told in ((cast.operator, 1), (cast.admin, 1), (cast.kit, 0), (cast.reader, 0)):
        news = visit(actor).get(f"/live?since={before}").json
        assert news is not None
        assert len(news["changes"]) == told, actor.account


def test_a_question_with_nothing_new_is_answered_with_one_statement_and_nothing(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    opened()
    visitor = visit(cast.reader)
    first = visitor.get("/live")
    tag = first.headers["ETag"]
    cursor = first.json["cursor"] if first.json else 0
    again = visitor.get(f"/live?since={cursor}", {"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    opened()
    assert visitor.get(f"/live?since={cursor}", {"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("since", ["", "x", "-1", "٣", "9" * 40, "999999999", "1e3"])
def test_a_place_that_cannot_be_is_the_present_one(cast: Cast, visit: Enter, since: str) -> None:
    answer = visit(cast.reader).get(f"/live?since={since}")
    assert answer.status_code == 200
    assert answer.json is not None
    assert not answer.json["changes"]


def test_where_no_stream_can_be_given_a_browser_is_told_not_to_try_again(
    cast: Cast, visit: Enter
) -> None:
    answer = visit(cast.reader).get("/live", STREAM)
    assert (answer.status_code, answer.data) == (204, b"")


def test_whoever_is_not_logged_in_is_not_led_away(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    assert Visitor(app).get("/live").status_code == 401
    assert Visitor(app).get("/live", STREAM).status_code == 401
    fragment = Visitor(app).get("/topology", {"HX-Request": "true", "Live-Refresh": "yes"})
    assert fragment.status_code == 401
    assert "HX-Redirect" not in fragment.headers


def test_what_pages_ask_by_themselves_is_no_use_of_the_login(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.reader)
    long_ago = datetime.now(UTC) - timedelta(minutes=30)
    with transaction(session):
        login = session.scalars(select(Login).order_by(Login.id.desc())).first()
        assert login is not None
        login.seen_at = long_ago

    def seen() -> datetime | None:
        session.expire_all()
        found = session.get_one(Login, login.id).seen_at
        session.rollback()
        return found

    visitor.get("/live")
    visitor.get("/live", STREAM)
    visitor.get("/tickets/changed?n=1")
    visitor.get("/topology", {"HX-Request": "true", "Live-Refresh": "yes"})
    assert seen() == long_ago
    visitor.get("/topology")
    assert seen() != long_ago


def test_only_tickets_of_the_list_count(cast: Cast, visit: Enter, opened: Open) -> None:
    kit, other = opened(sites=("DE-KIT",)), opened(sites=("ES-PIC",))
    visitor = visit(cast.reader)
    asked = f"n={kit}&n={other}&n=99999&n=x&n={'9' * 20}"
    assert visitor.get(f"/tickets/changed?{asked}").json == [kit, other]
    assert visitor.get(f"/tickets/changed?site=DE-KIT&{asked}").json == [kit]
    assert visitor.get(f"/tickets/changed?state=solved&{asked}").json == []
    assert visitor.get("/tickets/changed").json == []


def test_a_person_chooses_how_pages_are_updated(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    assert _attribute(visitor.get("/tickets").text, "data-updates") == "live"
    for choice, words in (("poll", "every 30 s"), ("off", "off"), ("live", "live")):
        answer = visitor.send("/profile/updates", {"updates": choice})
        assert answer.status_code == 303
        page = visitor.get("/tickets").text
        assert _attribute(page, "data-updates") == choice
        assert f"data-live-state>{words}</a>" in page
    refused = visitor.send("/profile/updates", {"updates": "always"})
    assert refused.status_code == 422
    assert "Your choice was not saved" in refused.text
    user = find_user(session, "reader")
    assert user.updates == "live"
    fields = [
        (item.old, item.new)
        for change in session.scalars(
            select(Change).where(Change.kind == "person").order_by(Change.id)
        )
        for item in change.fields
        if item.field == "updates"
    ]
    assert fields == [("live", "poll"), ("poll", "off"), ("off", "live")]


def test_the_choice_is_ones_own(session: Session, cast: Cast) -> None:
    user: User = find_user(session, "kit")
    with pytest.raises(Forbidden):
        set_updates(session, writer(cast.reader), user, "off")
    with pytest.raises(Invalid):
        set_updates(session, writer(cast.kit), user, "always")


def test_the_map_of_today_is_brought_up_to_date_and_no_other(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    for page in ("/topology", "/"):
        assert 'data-live="ticket event link site"' in visitor.get(page).text
    assert "data-live=" not in visitor.get("/topology?on=2013-03-06").text.replace(
        "data-live-state", ""
    )


def test_ages_are_worded_as_the_script_reads_them(app: Flask) -> None:
    """static/live.js writes an age and a time ago in these forms; a day beyond 90 days."""
    ago_words = re.compile(r"(in .*|just now|.* ago|\d{4}-\d\d-\d\d)")
    with app.test_request_context():
        moment = datetime.now(UTC)
        for hours in (-72, -1, 0, 1, 50, 3000, 30000):
            assert ago_words.fullmatch(ago(moment - timedelta(hours=hours)))
            assert not ago_words.fullmatch(age(moment - timedelta(hours=hours)))
