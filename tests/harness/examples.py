"""How many examples a test tries: all with ``make test-all``, a quarter of them with ``make test``.

Which of the two it is, is a profile of Hypothesis, so that its own tests follow without a word;
those that try a list of their own, or a number of examples of their own, ask here.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final, TypeVar

from hypothesis import settings

_ALL: Final = 100
"""What Hypothesis tries if nobody says another number."""
_QUARTER: Final = 25
Example = TypeVar("Example")


def try_a_quarter() -> None:
    """In the test modules that are loaded from now on."""
    settings.register_profile("quarter", settings.default, max_examples=_QUARTER)
    settings.load_profile("quarter")


def up_to(examples: int) -> int:
    """So many, or a quarter of them, rounded up."""
    return ceil(examples * _tried() / _ALL)


def some_of(examples: Iterable[Example], turn: int = 0) -> list[Example]:
    """All of them, or every fourth and at least one; each turn begins with another one."""
    given = list(examples)
    step = min(_ALL // _tried(), len(given) or 1)
    return given[turn % step :: step]


def _tried() -> int:
    assert settings.default is not None
    return settings.default.max_examples
