"""What every answer carries, and what no page holds: taken from the URL map."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.tickets.rules.content import Reference
from tests.accounts.pages.test_login import own_addresses
from tests.cast import PASSWORD, Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open, store_issue

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><style>*{}</style>"
MANY = {"HX-Request": "true"}


def directives(answer: TestResponse) -> dict[str, str]:
    parts = answer.headers["Content-Security-Policy"].split(";")
    return {part.split()[0]: " ".join(part.split()[1:]) for part in parts}


def every_answer(app: Flask, visitor: Visitor) -> Iterator[tuple[str, TestResponse]]:
    """Each address of the URL map by each method, whole and as a fragment, and the error pages."""
    for _endpoint, path in own_addresses(app, "GET"):
        yield path, visitor.get(path)
        yield f"{path} by htmx", visitor.get(path, MANY)
    for _endpoint, path in own_addresses(app, "POST"):
        if path not in ("/logout", "/login"):
            yield f"POST {path}", visitor.send(path, {"title": NASTY, "state": NASTY})
            yield f"POST {path} without token", visitor.send_raw(path, b"title=x")
    for path in ("/nothing", "/tickets/999", "/tickets/99999999999999999999", "/tickets/1/"):
        yield path, visitor.get(path)
    for path in ("/tickets?state=none&q=%00", "/tickets.csv?state=none", "/tickets/1/comment"):
        yield path, visitor.get(path)
    yield "DELETE", visitor.client.delete("/tickets/1")
    yield "too large", visitor.send("/tickets/new", {"title": "x" * 300_000})


@pytest.mark.parametrize("who", ["admin", None])
def test_every_answer_carries_the_headers_and_holds_nothing_inline(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open, who: str | None
) -> None:
    visitor = visit(getattr(cast, who)) if who else Visitor(app)
    look_at_every_answer(app, session, opened, visitor, pages=30 if who else 5)


@pytest.mark.parametrize("who", ["operator", "reader"])
def test_every_answer_to_other_roles_does_too(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open, who: str
) -> None:
    look_at_every_answer(app, session, opened, visit(getattr(cast, who)), pages=30)


def look_at_every_answer(
    app: Flask, session: Session, opened: Open, visitor: Visitor, *, pages: int
) -> None:
    """About a nasty ticket; more than so many are pages."""
    is_known = bool(visitor.cookie)
    number = opened(
        title=NASTY,
        description=NASTY,
        solution=NASTY,
        public_comment=NASTY,
        internal_comment=NASTY,
        sites=(NASTY,),
        unit=NASTY[:50],
        person_in_charge=NASTY,
        references=(Reference(NASTY, NASTY, "javascript:alert(1)"),),
        submitter_name=NASTY,
        submitter_mail=NASTY,
        affected_vo=NASTY,
        type_of_problem=NASTY[:50],
        carbon_copy=NASTY,
    )
    store_issue(session, number, "javascript:alert(1)")
    seen = 0
    for what, answer in every_answer(app, visitor):
        assert answer.status_code < 500, what
        policy = directives(answer)
        assert policy["default-src"] == "'none'", what
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] in ("'none'", "'self'")
        assert policy["form-action"] == "'self'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer")
        if what.startswith(("/static", "/scripts.js")):
            continue
        if what.startswith("/guide") and not is_known:
            assert answer.headers["Cache-Control"] == "public, max-age=300"
            assert {"Cookie", "HX-Request"} <= set(answer.vary)
            continue
        assert answer.headers["Cache-Control"] == "private, no-store", what
        assert "HX-Request" in answer.vary, what
        if answer.mimetype != "text/html" or not answer.text:
            continue
        seen += 1
        page = PageReader(answer.text)
        assert not page.inline_scripts, what
        tags = {tag for tag, _name, _value in page.attributes}
        assert "style" not in tags
        for tag, name, value in page.attributes:
            assert name != "style", (what, tag)
            assert not name.startswith("on"), (what, tag, name)
            assert not name.startswith("hx-on"), (what, tag)
            if name in ("href", "src", "action"):
                assert value.startswith(("/", "#")), (what, tag, value)
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
    assert seen > pages


def test_a_forged_host_appears_nowhere(app: Flask, cast: Cast, visit: Enter, opened: Open) -> None:
    opened(description="d", public_comment="c")
    visitor = visit(cast.operator)
    forged = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    for _endpoint, path in own_addresses(app, "GET"):
        for headers in (forged, {**forged, "HX-Request": "true"}):
            answer = visitor.client.get(
                path, headers=headers, base_url="http://evil.example", buffered=True
            )
            assert "evil.example" not in answer.text, path
            assert not any("evil.example" in value for _name, value in answer.headers), path
    for path in ("/tickets", "/login", "/", "/tickets/1"):
        answer = visitor.client.get(path, headers={"Host": "evil.example"})
        assert "evil.example" not in answer.text + str(answer.headers), path


def test_cookies_are_closed_to_scripts_and_to_other_sites(
    app: Flask, app_with: Callable[..., Flask], session: Session, cast: Cast, opened: Open
) -> None:
    opened()
    public = app_with(public_url="https://portal.example")
    for one, secure in ((app, False), (public, True)):
        visitor = Visitor(one)
        set_cookies = []
        base = "https://portal.example" if secure else "http://localhost"
        answer = visitor.client.get("/login", base_url=base)
        set_cookies += answer.headers.getlist("Set-Cookie")
        token = PageReader(answer.text).form("/login").values("csrf_token")[0]
        answer = visitor.client.post(
            "/login",
            data={"name": "operator", "password": PASSWORD, "csrf_token": token},
            base_url=base,
            headers={"Referer": f"{base}/login"},
        )
        assert answer.status_code == 303
        set_cookies += answer.headers.getlist("Set-Cookie")
        answer = visitor.client.get("/tickets?state=closed", base_url=base)
        set_cookies += answer.headers.getlist("Set-Cookie")
        page = visitor.client.get("/profile", base_url=base)
        token = PageReader(page.text).form("/profile/theme").values("csrf_token")[0]
        answer = visitor.client.post(
            "/profile/theme",
            data={"theme": "dark", "csrf_token": token},
            base_url=base,
            headers={"Referer": f"{base}/profile"},
        )
        set_cookies += answer.headers.getlist("Set-Cookie")
        names = {text.split("=")[0] for text in set_cookies}
        assert {"portal", "list", "theme"} <= names
        for text in set_cookies:
            flags = {part.strip().lower() for part in text.split(";")[1:]}
            assert {"httponly", "samesite=lax", "path=/"} <= flags, text
            assert ("secure" in flags) is secure, text
            assert not any(flag.startswith("domain") for flag in flags), text
        with one.app_context():
            from app.core.web.extensions import db

            db.session.remove()
            db.engine.dispose()
