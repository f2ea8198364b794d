"""The search finds the same on both databases: what a plain reading of all texts finds."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.registry.models.registry import LinkCircuit, SiteName, SitePrefix
from app.registry.services.registry import require_links, require_site
from app.tickets.models.search import TicketWords
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.tokenizer import read_search, words_of
from app.tickets.services.lifecycle import (
    change_ticket,
    comment_ticket,
    note_difference,
    open_ticket,
)
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import AHEAD, FEW, list_tickets
from app.tickets.services.search.index import count_missing, index_tickets, rebuild
from app.tickets.services.search.snippets import contexts_of
from tests.cast import NOON, Cast, enter, writer


def found(session: Session, actor: Actor, text: str) -> list[int]:
    page = list_tickets(session, actor, TicketFilter(text=text, sort="number"), limit=100)
    return [ticket.number for ticket in page.tickets]


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


@pytest.fixture
def ticket(session: Session, cast: Cast) -> int:
    """A ticket that says each thing in another word."""
    with transaction(session):
        link = require_links(session, ["CERN-GRIDKA-LHCOPN-001"])[0]
        link.circuits = [LinkCircuit(provider="NREN", circuit_id="KIT/CERN-100G-7")]
        pic = require_site(session, "ES-PIC")
        pic.prefixes = [
            SitePrefix(network=network, prefix="2001:db8:77::/48")
            for network in ("LHCOPN", "LHCONE")
        ]
        session.flush()
        new = NewTicket(
            "CERN-GRIDKA-LHCOPN-001 umbrella",
            description="A giraffe in the tunnel",
            sites=("pic", "Atlantis"),
            submitter_name="Ada Sample",
            origin_id="ORIG-77",
            references=(Reference("GEANT", "TT-2044"),),
            public_comment="first walrus",
            internal_comment="hidden walnut",
        )
        number = open_ticket(session, writer(cast.operator), new).number
        comment_ticket(session, writer(cast.operator), number, "second zebra")
        comment_ticket(session, writer(cast.operator), number, "secret quokka", internal=True)
        solved = {"state": "solved", "solution": "The lemur left"}
        change_ticket(session, writer(cast.operator), number, solved)
    return number


PUBLIC = (
    *("umbrella", "giraffe tunnel", '"giraffe in the tunnel"', "walrus zebra", "lemur"),
    *("CERN-GRIDKA-LHCOPN-001", "gridka-lhcopn", "001", "lhcop*", "ES-PIC", "pic", "Atlantis"),
    *("FZK-LCG2", "KIT/CERN-100G-7", "100g", "Ada", "orig-77", "GEANT TT-2044", "2044", "zeb"),
    *("2001:db8:77::/48", "2001:db8:77"),
    *("#1", "1", "#1 umbrella"),
    # parts of the title's words, in any place of the search
    *("mbrel", "ELLA", "rell giraffe", "hcop umbrella", "mbr*"),
)
INTERNAL = ("walnut", '"secret quokka"', "quokka umbrella", "quok")
NEITHER = (
    *('"umbrella giraffe"', '"walrus second"', "iraffe", "umbrella nothing", "#2", "#99999999999"),
    *('"mbrella"', "mb", "ridka-lhcopn", "raffe umbrella", "unne", "mbrellas", "alru"),
    *("%", '"', "*", "AND", "(", "NOT umbrella", "'", "\\", "光", "_", "umbrella #2", "zeb lemur"),
)


def test_each_thing_finds_its_ticket(session: Session, cast: Cast, ticket: int) -> None:
    for _ in ("as it was written", "rebuilt"):
        for text in PUBLIC:
            assert found(session, cast.reader, text) == [ticket], text
            assert found(session, cast.operator, text) == [ticket], text
        for text in INTERNAL:
            assert found(session, cast.reader, text) == [], text
            assert found(session, cast.operator, text) == [ticket], text
        for text in NEITHER:
            assert found(session, cast.operator, text) == [], text
        with transaction(session):
            session.execute(delete(TicketWords))
            assert found(session, cast.operator, "umbrella") == []
            assert count_missing(session) == 1
            assert rebuild(session, 0, only_missing=True) == (1, 1)
            assert rebuild(session, 1) is None
            assert rebuild(session, 0, only_missing=True) is None


def test_a_change_is_found_at_once_and_the_old_text_no_longer(
    session: Session, cast: Cast, ticket: int
) -> None:
    by = writer(cast.operator, NOON + timedelta(hours=1))
    with transaction(session):
        wanted = {"title": "parasol", "links": (), "sites": ("Lemuria",), "internal_comment": "emu"}
        change_ticket(session, by, ticket, wanted)
        note_difference(session, by, ticket, "it differs: axolotl")
    for text in ("parasol zebra lemur", "araso zebra", "Lemuria", "walrus"):
        assert found(session, cast.reader, text) == [ticket]
    for text in ("umbrella", "mbrella", "gridka", "100g", "emu", "axolotl"):
        assert found(session, cast.reader, text) == [], text
    for text in ("emu axolotl", "walnut"):
        assert found(session, cast.operator, text) == [ticket], text


def test_a_new_name_is_found_after_a_rebuild(session: Session, cast: Cast, ticket: int) -> None:
    with transaction(session):
        site = require_site(session, "ES-PIC")
        site.names.append(SiteName(system="NetSite", name="PORTUS"))
    assert found(session, cast.reader, "PORTUS") == []
    with transaction(session):
        index_tickets(session, [ticket])
    assert found(session, cast.reader, "PORTUS") == [ticket]


ALPHABET = (
    *("a", "ab", "b", "ba", "a-b", "b.a", "é", "光", "1", "12", "_", "%", "aé"),
    *("abc", "bca", "cabca", "bcé", "123", "1234", "光abc"),
)


@pytest.mark.parametrize(("few", "ahead"), [(FEW, AHEAD), (3, AHEAD), (3, (2, 5))])
def test_any_search_finds_what_a_plain_reading_finds(
    session: Session, cast: Cast, few: int, ahead: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the index of words, and ticket by ticket where many hold them."""
    monkeypatch.setattr("app.tickets.services.pages.FEW", few)
    monkeypatch.setattr("app.tickets.services.pages.AHEAD", ahead)
    dice = random.Random(5)

    def some(most: int) -> str:
        return " ".join(dice.choice(ALPHABET) for _ in range(dice.randrange(1, most)))

    texts: dict[int, tuple[list[str], list[str]]] = {}
    with transaction(session):
        for _ in range(60):
            new = NewTicket(some(4), description=some(6), internal_comment=some(4))
            number = open_ticket(session, writer(cast.operator), new).number
            public = [new.title, new.description]
            internal = [new.internal_comment]
            if dice.random() < 0.5:
                comment, secret = some(4), bool(dice.randrange(2))
                comment_ticket(session, writer(cast.operator), number, comment, internal=secret)
                (internal if secret else public).append(comment)
            texts[number] = (public, internal)
    names = {str(number) for number in texts} | set(words_of("operator user"))

    def holds(text: str, words: tuple[str, ...], begun: bool) -> bool:
        have = words_of(text)
        for at in range(len(have) - len(words) + 1):
            part = have[at : at + len(words)]
            last = part.pop()
            if tuple(part) == words[:-1] and (
                last.startswith(words[-1]) if begun else last == words[-1]
            ):
                return True
        return False

    tried = 0
    while tried < 150:
        search = " ".join(
            dice.choice(("{}", "{}", '"{}"', "{}*")).format(some(3)) for _ in range(2)
        )
        terms = read_search(search).terms
        if any(set(term.words) & names or term.words[-1] in "operatoruser" for term in terms):
            continue
        tried += 1
        for actor, reads_all in ((cast.reader, False), (cast.operator, True)):
            expected = [
                number
                for number, (public, hidden) in texts.items()
                if terms
                and all(
                    any(
                        holds(text, term.words, term.begun)
                        for text in (*public, *(hidden if reads_all else ()))
                    )
                    or (term.part and any(term.words[0] in word for word in words_of(public[0])))
                    for term in terms
                )
            ]
            assert found(session, actor, search) == expected, (search, reads_all)


