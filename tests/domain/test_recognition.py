"""Which links and sites a text names."""

from __future__ import annotations

import pytest

from app.domain.recognition import link_words, recognised_links, recognised_sites

LINKS = ("CERN-RAL-LHCOPN-001", "CERN-RAL-LHCOPN-002")
SITES = {"CERN": "CH-CERN", "DE-KIT": "DE-KIT", "FZK-LCG2": "DE-KIT", "pic": "ES-PIC",
         "PIC": "ES-PIC", "ES-PIC": "ES-PIC", "NDGF": "NDGF", "NDGF-T1": "NDGF"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CERN-RAL-LHCOPN-001 down", (LINKS[0],)),
        ("(CERN-RAL-LHCOPN-002), CERN-RAL-LHCOPN-001.", (LINKS[1], LINKS[0])),
        ("CERN-RAL-LHCOPN-0012 and XCERN-RAL-LHCOPN-001", ()),
        ("CERN-RAL-LHCOPN-001-old", ()),
        ("CERN-RAL-LHCOPN-003", ()),
    ],
)
def test_link_ids_are_whole_words(text: str, found: tuple[str, ...]) -> None:
    assert recognised_links([text], LINKS) == found
    assert recognised_links(["", text], LINKS) == found


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("DE-KIT: router down", ("DE-KIT",)),
        ("FZK-LCG2 and DE-KIT", ("DE-KIT",)),
        ("NDGF-T1 then CERN", ("NDGF", "CH-CERN")),
        ("de-kit router down", ()),
        ("a pic of PIC", ()),
        ("CERN-RAL-LHCOPN-001 down", ()),
        ("see https://example.org/DE-KIT/CERN", ()),
        ("DE-KIT-2 down", ()),
    ],
)
def test_site_names_are_whole_words_of_four_letters_in_exact_case(
    title: str, found: tuple[str, ...]
) -> None:
    assert recognised_sites(title, SITES, LINKS) == found


def test_a_letter_that_only_looks_like_an_i_is_no_link() -> None:
    assert recognised_links(["CERN-\u0131N2P3-LHCOPN-001"], ["CERN-IN2P3-LHCOPN-001"]) == ()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("CERN-RAL-LHCOPN-001 down",), ("CERN-RAL-LHCOPN-001",)),
        (("cern-ral-lhcopn-1, again", "CERN-RAL-LHCOPN-1"), ("CERN-RAL-LHCOPN-1",)),
        (("b then a: B-X-LHCONE-002 A-X-LHCOPN-003",), ("B-X-LHCONE-002", "A-X-LHCOPN-003")),
        (("(CERN-NDGF-T1-LHCOPN-002)",), ("CERN-NDGF-T1-LHCOPN-002",)),
        (("see https://x.example/CERN-RAL-LHCOPN-001",), ()),
        (("CERN-RAL-LHCOPN-001-bis", "x-LHCOPN", "LHCOPN-001", "-A-LHCOPN-001"), ()),
        (("CERN-RAL-LHCOPN-12345",), ()),
        (("A" * 31 + "-LHCOPN-001",), ()),
        (("A-" * 20_000 + "LHCOPN-001",), ()),
        (("", "no link at all"), ()),
    ],
)
def test_words_that_have_the_form_of_a_link_id(
    texts: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert link_words(texts) == words
