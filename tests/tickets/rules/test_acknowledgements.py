"""What may be answered to a change, and by whom."""

from __future__ import annotations

import pytest

from app.core.rules.access import SYSTEM, Actor, ActorKind, Role
from app.core.rules.errors import Invalid
from app.tickets.rules.acknowledgements import checked_answer, logged_answer, refusal_to_answer

SITE, OTHER = 1, 2


def person(role: Role, *sites: int) -> Actor:
    return Actor(kind=ActorKind.PERSON, account="p", role=role, site_ids=frozenset(sites))


def partner(*sites: int, read_only: bool = False) -> Actor:
    return Actor(
        kind=ActorKind.PARTNER, account="n", site_ids=frozenset(sites), read_only=read_only
    )


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [
        (SYSTEM, None),
        (person(Role.ADMIN), None),
        (person(Role.OPERATOR), None),
        (person(Role.REPORTER, OTHER, SITE), None),
        (person(Role.REPORTER, OTHER), "only for their own sites"),
        (person(Role.READER), "reader"),
        (person(Role.READER, SITE), "reader"),
        (partner(SITE), None),
        (partner(OTHER), "may not respond for this site"),
        (partner(), "may not respond for this site"),
        (partner(SITE, read_only=True), "read-only"),
    ],
)
def test_who_answers_for_a_site(actor: Actor, refusal: str | None) -> None:
    found = refusal_to_answer(actor, SITE)
    assert found is None if refusal is None else refusal in (found or "")


@pytest.mark.parametrize(
    ("answer", "reason", "field"),
    [
        ("refused", "", "reason"),
        ("refused", " \n", "reason"),
        ("refused", "x" * 4001, "reason"),
        ("accepted", "x" * 4001, "reason"),
        ("refused", "a\x00b", "reason"),
        ("perhaps", "", "answer"),
        ("Accepted", "", "answer"),
        ("", "", "answer"),
    ],
)
def test_what_may_not_be_answered(answer: str, reason: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_answer(answer, reason)
    assert refused.value.field == field


def test_how_an_answer_is_logged() -> None:
    assert checked_answer("refused", "x" * 4000) == "refused"
    assert logged_answer("ES-PIC", "", "") is None
    assert logged_answer("ES-PIC", "accepted", "") == "ES-PIC accepted"
    assert logged_answer("ES-PIC", "refused", "beam on") == "ES-PIC refused: beam on"
