"""Sentences that calm, at the doors where people read them, and that each text is decided.

Each test of a sentence shows it with what it rests on, and that it is gone without that.
"""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.core.services.backups import note_backup, note_not_verified, note_verified
from app.exchange.models.connections import Connection
from app.exchange.rules.partner import Check
from app.exchange.services.connections.connection_tests import (
    ask_test,
    begin_test,
    end_test,
    note_check,
)
from app.jobs.models.work import Worker
from app.jobs.services.queue import enqueue
from app.mail.models.mails import Mail
from app.mail.services.queue import claim_mails, mark_failed, mark_sent
from app.registry.models.registry import Site
from app.reports.models.reports import Report
from tests import cric_sample, never_fine
from tests.cast import NOON, SYSTEM, Cast
from tests.exchange.seeded import seed_connection, seed_pair
from tests.harness.jobs import seed_background_work
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open
from tests.mails import enter_with_mails, plan
from tests.mails import opened as opened_with_mails
from tests.matching.matching_world import LINK, report, ticket
from tests.registry.pages.test_imports import upload
from tests.reports.services.test_grid import seed

HOUR = timedelta(hours=1)


def read(visit: Enter, cast: Cast, path: str, who: str = "operator") -> str:
    """A page's text."""
    return visit(getattr(cast, who)).read(path).text


# ---------- the table itself


def test_each_text_with_a_calming_word_is_decided() -> None:
    """A new one is a row of ``ROWS`` with its test, or a line of ``never_fine_texts.toml``."""
    assert never_fine.undecided() == []


def test_nothing_is_decided_of_texts_that_are_gone() -> None:
    assert never_fine.gone() == []


def test_no_text_is_both_a_row_and_something_else() -> None:
    rows = {row.sentence for row in never_fine.ROWS}
    assert not rows.intersection(text for kind in never_fine.kinds() for text in kind.texts)
    assert len(rows) == len(never_fine.ROWS), "a sentence has one row"


