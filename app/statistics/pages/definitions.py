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
                "Years, half-years, quarters and months are those of the calendar in UTC. A period"
                " begins with its first moment and ends before the first moment of the next one, so"
                " that nothing is in two of them."
            ),
            _("A running period is marked “so far” and ends at the time of computation."),
            _("“No data” is said where nothing is known; it is never a zero."),
        ),
        _RULES,
    ),
    Definition(
        "tickets",
        _("Tickets per period"),
        (
            _("The number of tickets that were created in the period. Test tickets never count."),
            _(
                "If the portal has no ticket of a year, that year has no data, which is"
                " not 0; in the current year 0 is 0. Pages show the current period and the"
                " last four, unless"
                " they are asked for others."
            ),
            _(
                "By link or affected site a ticket counts once for each that it names,"
                " and once in the"
                " total; by responsible site it counts for the one that is responsible"
                " now. Category,"
                " layer, network and state are those that the ticket has now."
            ),
        ),
        _(
            "%(rules)s; the two numbers of the group's report of 2013, %(listed)s, are quoted as"
            " it said them, and not counted here. Its slide that says 111 has the heading “2013”;"
            " as the next one is of the first half of 2013, the first must be 2012.",
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
                "The number of tickets by the priority with which they were created,"
                " whatever it was"
                " changed to. Of a ticket from an old system it is the one that its file said."
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
                "Response time: from creation to the first state other than new or"
                " assigned, or to the"
                " first change of the responsible unit; in working days. A ticket that"
                " came from an old"
                " system in another state than new or assigned has none."
            ),
            _(
                "Solution time: from creation to the newest move to solved or"
                " unsolved, if it was not"
                " reopened since; in working days."
            ),
            _(
                "Solution time without waiting and on hold: the same less the working"
                " time in which the"
                " ticket was in “waiting for reply” or “on hold” meanwhile. Of a"
                " ticket that came from"
                " an old system in another state than new or assigned it is not known."
            ),
            _(
                "Waiting time: the sum of all times in “waiting for reply”, an ongoing one included"
                " up to now; in days of 24 h. Only tickets that ever waited count, and"
                " a wait that a"
                " ticket brought from an old system is not known."
            ),
            _(
                "Lifetime: from creation to the newest move to solved or unsolved, if it was not"
                " reopened since; in days of 24 h."
            ),
            _(
                "A ticket belongs to the period of its creation. “of” says how many"
                " tickets have the"
                " time at all; average and median are of these. The median is exact: of an even"
                " number the middle of the two in the middle."
            ),
            _(
                "A working day is 24 h between Monday 00:00 and Saturday 00:00 UTC;"
                " holidays count as"
                " any other day. Lengths are shown as minutes, hours or days, with two"
                " digits; files"
                " have days as numbers."
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
                "Of a link: 1 - down / (period - unmonitored), from the times that"
                " sources reported."
                " Degraded time counts as available and is shown separately."
            ),
            _(
                "Where reports of the same moment differ, the worst state applies:"
                " down before degraded"
                " before unmonitored. So nothing is counted twice."
            ),
            _(
                "An ongoing event lasts until now. A period counts as far as it has passed and the"
                " link exists."
            ),
            _(
                "A link that no source had reported by the end of the period has no"
                " data, and neither has one whose every source was silent all the time."
                " Where all of the time was unmonitored, availability is unknown."
            ),
            _(
                "A source is silent while it was not heard for longer than expected, from the"
                " moment when it was heard last. While every source that ever reported a link is"
                " silent, that time is unmonitored, unless an event that they reported covers it."
                " A source of files alone is heard when its newest event is; what people enter is"
                " not monitoring."
                " Silence before the portal recorded it is not known and not counted."
            ),
            _(
                "Of a site: all of its links together, down times and periods summed;"
                " what has no data"
                " is left out. It is not the site's own reachability: a site with two"
                " links loses half"
                " of its availability while one of them is down."
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
                "Down and degraded times on one link whose gap is at most 10 minutes are one event,"
                " whatever source reported them. Its length goes from the first start"
                " to the last end."
            ),
            _(
                "It counts from 60 minutes on; exactly 60 count. An event that names only a site is"
                " listed and does not count. Maintenance counts and is marked. Its"
                " quarter is that of"
                " its start."
            ),
        ),
        _("the seed's “events of at least one hour”; the gap is %(rules)s", rules=_RULES),
        _("gap 10 min, least length 60 min (by version of the matching rule)"),
    ),
    Definition(
        "documented",
        _("Documented events: n of N"),
        (
            _(
                "An event is documented if a ticket names its link, and the two times"
                " overlap or touch"
                " after the ticket's was widened by the tolerance on each side."
            ),
            _(
                "A ticket that names no link documents it alike if it names an end of"
                " the link that is"
                " a T1 as affected site, is an incident or a maintenance, and is of"
                " the link's network"
                " (“by site”): a change, an informational ticket and one of the other"
                " network do not."
            ),
            _(
                "A ticket's time goes from the event's start, else the window's, else"
                " its creation, to"
                " the event's end, else the window's, else the newest move to solved"
                " or unsolved, else"
                " now. Test tickets and cancelled maintenance document nothing; a"
                " duplicate lends its"
                " links, sites and time to its master."
            ),
            _(
                "Nothing overlaps in the future: an ongoing event ends now here, and a"
                " ticket that has not started documents nothing yet."
            ),
            _(
                "While an event is ongoing, a ticket “by site” counts here but fulfils no"
                " obligation: only a ticket of the link does, or one that a person linked."
            ),
            _(
                "An event counts once, however many tickets cover it. What a person"
                " linked or unlinked"
                " holds, whatever is computed later."
            ),
            _(
                "Where many tickets meet an event, of each kind (by link or by site; a maintenance"
                " or not) the %(max_kept)s that begin last are stored with it, of the"
                " same beginning"
                " those with the higher number, and the one that was created first of"
                " all. What only"
                " a time zone seems to keep apart is a kind of its own. Tickets that a"
                " person linked"
                " or unlinked are always stored. No count depends on it.",
                max_kept=MAX_KEPT,
            ),
        ),
        _("%(rules)s; how the seed matched is not known", rules=_RULES),
        _("tolerance 1 h (by version of the matching rule)"),
    ),
    Definition(
        "per-t1",
        _("Per T1"),
        (
            _(
                "Events of LHCOPN links count for the T1 at the link's end; one"
                " between two T1s counts"
                " for both and once in the total. The T0 has a row for what has no T1 end."
            ),
            _(
                "Where no source was ever seen on any of a site's links up to the"
                " quarter's end there"
                " is no data."
            ),
        ),
        _("the seed's slides “Events matching per T1”"),
        "network",
    ),
    Definition(
        "due",
        _("Tickets due"),
        (
            _(
                "A ticket is due for an event if a rule that was in force at its start"
                " requires one."
                " None does if its link was not in use then: such an event counts for no T1 either."
                " R2009: more than 60 minutes, or more than 5 flaps within any 60"
                " minutes. R2013, the"
                " seed's proposal: any loss of service at a T1 while the detectors"
                " run, and any trouble"
                " of a backup link."
            ),
            _(
                "Loss of service at a T1: none of its LHCOPN links, and no recorded"
                " backup of one, is"
                " up. Where backups are not known a primary link that is down counts,"
                " and is marked."
                " Degraded is up for this."
            ),
            _(
                "Of all that cut a T1 off only one event answers: one on a primary"
                " link to the T0, of"
                " these the one that began last. So a T1's loss is one duty, and the"
                " T0's row shows it"
                " without a second."
            ),
            _(
                "Flaps are raw beginnings on one link; six of them that begin within"
                " 60 minutes, both"
                " ends included, are more than 5. A run of them is one storm, and the"
                " event in which it"
                " begins answers for it."
            ),
            _(
                "It is fulfilled by a ticket in time, late with one created after it"
                " was due, missing"
                " without one. The site that is responsible for the link has to create the ticket."
            ),
        ),
        _(
            "the seed's “new definition: when a ticket shall be written”; R2009 from"
            " the operational"
            " model of 2009"
        ),
        _("24 h after the event's start; an administrator's rules; the LHC's calendar"),
        endpoint="duty.listing",
    ),
    Definition(
        "what-if",
        _("Rule comparison"),
        (
            _(
                "The tickets that each rule would have required if it had always been"
                " in force: each"
                " event once per rule, whichever clause it meets. Existing are those whose event a"
                " ticket documents, in time or late; the others are missing."
            ),
            _(
                "It is counted per T1 at the link's end and per quarter of the event's"
                " start, in UTC."
            ),
        ),
        _RULES,
        _("the rules and the period"),
        endpoint="what_if.page",
    ),
)
