"""Every sentence that calms, and why it may be said (decisions: "Calm needs evidence").

``ROWS`` is the table: the sentence as the catalogue has it, where people read it, what it rests on,
the case in which it must not appear, and the tests at that door that show both.
``never_fine_texts.toml`` names every other text with a word that could calm, by the reason why it
does not. A text of the product with such a word that stands in neither fails
``test_never_fine.py``: somebody decides.

    .venv/bin/python -m tests.never_fine    # how many there are, and what is undecided
"""

from __future__ import annotations

import ast
import re
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir

PROJECT: Final = Path(__file__).resolve().parent.parent
TEXTS: Final = Path(__file__).with_name("never_fine_texts.toml")
CALMING: Final = re.compile(
    r"\b(quiet|ok|okay|works?|working|nothing|nobody|none|neither|fine|healthy|in step|sent"
    r"|delivered|received|accepted|notified|reminded|documented|fulfilled|on time|up to date"
    r"|completed?|done|verified|confirmed|succeeded|success(?:ful)?(?:ly)?|reachable|answers"
    r"|alive|running|not (?:needed|required|due)|ready|agrees?|connected|finished|recovered"
    r"|resolved|identical|unchanged|lost|safe|every (?:event|report|ticket|exchanged)"
    r"|all (?:of|reports)"
    r"|saved|stored|no (?:conflicts?|events?|tickets?|outages?|reports?|problems?|failures?"
    r"|errors?|differences?|changes?|windows?|reminders?|link is|open|ongoing|mark|rule"
    r"|proposals|worker|site)|queue empty|passed|every line|(?:is|was) heard|compared|are known"
    r"|(?:is|are) submitted|updates by email|met)\b",
    re.IGNORECASE,
)
"""Words with which a text could say that all is well."""
STRONG: Final = re.compile(
    r"\b(quiet|fine|healthy|in step|delivered|notified|documented|fulfilled|reachable|works|agrees"
    r"|up to date|running|no conflict|accepted by|safe|nothing (?:needs|outstanding|differs|planned"
    r"|is due|is waiting)|every (?:event|report|ticket|exchanged|line)|queue empty|passed|are known"
    r"|no (?:link is|report is|open|rule))\b",
    re.IGNORECASE,
)
"""Words that nearly always calm: no pattern decides on a text with one of them."""
_SAYS: Final = frozenset({"echo", "print", "print_table"})


@dataclass(frozen=True)
class Row:
    """A sentence that calms. ``proofs``: path and name of the tests in which it appears with what
    it rests on, and does not without it."""

    sentence: str
    where: str
    rests_on: str
    never: str
    proofs: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """Texts with such a word that do not calm, and why; by pattern or one by one."""

    name: str
    reason: str
    patterns: Sequence[re.Pattern[str]]
    texts: frozenset[str]
    places: Sequence[re.Pattern[str]]
    """Files whose texts are all of this kind."""

    def has(self, text: str, places: Sequence[str]) -> bool:
        """Whether a text is of this kind."""
        return (
            text in self.texts
            or (not STRONG.search(text) and any(one.search(text) for one in self.patterns))
            or (
                bool(self.places)
                and all(any(one.search(place) for one in self.places) for place in places)
            )
        )