@pytest.mark.parametrize("row", never_fine.ROWS, ids=lambda row: row.sentence[:40])
def test_each_row_has_its_test_and_says_what_it_rests_on(row: never_fine.Row) -> None:
    assert row.where
    assert row.rests_on
    assert row.never
    assert row.proofs
    for proof in row.proofs:
        path, _, name = proof.partition("::")
        tree = ast.parse((never_fine.PROJECT / path).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in names, f"{proof} is gone: which test shows this sentence now?"


def test_a_new_calming_sentence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {**never_fine.texts(), "All partners are fine.": ["templates/home/page.html:1"]}
    monkeypatch.setattr(never_fine, "texts", lambda: said)
    never_fine.calming.cache_clear()
    try:
        assert never_fine.undecided() == ["All partners are fine."]
    finally:
        never_fine.calming.cache_clear()


# ---------- exchange


def test_a_partner_answers_only_where_a_call_succeeded_lately(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        seed_connection(session, "NREN-A")
    now = datetime.now(UTC)
    for read_at, failures, word in (
        (None, 0, "never called"),
        (now, 0, "reachable"),
        (now - 2 * HOUR, 0, "not called recently"),
        (now, 1, "last call failed"),
    ):
        with transaction(session):
            row = session.scalars(select(Connection)).one()
            row.read_at, row.failures = read_at, failures
        for path in ("/exchange", "/exchange/1"):
            text = read(visit, cast, path)
            assert word in text
            assert ("reachable" in text) is (word == "reachable")


def test_no_failed_exchange_is_said_only_of_none(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    said = "None. The page of each ticket shows whether it is in step."
    number = opened()
    with transaction(session):
        pair = seed_pair(session, "NREN-A", number).known()
    assert said in read(visit, cast, "/exchange")
    with transaction(session):
        pair.waiting()
    assert said not in read(visit, cast, "/exchange")


# ---------- mails


def test_a_mail_is_accepted_only_by_a_server(session: Session, visit: Enter) -> None:
    cast = enter_with_mails(session)
    opened_with_mails(session, cast.kit, carbon_copy="a@cc.example")
    for mail in plan(session):
        with transaction(session):
            claim_mails(session, NOON, NOON)
            mark_sent(session, mail.id, NOON, "smtp.example:25")
    said = "accepted by the mail server"
    assert said in read(visit, cast, "/mails")
    page = read(visit, cast, f"/mails/{session.scalars(select(Mail.id)).first()}")
    assert "to smtp.example:25; whether it arrived is not known" in page
    for taker, words in (("", "not sent (saved to a file)"), (None, "sent")):
        with transaction(session):
            for mail in session.scalars(select(Mail)):
                mail.taker = taker
        text = read(visit, cast, "/mails")
        assert said not in text
        assert words in text


def test_none_failed_is_said_only_of_none(session: Session, visit: Enter) -> None:
    cast = enter_with_mails(session)
    visitor = visit(cast.operator)
    visitor.send("/mails/again", {})
    assert "No email has failed." in visitor.read("/mails").text
    opened_with_mails(session, cast.kit, carbon_copy="a@cc.example")
    mail = plan(session)[0]
    with transaction(session):
        claim_mails(session, NOON, NOON)
        mark_failed(session, mail.id, NOON, "550 no")
    session.rollback()
    visitor.send("/mails/again", {})
    text = visitor.read("/mails").text
    assert "No email has failed." not in text
    assert "1 email is queued again." in text


# ---------- home and background work


def test_nothing_waits_on_home_only_where_nothing_does(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    said = "Nothing needs your attention."
    assert said in read(visit, cast, "/")
    opened()
    assert said not in read(visit, cast, "/")


def test_no_planned_work_is_said_only_of_seven_days_without(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    said = "None today or in the next seven days."
    now = datetime.now(UTC)
    window = {"category": "maintenance", "links": (LINK,)}
    opened(**window, window_start=now + 8 * 24 * HOUR, window_end=now + 9 * 24 * HOUR)
    assert said in read(visit, cast, "/")
    opened(**window, window_start=now + 24 * HOUR, window_end=now + 26 * HOUR)
    assert said not in read(visit, cast, "/")


def test_a_worker_is_at_work_only_while_it_is_seen(
    session: Session, cast: Cast, visit: Enter
) -> None:
    now = datetime.now(UTC)
    with transaction(session):
        seed_background_work(session, now)
    assert "1 active worker:" in read(visit, cast, "/work")
    with transaction(session):
        for worker in session.scalars(select(Worker)):
            worker.seen_at = now - HOUR
    text = read(visit, cast, "/work")
    assert "at work" not in text
    assert "No worker has been seen for 60 minutes" in text


def test_no_failed_job_is_said_only_of_none(session: Session, cast: Cast, visit: Enter) -> None:
    said = "None. A failed job is retried up to ten times, at increasing intervals."
    assert said in read(visit, cast, "/work")
    with transaction(session):
        seed_background_work(session, datetime.now(UTC))
    assert said not in read(visit, cast, "/work")


def test_a_backup_is_known_only_where_one_was_made(
    session: Session, cast: Cast, visit: Enter
) -> None:
    assert "No backup recorded." in read(visit, cast, "/work")
    with transaction(session):
        note_backup(session, datetime.now(UTC) - 3 * HOUR)
    text = read(visit, cast, "/work")
    assert "No backup recorded." not in text
    assert "The portal does not check whether the file still exists." in text


def test_a_backup_is_verified_only_where_one_was_restored(
    session: Session, cast: Cast, visit: Enter
) -> None:
    said, never, old = "Last verified:", "never verified", "older than 3 days"
    failed = "Verification of the newest backup failed"
    now = datetime.now(UTC)

    def shown() -> list[str]:
        text = read(visit, cast, "/work")
        return [words for words in (said, never, old, failed) if words in text]

    with transaction(session):
        note_backup(session, now)
    assert shown() == [never], "a backup alone proves nothing"
    with transaction(session):
        note_not_verified(session, "b is damaged or incomplete", now)
    assert shown() == [never, failed]
    assert "b is damaged or incomplete" in read(visit, cast, "/work")
    with transaction(session):
        note_verified(session, now - 71 * HOUR, now)
    assert shown() == [said]
    with transaction(session):
        note_verified(session, now - 73 * HOUR, now)
    assert shown() == [said, old], "its content counts, not when it was verified"
    with transaction(session):
        note_not_verified(session, "b is damaged or incomplete", now)
    assert shown() == [said, old, failed]


def test_a_queue_is_empty_only_where_nothing_waits_or_is_unprocessed(
    session: Session, visit: Enter
) -> None:
    cast = enter_with_mails(session)
    said = "Emails Queue empty."
    assert said in read(visit, cast, "/work")
    assert "Queued jobs Queue empty." in read(visit, cast, "/work")
    opened_with_mails(session, cast.kit, carbon_copy="a@cc.example")
    assert said not in read(visit, cast, "/work"), "a change is not processed yet"
    plan(session)
    assert said not in read(visit, cast, "/work"), "a mail waits"
    with transaction(session):
        enqueue(session, "a job", {}, key="a job")
    assert "Queued jobs Queue empty." not in read(visit, cast, "/work")


# ---------- reports


def test_no_report_is_missing_only_where_all_that_are_due_are_submitted(
    session: Session, cast: Cast, visit: Enter
) -> None:
    quarter, at = Quarter(2013, 1), "/reports/quarters/2013-Q1"
    said = ("No report is missing.", "No report was due.")
    assert not any(one in read(visit, cast, at) for one in said)
    chair, day = visit(cast.operator), datetime.now(UTC) + timedelta(days=20)
    form = {"reason": "Reports", "quarter": "2013-Q1", "time_1": f"{day:%Y-%m-%d %H:%M} UTC"}
    agenda = str(chair.send("/reports/teleconferences/new", form).location)
    all_there = "All 2 reports of 2013-Q1 are submitted"
    seed(session, "DE-KIT", quarter, "submitted", quarter.end)
    assert said[0] not in read(visit, cast, at)
    assert all_there not in chair.read(agenda).text
    seed(session, "ES-PIC", quarter, "submitted", quarter.end)
    text = read(visit, cast, at)
    assert said[0] in text
    assert said[1] not in text
    assert all_there in chair.read(agenda).text
    with transaction(session):
        for site in session.scalars(select(Site).where(Site.tier == 1)):
            site.tier = site.tier_since = None
        session.execute(delete(Report))
    text = read(visit, cast, at)
    assert said[1] in text
    assert said[0] not in text
    text = chair.read(agenda).text
    assert "No report of 2013-Q1 is due: no site was a T1" in text
    assert "are submitted" not in text


def test_nothing_is_outstanding_only_where_all_reports_are_submitted(
    session: Session, cast: Cast, visit: Enter
) -> None:
    said = ("Nothing outstanding", "All reports of the last quarters are submitted.")
    text = read(visit, cast, "/reports/reminders")
    assert not any(one in text for one in said)
    last = Quarter.of(datetime.now(UTC)).previous
    for site in ("DE-KIT", "ES-PIC"):
        quarter = last
        for _ in range(8):
            seed(session, site, quarter, "accepted", quarter.end)
            quarter = quarter.previous
    text = read(visit, cast, "/reports/reminders")
    assert all(one in text for one in said)


# ---------- registry


def test_the_registry_agrees_only_with_what_was_read(cast: Cast, visit: Enter) -> None:
    said = "The registry agrees with CRIC as read"
    visitor = visit(cast.admin)
    at = "/admin/cric"
    assert said not in visitor.read(at).text
    visitor.upload(at, {"url": ""}, "cric.json", cric_sample.CONTENT)
    page = visitor.read(at)
    assert said not in page.text
    for path in [form.action for form in page.forms if form.action.endswith("/refuse")]:
        fields = page.form(path).data()
        fields.pop("csrf_token")
        visitor.send(path, fields)
    page = visitor.read(at)
    assert said in page.text
    assert "No proposals pending" in page.text
    visitor.upload(at, {"url": ""}, "cric.json", b"{}")
    page = visitor.read(at)
    assert said not in page.text
    assert "The newest data from CRIC was not used" in page.text


# ---------- events and what they owe


def test_every_event_has_a_ticket_only_of_sites_with_data(
    session: Session, cast: Cast, visit: Enter
) -> None:
    chair, at = visit(cast.operator), "/reports/teleconferences"
    day = datetime.now(UTC) + timedelta(days=20)
    form = {"reason": "Reports", "quarter": "2013-Q1", "time_1": f"{day:%Y-%m-%d %H:%M} UTC"}
    at = str(chair.send(f"{at}/new", form).location)
    said = "Every event of 2013-Q1 has a ticket"
    assert "No monitoring data for 2013-Q1" in chair.read(at).text
    report(session, cast, "2013-02-01 10:00", "2013-02-01 12:00")
    assert said not in chair.read(at).text
    begun, ended = "2013-02-01 10:00", "2013-02-01 12:00"
    ticket(session, cast, links=(LINK,), event_start=begun, event_end=ended)
    assert f"{said}; no monitoring data for ES-PIC" in chair.read(at).text
    report(session, cast, begun, "2013-02-01 10:05", link="CERN-PIC-LHCOPN-001")
    text = chair.read(at).text
    assert said in text
    assert "no monitoring data" not in text


def test_no_due_ticket_and_ticket_on_time_rest_on_the_tickets_that_there_are(
    session: Session, cast: Cast, visit: Enter
) -> None:
    due, operator = "/duty", visit(cast.operator)
    assert "Nothing is due" in operator.read(due).text
    number = report(session, cast, *_hours_ago(30, 20), now=datetime.now(UTC))
    page = operator.read(f"/events/{number}").text
    assert "ticket on time" not in page
    assert "No rule requires a ticket." not in page
    assert "Nothing is due" not in operator.read(due).text
    begun, ended = (datetime.now(UTC) - hours * HOUR for hours in (30, 20))
    times = {"event_start": f"{begun:%Y-%m-%d %H:%M}", "event_end": f"{ended:%Y-%m-%d %H:%M}"}
    ticket(session, cast, now=begun + HOUR, links=(LINK,), **times)
    assert "ticket on time" in operator.read(f"/events/{number}").text
    assert "Nothing is due" in operator.read(due).text


def test_no_rule_requires_a_ticket_is_said_of_what_no_rule_asks_for(
    session: Session, cast: Cast, visit: Enter
) -> None:
    number = report(session, cast, *_hours_ago(3, 2.9), now=datetime.now(UTC))
    longer = report(session, cast, *_hours_ago(30, 20), now=datetime.now(UTC))
    said = "No rule requires a ticket."
    assert said in read(visit, cast, f"/events/{number}")
    assert said not in read(visit, cast, f"/events/{longer}")


def test_nothing_is_recorded_is_said_only_of_days_without_records(
    session: Session, cast: Cast, visit: Enter
) -> None:
    said = ("Nothing recorded for these days", "No event, ticket or planned work")
    text = read(visit, cast, "/events/timeline")
    assert all(one in text for one in said)
    report(session, cast, *_hours_ago(30, 20), now=datetime.now(UTC))
    text = read(visit, cast, "/events/timeline")
    assert not any(one in text for one in said)


def _hours_ago(begun: float, ended: float) -> tuple[str, str]:
    now = datetime.now(UTC)
    return tuple(f"{now - hours * HOUR:%Y-%m-%d %H:%M}" for hours in (begun, ended))  # type: ignore[return-value]


def test_nothing_detected_is_said_only_where_reports_arrived_and_none_is_an_outage(
    session: Session, cast: Cast, visit: Enter
) -> None:
    said = "Nothing detected"
    assert said not in read(visit, cast, "/events")
    begun, ended = _hours_ago(3, 2)
    report(session, cast, begun, ended, link="CERN-NOWHERE-001", now=datetime.now(UTC))
    assert said in read(visit, cast, "/events")
    report(session, cast, begun, ended, now=datetime.now(UTC))
    assert said not in read(visit, cast, "/events")


def test_a_test_of_a_connection_passed_only_with_every_step(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        row = seed_connection(session, "NREN-A")
    at = f"/exchange/{row.id}/test"
    assert "passed" not in read(visit, cast, at, "admin")
    with transaction(session):
        ask_test(session, SYSTEM, row)
        begin_test(row, NOON)
        end_test(row, NOON)
    assert "passed" not in read(visit, cast, at, "admin"), "it tried nothing"
    steps = ("Reachable", "Reachable and logged in", "Its states are known")
    for problem in ("", "It responded with 403"):
        with transaction(session):
            ask_test(session, SYSTEM, row)
            begin_test(row, NOON)
        assert "passed" not in read(visit, cast, at, "admin"), "it runs"
        with transaction(session):
            for step in steps:
                note_check(row, Check(step, problem if step == steps[-1] else ""))
            end_test(row, NOON)
        page = visit(cast.admin).get(at).text
        assert ("passed" in page) is (not problem)
        (last,) = (item for item in page.split("<li>") if f"{steps[-1]}</span>" in item)
        assert ("state ok" in last) is (not problem)
        assert ("state trouble" in last and problem in last) is bool(problem)


def test_no_open_ticket_and_no_due_report_are_said_only_of_none(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    said = "No open tickets."
    assert said in read(visit, cast, "/sites/DE-KIT")
    opened(sites=("DE-KIT",))
    assert said not in read(visit, cast, "/sites/DE-KIT")
    assert "No reports due" in read(visit, cast, "/reports?from=2001-Q1&to=2001-Q2")
    assert "No reports due" not in read(visit, cast, "/reports?from=2013-Q1&to=2013-Q2")


def test_a_preview_says_that_nothing_changes_only_of_an_equal_file(
    cast: Cast, visit: Enter
) -> None:
    admin = visit(cast.admin)
    same = admin.get("/sites.csv").data
    said = ("Nothing would change", "Every line of the file matches the registry.")
    text = PageReader(upload(admin, same, "sites", "s.csv").text).text
    assert all(one in text for one in said)
    other = same.replace(b"DE-KIT,DE,", b"DE-KIT,FR,")
    assert other != same
    text = PageReader(upload(admin, other, "sites", "s.csv").text).text
    assert not any(one in text for one in said)
