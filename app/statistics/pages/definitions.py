"""The figures of the portal in words: formula, source, parameters. Each has an anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.core.rules.counted import DAYS_STANDING, DECK_NUMBERS
from app.core.rules.language import _
from app.matching.rules.matching import MAX_KEPT

_RULES: Final = _("this portal's own rule, as no other source defines it")
_GGUS: Final = _(
    "the GGUS report generator (EGI), which names these times and requires averages and medians"
)


@dataclass(frozen=True)
class Definition:
    """One figure: how it is computed, where that is from, and what may be set."""

    anchor: str
    title: str
    formula: Sequence[str]
    source: str
    parameters: str = _("none")
    endpoint: str = ""
    """The page that shows it."""


DEFINITIONS: Final[Sequence[Definition]] = (
    Definition(
        "periods",
        _("Periods"),
        (
            _(
                "Years, half-years, quarters and months are calendar periods in UTC. "
                "Each ends exactly where the next one starts, so nothing counts in two periods."
            ),
            _("The current period is marked “so far” and covers the time up to the computation."),
            _("“No data” means that nothing is known. It is not zero."),
        ),
        _RULES,
    ),
    Definition(
        "tickets",
        _("Tickets per period"),
        (
            _("The number of tickets created in the period. Test tickets never count."),
            _(
                "A past year without any ticket shows “no data” instead of 0, because its tickets "
                "may be missing in the portal; in the current year, 0 is a real count. By default, "
                "pages show the current period and the four before it."
            ),
            _(
                "By link or affected site: a ticket counts once for each link or site "
                "that it names, and once in the total. "
                "By responsible site: it counts for the site that is responsible now. "
                "Category, layer, network and state are the ticket's current values."
            ),
        ),
        _(
            "%(rules)s. The two numbers %(listed)s are quoted from the LHCOPN group’s 2013 report, "
            "not counted by the portal. The slide with 111 is headed “2013”, "
            "but the next slide covers the first half of 2013, so 111 must be the number for 2012.",
            rules=_RULES,
            listed=" and ".join(DECK_NUMBERS),
        ),
        endpoint="statistics.tickets",
    ),
    Definition(
        "priorities",
        _("Priority at submission"),
        (
            _(
                "The number of tickets by their priority at creation; later changes do not count. "
                "For a ticket imported from an old system, it is the priority in the imported file."
            ),
        ),
        _("the GGUS report generator (EGI), which counts priorities at submission"),
        endpoint="statistics.times",
    ),
    Definition(
        "times",
        _("Response, solution (with and without waiting), waiting, lifetime"),
        (
            _(
                "Response time: from creation to the first state other than “new” or “assigned”, "
                "or to the first change of the responsible unit; in working days. "
                "A ticket that was imported from an old system in a state other than “new” or "
                "“assigned” has no response time."
            ),
            _(
                "Solution time: from creation to the latest change to “solved” or “unsolved”, "
                "if the ticket was not reopened afterwards; in working days."
            ),
            _(
                "Solution time without waiting: solution time minus the working time spent in "
                "“waiting for reply” or “on hold”. It is unknown for a ticket that was imported "
                "from an old system in a state other than “new” or “assigned”."
            ),
            _(
                "Waiting time: the total time in “waiting for reply”, "
                "including the current wait up to now; in days of 24 h. "
                "Time “on hold” does not count here. "
                "Only tickets that have waited at least once count. "
                "Waiting before an import from an old system is unknown."
            ),
            _(
                "Lifetime: the same span as solution time, "
                "but in days of 24 h instead of working days."
            ),
            _(
                "A ticket belongs to the period of its creation. "
                "The column “known” is the number of tickets for which this time is "
                "known; "
                "average and median are calculated from these tickets. "
                "For an even number of tickets, the median is halfway between the two middle "
                "values."
            ),
            _(
                "Monday to Friday (UTC) are working days of 24 h each, holidays included. "
                "Pages round to two digits and show minutes, hours or days; downloads give "
                "times in days, as decimal numbers."
            ),
        ),
        _(
            "%(ggus)s. Counting response and solution from creation is %(rules)s",
            ggus=_GGUS,
            rules=_RULES,
        ),
        endpoint="statistics.times",
    ),
    Definition(
        "long-standing",
        _("Long-standing tickets"),
        (
            _(
                "Tickets that are open now and were created more than %(days_standing)s days (of "
                "24 h) ago. Test tickets never count. Age is in whole days since creation.",
                days_standing=DAYS_STANDING,
            ),
        ),
        _(
            "the list of long-standing issues in the quarterly report. "
            "The limit of %(days_standing)s days is %(rules)s",
            days_standing=DAYS_STANDING,
            rules=_RULES,
        ),
        _("%(days_standing)s days", days_standing=DAYS_STANDING),
        "statistics.standing",
    ),
    Definition(
        "availability",
        _("Availability of links and sites"),
        (
            _(
                "Link: 1 - down / (period - unmonitored), "
                "from the times reported by the event sources. "
                "Degraded time counts as available and is shown separately."
            ),
            _(
                "Where reports overlap, only the worst state counts "
                "(down, then degraded, then unmonitored)."
            ),
            _(
                "An ongoing event counts up to now. "
                "Only elapsed time during which the link was in use counts."
            ),
            _(
                "Pages show “no data” for a link if no source had reported on it by the end of "
                "the period, or if all its sources were silent for the whole period. They show "
                "“unknown” if sources reported on it, but only that it was unmonitored."
            ),
            _(
                "A source is silent if its last call is older than its expected interval; "
                "the silence starts at that call. While all sources "
                "that ever reported on a link are silent, the link is unmonitored, "
                "except during events that they had reported. "
                "For a source that only delivers files, its newest event counts as its last call. "
                "Events entered by hand do not count as monitoring. "
                "Silence before the portal started to record calls is unknown and is not counted."
            ),
            _(
                "Site: the formula applied to the sums of all links of the site; "
                "links without data are excluded. This does not measure whether the site was "
                "reachable: while one of two links is down, availability is 50 %, "
                "although the site is still reachable."
            ),
            _("Events during maintenance count; withdrawn events do not."),
        ),
        _RULES,
        _("network, site, periods"),
        "availability.page",
    ),
    Definition(
        "detected",
        _("Detected events"),
        (
            _(
                "Down and degraded times on one link with gaps of at most 10 minutes are one "
                "event, even if different sources reported them. "
                "The event lasts from the first start to the last end."
            ),
            _(
                "An event counts if it lasts 60 minutes or longer. "
                "An event that names only a site is listed but does not count. "
                "Events during maintenance count and are marked. "
                "An event belongs to the quarter in which it starts."
            ),
        ),
        _(
            "“events of at least one hour” in the LHCOPN group’s 2013 slides. The gap is %(rules)s",
            rules=_RULES,
        ),
        _("gap 10 min, minimum length 60 min (set by the version of the matching rule)"),
    ),
    Definition(
        "documented",
        _("Documented events"),
        (
            _(
                "An event is documented if a ticket names its link and the times of ticket "
                "and event overlap or touch. For this, "
                "the ticket's time is extended by the tolerance on both sides."
            ),
            _(
                "A ticket that names no link documents the event “by site” "
                "if it names a T1 end of the link as an affected site, "
                "is an incident or maintenance ticket, and belongs to the link's network. "
                "Change and informational tickets, and tickets of another network, "
                "do not document an event by site."
            ),
            _(
                "A ticket's time starts at the first of these that is set: "
                "start of the event, start of the window, creation. "
                "It ends at the first that is set: end of the event, end of the window, "
                "latest change to “solved” or “unsolved”, now. "
                "Test tickets and cancelled maintenance tickets document nothing. "
                "The links, sites and time of a duplicate count for its original ticket."
            ),
            _(
                "Overlaps in the future do not count: an ongoing event counts up to now, "
                "and a window that has not started documents nothing yet."
            ),
            _(
                "A ticket “by site” counts here even while the event is ongoing. "
                "Until the event ends, “Required tickets” accepts only a ticket "
                "that names the link, or one that a person linked."
            ),
            _(
                "An event counts once, even if several tickets document it. "
                "If a person linked or unlinked a ticket, no recalculation changes that."
            ),
            _(
                "Three questions classify a match. Does the ticket match by link or by site? "
                "Is it a maintenance ticket? Do the ticket's start and end both differ from the "
                "event's by 1 hour, by 2 hours, or by the site's UTC offset, which suggests a "
                "time-zone error?"
            ),
            _(
                "If an event has more than %(max_kept)s matches of one kind, the portal stores "
                "only %(max_kept)s of them: the tickets that start latest and, if starts are "
                "equal, those with the highest numbers. It also stores the match with the ticket "
                "that was created first, and every match that a person added or removed. "
                "This selection does not change any figure.",
                max_kept=MAX_KEPT,
            ),
        ),
        _(
            "%(rules)s. How the LHCOPN group’s 2013 slides matched events with tickets is unknown",
            rules=_RULES,
        ),
        _("tolerance 1 h (set by the version of the matching rule)"),
    ),
    Definition(
        "per-t1",
        _("Per T1"),
        (
            _(
                "Events on LHCOPN links count for the T1 at the end of the link. "
                "An event on a link between two T1s counts for both, and once in the total. "
                "Events on links without a T1 end are in the row of the T0."
            ),
            _(
                "A site has no data if no source had reported on any of its links by the end of "
                "the quarter."
            ),
        ),
        _(
            "the LHCOPN group’s 2013 slides “Events matching per T1”. "
            "One of their headings cannot be right: “2012-01, 2012-12” is above quarters of 2013"
        ),
        "network",
    ),
    Definition(
        "due",
        _("Required tickets"),
        (
            _(
                "A ticket is required for an event if the link was in use at the start of the "
                "event and a rule in force at that time requires a ticket. "
                "Rule R2009: an event of more than 60 minutes, "
                "or more than 5 flaps within any 60 minutes. "
                "Rule R2013, proposed in the LHCOPN group’s 2013 slides: "
                "any loss of service at a T1 while the detectors are taking data, "
                "and any event on a backup link at the T0 or a T1."
            ),
            _(
                "Loss of service at a T1: none of its LHCOPN links is up, "
                "and none of their recorded backups. If no backup is recorded for a primary link "
                "that is down, this counts as a loss and is marked “uncertain”. "
                "Here, a degraded link counts as up."
            ),
            _(
                "If several events together cut off a T1, only one of them requires the ticket: "
                "the last one to start on a primary link to the T0. "
                "So one loss of a T1 requires one ticket. In the rule comparison, a line below the "
                "T0 shows these tickets again, but the total counts each of them once."
            ),
            _(
                "A flap is one report that a link went down or became degraded, "
                "before reports are combined into events. "
                "Both ends of the 60-minute interval are included: "
                "six starts from 10:00 to 11:00 are more than 5 flaps. "
                "A series of flaps requires one ticket, for the event in which the series starts."
            ),
            _(
                "A required ticket is “on time” if it was created by the deadline, "
                "“late” if it was created afterwards, and “missing” if it still does "
                "not exist after the deadline. Until then it is “due”. "
                "The site responsible for the link has to create it."
            ),
        ),
        _(
            "“new definition: when a ticket shall be written” in the LHCOPN group’s 2013 slides; "
            "for R2009, the operational model of 2009"
        ),
        _("deadline (24 h after the event's start), rules in force, LHC calendar"),
        endpoint="duty.listing",
    ),
    Definition(
        "what-if",
        _("Rule comparison"),
        (
            _(
                "The number of tickets that each rule would have required "
                "if it had always been in force. An event counts once per rule, "
                "even if several clauses apply. “Existing”: "
                "the event is documented by a ticket, on time or late. “Missing”: it is not, "
                "even if the deadline has not passed yet."
            ),
            _(
                "Events count for the T1 at the end of the link, in the quarter (UTC) "
                "in which they start."
            ),
        ),
        _RULES,
        _("rules, period"),
        endpoint="what_if.page",
    ),
)
