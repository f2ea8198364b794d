"""Files and comments on a report's page: who may, what is refused, how they are given out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.quarters import Quarter
from app.registry.services.sites import site_of_key
from app.reports.models.reports import Report, ReportAttachmentContent, ReportComment, ReportField
from app.reports.rules.numbers import ReportNumbers
from app.reports.services.reports import find_report, reopen_report, save_fields, submit_report
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter
from tests.tickets.pages.test_attachments import HTML, PNG

PAGE = "/reports/DE-KIT/2013-Q1"
FILES = f"{PAGE}/attachments"
Q1 = Quarter(2013, 1)
LATE = datetime(2013, 4, 10, tzinfo=UTC)
HTMX = {"HX-Request": "true"}
ANSWERS = {
    "answer.backup_test": ("Tested", 0),
    "answer.contacts_reviewed": ("yes", 0),
    "answer.routing_reviewed": ("no", 0),
}


@pytest.fixture
def begun(session: Session, cast: Cast) -> None:
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        save_fields(session, writer(cast.kit, LATE), site, Q1, ANSWERS)


def sign(session: Session, actor: Actor, at: datetime = LATE) -> None:
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        found = find_report(session, site.id, Q1)
        numbers = ReportNumbers("DE-KIT", "2013-Q1", LATE, [], [])
        seen = found.version if found else 0
        submit_report(session, writer(actor, at), site, Q1, numbers, seen)


def reopen(session: Session, actor: Actor) -> None:
    with transaction(session):
        found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
        assert found is not None
        reopen_report(session, writer(actor, LATE), found, "more")


def count(session: Session, row: type[ReportComment | ReportAttachmentContent | Report]) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(row)) or 0


def upload(visitor: Visitor, name: str, content: bytes) -> int:
    return visitor.upload(FILES, {}, name, content).status_code


# ---- files ----


def test_a_file_is_attached_listed_shown_and_given_out(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.kit)
    answer = visitor.upload(FILES, {}, "backup test.log", b"moved at 10:00")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}#attachments")
    assert upload(visitor, "plot.png", PNG) == 303
    page = visitor.read(PAGE)
    assert (f"{FILES}/1", "backup test.log") in page.links
    assert ("img", "src", f"{FILES}/2") in page.attributes
    assert "File 1 by kit" in page.text
    got = visitor.get(f"{FILES}/1")
    assert got.data == b"moved at 10:00"
    assert got.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert got.headers["Content-Disposition"].startswith('attachment; filename="backup test.log"')
    assert "sandbox" in got.headers["Content-Security-Policy"]
    assert got.headers["Cache-Control"] == "private, no-store"
    shown = visitor.read(f"{FILES}/1/preview")
    assert "moved at 10:00" in shown.text
    assert ("img", "src", f"{FILES}/2") in visitor.read(f"{FILES}/2/preview").attributes


def test_a_page_in_a_file_is_text(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.kit)
    assert upload(visitor, "a.html", HTML) == 303
    assert visitor.get(f"{FILES}/1").headers["Content-Type"] == "text/plain; charset=utf-8"
    shown = visitor.read(f"{FILES}/1/preview")
    assert HTML.decode() in shown.text
    assert shown.inline_scripts == []


def test_a_refused_file_says_why_and_begins_no_report(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.kit)
    answer = visitor.upload(FILES, {}, "empty.log", b"")
    assert answer.status_code == 422
    assert "empty.log: The attachment is empty" in "".join(PageReader(answer.text).alerts)
    assert visitor.upload(FILES, {}, "x" * 300, b"a").status_code == 422
    assert visitor.send(FILES, {}).status_code in (415, 422)
    assert count(session, Report) == 0


def test_files_of_a_draft_are_its_sites_and_signed_ones_everybodys(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    kit, pic, reader = visit(cast.kit), visit(cast.pic), visit(cast.reader)
    assert upload(kit, "first.log", b"1") == 303
    for visitor in (pic, reader):
        assert visitor.get(f"{FILES}/1").status_code == 404
        assert visitor.get(f"{FILES}/1/preview").status_code == 404
        assert upload(visitor, "a.log", b"a") == 404
        assert visitor.send(f"{FILES}/1/remove", {}).status_code == 404
    assert visit(cast.operator).get(f"{FILES}/1").status_code == 200
    sign(session, cast.kit)
    for visitor in (pic, reader):
        assert visitor.get(f"{FILES}/1").data == b"1"
        assert upload(visitor, "a.log", b"a") == 403
        assert visitor.send(f"{FILES}/1/remove", {}).status_code == 403
    assert upload(kit, "late.log", b"2") == 409
    assert kit.send(f"{FILES}/1/remove", {}).status_code == 403
    page = kit.read(PAGE)
    assert (f"{FILES}/1", "first.log") in page.links
    assert not any("attachments" in form.action for form in page.forms)
    reopen(session, cast.kit)
    assert upload(kit, "second.log", b"2") == 303
    assert reader.get(f"{FILES}/2").status_code == 404
    version = kit.read(f"{PAGE}/versions/1")
    assert (f"{FILES}/1", "first.log") in version.links
    assert f"{FILES}/2" not in dict(version.links)
    assert kit.send(f"{FILES}/2/remove", {}).status_code == 303
    assert kit.get(f"{FILES}/2").status_code == 404
    assert f"{FILES}/2" not in dict(kit.read(PAGE).links)
    assert count(session, ReportAttachmentContent) == 1


def test_a_signed_version_names_the_files_that_were_removed_since(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    kit, chair, reader = visit(cast.kit), visit(cast.operator), visit(cast.reader)
    assert upload(kit, "before.log", b"1") == 303
    assert kit.send(f"{FILES}/1/remove", {}).status_code == 303
    assert upload(kit, "kept.log", b"2") == 303
    assert upload(kit, "wrong.log", b"3") == 303
    sign(session, cast.kit, datetime.now(UTC))
    assert "removed by" not in reader.read(PAGE).text
    reopen(session, cast.operator)
    assert chair.send(f"{FILES}/3/remove", {}).status_code == 303
    for path in (PAGE, f"{PAGE}/versions/1"):
        page = reader.read(path)
        assert "wrong.log File 3 by kit" in page.text
        assert "removed by operator" in page.text
        assert "before.log" not in page.text
        assert (f"{FILES}/2", "kept.log") in page.links
        assert f"{FILES}/3" not in dict(page.links)
    assert reader.get(f"{FILES}/3").status_code == 404
    sign(session, cast.kit, datetime.now(UTC))
    assert "wrong.log" not in reader.read(PAGE).text
    assert "wrong.log" in reader.read(f"{PAGE}/versions/1").text


@pytest.mark.parametrize(
    "path", [f"{FILES}/99", f"{FILES}/0", f"{FILES}/99999999999", f"{FILES}/x", f"{FILES}/1%00"]
)
def test_unknown_files_are_404(cast: Cast, visit: Enter, begun: None, path: str) -> None:
    assert visit(cast.kit).get(path).status_code == 404


# ---- comments ----


def test_site_and_chair_speak_and_others_see_nothing_of_it(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    kit, chair, reader = visit(cast.kit), visit(cast.operator), visit(cast.reader)
    answer = chair.send(f"{PAGE}/comment", {"text": "Which <b>link</b>?"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}#comments")
    page = kit.read(PAGE)
    assert "Which <b>link</b>?" in page.text
    answer = kit.client.post(
        f"{PAGE}/comment",
        data={"csrf_token": kit.token(), "text": "The second"},
        headers=HTMX,
    )
    assert answer.status_code == 200
    assert 'id="comments"' in answer.text
    assert "The second" in answer.text
    assert reader.send(f"{PAGE}/comment", {"text": "x"}).status_code == 404
    sign(session, cast.kit)
    assert reader.send(f"{PAGE}/comment", {"text": "x"}).status_code == 403
    page = reader.read(PAGE)
    assert "The second" not in page.text
    assert not any("comment" in form.action for form in page.forms)
    assert kit.send(f"{PAGE}/comment", {"text": "also when it is signed"}).status_code == 303
    assert count(session, ReportComment) == 3


@pytest.mark.parametrize("text", ["  ", "a\0b", "x" * 10_001])
def test_a_comment_that_is_refused_stays_in_its_field(
    session: Session, cast: Cast, visit: Enter, begun: None, text: str
) -> None:
    visitor = visit(cast.kit)
    answer = visitor.send(f"{PAGE}/comment", {"text": text})
    assert answer.status_code == 422
    assert PageReader(answer.text).alerts
    assert count(session, ReportComment) == 0
    if "\0" not in text:
        assert f">\n{text}</textarea>" in answer.text


def test_nothing_is_said_about_a_report_that_is_not_begun(cast: Cast, visit: Enter) -> None:
    assert visit(cast.operator).send(f"{PAGE}/comment", {"text": "x"}).status_code == 404
    assert "Comments" not in visit(cast.operator).read(PAGE).text


# ---- without a script all that was typed comes with each button ----


def typed_page(visitor: Visitor, **typed: str) -> dict[str, str]:
    """What a browser sends of the page's form with any of its buttons, but for the token."""
    found = {name: values[-1] for name, values in visitor.read(PAGE).form(PAGE).data().items()}
    return {
        name: value
        for name, value in {**found, **typed}.items()
        if name not in ("csrf_token", "do", "file")
    }


