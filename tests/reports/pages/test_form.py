"""The page of one site's report: written field by field or with one button, signed, read by all."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.services.people import actor_of_user, create_user
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.quarters import Quarter
from app.core.web.extensions import db
from app.registry.services.registry import find_site
from app.reports.models.reports import Report, ReportField, ReportVersion
from app.reports.rules.numbers import ReportNumbers
from app.reports.services import numbers as report_numbers
from app.reports.services.reports import numbers_of_version, save_fields
from tests.accounts.pages.test_login import log_in
from tests.cast import PASSWORD, SYSTEM, Cast, writer
from tests.harness.visitor import Form, PageReader, Visitor
from tests.harness.visits import Enter
from tests.matching.matching_world import recompute_all, ticket
from tests.matching.matching_world import report as reported
from tests.tickets.pages.test_csv import counted

PAGE = "/reports/DE-KIT/2013-Q1"
HTMX = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{PAGE}"}
OURS = {"Sec-Fetch-Site": "same-origin"}
LATE = datetime(2013, 4, 10, tzinfo=UTC)
ANSWERS = {
    "answer.backup_test": "Not tested",
    "answer.contacts_reviewed": "yes",
    "answer.routing_reviewed": "no",
}
"""Of the questions that need one."""


@pytest.fixture
def colleague(session: Session, cast: Cast) -> Actor:
    """Another reporter of the same site."""
    with transaction(session):
        user = create_user(session, SYSTEM, "kit2", "reporter", PASSWORD, ("DE-KIT",))
        return actor_of_user(user)


@pytest.fixture
def event(session: Session, cast: Cast) -> int:
    """Two hours on the site's link that no ticket documents."""
    number = reported(session, cast, "5 10:00", "5 12:00")
    recompute_all(session, LATE)
    return number


def form_of(visitor: Visitor) -> Form:
    return visitor.read(PAGE).form(PAGE)


def sent(visitor: Visitor, form: Form, do: str = "save", **typed: str) -> TestResponse:
    """Send the page's form as a browser without a script does; ``_`` stands for the dot."""
    fields = {
        name: values for name, values in form.data().items() if name not in ("do", "csrf_token")
    }
    return visitor.send(PAGE, {**fields, **typed, "do": do})


def save(visitor: Visitor, name: str, value: str, seen: int = 0) -> TestResponse:
    """As the script does."""
    fields = {name: value, f"seen.{name}": str(seen)}
    return visitor.send(f"{PAGE}/fields/{name}", fields, HTMX)


def stored(session: Session) -> dict[str, tuple[str, int]]:
    session.rollback()
    session.expire_all()
    return {one.name: (one.value, one.version) for one in session.scalars(select(ReportField))}


def state(session: Session) -> str | None:
    session.rollback()
    session.expire_all()
    return session.scalar(select(Report.state))


def written(session: Session, by: Actor, quarter: str = "2013-Q1", **answers: str) -> None:
    """Save answers behind the page's back."""
    site = find_site(session, "DE-KIT")
    assert site is not None
    with transaction(session):
        fields = {f"answer.{key}": (value, 0) for key, value in answers.items()}
        save_fields(session, writer(by, LATE), site, Quarter.parse(quarter), fields)


def signed(visitor: Visitor, event: int = 0) -> None:
    """Answer what is asked, submit and sign, with nothing but the page's own forms."""
    explained = {f"event.{event}": "Our router"} if event else {}
    answer = sent(visitor, form_of(visitor), "submit", **ANSWERS, **explained)
    assert answer.status_code == 200, PageReader(answer.text).text
    confirm = PageReader(answer.text).form(f"{PAGE}/submit")
    assert visitor.send(f"{PAGE}/submit", confirm.data()).status_code == 303


# ---- what is there ----


