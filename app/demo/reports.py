"""The demo's quarterly reports: most of 2012, none of the quarter that the slides call missed, and
those of the newest quarters as they are now. All of what they say is a sample.

They are written through the verbs: by the site's reporter where the demo has one, else by the chair
in the site's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.rules.access import SYSTEM, Actor, Door, Writer
from app.core.rules.quarters import USUAL_DUE_DAYS, Quarter
from app.demo.stories import OPERATOR, REPORTER, REPORTERS_SITE
from app.mail.models.mails import Mail
from app.mail.services.mails import SENT
from app.registry.models.registry import Site
from app.reports.rules.form import ANSWER, EVENT, NUMBER, REASON
from app.reports.rules.numbers import ReportNumbers
from app.reports.rules.reminders import ReminderStep, step_at, steps_of
from app.reports.services.comments import comment_on_report
from app.reports.services.first_quarter import ask_reports_from
from app.reports.services.numbers import numbers_of_sites, t1s_of
from app.reports.services.reminder_exemptions import mute_reminders
from app.reports.services.reminders import send_reminder
from app.reports.services.reports import (
    accept_report,
    fields_of,
    find_report,
    reopen_report,
    save_fields,
    submit_report,
)

_MISSING: Final = {
    (Quarter(2012, 3), "US-FNAL-CMS"),
    (Quarter(2012, 4), "TW-ASGC"),
}
_LATE: Final = {(Quarter(2012, 2), "NL-T1"), (Quarter(2012, 4), "CA-TRIUMF")}
_SIGNED_TWICE: Final = (Quarter(2012, 4), REPORTERS_SITE)
_MIXED: Final[Mapping[str, str]] = {
    "ES-PIC": "accepted",
    "DE-KIT": "submitted",
    "IT-INFN-CNAF": "late",
    "UK-T1-RAL": "reopened",
    "FR-CCIN2P3": "draft",
}
"""The state of the reports of 2013-Q2; the other sites have none."""
_NEWEST: Final[Mapping[str, str]] = {
    "CA-TRIUMF": "accepted",
    "ES-PIC": "accepted",
    "FR-CCIN2P3": "accepted",
    "IT-INFN-CNAF": "submitted",
    "NDGF": "submitted",
    "NL-T1": "late",
    "UK-T1-RAL": "reopened",
    "US-T1-BNL": "draft",
    REPORTERS_SITE: "draft",
}
"""The same of the quarter that ended last, as far as the days since then allow."""
_QUIET_SITE: Final = "KR-KISTI-GSDC"
_FIRST_DAY: Final = 8
"""After the quarter's end; the sites follow each other day by day."""
_LATE_DAY: Final = 44
_ACCEPTED_DAY: Final = 21
"""After it was submitted, at the earliest; the chair looks at them after the due day."""
_EVENT_WORDS: Final = (
    "Sample: the provider worked on the span and notified us late; traffic went over the backup.",
    "Sample: seen by monitoring only, the link carried traffic all the time.",
    "Sample: power works at the far end; nobody opened a ticket.",
)
_ISSUES: Final = ("Sample: none.", "Sample: receive power of the first link is near its limit.")
_PLANS: Final = ("Sample: none.", "Sample: a second link over another path is being ordered.")
_TESTS: Final = ("Tested", "Not tested", "Tested", "The site has no backup path")

_Doing = tuple[datetime, Callable[[datetime], None]]


ASKED_FROM: Final = Quarter(2012, 4)
"""The demo asks for reports from then on (decisions, section 10); those of 2012 of before were
written all the same."""


def seed_reports(session: Session, actors: Mapping[str, Actor], now: datetime) -> int:
    """Write them as they are at ``now``; how many."""
    ask_reports_from(session, ASKED_FROM)
    last = Quarter.of(now).previous
    seeder = _Seeder(session, actors, now)
    for number in range(1, 5):
        seeder.quarter(Quarter(2012, number), {})
    seeder.quarter(Quarter(2013, 2), _MIXED)
    if last > Quarter(2013, 4):
        for quarter in (last.after(-3), last.after(-2), last.after(-1)):
            seeder.quarter(quarter, {})
        seeder.quarter(last, _NEWEST)
        seeder.remind(last)
    seeder.run()
    _send_what_is_old(session, now)
    return seeder.begun


