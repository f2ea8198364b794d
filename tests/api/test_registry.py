"""Sites and links for programs: what an answer holds, filters, pages, and what is refused."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import disable_user, find_user
from app.core.database.transactions import transaction
from app.core.models.changes import Refusal
from app.registry.models.registry import (
    FactSource,
    Link,
    LinkCircuit,
    Site,
    SiteAsn,
    SiteContact,
    SiteName,
    SitePrefix,
)
from tests.accounts.pages.test_login import log_in
from tests.api.conftest import Calling, Program
from tests.cast import PASSWORD, SYSTEM, Cast
from tests.harness.visitor import Visitor

SITES = "/api/v1/sites"
LINKS = "/api/v1/links"


@pytest.fixture
def registry(session: Session, cast: Cast) -> None:
    """The cast's sites and links with more about them, a past site and a backup."""
    with transaction(session):
        kit, cern, pic = (
            session.scalars(select(Site).where(Site.key == key)).one()
            for key in ("DE-KIT", "CH-CERN", "ES-PIC")
        )
        kit.nrens, kit.vos, kit.bandwidth_gbps = "DFN; BelWue", "ALICE; CMS", 200.0
        kit.asns = [SiteAsn(asn=58069)]
        kit.prefixes = [SitePrefix(network="LHCOPN", prefix="192.0.2.0/24")]
        kit.contacts = [SiteContact(role="network", name="Sample NOC", mail="noc@kit.example")]
        kit.source, kit.sample = "the cast", True
        session.add(FactSource(kind="site", thing_id=kit.id, field="asns", source="a map"))
        pic.names.append(
            SiteName(
                system="CRIC",
                name="PIC-OLD",
                valid_from=date(2010, 1, 1),
                valid_until=date(2012, 1, 1),
            )
        )
        gone = Site(
            key="TW-ASGC",
            country="TW",
            time_zone="Asia/Taipei",
            tier=1,
            tier_since=date(2009, 2, 1),
            tier_until=date(2023, 10, 1),
            valid_until=date(2025, 1, 1),
            names=[SiteName(system="LHCOPN", name="TW-ASGC")],
        )
        primary = session.scalars(select(Link).where(Link.name == "CERN-PIC-LHCOPN-001")).one()
        primary.circuits = [LinkCircuit(provider="GEANT", circuit_id="G-1")]
        session.add(gone)
        session.add(
            Link(
                name="CERN/PIC LHCONE%1",
                network="LHCONE",
                end_a=cern,
                end_b=pic,
                role="backup",
                backs_up=primary,
                recorded_responsible=cern,
                valid_from=date(2014, 1, 1),
                sample=True,
            )
        )


def keys(content: Any) -> list[str]:
    return [item.get("key") or item["name"] for item in content["items"]]


def test_a_site_as_it_stands(registry: None, calling: Calling) -> None:
    assert calling("registry").read(f"{SITES}/DE-KIT") == {
        "key": "DE-KIT",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "tier": 1,
        "tier_since": "2009-02-01",
        "tier_until": None,
        "valid_from": None,
        "valid_until": None,
        "bandwidth_gbps": 200.0,
        "nrens": ["DFN", "BelWue"],
        "vos": ["ALICE", "CMS"],
        "names": [
            {"system": system, "name": name, "valid_from": None, "valid_until": None}
            for system, name in (("LHCOPN", "DE-KIT"), ("GOCDB", "FZK-LCG2"), ("short", "GRIDKA"))
        ],
        "asns": [58069],
        "prefixes": [{"network": "LHCOPN", "prefix": "192.0.2.0/24"}],
        "contacts": [
            {"role": "network", "name": "Sample NOC", "mail": "noc@kit.example", "phone": ""}
        ],
        "source": "the cast",
        "sample": True,
        "facts": [{"field": "asns", "source": "a map", "sample": False}],
        "version": 1,
    }


