"""Reports as a site and the chair write them, for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import actor_of_user
from app.core.database.transactions import transaction
from app.core.rules.access import Door, Writer
from app.core.rules.quarters import Quarter
from app.registry.models.registry import Site
from app.registry.services.registry import require_site
from app.reports.models.reports import Report
from app.reports.services.numbers import numbers_of
from app.reports.services.reports import (
    accept_report,
    find_report,
    reopen_report,
    save_fields,
    submit_report,
)

ANSWERS = {
    "answer.backup_test": "Tested",
    "answer.backup_test_day": "2012-11-14",
    "answer.backup_test_result": "Traffic moved to the second link for two hours; no loss.",
    "answer.contacts_reviewed": "yes",
    "answer.routing_reviewed": "yes",
    "answer.issues": "The optics of the first link are old: sample text.",
    "answer.plans": "New optics in the next quarter: sample text.",
}


def seed_half(session: Session, name: str, quarter: str) -> None:
    """A draft in which some is answered; once."""
    site, at = require_site(session, name), Quarter.parse(quarter)
    if find_report(session, site.id, at) is None:
        half = [*ANSWERS.items()][3:6]
        _save(session, site, at, dict(half))


def seed_two_versions(session: Session, name: str, quarter: str) -> None:
    """Signed (if it is not), reopened, signed anew and accepted; once."""
    site, at = require_site(session, name), Quarter.parse(quarter)
    report = find_report(session, site.id, at)
    if report is not None and len(report.versions) > 1:
        return
    if report is None or not report.versions:
        numbers = numbers_of(session, site, at, datetime.now(UTC))
        known = "Known to the site, and forgotten"
        events = {f"event.{one.id}": known for one in numbers.undocumented}
        report = _signed(session, site, at, {**ANSWERS, **events})
    with transaction(session):
        reopen_report(session, _chair(session), report, "Which optics, and when will they come?")
    later = "The optics of the first link are old: they are ordered, and come in May: sample text."
    report = _signed(session, site, at, {"answer.issues": later})
    with transaction(session):
        accept_report(session, _chair(session), report)


def _chair(session: Session) -> Writer:
    user = session.scalars(select(User).where(User.name == "operator")).one()
    return Writer(actor=actor_of_user(user), door=Door.PORTAL, now=datetime.now(UTC))


def _save(session: Session, site: Site, quarter: Quarter, values: Mapping[str, str]) -> None:
    by = _chair(session)
    report = find_report(session, site.id, quarter)
    seen = {} if report is None else {one.name: one.version for one in report.fields}
    with transaction(session):
        fields = {name: (value, seen.get(name, 0)) for name, value in values.items()}
        save_fields(session, by, site, quarter, fields)


def _signed(session: Session, site: Site, quarter: Quarter, values: Mapping[str, str]) -> Report:
    _save(session, site, quarter, values)
    by = _chair(session)
    with transaction(session):
        report = find_report(session, site.id, quarter)
        assert report is not None
        numbers = numbers_of(session, site, quarter, by.now)
        submit_report(session, by, site, quarter, numbers, report.version)
    return report
