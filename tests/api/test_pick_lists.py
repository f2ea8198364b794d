"""Pick lists of links and sites, read as Zammad's external data source reads them.

What Zammad sends and reads: lib/external_data_source.rb and lib/user_agent.rb of github.com/zammad/
zammad (2025), and system/objects/types.rst of its documentation for administrators. It puts the
typed text, percent-encoded, into the search URL; sends a GET with the token as bearer; finds the
list, and in each entry the value and the label, by keys that are separated by dots; and shows the
first ten.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.registry.models.registry import Link, LinkName, Site, SiteName
from tests.api.conftest import Calling, Program
from tests.cast import Cast
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter

PICK = "/api/v1/pick"
GRIDKA, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
TODAY = datetime.now(UTC).date()


def site_of(session: Session, key: str) -> Site:
    return session.scalars(select(Site).where(Site.key == key)).one()


@pytest.fixture
def registry(session: Session, cast: Cast) -> None:
    """The cast's registry with retired and future records, other names, and odd characters."""
    with transaction(session):
        cern, kit, pic = (site_of(session, key) for key in ("CH-CERN", "DE-KIT", "ES-PIC"))
        pic.names.append(SiteName(system="CRIC", name="PIC-OLD", valid_until=date(2012, 1, 1)))
        links = {
            "CERN-PIC-LHCOPN-000": (pic, {"valid_until": TODAY}),
            "CERN-PIC-LHCOPN-002": (pic, {"valid_until": TODAY + timedelta(days=1)}),
            "CERN-PIC-LHCOPN-003": (pic, {"valid_from": TODAY + timedelta(days=9)}),
            "CERN_KIT 100%": (kit, {}),
        }
        for name, (end, days) in links.items():
            session.add(Link(name=name, network="LHCONE", end_a=cern, end_b=end, **days))
        old = session.scalars(select(Link).where(Link.name == GRIDKA)).one()
        session.add(LinkName(link=old, name="CERN-FZK-01"))
        session.add(
            Site(
                key="TW-ASGC",
                country="TW",
                time_zone="Asia/Taipei",
                valid_until=TODAY,
                names=[SiteName(system="LHCOPN", name="TW-ASGC")],
            )
        )


def picked(program: Program, kind: str, search: str | None = None) -> list[str]:
    query = "" if search is None else f"?search={quote(search)}"
    return [one["id"] for one in program.read(f"{PICK}/{kind}{query}")["items"]]


ALL_LINKS = [GRIDKA, PIC, "CERN-PIC-LHCOPN-002", "CERN-PIC-LHCOPN-003", "CERN_KIT 100%"]
ALL_OF_PIC = ALL_LINKS[1:4]
LINKS_PICKED = {
    "": ALL_LINKS,
    "   ": ALL_LINKS,
    PIC: [PIC],
    "pic-lhcopn-001": [PIC],
    "001": [GRIDKA, PIC],
    "ES-PIC": ALL_OF_PIC,
    "pic-old": ALL_OF_PIC,
    "cern-prod 003": ["CERN-PIC-LHCOPN-003"],
    "fzk-lcg2": [GRIDKA, "CERN_KIT 100%"],
    "cern-fzk-01": [GRIDKA],
    f"{PIC} · CH-CERN – ES-PIC": [PIC],
    "100%": ["CERN_KIT 100%"],
    "%": ["CERN_KIT 100%"],
    "_": ["CERN_KIT 100%"],
    "CERN%001": [],
    "CERN.PIC": [],
    "\\": [],
    "' OR 1=1 --": [],
    "CERN-PIC-LHCOPN-000": [],
    "nowhere": [],
    "\u0130": [],
    "x" * 255: [],
    "001 " * 63: [GRIDKA, PIC],
}
SITES_PICKED = {
    "": ["CH-CERN", "DE-KIT", "ES-PIC"],
    "de": ["DE-KIT"],
    "PIC": ["ES-PIC"],
    "pic-OLD": ["ES-PIC"],
    "cern-prod": ["CH-CERN"],
    "es-pic · pic": ["ES-PIC"],
    "TW-ASGC": [],
    "%": [],
    "_": [],
}


def test_what_a_search_finds(registry: None, calling: Calling) -> None:
    program = calling("read")
    for kind, table in (("links", LINKS_PICKED), ("sites", SITES_PICKED)):
        for search, found in table.items():
            assert picked(program, kind, search) == found, (kind, search)
        assert picked(program, kind) == table[""]
        plus = program.read(f"{PICK}/{kind}?search=cern+cern-prod")["items"]
        assert plus == program.read(f"{PICK}/{kind}?search=CERN%20CERN-PROD")["items"] != []


