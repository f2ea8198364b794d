"""Every cell of the permission table's pages, tried with real logins on both databases.

To add an address: a line in tests/permissions.py, and what is sent there in ``SENT`` of
``permission_requests.py``. What stands in braces there is made by ``permission_things.py``.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.folders import PROJECT
from app.core.web.extensions import db
from app.factory import create_app
from app.home.pages import health
from tests.cast import enter
from tests.harness.authenticator import ORIGIN
from tests.harness.databases import open_engine
from tests.harness.identity_provider import sign_on_settings
from tests.harness.server import test_settings
from tests.harness.visitor import PageReader, Visitor
from tests.pages.permission_requests import (
    ALWAYS_SHOWN,
    FIRST,
    LEADS_TO_LOGIN,
    NAMED,
    PREFILLED,
    SENT,
    UNLOGGED,
    Sent,
)
from tests.pages.permission_things import PORT_OF_NOBODY, SECRET_WORD, Things, World
from tests.permissions import PORTAL, Row


@pytest.fixture(scope="module")
def world(module_database: str) -> Iterator[World]:
    away = {"public_url": ORIGIN, **sign_on_settings(PORT_OF_NOBODY)}
    app = create_app(replace(test_settings(module_database), **away))
    app.config["TESTING"] = True
    # for its first minute /readyz asks for no worker, and none runs here: however long rows take
    app.extensions[health.STARTED] = datetime.now(UTC) + timedelta(days=1)
    engine = open_engine(module_database)
    with Session(engine) as session:
        yield World(app, session, enter(session))
    engine.dispose()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def address_of(row: Row) -> tuple[str, str, str]:
    """Method, address with its stars, and the word behind it."""
    method, address, *word = row.how.split(" ")
    return method, address, "".join(word)


def sent_by(row: Row) -> Sent:
    """Where and what is sent, with names in braces."""
    method, address, _word = address_of(row)
    path, fields = SENT.get(row.how) or SENT.get(f"{method} {address}") or (address, {})
    for beginning, name in NAMED.items():
        if path.startswith(beginning):
            path = path.replace("*", name, 1)
    assert "*" not in path, f"SENT does not say what {row.how} is sent to"
    return path, fields


def _send(
    visitor: Visitor, method: str, path: str, fields: Mapping[str, str], *, prefilled: bool
) -> TestResponse:
    if method == "GET":
        return visitor.get(path)
    held: dict[str, list[str]] = {}
    if prefilled and (page := visitor.get(path)).status_code == 200:
        held = PageReader(page.text).form(path).data()
    data: dict[str, Any] = {**held, "csrf_token": visitor.token(), **fields}
    if "file" in data:
        data["file"] = (io.BytesIO(data["file"].encode()), "file.csv")
    return visitor.client.post(path, data=data, buffered=True)


def shows_form_to_login(page: str) -> bool:
    """Whether one of its forms goes there. To read each page takes longer than to make it: only one
    is read that has the address, or a field outside of its form, which the reader checks."""
    if '"/login"' not in page and 'form="' not in page:
        return False
    return any(form.action == "/login" for form in PageReader(page).forms)


def told(row: Row, answer: TestResponse) -> str:
    """What the answer says, in the words of the table."""
    _method, address, word = address_of(row)
    is_page = answer.mimetype == "text/html"
    to_login = (answer.location or "").startswith("/login") and address not in LEADS_TO_LOGIN
    asks_login = is_page and shows_form_to_login(answer.text)
    if to_login or (asks_login and address not in ALWAYS_SHOWN):
        return "login"
    if answer.status_code == 403:
        assert is_page
        assert "Go back and try again" not in PageReader(answer.text).text, "403 tells the reason"
    if answer.status_code >= 400:
        return str(answer.status_code)
    if word == "internal" and row.how.startswith("GET"):
        return "yes" if SECRET_WORD in answer.text else "no"
    return "yes"


@pytest.mark.parametrize("row", PORTAL.rows, ids=lambda row: row.how.replace("/", "."))
def test_every_cell_of_the_pages(world: World, row: Row) -> None:
    method, address, _word = address_of(row)
    path, fields = sent_by(row)
    found = {}
    for column, expected in row.cells.items():
        if expected == "-":
            found[column] = "-"
            continue
        things = Things(world, column)
        visitor = world.visitor(things.person)
        made_path = path.format_map(things)
        made_fields = {name: text.format_map(things) for name, text in fields.items()}
        if row.how in FIRST:
            visitor.get(FIRST[row.how].format_map(things))
        before = world.changes()
        answer = _send(visitor, method, made_path, made_fields, prefilled=address in PREFILLED)
        found[column] = told(row, answer)
        written = world.changes() - before
        for undo in things.afterwards:
            undo()
        is_write = method == "POST" and address not in UNLOGGED
        if is_write and found[column] == "yes":
            assert written >= 1, f"{column}: told yes, and wrote nothing"
        else:
            assert written == 0, f"{column}: told {found[column]}, and wrote all the same"
    assert found == row.cells


def test_every_address_is_in_a_row(app: Flask) -> None:
    known = {
        f"{method} {re.sub('<[^>]*>', '*', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told_of = {" ".join(address_of(row)[:2]) for row in PORTAL.rows}
    assert known == told_of, "add the missing ones to tests/permissions.py"
    unused = {how for how in SENT if how not in {row.how for row in PORTAL.rows}}
    assert not unused


def test_the_printed_table_is_this_one() -> None:
    """``make docs`` writes it."""
    printed = subprocess.run(
        [sys.executable, "tools/permission_table.py"], cwd=PROJECT, capture_output=True, check=True
    )
    assert (PROJECT / "docs" / "permissions.md").read_bytes() == printed.stdout
