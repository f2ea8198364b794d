"""The figures of the portal in words: formula, source, parameters. Each has an anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.core.rules.counted import DAYS_STANDING, DECK_NUMBERS
from app.core.rules.language import _
from app.matching.rules.matching import MAX_KEPT

_RULES: Final = _("the portal's rules for figures, agreed where no source says more")
_GGUS: Final = _(
    "GGUS's report generator (EGI), which names these times and asks for both averages and"
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
                "Years, half-years, quarters and months are those of the calendar, in UTC. A "
                "period starts with its first moment and ends just before the next period, so "
                "nothing is in two periods."
            ),
            _("A running period is marked “so far” and ends at the time of computation."),
            _("“No data” means that nothing is known; it is never zero."),
        ),
        _RULES,
    ),
    Definition(
        "tickets",
        _("Tickets per period"),
        (
            _("The number of tickets that were created in the period. Test tickets never count."),
            _(
                "A year without any ticket in the portal has no data, which is not 0; in the "
                "current year 0 is 0. Pages show the current period and the four before it, "
                "unless you choose others."
            ),
            _(
                "By link or affected site, a ticket counts once for each that it names, and once "
                "in the total. By responsible site, it counts for the site that is responsible "
                "now. Category, layer, network and state are the current ones."
            ),
        ),
        _(
            "%(rules)s; the two numbers of the group's report of 2013, %(listed)s, are quoted "
            "from it and not counted here. Its slide with 111 is headed “2013”; the next "
            "slide is about the first half of 2013, so 111 must be 2012.",
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
                "The number of tickets by the priority with which they were created, whatever it "
                "was changed to later. For a ticket from an old system, it is the priority in the "
                "imported file."
            ),
        ),
        _("%(ggus)s medians; it counts priorities at submission", ggus=_GGUS),
        endpoint="statistics.times",
    ),
    Definition(
        "times",
        _("Response, solution with and without waiting, waiting, lifetime"),
        (
            _(
                "Response time: from creation to the first state other than new or assigned, or "
                "to the first change of the responsible unit; in working days. A ticket that was "
                "imported from an old system in any other state than new or assigned has no "
                "response time."
            ),
            _(
                "Solution time: from creation to the newest move to solved or unsolved, if the "
                "ticket was not reopened after it; in working days."
            ),
            _(
                "Solution time without waiting and on hold: solution time minus the working time "
                "in which the ticket was in “waiting for reply” or “on hold”. It is unknown for a "
                "ticket that was imported from an old system in any other state than new or "
                "assigned."
            ),
            _(
                "Waiting time: the sum of all times in “waiting for reply”, including an ongoing "
                "one up to now; in days of 24 h. Only tickets that ever waited count. A wait "
                "before the import from an old system is unknown."
            ),
            _(
                "Lifetime: from creation to the newest move to solved or unsolved, if the ticket "
                "was not reopened after it; in days of 24 h."
            ),
            _(
                "A ticket belongs to the period of its creation. “of” says how many tickets have "
                "the time at all; average and median are calculated from these. The median is "
                "exact: for an even number, it is the middle between the two middle values."
            ),
            _(
                "A working day is 24 h between Monday 00:00 and Saturday 00:00 UTC; holidays "
                "count as any other day. Pages show minutes, hours or days with two digits; files "
                "have days as numbers."
            ),
        ),
        _(
            "%(ggus)s medians; that response and solution count from creation is %(rules)s",
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
                "Tickets that are open now and were created more than %(days_standing)s times 24 h"
                " ago. Test tickets never count. The age is counted from creation, in whole days.",
                days_standing=DAYS_STANDING,
            ),
        ),
        _(
            "the quarterly report's list of long-standing issues; the %(days_standing)s days are"
            " %(rules)s",
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
                "Link: 1 - down / (period - unmonitored), from the times that sources reported. "
                "Degraded time counts as available and is shown separately."
            ),
            _(
                "If reports of the same moment differ, the worst state applies: down before "
                "degraded before unmonitored. So nothing is counted twice."
            ),
            _(
                "An ongoing event lasts until now. Only the part of a period counts that has "
                "passed and in which the link exists."
            ),
            _(
                "A link has no data if no source had reported it by the end of the period, or if "
                "all its sources were silent throughout. If all of the time was unmonitored, "
                "availability is unknown."
            ),
            _(
                "A source is silent if its last call was longer ago than its expected interval; "
                "silence starts at the last call. While all sources that ever reported a link are "
                "silent, the time is unmonitored, unless an event that they reported covers it. A "
                "source that only delivers files counts as heard at its newest event; entries by "
                "people are not monitoring. Silence before the portal recorded calls is unknown "
                "and not counted."
            ),
            _(
                "Site: all of its links combined; down times and periods are summed, and links "
                "without data are left out. This is not the reachability of the site: a site with "
                "two links loses half of its availability while one of them is down."
            ),
            _("Withdrawn events do not count. Times of maintenance do."),
        ),
        _RULES,
        _("network; site; periods"),
        "availability.page",
    ),
    Definition(
        "detected",
        _("Detected events"),
        (
            _(
                "Down and degraded times on one link with a gap of at most 10 minutes are one "
                "event, whichever source reported them. Its length is from the first start to the "
                "last end."
            ),
            _(
                "An event counts if it lasts at least 60 minutes; exactly 60 count. An event that "
                "names only a site is listed and does not count. Events in a maintenance count "
                "and are marked. An event belongs to the quarter of its start."
            ),
        ),
        _(
            "“events of at least one hour” of the slides of 2013; the gap is %(rules)s",
            rules=_RULES,
        ),
        _("gap 10 min, least length 60 min (by version of the matching rule)"),
    ),
    Definition(
        "documented",
        _("Documented events: n of N"),
        (
            _(
                "An event is documented if a ticket names its link, and the two times overlap or "
                "touch after the ticket's time was extended by the tolerance on each side."
            ),
            _(
                "A ticket without a link also documents it (“by site”) if it names a T1 end of "
                "the link as affected site, is an incident or a maintenance, and is of the link's "
                "network. A change, an informational ticket, or a ticket of another network does "
                "not."
            ),
            _(
                "A ticket's time starts with the event's start, else the window's start, else "
                "creation. It ends with the event's end, else the window's end, else the newest "
                "move to solved or unsolved, else now. Test tickets and cancelled maintenances "
                "document nothing; a duplicate adds its links, sites and time to its master."
            ),
            _(
                "Nothing overlaps in the future: an ongoing event ends now for this purpose, and "
                "a window that has not started documents nothing yet."
            ),
            _(
                "While an event is ongoing, a ticket “by site” counts here but does not fulfil a "
                "duty: that needs a ticket of the link, or one that a person linked."
            ),
            _(
                "An event counts once, however many tickets cover it. A link or unlinking by a "
                "person is never changed by a recalculation."
            ),
            _(
                "If many tickets match an event, the portal stores for each kind (by link or by "
                "site; maintenance or not) the %(max_kept)s tickets that start last, those with "
                "the higher number if they start at the same time, and the one that was created "
                "first. Tickets that only a time-zone error keeps apart are a kind of their own. "
                "Tickets that a person linked or unlinked are always stored. No count depends on "
                "this.",
                max_kept=MAX_KEPT,
            ),
        ),
        _("%(rules)s; how the slides of 2013 matched events with tickets is unknown", rules=_RULES),
        _("tolerance 1 h (by version of the matching rule)"),
    ),
    Definition(
        "per-t1",
        _("Per T1"),
        (
            _(
                "Events of LHCOPN links count for the T1 at the end of the link. An event between "
                "two T1s counts for both, and once in the total. The T0 has a row for events "
                "without a T1 end."
            ),
            _(
                "A site has no data if no source had reported any of its links up to the end of "
                "the quarter."
            ),
        ),
        _(
            "the slides “Events matching per T1” of 2013. Their headings contradict each "
            "other: “2012-01, 2012-6”, and “2012-01, 2012-12” above quarters of 2013"
        ),
        "network",
    ),
    Definition(
        "due",
        _("Tickets due"),
        (
            _(
                "A ticket is due for an event if a rule that was in force at its start requires "
                "one, and the link was in use at that time (other events count for no T1 either). "
                "R2009: more than 60 minutes, or more than 5 flaps within any 60 minutes. R2013, "
                "proposed in the slides of 2013: any loss of service at a T1 while the detectors "
                "run, and any trouble of a backup link."
            ),
            _(
                "Loss of service at a T1: none of its LHCOPN links, and no recorded backup of "
                "one, is up. If backups are unknown, a primary link that is down counts, and is "
                "marked. A degraded link is up for this rule."
            ),
            _(
                "If several events cut off a T1, only one of them requires the ticket: the last "
                "to start on a primary link to the T0. So one loss of a T1 is one duty, which the "
                "T0's row shows without a second one."
            ),
            _(
                "Flaps are raw starts of events on one link. Six that start within 60 minutes, "
                "both ends included, are more than 5. Consecutive flaps are one storm, and the "
                "event in which the storm starts requires the ticket."
            ),
            _(
                "A duty is fulfilled by a ticket in time, late if the ticket was created after "
                "the deadline, and missing without a ticket. The site responsible for the link "
                "has to create the ticket."
            ),
        ),
        _(
            "“new definition: when a ticket shall be written” of the slides of 2013; R2009 "
            "from the operational model of 2009"
        ),
        _("24 h after the event's start; an administrator's rules; the LHC's calendar"),
        endpoint="duty.listing",
    ),
    Definition(
        "what-if",
        _("Rule comparison"),
        (
            _(
                "The tickets that each rule would have required if it had always been in force: "
                "each event once per rule, whichever clause applies. “Existing” are those whose "
                "event is documented by a ticket, in time or late; the others are missing."
            ),
            _(
                "Counted per T1 at the end of the link, and per quarter of the event's start, in "
                "UTC."
            ),
        ),
        _RULES,
        _("the rules and the period"),
        endpoint="what_if.page",
    ),
)