def test_a_hit_is_shown_in_its_context(session: Session, cast: Cast, ticket: int) -> None:
    def shown(text: str, *, internal: bool) -> tuple[str, str, str]:
        page = list_tickets(session, cast.operator, TicketFilter(text=text))
        contexts = contexts_of(session, page, read_search(text), internal=internal)
        one = contexts[ticket]
        title, line = (
            "".join(f"[{piece.text}]" if piece.hit else piece.text for piece in pieces)
            for pieces in (one.title, one.line)
        )
        return title, one.where, line

    name = "CERN-GRIDKA-LHCOPN-001"
    assert shown("umbrella", internal=False) == (f"{name} [umbrella]", "", "")
    assert shown("mbrel", internal=False) == (f"{name} [umbrella]", "", "")
    assert shown("gridka giraffe", internal=False) == (
        "CERN-[GRIDKA]-LHCOPN-001 umbrella",
        "Description",
        "A [giraffe] in the tunnel",
    )
    assert shown("FZK-LCG2", internal=False)[1:] == (
        "Site, by its names",
        "DE-KIT, [FZK-LCG2], GRIDKA",
    )
    assert shown("2001:db8:77::/48", internal=False)[1:] == (
        "Site, by its prefixes",
        "[2001:db8:77::/48]",
    )
    where = f"Comment by {cast.operator.account}"
    assert shown("zebra", internal=False)[1:] == (where, "second [zebra]")
    assert shown("quokka", internal=True)[1] == f"Internal note by {cast.operator.account}"
    assert shown("quokka", internal=False)[1:] == ("", "")
    # who wrote a comment is found, too; who wrote internal ones only by those who may read them
    with transaction(session):
        comment_ticket(session, writer(cast.kit), ticket, "and an otter")
        comment_ticket(session, writer(cast.admin), ticket, "kept quiet", internal=True)
    kit, admin = cast.kit.account, cast.admin.account
    assert shown(kit, internal=False)[1:] == ("Author, comment", f"[{kit}]")
    assert shown(admin, internal=True)[1:] == ("Author, internal note", f"[{admin}]")
    assert shown(admin, internal=False)[1:] == ("", "")
    assert shown("100g", internal=False)[2] == "circuit KIT/CERN-[100G]-7 of NREN"


def test_a_diary_without_end_stops_no_ticket(session: Session, cast: Cast) -> None:
    with transaction(session):
        number = open_ticket(session, writer(cast.operator), NewTicket("Long")).number
        for part in range(4):
            text = " ".join(f"w{part}x{word}" for word in range(9000))
            comment_ticket(session, writer(cast.operator), number, text)
    assert found(session, cast.reader, "w0x8999") == [number]
    kept = session.scalars(select(TicketWords.public)).one()
    assert len(kept) < 250_000
    with transaction(session):
        change_ticket(session, writer(cast.operator), number, {"title": "Longer"})
    assert found(session, cast.reader, "longer w0x8999") == [number]
