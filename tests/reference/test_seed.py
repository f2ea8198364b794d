"""Reference data: complete, sourced, laid once, and never over what somebody put right."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import available_timezones

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.services.changes import changes_of
from app.reference import seed as reference
from app.reference.seed import add_links, add_sites, seed_reference
from app.registry.models.registry import FactSource, Link, Site, SiteName
from app.registry.services.links import change_link
from app.registry.services.registry import find_site
from app.registry.services.sites import change_site, site_values
from tests.harness.databases import open_session
from tests.harness.until import until

REFERENCE = Path(reference.__file__).parent
BY = Writer(actor=SYSTEM, door=Door.COMMAND, now=datetime(2026, 11, 25, 12, tzinfo=UTC))

ELEVEN_OF_2013 = {
    "CA-TRIUMF",
    "DE-KIT",
    "ES-PIC",
    "FR-CCIN2P3",
    "IT-INFN-CNAF",
    "NDGF",
    "NL-T1",
    "TW-ASGC",
    "UK-T1-RAL",
    "US-FNAL-CMS",
    "US-T1-BNL",
}


def _seed(session: Session) -> int:
    with transaction(session):
        return seed_reference(session, BY)


def _t1s(session: Session, day: date) -> set[str]:
    return {
        site.key
        for site in session.scalars(select(Site).where(Site.tier == 1))
        if site.tier_since is not None
        and site.tier_since <= day
        and (site.tier_until is None or day < site.tier_until)
    }


def test_a_second_time_adds_nothing(session: Session) -> None:
    assert _seed(session) == 50
    before = session.scalar(select(func.count()).select_from(Change))
    assert _seed(session) == 0
    assert session.scalar(select(func.count()).select_from(Change)) == before == 50


def test_two_servers_that_start_at_once_on_a_new_database(database: str) -> None:
    """The second one waits for what the first one has not committed yet, and adds nothing."""
    with open_session(database) as first, open_session(database) as looker:

        def other_waits() -> bool:
            looker.rollback()
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(looker.scalar(waiting))

        def start() -> int:
            with open_session(database) as second:
                return _seed(second)

        with ThreadPoolExecutor() as pool:
            with transaction(first):
                assert seed_reference(first, BY) == 50
                added = pool.submit(start)
                if database.startswith("postgresql"):
                    until(lambda: other_waits() or added.done())
            assert added.result(60) == 0


def test_who_was_t1_when(session: Session) -> None:
    _seed(session)
    assert _t1s(session, date(2012, 1, 1)) == ELEVEN_OF_2013
    assert len(_t1s(session, date(2017, 1, 1))) == 14
    assert len(_t1s(session, date(2025, 10, 15))) == 15
    assert "TW-ASGC" not in _t1s(session, date(2025, 10, 15))
    t0 = session.scalars(select(Site).where(Site.tier == 0)).one()
    assert t0.key == "CH-CERN"


def test_every_site_is_found_under_each_of_its_names(session: Session) -> None:
    _seed(session)
    for name in session.scalars(select(SiteName)):
        found = find_site(session, name.name)
        assert found is not None
        assert found.id == name.site_id, name.name
    for key in ("NL-T1", "SARA-MATRIX", "NIKHEF-ELPROD", "NL-NLT1-SARA", "NL-NLT1-NIKHEF", "SARA"):
        site = find_site(session, key)
        assert site is not None
        assert site.key == "NL-T1"


def test_every_row_names_its_source_and_a_real_time_zone(session: Session) -> None:
    _seed(session)
    for site in session.scalars(select(Site)):
        assert 0 < len(site.source) <= 255, site.key
        assert site.time_zone in available_timezones()
        assert site.key in {name.name for name in site.names if name.system == "LHCOPN"}
        assert site.gocdb_name() is not None
    for link in session.scalars(select(Link)):
        assert 0 < len(link.source) <= 255, link.name
        assert not link.sample


def test_attested_links_have_their_ends(session: Session) -> None:
    _seed(session)
    ends = {link.name: (link.end_a.key, link.end_b.key) for link in session.scalars(select(Link))}
    assert ends["CERN-GRIDKA-LHCOPN-001"] == ("CH-CERN", "DE-KIT")
    assert ends["CERN-RRCK1-LHCOPN-001"] == ("CH-CERN", "NRC-KI-T1")
    assert ends["GRIDKA-SARA-LHCOPN-001"] == ("DE-KIT", "NL-T1")
    for name, sites in ends.items():
        for short, key in zip(name.split("-")[:2], sites, strict=True):
            site = find_site(session, short)
            assert site is not None
            assert site.key == key


def test_what_somebody_put_right_stays(session: Session) -> None:
    _seed(session)
    with transaction(session):
        site = session.scalars(select(Site).where(Site.key == "TW-ASGC")).one()
        site.tier_until = date(2020, 1, 1)
        link = session.scalars(select(Link).where(Link.name == "CERN-RAL-LHCOPN-001")).one()
        link.bandwidth_gbps = 100
        moved = session.scalars(select(SiteName).where(SiteName.name == "NL-NLT1-NIKHEF")).one()
        moved.site = session.scalars(select(Site).where(Site.key == "NDGF")).one()
    assert _seed(session) == 0
    session.expire_all()
    assert site.tier_until == date(2020, 1, 1)
    assert link.bandwidth_gbps == 100
    assert moved.site.key == "NDGF"


def test_a_name_of_a_later_release_is_added_and_logged(session: Session, tmp_path: Path) -> None:
    whole = REFERENCE / "sites.json"
    content = json.loads(whole.read_text("utf-8"))
    for entry in content["sites"]:
        entry["names"] = [name for name in entry["names"] if name["name"] != "GRIDKA"]
    earlier = tmp_path / "sites.json"
    earlier.write_text(json.dumps(content), "utf-8")
    with transaction(session):
        add_sites(session, BY, earlier)
    assert find_site(session, "GRIDKA") is None
    with transaction(session):
        assert add_sites(session, BY, whole) == 1
    site = find_site(session, "GRIDKA")
    assert site is not None
    assert site.key == "DE-KIT"
    newest = changes_of(session, "site", site.id)[-1]
    assert [field.field for field in newest.fields] == ["names"]
    assert newest.fields[0].new == f"{newest.fields[0].old}; short GRIDKA"


def test_a_link_without_its_end_is_left_out(session: Session, tmp_path: Path) -> None:
    _seed(session)
    file = tmp_path / "links.json"
    file.write_text(
        '{"sources": {"x": "a test"}, "links": [{"name": "A-B-LHCOPN-001", "network": "LHCOPN",'
        ' "end_a": "CH-CERN", "end_b": "NOWHERE", "role": "primary", "bandwidth_gbps": null,'
        ' "sources": ["x"], "sample": true}]}',
        "utf-8",
    )
    with transaction(session):
        assert add_links(session, BY, file) == 0


def test_days_of_an_attested_link_are_a_sample_of_their_own(session: Session) -> None:
    _seed(session)
    link = session.scalars(select(Link).where(Link.name == "CERN-RRCK1-LHCOPN-001")).one()
    assert (link.valid_from, link.valid_until) == (date(2015, 3, 1), None)
    assert not link.sample  # the link is attested, its first day is not
    said = session.get_one(FactSource, {"kind": "link", "thing_id": link.id, "field": "validity"})
    assert said.sample
    assert "assumed" in said.source
    fields = {item.field: item.new for item in changes_of(session, "link", link.id)[0].fields}
    assert fields["valid_from"] == "2015-03-01"
    assert "valid_until" not in fields


def test_facts_are_laid_with_their_source_and_never_over_what_was_taken_off(
    session: Session,
) -> None:
    _seed(session)
    site = find_site(session, "DE-KIT")
    assert site is not None
    assert [row.asn for row in site.asns] == [58069]
    assert (site.bandwidth_gbps, site.nrens) == (200, "DFN")
    source = session.get(FactSource, ("site", site.id, "bandwidth_gbps"))
    assert source is not None
    assert source.source.startswith("CRIC rcsite snapshot")
    with transaction(session):
        change_site(session, BY, "DE-KIT", {"bandwidth_gbps": None, "asns": (64512,)})
    assert _seed(session) == 0
    session.expire_all()
    site = find_site(session, "DE-KIT")
    assert site is not None
    assert (site.bandwidth_gbps, [row.asn for row in site.asns]) == (None, [64512])


def test_two_asns_of_one_site_and_no_bandwidth_where_the_source_disagrees_with_itself(
    session: Session,
) -> None:
    _seed(session)
    site = find_site(session, "SARA-MATRIX")
    assert site is not None
    assert [row.asn for row in site.asns] == [1104, 1162]
    assert site.bandwidth_gbps is None


def test_what_somebody_took_off_or_renamed_does_not_come_back(session: Session) -> None:
    _seed(session)
    link = session.scalars(select(Link.name).order_by(Link.id)).first()
    site = find_site(session, "DE-KIT")
    assert link is not None
    assert site is not None
    with transaction(session):
        names = site_values(site)["names"]
        kept = tuple(name for name in names if name.name != "FZK-LCG2")
        assert len(kept) < len(names)
        change_site(session, BY, "DE-KIT", {"names": kept})
        change_link(session, BY, link, {"name": "RENAMED-LHCOPN-001"})
    assert _seed(session) == 0
    assert find_site(session, "FZK-LCG2") is None
    assert session.scalar(select(Link.id).where(Link.name == link)) is None
