"""Unresolved names on their pages: for admins only; one click, and the tickets follow."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.events.models.events import Event
from app.events.rules.events import read_event
from app.events.services.events import report_events
from app.names.pages import unresolved as pages
from app.registry.models.registry import SiteName
from app.tickets.models.tickets import TicketSite
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

HERE = "/admin/unresolved"
TYPO = "FZK-LGC2 <b>&"
SLIP = "CERN-GRDKA-LHCOPN-001"


def affected(session: Session, name: str) -> list[int | None]:
    session.rollback()
    return list(
        session.scalars(
            select(TicketSite.site_id)
            .where(TicketSite.name == name)
            .order_by(TicketSite.ticket_number)
        )
    )


def buttons(page: PageReader) -> list[tuple[str, str, str]]:
    return [item for item in page.attributes if item[:2] == ("button", "value")]


@pytest.mark.parametrize("path", [HERE, f"{HERE}?kind=decided", f"{HERE}/name?kind=site&name=x"])
def test_only_admins_see_them(app: Flask, cast: Cast, visit: Enter, path: str) -> None:
    for actor in (cast.operator, cast.kit, cast.reader):
        assert visit(actor).get(path).status_code == 403
    assert Visitor(app).get(path).status_code in (302, 303)


@pytest.mark.parametrize("action", ["alias", "follow", "dismiss", "take-back", "unit"])
def test_only_admins_decide(
    cast: Cast, session: Session, visit: Enter, opened: Open, action: str
) -> None:
    opened(sites=(TYPO,))
    before = session.scalar(select(func.count()).select_from(Change))
    fields = {"kind": "site", "name": TYPO, "target": "DE-KIT", "system": "GOCDB", "unit": "x"}
    for actor in (cast.operator, cast.kit, cast.reader):
        assert visit(actor).send(f"{HERE}/{action}", fields).status_code == 403
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Change)) == before
    assert visit(cast.admin).send_raw(f"{HERE}/{action}", b"kind=site").status_code == 400


def test_one_click_makes_an_alias_and_the_tickets_follow(
    cast: Cast, session: Session, visit: Enter, opened: Open
) -> None:
    for _ in range(3):
        opened(sites=(TYPO,))
    admin = visit(cast.admin)
    assert "1 to review" in admin.read("/admin").text
    page = admin.read(f"{HERE}?kind=site")
    assert TYPO in page.text
    assert ("button", "value", "DE-KIT") in buttons(page)
    form = page.form(f"{HERE}/alias")
    answer = admin.send(form.action, {**form.data(), "target": "DE-KIT"})
    assert answer.status_code == 303
    shown = admin.read(answer.location)
    assert f"{TYPO} now means DE-KIT. 3 tickets updated." in shown.text
    assert "All sites in tickets and events are known" in shown.text
    kit = session.scalars(select(SiteName.site_id).where(SiteName.name == "DE-KIT")).one()
    assert affected(session, TYPO) == [kit, kit, kit]
    why = admin.read("/admin/audit?kind=site&thing=DE-KIT&field=names").text
    assert "“From tickets”" in why

    decided = admin.read(f"{HERE}?kind=decided")
    assert "means DE-KIT" in decided.text
    form = decided.form(f"{HERE}/take-back")
    back = admin.send(form.action, form.data())
    assert "3 tickets updated" in admin.read(back.location).text
    assert affected(session, TYPO) == [None, None, None]
    assert TYPO in admin.read(HERE).text


def test_what_does_not_fit_into_one_request_is_one_click_more(
    cast: Cast, session: Session, visit: Enter, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        opened(sites=(TYPO,))
    monkeypatch.setattr(pages, "SECONDS", -1.0)
    monkeypatch.setattr(pages, "STEP", 2)
    admin = visit(cast.admin)
    form = admin.read(HERE).form(f"{HERE}/alias")
    answer = admin.send(form.action, {**form.data(), "target": "DE-KIT"})
    page = admin.read(answer.location)
    assert "2 tickets updated, 1 still to update: continue below." in page.text
    assert "DE-KIT, now known" in page.text
    form = page.form(f"{HERE}/follow")
    page = admin.read(admin.send(form.action, form.data()).location)
    assert "1 ticket updated." in page.text
    assert None not in affected(session, TYPO)


def test_a_refused_alias_keeps_what_was_typed(
    cast: Cast, session: Session, visit: Enter, opened: Open
) -> None:
    opened(sites=(TYPO,))
    fields = {"kind": "site", "name": TYPO, "system": "CRIC", "why": "Typed reason"}
    answer = visit(cast.admin).send(f"{HERE}/alias", {**fields, "target": "Typed target"})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert "No site has this name" in " ".join(page.alerts)
    form = page.form(f"{HERE}/alias")
    assert form.values("target") == ["Typed target"]
    assert form.values("why") == ["Typed reason"]
    assert form.values("system") == ["CRIC"]
    assert affected(session, TYPO) == [None]


def test_a_record_of_its_own_begins_with_the_name(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(title=f"{SLIP} down", sites=(TYPO,))
    admin = visit(cast.admin)
    for kind, name, form_at, field in (
        ("site", TYPO, "/sites/new", "key"),
        ("link", SLIP, "/links/new", "name"),
    ):
        listed = admin.read(f"{HERE}?kind={kind}")
        own = next(href for href, word in listed.links if word == name)
        assert parse_qs(urlsplit(own).query) == {"kind": [kind], "name": [name]}
        page = admin.read(own)
        new = next(href for href, word in page.links if word == f"New {kind} {name}…")
        assert admin.read(new).form(form_at).values(field) == [name]


def test_links_are_recognised_afterwards(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened(title=f"{SLIP} down")
    admin = visit(cast.admin)
    page = admin.read(f"{HERE}?kind=link")
    assert ("button", "value", "CERN-GRIDKA-LHCOPN-001") in buttons(page)
    form = page.form(f"{HERE}/alias")
    admin.send(form.action, {**form.data(), "target": "CERN-GRIDKA-LHCOPN-001"})
    assert "CERN-GRIDKA-LHCOPN-001" in admin.read(f"/tickets/{number}").text


def test_dismissed_and_taken_back(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(sites=(TYPO,))
    admin = visit(cast.admin)
    answer = admin.send(f"{HERE}/dismiss", {"kind": "site", "name": TYPO, "why": "A test"})
    page = admin.read(answer.location)
    assert "All sites in tickets and events are known" in page.text
    assert "to review" not in admin.read("/admin").text
    form = admin.read(f"{HERE}?kind=decided").form(f"{HERE}/take-back")
    admin.send(form.action, form.data())
    assert TYPO in admin.read(HERE).text


def test_units(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(unit="LHCOPN NOC")
    opened(unit="LHC0PN NOC")
    admin = visit(cast.admin)
    answer = admin.send(f"{HERE}/unit", {"unit": "LHCOPN NOC"})
    page = admin.read(answer.location)
    assert ("button", "value", "LHCOPN NOC") in buttons(page)
    again = admin.send(f"{HERE}/unit", {"unit": "LHCOPN NOC", "why": "Typed reason"})
    assert again.status_code == 422
    assert "There is already a unit with this name" in " ".join(PageReader(again.text).alerts)
    assert "Typed reason" in again.text
    form = page.form(f"{HERE}/alias")
    admin.send(form.action, {**form.data(), "target": "LHCOPN NOC"})
    assert "All units in tickets are known" in admin.read(f"{HERE}?kind=unit").text


@pytest.mark.parametrize(
    "path",
    [
        f"{HERE}?kind=nonsense",
        f"{HERE}?page=0",
        f"{HERE}?page=x",
        f"{HERE}?page=99999999999",
        f"{HERE}/name?kind=site&name=DE-KIT",
        f"{HERE}/name?kind=unit&name=TPM",
        f"{HERE}/name?kind=x",
        f"{HERE}/name?kind=site&name=",
    ],
)
def test_what_is_not_there(cast: Cast, visit: Enter, path: str) -> None:
    assert visit(cast.admin).get(path).status_code == 404


def test_pages(cast: Cast, visit: Enter, opened: Open) -> None:
    for number in range(26):
        opened(sites=(f"Unknown {number:02}",))
    admin = visit(cast.admin)
    first = admin.read(HERE)
    assert "Unknown 24" in first.text
    assert "Unknown 25" not in first.text
    second = admin.read(next(href for href, word in first.links if word == "Less frequent"))
    assert "Unknown 25" in second.text
    assert "Unknown 24" not in second.text


def test_events_are_settled_by_the_same_click(
    cast: Cast, session: Session, visit: Enter, opened: Open
) -> None:
    opened(title=f"{SLIP} down")
    by = writer(cast.operator)
    texts = {"source": "probe", "state": "down", "start": "2013-03-06T10:00:00Z", "link": SLIP}
    with transaction(session):
        messages = [
            read_event(number, f"event {number}", {**texts, "source_id": str(number)})
            for number in range(2)
        ]
        report_events(session, by, messages, keep_unresolved=True)
    admin = visit(cast.admin)
    page = admin.read(f"{HERE}?kind=link")
    assert "2 events" in page.text
    assert "probe" in page.text
    assert "1 ticket and 2 events name" in admin.read(f"{HERE}/name?kind=link&name={SLIP}").text
    form = page.form(f"{HERE}/alias")
    answer = admin.send(form.action, {**form.data(), "target": "CERN-GRIDKA-LHCOPN-001"})
    assert "1 ticket and 2 events updated." in admin.read(answer.location).text
    session.rollback()
    assert None not in session.scalars(select(Event.link_id)).all()
    session.rollback()
    form = admin.read(f"{HERE}?kind=decided").form(f"{HERE}/take-back")
    back = admin.send(form.action, form.data())
    assert "1 ticket and 2 events updated." in admin.read(back.location).text
    assert set(session.scalars(select(Event.link_id))) == {None}
