"""Sites' answers on the page of a change, and the field that says which sites are asked."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.tickets.models.tickets import Ticket
from app.tickets.services.acknowledgements import acknowledge_change, answers_of
from app.tickets.services.lifecycle import change_ticket, move_ticket
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open

LINK = "CERN-GRIDKA-LHCOPN-001"
PATH = "/tickets/1"
ANSWER = f"{PATH}/acknowledge"


def a_change(opened: Open) -> None:
    opened(title="New prefixes", category="change", links=(LINK,), sites=("ES-PIC",))


def told(session: Session) -> dict[str, tuple[str, str]]:
    session.rollback()
    ticket = session.get_one(Ticket, 1)
    return {item.site: (item.answer, item.reason) for item in answers_of(session, ticket)}


def shown(page: PageReader) -> str:
    """The text as one sees it: a comma follows its word."""
    return page.text.replace(" ,", ",")


def test_a_reporter_accepts_with_one_click_and_refuses_with_a_reason(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    a_change(opened)
    visitor = visit(cast.pic)
    page = visitor.read(PATH)
    assert "0 of 3 responded, missing: CH-CERN, DE-KIT, ES-PIC" in shown(page)
    forms = [form for form in page.forms if form.action.startswith(ANSWER)]
    assert [form.values("site") for form in forms] == [["ES-PIC"], ["ES-PIC"]]  # no choice of site
    accepted = visitor.send(ANSWER, {"site": "ES-PIC", "answer": "accepted"})
    assert accepted.status_code == 303
    page = visitor.read(PATH)
    assert "1 of 3 responded, missing: CH-CERN, DE-KIT" in shown(page)
    assert "ES-PIC accepted pic," in shown(page)
    forms = [form for form in page.forms if form.action.startswith(ANSWER)]
    assert [form.values("answer") for form in forms] == [["refused"]]  # accepting changes nothing
    refused = {**forms[0].data(), "reason": "beam on\r\nuntil Monday"}
    assert visitor.send(ANSWER, refused).status_code == 303
    assert told(session)["ES-PIC"] == ("refused", "beam on\nuntil Monday")
    page = visitor.read(PATH)
    assert "1 of 3 responded, 1 refused, missing: CH-CERN, DE-KIT" in shown(page)
    assert "ES-PIC accepted → becomes ES-PIC refused: beam on until Monday" in page.text


def test_a_refusal_without_a_reason_is_asked_for_it_where_it_was_clicked(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    a_change(opened)
    visitor = visit(cast.operator)
    before = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    answer = visitor.send(ANSWER, {"site": "DE-KIT", "answer": "refused", "reason": " "})
    assert answer.status_code == 422
    assert "Reason is required" in "".join(PageReader(answer.text).alerts)
    assert answer.text.count('class="ask" data-asks open') == 1
    typed = "x" * 4001
    answer = visitor.send(ANSWER, {"site": "DE-KIT", "answer": "refused", "reason": typed})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    forms = {form.values("site")[0]: form for form in page.forms if form.values("reason")}
    assert forms["DE-KIT"].values("reason") == [typed]
    assert forms["ES-PIC"].values("reason") == [""]
    for site, words in (
        ("No Such Site", "No site has this name"),
        ("", "No site has this name"),
    ):
        answer = visitor.send(ANSWER, {"site": site, "answer": "accepted"})
        assert answer.status_code == 422
        assert words in "".join(PageReader(answer.text).alerts)
    assert session.scalar(select(func.count()).select_from(Change)) == before


def test_who_is_offered_what(session: Session, cast: Cast, visit: Enter, opened: Open) -> None:
    a_change(opened)
    sent = {"site": "CH-CERN", "answer": "accepted"}
    for actor, sites in (
        (cast.reader, set()),
        (cast.pic, {"ES-PIC"}),
        (cast.kit, {"DE-KIT"}),
        (cast.operator, {"CH-CERN", "DE-KIT", "ES-PIC"}),
    ):
        page = visit(actor).read(PATH)
        offered = [form for form in page.forms if form.action.startswith(ANSWER)]
        assert {form.values("site")[0] for form in offered} == sites
    for actor in (cast.reader, cast.pic, cast.kit):
        answer = visit(actor).send(ANSWER, sent)
        assert answer.status_code == 403
    assert visit(cast.operator).send("/tickets/99/acknowledge", sent).status_code == 404
    assert visit(cast.operator).send_raw(ANSWER, b"site=CH-CERN&answer=accepted").status_code == 400
    assert told(session)["CH-CERN"] == ("", "")
    with transaction(session):
        move_ticket(session, writer(cast.operator), 1, "unsolved")
    page = visit(cast.operator).read(PATH)
    assert "0 of 3 responded" in page.text
    assert not [form for form in page.forms if form.action.startswith(ANSWER)]
    late = visit(cast.kit).send(ANSWER, {"site": "DE-KIT", "answer": "refused", "reason": "mine"})
    assert late.status_code == 409
    assert "mine" in late.text  # what was typed is not lost


def test_an_answer_to_an_earlier_plan_says_so(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    a_change(opened)
    with transaction(session):
        acknowledge_change(session, writer(cast.kit), 1, "DE-KIT", "accepted")
    visitor = visit(cast.kit)
    assert "outdated" not in visitor.read(PATH).text
    with transaction(session):
        later = NOON + timedelta(days=1)
        change_ticket(session, writer(cast.operator), 1, {"window_start": later})
    page = visitor.read(PATH)
    assert "1 of 3 responded, 1 outdated, missing: CH-CERN, ES-PIC" in shown(page)
    again = visitor.send(ANSWER, {"site": "DE-KIT", "answer": "accepted"})
    assert again.status_code == 303
    assert "outdated" not in visitor.read(PATH).text


def test_the_field_of_asked_sites_counts_for_changes_only(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    data = visitor.read("/tickets/new").form("/tickets/new").data()
    data |= {"title": ["New fibre"], "sites": ["DE-KIT"], "asked_sites": ["ES-PIC", "CH-CERN"]}
    del data["csrf_token"]
    assert visitor.send("/tickets/new", {**data, "category": "change"}).status_code == 303
    assert set(told(session)) == {"CH-CERN", "ES-PIC"}
    assert visitor.send("/tickets/new", {**data, "category": "incident"}).status_code == 303
    page = visitor.read("/tickets/2")
    assert "Acceptance by sites" not in page.text
    edit = visitor.read(f"{PATH}/edit").form(f"{PATH}/edit").data()
    assert edit["asked_sites"] == ["CH-CERN", "ES-PIC"]
    assert visitor.send(f"{PATH}/edit", {**edit, "asked_sites": ["DE-KIT"]}).status_code == 303
    assert set(told(session)) == {"DE-KIT"}
    edit = visitor.read(f"{PATH}/edit").form(f"{PATH}/edit").data()
    assert visitor.send(f"{PATH}/edit", {**edit, "category": "test"}).status_code == 303
    assert told(session) == {}


def test_two_who_edit_the_asked_sites_choose(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    a_change(opened)
    visitor = visit(cast.operator)
    edit = visitor.read(f"{PATH}/edit").form(f"{PATH}/edit").data()
    with transaction(session):
        change_ticket(session, writer(cast.admin), 1, {"asked_sites": ("DE-KIT",)})
    answer = visitor.send(f"{PATH}/edit", {**edit, "asked_sites": ["ES-PIC"]})
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "Sites that must accept" in page.text
    form = page.form(f"{PATH}/edit").data()
    saved = visitor.send(f"{PATH}/edit", {**form, "choose-asked_sites": "mine", "do": "save"})
    assert saved.status_code == 303
    assert set(told(session)) == {"ES-PIC"}


def test_a_change_that_asks_nobody_says_how_to_ask(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(category="change")
    assert "No site has to accept this change" in visit(cast.reader).read(PATH).text


def test_a_finished_change_waits_for_nobody(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    a_change(opened)
    with transaction(session):
        acknowledge_change(session, writer(cast.pic), 1, "ES-PIC", "accepted")
        move_ticket(session, writer(cast.operator), 1, "solved", solution="done")
    page = visit(cast.operator).read(PATH)
    assert "1 of 3 responded" in shown(page)
    assert "DE-KIT no response" in shown(page)
    assert "missing" not in page.text
