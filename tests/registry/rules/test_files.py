"""Files of sites and links: every value survives the way out and in, and wrong places are named."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.documents.cells import joined, parted
from app.core.rules.file_problems import BadFile
from app.registry.rules.files import (
    FieldDifference,
    FileFormat,
    Read,
    What,
    compared,
    read_file,
    written,
)
from app.registry.rules.records import Records
from app.registry.rules.registry import CircuitValue, ContactValue, SiteNameValue

SITE: dict[str, Any] = {
    "key": "DE-KIT",
    "country": "DE",
    "time_zone": "Europe/Berlin",
    "tier": 1,
    "tier_since": date(2009, 2, 1),
    "tier_until": None,
    "valid_from": None,
    "valid_until": None,
    "bandwidth_gbps": 2.5,
    "nrens": ("DFN", "GEANT"),
    "vos": ("ATLAS",),
    "asns": (513, 58069),
    "prefixes": (("LHCOPN", "192.0.2.0/24"), ("LHCONE", "2001:db8::/32")),
    "names": (
        SiteNameValue("LHCOPN", "DE-KIT"),
        SiteNameValue("GOCDB", "FZK-LCG2", date(2009, 2, 1), None),
        SiteNameValue("short", "odd@name..x"),
    ),
    "contacts": (
        ContactValue("network", "Sample NOC", "noc@site.example", "+00 0"),
        ContactValue("reports", "Sample desk | night"),
    ),
}
LINK: dict[str, Any] = {
    "name": "CERN-GRIDKA-LHCOPN-001",
    "network": "LHCOPN",
    "end_a": "CH-CERN",
    "end_b": "DE-KIT",
    "role": "backup",
    "backs_up": "CERN-GRIDKA-LHCOPN-002",
    "responsible_site": "",
    "bandwidth_gbps": 100.0,
    "valid_from": date(2010, 1, 1),
    "valid_until": None,
    "circuits": (CircuitValue("NREN-X", "c|1"), CircuitValue("NREN-Y")),
}


def csv_of(kind: Records, *records: dict[str, Any]) -> str:
    return "".join(written(kind, FileFormat.CSV, records))


def problems_of(kind: Records, text: str) -> list[str]:
    with pytest.raises(BadFile) as caught:
        read_file(kind, text.encode())
    return [str(problem) for problem in caught.value.problems]


def test_cells_say_what_the_guide_says() -> None:
    head, line = csv_of(Records.SITES, SITE).splitlines()
    assert head == ",".join(Records.SITES.kind.by_name)
    assert line == (
        "DE-KIT,DE,Europe/Berlin,1,2009-02-01,,,,2.5,DFN;GEANT,ATLAS,513;58069,"
        "LHCOPN:192.0.2.0/24;LHCONE:2001:db8::/32,"
        "LHCOPN:DE-KIT;GOCDB:FZK-LCG2@2009-02-01..;short:odd@name..x@..,"
        "network|Sample NOC|noc@site.example|+00 0;reports|Sample desk \\\\| night"
    )
    assert csv_of(Records.LINKS, LINK).splitlines()[1] == (
        "CERN-GRIDKA-LHCOPN-001,LHCOPN,CH-CERN,DE-KIT,backup,CERN-GRIDKA-LHCOPN-002,,100,"
        "2010-01-01,,NREN-X|c\\\\|1;NREN-Y"
    )


def test_what_a_person_types_is_read() -> None:
    text = (
        "key , names , asns , contacts\n"
        "\n"
        "DE-KIT , GOCDB: FZK-LCG2 @2009-02-01.. ; short:GRIDKA , AS513 ; 58069 ,"
        " network | a\\|b |noc@site.example\n"
    )
    (read,) = read_file(Records.SITES, text.encode("utf-8-sig"))
    assert read.place == "line 3"
    assert read.values == {
        "key": "DE-KIT",
        "names": (
            SiteNameValue("GOCDB", "FZK-LCG2", date(2009, 2, 1)),
            SiteNameValue("short", "GRIDKA"),
        ),
        "asns": (513, 58069),
        "contacts": (ContactValue("network", "a|b", "noc@site.example"),),
    }


@pytest.mark.parametrize(
    "content",
    [
        b'key;nrens;country\r\nA;"DFN;GEANT";DE\r\n',
        b'sep=;\r\nkey;nrens;country\r\nA;"DFN;GEANT";DE\r\n',
        b"key\tnrens\tcountry\r\nA\tDFN;GEANT\tDE\r\n",
        "key\tnrens\tcountry\r\nA\tDFN;GEANT\tDE\r\n".encode("utf-16"),
    ],
)
def test_what_spreadsheets_of_other_countries_write_is_read(content: bytes) -> None:
    (read,) = read_file(Records.SITES, content)
    assert read.values == {"key": "A", "nrens": ("DFN", "GEANT"), "country": "DE"}


def test_a_workbook_is_refused_as_such() -> None:
    with pytest.raises(BadFile, match="the file: this is a workbook"):
        read_file(Records.SITES, b"PK\x03\x04\x14\x00\x06\x00")


def test_no_spreadsheet_runs_a_cell() -> None:
    site = {**SITE, "key": "=1+1", "nrens": ("+NREN",), "vos": ("'quoted",)}
    line = csv_of(Records.SITES, site).splitlines()[1]
    assert line.startswith("'=1+1,DE,")
    assert ",'+NREN,''quoted," in line
    (read,) = read_file(Records.SITES, csv_of(Records.SITES, site).encode())
    assert (read.values["key"], read.values["vos"]) == ("=1+1", ("'quoted",))


WORD = st.text(
    st.characters(
        exclude_categories=("Cc", "Cs", "Cn", "Zs", "Zl", "Zp", "Co"), exclude_characters=";"
    ),
    min_size=1,
    max_size=12,
)
KEY = WORD.filter(lambda key: "/" not in key and key not in ("new", ".", ".."))
"""It stands in addresses."""
DAY = st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2999, 12, 31)))
NAMES = st.builds(SiteNameValue, st.sampled_from(["GOCDB", "short"]), WORD)
SITES = st.fixed_dictionaries(
    {
        **{field: st.just(value) for field, value in SITE.items()},
        "key": KEY,
        "tier": st.sampled_from([None, 0, 1]),
        "tier_since": DAY,
        "bandwidth_gbps": st.one_of(st.none(), st.floats(1e-6, 1e6)),
        "nrens": st.lists(WORD, max_size=3, unique=True).map(tuple),
        "asns": st.lists(st.integers(1, 2**32 - 1), unique=True).map(sorted).map(tuple),
        "names": st.lists(NAMES, max_size=3, unique=True).map(tuple),
        "contacts": st.lists(
            st.builds(ContactValue, st.just("network"), WORD, st.just("noc@site.example"), WORD),
            max_size=2,
            unique=True,
        ).map(tuple),
    }
)
LINKS = st.fixed_dictionaries(
    {
        **{field: st.just(value) for field, value in LINK.items()},
        "name": KEY,
        "end_a": WORD,
        "circuits": st.lists(
            st.builds(CircuitValue, WORD, st.one_of(st.just(""), WORD)), max_size=3, unique=True
        ).map(tuple),
    }
)


@given(st.sampled_from(FileFormat), st.data())
def test_an_export_read_again_is_the_same(form: FileFormat, data: st.DataObject) -> None:
    for kind, records in ((Records.SITES, SITES), (Records.LINKS, LINKS)):
        record = data.draw(records)
        text = "".join(written(kind, form, [record]))
        (read,) = read_file(kind, text.encode())
        assert read.values == record
        assert compared(kind, read, record).what is What.UNCHANGED


@given(st.lists(st.text("ab;\\| ", min_size=1).map(str.strip).filter(bool)))
def test_items_come_back_from_a_cell(items: list[str]) -> None:
    assert parted(joined(items)) == items


def test_each_wrong_place_is_named_with_what_is_allowed() -> None:
    assert problems_of(
        Records.SITES,
        "key,country,asns,tier,bandwidth_gbps,names,valid_from,time_zone\n"
        "A,XX,513;x,2,fast,FZK-LCG2,2010-02-30,Europe/Berlin\n"
        "B,DE,0,,1e999,GOCDB:b@2010..,,Nowhere\n"
        "B,DE,,,,,,Europe/Berlin\n"
        "C,DE\n",
    ) == [
        'line 2, column asns, "513;x": "x" is not an ASN; use a number from 1 to 4294967295',
        'line 2, column tier, "2": 0, 1 or nothing',
        'line 2, column bandwidth_gbps, "fast": Gb/s as a number such as 100 or 2.5, or nothing',
        'line 2, column names, "FZK-LCG2": SYSTEM:name or SYSTEM:name@from..until with days'
        " YYYY-MM-DD, separated by ;",
        'line 2, column valid_from, "2010-02-30": a day, YYYY-MM-DD from 1900 to 2999, or nothing',
        'line 2, column country, "XX": "XX" is not a country code; use ISO 3166, such as CH',
        'line 3, column asns, "0": "0" is not an ASN; use a number from 1 to 4294967295',
        'line 3, column bandwidth_gbps, "1e999": Gb/s as a number such as 100 or 2.5, or nothing',
        'line 3, column names, "GOCDB:b@2010..": SYSTEM:name or SYSTEM:name@from..until with days'
        " YYYY-MM-DD, separated by ;",
        'line 3, column time_zone, "Nowhere": "Nowhere" is not a time zone; use an IANA name,'
        " such as Europe/Berlin",
        'line 4, column key, "B": each record may occur once; line 3 is about it already',
        "line 5: 2 cells; as many as the first line has, 8, are allowed",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file: it contains no sites"),
        ("key,country\n", "the file: it contains no sites"),
        ("key|country\nA|DE\n", "the columns are key, country"),
        ("key,key\nA,B\n", "the columns are key, country"),
        ("country\nDE\n", "line 1, column key: this column is required"),
        ("key\n ,\n", "the file: it contains no sites"),
        ('key\n"A\n', "line 2: this is not valid CSV"),
        ("key,nrens\n,DFN\n", "line 2, column key: each record needs it"),
        ('{"sites": [{"key": "A", "tier": true}]}', "record 1, column tier"),
        ('{"sites": [{"key": "A", "asns": "513"}]}', "record 1, column asns"),
        ('{"sites": [{"key": "A", "asns": [1.5]}]}', "record 1, column asns"),
        ('{"sites": [{"key": 5}]}', "record 1, column key"),
        ('{"sites": [{"key": "A", "names": [{"nam": "x"}]}]}', "record 1, column names"),
        ('{"sites": [{"key": "A", "shoe": 1}]}', "record 1, column shoe: the fields are key"),
        ('{"sites": [7]}', 'record 1, "7": an object of fields is allowed'),
        ('{"links": []}', 'the file: an object with the list "sites" is allowed'),
        ('{"sites": [', "line 1: this is not valid JSON"),
        ('{"sites": [{"key": "A", "bandwidth_gbps": NaN}]}', "the file: this JSON has a number"),
        ('{"sites": [{"key": "A", "bandwidth_gbps": 1' + "0" * 400 + "}]}", "column bandwidth"),
        ('{"sites": ' + "[" * 100_000, "the file: this JSON has a number"),
    ],
)
def test_a_file_that_is_none_says_why(text: str, words: str) -> None:
    assert words in problems_of(Records.SITES, text)[0]


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(BadFile, match="line 2: this is not UTF-8; save the file as UTF-8"):
        read_file(Records.SITES, b"key\nA\xff\n")


def test_at_most_a_hundred_wrong_places_are_told() -> None:
    text = "key,country\n" + "".join(f"S{number},??\n" for number in range(500))
    found = problems_of(Records.SITES, text)
    assert len(found) == 100
    assert found[99].startswith("line 101, column country")


def test_a_difference_names_each_field_old_and_new() -> None:
    read = Read(
        "line 2", {"key": "DE-KIT", "asns": (513, 7), "nrens": ("GEANT", "DFN"), "tier": None}
    )
    found = compared(Records.SITES, read, SITE)
    assert found.what is What.CHANGED  # the order of the networks is none
    assert found.fields == (
        FieldDifference("tier", "1", ""),
        FieldDifference("asns", "513;58069", "513;7"),
    )
    assert found.stated == {"asns": (513, 7), "tier": None}
    assert compared(Records.SITES, read, None).what is What.NEW


def test_json_is_what_programs_expect() -> None:
    content = json.loads("".join(written(Records.SITES, FileFormat.JSON, [SITE])))
    (site,) = content["sites"]
    assert set(site) == set(Records.SITES.kind.by_name)
    assert site[Records.SITES.kind.key] == "DE-KIT"
    assert site["asns"] == [513, 58069]
    assert site["names"][1] == {
        "system": "GOCDB",
        "name": "FZK-LCG2",
        "valid_from": "2009-02-01",
        "valid_until": None,
    }
    assert site["prefixes"][0] == {"network": "LHCOPN", "prefix": "192.0.2.0/24"}
    assert site["bandwidth_gbps"] == 2.5