def stored(session: Session, name: str) -> str | None:
    session.rollback()
    return session.scalar(select(ReportField.value).where(ReportField.name == name))


def test_a_file_saves_what_was_typed_and_keeps_the_comment(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    visitor = visit(cast.kit)
    typed = typed_page(visitor, **{"answer.plans": "A second link"})
    answer = visitor.upload(FILES, typed, "a.log", b"a")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}#attachments")
    assert stored(session, "answer.plans") == "A second link"
    typed = typed_page(visitor, **{"answer.plans": "A third", "text": "Not sent yet"})
    answer = visitor.upload(FILES, typed, "b.log", b"b")
    assert answer.status_code == 200
    assert stored(session, "answer.plans") == "A third"
    page = PageReader(answer.text)
    assert page.form(PAGE).values("text") == ["Not sent yet"]
    assert "1 file attached." in page.text
    # a refused file loses nothing either
    typed = typed_page(visitor, **{"answer.plans": "A fourth", "text": "Not sent yet"})
    answer = visitor.upload(FILES, typed, "empty.log", b"")
    assert answer.status_code == 422
    assert stored(session, "answer.plans") == "A fourth"
    assert PageReader(answer.text).form(PAGE).values("text") == ["Not sent yet"]
    assert count(session, ReportComment) == 0


