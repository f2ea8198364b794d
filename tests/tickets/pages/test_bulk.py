"""Several tickets changed at once, through the pages without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.core.services.changes import TICKET
from app.tickets.models.desk import BulkChange
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import Fields, PageReader, Visitor
from tests.harness.visits import Enter, Open

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def previewed(visitor: Visitor, numbers: Sequence[int], **wanted: str) -> PageReader:
    """Tick tickets, say what to change, and look at the preview."""
    page = visitor.read("/tickets/bulk?" + "&".join(f"n={number}" for number in numbers))
    data = {**page.form("/tickets/bulk/preview").data(), **wanted}
    answer = visitor.send("/tickets/bulk/preview", data)
    assert answer.status_code == 200, PageReader(answer.text).alerts
    return PageReader(answer.text)


def sent(visitor: Visitor, preview: PageReader, **more: str) -> PageReader:
    """Do what the preview shows; the page of the result."""
    answer = visitor.send("/tickets/bulk", data_of(preview, **more))
    assert answer.status_code == 303, PageReader(answer.text).text
    return visitor.read(answer.location)


def data_of(preview: PageReader, **more: str) -> Fields:
    data = preview.form("/tickets/bulk").data()
    return {**{name: values for name, values in data.items() if name != "csrf_token"}, **more}


def now_of(session: Session, number: int) -> Ticket:
    session.rollback()
    return session.get_one(Ticket, number, populate_existing=True)


def changed_behind(session: Session, by: Actor, number: int, **wanted: object) -> None:
    with transaction(session):
        change_ticket(session, writer(by, datetime.now(UTC)), number, wanted)


def test_a_change_of_several_and_the_way_back(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    numbers = [opened(title=f"T{index}", sites=("DE-KIT",)) for index in range(5)]
    changed_behind(session, cast.operator, numbers[1], state="in progress")
    changed_behind(session, cast.operator, numbers[2], state="solved", solution="Fibre spliced")
    changed_behind(session, cast.operator, numbers[4], state="solved", solution="x")
    changed_behind(session, cast.operator, numbers[4], state="closed")
    visitor = visit(cast.operator)
    before = session.scalar(select(func.count()).select_from(Change))
    preview = previewed(
        visitor, numbers, state="in progress", priority="very urgent", public_comment="Storm."
    )
    # one is in progress already, a solved one cannot go there, a closed one is final
    assert "3 of 5 tickets will change, 2 cannot be changed" in preview.text
    assert "Priority less urgent becomes → very urgent" in preview.text
    assert "State new becomes → in progress" in preview.text
    assert "A ticket in state solved cannot be moved there" in preview.text
    assert "A ticket in state closed" in preview.text
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Change)) == before

    # those that are refused are left out only if the person says so
    answer = visitor.send("/tickets/bulk", data_of(preview))
    assert answer.status_code == 422
    assert "Nothing has been changed yet" in PageReader(answer.text).text
    assert now_of(session, numbers[0]).state == "new"
    # somebody changes one meanwhile: it is left out, and told
    changed_behind(session, cast.admin, numbers[3], unit="NOC")
    result = sent(visitor, preview, agree="yes")
    assert "2 tickets changed, 3 left out" in result.text
    assert "Somebody changed it after the preview" in result.text
    assert [now_of(session, number).state for number in numbers] == [
        "in progress",
        "in progress",
        "solved",
        "new",
        "closed",
    ]
    first = now_of(session, numbers[0])
    assert (first.priority, first.version) == ("very urgent", 2)
    of_ticket = select(Change).where(Change.kind == TICKET, Change.thing_id == numbers[0])
    newest = session.scalars(of_ticket.order_by(Change.id)).all()[-1]
    assert {item.field: item.new for item in newest.fields} == {
        "state": "in progress",
        "priority": "very urgent",
        "public_comment": "Storm.",
    }
    assert newest.actor_account == "operator"

    # the same form once more changes nothing, and leads to the same page
    again = visitor.send("/tickets/bulk", data_of(preview, agree="yes"))
    assert "nothing was stored a second time" in visitor.read(again.location).text
    assert visitor.read(again.location).text == result.text

    # somebody gives one of them another priority since; then all is taken back
    changed_behind(session, cast.admin, numbers[1], priority="urgent")
    form = next(form for form in result.forms if form.action.endswith("/undo"))
    undone = visitor.send(form.action, form.data())
    page = visitor.read(undone.location)
    assert "The state remains in progress, because a ticket cannot return to new" in page.text
    assert "Priority was changed since and was not reverted" in page.text
    assert now_of(session, numbers[0]).priority == "less urgent"
    assert now_of(session, numbers[1]).priority == "urgent"
    history = visitor.read(f"/tickets/{numbers[0]}").text
    assert "Reverted: changed by mistake." in history
    assert visitor.send(form.action, form.data()).location == undone.location
    twice = visitor.send(form.action, {**form.data(), "form_key": "of a second window"})
    assert twice.status_code == 422
    assert "This was already reverted" in PageReader(twice.text).text


@ONE_DATABASE
def test_solving_several_needs_a_solution_and_taken_back_they_are_reopened(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Down", solution="An old guess")
    other = opened(title="Down too")
    visitor = visit(cast.operator)
    lacking = previewed(visitor, [number, other], state="solved")
    assert "A solved ticket needs a solution; say how it was solved" in lacking.text
    assert "1 of 2 tickets will change, 1 cannot be changed" in lacking.text
    result = sent(visitor, previewed(visitor, [number, other], state="solved", solution="Done"))
    assert "2 tickets changed" in result.text
    form = next(form for form in result.forms if form.action.endswith("/undo"))
    empty = visitor.send(form.action, {"reason": " "})
    assert empty.status_code == 422
    assert "Reason is required" in "".join(PageReader(empty.text).alerts)
    visitor.send(form.action, {"reason": "Wrong link."})
    assert (now_of(session, number).state, now_of(session, number).solution) == (
        "reopened",
        "An old guess",
    )
    assert now_of(session, other).solution == ""


@ONE_DATABASE
def test_a_reporter_changes_its_own_and_sees_only_its_own_results(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    mine, foreign = opened(sites=("DE-KIT",)), opened(sites=("ES-PIC",))
    visitor = visit(cast.kit)
    preview = previewed(visitor, [mine, foreign, 987654], priority="urgent")
    assert "1 of 2 tickets will change, 1 cannot be changed" in preview.text
    assert "Reporters may change only tickets that they wrote" in preview.text
    assert "responsible_site" not in preview.form("/tickets/bulk/preview").names
    answer = visitor.send("/tickets/bulk", data_of(preview, agree="yes"))
    assert visitor.get(answer.location).status_code == 200
    assert visit(cast.operator).get(answer.location).status_code == 200
    assert visit(cast.pic).get(answer.location).status_code == 404
    assert visit(cast.pic).send(f"{answer.location}/undo", {"reason": "x"}).status_code == 404
    assert [now_of(session, number).priority for number in (mine, foreign)] == [
        "urgent",
        "less urgent",
    ]
    smuggled = {**data_of(preview), "responsible_site": "ES-PIC", "key": "k" * 32}
    visitor.send("/tickets/bulk", {**smuggled, "agree": "yes"})
    assert now_of(session, mine).responsible_set_by_hand is False
    reader = visit(cast.reader)
    assert reader.get(f"/tickets/bulk?n={mine}").status_code == 403
    assert 'form="bulk"' not in reader.get("/tickets").text


@ONE_DATABASE
def test_all_that_match_and_what_cannot_be_chosen(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    for index in range(3):
        opened(title=f"Storm {index}")
    opened(title="Other")
    visitor = visit(cast.operator)
    page = visitor.read("/tickets?q=storm")
    form = page.form("/tickets/bulk")
    assert "Edit all 3 that match…" in page.text
    chosen = visitor.read(f"/tickets/bulk?all=yes&query={form.values('query')[0]}")
    assert "Change 3 tickets" in chosen.text
    assert len(chosen.form("/tickets/bulk/preview").values("n")) == 3
    assert "No ticket is selected" in visitor.read("/tickets/bulk").text
    many = "&".join(f"n={number}" for number in range(1, 502))
    for path in (f"/tickets/bulk?{many}", "/tickets/bulk?n=x", "/tickets/bulk?n=1:2:3"):
        assert visitor.get(path).status_code == 422, path[:40]
    nothing = visitor.send("/tickets/bulk/preview", {"n": "1"})
    assert nothing.status_code == 422
    assert "Fill in at least one field" in PageReader(nothing.text).text
    # which tickets need review is for operators alone, on the way round the list, too
    asked = visit(cast.kit).get("/tickets/bulk?all=yes&query=check%3Dyes")
    assert asked.status_code == 422
    assert "Only operators see which tickets need review" in asked.text
    empty = visitor.send("/tickets/bulk", {"key": "k" * 32, "unit": "NOC"})
    assert empty.status_code == 422
    assert session.scalar(select(func.count()).select_from(BulkChange)) == 0
    for key in ("", "short", "x" * 65, "\x01" * 20):
        assert (
            visitor.send("/tickets/bulk", {"n": "1:1", "key": key, "unit": "NOC"}).status_code
            == 422
        )
    assert now_of(session, 1).unit == "TPM"
    # the site by any of its names, and back to what follows from links and sites
    preview = previewed(visitor, [1], responsible_site="DE-KIT", unit="NOC")
    assert "Responsible site DE-KIT" in re.sub(r"[→]| becomes", "", preview.text)
    result = sent(visitor, preview)
    assert now_of(session, 1).responsible_site is not None
    form = next(form for form in result.forms if form.action.endswith("/undo"))
    visitor.send(form.action, form.data())
    ticket = now_of(session, 1)
    assert (ticket.unit, ticket.responsible_site, ticket.responsible_set_by_hand) == (
        "TPM",
        None,
        False,
    )
    assert urlsplit(form.action).path.endswith("/undo")


@ONE_DATABASE
def test_what_was_changed_at_once_is_found_by_its_words(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    numbers = [opened(title="Down"), opened(title="Down too")]
    visitor = visit(cast.operator)
    sent(visitor, previewed(visitor, numbers, state="solved", solution="Splice at Visp"))
    earlier = visitor.read("/tickets/bulk")
    assert "2 tickets changed state solved, solution" in earlier.text
    assert "/tickets/bulk/1" in [href for href, _word in earlier.links]
    assert "tickets changed" not in visit(cast.admin).read("/tickets/bulk").text
    for path in ("/tickets?q=visp&state=closed", "/tickets?q=visp&state=solved"):
        assert "2 tickets" in visitor.read(path).text
    changed_behind(session, cast.operator, numbers[0], public_comment="Basel agrees.")
    assert "1 ticket" in visitor.read("/tickets?q=visp+basel&state=closed").text
