"""What holds at the moment at which a process is started that reads what a stranger sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_looking: list[Callable[[list[str], dict[str, str]], None]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen" and _looking:
        _executable, words, _folder, environment = arguments
        if any("apart" in str(word) for word in words):
            _looking[-1](words, environment)


sys.addaudithook(_hook)


@contextmanager
def at_each_start(look: Callable[[list[str], dict[str, str]], None]) -> Iterator[None]:
    """Call ``look`` with the words and the environment of each such process before it starts."""
    _looking.append(look)
    try:
        yield
    finally:
        _looking.pop()