@dataclass
class _Seeder:
    """What is done when; it is done in the order of time."""

    session: Session
    actors: Mapping[str, Actor]
    now: datetime

    def __post_init__(self) -> None:
        """Nothing is planned yet."""
        self._planned: list[_Doing] = []
        self.begun = 0

    def run(self) -> None:
        """Do all that has been by now."""
        for at, do in sorted(self._planned, key=lambda one: one[0]):
            do(at)

    def quarter(self, quarter: Quarter, standing: Mapping[str, str]) -> None:
        """The reports of a quarter; without ``standing`` nearly all were accepted."""
        if quarter.end > self.now:
            return
        sites = t1s_of(self.session, quarter)
        counted = numbers_of_sites(self.session, sites, quarter, min(quarter.end, self.now))
        for place, site in enumerate(sites):
            usual = "late" if (quarter, site.key) in _LATE else "accepted"
            if not standing and (quarter, site.key) in _MISSING:
                usual = ""
            how = standing.get(site.key, "") if standing else usual
            if how:
                self._report(site, quarter, counted[site.id], how, place)

    def remind(self, quarter: Quarter) -> None:
        """What the portal sent by itself of the newest quarter, and who is left in peace."""
        for step in steps_of(quarter, USUAL_DUE_DAYS):
            for site in t1s_of(self.session, quarter):
                if site.key == REPORTERS_SITE:
                    at = step_at(quarter, USUAL_DUE_DAYS, step) + timedelta(hours=7)
                    self._plan(at, self._reminding(site, quarter, step))

        def quiet(at: datetime) -> None:
            site = next(
                (one for one in t1s_of(self.session, quarter) if one.key == _QUIET_SITE), None
            )
            if site is not None:
                reason = "Sample: its reports wait for a new reporter, as agreed in the group."
                mute_reminders(self.session, self._chair(at), site=site, reason=reason)

        self._plan(quarter.end + timedelta(days=2, hours=10), quiet)

    def _report(
        self, site: Site, quarter: Quarter, numbers: ReportNumbers, how: str, place: int
    ) -> None:
        signed = quarter.end + timedelta(
            days=_LATE_DAY if how == "late" else _FIRST_DAY + place, hours=9 + place % 7
        )
        begun = signed - timedelta(days=2)
        if how == "draft":
            self._plan(begun, self._writing(site, quarter, _half(numbers, place)))
            return
        fields = _answers(numbers, quarter, place)
        self._plan(begun, self._writing(site, quarter, fields))
        self._plan(signed, self._signing(site, quarter, numbers))
        if how == "reopened" or (quarter, site.key) == _SIGNED_TWICE:
            self._plan(signed + timedelta(days=3), self._asking(site, quarter))
            again = signed + timedelta(days=4)
            self._plan(again, self._reopening(site, quarter))
            if how != "reopened":
                better = {f"{ANSWER}remarks": "Sample: the dates of the backup test are right now."}
                self._plan(again + timedelta(days=1), self._writing(site, quarter, better))
                self._plan(again + timedelta(days=2), self._signing(site, quarter, numbers))
        if how == "accepted" or (how == "late" and quarter.year == 2012):
            self._plan(signed + timedelta(days=_ACCEPTED_DAY), self._accepting(site, quarter))

    def _plan(self, at: datetime, do: Callable[[datetime], None]) -> None:
        if at <= self.now:
            self._planned.append((at, do))

    def _writing(
        self, site: Site, quarter: Quarter, fields: Mapping[str, str]
    ) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            found = find_report(self.session, site.id, quarter)
            seen = {} if found is None else {one.name: one.version for one in found.fields}
            self.begun += found is None
            sent = {name: (value, seen.get(name, 0)) for name, value in fields.items()}
            done = save_fields(self.session, self._site(site, at), site, quarter, sent)
            assert not done.conflicts, done.conflicts
            assert not done.problems, done.problems

        return happen

    def _signing(
        self, site: Site, quarter: Quarter, numbers: ReportNumbers
    ) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            found = find_report(self.session, site.id, quarter)
            if found is None or not fields_of(found):
                return
            by = self._site(site, at)
            counted = replace(numbers, counted_at=at)
            submit_report(self.session, by, site, quarter, counted, found.version)

        return happen

    def _asking(self, site: Site, quarter: Quarter) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            if (found := find_report(self.session, site.id, quarter)) is not None:
                text = "Sample: the date of the backup test is outside the quarter. Please check."
                comment_on_report(self.session, self._chair(at), found, text)

        return happen

    def _reopening(self, site: Site, quarter: Quarter) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            if (found := find_report(self.session, site.id, quarter)) is not None:
                reason = "Sample: please correct the date of the backup test."
                reopen_report(self.session, self._chair(at), found, reason)

        return happen

    def _accepting(self, site: Site, quarter: Quarter) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            if (found := find_report(self.session, site.id, quarter)) is not None:
                accept_report(self.session, self._chair(at), found)

        return happen

    def _reminding(
        self, site: Site, quarter: Quarter, step: ReminderStep
    ) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            by = Writer(actor=SYSTEM, door=Door.SYSTEM, now=at)
            send_reminder(self.session, by, site.id, quarter, step, USUAL_DUE_DAYS)

        return happen

    def _site(self, site: Site, at: datetime) -> Writer:
        if site.key == REPORTERS_SITE:
            return Writer(actor=self.actors[REPORTER], door=Door.PORTAL, now=at)
        author = f"reporter of {site.key} (sample)"
        return Writer(actor=self.actors[OPERATOR], door=Door.PORTAL, now=at, author=author)

    def _chair(self, at: datetime) -> Writer:
        return Writer(actor=self.actors[OPERATOR], door=Door.PORTAL, now=at)


