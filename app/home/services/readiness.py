"""Whether the portal can do its work now: what ``/readyz`` answers to a load balancer or a
monitor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.events.services.hearing import last_report
from app.jobs.rules.followers import TITLES
from app.jobs.services.followers import failing_followers
from app.jobs.services.queue import queued_jobs
from app.jobs.services.workers import FRESH, worker_state
from app.mail.services.queue import oldest_waiting

GRACE: Final = timedelta(seconds=60)
"""After a start only the database counts: a worker has yet to begin, and to do what waited
(decisions of the product, section 11)."""
OLDEST_JOB: Final = timedelta(hours=1)
"""A job that was enqueued longer ago and is neither done nor given up, which takes about half an
hour at most (``app/jobs/rules/jobs.py``)."""
OLDEST_MAIL: Final = timedelta(hours=4)
"""A mail that waits longer was refused at least four times: attempts are at most an hour apart
(``MAX_WAIT`` of ``app/mail/services/queue.py``)."""


@dataclass(frozen=True)
class Readiness:
    """Ages in whole seconds, None = none exists; ``reasons`` in plain words, none = ready."""

    worker_seen: int | None
    oldest_job: int | None
    oldest_mail: int | None
    reasons: list[str]
    silent_sources: list[dict[str, object]]
    """Sources of events that call and are silent: a fact, and no reason."""
    degraded: list[str]
    """What does not work while the portal serves, in plain words, at any time."""
    failing_followers: dict[str, datetime]
    """Followers of the change log that fail, with since when."""


def readiness(session: Session, now: datetime, started: datetime) -> Readiness:
    """What keeps the portal from its work at ``now``, in a process that began at ``started``.

    The database's own errors come through.
    """
    state = worker_state(session, now)
    enqueued = [queued.oldest for queued in queued_jobs(session) if queued.oldest is not None]
    job = now - min(enqueued) if enqueued else None
    waiting = oldest_waiting(session)
    mail = now - waiting if waiting is not None else None
    failing = {one.name: one.since for one in failing_followers(session)}
    reasons = []
    if state.last_seen is None:
        reasons.append("no worker ever ran; `flask worker` is one")
    elif not state.living:
        reasons.append(
            f"no worker: the last one was seen {_age(now - state.last_seen)} ago, and one says that"
            f" it lives at least every {_age(FRESH)}"
        )
    if job is not None and job > OLDEST_JOB:
        reasons.append(f"a job has been waiting for {_age(job)}, more than {_age(OLDEST_JOB)}")
    if mail is not None and mail > OLDEST_MAIL:
        reasons.append(f"a mail has been waiting for {_age(mail)}, more than {_age(OLDEST_MAIL)}")
    if failing.keys() >= TITLES.keys():
        reasons.append("nothing follows the change log: every follower fails")
    return Readiness(
        worker_seen=_seconds(now - state.last_seen if state.last_seen is not None else None),
        oldest_job=_seconds(job),
        oldest_mail=_seconds(mail),
        reasons=[] if now - started < GRACE else reasons,
        silent_sources=[
            {
                "name": one.name,
                "heard_seconds": None if one.last is None else _seconds(now - one.last),
            }
            for one in last_report(session, now).silent
        ],
        degraded=[
            f"{TITLES.get(name, name)}: failing since {since:%Y-%m-%d %H:%M:%S} UTC"
            for name, since in failing.items()
        ],
        failing_followers=failing,
    )


def _seconds(age: timedelta | None) -> int | None:
    return None if age is None else max(0, int(age.total_seconds()))


def _age(age: timedelta) -> str:
    """``45 seconds``, ``3 minutes``, ``5 hours``, ``2 days``; rounded down."""
    for name, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if (many := int(age.total_seconds() // seconds)) >= 1:
            return f"{many} {name}" + ("s" if many > 1 else "")
    return f"{max(0, int(age.total_seconds()))} seconds"
