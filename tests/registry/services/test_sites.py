"""Sites: every change is one row of the log; what stands on one keeps it; sources and samples."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.errors import EditConflict, Forbidden, Invalid, InvalidMany, NotFound
from app.core.services.changes import changes_of
from app.reference.seed import seed_reference
from app.registry.models.registry import FactSource, Link, Site
from app.registry.rules.registry import ContactValue, SiteNameValue
from app.registry.services.links import LINKS, change_link, create_link
from app.registry.services.registry import (
    LoadedLookup,
    Lookup,
    find_site,
    site_keys_in,
    source_of,
    sources_of,
)
from app.registry.services.sites import (
    SITES,
    change_site,
    create_site,
    retire_site,
    site_of_key,
    site_values,
)
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, open_ticket
from tests.cast import NOON, SYSTEM, Cast, enter, writer

NEW: dict[str, Any] = {"key": "XX-LAB", "country": "CH", "time_zone": "Europe/Zurich"}
DAY = date(2013, 3, 1)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def _log(session: Session, site: Site) -> list[dict[str, tuple[str | None, str | None]]]:
    return [
        {item.field: (item.old, item.new) for item in change.fields}
        for change in changes_of(session, "site", site.id)
    ]


def test_a_site_with_everything(session: Session, cast: Cast) -> None:
    stated = {
        **NEW,
        "tier": 1,
        "tier_since": date(2012, 1, 1),
        "valid_from": date(2011, 1, 1),
        "bandwidth_gbps": 100.0,
        "nrens": ("SWITCH", "GEANT"),
        "vos": ("ATLAS",),
        "asns": (64512, 64500),
        "prefixes": (("LHCOPN", "192.0.2.0/24"), ("LHCONE", "2001:db8::/32")),
        "names": (
            SiteNameValue("GOCDB", "LAB-A"),
            SiteNameValue("GOCDB", "LAB-B", date(2012, 1, 1), date(2013, 1, 1)),
        ),
        "contacts": (ContactValue("network", "Sample NOC", "noc@lab.example"),),
    }
    with transaction(session):
        create_site(
            session, writer(cast.admin), stated, sources={"asns": "RIPE, 2013-03"}, why="new T1"
        )
    session.expire_all()
    site = site_of_key(session, "XX-LAB")
    assert site_values(site) == {
        **stated,
        "asns": (64500, 64512),
        "names": (SiteNameValue("LHCOPN", "XX-LAB"), *stated["names"]),
        "tier_until": None,
        "valid_until": None,
    }
    (log,) = _log(session, site)
    assert log["asns"] == (None, "64500; 64512")
    assert log["prefixes"] == (None, "LHCOPN 192.0.2.0/24; LHCONE 2001:db8::/32")
    assert log["names"] == (
        None,
        "LHCOPN XX-LAB; GOCDB LAB-A; GOCDB LAB-B @2012-01-01..2013-01-01",
    )
    assert log["why"] == (None, "new T1")
    assert log["source:asns"] == (None, "RIPE, 2013-03")
    assert "valid_until" not in log
    (change,) = changes_of(session, "site", site.id)
    assert (change.version, change.actor_account, change.door) == (1, "admin", "portal")
    assert site.source == "entered by admin"
    own = sources_of(session, "site", site)
    assert source_of(site, "asns", own) == ("RIPE, 2013-03", False)
    assert source_of(site, "nrens", own) == ("entered by admin", False)


def test_a_new_t1_without_a_day_is_one_from_today_on(session: Session, cast: Cast) -> None:
    by, today = writer(cast.admin), NOON.date()
    with transaction(session):
        made = create_site(session, by, {**NEW, "tier": 1})
        later = {"key": "XX-LATER", "tier": 0, "valid_from": date(2014, 1, 1)}
        assert create_site(session, by, {**NEW, **later}).tier_since == date(2014, 1, 1)
        plain = create_site(session, by, {**NEW, "key": "XX-PLAIN"})
    assert (made.tier_since, plain.tier_since) == (today, None)
    assert _log(session, made)[0]["tier_since"] == (None, "2013-03-06")
    # a form sends the day as empty
    with transaction(session):
        change_site(session, by, "XX-PLAIN", {"tier": 1, "tier_since": None})
    assert _log(session, plain)[1] == {"tier": (None, "1"), "tier_since": (None, "2013-03-06")}
    # it is never taken off again, nor guessed for who is no T1 any more
    wrong: Sequence[tuple[str, dict[str, Any]]] = (
        ("XX-LAB", {"tier_since": None}),
        ("DE-KIT", {"tier_since": None, "country": "FR"}),
    )
    for key, change in wrong:
        with pytest.raises(InvalidMany) as caught, transaction(session):
            change_site(session, by, key, change)
        assert list(caught.value.problems) == ["tier_since"]
    with pytest.raises(InvalidMany) as caught, transaction(session):
        create_site(session, by, {**NEW, "key": "XX", "tier": 1, "tier_until": date(2012, 1, 1)})
    assert caught.value.problems == {"tier_since": "Enter the first day as T1"}


@pytest.mark.parametrize("who", ["operator", "kit", "reader", "ggus"])
def test_only_admins(session: Session, cast: Cast, who: str) -> None:
    by = writer(getattr(cast, who))
    with pytest.raises(Forbidden, match="Only admins may change sites"):
        create_site(session, by, NEW)
    with pytest.raises(Forbidden):
        change_site(session, by, "DE-KIT", {"vos": ("ATLAS",)})
    with pytest.raises(Forbidden):
        retire_site(session, by, "DE-KIT", DAY)
    with pytest.raises(Forbidden):
        SITES.confirm(session, by, "DE-KIT", "tier", "me")


def test_a_change_is_one_row_and_no_change_is_none(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        change_site(session, by, "DE-KIT", {"vos": ("ATLAS", "CMS"), "asns": (58069,)}, why="CRIC")
    with transaction(session):
        site = change_site(
            session, by, "DE-KIT", {"vos": ("ATLAS", "CMS"), "country": "DE"}, why="x"
        )
    assert _log(session, site) == [
        {"vos": (None, "ATLAS; CMS"), "asns": (None, "58069"), "why": (None, "CRIC")}
    ]
    assert site.version == 2


def test_names_keep_their_order_and_can_trade_places(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    lhcopn = SiteNameValue("LHCOPN", "ES-PIC")
    first, second = SiteNameValue("GOCDB", "pic"), SiteNameValue("GOCDB", "PIC-2")
    for names in (
        (lhcopn, first, second),
        (lhcopn, second, first),
        (lhcopn, second),
        (second, lhcopn, first),
        (lhcopn, SiteNameValue("GOCDB", "pic", None, DAY), second),
    ):
        with transaction(session):
            change_site(session, by, "ES-PIC", {"names": names})
        session.expire_all()
        assert site_values(site_of_key(session, "ES-PIC"))["names"] == names
    with transaction(session):
        change_site(session, by, "ES-PIC", {"names": (first,)})
    session.expire_all()
    # its own name cannot be taken off
    assert site_values(site_of_key(session, "ES-PIC"))["names"] == (lhcopn, first)


def test_one_name_means_one_site_at_a_time(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)

    def named(*names: SiteNameValue) -> None:
        with transaction(session):
            change_site(session, by, "DE-KIT", {"names": names})

    for system in ("GOCDB", "CRIC", "short"):
        with pytest.raises(Invalid, match='Name "pic" belongs to ES-PIC') as caught:
            named(SiteNameValue(system, "pic"))
        assert caught.value.field == "names"
    with pytest.raises(Invalid, match="already") as caught:
        create_site(session, by, {**NEW, "key": "ES-PIC"})
    assert caught.value.field == "key"
    with pytest.raises(Invalid, match="belongs to ES-PIC") as caught:
        create_site(session, by, {**NEW, "key": "pic"})
    assert caught.value.field == "key"

    with transaction(session):
        change_site(
            session,
            by,
            "ES-PIC",
            {"names": (SiteNameValue("GOCDB", "pic", None, DAY),)},
        )
    with pytest.raises(Invalid, match="belongs to ES-PIC"):
        named(SiteNameValue("GOCDB", "pic", date(2013, 2, 28)))
    named(SiteNameValue("GOCDB", "pic", DAY))
    for day, key in ((date(2013, 2, 28), "ES-PIC"), (DAY, "DE-KIT")):
        site = find_site(session, "pic", day)
        assert site is not None
        assert site.key == key
        assert site_keys_in(session, "pic", day)["pic"] == key
    site = find_site(session, "pic")
    assert site is not None
    assert site.key == "DE-KIT", "without a day, the one that bears it now"


def test_a_retired_site_frees_its_names_from_that_day_on(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        create_site(session, by, {**NEW, "names": (SiteNameValue("GOCDB", "LAB-A"),)})
    with pytest.raises(Invalid, match="belongs to XX-LAB"):
        create_site(
            session, by, {**NEW, "key": "YY-LAB", "names": (SiteNameValue("GOCDB", "LAB-A"),)}
        )
    with transaction(session):
        retire_site(session, by, "XX-LAB", DAY, why="closed")
    names = (SiteNameValue("GOCDB", "LAB-A", DAY),)
    with transaction(session):
        create_site(session, by, {**NEW, "key": "YY-LAB", "names": names})
    assert site_keys_in(session, "at LAB-A", DAY)["LAB-A"] == "YY-LAB"
    assert site_keys_in(session, "at LAB-A", date(2013, 2, 28))["LAB-A"] == "XX-LAB"


def test_what_stands_on_a_site_is_named_and_keeps_it(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        open_ticket(session, by, NewTicket(title="a", description="b", sites=("ES-PIC",)))
        on_link = open_ticket(
            session, by, NewTicket(title="a", description="b", links=("CERN-PIC-LHCOPN-001",))
        )
    with pytest.raises(Invalid) as caught:
        retire_site(session, by, "ES-PIC", DAY)
    assert caught.value.field == "valid_until"
    assert "links in use (CERN-PIC-LHCOPN-001) and open tickets (1, 2)" in caught.value.message
    session.rollback()
    assert site_of_key(session, "ES-PIC").valid_until is None
    with transaction(session):
        for number in (1, on_link.number):
            change_ticket(session, by, number, {"state": "solved", "solution": "done"})
        session.scalars(
            select(Link).where(Link.name == "CERN-PIC-LHCOPN-001")
        ).one().valid_until = DAY
    with transaction(session):
        site = retire_site(session, by, "ES-PIC", DAY, why="moved")
    assert site.valid_until == DAY
    with pytest.raises(InvalidMany) as many:
        create_link(
            session,
            by,
            {"name": "L", "network": "LHCONE", "end_a": "pic", "end_b": "DE-KIT"},
        )
    assert "ES-PIC ended on 2013-03-01" in many.value.problems["end_a"]


def test_only_twenty_of_many_are_named(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        for _ in range(22):
            open_ticket(session, by, NewTicket(title="a", description="b", sites=("ES-PIC",)))
    with pytest.raises(Invalid) as caught:
        retire_site(session, by, "ES-PIC", DAY)
    assert "20 and more)" in caught.value.message
    assert "21" not in caught.value.message


def test_two_writers(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        change_site(session, by, "DE-KIT", {"vos": ("ATLAS",), "bandwidth_gbps": 10.0})
    with transaction(session):  # this one saw version 1; it changes another field
        change_site(session, by, "DE-KIT", {"vos": (), "asns": (58069,)}, base_version=1)
    site = site_of_key(session, "DE-KIT")
    assert site_values(site)["vos"] == ("ATLAS",), "only the other changed it"
    assert site_values(site)["asns"] == (58069,)
    with pytest.raises(EditConflict) as caught:
        change_site(session, by, "DE-KIT", {"bandwidth_gbps": 40.0}, base_version=1)
    (difference,) = caught.value.differences
    assert (difference.field, difference.base, difference.theirs, difference.mine) == (
        "bandwidth_gbps",
        None,
        "10",
        "40",
    )
    assert caught.value.current_version == 3
    assert "this site" in caught.value.message


def test_what_is_unknown_or_missing(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with pytest.raises(NotFound):
        change_site(session, by, "FZK-LCG2", {"vos": ()})  # an alias is no key
    with pytest.raises(InvalidMany) as caught:
        create_site(session, by, {"key": "A"})
    assert set(caught.value.problems) == {"country", "time_zone"}
    with pytest.raises(InvalidMany):
        change_site(session, by, "DE-KIT", {"country": ""})
    with pytest.raises(KeyError):
        change_site(session, by, "DE-KIT", {"colour": "red"})
    with pytest.raises(InvalidMany) as caught:
        change_site(session, by, "DE-KIT", {"valid_from": date(2010, 1, 1)})
    assert "before the site's first day" in caught.value.problems["tier_since"]


def test_seeded_samples_are_marked_until_confirmed(session: Session) -> None:
    with transaction(session):
        seed_reference(session, SYSTEM)
    kit = site_of_key(session, "DE-KIT")
    assert kit.sample
    source, sample = source_of(kit, "tier", sources_of(session, "site", kit))
    assert sample
    assert source.startswith("one of the eleven T1s in a paper about perfSONAR MDM")
    assert not source_of(kit, "country", sources_of(session, "site", kit))[1]

    with transaction(session):
        assert SITES.confirm(session, SYSTEM, "DE-KIT", "tier_since", "MoU of 2008", "read")
    with transaction(session):
        assert not SITES.confirm(session, SYSTEM, "DE-KIT", "tier", "MoU of 2008")
    session.expire_all()
    assert not session.scalars(select(Site.sample).where(Site.key == "DE-KIT")).one()
    assert source_of(kit, "tier", sources_of(session, "site", kit)) == ("MoU of 2008", False)
    log = _log(session, kit)
    assert log[-1]["source:tier"] == (f"{source} (sample)", "MoU of 2008")
    assert log[-1]["why"] == (None, "read")
    assert kit.version == len(log) == 2

    with pytest.raises(Invalid, match="Source is required"):
        SITES.confirm(session, SYSTEM, "DE-KIT", "tier", " ")
    with pytest.raises(Invalid, match="Unknown field"):
        SITES.confirm(session, SYSTEM, "DE-KIT", "colour", "me")
    with pytest.raises(NotFound):
        LINKS.confirm(session, SYSTEM, "DE-KIT", "ends", "me")


def test_a_changed_fact_is_no_sample_and_names_its_editor(session: Session, cast: Cast) -> None:
    with transaction(session):
        seed_reference(session, SYSTEM)
    by = writer(cast.admin)
    with transaction(session):
        site = change_site(session, by, "TW-ASGC", {"tier_until": date(2023, 12, 1)})
    own = sources_of(session, "site", site)
    assert source_of(site, "tier", own) == ("edited by admin", False)
    assert not site.sample
    with transaction(session):
        change_site(
            session, by, "TW-ASGC", {"tier_until": date(2023, 11, 1)}, sources={"tier": "minutes"}
        )
    own = sources_of(session, "site", site)
    assert source_of(site, "tier", own) == ("minutes", False)
    assert _log(session, site)[-1]["source:tier"] == ("edited by admin", "minutes")


def test_all_samples_of_a_link_at_once(session: Session, cast: Cast) -> None:
    with transaction(session):
        link = session.scalars(select(Link)).first()
        assert link is not None
        name = link.name
        link.sample = True
    with transaction(session):
        assert LINKS.confirm(session, writer(cast.admin), name, "*", "the NOC's list")
    session.expire_all()
    assert not session.scalars(select(Link.sample).where(Link.name == name)).one()
    said = session.scalars(select(FactSource.source).where(FactSource.kind == "link")).all()
    assert set(said) == {"the NOC's list"}


def test_thousands_by_a_loaded_lookup_say_the_same(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        lookup = LoadedLookup(session)
        names = (SiteNameValue("GOCDB", "LAB-A"),)
        create_site(session, by, {**NEW, "names": names}, lookup=lookup)
        with pytest.raises(Invalid, match="belongs to XX-LAB"):
            create_site(session, by, {**NEW, "key": "LAB-A"}, lookup=lookup)
        change_site(session, by, "XX-LAB", {"names": ()}, lookup=lookup)
        create_site(session, by, {**NEW, "key": "LAB-A"}, lookup=lookup)
        change_site(session, by, "XX-LAB", {"key": "ZZ-LAB", "names": ()}, lookup=lookup)
        create_site(session, by, NEW, lookup=lookup)
        for name in ("XX-LAB", "ZZ-LAB", "LAB-A", "pic", "nothing"):
            assert lookup.site(name) is Lookup(session).site(name)
    count = session.scalar(select(func.count()).select_from(Change).where(Change.kind == "site"))
    assert count == 5


def test_a_site_that_answers_for_a_link_in_use_keeps_it(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        create_site(session, by, NEW)
        change_link(session, by, "CERN-GRIDKA-LHCOPN-001", {"responsible_site": "XX-LAB"})
    with pytest.raises(Invalid, match=r"links in use \(CERN-GRIDKA-LHCOPN-001\)"):
        retire_site(session, by, "XX-LAB", DAY)


def test_a_site_begins_before_its_links(session: Session, cast: Cast) -> None:
    by = writer(cast.admin)
    with transaction(session):
        change_link(session, by, "CERN-PIC-LHCOPN-001", {"valid_from": date(2010, 1, 1)})
    with pytest.raises(Invalid, match=r"after its links \(CERN-PIC-LHCOPN-001\)") as caught:
        change_site(session, by, "ES-PIC", {"valid_from": DAY, "tier_since": DAY})
    assert caught.value.field == "valid_from"
    session.rollback()
    with transaction(session):
        begin = date(2010, 1, 1)
        change_site(session, by, "ES-PIC", {"valid_from": begin, "tier_since": begin})


def test_lists_become_any_others(session: Session, cast: Cast) -> None:
    for asns in ((513, 65002), (7, 513), (1, 7, 513, 9999), (7,), (), (513,)):
        prefixes = tuple(("LHCOPN", f"10.{asn % 200}.0.0/16") for asn in reversed(asns))
        with transaction(session):
            stated = {"asns": asns, "prefixes": prefixes}
            change_site(session, writer(cast.admin), "DE-KIT", stated)
        session.expire_all()
        found = site_values(site_of_key(session, "DE-KIT"))
        assert (found["asns"], found["prefixes"]) == (asns, prefixes)
