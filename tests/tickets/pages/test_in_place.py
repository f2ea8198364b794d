"""Take, Assign and the fields that a ticket's page changes where it shows them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.core.services.changes import TICKET, changes_of
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open

HTMX = {"HX-Request": "true"}


def newest(session: Session, number: int) -> Change:
    session.rollback()
    return changes_of(session, TICKET, number)[-1]


def logged(change: Change) -> dict[str, tuple[str | None, str | None]]:
    return {item.field: (item.old, item.new) for item in change.fields}


def change(session: Session, by: Actor, number: int, **wanted: object) -> None:
    with transaction(session):
        change_ticket(session, writer(by), number, wanted)


@pytest.mark.parametrize(
    ("states", "after"),
    [
        ((), "in progress"),
        (("assigned",), "in progress"),
        (("waiting for reply",), "waiting for reply"),
        (("on hold",), "on hold"),
        (("solved", "reopened"), "in progress"),
    ],
)
def test_taking_names_oneself_and_starts_work_where_nobody_works(
    session: Session,
    cast: Cast,
    visit: Enter,
    opened: Open,
    states: tuple[str, ...],
    after: str,
) -> None:
    number = opened(solution="found before")
    for state in states:
        change(session, cast.operator, number, state=state)
    visitor = visit(cast.operator)
    form = visitor.read(f"/tickets/{number}").form(f"/tickets/{number}/take").data()
    answer = visitor.send(f"/tickets/{number}/take", form)
    assert answer.status_code == 303
    ticket = session.get_one(Ticket, number, populate_existing=True)
    assert (ticket.person_in_charge, ticket.state) == ("operator", after)
    page = visitor.read(f"/tickets/{number}")
    assert "Assigned to you." in page.text
    assert not page.has_form(f"/tickets/{number}/take")  # it is one's own now


def test_a_ticket_that_somebody_else_took_meanwhile_is_not_taken_from_them(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    seen = visitor.read(f"/tickets/{number}").form(f"/tickets/{number}/take").data()
    change(session, cast.admin, number, person_in_charge="admin")
    answer = visitor.send(f"/tickets/{number}/take", seen)
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "Somebody else has changed this ticket. Assignee is now: admin." in page.text
    assert newest(session, number).version == 2
    again = visitor.send(f"/tickets/{number}/take", page.form(f"/tickets/{number}/take").data())
    assert again.status_code == 303
    assert logged(newest(session, number))["person_in_charge"] == ("admin", "operator")


@pytest.mark.parametrize("state", ["solved", "closed"])
def test_what_is_not_open_is_not_taken(
    session: Session, cast: Cast, visit: Enter, opened: Open, state: str
) -> None:
    number = opened(solution="done")
    change(session, cast.operator, number, state="solved")
    if state == "closed":
        change(session, cast.operator, number, state="closed")
    visitor = visit(cast.operator)
    assert not visitor.read(f"/tickets/{number}").has_form(f"/tickets/{number}/take")
    answer = visitor.send(f"/tickets/{number}/take", {})
    assert answer.status_code == 409
    assert f"A ticket in state {state} cannot be taken; reopen it first" in answer.text


def test_assigning_picks_one_who_may_work_on_it_and_keeps_what_a_partner_wrote(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(sites=("DE-KIT",), person_in_charge="Duty desk of the NREN")
    visitor = visit(cast.operator)
    path = f"/tickets/{number}?set=person_in_charge"
    page = visitor.read(path)
    offered = page.options("person_in_charge")
    # oneself first, then whoever stands there; the reporter of the site, not that of another one
    assert offered[:3] == ["", "operator", "Duty desk of the NREN"]
    assert "kit" in offered
    assert not {"pic", "reader"} & set(offered)
    form = page.form(f"/tickets/{number}/set").data() | {"person_in_charge": "kit"}
    assert visitor.send(f"/tickets/{number}/set", form).status_code == 303
    assert logged(newest(session, number)) == {
        "person_in_charge": ("Duty desk of the NREN", "kit"),
        "state": ("new", "assigned"),
    }
    assert "Assignee: kit." in visitor.read(f"/tickets/{number}").text
    refused = visitor.send(f"/tickets/{number}/set", {**form, "person_in_charge": "pic"})
    assert refused.status_code == 422
    assert "Assignee: choose one of" in refused.text


@pytest.mark.parametrize(
    ("name", "value", "after"),
    [
        ("priority", "urgent", "urgent"),
        ("impact", "outage", "outage"),
        ("unit", "NOC of the site", "NOC of the site"),
        ("event_start", "2026-01-31 09:05", "2026-01-31T09:05:00Z"),
    ],
)
def test_a_field_is_changed_where_it_is_shown(
    session: Session, cast: Cast, visit: Enter, opened: Open, name: str, value: str, after: str
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets/{number}?set={name}")
    form = page.form(f"/tickets/{number}/set").data() | {name: value}
    answer = visitor.send(f"/tickets/{number}/set", form, headers=HTMX)
    assert answer.status_code == 200
    assert logged(newest(session, number))[name][1] == after
    assert 'id="notices" hx-swap-oob' in answer.text  # said aloud


def test_a_field_that_somebody_overtook_keeps_what_was_typed(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    seen = visitor.read(f"/tickets/{number}?set=unit").form(f"/tickets/{number}/set").data()
    change(session, cast.admin, number, unit="Theirs")
    change(session, cast.admin, number, priority="urgent")  # of another field: no conflict
    answer = visitor.send(f"/tickets/{number}/set", {**seen, "unit": "Mine"})
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "Responsible unit is now: Theirs" in page.text
    again = page.form(f"/tickets/{number}/set").data()
    assert again["unit"] == ["Mine"]
    assert visitor.send(f"/tickets/{number}/set", again).status_code == 303
    assert logged(newest(session, number)) == {"unit": ("Theirs", "Mine")}


def test_times_keep_their_order_and_a_maintenance_its_window(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)

    def send(name: str, value: str) -> tuple[int, str]:
        data = {"field": name, name: value}
        answer = visitor.send(f"/tickets/{number}/set", data)
        return answer.status_code, answer.text

    assert send("event_start", "2026-01-31 10:00")[0] == 303
    status, text = send("event_end", "2026-01-31 09:00")
    assert status == 422
    assert "The event ends before it starts" in text
    planned = {"window_start": NOON, "window_end": NOON + timedelta(hours=2)}
    change(session, cast.operator, number, category="maintenance", **planned)
    status, text = send("window_start", "")
    assert status == 422
    assert "Window start is required for a maintenance" in text


def test_only_named_fields_are_changed_and_nothing_of_a_final_ticket(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(solution="done")
    visitor = visit(cast.operator)
    refused = visitor.send(f"/tickets/{number}/set", {"field": "title", "title": "Other"})
    assert refused.status_code == 422
    assert visitor.send(f"/tickets/{number}/set", {"field": "carbon_copy"}).status_code == 422
    assert newest(session, number).version == 1
    change(session, cast.operator, number, state="solved")
    change(session, cast.operator, number, state="closed")
    page = visitor.read(f"/tickets/{number}?set=priority")
    assert not page.has_form(f"/tickets/{number}/set")
    answer = visitor.send(f"/tickets/{number}/set", {"field": "priority", "priority": "urgent"})
    assert answer.status_code == 409


def test_readers_and_reporters_of_other_sites_see_no_way_to_change_a_field(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(sites=("DE-KIT",))
    for actor in (cast.reader, cast.pic):
        page = visit(actor).read(f"/tickets/{number}?set=priority")
        assert not page.has_form(f"/tickets/{number}/set")
        assert not page.has_form(f"/tickets/{number}/take")
