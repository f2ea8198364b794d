"""What claims say of a person, and which role the map gives: tables of cases."""

from __future__ import annotations

from typing import Any

import pytest

from app.accounts.rules.sign_on import (
    MAX_PATTERN,
    MAX_VALUES,
    Claimed,
    MapRow,
    claimed,
    fits,
    granted,
    rows_as_json,
    rows_of_json,
    unmapped,
    values_of,
)

ISSUER = "https://sso.example"
ROWS = (
    MapRow("guests", "reader"),
    MapRow("kit-*", "reporter", "DE-KIT"),
    MapRow("noc", "operator"),
    MapRow("*:pic", "reporter", "ES-PIC"),
    MapRow("board", "admin"),
)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("noc", "noc", True),
        ("noc", "NOC", False),
        ("noc", "noc2", False),
        ("*", "", True),
        ("*", "anything", True),
        ("a*b", "ab", True),
        ("a*b", "a-b-b", True),
        ("a*b", "a-b-", False),
        ("aba*aba", "aba", False),
        ("aba*aba", "abaaba", True),
        ("a*b*c", "a-c-b", False),
        ("a*b*c", "acbc", True),
        ("*b*b*", "b", False),
        ("*b*b*", "bb", True),
        ("a.c", "abc", False),
        ("[a-z]", "a", False),
        ("a**c", "abc", True),
        ("urn:x:group:*:role=member#*", "urn:x:group:lhcopn:role=member#aai.example", True),
    ],
)
def test_a_pattern(pattern: str, value: str, expected: bool) -> None:
    assert fits(pattern, value) is expected


def test_a_pattern_of_many_stars_costs_little() -> None:
    assert not fits("a*" * (MAX_PATTERN // 2) + "b", "a" * MAX_PATTERN)


@pytest.mark.parametrize(
    ("values", "role", "sites"),
    [
        ((), "reader", ()),
        (("unknown",), "reader", ()),
        (("noc",), "operator", ()),
        (("kit-1",), "reporter", ("DE-KIT",)),
        (("x:pic", "kit-1", "kit-2"), "reporter", ("DE-KIT", "ES-PIC")),
        (("noc", "kit-1"), "reporter", ("DE-KIT",)),  # its row is the first that fits
        (("noc", "x:pic"), "operator", ()),
        (("board", "guests"), "reader", ()),
        (("board", "noc"), "operator", ()),
        (("board",), "admin", ()),
    ],
)
def test_the_first_row_that_fits_decides(
    values: tuple[str, ...], role: str, sites: tuple[str, ...]
) -> None:
    assert granted(ROWS, values) == (role, sites)


def test_what_no_row_fits_is_unmapped() -> None:
    assert unmapped(ROWS, ("noc", "other", "kit-1", "Board")) == ["other", "Board"]


def test_rows_are_stored_and_read() -> None:
    assert rows_of_json(rows_as_json(ROWS)) == ROWS


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, ()),
        ({"groups": "one"}, ("one",)),
        ({"groups": ["b", "a", "b", " b "]}, ("b", "a")),
        ({"groups": ["a"], "eduperson_entitlement": ["e"]}, ("e", "a")),
        ({"groups": {"a": 1}}, ()),
        ({"groups": [5, None, ["a"], True, "", " "]}, ()),
        ({"groups": ["a\nb", "a\x00", "\ud800", "‮", "x" * (MAX_PATTERN + 1)]}, ()),
        ({"groups": ["x" * MAX_PATTERN]}, ("x" * MAX_PATTERN,)),
        ({"resource_access": {"my.portal": {"roles": ["noc"]}}}, ("noc",)),
        ({"resource_access": {"my": {"portal": {"roles": "noc"}}}}, ("noc",)),
        ({"resource_access": "my.portal.roles"}, ()),
    ],
)
def test_values(claims: dict[str, Any], expected: tuple[str, ...]) -> None:
    names = ("eduperson_entitlement", "groups", "resource_access.my.portal.roles")
    assert values_of(claims, names) == expected


def test_ten_thousand_values_are_cut() -> None:
    values = values_of({"groups": [str(number) for number in range(10_000)]}, ("groups",))
    assert values == tuple(map(str, range(MAX_VALUES)))


@pytest.mark.parametrize(
    ("claims", "login_name", "mail"),
    [
        ({"preferred_username": "mcurie"}, "mcurie", ""),
        ({"preferred_username": "Marie Curie"}, "Marie-Curie", ""),
        ({"preferred_username": "<b>../x"}, "b-..-x", ""),
        ({"preferred_username": "-.@"}, "s-1", ""),
        ({"preferred_username": ["x"]}, "s-1", ""),
        ({"preferred_username": "x" * 500}, "x" * 90, ""),
        ({"email": "curie@example.org"}, "curie", "curie@example.org"),
        ({"email": "curie@example.org", "email_verified": False}, "s-1", ""),
        ({"email": "curie@example.org", "email_verified": "false"}, "s-1", ""),
        ({"email": "curie@example.org", "email_verified": None}, "s-1", ""),
        ({"email": "curie@example.org", "email_verified": "True"}, "curie", "curie@example.org"),
        ({"email": "a@example.org,b@example.org"}, "s-1", ""),
        ({"email": "a@example.org\r\nBcc: b@example.org"}, "s-1", ""),
        ({"sub": "€"}, "person", ""),
    ],
)
def test_name_and_mail(claims: dict[str, Any], login_name: str, mail: str) -> None:
    said = claimed(ISSUER, {"sub": "s-1", "name": "A Name", **claims}, ())
    assert said == Claimed(ISSUER, claims.get("sub", "s-1"), login_name, "A Name", mail, (), "")


@pytest.mark.parametrize("sub", [None, "", " ", 5, ["x"], "x" * 256, "a\x00b", "a\nb"])
def test_nobody_without_a_subject(sub: Any) -> None:
    assert claimed(ISSUER, {"sub": sub}, ()) is None
