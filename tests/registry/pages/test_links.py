"""Pages of links: found by id, circuit and ends, shown on any day, changed by admins only."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.registry.models.registry import Link
from app.registry.rules.registry import CircuitValue
from app.registry.services.links import change_link, create_link, link_of_name, link_values
from app.registry.services.record_lists import PAGE
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

KIT, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
PAGE_OF_KIT = f"/links/{KIT}"


def _links_of(page: PageReader) -> list[str]:
    found = [w for address, w in page.links if address.startswith("/links/") and w != "New link"]
    return list(dict.fromkeys(found))


def _form(visitor: Visitor, path: str) -> dict[str, list[str]]:
    data = visitor.read(path).form(path).data()
    data.pop("csrf_token")
    return data


@pytest.mark.parametrize("who", ["operator", "kit", "reader"])
def test_all_read_and_only_admins_write(cast: Cast, visit: Enter, who: str) -> None:
    visitor = visit(getattr(cast, who))
    for path in ("/links", PAGE_OF_KIT):
        page = visitor.read(path)
        assert not [address for address, _ in page.links if address.endswith(("/new", "/edit"))]
    for path in ("/links/new", f"{PAGE_OF_KIT}/edit"):
        assert visitor.get(path).status_code == 403
    for path in ("/links/new", *(f"{PAGE_OF_KIT}/{do}" for do in ("edit", "retire", "confirm"))):
        assert visitor.send(path, {"on": "2013-01-01", "why": "x"}).status_code == 403
    assert visitor.get("/links/NOWHERE").status_code == 404
    assert Visitor(visitor.client.application).get(PAGE_OF_KIT).location.startswith("/login")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=gridka-lhcopn", [KIT]),
        ("q=FZK-LCG2", [KIT, "KIT-BACKUP"]),
        ("q=mad-fra", ["KIT-BACKUP"]),
        ("q=geant", ["KIT-BACKUP"]),
        ("network=LHCONE", ["KIT-BACKUP"]),
        ("role=backup", ["KIT-BACKUP"]),
        ("show=retired", ["GONE"]),
        ("sample=yes", [PIC]),
        ("q=pic&network=LHCOPN", [PIC]),
    ],
)
def test_found_by_id_circuit_or_end(
    cast: Cast, session: Session, visit: Enter, query: str, found: list[str]
) -> None:
    by = writer(cast.admin)
    ends = {"network": "LHCONE", "end_a": "GRIDKA", "end_b": "pic"}
    with transaction(session):
        create_link(
            session,
            by,
            {
                "name": "KIT-BACKUP",
                **ends,
                "role": "backup",
                "backs_up": KIT,
                "circuits": (CircuitValue("GEANT", "MAD-FRA-1"),),
            },
        )
        create_link(session, by, {"name": "GONE", **ends, "valid_until": date(2013, 1, 1)})
        link_of_name(session, PIC).sample = True
    page = visit(cast.reader).read(f"/links?{query}")
    # a backup names the link that it stands in for
    assert [name for name in _links_of(page) if name in found or name != KIT] == found
    assert f"{len(found)} link" in page.text


def test_a_page_shows_facts_backups_and_tickets(
    cast: Cast, session: Session, visit: Enter, opened: Open
) -> None:
    with transaction(session):
        change_link(
            session,
            writer(cast.admin),
            KIT,
            {"bandwidth_gbps": 100.0, "circuits": (CircuitValue("DFN", "FRA-1"),)},
            sources={"circuits": "contract"},
            why="upgrade",
        )
        ends = {"network": "LHCONE", "end_a": "GRIDKA", "end_b": "pic"}
        create_link(
            session,
            writer(cast.admin),
            {"name": "L1", **ends, "role": "backup", "backs_up": KIT},
        )
    number = opened(links=(KIT,))
    page = visit(cast.reader).read(PAGE_OF_KIT)
    for words in (
        "CH-CERN to DE-KIT",
        "DE-KIT (default, because none is recorded)",
        "100 Gb/s edited by admin",
        "DFN: FRA-1 contract",
        "because: upgrade",
        "L1 LHCONE",
    ):
        assert words in page.text, words
    links = dict(page.links)
    assert links[f"/tickets?link={KIT}"] == "1 open"
    assert f"/tickets/{number}" in links
    assert "/sites/DE-KIT" in links
    ticket = dict(visit(cast.reader).read(f"/tickets/{number}").links)
    assert ticket[PAGE_OF_KIT] == KIT


def test_as_of_a_day(cast: Cast, session: Session, visit: Enter) -> None:
    for day, end in (("2013-04-01", "pic"), ("2013-05-01", "DE-KIT")):
        with transaction(session):
            by = writer(cast.admin, datetime.fromisoformat(f"{day}T12:00:00+00:00"))
            change_link(
                session, by, KIT, {"end_b": end, "role": "backup", "valid_from": date(2013, 1, 1)}
            )
    visitor = visit(cast.reader)
    assert "CH-CERN to DE-KIT" in visitor.read(f"{PAGE_OF_KIT}?on=2013-03-31").text
    then = visitor.read(f"{PAGE_OF_KIT}?on=2013-04-01")
    assert "CH-CERN to ES-PIC" in then.text
    assert "On 2013-04-01 unmonitored" in then.text
    assert "Role backup" in then.text
    assert "/sites/ES-PIC?on=2013-04-01" in dict(then.links)
    assert "Not in use" in visitor.read(f"{PAGE_OF_KIT}?on=2012-12-31").text


def test_a_link_is_made_edited_and_retired(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    data = _form(visitor, "/links/new")
    data |= {"name": ["KIT-PIC"], "network": ["LHCONE"], "end_a": ["FZK-LCG2"], "end_b": ["pic"]}
    data |= {"circuits-provider": ["GEANT"], "circuits-circuit_id": ["X-1"], "do": ["save"]}
    wrong = visitor.send("/links/new", {**data, "end_b": "GRIDKA", "backs_up": "NONE"})
    assert wrong.status_code == 422
    page = PageReader(wrong.text)
    assert 'No link has the id "NONE"' in page.text
    assert page.form("/links/new").values("circuits-circuit_id") == ["X-1"]
    assert "Both ends are DE-KIT" in visitor.send("/links/new", {**data, "end_b": "GRIDKA"}).text
    answer = visitor.send("/links/new", data)
    assert (answer.status_code, answer.location) == (303, "/links/KIT-PIC")
    again = visitor.send("/links/new", {**data, "name": "kit-pic"})
    assert "Link &#34;KIT-PIC&#34; already exists" in again.text
    data = _form(visitor, "/links/KIT-PIC/edit") | {"role": ["backup"], "backs_up": [KIT]}
    answer = visitor.send("/links/KIT-PIC/edit", {**data, "do": "save", "why": "tested"})
    assert answer.status_code == 303
    values = link_values(link_of_name(session, "KIT-PIC"))
    assert (values["end_a"], values["backs_up"]) == ("DE-KIT", KIT)
    session.rollback()
    answer = visitor.send(f"{PAGE_OF_KIT}/retire", {"on": "2013-01-01", "why": "cut"})
    assert answer.status_code == 422
    assert "KIT-PIC, which backs it up" in answer.text
    answer = visitor.send("/links/KIT-PIC/retire", {"on": "2013-01-01", "why": "cut"})
    assert answer.status_code == 303
    assert "because: cut" in visitor.read("/links/KIT-PIC").text


def test_the_id_of_a_link_is_built_from_its_ends(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    page = visitor.read("/links/new")
    lists = {value for _tag, name, value in page.attributes if name == "list"}
    assert lists == {"known-sites", "known-links"}
    assert "CERN-PROD" in page.text  # a site is suggested by each of its names
    data = _form(visitor, "/links/new") | {"do": ["save"]}
    for ends, name in (
        # the T0 comes first, names are the short ones; number 1 is there
        (("GRIDKA", "CERN"), "CERN-GRIDKA-LHCOPN-002"),
        (("CH-CERN", "FZK-LCG2"), "CERN-GRIDKA-LHCOPN-003"),
        (("pic", "DE-KIT"), "GRIDKA-PIC-LHCOPN-001"),
    ):
        sent = {**data, "end_a": ends[0], "end_b": ends[1]}
        assert visitor.send("/links/new", sent).location == f"/links/{name}"
    lhcone = {**data, "end_a": "CERN", "end_b": "pic", "network": "LHCONE"}
    assert visitor.send("/links/new", lhcone).location == "/links/CERN-PIC-LHCONE-001"
    wrong = visitor.send("/links/new", {**data, "end_a": "NOWHERE", "end_b": "pic"})
    assert wrong.status_code == 422
    assert "No site has the name" in PageReader(wrong.text).text
    same = visitor.send("/links/new", {**data, "end_a": "pic", "end_b": "PIC"})
    assert "Both ends are ES-PIC" in PageReader(same.text).text
    for end in ("CERN\0", "x" * 300, ""):
        assert visitor.send("/links/new", {**data, "end_a": end, "end_b": "pic"}).status_code == 422


def test_a_link_sample_is_confirmed_as_a_whole(session: Session, cast: Cast, visit: Enter) -> None:
    with transaction(session):
        link = link_of_name(session, KIT)
        link.sample, link.source = True, "a pattern"
    visitor = visit(cast.admin)
    assert "Confirm all samples" in visitor.read(PAGE_OF_KIT).text
    answer = visitor.send(f"{PAGE_OF_KIT}/confirm", {"field": "*", "source": "the NOC"})
    assert answer.status_code == 303
    page = visitor.read(PAGE_OF_KIT)
    assert "CH-CERN to DE-KIT the NOC" in page.text
    assert "Confirm all samples" not in page.text


def test_two_admins_edit_one_link(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    mine = _form(visitor, f"{PAGE_OF_KIT}/edit") | {"bandwidth_gbps": ["40"], "do": ["save"]}
    with transaction(session):
        change_link(session, writer(cast.admin), KIT, {"bandwidth_gbps": 10.0, "role": "backup"})
    answer = visitor.send(f"{PAGE_OF_KIT}/edit", mine)
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "Bandwidth stored now: 10 yours: 40" in page.text
    assert page.form(f"{PAGE_OF_KIT}/edit").values("role") == ["backup"]


def test_a_page_of_many_links_takes_few_statements(
    session: Session, cast: Cast, visit: Enter
) -> None:
    def statements(path: str) -> int:
        counted: list[str] = []
        with visitor.client.application.app_context():
            engine = db.engine

        def note(*args: object) -> None:
            counted.append(str(args[2]))

        event.listen(engine, "before_cursor_execute", note)
        visitor.read(path)
        event.remove(engine, "before_cursor_execute", note)
        return len(counted)

    visitor = visit(cast.reader)
    few = [statements(path) for path in ("/links", "/sites", "/sites/CH-CERN")]
    with transaction(session):
        link = link_of_name(session, KIT)
        for number in range(PAGE + 10):
            session.add(
                Link(
                    name=f"L{number:03}",
                    network="LHCOPN",
                    end_a=link.end_a,
                    end_b=link.end_b,
                    backs_up=link,
                    recorded_responsible=link.end_a,
                )
            )
    many = [statements(path) for path in ("/links", "/sites", "/sites/CH-CERN")]
    assert all(after <= before + 1 for before, after in zip(few, many, strict=True)), (few, many)
    assert max(many) < 20