def test_the_page_is_filled_in_already(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    ticket(session, cast, now=LATE.replace(month=3), sites=("DE-KIT",), category="incident")
    page = visit(cast.kit).read(PAGE)
    assert "Due by 2013-04-30 " in page.text, "the last day, as the grid tells it"
    rows = [link for link, text in page.links if text == "1 of 1"]
    assert any("/events?" in link and "documented=no" in link for link in rows)
    assert (f"/events/{event}", "CERN-GRIDKA-LHCOPN-001") in page.links
    assert (f"/tickets/new?event={event}", "Create ticket") in page.links
    assert "2013-03-05 10:00 UTC" in page.text
    assert f"event.{event}" in page.form(PAGE).names
    assert "missing" in page.text
    assert "late" in page.text
    # each link of a number leads to that many rows
    incidents = next(link for link, text in page.links if "category=incident" in link)
    assert "1 ticket" in visit(cast.kit).read(incidents).text


def test_who_may_open_it(cast: Cast, app: Flask, visit: Enter, session: Session) -> None:
    written(session, cast.kit, issues="Words of a draft")
    for actor in (cast.kit, cast.operator, cast.admin):
        assert "Words of a draft" in visit(actor).get(PAGE).text
    for actor in (cast.pic, cast.reader):
        visitor = visit(actor)
        nobody = visitor.read("/reports/DE-KIT/2012-Q4").text
        assert visitor.read(PAGE).text == nobody.replace("2012-Q4", "2013-Q1").replace(
            "2013-01-30", "2013-04-30"
        )
        assert "Not signed yet" in nobody
        below = [link for link, _ in visitor.read(PAGE).links if link.startswith(f"{PAGE}")]
        assert below == [], "no link to a document that is not given out"
        for path in (f"{PAGE}/changes", f"{PAGE}/fields/answer.issues", f"{PAGE}/difference"):
            assert visitor.get(path, HTMX).status_code == 404, path
        assert save(visitor, "answer.issues", "Mine").status_code == 404
        assert visitor.send(PAGE, {"do": "save"}).status_code == 404
    assert Visitor(app).get(PAGE).status_code == 303
    assert stored(session) == {"answer.issues": ("Words of a draft", 1)}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reports/NOBODY/2013-Q1", 404),
        ("/reports/DE-KIT/2013-Q5", 404),
        ("/reports/DE-KIT/spring", 404),
        ("/reports/DE-KIT/2013-Q1/versions/1", 404),
        ("/reports/DE-KIT/2013-Q1/difference?from=x", 404),
        ("/reports/%00/2013-Q1", 404),
        ("/reports/GRIDKA/2013-Q1", 303),
    ],
)
def test_addresses(cast: Cast, visit: Enter, path: str, status: int) -> None:
    answer = visit(cast.operator).get(path)
    assert answer.status_code == status
    if status == 303:
        assert answer.location == PAGE


@pytest.mark.parametrize("path", ["/reports/2013-Q1/DE-KIT", "/reports/DE-KIT/spring"])
def test_an_address_in_another_order_says_how_it_is_written(
    cast: Cast, visit: Enter, path: str
) -> None:
    answer = visit(cast.operator).get(path)
    assert answer.status_code == 404
    said = "Reports are at /reports/SITE/QUARTER, with a quarter such as 2012-Q1."
    assert said in PageReader(answer.text).text


def test_a_quarter_to_come_says_so(cast: Cast, visit: Enter) -> None:
    quarter = Quarter.of(datetime.now(UTC)).next
    address = f"/reports/DE-KIT/{quarter}"
    page = visit(cast.kit).read(address)
    assert f"{quarter} has not started" in page.text
    assert "answer.issues" not in [name for form in page.forms for name in form.names]
    answer = visit(cast.kit).send(address, {"answer.issues": "x", "seen.answer.issues": "0"})
    assert answer.status_code == 409


# ---- each field saves itself ----


def test_a_field_saves_itself_and_says_so(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.kit)
    answer = save(visitor, "answer.issues", "Fibre near\r\nBasel <b>")
    assert answer.status_code == 200
    assert re.search(r"Saved \d\d:\d\d:\d\d UTC", answer.text)
    assert '"seen.answer.issues" value="1"' in answer.text
    assert stored(session) == {"answer.issues": ("Fibre near\nBasel <b>", 1)}
    assert save(visitor, "answer.issues", "Fibre near Geneva", 1).status_code == 200
    assert stored(session) == {"answer.issues": ("Fibre near Geneva", 2)}


