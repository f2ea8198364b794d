"""Pages of the questions of quarterly reports: drafts, previews, comparisons, what is in use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.core.services.changes import changes_of
from app.registry.models.registry import Site
from app.reports.models.reports import Report, ReportForm
from app.reports.services.forms import content_of, form_for
from tests.cast import NOON, Cast
from tests.harness.visitor import Fields, PageReader, Visitor
from tests.harness.visits import Enter

FORMS = "/reports/forms"
DRAFT = f"{FORMS}/2"
POWER: Fields = {
    "label": "Power cuts",
    "kind": "choice",
    "choices": "None\r\nOne\r\nSeveral",
    "help": "Of the site's router.",
    "group": "Checks",
    "is_required": "y",
}


@pytest.fixture
def admin(cast: Cast, visit: Enter) -> Visitor:
    """The admin, who made a draft: form 2."""
    visitor = visit(cast.admin)
    answer = visitor.send(f"{FORMS}/new", {})
    assert (answer.status_code, answer.location) == (303, DRAFT)
    return visitor


def version(visitor: Visitor, path: str = DRAFT) -> str:
    """What the page's first form with a version says."""
    page = visitor.read(path)
    return next(value for form in page.forms for value in form.values("version"))


def asked(session: Session, number: int = 2) -> list[str]:
    """The labels of what a form asks."""
    session.rollback()
    return [one.label for one in content_of(session.get_one(ReportForm, number)).asked]


def next_quarter() -> str:
    """The one behind the running one."""
    return str(Quarter.of(datetime.now(UTC)).next)


def test_a_form_is_drafted_looked_at_compared_and_put_in_use(
    session: Session, admin: Visitor
) -> None:
    assert "none (draft)" in admin.read(FORMS).text
    form = admin.read(f"{DRAFT}/questions/new").form(f"{DRAFT}/questions/new")
    answer = admin.send(form.action, {**form.data(), **POWER})
    assert (answer.status_code, answer.location) == (303, DRAFT)
    up = f"{DRAFT}/questions/power_cuts/move"
    assert admin.send(up, {"version": version(admin), "step": "up"}).status_code == 303
    group = f"{DRAFT}/questions/issues/move"
    assert admin.send(group, {"version": version(admin), "step": "group-up"}).status_code == 303
    retire = f"{DRAFT}/questions/remarks/retire"
    assert admin.send(retire, {"version": version(admin)}).status_code == 303
    assert asked(session) == [
        "Open issues",
        "Plans for the next quarter",
        "Backup path tested",
        "Day of the test",
        "Result of the test",
        "Contacts of the site reviewed",
        "Power cuts",
        "Routing data (AS number, prefixes) reviewed",
    ]
    assert "Retired questions" in admin.read(DRAFT).text

    preview = admin.read(f"{DRAFT}/preview")
    assert "nothing is saved" in preview.text
    choices = [
        value
        for tag, name, value in preview.attributes
        if tag == "input" and name == "value" and value in ("None", "One", "Several")
    ]
    assert choices == ["None", "One", "Several"]
    assert "Remarks" not in preview.text

    told = admin.read(f"{DRAFT}/differences").text
    assert "Power cuts new Answer: None; One; Several (required)" in told
    assert "Remarks retired" in told

    form = admin.read(DRAFT).form(f"{DRAFT}/publish")
    first = next_quarter()
    sent = {**form.data(), "first_quarter": first, "note": "Power cuts"}
    assert admin.send(form.action, sent).status_code == 303
    session.rollback()
    assert form_for(session, first).number == 2
    listed = admin.read(FORMS).text
    assert f"{first} and later" in listed
    assert f"2009-Q1 to {Quarter.parse(first).previous}" in listed


