"""What is known already of a ticket that somebody writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, move_ticket, open_ticket
from app.tickets.services.search import similar
from app.tickets.services.search.similar import Similar, similar_tickets
from tests.cast import Cast, enter, writer

KIT, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def ticket(session: Session, cast: Cast, title: str, solution: str = "", **fields: Any) -> int:
    """One that is open, or solved so."""
    with transaction(session):
        by = writer(cast.operator)
        content = NewTicket(title=title, **{"category": "incident", **fields})
        number = open_ticket(session, by, content).number
        if solution:
            move_ticket(session, by, number, "solved", solution=solution)
    return number


def found(session: Session, by: Actor, title: str = "", **more: Any) -> Similar:
    asked = {"category": "incident", "links": (), "sites": (), **more}
    return similar_tickets(session, by, title=title, **asked)


def solved(session: Session, by: Actor, title: str, **more: Any) -> Sequence[int]:
    return [one.number for one in found(session, by, title, **more).solved]


def test_solved_ones_are_ranked_by_link_site_category_and_words(
    session: Session, cast: Cast
) -> None:
    elsewhere = ticket(session, cast, "BGP flapping", "x", links=(PIC,))
    by_site = ticket(session, cast, "BGP flapping at night", "x", sites=("DE-KIT",))
    other_kind = ticket(session, cast, "BGP flapping", "x", links=(KIT,), category="informational")
    by_link = ticket(session, cast, "Flapping again", "\n Replaced \nit", links=(KIT,))
    both_words = ticket(session, cast, "BGP is flapping", "x", links=(KIT,))
    everything = ticket(session, cast, "BGP flap", "x", links=(KIT,), sites=("DE-KIT",))
    ticket(session, cast, "Fibre cut", "x", links=(KIT,))  # no word in common
    ticket(session, cast, "BGP flapping", links=(KIT,))  # open
    ticket(session, cast, "BGP flapping", "x", links=(KIT,), category="test")
    asked = {"links": (KIT,), "sites": ("DE-KIT",)}
    # link 4, site 2, category 1, each word 1
    assert solved(session, cast.reader, "BGP flap", **asked) == [
        everything,  # 9
        both_words,  # 7
        by_link,  # 6: "bgp" is not in it
        other_kind,  # 6
        by_site,  # 5
    ]
    (first, *_) = found(session, cast.reader, "flapping", links=(KIT,)).solved[1:2]
    assert (first.number, first.solution) == (by_link, "Replaced")
    assert solved(session, cast.reader, "BGP flapping", links=(PIC,)) == [elsewhere]
    # a site alone: what affects it, and its links
    assert set(solved(session, cast.reader, "BGP", sites=("DE-KIT",))) == {
        everything,
        both_words,
        other_kind,
        by_site,
    }


def test_words_stand_in_texts_of_everybody_too(session: Session, cast: Cast) -> None:
    number = ticket(session, cast, "Trouble", links=(KIT,), description="Light levels are low")
    with transaction(session):
        by = writer(cast.operator)
        comment_ticket(session, by, number, "amplifier swapped")
        comment_ticket(session, by, number, "contract lapsed", internal=True)
        move_ticket(session, by, number, "solved", solution="Cleaned the connector")
    for word in ("levels", "amplifier", "connector"):
        assert solved(session, cast.operator, word, links=(KIT,)) == [number]
    assert solved(session, cast.operator, "contract", links=(KIT,)) == []


def test_nothing_is_looked_for_without_a_place_or_a_telling_word(
    session: Session, cast: Cast
) -> None:
    ticket(session, cast, "BGP flapping on the link", "x", links=(KIT,))
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    found(session, cast.reader, links=(KIT,))  # the transaction has begun
    event.listen(session.get_bind(), "before_cursor_execute", count)
    for title, more, statements in (
        ("BGP flapping", {}, 0),
        ("", {"sites": ("DE-KIT",)}, 0),
        (f"the link {KIT}", {"links": (KIT,)}, 1),  # the open ones
        ("BGP", {"links": (KIT,), "sites": ("DE-KIT", "ES-PIC")}, 2),
        ("BGP", {"sites": ("DE-KIT",)}, 2),
    ):
        counted = 0
        assert bool(solved(session, cast.reader, title, **more)) is (statements == 2)
        assert counted == statements
    event.remove(session.get_bind(), "before_cursor_execute", count)


def test_open_ones_are_those_on_the_links(session: Session, cast: Cast) -> None:
    first = ticket(session, cast, "Down", links=(KIT,))
    planned = ticket(session, cast, "Works", links=(KIT, PIC), category="informational")
    second = ticket(session, cast, "Down again", links=(KIT,))
    ticket(session, cast, "Down", "x", links=(KIT,))
    ticket(session, cast, "Down", links=(KIT,), category="test")
    ticket(session, cast, "Down", sites=("DE-KIT",))
    open_ones = found(session, cast.reader, links=(KIT,)).open
    assert [one.number for one in open_ones] == [second, first, planned]
    assert (open_ones[0].title, open_ones[0].state) == ("Down again", "new")
    told = found(session, cast.reader, links=(KIT,), told=(second,), category="informational")
    assert [one.number for one in told.open] == [planned, first]
    assert [one.number for one in found(session, cast.reader, links=(PIC, KIT)).open] == [
        second,
        first,
        planned,
    ]


def test_at_most_five_of_the_newest_are_shown(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [ticket(session, cast, "Flapping", "x", links=(KIT,)) for _ in range(7)]
    assert solved(session, cast.reader, "flapping", links=(KIT,)) == numbers[:1:-1]
    monkeypatch.setattr(similar, "MAX_COMPARED", 3)
    assert solved(session, cast.reader, "flapping", links=(KIT,)) == numbers[:3:-1]


def test_hostile_names_and_partners(session: Session, cast: Cast) -> None:
    number = ticket(session, cast, "Flapping", "x", links=(KIT,))
    names = ("\0", "x" * 5000, "' OR 1=1 --", *(f"n{count}" for count in range(100)), "")
    assert found(session, cast.reader, "flap\0ping % _ * \" '", links=names, sites=names) == (
        Similar([], [])
    )
    assert solved(session, cast.reader, "flapping", links=(KIT, "\0")) == [number]
    assert solved(session, cast.nren_a, "flapping", links=(KIT,)) == []
