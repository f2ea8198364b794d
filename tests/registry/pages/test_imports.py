"""Files of sites and links through the pages: the difference first, then one confirmation."""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.services.changes import changes_of
from app.core.web.packed_file import packed
from app.registry.pages.imports import FILE_LIMIT
from app.registry.services.sites import change_site, site_of_key
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

IMPORTS = "/admin/imports"
CONFIRM = f"{IMPORTS}/confirm"
SITES = (
    b"key,country,time_zone,asns\n"
    b"DE-KIT,DE,Europe/Berlin,58069\n"
    b"FR-NEW,FR,Europe/Paris,\n"
    b"ES-PIC,ES,Europe/Madrid,\n"
)


def upload(
    visitor: Visitor, content: bytes, kind: str = "sites", name: str = "s.csv", **more: str
) -> TestResponse:
    return visitor.upload(IMPORTS, {"kind": kind, **more}, name, content)


def changes(session: Session) -> int:
    session.rollback()
    count = session.scalar(select(func.count()).select_from(Change)) or 0
    session.rollback()
    return count


def test_a_file_is_shown_line_by_line_and_then_written(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor, before = visit(cast.admin), changes(session)
    assert "differences are shown before anything is written" in visitor.read(IMPORTS).text
    shown = upload(visitor, SITES, why="Yearly check", source="Operations list")
    assert shown.status_code == 200
    page = PageReader(shown.text)
    assert "1 new, 1 changed, 1 unchanged. Nothing has been written yet." in page.text
    assert "DE-KIT line 2 changed ASNs nothing 58069" in page.text
    assert "FR-NEW line 3 new Country FR Time zone Europe/Paris" in page.text
    assert "Unchanged: 1 ES-PIC" in page.text
    assert changes(session) == before
    done = visitor.send(CONFIRM, page.form(CONFIRM).data())
    assert (done.status_code, done.location) == (303, IMPORTS)
    assert "Imported sites: 1 new, 1 changed, 1 unchanged." in visitor.read(IMPORTS).text
    assert changes(session) == before + 2
    kit = site_of_key(session, "DE-KIT")
    (change,) = changes_of(session, "site", kit.id)
    assert (change.actor_account, change.door) == ("admin", "portal")
    assert ("why", "Yearly check") in [(item.field, item.new) for item in change.fields]
    # sent again, as a reload would
    again = visitor.send(CONFIRM, page.form(CONFIRM).data())
    assert (again.status_code, again.location) == (303, IMPORTS)
    assert "nothing was stored a second time" in visitor.read(IMPORTS).text
    # by another form: the registry is another one by now
    other = {**page.form(CONFIRM).data(), "form_key": "of a second window"}
    again = visitor.send(CONFIRM, other)
    assert again.status_code == 409
    assert "0 new, 0 changed, 3 unchanged" in PageReader(again.text).text
    assert changes(session) == before + 2


def test_who_changed_the_registry_meanwhile_is_not_overrun(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    form = PageReader(upload(visitor, SITES).text).form(CONFIRM)
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", {"asns": (34878,)})
    before = changes(session)
    late = visitor.send(CONFIRM, form.data())
    assert late.status_code == 409
    page = PageReader(late.text)
    assert "Somebody changed the registry after" in page.text
    assert "DE-KIT line 2 changed ASNs 34878 58069" in page.text
    assert changes(session) == before
    assert visitor.send(CONFIRM, page.form(CONFIRM).data()).status_code == 303
    assert changes(session) == before + 2


def test_wrong_lines_are_all_named(session: Session, cast: Cast, visit: Enter) -> None:
    visitor, before = visit(cast.admin), changes(session)
    answer = upload(visitor, b"key,asns,country\nDE-KIT,<b>x</b>,XX\nFR-NEW,,FR\n")
    assert answer.status_code == 422
    text = PageReader(answer.text).text
    assert "The file has 2 wrong places; nothing was written" in text
    assert 'line 2 , column asns , <b>x</b> : "<b>x</b>" is not an ASN' in text
    assert "<b>x" not in answer.text
    assert "use ISO 3166" in text
    assert changes(session) == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no such letters \u00e9",
        base64.urlsafe_b64encode(b"no zlib").decode(),
        packed(SITES)[:-8],
        base64.urlsafe_b64encode(zlib.compress(b"k" * (FILE_LIMIT + 1))).decode(),
        packed(b"\xff\xfe"),
        packed(b"key\n"),
    ],
)
def test_what_comes_back_is_not_trusted(
    session: Session, cast: Cast, visit: Enter, content: str
) -> None:
    visitor, before = visit(cast.admin), changes(session)
    answer = visitor.send(CONFIRM, {"kind": "sites", "base": "0", "content": content})
    assert answer.status_code == 422
    assert PageReader(answer.text).alerts
    assert changes(session) == before