def test_a_form_in_use_is_taken_back_while_no_report_has_it(
    session: Session, admin: Visitor
) -> None:
    first = next_quarter()
    sent = {"version": "1", "first_quarter": first, "note": "x"}
    assert admin.send(f"{DRAFT}/publish", sent).status_code == 303
    page = admin.read(DRAFT)
    take_out = page.form(f"{DRAFT}/take-out")
    assert not [form for form in page.forms if "/questions/" in form.action]
    site = session.scalars(select(Site)).first()
    assert site is not None
    report = Report(
        site_id=site.id,
        quarter=first,
        state="draft",
        form_number=2,
        created_at=NOON,
        created_by="kit",
        changed_at=NOON,
        changed_by="kit",
    )
    with transaction(session):
        session.add(report)
    refused = admin.send(take_out.action, take_out.data())
    assert refused.status_code == 409
    assert "Reports were started with form 2" in PageReader(refused.text).text
    assert "/take-out" not in admin.get(DRAFT).text
    with transaction(session):
        session.delete(report)
    assert admin.send(take_out.action, take_out.data()).status_code == 303
    session.rollback()
    assert form_for(session, first).number == 1
    delete = admin.read(DRAFT).form(f"{DRAFT}/delete")
    answer = admin.send(delete.action, delete.data())
    assert (answer.status_code, answer.location) == (303, FORMS)
    assert admin.get(DRAFT).status_code == 404


def test_two_admins_of_one_draft_do_not_overwrite_each_other(
    session: Session, admin: Visitor
) -> None:
    place = f"{DRAFT}/questions/plans"
    mine = admin.read(place).form(place).data()
    theirs = {**mine, "label": "Your plans", "help": "Say when"}
    assert admin.send(place, theirs).status_code == 303
    # another part: both stay
    assert admin.send(place, {**mine, "group": "Outlook"}).status_code == 303
    session.rollback()
    stored = content_of(session.get_one(ReportForm, 2)).question("plans")
    assert stored is not None
    assert (stored.label, stored.help, stored.group) == ("Your plans", "Say when", "Outlook")
    # the same part: told, nothing stored, what was typed stays, the other's part is taken over
    clash = admin.send(place, {**mine, "label": "Plans of yours"})
    assert clash.status_code == 409
    page = PageReader(clash.text)
    assert "stored now: Your plans yours: Plans of yours" in page.text
    form = page.form(place)
    assert form.values("label") == ["Plans of yours"]
    assert form.values("help") == ["Say when"]
    assert form.values("group") == ["Outlook"]
    assert asked(session)[-1] == "Your plans"
    assert admin.send(place, form.data()).status_code == 303
    assert asked(session)[-1] == "Plans of yours"
    # a button of a page that is old
    for what, more in (
        ("questions/plans/move", {"step": "group-up"}),
        ("questions/plans/retire", {}),
        ("publish", {"first_quarter": next_quarter(), "note": "Typed"}),
        ("delete", {}),
    ):
        old = admin.send(f"{DRAFT}/{what}", {"version": "1", **more})
        assert old.status_code == 409, what
        assert "somebody else changed this form" in PageReader(old.text).text
        assert ("Typed" in old.text) == (what == "publish")
    assert asked(session)[-1] == "Plans of yours"


WRONG_QUESTIONS: list[tuple[dict[str, str], str]] = [
    ({"label": ""}, "Question is required"),
    ({"label": "x" * 201}, "Question has 201 characters; at most 200"),
    ({"label": "backup PATH tested"}, "this question already exists"),
    ({"label": "a\0b"}, "Question holds a character"),
    ({"kind": "nonsense"}, "Answer: choose one of: choice, yes or no, day, planned day"),
    ({"kind": "text"}, "Choices are only for the answer type “choice”"),
    ({"choices": "One"}, "Choices: enter 2 to 30, one per line"),
    ({"choices": "One\r\none"}, "Choices: two are the same"),
    ({"choices": "One\r\n" + "x" * 101}, "at most 100"),
    ({"help": "x" * 1001}, "Help has 1001 characters; at most 1000"),
    ({"help": "\0"}, "Help holds a character"),
    ({"group": "x" * 101}, "Group has 101 characters; at most 100"),
    ({"group": "a\0"}, "Group holds a character"),
]


def test_what_is_wrong_with_a_question_is_said_and_all_that_was_typed_stays(
    session: Session, admin: Visitor
) -> None:
    before = asked(session)
    place = f"{DRAFT}/questions/new"
    for changed, words in WRONG_QUESTIONS:
        sent = {**POWER, **changed}
        answer = admin.send(place, sent)
        assert answer.status_code == 422, changed
        page = PageReader(answer.text)
        assert words in " ".join("".join(page.alerts).split())
        form = page.form(place)
        for name, value in sent.items():
            if (name, value) != ("kind", "nonsense"):
                kept = [one.replace("\r\n", "\n") for one in form.values(name)]
                assert kept == [str(value).replace("\r\n", "\n")], (changed, name)
    assert asked(session) == before


