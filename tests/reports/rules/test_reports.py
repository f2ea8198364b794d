"""How a report stands, when it is due, and who may do what with it: tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.rules.access import SYSTEM, Actor, ActorKind, Role
from app.core.rules.quarters import Quarter
from app.core.rules.scopes import Scope
from app.reports.rules.reports import (
    ReportState,
    ShownState,
    due_at,
    is_chair,
    may_read_fields,
    may_read_signed,
    refusal_to_accept,
    refusal_to_comment,
    refusal_to_remove_attachment,
    refusal_to_reopen,
    refusal_to_submit,
    refusal_to_write_report,
    report_status,
    sees_report,
)

Q1 = Quarter(2013, 1)
SITE, OTHER = 1, 2
DURING = datetime(2013, 2, 20, tzinfo=UTC)
END = datetime(2013, 4, 1, tzinfo=UTC)
DUE = datetime(2013, 5, 1, tzinfo=UTC)
AFTER = datetime(2013, 5, 1, 0, 0, 1, tzinfo=UTC)
DRAFT, SUBMITTED, ACCEPTED, REOPENED = ReportState


def person(role: Role, *sites: int) -> Actor:
    return Actor(ActorKind.PERSON, role.value, 1, role, frozenset(sites))


ADMIN, OPERATOR, READER = (person(role) for role in (Role.ADMIN, Role.OPERATOR, Role.READER))
OWN, FOREIGN = person(Role.REPORTER, SITE), person(Role.REPORTER, OTHER)
MOVED = person(Role.READER, SITE)
"""Was a reporter of the site once, and only reads now."""
PARTNER = Actor(ActorKind.PARTNER, "ggus", 1, partner_id=1)
TOKEN = Actor(ActorKind.TOKEN, "monitoring", 1, scopes=frozenset({Scope.TICKETS}))
OWN_TOKEN = Actor(ActorKind.PERSON, "operator", 1, Role.OPERATOR, scopes=frozenset({Scope.TICKETS}))
"""An operator's own token: it acts as that person, and not as the chair."""


def test_thirty_days_after_the_quarter() -> None:
    assert due_at(Q1) == DUE
    assert due_at(Quarter(2012, 4), 14) == datetime(2013, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "first", "now", "asked", "shown", "late"),
    [
        (None, None, DURING, True, ShownState.NOT_YET, False),
        (None, None, END, True, ShownState.MISSING, False),
        (None, None, DUE, True, ShownState.MISSING, False),
        (None, None, AFTER, True, ShownState.MISSING, True),
        (None, None, AFTER, False, ShownState.NOT_REQUIRED, False),
        (DRAFT, None, DUE, True, ShownState.DRAFT, False),
        (DRAFT, None, AFTER, True, ShownState.DRAFT, True),
        (DRAFT, None, AFTER, False, ShownState.DRAFT, False),
        (SUBMITTED, DUE, AFTER, True, ShownState.SUBMITTED, False),
        (SUBMITTED, AFTER, AFTER, True, ShownState.SUBMITTED, True),
        (REOPENED, DUE, AFTER, True, ShownState.REOPENED, False),
        (REOPENED, AFTER, AFTER, True, ShownState.REOPENED, True),
        (ACCEPTED, DUE, AFTER, True, ShownState.ACCEPTED, False),
    ],
)
def test_how_a_report_stands(  # the columns of the table
    state: ReportState | None,
    first: datetime | None,
    now: datetime,
    asked: bool,
    shown: ShownState,
    late: bool,
) -> None:
    standing = report_status(Q1, state, first, now, is_required=asked)
    assert (standing.shown, standing.is_late, standing.due_at) == (shown, late, DUE)


@pytest.mark.parametrize(
    ("actor", "chair", "fields", "signed"),
    [
        (ADMIN, True, True, True),
        (OPERATOR, True, True, True),
        (OWN, False, True, True),
        (FOREIGN, False, False, True),
        (READER, False, False, True),
        (MOVED, False, False, True),
        (OWN_TOKEN, False, False, True),
        (TOKEN, False, False, False),
        (PARTNER, False, False, False),
        (SYSTEM, True, True, True),
    ],
)
def test_who_reads_what(actor: Actor, chair: bool, fields: bool, signed: bool) -> None:
    assert (is_chair(actor), may_read_fields(actor, SITE), may_read_signed(actor)) == (
        chair,
        fields,
        signed,
    )
    assert sees_report(actor, SITE, was_submitted=False) == fields
    assert sees_report(actor, SITE, was_submitted=True) == (fields or signed)
    assert (refusal_to_comment(actor, SITE) is None) == fields


@pytest.mark.parametrize("actor", [ADMIN, OPERATOR, OWN, SYSTEM])
@pytest.mark.parametrize(
    ("state", "now", "write", "submit"),
    [
        (None, DURING, "", "ends on 2013-04-01"),
        (DRAFT, DURING, "", "ends on 2013-04-01"),
        (None, END, "", ""),
        (DRAFT, END, "", ""),
        (REOPENED, END, "", ""),
        (SUBMITTED, END, "is submitted", "is submitted"),
        (ACCEPTED, END, "is accepted", "is accepted"),
        (None, datetime(2012, 12, 31, tzinfo=UTC), "has not started", "has not started"),
    ],
)
def test_when_a_report_is_written_and_submitted(
    actor: Actor, state: ReportState | None, now: datetime, write: str, submit: str
) -> None:
    for refusal, words in (
        (refusal_to_write_report(actor, SITE, state, Q1, now), write),
        (refusal_to_submit(actor, SITE, state, Q1, now), submit),
    ):
        assert (refusal is None) == (not words)
        assert words in (refusal or "")


@pytest.mark.parametrize("actor", [FOREIGN, READER, MOVED, PARTNER, TOKEN, OWN_TOKEN])
@pytest.mark.parametrize("state", [None, *ReportState])
def test_nobody_else_moves_a_report(actor: Actor, state: ReportState | None) -> None:
    assert refusal_to_write_report(actor, SITE, state, Q1, END)
    assert refusal_to_submit(actor, SITE, state, Q1, END)
    assert refusal_to_reopen(actor, SITE, state)
    assert refusal_to_accept(actor, state)


def test_the_site_reopens_until_the_chair_accepted() -> None:
    able = {
        (name, state): refusal_to_reopen(actor, SITE, state) is None
        for name, actor in (("site", OWN), ("chair", OPERATOR))
        for state in (None, *ReportState)
    }
    assert {case for case, yes in able.items() if yes} == {
        ("site", SUBMITTED),
        ("chair", SUBMITTED),
        ("chair", ACCEPTED),
    }
    assert {
        state for state in (None, *ReportState) if refusal_to_accept(OPERATOR, state) is None
    } == {SUBMITTED}
    assert refusal_to_accept(OWN, SUBMITTED)


@pytest.mark.parametrize(
    ("actor", "state", "signed", "allowed"),
    [
        (OWN, DRAFT, False, True),
        (OWN, REOPENED, False, True),
        (OWN, REOPENED, True, False),
        (OWN, SUBMITTED, True, False),
        (OPERATOR, REOPENED, True, True),
        (OPERATOR, ACCEPTED, True, True),
        (FOREIGN, DRAFT, False, False),
        (READER, SUBMITTED, True, False),
    ],
)
def test_files_of_a_signed_version_stay(
    actor: Actor,
    state: ReportState,
    signed: bool,
    allowed: bool,
) -> None:
    refusal = refusal_to_remove_attachment(actor, SITE, state, Q1, END, is_signed=signed)
    assert (refusal is None) == allowed