@pytest.mark.parametrize(
    ("name", "value", "status", "words"),
    [
        ("answer.backup_test", "Perhaps", 422, "choose one of"),
        ("answer.backup_test_day", "2013-02-30", 422, "must be a date such as 2013-03-31"),
        ("answer.issues", "x" * 10_001, 422, "at most 10000 characters"),
        ("answer.issues", "a\x00b", 422, "a character that cannot be passed on"),
        ("answer.backup_test_day", "2999-01-01", 422, "2999-01-01 is in the future"),
        ("number.incidents", "many", 422, "Enter a number"),
        ("number.incidents", "-1", 422, "Enter a number of 0 or more"),
        ("number.incidents", "0.5", 422, "0.5 is not possible: enter a whole number"),
        ("number.availability", "101", 422, "101 % is not possible: enter an availability"),
        ("event.999", "What is this", 422, "no such event"),
        ("answer.nothing", "x", 404, ""),
        ("nothing", "x", 404, ""),
        ("x" * 300, "x", 404, ""),
    ],
)
def test_what_a_field_refuses_in_words(
    session: Session, cast: Cast, visit: Enter, name: str, value: str, status: int, words: str
) -> None:
    answer = save(visit(cast.kit), name, value)
    assert answer.status_code == status
    assert words in PageReader(answer.text).text
    assert stored(session) == {}


def test_a_save_without_a_token_is_refused(session: Session, cast: Cast, visit: Enter) -> None:
    body = b"answer.issues=x&seen.answer.issues=0"
    assert visit(cast.kit).send_raw(f"{PAGE}/fields/answer.issues", body, HTMX).status_code == 400
    assert stored(session) == {}


def test_two_people_of_a_site_choose_at_the_field(
    session: Session, cast: Cast, visit: Enter, colleague: Actor
) -> None:
    first, second = visit(cast.kit), visit(colleague)
    assert save(first, "answer.plans", "Mine").status_code == 200
    answer = save(second, "answer.plans", "Ours")
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "kit edited this at" in page.text
    assert "Mine" in page.text
    assert "Ours" in page.text
    assert stored(session) == {"answer.plans": ("Mine", 1)}
    # take theirs: the field as it is stored
    field = second.get(f"{PAGE}/fields/answer.plans", HTMX)
    assert field.status_code == 200
    assert "Mine</textarea>" in field.text
    # keep mine: sent with the version that was shown
    assert save(second, "answer.plans", "Ours", 1).status_code == 200
    assert stored(session) == {"answer.plans": ("Ours", 2)}
    # the same words are no conflict
    assert save(first, "answer.plans", "Ours", 1).status_code == 200


def test_a_page_asks_what_others_wrote(
    session: Session, cast: Cast, visit: Enter, colleague: Actor
) -> None:
    first, second = visit(cast.kit), visit(colleague)
    save(first, "answer.plans", "A new link")
    since = int(datetime.now(UTC).timestamp())
    told = second.get(f"{PAGE}/changes?since={since}", HTMX).text
    assert 'data-for="f-answer-plans" data-version="1" data-by="kit"' in told
    assert "A new link</textarea>" in told
    assert 'hx-swap-oob="true"' in told  # the token
    later = second.get(f"{PAGE}/changes?since={since + 100}", HTMX).text
    assert "f-answer-plans" not in later
    assert "hx-get" in second.get(f"{PAGE}/changes?since=x", HTMX).text
    # without a script the page itself
    assert second.get(f"{PAGE}/changes").location == PAGE
    assert second.get(f"{PAGE}/fields/answer.plans").location == PAGE
    signed(first)
    assert "has been submitted" in second.get(f"{PAGE}/changes?since={since}", HTMX).text


# ---- one form with a button ----


