"""Drafts of a report's questions: changed by two admins, put in use, taken back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import (
    EditConflict,
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
from app.reports.models.reports import Report, ReportForm, ReportVersion
from app.reports.services import form_drafts as verbs
from app.reports.services.forms import Used, all_forms, content_of, form_for, uses_of
from app.reports.services.reports import save_field
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.until import until

PLANS = {
    "label": "Plans for the next quarter",
    "kind": "text",
    "choices": (),
    "help": "",
    "group": "Issues and plans",
    "is_required": False,
    "is_carried": True,
}
POWER = {**PLANS, "label": "Power cuts", "kind": "line", "group": "Checks", "is_carried": False}


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def do(session: Session, verb: Callable[..., Any], cast: Cast, *given: Any, **more: Any) -> Any:
    """One verb of the admin, in a transaction of its own."""
    with transaction(session):
        return verb(session, writer(cast.admin), *given, **more)


def asked(session: Session, number: int) -> list[str]:
    """The keys that a form asks."""
    session.expire_all()
    return [one.key for one in content_of(session.get_one(ReportForm, number)).asked]


def seed_report(session: Session, form: int, quarter: str, *, signed: bool) -> None:
    """A report begun with a form, signed or not."""
    site = session.scalars(select(Site).where(Site.key == "DE-KIT")).one()
    row = Report(
        site_id=site.id,
        quarter=quarter,
        state="submitted" if signed else "draft",
        form_number=form,
        created_at=NOON,
        created_by="kit",
        changed_at=NOON,
        changed_by="kit",
    )
    if signed:
        row.versions = [
            ReportVersion(
                number=1,
                form_number=form,
                numbers="{}",
                fields="{}",
                submitted_at=NOON,
                submitted_by="kit",
            )
        ]
    with transaction(session):
        session.add(row)


def test_a_draft_is_copied_changed_and_put_in_use(session: Session, cast: Cast) -> None:
    draft = do(session, verbs.make_draft, cast)
    assert (draft.number, draft.version, draft.published_at) == (2, 1, None)
    first = session.get_one(ReportForm, 1)
    assert draft.content == first.content
    row, power = do(session, verbs.add_question, cast, 2, POWER)
    assert (row.version, power.key) == (2, "power_cuts")
    assert asked(session, 2)[:6] == [*asked(session, 1)[:5], "power_cuts"]
    do(session, verbs.move_question, cast, 2, "power_cuts", -1, 2)
    do(session, verbs.move_group, cast, 2, "plans", -1, 3)
    do(session, verbs.retire_question, cast, 2, "remarks", 4)
    assert asked(session, 2) == [
        "issues",
        "plans",
        "backup_test",
        "backup_test_day",
        "backup_test_result",
        "contacts_reviewed",
        "power_cuts",
        "routing_reviewed",
    ]
    assert form_for(session, "2013-Q2").number == 1
    do(session, verbs.publish, cast, 2, "2013-Q2", " Power cuts are asked for ", 5)
    assert [form_for(session, quarter).number for quarter in ("2013-Q1", "2013-Q2")] == [1, 2]
    assert uses_of(all_forms(session)) == {
        1: Used("2009-Q1", "2013-Q1"),
        2: Used("2013-Q2", None),
    }
    told = changes_of(session, "report form", 2)
    assert [one.version for one in told] == [1, 2, 3, 4, 5, 6]
    assert {one.actor_account for one in told} == {"admin"}
    assert [(one.field, one.old, one.new) for one in told[0].fields] == [
        ("copy_of", None, "form 1")
    ]
    assert ("power_cuts.label", None, "Power cuts") in [
        (one.field, one.old, one.new) for one in told[1].fields
    ]
    assert [one.field for one in told[2].fields] == ["order"]
    assert [(one.field, one.old, one.new) for one in told[4].fields] == [
        ("remarks.is_retired", "no", "yes")
    ]
    assert [(one.field, one.old, one.new) for one in told[5].fields] == [
        ("first_quarter", None, "2013-Q2"),
        ("note", None, "Power cuts are asked for"),
    ]


def test_only_admins_change_the_questions(session: Session, cast: Cast) -> None:
    do(session, verbs.make_draft, cast)
    for actor in (cast.operator, cast.kit, cast.reader, cast.ggus):
        by = writer(actor)
        for verb, given in (
            (verbs.make_draft, ()),
            (verbs.add_question, (2, POWER)),
            (verbs.change_question, (2, "plans", PLANS, 1)),
            (verbs.move_question, (2, "plans", 1, 1)),
            (verbs.move_group, (2, "plans", 1, 1)),
            (verbs.retire_question, (2, "plans", 1)),
            (verbs.remove_question, (2, "plans", 1)),
            (verbs.publish, (2, "2013-Q2", "x", 1)),
            (verbs.take_out_of_use, (2, 1)),
            (verbs.discard_draft, (2, 1)),
        ):
            with pytest.raises(Forbidden, match="Only admins"):
                verb(session, by, *given)
    session.expire_all()
    assert [(row.number, row.version) for row in all_forms(session)] == [(1, 1), (2, 1)]


def test_a_form_in_use_does_not_change(session: Session, cast: Cast) -> None:
    for verb, given in (
        (verbs.add_question, (1, POWER)),
        (verbs.change_question, (1, "plans", PLANS, 1)),
        (verbs.retire_question, (1, "plans", 1)),
        (verbs.publish, (1, "2013-Q2", "x", 1)),
        (verbs.discard_draft, (1, 1)),
    ):
        with pytest.raises(MoveNotAllowed, match="in use from 2009-Q1 and cannot be changed"):
            do(session, verb, cast, *given)
    with pytest.raises(NotFound):
        do(session, verbs.discard_draft, cast, 7, 1)


def test_a_used_question_is_retired_and_keeps_its_kind(session: Session, cast: Cast) -> None:
    do(session, verbs.make_draft, cast)
    with pytest.raises(Invalid, match="Retire it"):
        do(session, verbs.remove_question, cast, 2, "remarks", 1)
    with pytest.raises(InvalidMany, match="must stay “text”"):
        do(session, verbs.change_question, cast, 2, "plans", {**PLANS, "kind": "line"}, 1)
    do(session, verbs.add_question, cast, 2, POWER)
    do(session, verbs.change_question, cast, 2, "power_cuts", {**POWER, "kind": "day"}, 2)
    do(session, verbs.remove_question, cast, 2, "power_cuts", 3)
    assert asked(session, 2) == asked(session, 1)
    with pytest.raises(NotFound):
        do(session, verbs.remove_question, cast, 2, "power_cuts", 4)


def test_two_admins_word_different_parts_and_are_told_of_the_same(
    session: Session, cast: Cast
) -> None:
    do(session, verbs.make_draft, cast)
    do(session, verbs.change_question, cast, 2, "plans", {**PLANS, "help": "Say when"}, 1)
    # who saw version 1 changes the label only: the help of the other stays
    row, plans = do(
        session, verbs.change_question, cast, 2, "plans", {**PLANS, "label": "Your plans"}, 1
    )
    assert (row.version, plans.label, plans.help) == (3, "Your plans", "Say when")
    with pytest.raises(EditConflict) as caught:
        do(session, verbs.change_question, cast, 2, "plans", {**PLANS, "help": "Say where"}, 1)
    assert caught.value.current_version == 3
    assert [(one.field, one.base, one.theirs, one.mine) for one in caught.value.differences] == [
        ("help", "", "Say when", "Say where")
    ]
    for verb, given in (
        (verbs.move_question, ("plans", -1)),
        (verbs.move_group, ("plans", -1)),
        (verbs.retire_question, ("plans",)),
        (verbs.publish, ("2013-Q2", "x")),
        (verbs.discard_draft, ()),
    ):
        with pytest.raises(EditConflict):
            do(session, verb, cast, 2, *given, 2)
    session.expire_all()
    assert session.get_one(ReportForm, 2).version == 3


def test_what_changes_nothing_is_no_change(session: Session, cast: Cast) -> None:
    do(session, verbs.make_draft, cast)
    do(session, verbs.change_question, cast, 2, "plans", PLANS, 1)
    do(session, verbs.move_question, cast, 2, "backup_test", -1, 1)
    session.expire_all()
    assert session.get_one(ReportForm, 2).version == 1
    assert len(changes_of(session, "report form", 2)) == 1


def test_a_form_is_not_published_into_quarters_that_are_signed(
    session: Session, cast: Cast
) -> None:
    seed_report(session, 1, "2012-Q4", signed=True)
    seed_report(session, 1, "2013-Q1", signed=False)
    do(session, verbs.make_draft, cast)
    with pytest.raises(Invalid, match="Reports of 2012-Q4 are signed") as caught:
        do(session, verbs.publish, cast, 2, "2012-Q4", "x", 1)
    assert caught.value.field == "first_quarter"
    with pytest.raises(Invalid, match="Reason is required") as caught:
        do(session, verbs.publish, cast, 2, "2013-Q1", " ", 1)
    assert caught.value.field == "note"
    do(session, verbs.publish, cast, 2, "2013-Q1", "x", 1)
    session.expire_all()
    assert session.scalars(select(Report.form_number).order_by(Report.quarter)).all() == [1, 1]


def test_a_form_is_taken_out_of_use_while_no_report_has_it(session: Session, cast: Cast) -> None:
    do(session, verbs.make_draft, cast)
    do(session, verbs.publish, cast, 2, "2013-Q1", "x", 1)
    with pytest.raises(EditConflict):
        do(session, verbs.take_out_of_use, cast, 2, 1)
    do(session, verbs.take_out_of_use, cast, 2, 2)
    assert form_for(session, "2013-Q1").number == 1
    with pytest.raises(MoveNotAllowed, match="is a draft"):
        do(session, verbs.take_out_of_use, cast, 2, 3)
    with pytest.raises(MoveNotAllowed, match="The first form cannot be unpublished"):
        do(session, verbs.take_out_of_use, cast, 1, 1)
    do(session, verbs.publish, cast, 2, "2013-Q1", "x", 3)
    seed_report(session, 2, "2013-Q1", signed=False)
    with pytest.raises(MoveNotAllowed, match="Reports were started with form 2"):
        do(session, verbs.take_out_of_use, cast, 2, 4)
    assert form_for(session, "2013-Q1").number == 2


def test_a_form_that_replaces_another_before_its_quarter_came(session: Session, cast: Cast) -> None:
    do(session, verbs.make_draft, cast)
    do(session, verbs.publish, cast, 2, "2013-Q3", "x", 1)
    do(session, verbs.make_draft, cast)
    with pytest.raises(Invalid, match="Form 2 is used from 2013-Q3"):
        do(session, verbs.publish, cast, 3, "2013-Q2", "x", 1)
    with transaction(session):
        verbs.publish(
            session,
            writer(cast.admin, datetime(2013, 3, 7, tzinfo=UTC)),
            3,
            "2013-Q3",
            "x",
            1,
        )
    assert uses_of(all_forms(session)) == {1: Used("2009-Q1", "2013-Q2"), 3: Used("2013-Q3", None)}


def test_a_deleted_drafts_number_is_not_given_again(session: Session, cast: Cast) -> None:
    do(session, verbs.make_draft, cast)
    do(session, verbs.add_question, cast, 2, POWER)
    do(session, verbs.discard_draft, cast, 2, 2)
    assert [row.number for row in all_forms(session)] == [1]
    assert do(session, verbs.make_draft, cast).number == 3
    last = changes_of(session, "report form", 2)[-1]
    assert (last.version, last.fields[0].field) == (3, "discarded")
    assert "Power cuts" in (last.fields[0].old or "")


def test_a_form_that_asks_nothing_is_not_published(session: Session, cast: Cast) -> None:
    do(session, verbs.make_draft, cast)
    for version, key in enumerate(asked(session, 1), 1):
        do(session, verbs.retire_question, cast, 2, key, version)
    with pytest.raises(Invalid, match="has no questions"):
        do(session, verbs.publish, cast, 2, "2013-Q2", "x", 9)


def test_a_report_is_not_begun_with_a_form_that_is_just_taken_out_of_use(
    session: Session, database: str, cast: Cast
) -> None:
    do(session, verbs.make_draft, cast)
    do(session, verbs.publish, cast, 2, "2013-Q1", "x", 1)
    engine = open_engine(database)

    def begin() -> None:
        with Session(engine) as other, transaction(other):
            site = site_of_key(other, "DE-KIT")
            save_field(other, writer(cast.kit), site, Quarter(2013, 1), "answer.issues", "None", 0)

    def waits() -> bool:
        if engine.dialect.name == "sqlite":  # one writes at a time
            return True
        with engine.connect() as looking:
            count = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            return bool(looking.execute(text(count)).scalar())

    with ThreadPoolExecutor(1) as pool:
        with transaction(session):
            verbs.take_out_of_use(session, writer(cast.admin), 2, 2)
            session.flush()
            begun = pool.submit(begin)
            until(waits)
        begun.result()
    session.expire_all()
    assert session.scalars(select(Report.form_number)).all() == [1]
    engine.dispose()