@cache
def texts() -> Mapping[str, Sequence[str]]:
    """Every text of the product with its places: what `make texts` gathers from pages, Python,
    scripts and mails, and what commands print."""
    found: dict[str, list[str]] = {}
    mappings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    options = {
        one["pattern"]: {k: v for k, v in one.items() if k not in ("pattern", "method")}
        for one in mappings
    }
    keywords = {**DEFAULT_KEYWORDS, "counted": (1, 2)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # an f-string that it skips, rightly
        for folder in ("app", "templates", "static"):
            for file, line, message, _comments, _context in extract_from_dir(
                str(PROJECT / folder), methods, options, keywords=keywords
            ):
                for text in message if isinstance(message, tuple) else (message,):
                    found.setdefault(text, []).append(f"{folder}/{file}:{line}")
    for text, place in _printed():
        found.setdefault(text, []).append(place)
    return found


def _printed() -> Iterator[tuple[str, str]]:
    """What commands print; values in it are ``{}``."""
    for path in sorted((PROJECT / "app" / "commands").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in _SAYS:
                place = f"{path.relative_to(PROJECT)}:{node.lineno}"
                for argument in node.args:
                    yield from ((text, place) for text in _constants(argument))


def _constants(node: ast.expr) -> Iterator[str]:
    inner: set[int] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.JoinedStr):
            inner.update(id(part) for part in one.values)
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in one.values
            )
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in inner:
            yield one.value


@cache
def calming() -> Mapping[str, Sequence[str]]:
    """The texts with a word that could calm."""
    return {text: places for text, places in texts().items() if CALMING.search(text)}


@cache
def kinds() -> Sequence[Kind]:
    """What does not calm, by its reason."""
    told = tomllib.loads(TEXTS.read_text())["kind"]
    return [
        Kind(
            one["name"],
            one["reason"],
            [re.compile(pattern, re.IGNORECASE) for pattern in one.get("patterns", ())],
            frozenset(one.get("texts", ())),
            [re.compile(place) for place in one.get("places", ())],
        )
        for one in told
    ]


def kind_of(text: str) -> str:
    """Where a text is decided: "row", the name of its kind, or "" = nowhere."""
    if any(row.sentence == text for row in ROWS):
        return "row"
    named = [one.name for one in kinds() if text in one.texts]
    named += [one.name for one in kinds() if one.has(text, texts().get(text, ()))]
    return named[0] if named else ""


def undecided() -> Sequence[str]:
    """Texts with a calming word that stand neither in the table nor among the others."""
    return sorted(text for text in calming() if not kind_of(text))


def gone() -> Sequence[str]:
    """What is decided of texts that the product does not have any more."""
    named = {row.sentence for row in ROWS}.union(*(one.texts for one in kinds()))
    return sorted(named - set(texts()))


def main() -> None:
    """Print how many sentences there are, by kind."""
    counts = Counter(kind_of(text) or "undecided" for text in calming())
    print(f"{len(texts()):,} texts, {len(calming()):,} with a word that could calm:")
    print(f"{len(ROWS):5} rows for {len({row.sentence for row in ROWS})} sentences that calm")
    for name, number in sorted(counts.items(), key=lambda one: -one[1]):
        if name != "row":
            print(f"{number:5} {name}")
    for title, listed in (("undecided", undecided()), ("gone", gone())):
        for text in listed:
            print(f"{title}: {text!r} {' '.join(texts().get(text, ()))}")


