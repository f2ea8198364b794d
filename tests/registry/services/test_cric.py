"""CRIC's proposals: what is found, what is proposed, and that only a person changes a site."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed, NotFound
from app.core.services.changes import changes_of
from app.reference.seed import seed_reference
from app.registry.adapters.cric.reading import parse
from app.registry.models.registry import FactSource, Proposal, SourceRun
from app.registry.rules.registry import SiteNameValue
from app.registry.services.cric import (
    SourceReading,
    accept_proposal,
    compare_with_registry,
    open_proposals,
    read_source,
    refuse_proposal,
    reopen_proposal,
)
from app.registry.services.sites import change_site, site_of_key, site_values
from tests import cric_sample
from tests.cast import NOON, SYSTEM, Cast, enter, writer

TODAY = NOON.date()


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def read(
    session: Session, cast: Cast, content: bytes = cric_sample.CONTENT, **more: Any
) -> SourceReading:
    with transaction(session):
        return read_source(session, writer(cast.admin), parse(content), **more)


def waiting(session: Session) -> dict[tuple[str, str, str], Proposal]:
    """Open proposals by site, field and what is proposed."""
    session.rollback()
    return {
        (shown.site.key, shown.proposal.field, shown.proposal.proposed or ""): shown.proposal
        for shown in open_proposals(session)
    }


def number_of(session: Session, key: str, field: str) -> int:
    (found,) = [
        p.id for (site, name, _), p in waiting(session).items() if (site, name) == (key, field)
    ]
    session.rollback()
    return found


def accept(session: Session, cast: Cast, number: int, **more: Any) -> None:
    with transaction(session):
        accept_proposal(session, writer(cast.admin), number, **more)


def refuse(session: Session, cast: Cast, number: int) -> None:
    with transaction(session):
        refuse_proposal(session, writer(cast.admin), number)


def values(session: Session, key: str) -> dict[str, Any]:
    session.rollback()
    return site_values(site_of_key(session, key))


EXPECTED = {
    ("CH-CERN", "names", "CRIC:CERN-PROD"),
    ("CH-CERN", "names", "NetSite:CH-CERN"),
    ("CH-CERN", "bandwidth_gbps", "2100"),
    ("CH-CERN", "asns", "513"),
    (
        "CH-CERN",
        "prefixes",
        "LHCONE:2001:db8:c::/48;LHCOPN:192.0.2.0/25;LHCOPN:2001:db8:c::/48",
    ),
    ("CH-CERN", "nrens", "GEANT"),
    ("CH-CERN", "vos", "ATLAS;LHCb"),
    ("DE-KIT", "names", "CRIC:FZK-LCG2"),
    ("DE-KIT", "names", "NetSite:DE-KIT"),
    ("DE-KIT", "bandwidth_gbps", "200"),
    ("DE-KIT", "asns", "58069"),
    ("DE-KIT", "prefixes", "LHCOPN:198.51.100.0/24"),
    ("DE-KIT", "nrens", "DFN"),
    ("DE-KIT", "vos", "ALICE"),
    ("ES-PIC", "country", "FR"),
    ("ES-PIC", "names", "CRIC:pic"),
    ("ES-PIC", "names", "CRIC:second-half.example"),
    ("ES-PIC", "names", "NetSite:ES-PIC"),
    ("ES-PIC", "names", "NetSite:second-net.example"),
    ("ES-PIC", "bandwidth_gbps", "150"),
    ("ES-PIC", "asns", "43115"),
    ("ES-PIC", "prefixes", "LHCOPN:203.0.113.0/24"),
}
"""Worked out by hand from the sample: CERN-C has no LHCOPN limit, so its ASN is no ASN of ours."""


def test_what_cric_says_is_proposed_and_nothing_is_changed(session: Session, cast: Cast) -> None:
    before = [values(session, key) for key in ("CH-CERN", "DE-KIT", "ES-PIC")]
    session.rollback()
    reading = read(session, cast)
    assert set(waiting(session)) == EXPECTED
    assert (reading.new, reading.gone) == (len(EXPECTED), 0)
    assert [values(session, key) for key in ("CH-CERN", "DE-KIT", "ES-PIC")] == before
    notes = {key[:2]: proposal.note for key, proposal in waiting(session).items() if proposal.note}
    assert notes == {
        (
            "CH-CERN",
            "bandwidth_gbps",
        ): "NetSite CH-CERN 2100 Gb/s, NetRoute CERN-A 2000, CERN-B 1300",
        ("ES-PIC", "bandwidth_gbps"): "the sum of ES-PIC 100 Gb/s and second-net.example 50 Gb/s;"
        " NetSite ES-PIC 100 Gb/s, NetRoute PIC-A 40",
    }


def test_faults_of_the_source_are_found(session: Session, cast: Cast) -> None:
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", {"tier_until": date(2012, 1, 1)})
    found = compare_with_registry(session, parse(cric_sample.CONTENT), TODAY).findings
    assert list(found) == [
        "broken.example: left out, netsites is not an object of at most 200 entries",
        "tier2.example: false lhcopn_active flag: NetSite net-tier2.example claims 100 Gb/s, but"
        " the registry knows no such T0 or T1",
        "nren.example: false lhcopn_active flag: NetSite net-nren.example claims nothing, but the"
        " registry knows no such T0 or T1",
        "tier1.example: tier 1 in CRIC, but no site of the registry; if it is a T0 or T1, create it"
        " under Sites",
        "FZK-LCG2: false lhcopn_active flag: DE-KIT is no longer T1 since 2012-01-01 in this"
        " registry",
        "FZK-LCG2: tier 1 in CRIC, but DE-KIT remains neither T0 nor T1; the tier in CRIC does not"
        " decide which sites are T0 or T1",
        "ES-PIC: one site here, 2 records in CRIC (pic, second-half.example)",
        "pic: tier 3 in CRIC, but ES-PIC remains T1; the tier in CRIC does not decide which sites"
        " are T0 or T1",
        "CERN-PROD: NetSite and NetRoute disagree: NetSite CH-CERN 2100 Gb/s, NetRoute CERN-A 2000,"
        " CERN-B 1300",
        "pic: NetSite and NetRoute disagree: NetSite ES-PIC 100 Gb/s, NetRoute PIC-A 40",
        "second-half.example: NetSite second-net.example is lhcopn_active, no NetRoute is",
        "nren.example: NetSite net-nren.example is lhcopn_active without a bandwidth",
        "nren.example: NetSite net-nren.example is lhcopn_active, no NetRoute is",
        "quiet.example: NetRoute route-quiet.example names no NetSite of this record",
    ]


def test_a_prefix_that_is_none_is_told_and_not_proposed(session: Session, cast: Cast) -> None:
    found = compare_with_registry(session, parse(cric_sample.CONTENT), TODAY).findings
    words = "has host bits set; use 198.51.100.128/25"
    assert f'FZK-LCG2: Prefix "198.51.100.129/25" {words}' in found


def test_a_false_flag_brings_no_bandwidth(session: Session, cast: Cast) -> None:
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", {"tier_until": date(2012, 1, 1)})
    read(session, cast)
    fields = {field for key, field, _ in waiting(session) if key == "DE-KIT"}
    assert fields == {"names", "nrens"}


def test_accepting_is_one_change_with_cric_as_source(session: Session, cast: Cast) -> None:
    read(session, cast)
    number = number_of(session, "CH-CERN", "bandwidth_gbps")
    accept(session, cast, number)
    site = site_of_key(session, "CH-CERN")
    assert site.bandwidth_gbps == 2100.0
    (change,) = changes_of(session, "site", site.id)
    assert change.actor_account == "admin"
    assert [(item.field, item.old, item.new) for item in change.fields] == [
        ("bandwidth_gbps", None, "2100"),
        ("source:bandwidth_gbps", None, "CRIC 2013-03-06"),
        ("why", None, "Proposed by CRIC"),
    ]
    source = session.get(FactSource, ("site", site.id, "bandwidth_gbps"))
    assert source is not None
    assert (source.source, source.sample) == ("CRIC 2013-03-06", False)
    proposal = session.get_one(Proposal, number)
    assert (proposal.state, proposal.decided_by) == ("accepted", "admin")
    with pytest.raises(MoveNotAllowed, match="accepted"):
        accept(session, cast, number)


def test_lists_only_grow(session: Session, cast: Cast) -> None:
    with transaction(session):
        wanted = {"asns": (64500,), "nrens": ("dfn",), "prefixes": (("LHCOPN", "192.0.2.0/24"),)}
        change_site(session, writer(cast.admin), "DE-KIT", wanted)
    read(session, cast)
    assert ("DE-KIT", "nrens", "DFN") not in waiting(session)  # the same in other letters
    for field in ("asns", "prefixes"):
        accept(session, cast, number_of(session, "DE-KIT", field))
    found = values(session, "DE-KIT")
    assert found["asns"] == (58069, 64500)
    assert found["prefixes"] == (("LHCOPN", "192.0.2.0/24"), ("LHCOPN", "198.51.100.0/24"))


def test_each_name_is_decided_on_its_own(session: Session, cast: Cast) -> None:
    read(session, cast)
    by_name = {name: p.id for (key, _, name), p in waiting(session).items() if key == "DE-KIT"}
    session.rollback()
    accept(session, cast, by_name["NetSite:DE-KIT"])
    assert SiteNameValue("NetSite", "DE-KIT") in values(session, "DE-KIT")["names"]
    # what the first one changed does not make the second look as if somebody had changed it
    shown = {s.proposal.proposed: s for s in open_proposals(session)}["CRIC:FZK-LCG2"]
    assert not shown.changed_since
    session.rollback()
    accept(session, cast, by_name["CRIC:FZK-LCG2"])
    systems = {name.system for name in values(session, "DE-KIT")["names"]}
    assert systems == {"LHCOPN", "GOCDB", "short", "NetSite", "CRIC"}


def test_what_is_refused_is_not_proposed_again(session: Session, cast: Cast) -> None:
    read(session, cast)
    number = number_of(session, "ES-PIC", "country")
    refuse(session, cast, number)
    for field in ("asns", "prefixes"):
        refuse(session, cast, number_of(session, "ES-PIC", field))
    assert values(session, "ES-PIC")["country"] == "ES"
    (change,) = changes_of(session, "proposal", number)
    assert [(item.field, item.old, item.new) for item in change.fields] == [
        ("state", "open", "refused"),
        ("site", None, "ES-PIC"),
        ("country", "ES", "FR"),
    ]
    session.rollback()
    reading = read(session, cast)
    assert (reading.new, reading.gone) == (0, 0)
    assert {("ES-PIC", field) for field in ("country", "asns", "prefixes")}.isdisjoint(
        key[:2] for key in waiting(session)
    )
    # another ASN beside the refused one is a proposal of its own, without the refused one
    routes = cric_sample.of("pic")["netroutes"]
    routes["PIC-B"] = {**routes["PIC-A"], "asn": 64501}
    read(session, cast, cric_sample.changed(pic=cric_sample.of("pic", netroutes=routes)))
    assert ("ES-PIC", "asns", "64501") in waiting(session)


def test_a_refusal_can_be_taken_back(session: Session, cast: Cast) -> None:
    read(session, cast)
    number = number_of(session, "ES-PIC", "country")
    refuse(session, cast, number)
    with transaction(session):
        reopen_proposal(session, writer(cast.admin), number)
    assert ("ES-PIC", "country", "FR") in waiting(session)
    session.rollback()
    accept(session, cast, number)
    assert values(session, "ES-PIC")["country"] == "FR"
    with pytest.raises(MoveNotAllowed), transaction(session):
        reopen_proposal(session, writer(cast.admin), number)


def test_what_was_accepted_and_then_edited_here_stays_edited(session: Session, cast: Cast) -> None:
    read(session, cast)
    accept(session, cast, number_of(session, "DE-KIT", "bandwidth_gbps"))
    accept(session, cast, number_of(session, "DE-KIT", "asns"))
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", {"bandwidth_gbps": 400.0, "asns": ()})
    read(session, cast)
    fields = {field for key, field, _ in waiting(session) if key == "DE-KIT"}
    assert {"bandwidth_gbps", "asns"}.isdisjoint(fields)
    # CRIC says something new, is believed, and goes back: then the old value is news again
    netsites = {"DE-KIT": {"lhcopn_active": True, "lhcopn_bandwidth": 800}}
    other = cric_sample.changed(**{"FZK-LCG2": cric_sample.of("FZK-LCG2", netsites=netsites)})
    read(session, cast, other)
    accept(session, cast, number_of(session, "DE-KIT", "bandwidth_gbps"))
    read(session, cast)
    assert ("DE-KIT", "bandwidth_gbps", "200") in waiting(session)


def test_a_value_that_changed_since_is_shown_and_not_overwritten(
    session: Session, cast: Cast
) -> None:
    read(session, cast)
    number = number_of(session, "DE-KIT", "bandwidth_gbps")
    (seen,) = [shown.seen for shown in open_proposals(session) if shown.proposal.id == number]
    session.rollback()
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", {"bandwidth_gbps": 120.0})
    for mark in (seen, None, "nonsense"):
        with pytest.raises(Invalid, match="changed this value to 120 since it was shown"):
            accept(session, cast, number, seen=mark)
    assert values(session, "DE-KIT")["bandwidth_gbps"] == 120.0
    (shown,) = [shown for shown in open_proposals(session) if shown.proposal.id == number]
    assert shown.changed_since
    assert (shown.proposal.current, shown.now) == ("", "120")
    mark = shown.seen
    session.rollback()
    accept(session, cast, number, seen=mark)
    assert values(session, "DE-KIT")["bandwidth_gbps"] == 200.0


def test_what_is_no_longer_said_is_no_longer_proposed(session: Session, cast: Cast) -> None:
    read(session, cast)
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", {"vos": ("ALICE",)})
    less = cric_sample.changed(**{"FZK-LCG2": cric_sample.of("FZK-LCG2", netsites={})})
    reading = read(session, cast, less)
    # bandwidth, NREN and the NetSite's name are gone with it, the VO was entered by hand
    assert reading.gone == 4
    assert {field for key, field, _ in waiting(session) if key == "DE-KIT"} == {
        "names",
        "asns",
        "prefixes",
    }
    session.rollback()
    assert read(session, cast).new == 3


@pytest.mark.parametrize("count", [0, 1, 6])
def test_an_empty_or_much_smaller_source_is_an_alarm(
    session: Session, cast: Cast, count: int
) -> None:
    read(session, cast)
    before = {key: (p.state, p.last_seen_at) for key, p in waiting(session).items()}
    session.rollback()
    records = dict(list(json.loads(cric_sample.CONTENT).items())[:count])
    reading = read(session, cast, json.dumps(records).encode())
    records_of = {1: "1 record"}.get(count, f"{count} records")
    words = "is empty" if not count else f"has {records_of}, fewer than 80% of the 8"
    assert words in reading.run.alarm
    assert reading.comparison.wanted == ()
    assert {key: (p.state, p.last_seen_at) for key, p in waiting(session).items()} == before
    session.rollback()
    # still measured by the last good one
    again = read(session, cast, json.dumps(records).encode())
    assert again.run.alarm == reading.run.alarm
    right = read(session, cast, json.dumps(records).encode(), smaller_is_right=True)
    assert bool(right.run.alarm) is (count == 0)


def test_seven_of_eight_records_are_enough(session: Session, cast: Cast) -> None:
    read(session, cast)
    reading = read(session, cast, cric_sample.changed(**{"quiet.example": None}))
    assert (reading.run.alarm, reading.run.records) == ("", 7)


def test_each_reading_is_in_the_change_log(session: Session, cast: Cast) -> None:
    reading = read(session, cast)
    run = session.scalars(select(SourceRun)).one()
    assert (run.source, run.records, run.at) == ("CRIC", 8, NOON)
    (change,) = changes_of(session, "source", run.id)
    assert [(item.field, item.new) for item in change.fields] == [
        ("source", "CRIC"),
        ("records", "8"),
        ("proposals", str(len(reading.comparison.wanted))),
    ]


@pytest.mark.parametrize("who", ["operator", "kit", "reader"])
def test_only_admins_decide(session: Session, cast: Cast, who: str) -> None:
    read(session, cast)
    number = number_of(session, "ES-PIC", "country")
    by = writer(getattr(cast, who))
    before = session.scalar(select(func.count()).select_from(Change))
    for verb in (accept_proposal, refuse_proposal, reopen_proposal):
        with pytest.raises(Forbidden, match="Only admins may read CRIC"), transaction(session):
            verb(session, by, number)
    with pytest.raises(Forbidden), transaction(session):
        read_source(session, by, parse(cric_sample.CONTENT))
    assert session.scalar(select(func.count()).select_from(Change)) == before


def test_an_unknown_proposal_is_not_found(session: Session, cast: Cast) -> None:
    for number in (0, 999):
        with pytest.raises(NotFound):
            accept(session, cast, number)


def test_a_name_that_another_site_bears_is_refused_with_the_reason(
    session: Session, cast: Cast
) -> None:
    read(session, cast)
    (number,) = [
        p.id for key, p in waiting(session).items() if key[2] == "NetSite:second-net.example"
    ]
    session.rollback()
    with transaction(session):
        names = (*values(session, "DE-KIT")["names"], SiteNameValue("short", "second-net.example"))
        change_site(session, writer(cast.admin), "DE-KIT", {"names": names})
    with pytest.raises(Invalid, match="belongs to DE-KIT at the same time"):
        accept(session, cast, number)


def test_nl_t1_stays_one_site_and_the_exceptions_stay_t1(session: Session) -> None:
    """The registry's own reference data beside records as CRIC has them."""
    with transaction(session):
        seed_reference(session, SYSTEM)
    source = {
        "SARA-MATRIX": {"gocdb_pk": "1", "rc_tier_level": 1, "country_code": "NL"},
        "NIKHEF-ELPROD": {"gocdb_pk": "2", "rc_tier_level": 1, "country_code": "NL"},
        "RRC-KI-T1": {"gocdb_pk": "3", "rc_tier_level": 3, "country_code": "RU"},
        "BEIJING-LCG2": {"gocdb_pk": "4", "rc_tier_level": 2, "country_code": "CN"},
    }
    today = NOON + timedelta(days=5000)
    by = replace(SYSTEM, now=today)
    with transaction(session):
        reading = read_source(session, by, parse(json.dumps(source).encode()))
    assert reading.comparison.wanted == ()
    assert reading.comparison.matched["NL-T1"] == ("SARA-MATRIX", "NIKHEF-ELPROD")
    told = " ".join(reading.comparison.findings)
    assert "RRC-KI-T1: tier 3 in CRIC, but NRC-KI-T1 remains T1" in told
    assert "BEIJING-LCG2: tier 2 in CRIC, but CN-IHEP remains T1" in told
    assert values(session, "NRC-KI-T1")["tier"] == values(session, "CN-IHEP")["tier"] == 1