def test_a_link_as_it_stands(registry: None, calling: Calling) -> None:
    program = calling("read")
    assert program.read(f"{LINKS}/{quote('CERN/PIC LHCONE%1', safe='')}") == {
        "name": "CERN/PIC LHCONE%1",
        "network": "LHCONE",
        "end_a": "CH-CERN",
        "end_b": "ES-PIC",
        "role": "backup",
        "backs_up": "CERN-PIC-LHCOPN-001",
        "responsible_site": "CH-CERN",
        "responsible_recorded": True,
        "bandwidth_gbps": None,
        "valid_from": "2014-01-01",
        "valid_until": None,
        "circuits": [],
        "source": "",
        "sample": True,
        "facts": [],
        "version": 1,
        "state": {
            "state": "unmonitored",
            "no_ticket": False,
            "evidence": "",
            "reason": "No monitoring source has ever reported on this link",
            "since": None,
            "until": None,
            "event": None,
            "tickets": [],
            "ticket_count": 0,
            "performance_tickets": 0,
            "no_impact_tickets": 0,
            "unknown_impact_tickets": 0,
            "monitored": False,
            "silence": "",
            "last_report": False,
        },
    }
    primary = program.read(f"{LINKS}/CERN-PIC-LHCOPN-001")
    assert primary["circuits"] == [{"provider": "GEANT", "circuit_id": "G-1"}]
    assert (primary["responsible_site"], primary["responsible_recorded"]) == ("ES-PIC", False)
    assert primary["backs_up"] is None


SITES_FOUND = {
    "": ["CH-CERN", "DE-KIT", "ES-PIC", "TW-ASGC"],
    "?tier=0": ["CH-CERN"],
    "?tier=1": ["DE-KIT", "ES-PIC", "TW-ASGC"],
    "?tier=1&on=2023-09-30": ["DE-KIT", "ES-PIC", "TW-ASGC"],
    "?tier=1&on=2023-10-01": ["DE-KIT", "ES-PIC"],
    "?on=2024-12-31": ["CH-CERN", "DE-KIT", "ES-PIC", "TW-ASGC"],
    "?on=2025-01-01": ["CH-CERN", "DE-KIT", "ES-PIC"],
    "?tier=1&on=2009-01-31": [],
    "?q=fzk": ["DE-KIT"],
    "?q=%25": [],
    "?q=_": [],
    "?network=LHCONE": ["CH-CERN", "ES-PIC"],
    "?network=LHCONE&on=2013-12-31": [],
    "?network=LHCOPN": ["CH-CERN", "DE-KIT", "ES-PIC"],
}


def test_filters_of_sites(registry: None, calling: Calling) -> None:
    program = calling("read")
    for query, found in SITES_FOUND.items():
        assert keys(program.read(SITES + query)) == found, query


LINKS_FOUND = {
    "": ["CERN/PIC LHCONE%1", "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"],
    "?network=LHCOPN": ["CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"],
    "?on=2013-12-31": ["CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"],
    "?site=pic&network=LHCOPN": ["CERN-PIC-LHCOPN-001"],
    "?site=FZK-LCG2": ["CERN-GRIDKA-LHCOPN-001"],
    "?site=nowhere": [],
    "?q=gridka": ["CERN-GRIDKA-LHCOPN-001"],
    "?q=%251": ["CERN/PIC LHCONE%1"],
}


def test_filters_of_links(registry: None, calling: Calling) -> None:
    program = calling("read")
    for query, found in LINKS_FOUND.items():
        assert sorted(keys(program.read(LINKS + query))) == sorted(found), query


def test_a_day_shows_the_names_and_the_tier_of_that_day(registry: None, calling: Calling) -> None:
    program = calling("read")

    def names(query: str) -> list[str]:
        return [name["name"] for name in program.read(f"{SITES}/ES-PIC{query}")["names"]]

    assert names("") == ["ES-PIC", "pic", "PIC", "PIC-OLD"]
    assert names("?on=2011-12-31") == ["ES-PIC", "pic", "PIC", "PIC-OLD"]
    assert names("?on=2012-01-01") == ["ES-PIC", "pic", "PIC"]
    assert names("?on=2009-12-31") == ["ES-PIC", "pic", "PIC"]
    asgc = f"{SITES}/TW-ASGC"
    assert program.read(f"{asgc}?on=2023-09-30")["tier"] == 1
    assert program.read(f"{asgc}?on=2023-10-01")["tier"] is None
    assert program.get(f"{asgc}?on=2025-01-01").status_code == 404
    assert program.read(asgc)["tier"] == 1


