"""A real worker that calls partners on this machine: ``python -m tests.exchange.quick_worker URL
[SECONDS]``, or ``work`` in a forked process.

With SECONDS no call may last longer, and what became of an unanswered one is looked for after twice
that: a run of a minute would else wait for the minutes that real partners are given.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.core.adapters.outbound import Limits
from app.core.log import configure_logging
from app.exchange.adapters import http
from app.exchange.adapters.ggus import client as ggus
from app.exchange.services.planning import LANE_JOB, WAKE
from app.exchange.tasks.deliveries import Deliveries
from app.exchange.tasks.systems import open_system
from app.jobs.rules.jobs import Pace
from app.jobs.tasks.context import Context
from app.worker.jobs import JOBS
from app.worker.process import WorkerProcess, ended_by_signals
from tests.harness.databases import open_engine
from tests.harness.server import test_settings

PACE = Pace(look=0.2, beat=1, lease=5)


def hurry(seconds: float) -> None:
    """No call lasts longer than that."""
    limits = Limits(http.LIMITS.most_bytes, seconds)
    http.LIMITS = limits  # type: ignore[misc]  # constants of the product
    vars(ggus)["LIMITS"] = limits

    def opened(*given: Any) -> Any:
        system = open_system(*given)
        system.traits = replace(system.traits, settles=timedelta(seconds=2 * seconds))
        return system

    deliveries = Deliveries(opened)
    JOBS[LANE_JOB], JOBS[WAKE] = deliveries.deliver_lane, deliveries.wake


def work(url: str, seconds: float | None = None) -> None:
    """Work until a signal."""
    configure_logging()
    if seconds is not None:
        hurry(seconds)
    engine = open_engine(url)
    private = frozenset({"127.0.0.1"})
    worker = WorkerProcess(
        Context(engine, replace(test_settings(url), outbound_private_hosts=private)), PACE
    )
    with ended_by_signals(worker):
        worker.run()
    engine.dispose()


if __name__ == "__main__":
    work(sys.argv[1], *map(float, sys.argv[2:]))
