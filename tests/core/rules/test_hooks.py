"""Hooks between rooms."""

from __future__ import annotations

import pytest

from app.core.rules.hooks import Hook


def test_functions_are_called_in_their_order() -> None:
    hook: Hook[[int], int] = Hook("SUMS")
    hook.set(lambda number: number + 1, lambda number: number * 10)
    assert hook.all(3) == [4, 30]


def test_a_hook_set_again_forgets_what_was_set_before() -> None:
    hook: Hook[[], str] = Hook("WORDS")
    hook.set(lambda: "before")
    hook.set(lambda: "now")
    assert hook.one() == "now"


def test_a_process_that_did_not_compose_itself_fails_and_names_the_hook() -> None:
    hook: Hook[[], str] = Hook("WORDS")
    with pytest.raises(RuntimeError, match=r"hook WORDS is not set: see app/composition\.py"):
        hook.all()


def test_one_answer_needs_exactly_one_function() -> None:
    hook: Hook[[], str] = Hook("WORDS")
    hook.set(lambda: "a", lambda: "b")
    with pytest.raises(ValueError, match="too many values"):
        hook.one()
