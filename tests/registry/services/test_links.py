"""Links: ends, ids, circles of backups, what keeps one from ending, and the log of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import EditConflict, Forbidden, Invalid, InvalidMany, NotFound
from app.core.rules.hooks import Hook
from app.core.services.changes import changes_of
from app.registry.models.registry import Link
from app.registry.rules.registry import CircuitValue
from app.registry.services import retirement
from app.registry.services.links import (
    change_link,
    create_link,
    link_of_name,
    link_values,
    retire_link,
)
from app.registry.services.registry import (
    LoadedLookup,
    responsible_site_of_link,
    source_of,
    sources_of,
)
from app.registry.services.sites import change_site, retire_site
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, open_ticket
from tests.cast import Cast, enter, writer

DAY = date(2013, 3, 1)
KIT, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
NEW: dict[str, Any] = {
    "name": "GRIDKA-PIC-LHCONE-001",
    "network": "LHCONE",
    "end_a": "FZK-LCG2",
    "end_b": "pic",
}


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def _problems(session: Session, cast: Cast, **stated: Any) -> dict[str, str]:
    try:
        create_link(session, writer(cast.admin), {**NEW, **stated})
    except InvalidMany as error:
        return error.problems
    finally:
        session.rollback()
    return {}


def test_a_link_with_everything(session: Session, cast: Cast) -> None:
    with transaction(session):
        link = create_link(
            session,
            writer(cast.admin),
            {
                **NEW,
                "role": "backup",
                "backs_up": PIC,
                "responsible_site": "pic",
                "bandwidth_gbps": 10.0,
                "valid_from": DAY,
                "circuits": (CircuitValue("GEANT", "MAD-FRA-1"), CircuitValue("DFN")),
            },
            sources={"end_a": "contract"},
            why="ordered",
        )
    session.expire_all()
    assert link_values(link) == {
        "name": "GRIDKA-PIC-LHCONE-001",
        "network": "LHCONE",
        "end_a": "DE-KIT",
        "end_b": "ES-PIC",
        "role": "backup",
        "backs_up": PIC,
        "responsible_site": "ES-PIC",
        "bandwidth_gbps": 10.0,
        "valid_from": DAY,
        "valid_until": None,
        "circuits": (CircuitValue("GEANT", "MAD-FRA-1"), CircuitValue("DFN")),
    }
    assert responsible_site_of_link(link).key == "ES-PIC"
    (change,) = changes_of(session, "link", link.id)
    log = {item.field: item.new for item in change.fields}
    assert log["end_a"] == "DE-KIT"
    assert log["circuits"] == "GEANT: MAD-FRA-1; DFN"
    assert log["source:ends"] == "contract"
    assert log["why"] == "ordered"


def test_two_links_with_one_id(session: Session, cast: Cast) -> None:
    for name in (KIT, KIT.lower()):
        assert KIT in _problems(session, cast, name=name)["name"]
    assert _problems(session, cast) == {}
    with pytest.raises(InvalidMany, match="already"):
        change_link(session, writer(cast.admin), PIC, {"name": KIT})
    session.rollback()
    with transaction(session):  # its own id in other letters is its own
        change_link(session, writer(cast.admin), PIC, {"name": PIC.lower()})
    assert link_of_name(session, PIC.lower()).version == 2


def test_all_that_is_wrong_at_once(session: Session, cast: Cast) -> None:
    assert set(_problems(session, cast, end_a="x", backs_up="y", responsible_site="z")) == {
        "end_a",
        "backs_up",
        "responsible_site",
    }
    problems = _problems(session, cast, end_b="GRIDKA", valid_from=DAY, valid_until=DAY, name=KIT)
    assert set(problems) == {"end_b", "valid_until", "name"}
    assert "Both ends are DE-KIT" in problems["end_b"]
    assert set(_problems(session, cast, name="", end_a="")) == {"name", "end_a"}


def test_circles_of_backups(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        create_link(session, by, {**NEW, "name": "A", "role": "backup", "backs_up": KIT})
        create_link(session, by, {**NEW, "name": "B", "role": "backup", "backs_up": "A"})
    for name, circle in (
        ("A", "A backs up A"),
        (KIT, f"{KIT} backs up B backs up A backs up {KIT}"),
    ):
        with pytest.raises(InvalidMany) as caught:
            change_link(session, by, name, {"backs_up": "B" if name == KIT else name})
        assert circle in caught.value.problems["backs_up"]
        session.rollback()
    with transaction(session):
        change_link(session, by, "A", {"backs_up": ""})
        change_link(session, by, KIT, {"backs_up": "B"})


def test_ends_are_in_use_as_long_as_the_link(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        change_site(session, by, "ES-PIC", {"valid_from": date(2009, 1, 1)})
    assert (
        "ES-PIC begins on 2009-01-01"
        in _problems(session, cast, valid_from=date(2008, 1, 1))["end_b"]
    )
    assert _problems(session, cast, valid_from=date(2009, 1, 1)) == {}
    with transaction(session):
        retire_link(session, by, PIC, DAY)
        retire_site(session, by, "ES-PIC", DAY)
    assert "ES-PIC ended" in _problems(session, cast, valid_until=date(2013, 3, 2))["end_b"]
    assert _problems(session, cast, valid_until=DAY) == {}


def test_what_stands_on_a_link_keeps_it(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        create_link(session, by, {**NEW, "role": "backup", "backs_up": KIT})
        ticket = open_ticket(session, by, NewTicket(title="a", description="b", links=(KIT,)))
    with pytest.raises(Invalid) as caught:
        retire_link(session, by, KIT, DAY)
    assert caught.value.field == "valid_until"
    assert f"{NEW['name']}, which backs it up" in caught.value.message
    assert "open tickets (1)" in caught.value.message
    session.rollback()
    with transaction(session):
        change_ticket(session, by, ticket.number, {"state": "solved", "solution": "x"})
        retire_link(session, by, NEW["name"], DAY)
        link = retire_link(session, by, KIT, DAY, why="cut")
    assert link.valid_until == DAY
    newest = changes_of(session, "link", link.id)[-1]
    assert [(item.field, item.old, item.new) for item in newest.fields] == [
        ("valid_until", None, "2013-03-01"),
        ("why", None, "cut"),
    ]


def test_two_writers(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        change_link(session, by, KIT, {"bandwidth_gbps": 10.0})
    with pytest.raises(EditConflict, match="this link"):
        change_link(session, by, KIT, {"bandwidth_gbps": 40.0}, base_version=1)
    with transaction(session):
        link = change_link(session, by, KIT, {"bandwidth_gbps": 10.0}, base_version=1)
    assert link.version == 2


def test_rights_and_unknown(session: Session, cast: Cast) -> None:
    for who in (cast.operator, cast.kit, cast.reader, cast.ggus):
        with pytest.raises(Forbidden, match="Only admins"):
            create_link(session, writer(who), NEW)
        with pytest.raises(Forbidden):
            change_link(session, writer(who), KIT, {"role": "backup"})
        with pytest.raises(Forbidden):
            retire_link(session, writer(who), KIT, DAY)
    with pytest.raises(NotFound):
        change_link(session, writer(cast.admin), "x", {"role": "backup"})


def test_an_edit_clears_the_sample_of_its_fact_only(session: Session, cast: Cast) -> None:
    with transaction(session):
        link = link_of_name(session, KIT)
        link.sample, link.source = True, "a guess"
    with transaction(session):
        change_link(session, writer(cast.admin), KIT, {"bandwidth_gbps": 10.0})
    assert link.sample, "the rest of it is a sample still"
    own = sources_of(session, "link", link)
    assert source_of(link, "bandwidth_gbps", own) == ("edited by admin", False)
    assert source_of(link, "ends", own) == ("a guess", True)


def test_thousands_by_a_loaded_lookup(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        lookup = LoadedLookup(session)
        create_link(session, by, NEW, lookup=lookup)
        with pytest.raises(InvalidMany, match="already"):
            create_link(session, by, {**NEW, "name": NEW["name"].lower()}, lookup=lookup)
        change_link(session, by, NEW["name"], {"name": "OTHER"}, lookup=lookup)
        create_link(session, by, {**NEW, "backs_up": "OTHER"}, lookup=lookup)
    link: Link = link_of_name(session, NEW["name"])
    assert link.backs_up is not None
    assert link.backs_up.name == "OTHER"


def test_a_link_never_ends_without_asking_who_stands_on_it(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retirement, "DEPENDENTS", Hook("DEPENDENTS"))
    with pytest.raises(RuntimeError, match="DEPENDENTS is not set"), transaction(session):
        retire_link(session, writer(cast.admin), KIT, DAY)
