"""What a site and a link may hold: each rule with its border cases, and texts that come back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.errors import Invalid, InvalidMany
from app.registry.rules.records import LINK, SITE, check_site_days, logged
from app.registry.rules.registry import (
    CircuitValue,
    ContactValue,
    NameSystem,
    SiteNameValue,
    names_from_text,
    overlap,
    read_asn,
    read_day,
)

DAY, NEXT = date(2013, 3, 6), date(2013, 3, 7)


def _problem(field: str, value: Any) -> str | None:
    """What is said of a site's value, None where it is taken."""
    try:
        SITE.checked({field: value})
    except InvalidMany as error:
        return error.problems[field]
    return None


@pytest.mark.parametrize("asn", [1, 513, 65536, 4294967295])
def test_an_asn(asn: int) -> None:
    assert SITE.checked({"asns": (asn,)}) == {"asns": (asn,)}
    assert read_asn("asns", f" as{asn} ") == asn


@pytest.mark.parametrize("asn", [0, -1, 4294967296])
def test_no_asn(asn: int) -> None:
    problem = _problem("asns", (513, asn))
    assert problem is not None
    assert f'"{asn}" is not an ASN' in problem


@pytest.mark.parametrize("text", ["", "AS", "1.5", "5 13", "0", "4294967296", "٥١٣", "1" * 5000])
def test_no_asn_in_words(text: str) -> None:
    with pytest.raises(Invalid, match="not an ASN"):
        read_asn("asns", text)


def test_asns_are_sorted_and_stand_once() -> None:
    assert SITE.checked({"asns": (1162, 1104, 1162)}) == {"asns": (1104, 1162)}


@pytest.mark.parametrize(
    "prefix", ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32", "0.0.0.0/0"]
)
def test_a_prefix(prefix: str) -> None:
    row = (("LHCOPN", prefix),)
    assert SITE.checked({"prefixes": row}) == {"prefixes": row}


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        ("192.0.2.1/24", "use 192.0.2.0/24"),
        ("2001:0db8::/32", "use 2001:db8::/32"),
        ("192.0.2.0/255.255.255.0", "use 192.0.2.0/24"),
        ("192.0.2.0", "is not a valid prefix"),
        ("192.0.2.0/33", "is not a valid prefix"),
        ("192.0.2/24", "is not a valid prefix"),
        ("hello/24", "is not a valid prefix"),
        ("", "is not a valid prefix"),
        ("x" * 900, "…"),
    ],
)
def test_no_prefix(prefix: str, says: str) -> None:
    problem = _problem("prefixes", (("LHCOPN", "192.0.2.0/24"), ("LHCONE", prefix)))
    assert problem is not None
    assert says in problem
    assert len(problem) < 300


def test_a_prefix_on_no_network() -> None:
    assert "LHCOPN, LHCONE" in (_problem("prefixes", (("GEANT", "192.0.2.0/24"),)) or "")


@pytest.mark.parametrize("country", ["CH", "GB", "TW", "AD", "ZW"])
def test_a_country(country: str) -> None:
    assert SITE.checked({"country": country}) == {"country": country}


@pytest.mark.parametrize("country", ["ch", "UK", "EU", "XX", "C", "", "CHE", "H D", "D A"])
def test_no_country(country: str) -> None:
    assert "ISO 3166" in (_problem("country", country) or "")


@pytest.mark.parametrize("zone", ["europe/berlin", "CEST", "", "Europe/Nowhere", "../etc/passwd"])
def test_no_time_zone(zone: str) -> None:
    assert "IANA" in (_problem("time_zone", zone) or "")
    assert _problem("time_zone", "Europe/Berlin") is None


@pytest.mark.parametrize("gbps", [0, -1, float("nan"), float("inf"), 1_000_001])
def test_no_bandwidth(gbps: float) -> None:
    assert "Gb/s" in (_problem("bandwidth_gbps", gbps) or "")


@pytest.mark.parametrize(
    ("gbps", "text"), [(None, None), (100, "100"), (2.5, "2.5"), (1e6, "1000000")]
)
def test_bandwidth(gbps: float | None, text: str | None) -> None:
    assert (
        logged("bandwidth_gbps", SITE.checked({"bandwidth_gbps": gbps})["bandwidth_gbps"]) == text
    )


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidMany) as caught:
        SITE.checked({"key": " ", "country": "Germany", "asns": (0,), "time_zone": "UTC"})
    assert list(caught.value.problems) == ["key", "country", "asns"]


@pytest.mark.parametrize("name", ["a;b", "a\nb", "", "  ", "x" * 101, "a @b", "a\x00"])
def test_no_name(name: str) -> None:
    assert _problem("names", (SiteNameValue("GOCDB", name),)) is not None


@pytest.mark.parametrize("key", ["a/b", "/", "new", ".", "..", "a;b", "x" * 51, ""])
def test_no_key(key: str) -> None:
    assert _problem("key", key) is not None


@pytest.mark.parametrize("key", ["DE-KIT", "new site", "ÜBER?#%&+\\", "x" * 50])
def test_a_key(key: str) -> None:
    assert SITE.checked({"key": f" {key} "}) == {"key": key}