def test_pages_join_without_gap_or_double(registry: None, calling: Calling) -> None:
    program = calling("read")
    for limit, path in product((1, 2, 3, 4), (f"{SITES}?on=2024-01-01&", f"{LINKS}?")):
        base = f"{path}limit={limit}"
        everything = keys(program.read(base.replace(f"limit={limit}", "limit=1000")))
        seen: list[str] = []
        page: str | None = base
        while page:
            content = program.read(page)
            assert 1 <= len(content["items"]) <= limit
            seen += keys(content)
            page = content["next"]
            assert page is None or page.startswith("/api/v1/")
        assert seen == everything


def test_contacts_are_for_people_and_for_the_registry(
    registry: None, calling: Calling, cast: Cast
) -> None:
    for program, shown in (
        (calling("read"), False),
        (calling("registry"), True),
        (calling("read", "registry"), True),
        (calling("read", of=cast.reader), True),
    ):
        for content in (
            program.read(f"{SITES}/DE-KIT"),
            program.read(f"{SITES}?q=DE-KIT")["items"][0],
        ):
            assert ("contacts" in content) is shown
        assert ("noc@kit.example" in program.get(SITES).text) is shown


def test_an_unchanged_answer_is_304(registry: None, calling: Calling, session: Session) -> None:
    program = calling("read")
    for path in (SITES, f"{SITES}/DE-KIT", LINKS, f"{LINKS}/CERN-PIC-LHCOPN-001"):
        first = program.get(path)
        tag = first.headers["ETag"]
        assert tag.startswith('"')  # a strong one
        assert first.headers["Cache-Control"] == "private, no-cache"
        assert "Authorization" in first.vary
        again = program.get(path, If_None_Match=tag)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == tag
        head = program.app.test_client().head(
            path, headers={"Authorization": f"Bearer {program.secret}"}
        )
        assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", tag)
        assert head.headers["Content-Length"] == str(len(first.data))
    tag = program.get(f"{SITES}/DE-KIT").headers["ETag"]
    with transaction(session):
        session.scalars(select(Site).where(Site.key == "DE-KIT")).one().version = 2
    changed = program.get(f"{SITES}/DE-KIT", If_None_Match=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    # what another may see is another answer
    assert calling("registry").get(f"{SITES}/DE-KIT").headers["ETag"] != changed.headers["ETag"]


def problem_of(program: Program, path: str, status: int) -> dict[str, Any]:
    answer = program.get(path)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    content = answer.json
    assert isinstance(content, dict)
    assert content["status"] == status
    return content


NOT_ALLOWED = (
    ("limit=0", "limit", "1 to 1000"),
    ("limit=1001", "limit", "1 to 1000"),
    ("limit=ten", "limit", "1 to 1000"),
    ("limit=", "limit", "1 to 1000"),
    ("limit=1e3", "limit", "1 to 1000"),
    ("on=yesterday", "on", "YYYY-MM-DD"),
    ("on=2026-02-30", "on", "YYYY-MM-DD"),
    ("on=2026-01-01T00:00:00", "on", "YYYY-MM-DD"),
    ("tier=2", "tier", "0 or 1"),
    ("tier=one", "tier", "0 or 1"),
    ("network=opn", "network", "LHCOPN or LHCONE"),
    ("q=", "q", "1 to 100"),
    (f"q={'x' * 101}", "q", "1 to 100"),
    ("q=a%00b", "q", "character"),
    (f"after={'x' * 101}", "after", "1 to 100"),
    ("q=a&q=b", "q", "once only"),
    ("tiers=1", "tiers", "Known parameters are"),
)


def test_a_parameter_that_is_not_allowed_is_named(registry: None, calling: Calling) -> None:
    program = calling("read")
    for query, field, allowed in NOT_ALLOWED:
        content = problem_of(program, f"{SITES}?{query}", 400)
        (error,) = content["errors"]
        assert error["field"] == field, query
        assert allowed in error["detail"], query
        assert content["number"] == 310


def test_all_wrong_parameters_are_named_at_once(calling: Calling) -> None:
    content = problem_of(calling("read"), f"{LINKS}?limit=0&on=x&tier=1&site=", 400)
    assert sorted(error["field"] for error in content["errors"]) == ["limit", "on", "site", "tier"]


def test_unknown_records_addresses_and_methods(calling: Calling) -> None:
    program = calling("read")
    for path in (
        f"{SITES}/nowhere",
        f"{SITES}/de-kit",
        f"{SITES}/a%00b",
        f"{SITES}/{'x' * 3000}",
        f"{LINKS}/a/b",
        "/api/v1/nothing",
        "/api",
        "/api/",
        "/api/v2/sites",
    ):
        problem_of(program, path, 404)
    for method in ("put", "patch", "delete"):
        answer = getattr(program.app.test_client(), method)(
            SITES, headers={"Authorization": f"Bearer {program.secret}"}
        )
        assert answer.status_code == 405
        assert answer.content_type == "application/problem+json"
        assert {"GET", "HEAD"} <= set(answer.headers["Allow"].split(", "))


def test_without_a_live_token_there_is_nothing(
    app: Flask, calling: Calling, cast: Cast, session: Session
) -> None:
    alive = calling("read", of=cast.reader)
    assert alive.get(SITES).status_code == 200
    for header in (
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {alive.secret[:-1]}",
        f"Bearer {alive.secret}x",
        "Bearer lhcopn_",
        f"Bearer {'x' * 5000}",
        f"Basic {alive.secret}",
        f"Token {alive.secret}",
        alive.secret,
        "Bearer lhcopn_\u00fc",
    ):
        answer = app.test_client().get(SITES, headers={"Authorization": header} if header else {})
        assert answer.status_code == 401, header
        assert answer.content_type == "application/problem+json"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
        assert "invalid_token" in answer.headers["WWW-Authenticate"] or not header
    for scheme in ("bearer", "BEARER"):
        answer = app.test_client().get(SITES, headers={"Authorization": f"{scheme} {alive.secret}"})
        assert answer.status_code == 200
    with transaction(session):
        disable_user(session, SYSTEM, find_user(session, "reader"))
    assert alive.get(SITES).status_code == 401


def test_a_cookie_is_no_token(app: Flask, cast: Cast, session: Session) -> None:

    visitor = Visitor(app)
    assert log_in(visitor, "admin", PASSWORD).status_code == 303
    assert visitor.get("/tickets").status_code == 200
    answer = visitor.get(SITES)
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_a_token_without_the_scope_is_told_which(calling: Calling, session: Session) -> None:
    program = calling("events", "tickets")
    for path in (SITES, LINKS, f"{SITES}/DE-KIT", f"{LINKS}/CERN-PIC-LHCOPN-001"):
        content = problem_of(program, path, 403)
        assert content["detail"] == "This token lacks the scope read or registry."
        header = program.get(path).headers["WWW-Authenticate"]
        assert 'error="insufficient_scope", scope="read registry"' in header
    noted = session.scalars(select(Refusal).order_by(Refusal.id)).all()
    assert {(row.actor_kind, row.actor_account, row.door) for row in noted} == {
        ("token", "program-0", "api")
    }
    assert [row.what for row in noted[::2]] == [
        "GET /api/v1/sites",
        "GET /api/v1/links",
        "GET /api/v1/sites/<path:key>",
        "GET /api/v1/links/<path:key>",
    ]


def test_every_answer_is_closed_to_browsers(app: Flask, calling: Calling) -> None:
    program = calling("read")
    for path in (SITES, f"{SITES}/nowhere", "/api/v1/openapi.json", f"{SITES}?limit=0"):
        for answer in (program.get(path), app.test_client().get(path)):
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "Set-Cookie" not in answer.headers
            assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_state_of_a_link_is_none_for_who_reads_its_own_tickets_only(
    registry: None, calling: Calling, cast: Cast
) -> None:
    at = f"{LINKS}/CERN-PIC-LHCOPN-001"
    assert calling("read").read(at)["state"] is not None
    assert calling("read", account=cast.ggus.account).read(at)["state"] is not None
    own = calling("read", account=cast.nren_b.account)
    assert own.read(at)["state"] is None
    assert {one["state"] for one in own.read(LINKS)["items"]} == {None}