def test_the_better_match_comes_first(registry: None, calling: Calling, session: Session) -> None:
    with transaction(session):
        cern, kit = site_of(session, "CH-CERN"), site_of(session, "DE-KIT")
        for name in ("A-PIC-9", "PICNIC-1"):
            session.add(Link(name=name, network="LHCONE", end_a=cern, end_b=kit))
    program = calling("read")
    assert picked(program, "links", "pic") == [*ALL_OF_PIC, "PICNIC-1", "A-PIC-9"]


def test_labels_name_the_sites(registry: None, calling: Calling) -> None:
    program = calling("read")
    assert program.read(f"{PICK}/links?search={PIC}") == {
        "items": [{"id": PIC, "label": f"{PIC} · CH-CERN – ES-PIC"}]
    }
    assert program.read(f"{PICK}/sites")["items"] == [
        {"id": "CH-CERN", "label": "CH-CERN · CERN-PROD, CERN"},
        {"id": "DE-KIT", "label": "DE-KIT · FZK-LCG2, GRIDKA"},
        {"id": "ES-PIC", "label": "ES-PIC · pic"},
    ]


def test_what_is_not_allowed_is_named(registry: None, calling: Calling) -> None:
    program = calling("read")
    for kind in ("links", "sites"):
        for query, allowed in {
            f"search={'x' * 256}": "0 to 255",
            f"search={'x' * 60_000}": "0 to 255",
            "search=a%00b": "character",
            "search=a&search=b": "once only",
            "q=a": "Known parameters are search",
        }.items():
            answer = program.get(f"{PICK}/{kind}?{query}")
            assert answer.status_code == 400, query
            assert answer.json is not None
            assert [allowed in error["detail"] for error in answer.json["errors"]] == [True]
        for bytes_ in ("%FF%FE", "%ED%A0%80", "%F0%9F%92%A3", "%E2%80%AE"):
            assert program.read(f"{PICK}/{kind}?search={bytes_}") == {"items": []}


def test_the_answer_stays_small_and_takes_few_statements(
    registry: None, calling: Calling, session: Session
) -> None:
    program = calling("read")

    def statements(path: str) -> int:
        program.read(path)  # notes the token's use
        found: list[str] = []

        def note(_1: Any, _2: Any, statement: str, *_more: Any) -> None:
            found.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            program.read(path)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        return sum(one.startswith("SELECT") for one in found)

    few = [statements(f"{PICK}/{kind}") for kind in ("links", "sites")]
    with transaction(session):
        cern = site_of(session, "CH-CERN")
        for number in range(60):
            site = Site(
                key=f"XX-{number:03}",
                country="XX",
                time_zone="UTC",
                names=[SiteName(system="GOCDB", name=f"site {number}")],
            )
            name = f"CERN-XX-{number:03}"
            session.add(Link(name=name, network="LHCOPN", end_a=cern, end_b=site))
    assert [statements(f"{PICK}/{kind}") for kind in ("links", "sites")] == few == [3, 3]
    for kind, prefix in (("links", "CERN-XX"), ("sites", "XX")):
        expected = [f"{prefix}-{number:03}" for number in range(20)]
        assert picked(program, kind, "XX") == expected


def test_zammad_reads_it_with_the_settings_of_the_guide(
    registry: None, calling: Calling, visit: Enter, cast: Cast
) -> None:
    guide = (PROJECT / "docs" / "partners-guide.md").read_text("utf-8")
    section = guide.partition("## Link ids in Zammad\n")[2].partition("\n## ")[0]
    given = dict(re.findall(r"^ *\| ([A-Z][^|]+) \| `([^`]+)` \|$", section, re.MULTILINE))
    program = calling("read", account="nren_a")
    url = given["Search URL"].removeprefix("PORTAL_URL")
    content = program.read(url.replace("#{search.term}", quote("pic 001", safe="")))
    entries = content
    for key in given["Search result list key"].split("."):
        entries = entries[key]
    shown = {
        entry[given["Search result value key"]]: entry[given["Search result label key"]]
        for entry in entries[:10]
    }
    assert shown == {PIC: f"{PIC} · CH-CERN – ES-PIC"}
    page = given["Link template"].removeprefix("PORTAL_URL")
    visitor: Visitor = visit(cast.reader)
    assert PIC in visitor.read(page.replace(f"#{{ticket.{given['Name']}}}", PIC)).text