WRONG_QUARTERS: list[tuple[dict[str, str], str]] = [
    ({"first_quarter": ""}, "First quarter is required"),
    ({"first_quarter": "2013"}, "Write a quarter as 2012-Q1"),
    ({"first_quarter": "2008-Q4"}, "Form 1 is used from 2009-Q1"),
    ({"first_quarter": "9998-Q4"}, "Choose a quarter up to"),
    ({"first_quarter": "2013-Q1\0"}, "Write a quarter as 2012-Q1"),
    ({"note": ""}, "Reason is required"),
    ({"note": "x" * 1001}, "Reason has 1001 characters"),
    ({"note": "\0"}, "Reason holds a character"),
    ({"version": ""}, "The form is incomplete; open it again"),
]


def test_what_is_wrong_when_a_form_is_put_in_use_is_said(session: Session, admin: Visitor) -> None:
    for changed, words in WRONG_QUARTERS:
        sent = {"version": "1", "first_quarter": next_quarter(), "note": "Typed words", **changed}
        answer = admin.send(f"{DRAFT}/publish", sent)
        assert answer.status_code == 422, changed
        page = PageReader(answer.text)
        assert words in " ".join("".join(page.alerts).split())
        form = page.form(f"{DRAFT}/publish")
        assert form.values("first_quarter") == [sent["first_quarter"]]
        assert form.values("note") == [sent["note"]]
    session.rollback()
    assert session.get_one(ReportForm, 2).published_at is None


def test_operators_look_and_others_see_what_is_in_use(
    cast: Cast, visit: Enter, admin: Visitor
) -> None:
    operator, reader = visit(cast.operator), visit(cast.reader)
    assert "Form 2" in operator.read(FORMS).text
    page = operator.read(DRAFT)
    assert "Only admins can edit the report form" in page.text
    assert not [form for form in page.forms if FORMS in form.action]
    assert "Form 2" not in reader.read(FORMS).text
    for path in ("", "/preview", "/differences"):
        assert operator.get(f"{DRAFT}{path}").status_code == 200
        assert reader.get(f"{DRAFT}{path}").status_code == 403
        assert reader.get(f"{FORMS}/1{path}").status_code == 200
        assert admin.get(f"{FORMS}/77{path}").status_code == 404
    assert "form 2" not in reader.get(f"{FORMS}/1/differences?with=2").text


def test_a_form_in_use_offers_and_takes_no_change(session: Session, admin: Visitor) -> None:
    assert not [form for form in admin.read(f"{FORMS}/1").forms if FORMS in form.action]
    assert admin.get(f"{FORMS}/1/questions/new").status_code == 409
    assert admin.get(f"{FORMS}/1/questions/plans").status_code == 409
    refused = admin.send(f"{FORMS}/1/questions/new", {**POWER, "help": "Typed words"})
    assert refused.status_code == 409
    assert "Typed words" in refused.text
    assert admin.get(f"{DRAFT}/questions/none").status_code == 404
    assert len(changes_of(session, "report form", 1)) == 0


def test_texts_of_questions_are_texts_everywhere(admin: Visitor) -> None:
    nasty = "<script>x</script> {{ 7*7 }} | %s"
    sent = {**POWER, "label": nasty, "help": nasty, "group": nasty, "choices": f"{nasty}\nB"}
    assert admin.send(f"{DRAFT}/questions/new", sent).status_code == 303
    for path in ("", "/preview", "/differences", "/questions/script_x_script_7_7_s"):
        answer = admin.get(f"{DRAFT}{path}")
        assert answer.status_code == 200, path
        assert "<script>x" not in answer.text
        assert "&lt;script&gt;x" in answer.text


def test_the_audit_names_forms_and_what_changed(admin: Visitor) -> None:
    admin.send(f"{DRAFT}/questions/new", POWER)
    page = admin.read("/admin/audit?kind=report+form")
    assert "report form form 2" in page.text
    assert "power cuts.label Power cuts" in page.text
    assert ("/reports/forms/2", "form 2") in page.links


def test_a_comparison_with_a_form_that_is_none_says_so(admin: Visitor) -> None:
    for asked_for in ("x", "2", "77", "%00", "-1"):
        page = admin.read(f"{DRAFT}/differences?with={asked_for}")
        assert "Form not found" in page.text
        assert "No differences" in page.text
    assert "Form not found" not in admin.read(f"{DRAFT}/differences?with=1").text
