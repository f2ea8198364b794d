"""The form of a new ticket proposes impact and priority; what a person chose stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.registry.models.registry import Link
from app.tickets.models.tickets import Ticket
from tests.cast import Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import report

PIC, BACKUP = "CERN-PIC-LHCOPN-001", "CERN-GRIDKA-LHCOPN-002"
NEW = "/tickets/new"
USUAL = ("unknown", "less urgent")


@pytest.fixture
def down(session: Session, cast: Cast) -> int:
    """DE-KIT's link, whose backup is monitored, is down by this event; that of ES-PIC is fine."""
    with transaction(session):
        main = session.query(Link).filter_by(name=KIT).one()
        backup = Link(name=BACKUP, network="LHCOPN", end_a=main.end_a, end_b=main.end_b)
        backup.role, backup.backs_up = "backup", main
        session.add(backup)
    now = datetime.now(UTC)
    times = [f"{now - timedelta(days=days):%Y-%m-%d %H:%M}" for days in (3, 2)]
    report(session, cast, times[0], times[1], link=BACKUP, now=now)
    return happened(session, cast, KIT)


def happened(session: Session, cast: Cast, link: str) -> int:
    now = datetime.now(UTC)
    begun = f"{now - timedelta(hours=2):%Y-%m-%d %H:%M}"
    return report(session, cast, begun, None, link=link, now=now, source_id=link)


def chosen(page: PageReader) -> tuple[str, str]:
    """Impact and priority as the form holds them."""
    form = next(one for one in page.forms if one.values("impact"))
    return form.values("impact")[0], form.values("priority")[0]


def test_from_an_event(session: Session, cast: Cast, visit: Enter, down: int) -> None:
    visitor = visit(cast.operator)
    page = visitor.read(f"{NEW}?event={down}")
    assert chosen(page) == ("reduced redundancy", "urgent")
    assert (
        f"Suggested: impact reduced redundancy, urgent, because {KIT} is down and its backup"
        f" {BACKUP} works." in page.text
    )
    happened(session, cast, BACKUP)
    page = visitor.read(f"{NEW}?event={down}")
    assert chosen(page) == ("outage", "top priority")
    assert "none of its backups works" in page.text
    # the person's choice wins
    form = next(one for one in page.forms if one.values("impact"))
    sent = {**form.data(), "impact": "degraded", "priority": "urgent", "do": "save"}
    answer = visitor.send(form.action, sent)
    assert answer.status_code == 303
    told = visitor.read(answer.location).text
    assert "Priority urgent" in told
    assert "Impact degraded" in told


def test_without_an_event_nothing_is_proposed(cast: Cast, visit: Enter, down: int) -> None:
    page = visit(cast.operator).read(NEW)
    assert chosen(page) == USUAL
    assert "Proposed" not in page.text


def asked(visitor: Visitor, **values: object) -> tuple[tuple[str, str], str, str]:
    """What the form is answered when links are chosen: the choices, what was proposed, the text."""
    query = urlencode(values, doseq=True)
    answer = visitor.client.get(f"{NEW}/urgency?{query}", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    page = PageReader(f"<form>{answer.text}</form>")
    return chosen(page), page.forms[0].values("proposed")[0], page.text


def test_it_follows_the_links_until_one_chooses(cast: Cast, visit: Enter, down: int) -> None:
    visitor = visit(cast.kit)
    usual = {"impact": USUAL[0], "priority": USUAL[1], "category": "incident"}
    found, proposed, text = asked(visitor, links=[KIT], proposed="", **usual)
    assert found == ("reduced redundancy", "urgent")
    assert proposed == "reduced redundancy;urgent"
    assert "Change it if you know better" in text
    # links taken off again: what was proposed goes, too
    given = {"impact": found[0], "priority": found[1], "proposed": proposed}
    assert asked(visitor, links=[PIC], **given)[:2] == (USUAL, "")
    # what the person chose stays, whatever the links
    mine = {"impact": "none", "priority": "urgent", "proposed": proposed}
    assert asked(visitor, links=[PIC], **mine)[0] == ("none", "urgent")
    assert asked(visitor, links=[KIT], **mine)[0] == ("none", "urgent")
    # work that is announced is no incident
    work = {**usual, "category": "maintenance"}
    assert asked(visitor, links=[KIT], proposed="", **work)[0] == USUAL


def test_a_link_in_the_title_counts_as_one_that_is_chosen(
    session: Session, cast: Cast, visit: Enter, down: int
) -> None:
    visitor = visit(cast.kit)
    usual = {"impact": USUAL[0], "priority": USUAL[1], "category": "incident", "proposed": ""}
    found, proposed, text = asked(visitor, title=f"Fibre cut, {KIT.lower()} dark", **usual)
    assert (found, proposed) == (("reduced redundancy", "urgent"), "reduced redundancy;urgent")
    assert f"{KIT} is down" in text
    # as at the creation: a part of a word is none, and what is chosen counts alone
    assert asked(visitor, title=f"Fibre X{KIT}", **usual)[0] == USUAL
    assert asked(visitor, title=f"Not {KIT}", links=[PIC], **usual)[0] == USUAL
    assert asked(visitor, title="\0" * 9 + "x" * 5000, **usual)[0] == USUAL
    form = visitor.read(NEW).form(NEW).data()
    answer = visitor.send(NEW, {**form, "title": f"Dark: {KIT}", "do": "save"})
    stored = session.scalars(select(Ticket)).one()
    assert [item.link.name for item in stored.affected_links] == [KIT]
    assert answer.status_code == 303


def test_without_scripts_a_button_proposes(cast: Cast, visit: Enter, down: int) -> None:
    visitor = visit(cast.operator)
    form = visitor.read(NEW).form(NEW).data()
    answer = visitor.send(NEW, {**form, "title": "T", "links": [KIT], "do": "propose"})
    assert chosen(PageReader(answer.text)) == ("reduced redundancy", "urgent")
    answer = visitor.get(f"{NEW}/urgency")
    assert (answer.status_code, answer.location) == (302, NEW)
