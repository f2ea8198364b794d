"""How large a form may be, by who sends it and where to, and what error pages repeat of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from tests.cast import PASSWORD, Cast
from tests.harness.databases import fresh_database
from tests.harness.visitor import PageReader, Visitor, encoded
from tests.harness.visits import Enter

OWN = {"Sec-Fetch-Site": "same-origin"}
SMALL = 64 * 1024


@pytest.fixture
def database() -> Iterator[str]:
    """One database: it makes no difference here."""
    with fresh_database("sqlite") as url:
        yield url


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    return Visitor(app)


@pytest.fixture
def late(app: Flask) -> Visitor:
    """Somebody whose login has expired."""
    visitor = Visitor(app)
    visitor.carry("of a login that is no more")
    return visitor


def body(fields: int, size: int = 0) -> bytes:
    """A form of so many fields and bytes."""
    text = b"&".join(b"f%d=" % number for number in range(fields))
    return text + b"x" * (size - len(text))


def shown_fields(text: str) -> int:
    return text.count("<dt>")


@pytest.mark.parametrize("path", ["/login", "/tickets/new", "/tickets/1/comment", "/login/code"])
def test_a_stranger_sends_little(stranger: Visitor, path: str) -> None:
    assert stranger.send_raw(path, body(1, SMALL)).status_code != 413
    assert stranger.send_raw(path, body(1, SMALL + 1)).status_code == 413
    assert stranger.send_raw(path, body(1000)).status_code != 413
    assert stranger.send_raw(path, body(1001)).status_code == 413


def test_a_strangers_upload_is_little_too(stranger: Visitor) -> None:
    for path in ("/tickets/1/attachments", "/events/import", "/admin/imports"):
        assert stranger.upload(path, {}, "a.txt", b"x" * SMALL).status_code == 413
        assert stranger.upload(path, {}, "a.txt", b"x" * 1000).status_code != 413


def test_a_forged_login_is_a_strangers(app: Flask, late: Visitor, stranger: Visitor) -> None:
    genuine = late.cookie
    turned = genuine[:-3] + ("abc" if genuine[-3:] != "abc" else "xyz")
    for forged in (turned, genuine.rpartition(".")[0], "x", ""):
        stranger.client.set_cookie("portal", forged)
        assert stranger.send_raw("/login", body(1, SMALL + 1)).status_code == 413
    stranger.client.set_cookie("portal", genuine)
    assert stranger.send_raw("/login", body(1, SMALL + 1)).status_code != 413


def test_whoever_logged_out_may_send_what_another_tab_holds(visit: Enter, cast: Cast) -> None:
    visitor = visit(cast.operator)
    assert visitor.send("/tickets/new", {"x": "x" * SMALL}).status_code == 422
    for _ in range(2):  # logging out twice changes nothing
        visitor.send("/logout", {})
    assert visitor.send_raw("/tickets/new", body(1, SMALL + 1)).status_code != 413


def test_fields_are_counted_before_they_are_parsed(
    visit: Enter, cast: Cast, session: Session
) -> None:
    visitor = visit(cast.admin)
    changes = session.scalar(select(func.count()).select_from(Change))
    for path in ("/tickets/new", "/admin/new-person", "/profile/theme"):
        answer = visitor.send_raw(path, body(1001))
        assert answer.status_code == 413
        assert "at most 1,000 fields" in answer.text
        assert visitor.send_raw(path, body(1000)).status_code == 400  # no token
    for path in ("/reports/DE-KIT/2013-Q1", "/reports/DE-KIT/2013-Q1/submit"):
        assert visitor.send_raw(path, body(6000)).status_code == 400
        answer = visitor.send_raw(path, body(6001))
        assert answer.status_code == 413
        assert "at most 6,000 fields" in answer.text
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Change)) == changes


def test_what_was_typed_under_an_expired_login_comes_back_whole(late: Visitor, cast: Cast) -> None:
    text = "a long story. " * 10_000
    fields = {"title": "Long", "description": text} | {f"more.{n}": "x" for n in range(80)}
    answer = late.send("/tickets/new", fields, OWN)
    assert answer.status_code == 401
    page = PageReader(answer.text)
    assert shown_fields(answer.text) == 2
    assert "Not shown here: the end of" in page.text
    form = page.form("/login")
    assert form.values("kept.description") == [text]
    wrong = form.data() | {"name": "operator", "password": "wrong"}
    answer = late.send("/login", wrong, OWN)
    assert answer.status_code == 401
    form = PageReader(answer.text).form("/login")
    right = form.data() | {"name": "operator", "password": PASSWORD}
    answer = late.send("/login", right, OWN)
    assert answer.status_code == 200
    again = PageReader(answer.text).form("/tickets/new")
    assert again.values("description") == [text]
    assert again.values("more.79") == ["x"]


def test_a_report_of_thousands_of_fields_comes_back_whole(late: Visitor, cast: Cast) -> None:
    fields = {f"field.{number}": "x" for number in range(2000)}
    answer = late.send("/reports/DE-KIT/2013-Q1", fields, OWN)
    assert answer.status_code == 401
    assert shown_fields(answer.text) == 50
    assert "Not shown here: 1950 more fields." in PageReader(answer.text).text
    form = PageReader(answer.text).form("/login")
    answer = late.send("/login", form.data() | {"name": "kit", "password": PASSWORD}, OWN)
    assert answer.status_code == 200
    again = PageReader(answer.text).form("/reports/DE-KIT/2013-Q1")
    assert again.values("field.1999") == ["x"]


def test_error_pages_repeat_little(stranger: Visitor, visit: Enter, cast: Cast) -> None:
    for count, shown in ((49, 49), (900, 50)):
        fields = {f"f{number}": "x" for number in range(count)}
        for status, answer in (
            (401, stranger.send("/tickets/new", fields, OWN)),
            (400, stranger.send_raw("/tickets/new", encoded(fields), OWN)),  # no token
        ):
            assert answer.status_code == status
            assert shown_fields(answer.text) == shown
            page = PageReader(answer.text)
            hidden = [name for form in page.forms for name, _ in form.fields if "f1" in name]
            assert bool(hidden) is (shown == 49)
            assert ("more fields" in page.text) is (shown == 50)
    visitor = visit(cast.reader)
    answer = visitor.send("/tickets/new", dict.fromkeys("abc", "ä" * 30000))
    assert answer.status_code == 403
    page = PageReader(answer.text)
    assert page.text.count("ä") <= SMALL // 2
    assert 'Not shown here: the end of "b" and 1 more field.' in page.text
    assert len(answer.data) < 80_000


@pytest.mark.parametrize("mark", ["<", "&", '"', "'", ">"])
def test_marks_that_grow_in_a_page_are_counted_as_written(stranger: Visitor, mark: str) -> None:
    fields = encoded({"title": "seen first", "description": mark * 21_000})
    assert len(fields) < SMALL
    answer = stranger.send_raw("/tickets/new", fields, OWN)
    assert answer.status_code == 400
    assert "seen first" in answer.text
    assert "Not shown here: the end of" in answer.text
    assert len(answer.data) < SMALL + 10_000, "shown to its limit, and not carried"
    little = encoded({"title": mark * 1000})
    page = PageReader(stranger.send_raw("/tickets/new", little, OWN).text)
    assert page.form("/tickets/new").values("title") == [mark * 1000]