def _answers(numbers: ReportNumbers, quarter: Quarter, place: int) -> dict[str, str]:
    """What a site says: every event has a word, and one site in five counts otherwise."""
    test = _TESTS[place % len(_TESTS)]
    fields = {
        f"{ANSWER}backup_test": test,
        f"{ANSWER}contacts_reviewed": "yes",
        f"{ANSWER}routing_reviewed": "no" if place % 4 == 3 else "yes",
        f"{ANSWER}issues": _ISSUES[place % 2],
        f"{ANSWER}plans": _PLANS[(place + quarter.number) % 2],
        **{
            f"{EVENT}{one.id}": _EVENT_WORDS[at % len(_EVENT_WORDS)]
            for at, one in enumerate(numbers.undocumented, place)
        },
    }
    if test == "Tested":
        day = quarter.begin + timedelta(days=20 + 2 * place)
        fields |= {
            f"{ANSWER}backup_test_day": f"{day:%Y-%m-%d}",
            f"{ANSWER}backup_test_result": "Sample: traffic moved within seconds, nothing lost.",
        }
    incidents = next((one for one in numbers.figures if one.key == "incidents"), None)
    if place % 5 == 2 and incidents is not None and incidents.value is not None:
        fields |= {
            f"{NUMBER}incidents": f"{incidents.value + 1:.0f}",
            f"{REASON}incidents": "Sample: one more was handled by telephone, without a ticket.",
        }
    return fields


def _half(numbers: ReportNumbers, place: int) -> dict[str, str]:
    """What is written so far of a draft."""
    first: Iterable[tuple[str, str]] = (
        (f"{EVENT}{one.id}", _EVENT_WORDS[place % len(_EVENT_WORDS)])
        for one in numbers.undocumented[: max(1, len(numbers.undocumented) // 2)]
    )
    return {
        **dict(first),
        f"{ANSWER}contacts_reviewed": "yes",
        f"{ANSWER}issues": _ISSUES[1],
    }


def _send_what_is_old(session: Session, now: datetime) -> None:
    """The mails of all this were taken at their time: none goes out now."""
    session.execute(
        update(Mail)
        .where(Mail.message_id.is_not(None), Mail.created_at < now)
        .values(state=SENT, due_at=None, sent_at=Mail.created_at, attempts=1)
    )