def test_a_comment_and_a_removal_save_what_was_typed(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    visitor = visit(cast.kit)
    assert upload(visitor, "a.log", b"a") == 303
    typed = typed_page(visitor, **{"answer.plans": "A second link", "text": "Done"})
    assert visitor.send(f"{PAGE}/comment", typed).status_code == 303
    assert stored(session, "answer.plans") == "A second link"
    assert count(session, ReportComment) == 1
    typed = typed_page(visitor, **{"answer.plans": "A third"})
    assert visitor.send(f"{FILES}/1/remove", typed).status_code == 303
    assert stored(session, "answer.plans") == "A third"
    assert count(session, ReportAttachmentContent) == 0


def test_what_a_field_refuses_is_shown_while_the_comment_is_sent(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    visitor = visit(cast.kit)
    typed = typed_page(visitor, **{"number.incidents": "many", "text": "Done"})
    answer = visitor.send(f"{PAGE}/comment", typed)
    assert answer.status_code == 422
    form = PageReader(answer.text).form(PAGE)
    assert form.values("number.incidents") == ["many"]
    assert form.values("text") == [""]
    assert count(session, ReportComment) == 1


def test_saving_keeps_an_unsent_comment_and_submitting_asks_for_it(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    visitor = visit(cast.kit)
    typed = typed_page(visitor, **{"answer.plans": "A second link", "text": "Wait"})
    for do, status in (("save", 200), ("submit", 422)):
        answer = visitor.send(PAGE, {**typed, "do": do, "file": "chosen.log"})
        assert answer.status_code == status
        page = PageReader(answer.text)
        assert page.form(PAGE).values("text") == ["Wait"]
        assert "The selected files are not attached" in page.text
    assert "The comment is not sent yet" in page.text
    assert stored(session, "answer.plans") == "A second link"


def test_what_was_typed_while_a_colleague_signed_is_shown_in_the_forms_words(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    visitor = visit(cast.kit)
    typed = typed_page(
        visitor,
        **{"answer.plans": "A <second> link", "number.incidents": "7", "text": "Not sent yet"},
    )
    sign(session, cast.kit)
    for path in (PAGE, FILES):
        send = visitor.send(path, typed) if path == PAGE else visitor.upload(path, typed, "a", b"a")
        assert send.status_code == 409
        page = PageReader(send.text)
        assert "Your changes were not saved" in page.text
        assert "Plans for the next quarter A <second> link" in page.text
        assert "Incidents affecting the site, site's number 7" in page.text
        for raw in ("seen.", "was.", "answer.plans", "number.incidents"):
            assert raw not in page.text
        assert page.form(f"{PAGE}/comment").values("text") == ["Not sent yet"]
    answer = visitor.send(f"{PAGE}/comment", typed)
    assert answer.status_code == 409
    assert "Plans for the next quarter A <second> link" in PageReader(answer.text).text
    assert stored(session, "answer.plans") is None
    assert count(session, ReportAttachmentContent) == 0
    assert count(session, ReportComment) == 1


def test_a_reason_and_a_comment_beside_each_other(
    session: Session, cast: Cast, visit: Enter, begun: None
) -> None:
    sign(session, cast.kit)
    visitor = visit(cast.operator)
    form = visitor.read(PAGE).form(f"{PAGE}/comment")
    assert {"text", "reason", "version"} <= form.names
    fields = {name: values[-1] for name, values in form.data().items() if name != "csrf_token"}
    answer = visitor.send(f"{PAGE}/accept", {**fields, "text": "Fine", "reason": "Not yet"})
    assert answer.status_code == 200
    page = PageReader(answer.text)
    assert "Report accepted." in page.text
    assert page.form(f"{PAGE}/comment").values("text") == ["Fine"]
    assert page.form(f"{PAGE}/comment").values("reason") == ["Not yet"]
    answer = visitor.send(f"{PAGE}/reopen", {**fields, "text": "Fine", "reason": "Not yet"})
    assert answer.status_code == 200
    assert PageReader(answer.text).form(PAGE).values("text") == ["Fine"]


def test_a_page_of_very_many_fields_takes_a_file(cast: Cast, visit: Enter, begun: None) -> None:
    many = {f"seen.answer.x{at}": "0" for at in range(5_000)}
    assert visit(cast.kit).upload(FILES, many, "a.log", b"a").status_code == 303


def test_writing_needs_a_token(cast: Cast, visit: Enter, begun: None) -> None:
    visitor = visit(cast.kit)
    assert visitor.send_raw(f"{PAGE}/comment", b"text=x").status_code == 400
    assert visitor.send_raw(f"{FILES}/1/remove", b"").status_code == 400


def test_the_audit_leads_to_the_report(cast: Cast, visit: Enter, begun: None) -> None:
    page = visit(cast.admin).read("/admin/audit?kind=report&thing=FZK-LCG2+2013-Q1")
    assert (PAGE, "DE-KIT 2013-Q1") in page.links
