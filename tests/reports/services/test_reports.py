"""Reports of quarters: two people write one, it is signed, reopened, accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.services.audit import names_of, things_named
from app.core.database.transactions import transaction
from app.core.rules.access import Actor, Role
from app.core.rules.errors import (
    EditConflict,
    FieldConflict,
    Forbidden,
    Invalid,
    InvalidMany,
    MoveNotAllowed,
    NotFound,
)
from app.core.rules.quarters import Quarter
from app.core.services.changes import changes_of
from app.registry.models.registry import Site
from app.registry.services.sites import site_of_key
from app.reports.models.reports import Report, ReportVersion
from app.reports.rules.numbers import ReportFigure, ReportNumbers, UndocumentedEvent
from app.reports.services.attachments import (
    attach_to_report,
    attachments_of_report,
    content_of_report_attachment,
    find_report_attachment,
    remove_report_attachment,
)
from app.reports.services.comments import comment_on_report, comments_on_report
from app.reports.services.reports import (
    Saved,
    accept_report,
    fields_of,
    fields_of_version,
    find_report,
    form_of,
    numbers_of_version,
    open_questions,
    reopen_report,
    save_field,
    save_fields,
    submit_report,
)
from tests.cast import Cast, enter, writer
from tests.matching.matching_world import recompute_all, report

Q1 = Quarter(2013, 1)
DURING = datetime(2013, 2, 20, 9, tzinfo=UTC)
AFTER = datetime(2013, 4, 10, 9, tzinfo=UTC)
ANSWERS = {
    "answer.backup_test": "Tested",
    "answer.contacts_reviewed": "yes",
    "answer.routing_reviewed": "no",
}


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


@pytest.fixture
def kit(session: Session, cast: Cast) -> Site:
    return site_of_key(session, "DE-KIT")


def second_of_site(cast: Cast) -> Actor:
    return Actor(
        kind=cast.kit.kind,
        account="kit2",
        account_id=cast.kit.account_id,
        role=Role.REPORTER,
        site_ids=cast.kit.site_ids,
    )


def numbers(*undocumented: UndocumentedEvent, incidents: int = 3) -> ReportNumbers:
    return ReportNumbers(
        "DE-KIT",
        "2013-Q1",
        AFTER,
        [
            ReportFigure("incidents", "Incidents", incidents),
            ReportFigure("availability", "Availability", None),
        ],
        list(undocumented),
    )


def save(
    session: Session, actor: Actor, name: str, value: str, seen: int, now: datetime = AFTER
) -> Saved:
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        return save_field(session, writer(actor, now), site, Q1, name, value, seen)


def answered(session: Session, actor: Actor) -> Report:
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        values = {name: (value, 0) for name, value in ANSWERS.items()}
        save_fields(session, writer(actor, AFTER), site, Q1, values)
    return stored(session)


def stored(session: Session) -> Report:
    session.rollback()
    session.expire_all()
    found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
    assert found is not None
    return found


def submit(
    session: Session, actor: Actor, counted: ReportNumbers | None = None, **more: Any
) -> ReportVersion:
    found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
    seen = found.version if found else 0
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        by = writer(actor, more.get("now", AFTER))
        return submit_report(session, by, site, Q1, counted or numbers(), more.get("seen", seen))


def steps(session: Session, found: Report) -> list[list[tuple[str, str | None, str | None]]]:
    return [
        [(one.field, one.old, one.new) for one in change.fields]
        for change in changes_of(session, "report", found.id)
    ]


def test_the_first_field_begins_the_report_and_later_ones_are_told_by_version(
    session: Session, cast: Cast
) -> None:
    first = save(session, cast.kit, "answer.issues", "a fibre cut", 0, DURING)
    assert (first.version, first.changed_at, first.changed_by) == (1, DURING, "kit")
    second = save(session, second_of_site(cast), "answer.issues", "two fibre cuts", 1)
    assert (second.version, second.changed_by, second.report_version) == (2, "kit2", 2)
    found = stored(session)
    assert (found.state, found.created_by, found.created_at) == ("draft", "kit", DURING)
    assert (found.version, found.changed_by, found.form_number) == (2, "kit2", 1)
    assert fields_of(found) == {"answer.issues": "two fibre cuts"}
    assert steps(session, found) == [
        [("answer.issues", None, "a fibre cut")],
        [("answer.issues", "a fibre cut", "two fibre cuts")],
    ]


def test_who_saw_an_older_version_is_told_what_stands_there_now(
    session: Session, cast: Cast
) -> None:
    save(session, cast.kit, "answer.issues", "mine", 0, DURING)
    with pytest.raises(FieldConflict) as caught:
        save(session, second_of_site(cast), "answer.issues", "yours", 0)
    error = caught.value
    assert (error.field, error.value, error.mine) == ("answer.issues", "mine", "yours")
    assert (error.version, error.changed_by, error.changed_at) == (1, "kit", DURING)
    assert fields_of(stored(session)) == {"answer.issues": "mine"}


def test_the_same_value_is_no_conflict_and_no_change(session: Session, cast: Cast) -> None:
    save(session, cast.kit, "answer.issues", "one\ntwo", 0, DURING)
    again = save(session, second_of_site(cast), "answer.issues", "one\r\ntwo", 0)
    assert (again.version, again.changed_by, again.report_version) == (1, "kit", 1)
    assert len(steps(session, stored(session))) == 1


def test_an_emptied_field_keeps_its_version(session: Session, cast: Cast) -> None:
    save(session, cast.kit, "answer.issues", "x", 0)
    assert save(session, cast.kit, "answer.issues", " ", 1).version == 2
    assert fields_of(stored(session)) == {}
    with pytest.raises(FieldConflict):
        save(session, cast.kit, "answer.issues", "y", 0)
    assert save(session, cast.kit, "answer.issues", "y", 2).version == 3


def test_nothing_written_begins_no_report(session: Session, cast: Cast) -> None:
    assert save(session, cast.kit, "answer.issues", "  ", 0).version == 0
    assert session.scalar(select(func.count()).select_from(Report)) == 0


def test_saving_many_keeps_what_fits_and_tells_the_rest(session: Session, cast: Cast) -> None:
    save(session, cast.kit, "answer.issues", "theirs", 0)
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        done = save_fields(
            session,
            writer(second_of_site(cast), AFTER),
            site,
            Q1,
            {
                "answer.issues": ("mine", 0),
                "answer.plans": ("a new link", 0),
                "answer.remarks": ("", 0),
                "answer.backup_test": ("Perhaps", 0),
                "colour": ("red", 0),
            },
        )
    assert {name: one.version for name, one in done.saved.items()} == {
        "answer.plans": 1,
        "answer.remarks": 0,
    }
    assert {name: one.value for name, one in done.conflicts.items()} == {"answer.issues": "theirs"}
    assert set(done.problems) == {"answer.backup_test", "colour"}
    assert done.report_version == 2
    assert fields_of(stored(session)) == {"answer.issues": "theirs", "answer.plans": "a new link"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("answer.backup_test", "Perhaps"),
        ("answer.unknown", "x"),
        ("answer.issues", "a\0b"),
        ("answer.issues", "x" * 10_001),
        ("number.incidents", "many"),
        ("number.nothing", "12"),
        ("reason.nothing", "a figure that there is not"),
        ("number.nothing", ""),
        ("event.4711", "no such event"),
        ("event.99999999999999", "beyond every key"),
        ("", "x"),
        ("answer." + "x" * 200, "x"),
    ],
)
def test_what_is_not_allowed_is_refused_in_words(
    session: Session, cast: Cast, name: str, value: str
) -> None:
    with pytest.raises(Invalid) as caught:
        save(session, cast.kit, name, value, 0)
    assert caught.value.field == name
    assert session.scalar(select(func.count()).select_from(Report)) == 0


def test_words_are_written_about_events_of_the_site_and_quarter(
    session: Session, cast: Cast
) -> None:
    event = report(session, cast, "5 10:00", "5 12:00")
    recompute_all(session)
    assert save(session, cast.kit, f"event.{event}", "the router was restarted", 0).version == 1
    pic = site_of_key(session, "ES-PIC")
    with transaction(session), pytest.raises(Invalid, match="no such event"):
        save_field(session, writer(cast.pic, AFTER), pic, Q1, f"event.{event}", "not ours", 0)


def test_another_site_and_readers_do_not_know_of_a_draft(session: Session, cast: Cast) -> None:
    save(session, cast.kit, "answer.issues", "x", 0)
    for actor in (cast.pic, cast.reader, cast.ggus):
        with pytest.raises(NotFound):
            save(session, actor, "answer.issues", "y", 1)
    assert save(session, cast.operator, "answer.issues", "z", 1).version == 2


def test_what_is_wanting_is_named_field_by_field(session: Session, cast: Cast) -> None:
    event = UndocumentedEvent(7, "CERN-GRIDKA-LHCOPN-001", DURING, None, "down")
    save(session, cast.kit, "answer.contacts_reviewed", "no", 0)
    save(session, cast.kit, "number.incidents", "5", 0)
    with pytest.raises(InvalidMany) as caught:
        submit(session, cast.kit, numbers(event))
    assert list(caught.value.problems) == [
        "event.7",
        "reason.incidents",
        "answer.backup_test",
        "answer.routing_reviewed",
    ]
    found = stored(session)
    assert found.state == "draft"
    assert not found.versions
    assert len(open_questions(found, form_of(found), numbers())) == 3
    assert len(open_questions(found, form_of(found), numbers(incidents=5))) == 2


def test_what_cannot_be_is_not_saved_whatever_the_reason(session: Session, cast: Cast) -> None:
    save(session, cast.kit, "reason.availability", "We counted it", 0)
    for name, value in (
        ("number.availability", "250"),
        ("number.incidents", "2.5"),
        ("answer.backup_test_day", "2013-04-11"),
    ):
        with pytest.raises(Invalid, match=r"is not possible|is in the future") as caught:
            save(session, cast.kit, name, value, 0)
        assert caught.value.field == name
    assert fields_of(stored(session)) == {"reason.availability": "We counted it"}
    save(session, cast.kit, "answer.backup_test_day", "2013-04-10", 0)


def test_what_cannot_be_and_was_saved_before_is_not_signed(session: Session, cast: Cast) -> None:
    answered(session, cast.kit)
    for name in ("reason.availability", "number.availability", "answer.backup_test_day"):
        save(session, cast.kit, name, "2013-01-01" if "day" in name else "9", 0)
    with transaction(session):
        for one in stored(session).fields:
            if one.name == "number.availability":
                one.value = "250"
            elif one.name == "answer.backup_test_day":
                one.value = "2031-01-01"
    with pytest.raises(InvalidMany) as caught:
        submit(session, cast.kit)
    assert list(caught.value.problems) == ["number.availability", "answer.backup_test_day"]


def test_submitting_signs_and_freezes(session: Session, cast: Cast) -> None:
    answered(session, cast.kit)
    submit(session, cast.kit)
    found = stored(session)
    assert (found.state, found.submitted_by, found.submitted_at) == ("submitted", "kit", AFTER)
    (signed,) = found.versions
    assert (signed.number, signed.submitted_by, signed.form_number) == (1, "kit", 1)
    assert fields_of_version(signed) == ANSWERS
    assert numbers_of_version(signed) == numbers()
    assert steps(session, found)[-1] == [("state", "draft", "submitted"), ("signed", None, "1")]
    with pytest.raises(MoveNotAllowed):
        save(session, cast.kit, "answer.issues", "too late", 0)
    with pytest.raises(MoveNotAllowed):
        submit(session, cast.kit)
    for actor in (cast.pic, cast.reader):
        with pytest.raises(Forbidden):
            save(session, actor, "answer.issues", "not mine", 0)


def test_nobody_signs_what_they_have_not_read(session: Session, cast: Cast) -> None:
    seen = answered(session, cast.kit).version
    save(session, second_of_site(cast), "answer.issues", "x", 0)
    with pytest.raises(EditConflict):
        submit(session, cast.kit, seen=seen)
    assert submit(session, cast.kit, seen=seen + 1).number == 1


def test_no_report_before_its_quarter_has_ended(session: Session, cast: Cast) -> None:
    save(session, cast.kit, "answer.issues", "x", 0, Q1.begin)
    with pytest.raises(MoveNotAllowed, match="ends on 2013-04-01"):
        submit(session, cast.kit, now=Q1.end - timedelta(seconds=1))
    with pytest.raises(MoveNotAllowed, match="has not started"):
        save(session, cast.kit, "answer.issues", "y", 1, Q1.begin - timedelta(seconds=1))


def test_reopening_keeps_both_versions(session: Session, cast: Cast) -> None:
    answered(session, cast.kit)
    submit(session, cast.kit)
    with transaction(session):
        reopen_report(session, writer(cast.kit, AFTER), stored_in(session), "a number is wrong")
    save(session, cast.kit, "answer.issues", "added", 0)
    later = AFTER + timedelta(days=40)
    submit(session, cast.operator, numbers(incidents=4), now=later)
    found = stored(session)
    first, second = found.versions
    assert (first.reopened_by, first.reopen_reason) == ("kit", "a number is wrong")
    assert fields_of_version(first) == ANSWERS
    assert fields_of_version(second) == {**ANSWERS, "answer.issues": "added"}
    assert [numbers_of_version(one).figures[0].value for one in found.versions] == [3, 4]
    assert (found.first_submitted_at, found.submitted_at) == (AFTER, later)
    assert steps(session, found)[2] == [
        ("state", "submitted", "reopened"),
        ("why", None, "a number is wrong"),
    ]


def stored_in(session: Session) -> Report:
    found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
    assert found is not None
    return found


def test_the_chair_accepts_and_only_the_chair_reopens_then(session: Session, cast: Cast) -> None:
    answered(session, cast.kit)
    with transaction(session), pytest.raises(MoveNotAllowed):
        accept_report(session, writer(cast.operator, AFTER), stored_in(session))
    submit(session, cast.kit)
    seen = stored(session).version
    for actor in (cast.kit, cast.reader):
        with transaction(session), pytest.raises(Forbidden):
            accept_report(session, writer(actor, AFTER), stored_in(session))
    with transaction(session), pytest.raises(EditConflict):
        accept_report(session, writer(cast.operator, AFTER), stored_in(session), seen - 1)
    with transaction(session):
        accept_report(session, writer(cast.operator, AFTER), stored_in(session), seen)
    found = stored(session)
    assert (found.state, found.accepted_by, found.accepted_at) == ("accepted", "operator", AFTER)
    assert found.versions[0].accepted_by == "operator"
    for actor in (cast.kit, cast.pic, cast.reader):
        with transaction(session), pytest.raises(Forbidden):
            reopen_report(session, writer(actor, AFTER), stored_in(session), "why not")
    with transaction(session), pytest.raises(Invalid, match="Reason is required"):
        reopen_report(session, writer(cast.admin, AFTER), stored_in(session), " ")
    with transaction(session):
        reopen_report(session, writer(cast.admin, AFTER), stored_in(session), "numbers changed")
    found = stored(session)
    assert (found.state, found.accepted_at, found.accepted_by) == ("reopened", None, "")
    assert found.versions[0].accepted_at == AFTER
    with transaction(session), pytest.raises(MoveNotAllowed):
        reopen_report(session, writer(cast.admin, AFTER), stored_in(session), "again")


# ---- comments ----


def test_site_and_chair_speak_about_a_report_and_nobody_else_reads_it(
    session: Session, cast: Cast
) -> None:
    answered(session, cast.kit)
    with transaction(session):
        comment_on_report(
            session, writer(cast.operator, AFTER), stored_in(session), " Which\r\none? "
        )
    with transaction(session):
        comment_on_report(session, writer(cast.kit, AFTER), stored_in(session), "The second")
    found = stored(session)
    said = [(one.author, one.text) for one in comments_on_report(cast.kit, found)]
    assert said == [("operator", "Which\none?"), ("kit", "The second")]
    assert steps(session, found)[-1] == [("comment", None, "The second")]
    assert found.version == 1  # nothing else is written by it
    for text in (" ", "a\0b", "x" * 10_001):
        with transaction(session), pytest.raises(Invalid):
            comment_on_report(session, writer(cast.kit, AFTER), stored_in(session), text)
    with transaction(session), pytest.raises(NotFound):
        comment_on_report(session, writer(cast.pic, AFTER), stored_in(session), "x")
    submit(session, cast.kit)
    with transaction(session), pytest.raises(Forbidden):
        comment_on_report(session, writer(cast.reader, AFTER), stored_in(session), "x")
    found = stored(session)
    assert comments_on_report(cast.reader, found) == ()
    assert len(comments_on_report(cast.admin, found)) == 2


# ---- files ----


def attach(session: Session, actor: Actor, name: str, content: bytes = b"text") -> int:
    with transaction(session):
        site = site_of_key(session, "DE-KIT")
        made = attach_to_report(session, writer(actor, AFTER), site, Q1, name, content)
        return made.number


def names(session: Session, actor: Actor, version: int | None = None) -> list[str]:
    found = attachments_of_report(session, actor, stored(session), version)
    return [one.name for one in found]


def take_off(session: Session, actor: Actor, number: int) -> None:
    with transaction(session):
        remove_report_attachment(session, writer(actor, AFTER), stored_in(session), number)


def test_a_file_begins_a_report_and_is_of_the_version_that_is_signed_next(
    session: Session, cast: Cast
) -> None:
    assert attach(session, cast.kit, "../backup test.log", b"moved at 10:00") == 1
    assert (stored(session).version, stored(session).created_by) == (1, "kit")
    answered(session, cast.kit)
    assert names(session, cast.kit) == ["backup test.log"]
    assert names(session, cast.pic) == []
    submit(session, cast.kit)
    assert names(session, cast.reader) == ["backup test.log"]
    with pytest.raises(MoveNotAllowed):
        attach(session, cast.kit, "late.log")
    with transaction(session):
        reopen_report(session, writer(cast.kit, AFTER), stored_in(session), "more")
    assert attach(session, cast.operator, "second.log") == 2
    assert names(session, cast.kit) == ["backup test.log", "second.log"]
    assert names(session, cast.kit, 1) == ["backup test.log"]
    assert names(session, cast.reader) == ["backup test.log"]
    assert names(session, cast.reader, 2) == ["backup test.log"]
    assert names(session, cast.ggus) == []
    with pytest.raises(NotFound):
        find_report_attachment(session, cast.reader, stored(session), 2)
    second = find_report_attachment(session, cast.kit, stored(session), 2)
    assert content_of_report_attachment(session, second) == b"text"
    assert (second.media_type, second.size, second.author) == ("text/plain", 4, "operator")


def test_what_is_signed_is_taken_off_by_the_chair_only(session: Session, cast: Cast) -> None:
    answered(session, cast.kit)
    attach(session, cast.kit, "signed.log")
    submit(session, cast.kit)
    with pytest.raises(Forbidden):
        take_off(session, cast.kit, 1)
    with transaction(session):
        reopen_report(session, writer(cast.kit, AFTER), stored_in(session), "more")
    attach(session, cast.kit, "new.log")
    with pytest.raises(Forbidden, match="part of a signed version"):
        take_off(session, cast.kit, 1)
    for actor in (cast.pic, cast.reader):
        with pytest.raises(Forbidden):
            take_off(session, actor, 1)
        with pytest.raises(NotFound):
            take_off(session, actor, 2)
    first = find_report_attachment(session, cast.kit, stored(session), 1)
    session.rollback()
    take_off(session, second_of_site(cast), 2)
    take_off(session, cast.admin, 1)
    assert names(session, cast.kit) == []
    with pytest.raises(NotFound):
        content_of_report_attachment(session, first)
    found = stored(session)
    assert steps(session, found)[-2:] == [
        [("attachment", "2 new.log", None)],
        [("attachment", "1 signed.log", None)],
    ]
    assert attach(session, cast.kit, "third.log") == 3  # numbers are not given again
    with pytest.raises(NotFound):
        take_off(session, cast.kit, 2)


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", b""), ("a.txt", bytes(2 * 1024 * 1024 + 1)), ("x" * 256, b"a")]
)
def test_files_are_refused_as_those_of_tickets(
    session: Session, cast: Cast, name: str, content: bytes
) -> None:
    with pytest.raises(Invalid):
        attach(session, cast.kit, name, content)
    assert session.scalar(select(func.count()).select_from(Report)) == 0


# ---- the audit ----


def test_the_audit_names_reports_by_site_and_quarter(session: Session, cast: Cast) -> None:
    found = answered(session, cast.kit)
    assert names_of(session, [("report", found.id)]) == {("report", found.id): "DE-KIT 2013-Q1"}
    for name in ("DE-KIT 2013-Q1", "FZK-LCG2 2013-Q1"):
        assert things_named(session, name) == [("report", found.id)]
    assert things_named(session, "DE-KIT 2013-Q2") == []