@pytest.mark.parametrize("base", ["", "-1", "x", "9" * 40, "\u0665"])
def test_a_state_that_is_none_is_refused(cast: Cast, visit: Enter, base: str) -> None:
    fields = {"kind": "sites", "base": base, "content": packed(SITES)}
    assert visit(cast.admin).send(CONFIRM, fields).status_code == 422


def test_what_was_sent_is_checked_again_when_it_is_confirmed(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    data = PageReader(upload(visitor, SITES).text).form(CONFIRM).data()
    before = changes(session)
    data["content"] = [packed(b"key,tier\nDE-KIT,7\n")]
    assert visitor.send(CONFIRM, data).status_code == 422
    assert changes(session) == before


def test_no_file_or_too_large_a_one(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    none = visitor.send(IMPORTS, {"kind": "sites"})
    assert none.status_code == 422
    assert "Choose a file" in PageReader(none.text).text
    large = upload(visitor, b"key\n" + b"x" * FILE_LIMIT)
    assert large.status_code == 422
    assert "larger than 3 MiB" in PageReader(large.text).text
    huge = upload(visitor, b"x" * 9_000_000)
    assert huge.status_code == 413
    assert "flask sites import" in PageReader(huge.text).text


def test_a_long_file_shows_its_beginning_and_counts_all(cast: Cast, visit: Enter) -> None:
    lines = b"".join(b"S-%d,DE,Europe/Berlin\n" % number for number in range(1200))
    page = PageReader(upload(visit(cast.admin), b"key,country,time_zone\n" + lines).text)
    assert "1,200 new" in page.text
    assert "200 more sites change" in page.text
    assert ("button", "class", "button primary") in page.attributes


@pytest.mark.parametrize("who", ["operator", "kit", "reader"])
def test_only_admins_import(session: Session, cast: Cast, visit: Enter, who: str) -> None:
    visitor, before = visit(getattr(cast, who)), changes(session)
    assert visitor.get(IMPORTS).status_code == 403
    refused = upload(visitor, SITES)
    assert refused.status_code == 403
    assert "Only admins may import sites and links" in PageReader(refused.text).text
    fields = {"kind": "sites", "base": "0", "content": packed(SITES)}
    assert visitor.send(CONFIRM, fields).status_code == 403
    assert changes(session) == before


def test_nobody_imports_or_downloads_without_a_login(app: Flask, cast: Cast) -> None:
    visitor = Visitor(app)
    for path in (IMPORTS, "/sites.csv", "/links.json"):
        assert visitor.get(path).location.startswith("/login")


def test_everybody_downloads_what_an_import_takes(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", {"nrens": ("=DFN",)})
    reader, admin = visit(cast.reader), visit(cast.admin)
    for kind in ("sites", "links"):
        for form in ("csv", "json"):
            file = reader.get(f"/{kind}.{form}")
            assert file.status_code == 200
            assert file.headers["Content-Disposition"] == f'attachment; filename="{kind}.{form}"'
            again = PageReader(upload(admin, file.data, kind, f"{kind}.{form}").text)
            assert "Nothing would change" in again.text
    rows = list(csv.DictReader(io.StringIO(reader.get("/sites.csv").text)))
    assert [row["key"] for row in rows] == ["CH-CERN", "DE-KIT", "ES-PIC"]
    assert rows[1]["nrens"] == "'=DFN"
    links = json.loads(reader.get("/links.json").text)["links"]
    assert [link["end_b"] for link in links] == ["DE-KIT", "ES-PIC"]
    assert reader.get("/sites.xml").status_code == 404


def test_a_file_of_links(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    text = b'{"links": [{"name": "N-1", "network": "LHCONE", "end_a": "pic", "end_b": "GRIDKA"}]}'
    page = PageReader(upload(visitor, text, "links", "l.json").text)
    assert "N-1 record 1 new Network LHCONE First end ES-PIC Second end DE-KIT" in page.text
    assert visitor.send(CONFIRM, page.form(CONFIRM).data()).status_code == 303
    assert "N-1" in visitor.read("/links").text
