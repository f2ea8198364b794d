"""The jobs by name: what ``app.services.job_queue.enqueue`` leaves to the worker.

A job function raises where it failed; it is then tried again with growing pauses, and given up
after ten attempts. It is safe to repeat: it may be run anew after its worker was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from app.worker.context import Context

JobFunction: TypeAlias = Callable[[Context, Mapping[str, Any]], None]

JOBS: Final[dict[str, JobFunction]] = {}
