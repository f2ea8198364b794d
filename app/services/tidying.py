"""What is deleted when nobody needs it any more. Never the change log, never a ticket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.models import Login, PendingLogin, ResetLink
from app.services.event_import_runs import forget_old_files
from app.services.job_queue import forget_failed_jobs

LOGINS_KEPT: Final = timedelta(days=30)
"""After a login's or a link's end."""
FAILED_JOBS_KEPT: Final = timedelta(days=90)
AT_ONCE: Final = 500
"""Rows of a kind deleted in one transaction, so that other writers never wait long."""


@dataclass(frozen=True)
class Tidied:
    """How many rows went."""

    logins: int
    jobs: int

    @property
    def is_all(self) -> bool:
        """Whether nothing was left for another transaction."""
        return self.logins < AT_ONCE


def tidy(session: Session, now: datetime) -> Tidied:
    """Delete logins and one-time links that ended long ago, jobs given up long ago, and files of
    events for which nobody came back."""
    session.execute(delete(PendingLogin).where(PendingLogin.expires_at < now - LOGINS_KEPT))
    session.execute(delete(ResetLink).where(ResetLink.expires_at < now - LOGINS_KEPT))
    ended = func.coalesce(Login.ended_at, Login.expires_at, type_=Login.expires_at.type)
    old = select(Login.id).where(ended < now - LOGINS_KEPT).limit(AT_ONCE)
    logins = session.scalars(delete(Login).where(Login.id.in_(old)).returning(Login.id)).all()
    jobs = forget_failed_jobs(session, now - FAILED_JOBS_KEPT)
    forget_old_files(session, now)
    return Tidied(len(logins), jobs)
