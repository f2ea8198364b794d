"""The audit's pages: for admins only, its filter in the address, CSV of exactly that filter."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import QueuePool
from sqlalchemy.orm import Session

from app.accounts.services.credentials import count_failed_login
from app.accounts.services.people import find_user, set_time_zone
from app.core.database.transactions import transaction
from app.core.rules.access import ActorKind
from app.core.services.changes import FieldChange, record_change
from app.core.web.extensions import db
from app.evidence.rules.downtimes import ListService
from app.evidence.services.downtimes import import_list
from app.notices.models.notices import CarrierTrust
from app.notices.services.carriers import TRUST
from app.registry.services.sites import change_site
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

PAGES = ("/admin", "/admin/audit", "/admin/audit?list=refusals", "/admin/audit?list=logins")


@pytest.mark.parametrize("path", [*PAGES, "/admin/audit.csv"])
def test_only_admins_may(app: Flask, cast: Cast, visit: Enter, path: str) -> None:
    assert visit(cast.admin).get(path).status_code == 200
    for actor in (cast.operator, cast.kit, cast.reader):
        answer = visit(actor).get(path)
        assert answer.status_code == 403
        assert "Only admins may" in answer.text
    stranger = Visitor(app).get(path)
    assert stranger.status_code in (302, 303)
    assert urlsplit(stranger.location).path == "/login"


def test_no_request_changes_it(cast: Cast, visit: Enter) -> None:
    admin = visit(cast.admin)
    for path in ("/admin/audit", "/admin/audit.csv"):
        assert admin.send(path, {"delete": "all"}).status_code == 405
        assert admin.client.delete(path).status_code in (400, 405)


def story(session: Session, cast: Cast) -> None:
    with transaction(session):
        by = writer(cast.admin, NOON + timedelta(days=1), remote="2001:db8::7")
        change_site(session, by, "DE-KIT", {"nrens": ("=DFN()",)}, why="Asked by <b>mail</b>")
    with transaction(session):
        by = writer(cast.kit, NOON + timedelta(days=2))
        set_time_zone(session, by, find_user(session, "kit"), "Europe/Berlin")


def test_a_change_with_all_that_is_known_of_it(cast: Cast, session: Session, visit: Enter) -> None:
    story(session, cast)
    answer = visit(cast.admin).get("/admin/audit?thing=GRIDKA&from=2013-03-07")
    page = PageReader(answer.text)
    for word in (
        "2013-03-07 12:00:00",
        "admin",
        "portal from 2001:db8::7",
        "site DE-KIT",
        "“Asked by <b>mail</b>”",
        "nrens =DFN()",
    ):
        assert word in page.text, word
    assert "time zone" not in page.text.partition("Before → after")[2]


def test_the_address_is_the_state(cast: Cast, session: Session, visit: Enter) -> None:
    story(session, cast)
    admin = visit(cast.admin)
    page = admin.read("/admin/audit?kind=site&kind=person&who=kit&from=2013-03-01&to=2013-03-31")
    assert "Europe/Berlin" in page.text
    assert "DFN" not in page.text
    (csv_link,) = (href for href, word in page.links if word == "Download as CSV")
    assert parse_qs(urlsplit(csv_link).query) == {
        "kind": ["site", "person"],
        "who": ["kit"],
        "from": ["2013-03-01"],
        "to": ["2013-03-31"],
    }
    (refused,) = (href for href, word in page.links if word == "Refused rights")
    assert parse_qs(urlsplit(refused).query) == {
        "list": ["refusals"],
        "who": ["kit"],
        "from": ["2013-03-01"],
        "to": ["2013-03-31"],
    }


def test_csv_of_exactly_the_filter_that_no_spreadsheet_runs(
    cast: Cast, session: Session, visit: Enter
) -> None:
    story(session, cast)
    answer = visit(cast.admin).get("/admin/audit.csv?kind=site&from=2013-03-07")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-changes.csv"'
    head, row = csv.reader(io.StringIO(answer.text))
    got = dict(zip(head, row, strict=True))
    number = got.pop("id")
    assert number.isdigit()
    assert got == {
        "time": "2013-03-07T12:00:00Z",
        "account": "admin",
        "account_kind": "person",
        "author": "admin",
        "from": "2001:db8::7",
        "door": "portal",
        "kind": "site",
        "thing": "DE-KIT",
        "version": got["version"],
        "field": "nrens",
        "before": "",
        "after": "'=DFN()",
        "reason": "Asked by <b>mail</b>",
    }


def test_a_download_gives_its_connection_back(app: Flask, cast: Cast, visit: Enter) -> None:
    for path in ("/admin/audit.csv", "/admin/audit.csv?list=refusals"):
        assert visit(cast.admin).get(path).status_code == 200
        with app.app_context():
            pool = db.engine.pool
            assert isinstance(pool, QueuePool)
            assert pool.checkedout() == 0


def test_csv_goes_on_behind_its_first_page(cast: Cast, session: Session, visit: Enter) -> None:
    with transaction(session):
        for minute in range(450):
            count_failed_login(session, ActorKind.PERSON, "kit", NOON + timedelta(minutes=minute))
    answer = visit(cast.admin).get("/admin/audit.csv?list=logins")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["minute", "account", "account_kind", "failures", "from"]
    assert len(rows) == 451
    assert rows[1][0] == "2013-03-06T19:29:00Z"
    assert rows[450][0] == "2013-03-06T12:00:00Z"


def test_refused_rights_are_listed(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(title="Of nobody's site")
    assert visit(cast.kit).get("/admin/audit").status_code == 403
    page = visit(cast.admin).read("/admin/audit?list=refusals&who=kit")
    assert "GET /admin/audit" in page.text
    assert "Only admins may read the audit" in page.text
    assert (
        "No matching entries" in visit(cast.admin).read("/admin/audit?list=refusals&who=pic").text
    )


def test_pages_of_the_list(cast: Cast, session: Session, visit: Enter) -> None:
    with transaction(session):
        for minute in range(120):
            count_failed_login(session, ActorKind.PERSON, "kit", NOON + timedelta(minutes=minute))
    admin = visit(cast.admin)
    first = admin.read("/admin/audit?list=logins")

    def to(page: PageReader, word: str) -> str:
        return next(href for href, label in page.links if label == word)

    assert "2013-03-06 13:59 UTC" in first.text
    assert "Newer" not in [word for _, word in first.links]
    second = admin.read(to(first, "Older"))
    assert "2013-03-06 13:09 UTC" in second.text
    third = admin.read(to(second, "Older"))
    assert "Older" not in [word for _, word in third.links]
    assert "2013-03-06 12:00 UTC" in third.text
    assert "2013-03-06 13:09 UTC" in admin.read(to(third, "Newer")).text


@pytest.mark.parametrize(
    "query",
    [
        "kind=nonsense",
        "door=window",
        "list=everything",
        "from=yesterday",
        "to=2026-02-30",
        "who=" + "x" * 101,
        "field=" + "x" * 51,
        "thing=a%00b",
        "who=a&who=b",
        "after=nonsense",
        "before=%26",
        "after=" + "x" * 3000,
    ],
)
def test_what_cannot_be_used_is_named_and_left_out(cast: Cast, visit: Enter, query: str) -> None:
    admin = visit(cast.admin)
    answer = admin.get(f"/admin/audit?{query}")
    assert answer.status_code in (400, 422)
    assert PageReader(answer.text).alerts
    assert admin.get(f"/admin/audit.csv?{query}").status_code in (400, 422)


@pytest.mark.parametrize(
    "query", ["thing=99999999999", "thing=%23", "who=%25", "from=0001-01-01", "to=9999-12-31"]
)
def test_odd_values_that_are_fine(cast: Cast, visit: Enter, query: str) -> None:
    assert visit(cast.admin).get(f"/admin/audit?{query}").status_code == 200


def test_lists_of_downtimes_and_forms_of_carriers_have_names(
    cast: Cast, session: Session, visit: Enter
) -> None:
    by = writer(cast.admin)
    with transaction(session):
        import_list(session, by, "DE-KIT", ListService.OSG, [])
        session.add(
            CarrierTrust(
                sender="zayo.com",
                provider="zayo",
                form="HtmlParserZayo1",
                notice_number=1,
                confirmed_at=by.now,
                confirmed_by="Operator",
            )
        )
        session.flush()
        fields = [FieldChange("form", None, "zayo.com: HtmlParserZayo1")]
        record_change(session, by, kind=TRUST, thing_id=1, fields=fields)
    words = visit(cast.admin).read("/admin/audit").text
    assert "downtime list DE-KIT OSG" in words
    assert "OSG: 0" in words
    assert "carrier form HtmlParserZayo1" in words
