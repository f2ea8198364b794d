"""Waiting for what other threads and processes do, as long as it takes and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic


def until(came: Callable[[], bool], seconds: float = 200) -> None:
    """Return when ``came()``; fail when it takes too long."""
    deadline = monotonic() + seconds
    pause = threading.Event()
    while not came():
        assert monotonic() < deadline, "what was waited for did not come"
        pause.wait(0.001)  # between two looks, and no longer
