"""Similar tickets beside the form of a new one: while one types, and without scripts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.tickets.services.lifecycle import move_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open

KIT = "CERN-GRIDKA-LHCOPN-001"
NEW = "/tickets/new"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def known(session: Session, cast: Cast, opened: Open) -> tuple[int, int]:
    """An open ticket on the link, and a solved one."""
    ended = opened(title="Flapping <b>at</b> night", links=(KIT,))
    with transaction(session):
        solution = "<i>Replaced</i> the laser\nand its spare"
        move_ticket(session, writer(cast.operator), ended, "solved", solution=solution)
    return opened(title="Dark since noon", links=(KIT,)), ended


def asked(**typed: Any) -> str:
    return f"{NEW}/similar?{urlencode({'category': 'incident', **typed}, doseq=True)}"


def test_they_are_told_while_one_types(cast: Cast, visit: Enter, known: tuple[int, int]) -> None:
    ongoing, ended = known
    visitor = visit(cast.operator)
    answer = visitor.get(asked(links=[KIT], title="flapping"), headers=HTMX)
    assert answer.status_code == 200
    page = PageReader(answer.text)
    assert (f"/tickets/{ongoing}", f"#{ongoing} Dark since noon") in page.links
    assert (f"/tickets/{ended}", f"#{ended} Flapping <b>at</b> night") in page.links
    assert "<i>Replaced</i> the laser" in page.text
    assert "spare" not in page.text
    assert "1 open on the same link, 1 solved before." in page.text
    assert "<b>at" not in answer.text
    without = PageReader(visitor.get(asked(links=[KIT], told=f"{ongoing} x"), headers=HTMX).text)
    assert without.links == []
    assert "No similar ticket found" in without.text
    assert visitor.get(asked(links=[KIT])).location == NEW
    assert visit(cast.reader).get(asked(links=[KIT]), headers=HTMX).status_code == 403
    named = PageReader(visitor.get(asked(title=f"{KIT} is dark"), headers=HTMX).text)
    assert f"/tickets/{ongoing}" in [url for url, _text in named.links]
    bad = asked(links=["\0", "x" * 999], sites=["\0"], title="\0" * 99, told="9" * 99)
    assert visitor.get(bad, headers=HTMX).status_code == 200


@pytest.mark.parametrize("do", ["preview", "save", "template"])
def test_they_are_told_without_scripts(
    cast: Cast, visit: Enter, known: tuple[int, int], do: str
) -> None:
    ongoing, ended = known
    visitor = visit(cast.operator)
    form = visitor.read(NEW).form(NEW).data()
    typed = {**form, "title": "Flapping", "links": [KIT], "event_start": "nonsense", "do": do}
    page = PageReader(visitor.send(NEW, typed).text)
    assert "1 open on the same link, 1 solved before." in page.text
    assert {(f"/tickets/{ongoing}", f"#{ongoing} Dark since noon")} <= set(page.links)
    assert f"#{ended} Flapping" in page.text


def test_a_form_with_its_link_begins_with_them(
    cast: Cast, visit: Enter, known: tuple[int, int]
) -> None:
    ongoing, _ended = known
    visitor = visit(cast.operator)
    assert "No similar ticket found" in visitor.read(NEW).text
    page = visitor.read(f"{NEW}?link={KIT}")
    assert f"#{ongoing} Dark since noon" in page.text
    child = visitor.read(f"{NEW}?parent={ongoing}")  # which names its parent anyway
    assert f"#{ongoing} Dark since noon" not in child.text
    assert ("section", "hx-get", f"{NEW}/similar?told={ongoing}") in child.attributes
    assert "Similar tickets" not in visitor.read(f"/tickets/{ongoing}/edit").text