ROWS: Final[Sequence[Row]] = (
    Row(
        "Notified:",
        "ticket: notifications",
        "a mail server accepted a mail of the newest change; how many, and how many failed or wait,"
        " stands behind it",
        "no mail of it was accepted; mails are files, or no server is set; the mails of the newest"
        " change are not created yet",
        (
            "tests/mail/pages/test_recipients.py::test_a_ticket_says_what_the_mail_server_said",
            "tests/mail/pages/test_recipients.py::test_nobody_is_notified_where_no_mail_server_is_set",
        ),
    ),
    Row(
        "in step",
        "ticket, exchange panel; `flask exchange list`; REST, pairs of a ticket",
        "every change is planned, nothing waits, their ticket was read after the "
        "newest entry that was sent, their changes were asked for within ten "
        "minutes, each mapped value that was read means ours, and each text and "
        "file that crossed is in it as it is here",
        "a value, a text or a file differs or was not read; something waits; the "
        "connection is paused, stopped or silent; their ticket could not be read; "
        "a text was left out",
        (
            "tests/exchange/pages/test_ticket_panel.py::test_both_numbers_stand_beside_each_other",
            "tests/exchange/pages/test_ticket_panel.py::test_what_differs_is_named_and_what_is_not_known_is_not_in_step",
            "tests/exchange/services/test_standing.py::test_a_silent_paused_or_stopped_connection_is_never_in_step",
            "tests/exchange/services/test_standing.py::test_a_state_that_differs_is_named_with_both_values",
            "tests/exchange/services/test_standing.py::test_a_ticket_that_cannot_be_read_is_not_in_step",
            "tests/exchange/tasks/test_faults.py::test_in_step_are_two_tickets_with_the_same_texts_and_files",
        ),
    ),
    *(
        Row(
            sentence,
            "exchange: comparison, and page of a connection",
            "a comparison that finished within 36 hours, its time beside it, compared at least one"
            " ticket, found each in step, and no other ticket there with our reference",
            "none finished, the newest failed or has not ended, it compared none, or it found a"
            " difference, a ticket of which it is not known, one without a pair, or one that could"
            " not be read",
            (
                "tests/exchange/pages/test_connections.py::test_what_a_comparison_found_is_said_with_its_time",
                "tests/exchange/tasks/test_comparisons.py::test_nothing_differs_is_said_where_all_was_compared",
            ),
        )
        for sentence in ("nothing differed", "in step when read")
    ),
    Row(
        "reachable",
        "exchange: list and page of a connection",
        "a call of it succeeded within ten minutes, and none failed since",
        "it was never called, not for a while, or the last call failed",
        ("tests/test_never_fine.py::test_a_partner_answers_only_where_a_call_succeeded_lately",),
    ),
    Row(
        "None. The page of each ticket shows whether it is in step.",
        "exchange: failed exchanges",
        "no pair is stopped and no value is asked",
        "a pair failed",
        ("tests/test_never_fine.py::test_no_failed_exchange_is_said_only_of_none",),
    ),
    Row(
        "sent",
        "state of an entry of the exchange; of a mail that was sent before its taker was recorded",
        "a call carried the entry",
        "its values gave way to the partner's, or the partner has no place for them",
        (
            "tests/exchange/services/test_standing.py::test_a_value_that_gave_way_is_not_sent",
            "tests/test_never_fine.py::test_a_mail_is_accepted_only_by_a_server",
        ),
    ),
    Row(
        "accepted by the mail server",
        "mails: list and page of a mail",
        "the server that accepted it is recorded with it",
        "no server is set and it is a file, or it is not recorded who took it",
        ("tests/test_never_fine.py::test_a_mail_is_accepted_only_by_a_server",),
    ),
    Row(
        "No email has failed.",
        "mails: retry all",
        "no mail is refused when the button is pressed",
        "a refused mail was queued again",
        ("tests/test_never_fine.py::test_none_failed_is_said_only_of_none",),
    ),
    Row(
        "You get this ticket's updates by email.",
        "ticket: notifications",
        "the person watches it, has an address and chose each mail",
        "no address, notifications off, or a digest",
        (
            "tests/mail/pages/test_mails.py::test_who_watches_and_gets_no_mails_is_told_so",
            "tests/mail/pages/test_mails.py::test_a_person_chooses_and_watches",
        ),
    ),
    Row(
        "None at that time in the lists that were imported.",
        "an event, a ticket, a report",
        "an imported list of a site's downtimes that was searched, named below with its time",
        "for a site without a list",
        (
            "tests/evidence/pages/test_downtimes.py::test_an_event_shows_what_overlaps_it_and_which_list_says_so",
            "tests/evidence/pages/test_downtimes.py::test_a_site_without_a_list_shows_nothing",
            "tests/evidence/pages/test_downtimes.py::test_sites_and_times_that_no_list_covers_are_named",
        ),
    ),
    Row(
        "delivered",
        "webhooks: messages of a receiver",
        "the receiver answered the message with success",
        "no answer, a failure, or not sent yet",
        ("tests/webhooks/pages/test_webhooks.py::test_messages_are_listed_with_what_came_back",),
    ),
    Row(
        "Last delivered",
        "webhooks: list",
        "a message was delivered then; never is said so",
        "nothing was delivered yet",
        ("tests/webhooks/pages/test_webhooks.py::test_messages_are_listed_with_what_came_back",),
    ),
    Row(
        "Nothing needs your attention.",
        "home",
        "every part of home was read in this request and is empty",
        "any part has a row, for instance a new ticket",
        (
            "tests/home/pages/test_home.py::test_what_is_empty_takes_no_room",
            "tests/test_never_fine.py::test_nothing_waits_on_home_only_where_nothing_does",
        ),
    ),
    Row(
        "None today or in the next seven days.",
        "home: planned work",
        "no window of a ticket touches the next seven days",
        "a window begins within seven days",
        ("tests/test_never_fine.py::test_no_planned_work_is_said_only_of_seven_days_without",),
    ),
    Row(
        "<b>No link is reported down or degraded.</b> The only link in use is monitored.",
        "home: network now",
        "the one link in use has a source that was heard within its expected "
        "interval, and no ongoing event or open outage",
        "its source is silent or none ever reported it; it is down or degraded",
        (
            "tests/home/pages/test_network.py::test_only_the_present_is_shown",
            "tests/home/pages/test_network.py::test_quiet_only_where_every_link_is_monitored",
        ),
    ),
    Row(
        "<b>No link is reported down or degraded.</b> All %(count)s links in use are monitored.",
        "home: network now",
        "every link in use has a source that was heard within its expected "
        "interval, and none has an ongoing event or an open outage",
        "a source is silent, a link was never reported, or one is down or degraded",
        ("tests/home/pages/test_network.py::test_quiet_only_where_every_link_is_monitored",),
    ),
    Row(
        "No link is reported down or degraded;",
        "home: network now",
        "no ongoing event and no open outage; how many links are not monitored stands behind it",
        "a link is down or degraded; it never stands without the number",
        ("tests/home/pages/test_network.py::test_quiet_only_where_every_link_is_monitored",),
    ),
    Row(
        "Last verified: the backup created %(created)s was restored and compared %(verified)s.",
        "background work",
        "`flask verify-backup` restored that backup and compared rows and sums of each table; both"
        " times are shown",
        "none was ever verified; after a failure the reason is above it; a backup older than three"
        " days is marked as old",
        ("tests/test_never_fine.py::test_a_backup_is_verified_only_where_one_was_restored",),
    ),
    Row(
        "%(count)s active worker:",
        "background work",
        "a worker was seen within a minute",
        "no worker, or none seen for a while",
        ("tests/test_never_fine.py::test_a_worker_is_at_work_only_while_it_is_seen",),
    ),
    Row(
        "%(count)s active workers:",
        "background work",
        "workers were seen within a minute",
        "no worker, or none seen for a while",
        ("tests/test_never_fine.py::test_a_worker_is_at_work_only_while_it_is_seen",),
    ),
    Row(
        "None. A failed job is retried up to ten times, at increasing intervals.",
        "background work: failed jobs",
        "no job failed",
        "a job failed",
        ("tests/test_never_fine.py::test_no_failed_job_is_said_only_of_none",),
    ),
    Row(
        "No proposals pending",
        "CRIC's proposals",
        "no proposal is open",
        "CRIC was never read, or a proposal is open",
        ("tests/test_never_fine.py::test_the_registry_agrees_only_with_what_was_read",),
    ),
    Row(
        "The registry agrees with CRIC as read %(at)s, or all differences were decided.",
        "CRIC's proposals",
        "CRIC was read at the time that is named, its newest answer was used, and"
        " no proposal is open",
        "never read; a proposal is open; the newest answer was not used",
        ("tests/test_never_fine.py::test_the_registry_agrees_only_with_what_was_read",),
    ),
    Row(
        "Nothing would change",
        "registry: preview of an import",
        "each line of the file equals the record",
        "a line differs or is new",
        (
            "tests/test_never_fine.py::test_a_preview_says_that_nothing_changes_only_of_an_equal_file",
            "tests/registry/pages/test_imports.py::test_a_file_of_links",
        ),
    ),
    Row(
        "This file contains nothing new",
        "import of events",
        "each event of the file is known with the same content",
        "an event is new or differs",
        (
            "tests/events/services/test_file_import.py::test_a_file_is_gone_through_written_and_known_again",
        ),
    ),
    Row(
        "All events in the file are already stored, without differences.",
        "import of events: preview",
        "each event of the file is known with the same content",
        "an event is new or differs",
        (
            "tests/events/services/test_file_import.py::test_a_file_is_gone_through_written_and_known_again",
        ),
    ),
    Row(
        "Every event of %(quarter)s has a ticket",
        "agenda of a meeting",
        "each detected event of the quarter is documented; sites without "
        "monitoring data are named behind it",
        "an event has no ticket, or no site has data",
        ("tests/test_never_fine.py::test_every_event_has_a_ticket_only_of_sites_with_data",),
    ),
    Row(
        "No events were reported for %(quarter)s",
        "agenda of a meeting",
        "the sites' links are monitored, and no event of an hour was reported",
        "no monitoring data",
        ("tests/test_never_fine.py::test_every_event_has_a_ticket_only_of_sites_with_data",),
    ),
    Row(
        "Every event of at least one hour has its ticket",
        "report: form",
        "the site has monitoring data and no undocumented event",
        "no data, or an event without a ticket",
        ("tests/reports/pages/test_form.py::test_a_ticket_is_linked_to_an_event_from_here",),
    ),
    Row(
        "Every event of at least one hour is documented.",
        "report: page, PDF, workbook",
        "the site has monitoring data and no undocumented event",
        "no data, or an event without a ticket",
        ("tests/reports/documents/test_pdf.py::test_no_data_is_not_said_to_be_documented",),
    ),
    Row(
        "Nothing is due",
        "obligations",
        "no event that requires a ticket lacks one",
        "an event lacks its ticket",
        (
            "tests/test_never_fine.py::test_no_due_ticket_and_ticket_on_time_rest_on_the_tickets_that_there_are",
        ),
    ),
    Row(
        "ticket on time",
        "event: ticket obligation",
        "a ticket documents the event and was created by the deadline",
        "no ticket documents it",
        (
            "tests/test_never_fine.py::test_no_due_ticket_and_ticket_on_time_rest_on_the_tickets_that_there_are",
        ),
    ),
    Row(
        "on time",
        "obligations: status of the ticket",
        "a ticket documents the event and was created by the deadline",
        "only a ticket of the site exists, or none",
        (
            "tests/duties/pages/test_duties.py::test_the_obligations_of_what_is_ongoing_name_the_ticket_of_the_site",
        ),
    ),
    Row(
        "No rule requires a ticket.",
        "event: ticket obligation",
        "the event is detected and meets no clause of a rule in force",
        "it meets one",
        (
            "tests/test_never_fine.py::test_no_rule_requires_a_ticket_is_said_of_what_no_rule_asks_for",
        ),
    ),
    Row(
        "Nothing recorded for these days",
        "events: timeline",
        "no event, ticket or window touches these days; it does not say that links were monitored",
        "anything touches them",
        (
            "tests/test_never_fine.py::test_nothing_is_recorded_is_said_only_of_days_without_records",
        ),
    ),
    Row(
        "No event, ticket or planned work",
        "events: timeline",
        "the same",
        "the same",
        (
            "tests/test_never_fine.py::test_nothing_is_recorded_is_said_only_of_days_without_records",
        ),
    ),
    Row(
        "Not down",
        "link and site: past",
        "each link was monitored all the time, and no event says down",
        "a link was not monitored all the time",
        (
            "tests/registry/pages/test_dashboards.py::test_was_it_down_in_a_month",
            "tests/registry/pages/test_dashboards.py::test_a_link_that_nobody_watched_all_the_time_is_not_said_to_have_been_up",
        ),
    ),
    Row(
        "No conflict with planned work.",
        "ticket form: window",
        "both times are read as they are stored, the links are known, and no "
        "other window is in conflict",
        "a time or link is not read, or a window is in conflict or has no known end",
        (
            "tests/calendar/pages/test_conflicts.py::test_work_of_which_no_end_is_known_is_named_and_not_called_free",
            "tests/calendar/pages/test_conflicts.py::test_the_form_tells_that_there_is_none_or_nothing_while_it_is_not_filled_in",
            "tests/calendar/pages/test_conflicts.py::test_a_weekday_of_a_window_is_the_same_for_the_check_and_for_what_is_stored",
        ),
    ),
    Row(
        "Nothing planned",
        "calendar: agenda",
        "no window touches the fourteen days",
        "a window does",
        (
            "tests/calendar/pages/test_calendar.py::test_the_agenda_tells_fourteen_days_and_marks_conflicts",
        ),
    ),
    Row(
        "ok",
        "state of a link, everywhere",
        "a source that watches it was heard within its expected interval, and "
        "nothing says otherwise",
        "every source is silent or none ever reported it; an event is ongoing, an outage is open",
        (
            "tests/topology/services/test_link_states.py::test_only_a_link_that_was_ever_reported_is_ok",
            "tests/topology/rules/test_link_states.py::test_a_link_watched_by_silent_sources_alone_is_unmonitored",
            "tests/topology/pages/test_link_states.py::test_every_door_says_the_same_word",
        ),
    ),
    Row(
        "works",
        "backup of a link: home, link",
        "it carries traffic: ok, or planned and not within the hour, and monitored",
        "it is down or unmonitored, or work on it starts within the hour",
        (
            "tests/home/pages/test_network.py::test_all_that_is_down_is_shown_by_site_the_worst_first",
            "tests/registry/pages/test_dashboards.py::test_a_link_now_and_whether_its_backup_works",
        ),
    ),
    Row(
        "%(documented)s of %(detected)s events with a ticket",
        "statistics, slides",
        "events were detected in the quarter, counted with its tickets",
        "no data: a quarter without monitoring has no share",
        (
            "tests/statistics/pages/test_slides.py::test_the_slide_of_events_has_the_finding_and_the_numbers_of_the_file",
        ),
    ),
    Row(
        "No stored email needs review. Emails that nobody reviews are deleted after %(days)s days.",
        "incoming mails",
        "no stored mail needs review; what was refused or deleted unreviewed is named above it",
        "one needs review",
        (
            "tests/exchange/pages/test_incoming_mails.py::test_what_was_refused_or_deleted_unreviewed_is_said",
        ),
    ),
    Row(
        "Nothing to review",
        "incoming mails; notices",
        "no mail or notice waits for review",
        "one waits",
        (
            "tests/exchange/pages/test_incoming_mails.py::test_a_mail_is_shown_whole_and_added",
            "tests/notices/pages/test_notices.py::test_dismissed_with_a_reason_and_taken_back",
        ),
    ),
    Row(
        "not required",
        "reports: grid",
        "the site was not T1 in the quarter, or it is before the first quarter that is asked for",
        "a T1 without a report",
        ("tests/reports/services/test_grid.py::test_who_is_asked_and_how_each_report_stands",),
    ),
    Row(
        "No reports due",
        "reports: grid",
        "no site was T1 in the quarters",
        "a T1 owes one",
        ("tests/test_never_fine.py::test_no_open_ticket_and_no_due_report_are_said_only_of_none",),
    ),
    Row(
        "Queue empty.",
        "background work: mails, jobs",
        "no mail waits or is being sent, and every change of the log is "
        "processed; no job is queued",
        "a mail waits, a change is not processed, or a job is queued",
        (
            "tests/test_never_fine.py::test_a_queue_is_empty_only_where_nothing_waits_or_is_unprocessed",
        ),
    ),
    Row(
        "No report is missing.",
        "reports of a quarter: page, PDF, slides",
        "the quarter has ended, and each report that is due is submitted",
        "a report is missing, or the quarter is ongoing",
        (
            "tests/test_never_fine.py::test_no_report_is_missing_only_where_all_that_are_due_are_submitted",
        ),
    ),
    Row(
        "No report was due.",
        "reports of a quarter",
        "no site was a T1 then",
        "a T1 had to report",
        (
            "tests/test_never_fine.py::test_no_report_is_missing_only_where_all_that_are_due_are_submitted",
        ),
    ),
    Row(
        "All %(count)s reports of %(quarter)s are submitted",
        "agenda of a meeting",
        "each T1 of the quarter submitted its report",
        "one did not, or no site was a T1",
        (
            "tests/test_never_fine.py::test_no_report_is_missing_only_where_all_that_are_due_are_submitted",
        ),
    ),
    Row(
        "Nothing outstanding",
        "reminders of reports",
        "each report that is due of the last quarters is submitted",
        "one is not",
        (
            "tests/test_never_fine.py::test_nothing_is_outstanding_only_where_all_reports_are_submitted",
        ),
    ),
    Row(
        "All reports of the last quarters are submitted.",
        "reminders of reports",
        "the same",
        "the same",
        (
            "tests/test_never_fine.py::test_nothing_is_outstanding_only_where_all_reports_are_submitted",
        ),
    ),
    Row(
        "Nothing detected",
        "events",
        "reports arrived, and none is an outage of a known link",
        "no report arrived, or one is an outage",
        (
            "tests/test_never_fine.py::test_nothing_detected_is_said_only_where_reports_arrived_and_none_is_an_outage",
        ),
    ),
    Row(
        "All links in tickets and events are known",
        "unresolved names",
        "no ticket or event names a link that the registry does not know",
        "one does",
        (
            "tests/names/pages/test_unresolved.py::test_dismissed_and_taken_back",
            "tests/names/pages/test_unresolved.py::test_one_click_makes_an_alias_and_the_tickets_follow",
        ),
    ),
    Row(
        "All sites in tickets and events are known",
        "unresolved names",
        "the same of sites",
        "the same of sites",
        (
            "tests/names/pages/test_unresolved.py::test_one_click_makes_an_alias_and_the_tickets_follow",
            "tests/names/pages/test_unresolved.py::test_dismissed_and_taken_back",
        ),
    ),
    Row(
        "All units in tickets are known",
        "unresolved names",
        "the same of units",
        "the same of units",
        ("tests/names/pages/test_unresolved.py::test_units",),
    ),
    Row(
        'Every line of the file matches the registry. <a href="%(url)s">Choose another file</a>.',
        "registry: preview of an import",
        "each line of the file equals the record",
        "a line differs or is new",
        (
            "tests/test_never_fine.py::test_a_preview_says_that_nothing_changes_only_of_an_equal_file",
            "tests/registry/pages/test_imports.py::test_a_file_of_links",
        ),
    ),
    Row(
        "passed",
        "test of a connection",
        "the newest test ended, and no step of it had a problem",
        "it runs, a step failed, or there was none; when it was asked stands beside it",
        ("tests/test_never_fine.py::test_a_test_of_a_connection_passed_only_with_every_step",),
    ),
    Row(
        "Its states are known",
        "test of a connection: a step",
        "the step had no problem: a step with one is marked and says why",
        "the step failed",
        ("tests/test_never_fine.py::test_a_test_of_a_connection_passed_only_with_every_step",),
    ),
    Row(
        "Reachable",
        "test of a connection: a step",
        "the step had no problem: a step with one is marked and says why",
        "the step failed",
        ("tests/test_never_fine.py::test_a_test_of_a_connection_passed_only_with_every_step",),
    ),
    Row(
        "Reachable and logged in",
        "test of a connection: a step",
        "the step had no problem: a step with one is marked and says why",
        "the step failed",
        ("tests/test_never_fine.py::test_a_test_of_a_connection_passed_only_with_every_step",),
    ),
    Row(
        "Every event that requires a ticket has one, or no event has been reported yet.",
        "obligations",
        "no event that requires a ticket lacks one",
        "an event lacks its ticket",
        (
            "tests/test_never_fine.py::test_no_due_ticket_and_ticket_on_time_rest_on_the_tickets_that_there_are",
        ),
    ),
    Row(
        "No ongoing event, no open incident with the impact “outage” or “degraded”, no window"
        " within %(days)s days",
        "state of a link: what ok means",
        "as ok",
        "as ok",
        (
            "tests/topology/services/test_link_states.py::test_only_a_link_that_was_ever_reported_is_ok",
            "tests/topology/rules/test_link_states.py::test_a_link_watched_by_silent_sources_alone_is_unmonitored",
        ),
    ),
    Row(
        "%(name)s is down and its backup %(working)s works",
        "ticket form: why impact and priority are proposed",
        "the backup is ok and monitored, and no work on it starts within the hour",
        "the backup is down, unmonitored, or planned within the hour",
        ("tests/topology/rules/test_proposals.py::test_each_case",),
    ),
    Row(
        "Nothing differs.",
        "map of a connection: versions",
        "two stored versions are equal",
        "they differ",
        ("tests/exchange/pages/test_maps.py::test_versions_are_compared_and_rolled_back",),
    ),
    Row(
        "Nothing differs",
        "report: versions",
        "two signed versions are equal",
        "they differ",
        ("tests/reports/pages/test_form.py::test_reopened_with_a_reason_signed_anew_and_compared",),
    ),
    Row(
        "No open tickets.",
        "site: dashboard",
        "no open ticket concerns the site",
        "one does",
        ("tests/test_never_fine.py::test_no_open_ticket_and_no_due_report_are_said_only_of_none",),
    ),
    Row(
        "Until a worker runs, tickets are not closed automatically, numbers are not recalculated,"
        " and no reminders or emails"
        " are sent. Nothing is lost: the next worker catches up. <code>flask serve</code>"
        " starts a worker unless <code>WORKER=0</code> is set; <code>flask worker</code>"
        " starts only a worker.",
        "background work",
        "the change log and the queue are in the database; a worker begins behind its cursor",
        "a worker runs",
        (
            "tests/home/pages/test_work.py::test_a_missing_worker_is_told_in_plain_words",
            "tests/test_never_fine.py::test_a_worker_is_at_work_only_while_it_is_seen",
        ),
    ),
    Row(
        "No notifications are sent to <b>%(address)s</b>.",
        "page of the link that stops mails",
        "the address was stopped in this request",
        "it was not",
        ("tests/mail/pages/test_mails.py::test_a_mail_client_stops_mails_with_one_post",),
    ),
    Row(
        "The drill {} was passed, and is recorded.",
        "`flask drill`",
        "each step of the drill ended without a problem, a mail's code was typed, another server"
        " was promoted, and the record is committed",
        "a step failed or was not seen",
        (
            "tests/commands/test_drill.py::test_a_mail_passes_when_its_code_is_typed",
            "tests/commands/test_drill.py::"
            "test_without_its_code_it_is_not_known_whether_a_mail_arrived",
            "tests/commands/test_drill.py::test_without_another_server_failover_does_not_pass",
            "tests/commands/test_drill.py::test_a_partners_system_is_tested",
        ),
    ),
)


if __name__ == "__main__":
    main()
