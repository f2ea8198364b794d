"""The background work on its page: for operators; what failed is told with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.jobs.models.work import TimedWork, Worker
from app.jobs.rules.followers import MATCHING, WEBHOOKS
from app.jobs.rules.work import TIDY
from app.jobs.services.followers import note_failure
from app.jobs.services.queue import failed_jobs, queued_jobs
from app.mail.services.queue import claim_mails, mark_failed
from tests.cast import NOON, Cast
from tests.harness.jobs import seed_background_work
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter
from tests.mails import enter_with_mails, opened, plan


def test_an_operator_sees_what_ran_waits_and_failed_and_tries_again(
    cast: Cast, session: Session, visit: Enter
) -> None:
    with transaction(session):
        number = seed_background_work(session, datetime.now(UTC))
    page = PageReader(visit(cast.operator).get("/work").text)
    assert "1 active worker: portal-1.example" in page.text
    assert "Closed 2 tickets: 17, 23" in page.text
    assert "132 ms" in page.text
    assert "OperationalError: the disk is full" in page.text
    assert "Connection refused by mail.example:25" in page.text
    assert "given up after 1 attempt" in page.text

    visitor = visit(cast.operator)
    visitor.get("/work")
    answer = visitor.send(f"/work/jobs/{number}/again", {})
    assert answer.status_code == 303
    assert failed_jobs(session)[0].given_up is False
    assert [row.name for row in queued_jobs(session) if row.retrying] == ["send-mails"]
    session.rollback()
    assert visitor.send(f"/work/timed/{TIDY.name}/run", {}).status_code == 303
    assert session.get_one(TimedWork, TIDY.name).due <= datetime.now(UTC)
    session.rollback()
    assert visitor.send("/work/jobs/999999/again", {}).status_code == 404
    assert visitor.send("/work/timed/nothing/run", {}).status_code == 404


def test_mails_that_wait_or_failed_are_told_too(session: Session, visit: Enter) -> None:
    """They have a queue of their own: "nothing waits" would be wrong where they do."""
    cast = enter_with_mails(session)
    assert "Emails Queue empty." in PageReader(visit(cast.operator).get("/work").text).text
    opened(session, cast.kit, carbon_copy="a@cc.example; b@cc.example")
    page = PageReader(visit(cast.operator).get("/work").text)
    assert "For 1 change, emails have not been created yet." in page.text
    first, _second = plan(session)
    with transaction(session):
        claim_mails(session, NOON, NOON)
        mark_failed(session, first.id, NOON, "550 no such user")
    page = PageReader(visit(cast.operator).get("/work").text)
    assert "1 waiting , created" in page.text
    assert "1 email failed" in page.text


def test_followers_that_fail_are_named_each_with_since_when_and_why(
    cast: Cast, session: Session, visit: Enter
) -> None:
    with transaction(session):
        seed_background_work(session, datetime.now(UTC))
    assert "failing since" not in visit(cast.operator).get("/work").text
    assert "Failing:" not in visit(cast.operator).get("/").text
    with transaction(session):
        note_failure(session, MATCHING, NOON, "ValueError: <no> such change")
        note_failure(session, WEBHOOKS, NOON + timedelta(minutes=7), "no such table")
    page = PageReader(visit(cast.operator).get("/work").text)
    assert (
        "Matching tickets and events: failing since 2013-03-06 12:00 UTC . ValueError: <no>"
        " such change" in page.text
    )
    assert "Webhooks: failing since 2013-03-06 12:07 UTC . no such table" in page.text
    for actor in (cast.operator, cast.admin):
        home = PageReader(visit(actor).get("/").text)
        assert "Failing: Matching tickets and events, Webhooks." in home.text
    assert "Failing:" not in visit(cast.reader).get("/").text


def test_others_do_not(cast: Cast, session: Session, visit: Enter) -> None:
    with transaction(session):
        number = seed_background_work(session, datetime.now(UTC))
    for actor in (cast.kit, cast.reader):
        assert visit(actor).get("/work").status_code == 403
        assert visit(actor).send(f"/work/jobs/{number}/again", {}).status_code == 403


def test_a_missing_worker_is_told_in_plain_words(
    cast: Cast, session: Session, visit: Enter
) -> None:
    page = PageReader(visit(cast.admin).get("/work").text)
    assert "No worker has run yet." in page.text
    now = datetime.now(UTC)
    with transaction(session):
        seen = now - timedelta(minutes=12, seconds=5)
        session.add(Worker(id="w", host="h", pid=1, begun_at=seen, seen_at=seen))
    page = PageReader(visit(cast.admin).get("/work").text)
    assert "No worker has been seen for 12 minutes" in page.text


def test_how_long_things_are_kept_is_told(cast: Cast, visit: Enter) -> None:
    page = PageReader(visit(cast.operator).get("/work").text)
    assert (
        "Retention: emails 365 days, partners' calls 365 days, refused requests 365 days"
        in page.text
    )
