"""Whether the workers of a portal have done all their work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic, sleep

from sqlalchemy.orm import Session

from app.jobs.services.followers import failing_followers
from app.jobs.services.queue import failed_jobs, queued_jobs
from app.matching.services.recompute import pending
from tests.harness.databases import open_engine


def undone(url: str, seconds: float) -> Sequence[str]:
    """What the workers of a portal have not done after so many seconds, in words."""
    engine = open_engine(url)
    until = monotonic() + seconds
    try:
        while True:
            with Session(engine) as session:
                now = datetime.now(UTC)
                behind = len(pending(session, now).targets)
                left = [
                    *(
                        f"{job.waiting + job.running + job.retrying} jobs {job.name}"
                        for job in queued_jobs(session)
                    ),
                    *(f"{job.name} failed: {job.reason}" for job in failed_jobs(session)),
                    *(f"{one.name} fails" for one in failing_followers(session)),
                    *([f"figures of {behind} links and sites"] if behind else ()),
                ]
            if not left or monotonic() > until:
                return left
            sleep(1)
    finally:
        engine.dispose()
