"""Merging on a ticket's page: asked where one reads it, told on both, and taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.tickets.models.tickets import Ticket
from app.tickets.rules.merging import MERGED_COMMENT
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import change_ticket, comment_ticket, move_ticket
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open

LINK = "CERN-GRIDKA-LHCOPN-001"
MINUTE = timedelta(minutes=1)


def state_of(session: Session, number: int) -> str:
    session.rollback()
    return session.get_one(Ticket, number).state


def test_a_ticket_is_merged_read_on_its_masters_page_and_separated(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    master = opened(title="Cable cut", description="The first one")
    double = opened(by=cast.ggus, title="No route", description="The *second* one", now=NOON)
    with transaction(session):
        by = cast.operator
        comment_ticket(session, writer(by, NOON + MINUTE), master, "one")
        comment_ticket(session, writer(cast.ggus, NOON + 2 * MINUTE), double, "two *stars*")
        comment_ticket(session, writer(by, NOON + 3 * MINUTE), double, "three", internal=True)
        add_attachment(session, writer(by, NOON + 4 * MINUTE), double, "trace.txt", b"hops")
        change_ticket(session, writer(by, NOON + 5 * MINUTE), double, {"solution": "Try again"})
        comment_ticket(session, writer(by, NOON + 6 * MINUTE), master, "four")
    visitor = visit(cast.operator)
    asked = visitor.read(f"/tickets/{double}").form(f"/tickets/{double}/merge").data()
    answer = visitor.send(f"/tickets/{double}/merge", {**asked, "master": f" #{master} "})
    assert answer.status_code == 303
    assert answer.location.startswith(f"/tickets/{master}#c")
    assert state_of(session, double) == "unsolved"

    page = visitor.read(answer.location)
    assert f"Ticket {double} merged into this one." in page.text
    story = page.text.split("Timeline")[1]
    told = ("The *second* one", "one", "two *stars*", "three", "ATT", "Try again")
    places = [story.index(text) for text in told]
    assert places == sorted(places)
    assert story.index("Try again") < story.index("four")
    assert story.count(f"in #{double}") == 5
    assert MERGED_COMMENT not in page.text
    assert (f"/tickets/{double}", f"#{double}") in page.links
    assert [href for href, text in page.links if "trace.txt" in text] == ["/attachments/ATT1"]
    assert visitor.get("/attachments/ATT1").data == b"hops"
    assert "three" not in visit(cast.reader).read(f"/tickets/{master}").text

    page = visitor.read(f"/tickets/{double}")
    assert f"Duplicate of #{master} Cable cut" in page.text
    assert "Later comments on this ticket also appear on the other ticket" in page.text
    assert "merged this ticket into another" in page.text
    assert MERGED_COMMENT in page.text
    assert not page.has_form(f"/tickets/{double}/merge")
    apart = page.form(f"/tickets/{double}/separate").data()
    answer = visitor.send(f"/tickets/{double}/separate", apart)
    assert answer.status_code == 303
    assert f"Unmerged: ticket {double} is new." in visitor.read(answer.location).text
    assert state_of(session, double) == "new"
    assert "The *second* one" not in visitor.read(f"/tickets/{master}").text
    assert not visit(cast.reader).read(f"/tickets/{double}").has_form(f"/tickets/{double}/merge")


def test_a_merge_is_taken_back_on_the_page_of_the_master_and_in_place(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    master, double = opened(links=(LINK,)), opened(links=(LINK, "CERN-PIC-LHCOPN-001"))
    visitor, htmx = visit(cast.operator), {"HX-Request": "true"}
    answer = visitor.send(f"/tickets/{double}/merge", {"master": str(master)}, headers=htmx)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith(f"/tickets/{master}#c")
    page = visitor.read(f"/tickets/{master}")
    assert (
        "The merged ticket also affects CERN-PIC-LHCOPN-001; add them to this ticket" in page.text
    )
    apart = page.form(f"/tickets/{master}/separate").data()
    assert (apart["role"], apart["other"]) == (["duplicate"], [str(double)])
    answer = visitor.send(f"/tickets/{master}/separate", apart, headers=htmx)
    assert answer.status_code == 200
    assert f"Unmerged: ticket {double} is new." in answer.text
    assert state_of(session, double) == "new"


@pytest.mark.parametrize(
    ("master", "words"),
    [
        ("99", "No ticket has this number"),
        ("GGUS-12", "Merge into ticket: enter digits only"),
        ("", "Merge into ticket is required"),
        ("1", "cannot be merged into itself"),
        ("2", "Ticket 2 is unsolved; reopen it first"),
        ("3", "Ticket 3 is of category maintenance and this one of category incident"),
    ],
)
def test_what_cannot_be_merged_is_refused_in_words_and_kept(
    session: Session, cast: Cast, visit: Enter, opened: Open, master: str, words: str
) -> None:
    opened()
    ended = opened()
    opened(category="maintenance", window_start=NOON, window_end=NOON + MINUTE)
    with transaction(session):
        move_ticket(session, writer(cast.operator), ended, "unsolved")
    answer = visit(cast.operator).send("/tickets/1/merge", {"master": master})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert words in "".join(page.alerts)
    assert page.form("/tickets/1/merge").values("master") == [master]
    assert state_of(session, 1) == "new"


def test_who_was_overtaken_is_told(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    one, two, three = opened(), opened(), opened()
    visitor = visit(cast.operator)
    assert visitor.send(f"/tickets/{one}/merge", {"master": str(two)}).status_code == 303
    for number, master, words in (
        (two, one, f"Ticket {one} is unsolved; reopen it first"),
        (one, three, "The duplicate already has an original"),
        (two, three, "The duplicate has duplicates itself"),
    ):
        answer = visitor.send(f"/tickets/{number}/merge", {"master": str(master)})
        assert answer.status_code == 422
        assert words in "".join(PageReader(answer.text).alerts)
    for number in (one, two):
        assert not visitor.read(f"/tickets/{number}").has_form(f"/tickets/{number}/merge")


def test_who_may_merge(session: Session, cast: Cast, visit: Enter, opened: Open) -> None:
    other, own, second = opened(), opened(by=cast.kit), opened(by=cast.kit)
    sent = {"master": str(own)}
    for actor in (cast.reader, cast.kit):
        assert visit(actor).send(f"/tickets/{other}/merge", sent).status_code == 403
    assert visit(cast.operator).send("/tickets/99/merge", sent).status_code == 404
    kit = visit(cast.kit)
    answer = kit.send(f"/tickets/{own}/merge", {"master": str(other)})
    assert answer.status_code == 422
    assert f"You may not change ticket {other}: Reporters may change only" in answer.text
    assert kit.send(f"/tickets/{second}/merge", sent).status_code == 303
    assert state_of(session, second) == "unsolved"
    for role, number in (("related", own), ("duplicate_of", "x")):
        bad = {"role": role, "other": str(number)}
        assert kit.send(f"/tickets/{second}/separate", bad).status_code == 422
