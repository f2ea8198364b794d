"""Names that the registry does not know: listed, decided on, and the tickets follow and go back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.errors import Forbidden, Invalid, InvalidMany, NotFound
from app.core.services.changes import changes_of
from app.names.services.name_decisions import (
    add_unit,
    dismiss_name,
    follow_tickets,
    make_alias,
    release_tickets,
    take_back,
)
from app.names.services.unresolved import (
    NameKind,
    UnresolvedName,
    count_unresolved,
    decided_names,
    unresolved_name,
    unresolved_names,
)
from app.registry.models.registry import Link, Site, SiteName
from app.registry.rules.registry import SiteNameValue
from app.registry.services.links import change_link, create_link
from app.registry.services.nearest_names import NearestNames
from app.registry.services.registry import LoadedLookup, Lookup
from app.registry.services.sites import change_site, create_site, site_of_key, site_values
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import change_ticket, open_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.until import until

SITE, LINK, UNIT = NameKind.SITE, NameKind.LINK, NameKind.UNIT
TYPO = "FZK-LGC2"
SLIP = "CERN-GRDKA-LHCOPN-001"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def opened(session: Session, by: Any, **fields: Any) -> int:
    with transaction(session):
        content = NewTicket(**{"title": "Link down", **fields})
        return open_ticket(session, writer(by), content).number


def listed(session: Session, cast: Cast, kind: NameKind) -> list[tuple[str, int, int]]:
    session.rollback()
    found = unresolved_names(session, cast.admin, kind).names
    return [(item.name, item.count, item.newest) for item in found]


def the(session: Session, cast: Cast, kind: NameKind, name: str) -> UnresolvedName:
    session.rollback()
    return unresolved_name(session, cast.admin, kind, name)


def ticket_of(session: Session, number: int) -> Ticket:
    session.rollback()
    session.expire_all()
    return session.get_one(Ticket, number)


def decide(session: Session, cast: Cast, verb: Callable[..., Any], *args: Any, **more: Any) -> Any:
    session.rollback()
    with transaction(session):
        return verb(session, writer(cast.admin, NOON + timedelta(hours=1)), *args, **more)


def newest_change(session: Session, kind: str, key: int) -> Change:
    session.rollback()
    return changes_of(session, kind, key)[-1]


def fields_of(change: Change) -> list[tuple[str, str | None, str | None]]:
    return [(item.field, item.old, item.new) for item in change.fields]


def test_sites_that_nobody_knows_with_how_often_and_by_whom(session: Session, cast: Cast) -> None:
    for by in (cast.ggus, cast.ggus, cast.kit):
        opened(session, by, sites=(TYPO,))
    newest = opened(session, cast.operator, sites=("DE-KIT", "Nowhere"))
    assert listed(session, cast, SITE) == [(TYPO, 3, newest - 1), ("Nowhere", 1, newest)]
    found = the(session, cast, SITE, TYPO)
    assert found.writers == [("GGUS-TEST", 2), ("kit", 1)]
    assert [(near.name, near.key) for near in found.near][:1] == [("FZK-LCG2", "DE-KIT")]
    assert found.means == ""


def test_links_in_titles_and_descriptions(session: Session, cast: Cast) -> None:
    first = opened(session, cast.ggus, title=f"{SLIP} down")
    second = opened(session, cast.kit, description=f"as {SLIP.lower()}, and CERN-PIC-LHCOPN-001")
    opened(session, cast.kit, title="CERN-GRIDKA-LHCOPN-001 down")
    assert listed(session, cast, LINK) == [(SLIP, 2, second)]
    near = the(session, cast, LINK, SLIP).near
    assert near[0].key == "CERN-GRIDKA-LHCOPN-001"
    with transaction(session):
        change_ticket(session, writer(cast.admin), first, {"title": "Corrected"})
    assert listed(session, cast, LINK) == [(SLIP, 1, second)]
    with transaction(session):
        change_ticket(session, writer(cast.admin), second, {"description": "A-B-LHCONE-7"})
    assert listed(session, cast, LINK) == [("A-B-LHCONE-7", 1, second)]


def test_units_that_are_no_partners_and_not_known(session: Session, cast: Cast) -> None:
    for unit in ("TPM", "NREN-A", "LHCOPN NOC", "LHCOPN NOC", "LHC0PN NOC"):
        newest = opened(session, cast.ggus, unit=unit)
    assert listed(session, cast, UNIT) == [
        ("LHCOPN NOC", 2, newest - 1),
        ("LHC0PN NOC", 1, newest),
    ]
    decide(session, cast, add_unit, "LHCOPN NOC", why="It exists")
    assert [near.key for near in the(session, cast, UNIT, "LHC0PN NOC").near] == ["LHCOPN NOC"]
    decide(session, cast, make_alias, UNIT, "LHC0PN NOC", "LHCOPN NOC", why="A slip")
    assert listed(session, cast, UNIT) == []
    assert ticket_of(session, newest).unit == "LHC0PN NOC", "the portal never overwrites it"
    decide(session, cast, take_back, UNIT, "LHC0PN NOC")
    assert listed(session, cast, UNIT) == [("LHC0PN NOC", 1, newest)]


def test_an_alias_of_a_site_and_its_tickets_follow(session: Session, cast: Cast) -> None:
    numbers = [opened(session, cast.ggus, sites=(TYPO,)) for _ in range(3)]
    both = opened(session, cast.kit, sites=("ES-PIC", TYPO, "DE-KIT"))
    decide(session, cast, make_alias, SITE, TYPO, "GRIDKA", system="GOCDB", why="As written")
    site = session.scalars(select(Site).where(Site.key == "DE-KIT")).one()
    change = newest_change(session, "site", site.id)
    assert change.actor_account == "admin"
    assert ("why", None, "As written") in fields_of(change)
    assert the(session, cast, SITE, TYPO).means == "DE-KIT"

    followed = decide(session, cast, follow_tickets, SITE, TYPO, 2)
    assert (followed.done, followed.left) == (2, 2)
    assert ticket_of(session, numbers[0]).responsible_site.key == "DE-KIT"  # type: ignore[union-attr]
    followed = decide(session, cast, follow_tickets, SITE, TYPO, 9)
    assert (followed.done, followed.left) == (2, 0)
    assert listed(session, cast, SITE) == []
    assert decide(session, cast, follow_tickets, SITE, TYPO, 9).done == 0

    ticket = ticket_of(session, numbers[2])
    assert ticket.version == 2
    assert current_value(ticket, "sites") == (TYPO,), "answered as it was sent"
    change = newest_change(session, "ticket", numbers[2])
    assert (change.actor_account, change.door) == ("admin", "portal")
    assert fields_of(change) == [("sites", TYPO, "DE-KIT"), ("responsible_site", None, "DE-KIT")]
    assert current_value(ticket_of(session, both), "sites") == ("ES-PIC", "DE-KIT")
    later = opened(session, cast.ggus, sites=(TYPO,))
    assert ticket_of(session, later).affected_sites[0].site_id == site.id


def test_an_alias_of_a_site_is_taken_back(session: Session, cast: Cast) -> None:
    number = opened(session, cast.ggus, sites=(TYPO,))
    other = opened(session, cast.ggus, sites=("FZK-LCG2",))
    decide(session, cast, make_alias, SITE, TYPO, "DE-KIT")
    decide(session, cast, follow_tickets, SITE, TYPO, 9)
    assert decide(session, cast, release_tickets, SITE, TYPO, 9).done == 0, "it still means DE-KIT"
    decide(session, cast, take_back, SITE, TYPO, "Was wrong")
    followed = decide(session, cast, release_tickets, SITE, TYPO, 9)
    assert (followed.done, followed.left) == (1, 0)
    assert listed(session, cast, SITE) == [(TYPO, 1, number)]
    ticket = ticket_of(session, number)
    assert ticket.responsible_site is None
    assert fields_of(newest_change(session, "ticket", number)) == [
        ("sites", "DE-KIT", TYPO),
        ("responsible_site", "DE-KIT", None),
    ]
    assert ticket_of(session, other).version == 1
    names = session.scalars(select(SiteName.name).where(SiteName.name == TYPO)).all()
    assert names == []
    with pytest.raises(NotFound):
        decide(session, cast, take_back, SITE, TYPO)


def test_an_alias_of_a_link_there_and_back(session: Session, cast: Cast) -> None:
    number = opened(session, cast.ggus, title=f"{SLIP} down")
    named = opened(session, cast.ggus, title=f"{SLIP} or CERN-GRIDKA-LHCOPN-001")
    decide(session, cast, make_alias, LINK, SLIP, "CERN-GRIDKA-LHCOPN-001", why="A slip")
    link = session.scalars(select(Link).where(Link.name == "CERN-GRIDKA-LHCOPN-001")).one()
    assert link.version == 2
    assert fields_of(newest_change(session, "link", link.id)) == [
        ("aliases", None, SLIP),
        ("why", None, "A slip"),
    ]
    decide(session, cast, follow_tickets, LINK, SLIP, 9)
    ticket = ticket_of(session, number)
    assert [(row.link.name, row.recognised) for row in ticket.affected_links] == [
        ("CERN-GRIDKA-LHCOPN-001", True)
    ]
    assert fields_of(newest_change(session, "ticket", number)) == [
        ("links", None, "CERN-GRIDKA-LHCOPN-001"),
        ("responsible_site", None, "DE-KIT"),
    ]
    assert ticket_of(session, named).version == 1, "it affected that link already"
    later = opened(session, cast.ggus, title=f"Again {SLIP.lower()}")
    assert current_value(ticket_of(session, later), "links") == ("CERN-GRIDKA-LHCOPN-001",)
    assert listed(session, cast, LINK) == []

    decide(session, cast, take_back, LINK, SLIP)
    decide(session, cast, release_tickets, LINK, SLIP, 9)
    assert current_value(ticket_of(session, number), "links") == ()
    assert current_value(ticket_of(session, later), "links") == ()
    assert current_value(ticket_of(session, named), "links") == ("CERN-GRIDKA-LHCOPN-001",)
    assert listed(session, cast, LINK) == [(SLIP, 3, later)]


def test_a_new_record_lets_its_tickets_follow_too(session: Session, cast: Cast) -> None:
    number = opened(session, cast.ggus, title="CERN-NEW-LHCOPN-001 down", sites=("XX-NEW",))
    site = {"key": "XX-NEW", "country": "XX", "time_zone": "UTC", "tier": 1}
    decide(session, cast, create_site, {**site, "country": "DE"})
    link = {"name": "CERN-NEW-LHCOPN-001", "network": "LHCOPN"}
    decide(session, cast, create_link, {**link, "end_a": "CH-CERN", "end_b": "XX-NEW"})
    assert the(session, cast, SITE, "XX-NEW").means == "XX-NEW"
    assert the(session, cast, LINK, "CERN-NEW-LHCOPN-001").means == "CERN-NEW-LHCOPN-001"
    decide(session, cast, follow_tickets, SITE, "XX-NEW", 9)
    decide(session, cast, follow_tickets, LINK, "CERN-NEW-LHCOPN-001", 9)
    ticket = ticket_of(session, number)
    assert current_value(ticket, "links") == ("CERN-NEW-LHCOPN-001",)
    assert current_value(ticket, "responsible_site") == "XX-NEW"
    assert count_unresolved(session, cast.admin) == 0


def test_final_tickets_follow_as_well(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator, sites=(TYPO,))
    for state in ("solved", "verified"):
        with transaction(session):
            wanted = {"state": state, "solution": "Done"} if state == "solved" else {"state": state}
            change_ticket(session, writer(cast.operator), number, wanted)
    decide(session, cast, make_alias, SITE, TYPO, "DE-KIT")
    assert decide(session, cast, follow_tickets, SITE, TYPO, 9).done == 1
    assert ticket_of(session, number).state == "verified"


def test_dismissed_names_are_not_listed_until_that_is_taken_back(
    session: Session, cast: Cast
) -> None:
    number = opened(session, cast.ggus, sites=("none of ours",))
    decide(session, cast, dismiss_name, SITE, "none of ours", "A test site")
    assert listed(session, cast, SITE) == []
    assert count_unresolved(session, cast.admin) == 0
    (decided,) = decided_names(session, cast.admin)
    assert (decided.kind, decided.name, decided.decision) == (SITE, "none of ours", "dismissed")
    change = session.scalars(select(Change).where(Change.kind == "name")).one()
    assert fields_of(change) == [("site_name", None, "dismissed"), ("why", None, "A test site")]
    decide(session, cast, take_back, SITE, "none of ours")
    assert listed(session, cast, SITE) == [("none of ours", 1, number)]
    assert decided_names(session, cast.admin) == []


def test_what_is_refused(session: Session, cast: Cast) -> None:
    opened(session, cast.ggus, title=f"{SLIP} down", sites=(TYPO, "y" * 200), unit="A unit")
    for kind, name, target, system, field in (
        (SITE, TYPO, "nobody", "GOCDB", "target"),
        (SITE, TYPO, "", "GOCDB", "target"),
        (SITE, TYPO, "DE-KIT", "DNS", "system"),
        (SITE, "y" * 200, "DE-KIT", "GOCDB", "target"),
        (LINK, SLIP, "CERN-NOWHERE-LHCOPN-001", "GOCDB", "target"),
        (UNIT, "A unit", "Another", "GOCDB", "target"),
    ):
        with pytest.raises(Invalid) as caught:
            decide(session, cast, make_alias, kind, name, target, system=system)
        assert caught.value.field == field
    for verb, args in (
        (make_alias, (SITE, "DE-KIT", "ES-PIC")),
        (make_alias, (SITE, "never heard of", "ES-PIC")),
        (dismiss_name, (UNIT, "TPM")),
        (take_back, (SITE, TYPO)),
    ):
        with pytest.raises(NotFound):
            decide(session, cast, verb, *args)
    with pytest.raises(Invalid, match="at most 255"):
        decide(session, cast, dismiss_name, SITE, TYPO, "x" * 256)
    decide(session, cast, make_alias, LINK, SLIP, "CERN-PIC-LHCOPN-001")
    with pytest.raises(Invalid, match="known now"):
        decide(session, cast, make_alias, LINK, SLIP, "CERN-GRIDKA-LHCOPN-001")


def test_only_admins_may(session: Session, cast: Cast) -> None:
    opened(session, cast.ggus, sites=(TYPO,))
    for actor in (cast.operator, cast.kit, cast.reader, cast.ggus):
        for verb, args in (
            (make_alias, (SITE, TYPO, "DE-KIT")),
            (dismiss_name, (SITE, TYPO)),
            (take_back, (SITE, TYPO)),
            (follow_tickets, (SITE, TYPO, 9)),
            (release_tickets, (SITE, TYPO, 9)),
            (add_unit, ("A unit",)),
        ):
            session.rollback()
            with pytest.raises(Forbidden), transaction(session):
                verb(session, writer(actor), *args)
        with pytest.raises(Forbidden):
            unresolved_names(session, actor, SITE)
        with pytest.raises(Forbidden):
            count_unresolved(session, actor)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("fzk lcg2", ["DE-KIT"]),
        ("FZK-LCG-2", ["DE-KIT"]),
        ("DEKIT", ["DE-KIT"]),
        ("UK-T1-RALL", ["UK-T1-RAL"]),
        ("something else", []),
        ("", []),
    ],
)
def test_nearest_names(name: str, keys: list[str]) -> None:
    nearest = NearestNames(
        [
            ("DE-KIT", "DE-KIT"),
            ("FZK-LCG2", "DE-KIT"),
            ("UK-T1-RAL", "UK-T1-RAL"),
            ("RAL-LCG2", "UK-T1-RAL"),
        ]
    )
    assert [near.key for near in nearest.of(name)][: len(keys) or 1] == keys


def test_an_alias_beside_somebody_who_names_the_same_site(
    database: str, session: Session, cast: Cast
) -> None:
    """What the other one adds while this one waits for the lock stays."""
    opened(session, cast.ggus, sites=(TYPO,))
    session.rollback()
    engine = open_engine(database)

    def alias() -> None:
        with Session(engine) as own, transaction(own):
            make_alias(own, writer(cast.admin), SITE, TYPO, "DE-KIT")

    def waits() -> bool:
        if engine.dialect.name == "sqlite":
            return True  # its writers come one after another through a gate
        with engine.connect() as own:
            return bool(own.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    with ThreadPoolExecutor(1) as pool:
        with transaction(session):
            names = site_values(site_of_key(session, "DE-KIT"))["names"]
            more = {"names": (*names, SiteNameValue("NetSite", "KIT-NET"))}
            change_site(session, writer(cast.admin), "DE-KIT", more)
            other = pool.submit(alias)
            until(waits)
        other.result()
    engine.dispose()
    session.rollback()
    named = {name.name for name in site_of_key(session, "DE-KIT").names}
    assert {TYPO, "KIT-NET"} <= named


def test_tickets_follow_to_the_site_that_bore_the_name_in_their_time(
    session: Session, cast: Cast
) -> None:
    old = opened(session, cast.ggus, sites=(TYPO,), event_start=NOON - timedelta(days=900))
    new = opened(session, cast.ggus, sites=(TYPO,))
    handed_on = date(2012, 1, 1)
    with transaction(session):
        for key, days in (("ES-PIC", (None, handed_on)), ("DE-KIT", (handed_on, None))):
            names = site_values(site_of_key(session, key))["names"]
            more = (*names, SiteNameValue("GOCDB", TYPO, *days))
            change_site(session, writer(cast.admin), key, {"names": more})
    decide(session, cast, follow_tickets, SITE, TYPO, 9)
    sites = [ticket_of(session, number).affected_sites[0].site for number in (old, new)]
    assert [site and site.key for site in sites] == ["ES-PIC", "DE-KIT"]


def test_what_tickets_call_a_link_is_no_other_links_id(session: Session, cast: Cast) -> None:
    opened(session, cast.ggus, title=f"{SLIP} down")
    decide(session, cast, make_alias, LINK, SLIP, "CERN-GRIDKA-LHCOPN-001")
    session.rollback()
    stated = {"network": "LHCOPN", "end_a": "CH-CERN", "end_b": "DE-KIT"}
    for lookup in (Lookup, LoadedLookup):
        with pytest.raises(InvalidMany) as caught:
            create_link(
                session,
                writer(cast.admin),
                {**stated, "name": SLIP.lower()},
                lookup=lookup(session),
            )
        assert "means CERN-GRIDKA-LHCOPN-001" in caught.value.problems["name"]
        session.rollback()
    with pytest.raises(InvalidMany):
        change_link(session, writer(cast.admin), "CERN-PIC-LHCOPN-001", {"name": SLIP})
    session.rollback()
    with transaction(session):
        change_link(session, writer(cast.admin), "CERN-GRIDKA-LHCOPN-001", {"name": SLIP})