def test_without_a_script_a_button_saves_what_was_touched(
    session: Session, cast: Cast, visit: Enter, colleague: Actor
) -> None:
    first, second = visit(cast.kit), visit(colleague)
    form = form_of(first)
    assert sent(second, form_of(second), **{"answer.plans": "Theirs"}).status_code == 303
    answer = sent(first, form, **{"answer.issues": "Mine", "answer.contacts_reviewed": "yes"})
    assert answer.status_code == 303  # plans were empty on this page, and not touched
    assert stored(session) == {
        "answer.plans": ("Theirs", 1),
        "answer.issues": ("Mine", 1),
        "answer.contacts_reviewed": ("yes", 1),
    }


@pytest.mark.parametrize(("choice", "left"), [("mine", "Mine"), ("theirs", "Theirs")])
def test_without_a_script_a_conflict_shows_both_and_asks(
    session: Session, cast: Cast, visit: Enter, colleague: Actor, choice: str, left: str
) -> None:
    visitor = visit(cast.kit)
    form = form_of(visitor)
    written(session, colleague, plans="Theirs")
    answer = sent(visitor, form, **{"answer.plans": "Mine", "answer.issues": "Fits"})
    assert answer.status_code == 409
    page = PageReader(answer.text)
    again = page.form(PAGE)
    assert again.values("answer.plans") == ["Mine"]
    assert "kit2 edited this" in page.text
    assert "Theirs" in page.text
    assert stored(session)["answer.issues"] == ("Fits", 1)
    # nothing is chosen: nothing is overwritten, and it is asked again
    assert sent(visitor, again).status_code == 409
    assert sent(visitor, again, f"{choice}.answer.plans").status_code == 303
    assert stored(session)["answer.plans"][0] == left


def test_what_is_refused_is_shown_with_what_was_typed(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.kit)
    typed = {"answer.backup_test_day": "the 3rd", "answer.issues": "Fits"}
    answer = sent(visitor, form_of(visitor), **typed)
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert page.form(PAGE).values("answer.backup_test_day") == ["the 3rd"]
    assert "must be a date" in " ".join(page.alerts)
    assert stored(session) == {"answer.issues": ("Fits", 1)}


def test_last_quarters_answer_is_taken_over_with_one_click(
    session: Session, cast: Cast, visit: Enter
) -> None:
    written(session, cast.kit, "2012-Q4", issues="Optics are old", remarks="Not carried")
    visitor = visit(cast.kit)
    page = visitor.read(PAGE)
    assert "Answer for 2012-Q4: Optics are old" in page.text
    assert "Not carried" not in page.text
    answer = sent(visitor, page.form(PAGE), "carry.answer.issues", **{"answer.plans": "Typed"})
    assert answer.status_code == 303
    assert stored(session)["answer.plans"] == ("Typed", 1)
    assert visitor.read(PAGE).form(PAGE).values("answer.issues") == ["Optics are old"]
    assert "2012-Q4 said" not in visitor.read(PAGE).text


