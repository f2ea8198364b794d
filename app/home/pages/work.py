"""The background work as operators see it: workers, timed work, jobs that wait or failed."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, current_app, render_template, url_for

from app.core.rules.access import require_operator
from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.core.services.backups import last_backup, last_verification
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.htmx import go_to
from app.core.web.person import acting
from app.core.web.times import now
from app.jobs.models.work import TimedWork
from app.jobs.rules.followers import TITLES
from app.jobs.rules.work import WORK_NAMED, Work
from app.jobs.services import timed_work
from app.jobs.services.followers import failing_followers
from app.jobs.services.queue import failed_jobs, queued_jobs, retry
from app.jobs.services.workers import worker_state, workers_of
from app.mail.services.mails import FAILED, WAITING, count_by_state, unplanned
from app.mail.services.queue import oldest_waiting

blueprint = Blueprint("work", __name__, url_prefix="/work")
FAILED_SHOWN = 50


@dataclass(frozen=True)
class Line:
    """One kind of timed work: what it is, and its state."""

    work: Work
    row: TimedWork

    @property
    def runs(self) -> bool:
        """Whether a worker does it now."""
        until = self.row.claimed_until
        return until is not None and until >= now()

    @property
    def is_late(self) -> bool:
        """Whether it should have started and did not."""
        return not self.runs and (now() - self.row.due).total_seconds() > 120

    @property
    def took(self) -> str:
        """How long the newest run took, in words."""
        return took_in_words(self.row.milliseconds or 0)


def took_in_words(milliseconds: int) -> str:
    """``12 ms``, ``1.5 s``, ``3 min``."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


@blueprint.before_request
def _operators_only() -> None:
    require_operator(acting(), _("see the background work"))


@blueprint.get("")
def page() -> str:
    """Job history, queue and failures."""
    session = db.session()
    verification = last_verification(session)
    return render_template(
        "home/work.html",
        state=worker_state(session, now()),
        workers=workers_of(session, now()),
        failing=failing_followers(session),
        follower_titles=TITLES,
        lines=[Line(WORK_NAMED[row.name], row) for row in timed_work.timed_work(session)],
        mails=count_by_state(session, (WAITING, FAILED)),
        oldest_mail=oldest_waiting(session),
        unplanned=unplanned(session),
        queued=queued_jobs(session),
        failed=failed_jobs(session, FAILED_SHOWN),
        failed_shown=FAILED_SHOWN,
        backup_at=last_backup(session),
        verification=verification,
        verified_is_old=verification.is_old(now()),
        settings=current_app.config["PORTAL"],
    )


@blueprint.post("/timed/<name>/run")
def run(name: str) -> Response:
    """Make one kind of timed work due now."""
    if name not in WORK_NAMED:
        raise NotFound
    session = db.session()
    with writing_once(session):
        timed_work.run_soon(session, name, now())
    return go_to(
        url_for("work.page"),
        _(
            "“%(title)s” is due now. A worker starts it within seconds.",
            title=WORK_NAMED[name].title,
        ),
    )


@blueprint.post("/jobs/<int(max=2147483647):number>/again")
def again(number: int) -> Response:
    """Let a job that failed be tried at once."""
    session = db.session()
    with writing_once(session):
        name = retry(session, number)
    return go_to(url_for("work.page"), _("Job %(name)s is queued again.", name=name))
