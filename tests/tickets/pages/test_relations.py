"""Linked tickets on a ticket's page: shown at both, added and removed by hand, children opened."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket
from app.tickets.rules.relations import RelationRole
from app.tickets.services.lifecycle import move_ticket
from app.tickets.services.relations import relate_tickets, relations_of
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open

LINK = "CERN-GRIDKA-LHCOPN-001"


def roles(session: Session, actor: Actor, number: int) -> list[tuple[str, int]]:
    session.rollback()
    return [(item.role, item.number) for item in relations_of(session, actor, number)]


def test_a_relation_is_added_shown_at_both_and_removed(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    one, two = opened(title="Cable cut"), opened(title="Circuit down")
    visitor = visit(cast.operator)
    form = visitor.read(f"/tickets/{one}").form(f"/tickets/{one}/relate")
    assert form.names >= {"role", "other", "csrf_token"}
    answer = visitor.send(f"/tickets/{one}/relate", {"role": "child", "other": f" #{two} "})
    assert answer.status_code == 303
    assert answer.location.startswith(f"/tickets/{one}#")
    assert roles(session, cast.reader, one) == [("child", two)]
    page = visitor.read(f"/tickets/{one}")
    assert "Children 0 of 1 finished" in page.text
    assert f"{two} Circuit down" in page.text
    assert f"Child: {two}" in page.text  # the timeline
    assert (f"/tickets/{two}", str(two)) in page.links
    page = visitor.read(f"/tickets/{two}")
    assert f"Parent {one} Cable cut" in page.text
    remove = page.form(f"/tickets/{two}/unrelate").data()
    assert (remove["role"], remove["other"]) == (["parent"], [str(one)])
    assert visitor.send_raw(f"/tickets/{two}/unrelate", b"role=parent&other=1").status_code == 400
    assert visitor.send(f"/tickets/{two}/unrelate", remove).status_code == 303
    assert roles(session, cast.reader, one) == []
    empty = visitor.read(f"/tickets/{one}").text
    assert "Linked tickets" not in empty
    assert "Link ticket…" in empty


def test_a_parent_shows_how_many_children_are_finished(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    parent, *children = [opened(title=f"t{number}") for number in range(6)]
    with transaction(session):
        for child in children:
            relate_tickets(session, writer(cast.operator), child, RelationRole.PARENT, parent)
        for child in children[:3]:
            move_ticket(session, writer(cast.operator), child, "unsolved")
    page = visit(cast.reader).read(f"/tickets/{parent}")
    assert "Children 3 of 5 finished" in page.text
    assert not [form for form in page.forms if "relate" in form.action]  # a reader only reads
    assert "/tickets/new?parent=1" not in [href for href, _ in page.links]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("99", "No ticket has this number"),
        ("9" * 30, "Ticket number: enter digits only"),
        ("GGUS-12", "Ticket number: enter digits only"),
        ("", "Ticket number is required"),
        ("1", "A ticket cannot be related to itself"),
        ("2", "The child already has a parent"),
    ],
)
def test_a_number_that_cannot_be_related_is_refused_in_words_and_kept(
    session: Session, cast: Cast, visit: Enter, opened: Open, other: str, words: str
) -> None:
    for _ in range(3):
        opened()
    with transaction(session):
        relate_tickets(session, writer(cast.operator), 2, RelationRole.PARENT, 3)
    before = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    visitor = visit(cast.operator)
    answer = visitor.send("/tickets/1/relate", {"role": "child", "other": other})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert words in "".join(page.alerts)
    assert page.form("/tickets/1/relate").values("other") == [other]
    assert page.form("/tickets/1/relate").values("role") == ["child"]
    assert session.scalar(select(func.count()).select_from(Change)) == before


def test_who_may_relate(session: Session, cast: Cast, visit: Enter, opened: Open) -> None:
    one, two = opened(), opened()
    sent = {"role": "related", "other": str(two)}
    for actor in (cast.reader, cast.kit):
        for verb in ("relate", "unrelate"):
            assert visit(actor).send(f"/tickets/{one}/{verb}", sent).status_code == 403
    assert visit(cast.operator).send("/tickets/99/relate", sent).status_code == 404
    own = opened(by=cast.kit)
    assert visit(cast.kit).send(f"/tickets/{own}/relate", sent).status_code == 303
    assert roles(session, cast.reader, own) == [("related", two)]


def test_a_child_begins_with_what_its_parent_lends_and_is_related_on_saving(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    parent = opened(
        title="Cable cut",
        category="maintenance",
        network="LHCONE",
        links=(LINK,),
        sites=("FZK-LCG2", "No Such Site"),
        priority="urgent",
    )
    visitor = visit(cast.operator)
    path = f"/tickets/new?parent={parent}"
    assert path in [href for href, _ in visitor.read(f"/tickets/{parent}").links]
    page = visitor.read(path)
    assert "New child of ticket 1" in page.text
    form = page.form("/tickets/new")
    assert form.action == path
    assert form.values("links") == [LINK]
    assert form.values("sites") == ["No Such Site", "DE-KIT"]
    assert form.values("network") == ["LHCONE"]
    assert form.values("category") == ["maintenance"]
    assert form.values("title") == [""]
    data = {name: values for name, values in form.data().items() if name != "csrf_token"}
    refused = visitor.send(path, {**data, "title": "Circuit down"})
    assert refused.status_code == 422  # no window
    assert PageReader(refused.text).form("/tickets/new").action == path
    saved = visitor.send(path, {**data, "title": "Circuit down", "category": "incident"})
    assert saved.status_code == 303
    assert roles(session, cast.reader, 2) == [("parent", parent)]
    child = session.get_one(Ticket, 2)
    assert (child.title, child.network, child.category) == ("Circuit down", "LHCONE", "incident")
    assert child.version == 2


@pytest.mark.parametrize("parent", ["99", "x", "-1", "1;", "9" * 40])
def test_a_child_of_nothing_is_not_found(
    session: Session, cast: Cast, visit: Enter, parent: str
) -> None:
    visitor = visit(cast.operator)
    assert visitor.get(f"/tickets/new?parent={parent}").status_code == 404
    sent = {"title": "t", "category": "incident"}
    assert visitor.send(f"/tickets/new?parent={parent}", sent).status_code == 404
    assert session.scalar(select(func.count()).select_from(TicketRelation)) == 0
    assert session.scalar(select(func.count()).select_from(Ticket)) == 0


def test_a_hostile_title_of_a_related_ticket_is_text(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    one = opened(title="t")
    two = opened(title='"><script>alert(1)</script>')
    with transaction(session):
        relate_tickets(session, writer(cast.operator), one, RelationRole.RELATED, two)
    page = visit(cast.operator).read(f"/tickets/{one}")
    assert '"><script>alert(1)</script>' in page.text
    assert page.inline_scripts == []