def test_questions_come_first_and_the_numbers_are_folded_below(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    """U22: three required questions and an event; Save and Submit are in the page's last bar."""
    visitor = visit(cast.kit)
    text = visitor.get(PAGE).text
    places = [
        text.index(f'data-field="{name}"')
        for name in ("answer.backup_test", f"event.{event}", "number.incidents")
    ]
    assert places == sorted(places)
    assert "0 of 4 answered" in PageReader(text).text
    assert re.search(r"<details[^>]* id=\"numbers\"><summary>", text), "folded"
    assert "Correct… Incidents affecting the site" in PageReader(text).text
    sent(visitor, form_of(visitor), **{"answer.backup_test": "Not tested"})
    assert "1 of 4 answered" in visitor.read(PAGE).text
    sent(visitor, form_of(visitor), **ANSWERS, **{f"event.{event}": "Our router"})
    text = visitor.get(PAGE).text
    assert "4 of 4 answered" in PageReader(text).text
    bar = text.index('class="report-bar"')
    assert bar > max(text.index('id="attachments"'), text.index('id="comments"'))
    assert re.findall(r'<button[^>]* form="report-form" name="do" value="(\w+)"', text[bar:]) == [
        "save",
        "submit",
    ]


def test_a_wrong_number_is_not_folded_away(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.kit)
    answer = sent(visitor, form_of(visitor), "submit", **ANSWERS, **{"number.incidents": "4"})
    assert re.search(r"<details[^>]* id=\"numbers\" open><summary>", answer.text)
    sent(visitor, form_of(visitor), **{"reason.incidents": "Three came by phone"})
    assert "1 corrected by the site" in visitor.read(PAGE).text


def test_another_number_needs_a_reason(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.kit)
    answer = sent(visitor, form_of(visitor), "submit", **ANSWERS, **{"number.incidents": "4"})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert "Reason required for 4, because the portal counts 0" in page.text
    assert ("#f-reason-incidents", "Incidents affecting the site") in page.links
    sent(visitor, form_of(visitor), **{"reason.incidents": "Three came by phone"})
    signed(visitor)
    page = visitor.read(PAGE)
    assert "The site's number is 4 : Three came by phone" in page.text


def test_what_cannot_be_stays_where_it_was_typed(
    session: Session, cast: Cast, visit: Enter
) -> None:
    wrong = {
        "number.availability": "250",
        "number.incidents": "-3",
        "answer.backup_test_day": "2999-01-01",
    }
    visitor = visit(cast.kit)
    typed = {**ANSWERS, "reason.availability": "We counted it", **wrong}
    answer = sent(visitor, form_of(visitor), "submit", **typed)
    assert answer.status_code == 422
    page = PageReader(answer.text)
    for name, value in wrong.items():
        assert page.form(PAGE).values(name) == [value]
        assert any(there == f"#f-{name.replace('.', '-')}" for there, _ in page.links)
    assert not stored(session).keys() & wrong.keys()
    assert stored(session)["reason.availability"] == ("We counted it", 1)


def test_a_day_outside_of_the_quarter_is_told_and_can_be_signed(
    session: Session, cast: Cast, visit: Enter
) -> None:
    words = "2012-12-31 is outside 2013-Q1. Please check."
    visitor = visit(cast.kit)
    answer = save(visitor, "answer.backup_test_day", "2012-12-31")
    assert answer.status_code == 200
    assert words in PageReader(answer.text).text
    assert words in visitor.read(PAGE).text
    answer = sent(visitor, form_of(visitor), "submit", **ANSWERS)
    assert answer.status_code == 200
    assert words in PageReader(answer.text).text
    signed(visitor)
    assert words in visit(cast.operator).read(PAGE).text


def test_a_ticket_is_linked_to_an_event_from_here(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    number = ticket(session, cast, now=LATE, title="Found later")
    visitor = visit(cast.kit)
    form = form_of(visitor)
    wrong = sent(visitor, form, f"link.{event}", **{f"ticket.{event}": "soon", "answer.plans": "x"})
    assert wrong.status_code == 422
    page = PageReader(wrong.text)
    assert "Enter a ticket number" in page.text
    assert page.form(PAGE).values(f"ticket.{event}") == ["soon"]
    assert stored(session)["answer.plans"] == ("x", 1)
    unknown = sent(visitor, page.form(PAGE), f"link.{event}", **{f"ticket.{event}": "99"})
    assert "Ticket not found" in PageReader(unknown.text).text
    form = form_of(visitor)
    assert (
        sent(visitor, form, f"link.{event}", **{f"ticket.{event}": f"#{number}"}).status_code == 303
    )
    page = visitor.read(PAGE)
    assert f"Ticket {number} linked to event {event}." in page.text
    assert "Every event of at least one hour has its ticket" in page.text
    assert sent(visitor, page.form(PAGE), "link.x").status_code == 404


# ---- signing, and what follows ----


def test_submitting_lists_what_is_open_and_goes_to_the_first(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    visitor = visit(cast.kit)
    answer = sent(visitor, form_of(visitor), "submit", **{"answer.contacts_reviewed": "yes"})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    jumps = [link for link, _ in page.links if link.startswith("#f-")]
    assert jumps == ["#f-answer-backup_test", "#f-answer-routing_reviewed", f"#f-event-{event}"]
    focused = re.findall(r'<(\w+) [^>]*name="([^"]*)"[^>]* autofocus', answer.text)
    assert set(focused) == {("input", "answer.backup_test")}
    assert stored(session) == {"answer.contacts_reviewed": ("yes", 1)}
    assert state(session) == "draft"
    # by the address of the signing itself nothing else is possible
    refused = visitor.send(f"{PAGE}/submit", {"version": "1"})
    assert refused.status_code == 422
    assert state(session) == "draft"


def test_signing_freezes_the_numbers_for_all_to_read(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    visitor = visit(cast.kit)
    signed(visitor, event)
    assert state(session) == "submitted"
    page = visit(cast.reader).read(PAGE)
    assert "Version 1, signed by kit" in page.text
    assert "Our router" in page.text
    assert "Not tested" in page.text
    assert "answer.issues" not in [name for form in page.forms for name in form.names]
    # another event is reported of that quarter
    reported(session, cast, "2013-02-01 10:00", "2013-02-01 13:00", now=LATE)
    recompute_all(session, LATE)
    page = visit(cast.reader).read(PAGE)
    assert "Events of at least one hour 1 now 2" in page.text
    assert "Detected after signing, without a ticket" in page.text
    # nothing is written any more
    answer = save(visitor, "answer.issues", "Too late")
    assert answer.status_code == 409
    assert "Not saved. The report is submitted; reopen it to change it" in answer.text
    assert sent(visitor, Form("", ""), "save").status_code == 409


def test_who_signs_has_read_it(
    session: Session, cast: Cast, visit: Enter, colleague: Actor
) -> None:
    visitor = visit(cast.kit)
    answer = sent(visitor, form_of(visitor), "submit", **ANSWERS)
    confirm = PageReader(answer.text).form(f"{PAGE}/submit")
    written(session, colleague, remarks="Not so")
    again = visitor.send(f"{PAGE}/submit", confirm.data())
    assert again.status_code == 409
    assert "Not so" in again.text
    assert "The report has changed" in again.text
    assert state(session) == "draft"
    confirm = PageReader(again.text).form(f"{PAGE}/submit")
    assert visitor.send(f"{PAGE}/submit", confirm.data()).status_code == 303
    assert state(session) == "submitted"


def test_no_other_numbers_are_signed_than_were_read(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.kit)
    answer = sent(visitor, form_of(visitor), "submit", **ANSWERS)
    confirm = PageReader(answer.text).form(f"{PAGE}/submit")
    ticket(session, cast, now=LATE.replace(month=3), sites=("DE-KIT",), category="incident")
    again = visitor.send(f"{PAGE}/submit", confirm.data())
    assert again.status_code == 409
    assert "The numbers have changed" in again.text
    assert state(session) == "draft"
    confirm = PageReader(again.text).form(f"{PAGE}/submit")
    assert visitor.send(f"{PAGE}/submit", confirm.data()).status_code == 303
    session.rollback()
    (version,) = session.scalars(select(ReportVersion))
    assert [one.value for one in numbers_of_version(version).figures if one.key == "incidents"] == [
        1
    ]


def test_numbers_that_are_behind_say_so_where_they_are_signed(
    session: Session, cast: Cast, visit: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = report_numbers.numbers_of

    def behind(*asked: Any) -> ReportNumbers:
        return replace(counted(*asked), is_behind=True)

    monkeypatch.setattr("app.reports.pages.form_context.numbers_of", behind)
    visitor = visit(cast.kit)
    answer = sent(visitor, form_of(visitor), "submit", **ANSWERS)
    assert "The latest changes may be missing" in answer.text
    confirm = PageReader(answer.text).form(f"{PAGE}/submit")
    assert visitor.send(f"{PAGE}/submit", confirm.data()).status_code == 303
    monkeypatch.undo()
    assert "The latest changes before that may be missing" in visit(cast.reader).get(PAGE).text


def test_reopened_with_a_reason_signed_anew_and_compared(
    session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    visitor, chair = visit(cast.kit), visit(cast.operator)
    written(session, cast.kit, issues="The old optics of the first link")
    signed(visitor, event)
    empty = chair.send(f"{PAGE}/reopen", {"reason": "  "})
    assert empty.status_code == 422
    assert "Reason is required" in empty.text
    assert chair.send(f"{PAGE}/reopen", {"reason": "Which optics?"}).status_code == 303
    page = visitor.read(PAGE)
    assert "Reopened by operator" in page.text
    assert "Which optics?" in page.text
    read = visit(cast.reader).read(PAGE).text
    assert read.count("Version 1, signed by kit") == 1
    assert read.count("Which optics?") == 1
    assert "Edited by" in page.text
    assert "Edited by" not in read, "who writes is not shown"
    form = page.form(PAGE)
    sent(visitor, form, **{"answer.issues": "The new optics of the first link"})
    signed(visitor)
    difference = visit(cast.reader).read(f"{PAGE}/difference")
    assert "from version 1 to 2" in difference.text
    text = visit(cast.reader).get(f"{PAGE}/difference?from=1&to=2").text
    assert "The <del>old</del><ins>new</ins> optics of the first link" in text
    assert "Which optics?" in text
    same = visit(cast.reader).read(f"{PAGE}/difference?from=2&to=2")
    assert "Nothing differs" in same.text
    old = visit(cast.reader).read(f"{PAGE}/versions/1")
    assert "The old optics" in old.text
    assert visit(cast.reader).get(f"{PAGE}/versions/3").status_code == 404


def test_the_chair_accepts_and_then_only_the_chair_reopens(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor, chair = visit(cast.kit), visit(cast.operator)
    signed(visitor)
    assert visitor.send(f"{PAGE}/accept", {"version": "9"}).status_code == 403
    form = chair.read(PAGE).form(f"{PAGE}/accept")
    stale = chair.send(f"{PAGE}/accept", {"version": "1"})
    assert stale.status_code == 409
    assert state(session) == "submitted"
    assert chair.send(f"{PAGE}/accept", form.data()).status_code == 303
    assert state(session) == "accepted"
    assert "accepted by operator" in visit(cast.reader).read(PAGE).text
    assert visitor.send(f"{PAGE}/reopen", {"reason": "Please"}).status_code == 403
    assert f"{PAGE}/reopen" not in [form.action for form in visitor.read(PAGE).forms]
    assert chair.send(f"{PAGE}/reopen", {"reason": "A number"}).status_code == 303
    assert state(session) == "reopened"


def test_who_comes_second_is_not_told_of_what_nobody_typed(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor, chair = visit(cast.kit), visit(cast.operator)
    before = form_of(visitor)
    signed(visitor)
    late = sent(visitor, before, **{"answer.issues": "My words"})
    assert late.status_code == 409
    page = PageReader(late.text).text
    assert "My words" in page
    assert "seen." not in page
    assert "was." not in page
    form = chair.read(PAGE).form(f"{PAGE}/accept")
    assert chair.send(f"{PAGE}/accept", form.data()).status_code == 303
    again = chair.send(f"{PAGE}/accept", {**form.data(), "form_key": "of a second window"})
    assert again.status_code == 409
    text = PageReader(again.text).text
    assert "accepted by operator" in text
    assert "What you typed" not in text
    typed = {"csrf_token": "none", "answer.issues": "My words", "do": "save"}
    lost = visitor.send(PAGE, {**before.data(), **typed})
    assert lost.status_code == 400
    page = PageReader(lost.text).text
    assert "My words" in page
    assert "seen." not in page


def test_who_reopens_second_keeps_the_reason_and_sees_the_report(cast: Cast, visit: Enter) -> None:
    visitor, chair = visit(cast.kit), visit(cast.operator)
    signed(visitor)
    assert visitor.send(f"{PAGE}/reopen", {"reason": "A wrong number"}).status_code == 303
    second = chair.send(f"{PAGE}/reopen", {"reason": "The contacts are old"})
    assert second.status_code == 409
    text = PageReader(second.text).text
    assert "Reopened by" in text
    assert "A wrong number" in text
    assert "Copy your text from below" in text
    assert "The contacts are old" in text


def test_no_quarter_is_signed_before_it_ended(cast: Cast, visit: Enter, session: Session) -> None:
    quarter = Quarter.of(datetime.now(UTC))
    address = f"/reports/DE-KIT/{quarter}"
    visitor = visit(cast.kit)
    page = visitor.read(address)
    assert f"{quarter} ends on" in page.text
    fields = {**page.form(address).data(), **ANSWERS, "do": "submit"}
    assert visitor.send(address, fields).status_code == 409
    assert state(session) == "draft"


# ---- a login that ended ----


def test_what_was_sent_without_a_login_is_sent_again_after_it(
    app: Flask, session: Session, cast: Cast
) -> None:
    visitor = Visitor(app)
    log_in(visitor, "kit", PASSWORD)
    visitor.renew_token()
    form = form_of(visitor)
    visitor.send("/logout", {})
    visitor.renew_token()
    fields = {name: values for name, values in form.data().items() if name != "csrf_token"}
    typed = {**fields, "answer.issues": "Two lines\n& <more>", "do": "save"}
    refused = visitor.send(PAGE, typed, OURS)
    assert refused.status_code == 401
    page = PageReader(refused.text)
    assert "Two lines & <more>" in page.text
    assert "send it again after you log in" in page.text
    login = page.form("/login").data()
    wrong = visitor.send("/login", {**login, "name": ["kit"], "password": ["no"]})
    assert wrong.status_code == 401
    login = PageReader(wrong.text).form("/login").data()
    again = visitor.send("/login", {**login, "name": ["kit"], "password": [PASSWORD]})
    assert again.status_code == 200
    resent = PageReader(again.text).form(PAGE).data()
    assert stored(session) == {}
    visitor.renew_token()
    assert visitor.send(PAGE, resent).status_code == 303
    assert stored(session) == {"answer.issues": ("Two lines\n& <more>", 1)}


def test_nothing_from_elsewhere_is_carried_through_a_login(app: Flask, cast: Cast) -> None:
    visitor = Visitor(app)
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
        answer = visitor.send(PAGE, {"answer.issues": "x", "seen.answer.issues": "0"}, headers)
        assert answer.status_code == 401
        assert "send-to" not in answer.text
    for target in (
        "//elsewhere.example/",
        "https://elsewhere.example/",
        "/nowhere",
        "javascript:x",
    ):
        visitor.renew_token()
        answer = visitor.send(
            "/login",
            {"name": "kit", "password": PASSWORD, "send-to": target, "kept.title": "x"},
        )
        assert answer.status_code == 303, target
        visitor.renew_token()
        visitor.send("/logout", {})
        visitor.renew_token()


def test_a_field_that_saves_itself_is_told_of_the_login(app: Flask, cast: Cast) -> None:
    answer = save(Visitor(app), "answer.issues", "Typed")
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == f"/login?next={PAGE}"


def test_a_page_of_many_events_takes_few_statements(
    app: Flask, session: Session, cast: Cast, visit: Enter, event: int
) -> None:
    visitor = visit(cast.kit)

    def statements(path: str) -> int:
        visitor.read(path)  # what is kept is fresh from here on
        with app.app_context():
            engine = db.engine
        with counted(engine) as made:
            visitor.read(path)
        return len(made)

    written(session, cast.kit, issues="x")
    few = statements(PAGE)
    for day in range(7, 27):
        reported(session, cast, f"2013-01-{day:02} 10:00", f"2013-01-{day:02} 12:00", now=LATE)
    recompute_all(session, LATE)
    for key in ("plans", "remarks", "backup_test_result"):
        written(session, cast.kit, **{key: "x"})
    assert statements(PAGE) == few
    assert few < 50


def test_a_site_without_monitoring_gets_no_sign_that_all_is_well(cast: Cast, visit: Enter) -> None:
    """Nothing is known of its links: that is no reason for a tick."""
    page = visit(cast.kit).get(PAGE).text
    said = page.partition("No monitoring data for the site")
    assert said[1]
    assert "state ok" not in said[0][said[0].rindex("<p") :]
