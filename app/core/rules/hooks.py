"""Where a room calls functions of rooms above it, which it does not know.

The room names a hook and what the hook's functions get and answer; ``app/composition.py`` lists the
functions of every hook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Hook(Generic[P, R]):
    """Functions of rooms above, in the order in which they are called.

    Calling a hook in a process that did not set it raises ``RuntimeError``: a process that forgot
    to compose itself would otherwise leave work out and say nothing.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._functions: tuple[Callable[P, R], ...] | None = None

    def set(self, *functions: Callable[P, R]) -> None:
        """Call these and no others."""
        self._functions = functions

    @property
    def functions(self) -> tuple[Callable[P, R], ...]:
        """The functions that were set."""
        if self._functions is None:
            raise RuntimeError(f"hook {self._name} is not set: see app/composition.py")
        return self._functions

    def all(self, *about: P.args, **more: P.kwargs) -> list[R]:
        """What each function answers."""
        return [function(*about, **more) for function in self.functions]

    def one(self, *about: P.args, **more: P.kwargs) -> R:
        """What the only function answers."""
        (function,) = self.functions
        return function(*about, **more)