def test_names_stand_once_per_system_and_end_after_they_begin() -> None:
    twice = (SiteNameValue("GOCDB", "pic"), SiteNameValue("GOCDB", "pic", DAY))
    assert "occurs twice" in (_problem("names", twice) or "")
    assert _problem("names", (SiteNameValue("GOCDB", "pic"), SiteNameValue("CRIC", "pic"))) is None
    same_day = SiteNameValue("GOCDB", "pic", DAY, DAY)
    assert "not after its first day" in (_problem("names", (same_day,)) or "")
    assert _problem("names", (SiteNameValue("GOCDB", "pic", DAY, NEXT),)) is None
    assert "NetSite" in (_problem("names", (SiteNameValue("OIM", "pic"),)) or "")


def test_contacts() -> None:
    noc = ContactValue("network", "Sample NOC", "noc@site.example", "+00 0")
    assert SITE.checked({"contacts": (noc, noc)}) == {"contacts": (noc,)}
    assert logged("contacts", (noc,)) == "network: Sample NOC, noc@site.example, +00 0"
    assert "mail addresses" in (_problem("contacts", (ContactValue("network", "N", "x"),)) or "")
    assert "security" in (_problem("contacts", (ContactValue("boss", "N"),)) or "")


def test_a_list_of_too_many_rows() -> None:
    assert "at most 200" in (_problem("asns", tuple(range(1, 202))) or "")
    assert _problem("asns", tuple(range(1, 201))) is None


_NO_DAYS = dict.fromkeys(("valid_from", "valid_until", "tier", "tier_since", "tier_until"))


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, set()),
        ({"valid_from": DAY, "valid_until": NEXT}, set()),
        ({"valid_from": DAY, "valid_until": DAY}, {"valid_until"}),
        ({"tier": 1, "tier_since": DAY, "valid_from": DAY}, set()),
        ({"tier": 1, "tier_since": DAY, "valid_from": NEXT}, {"tier_since"}),
        ({"tier": 1, "tier_since": NEXT, "tier_until": DAY}, {"tier_until"}),
        ({"tier": 1, "tier_since": NEXT, "valid_until": NEXT}, {"tier_since"}),
        ({"tier_since": DAY}, {"tier_since"}),
        ({"tier": 1}, {"tier_since"}),
        ({"tier": 1, "tier_until": DAY, "valid_from": NEXT}, {"tier_since", "tier_until"}),
    ],
)
def test_days_of_a_site(values: dict[str, Any], wrong: set[str]) -> None:
    found: set[str] = set()
    try:
        check_site_days({**_NO_DAYS, **values})
    except InvalidMany as error:
        found = set(error.problems)
    assert found == wrong


@pytest.mark.parametrize("text", ["2013-02-30", "6.3.2013", "2013-3-6", "1899-12-31", "20130306"])
def test_no_day(text: str) -> None:
    with pytest.raises(Invalid, match="YYYY-MM-DD"):
        read_day("valid_from", text)


def test_a_day() -> None:
    assert read_day("valid_from", " 2013-03-06 ") == DAY
    assert read_day("valid_from", "  ") is None


_days = st.none() | st.dates(date(2009, 1, 1), date(2009, 1, 12))
_ALL = [date(2008, 12, 31 - gap) for gap in range(2)] + [date(2009, 1, day) for day in range(1, 15)]


def _in(period: tuple[date | None, date | None], day: date) -> bool:
    return (period[0] is None or day >= period[0]) and (period[1] is None or day < period[1])


@given(st.tuples(_days, _days), st.tuples(_days, _days))
def test_overlap_means_a_common_day(
    first: tuple[date | None, date | None], second: tuple[date | None, date | None]
) -> None:
    for start, end in (first, second):
        if start is not None and end is not None and end <= start:
            return
    assert overlap(first, second) == any(_in(first, day) and _in(second, day) for day in _ALL)


_names = st.lists(
    st.builds(
        SiteNameValue,
        st.sampled_from([system.value for system in NameSystem]),
        st.text("ab-@.()1 ", min_size=1, max_size=8),
        st.none() | st.dates(date(2000, 1, 1), date(2010, 1, 1)),
        st.none() | st.dates(date(2011, 1, 1), date(2020, 1, 1)),
    ),
    max_size=5,
)


@given(_names)
def test_names_come_back_from_their_text(names: list[SiteNameValue]) -> None:
    try:
        checked = SITE.checked({"names": tuple(names)})["names"]
    except InvalidMany:
        return
    assert names_from_text(logged("names", checked) or "") == checked


def test_a_link() -> None:
    circuits = (CircuitValue("GEANT", "GVA-FRA-1"), CircuitValue("DFN"))
    checked = LINK.checked({"role": "backup", "network": "LHCONE", "circuits": circuits})
    assert logged("circuits", checked["circuits"]) == "GEANT: GVA-FRA-1; DFN"
    with pytest.raises(InvalidMany) as caught:
        LINK.checked({"role": "spare", "network": "GEANT", "name": "a;b"})
    assert set(caught.value.problems) == {"role", "network", "name"}
