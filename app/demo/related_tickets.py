"""Stories of the demo that belong together: a cut with a ticket per link, a change with answers.

Like all of the demo it could be written by hand in the portal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from app.demo.files import interface_log, traffic_picture
from app.demo.stories import (
    OPERATOR,
    PARTNER,
    PARTNER_CODE,
    REPORTER,
    REPORTERS_SITE,
    AttachedFile,
    Relation,
    SiteAnswer,
    Story,
    StoryStep,
)
from app.demo.tonight import CUT, CUT_AGO
from app.tickets.rules.acknowledgements import Answer
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import RelationRole
from app.tickets.rules.tickets import Category, Impact, Layer, Priority, State

_HOUR = timedelta(hours=1)
_TRAFFIC = (0.7, 0.82, 0.76, 0.9, 0.85, 0.8, 0, 0, 0, 0, 0, 0, 0.3, 0.55, 0.72, 0.78)
_TRANSFERS = (0.9, 0.95, 0.9, 0.3, 0, 0, 0.1, 0)
"""Shares of the usual, for the sample pictures."""
_CUT, _FIRST = "cut", "first child"
_BOTH = ("CERN-GRIDKA-LHCOPN-001", "CERN-GRIDKA-LHCOPN-002")
"""A link and the one that backs it up."""


def kin_stories(now: datetime) -> Iterator[Story]:
    """The stories as they are at ``now`` (UTC)."""
    now = now.replace(second=0, microsecond=0)
    yield from _cut(CUT, now - CUT_AGO)
    yield _change(now - 70 * _HOUR)
    yield from _clash(now)


def _cut(affected: Sequence[tuple[str, str]], at: datetime) -> Iterator[Story]:
    """One cable, a ticket for each link in it, and a partner's report of the same."""
    start = at - _HOUR / 2
    yield Story(
        at,
        OPERATOR,
        NewTicket(
            title="Cable cut north of Basel takes several circuits down",
            description="A digger hit the cable. The carrier's crew is on its way.\n"
            "Each circuit has a ticket of its own below this one.",
            state=State.ASSIGNED,
            priority=Priority.TOP,
            layer=Layer.L2,
            impact=Impact.OUTAGE,
            sites=tuple(site for site, _ in affected),
            event_start=start,
        ),
        (
            StoryStep(at + 2 * _HOUR, OPERATOR, {"state": State.IN_PROGRESS}),
            StoryStep(
                at + 9 * _HOUR, OPERATOR, {"public_comment": "Two of six fibres are spliced."}
            ),
        ),
        asides=(
            AttachedFile(at + _HOUR / 2, OPERATOR, "sample-interface.log", interface_log(start)),
            AttachedFile(at + 3 * _HOUR, OPERATOR, "sample-traffic.png", traffic_picture(_TRAFFIC)),
        ),
        name=_CUT,
    )
    for place, (site, link) in enumerate(affected):
        opened = at + (place + 1) * _HOUR / 4
        back = opened + (10 + 3 * place) * _HOUR
        over = {
            "state": State.SOLVED,
            "solution": "The fibre is spliced and the circuit carries traffic again.",
            "event_end": back - _HOUR / 5,
        }
        open_still = place == len(affected) - 1
        yield Story(
            opened,
            OPERATOR,
            NewTicket(
                title=f"{link} down",
                state=State.ASSIGNED,
                priority=Priority.VERY_URGENT,
                layer=Layer.L2,
                impact=Impact.OUTAGE,
                links=(link,),
                sites=(site,),
                event_start=start,
            ),
            (
                StoryStep(opened + _HOUR, OPERATOR, {"state": State.IN_PROGRESS}),
                *(() if open_still else (StoryStep(back, OPERATOR, over),)),
            ),
            name=_FIRST if place == 0 else "",
            child_of=_CUT,
        )
    seen = at + _HOUR
    yield Story(
        seen,
        PARTNER,
        NewTicket(
            title=f"Transfers to {REPORTERS_SITE} fail",
            description="Timeouts in all transfers from the Tier-0 since this morning.",
            priority=Priority.URGENT,
            origin_system=PARTNER_CODE,
            origin_id=f"DEMO-{seen:%Y%m}-K01",
            submitter_name="network support",
        ),
        (
            StoryStep(
                seen + _HOUR + _HOUR / 60,
                OPERATOR,
                {"state": State.UNSOLVED, "solution": "The same cut; followed in its own ticket."},
            ),
        ),
        asides=(
            AttachedFile(
                seen + _HOUR / 6, PARTNER, "sample-transfers.png", traffic_picture(_TRANSFERS)
            ),
            Relation(seen + _HOUR, OPERATOR, RelationRole.DUPLICATE_OF, _FIRST),
        ),
    )


def _change(at: datetime) -> Story:
    """A change that one site accepted before the plan changed, one after, and one refuses."""
    window = (at + 10 * 24 * _HOUR).replace(hour=6, minute=0)
    return Story(
        at,
        OPERATOR,
        NewTicket(
            title="New prefixes are announced to the Tier-1s",
            description="Three prefixes are added to the announcements at the Tier-0.\n"
            "Please extend your filters before the window.",
            state=State.ASSIGNED,
            category=Category.CHANGE,
            layer=Layer.L3,
            impact=Impact.NONE,
            sites=("CH-CERN", "DE-KIT", "ES-PIC", "NL-T1"),
            window_start=window,
            window_end=window + 2 * _HOUR,
        ),
        (
            StoryStep(
                at + 20 * _HOUR,
                OPERATOR,
                {"window_start": window + 24 * _HOUR, "window_end": window + 26 * _HOUR},
            ),
        ),
        asides=(
            SiteAnswer(at + 5 * _HOUR, OPERATOR, "CH-CERN", Answer.ACCEPTED),
            SiteAnswer(at + 26 * _HOUR, REPORTER, REPORTERS_SITE, Answer.ACCEPTED),
            SiteAnswer(
                at + 49 * _HOUR,
                OPERATOR,
                "NL-T1",
                Answer.REFUSED,
                "Our routers are being replaced in that week; any day after it suits us.",
            ),
        ),
    )


def _clash(now: datetime) -> Iterator[Story]:
    """Two carriers plan work on a link and on its backup, and overlap for two hours. One has told
    it early: its ticket is open for long, as it may be."""
    begin = (now + 3 * 24 * _HOUR).replace(hour=6, minute=0)
    plans = (
        (40, "The carrier moves a cable", begin, begin + 6 * _HOUR),
        (3, "An amplifier is replaced", begin + 4 * _HOUR, begin + 9 * _HOUR),
    )
    for link, (days, what, start, end) in zip(_BOTH, plans, strict=True):
        at = now - days * 24 * _HOUR
        yield Story(
            at,
            OPERATOR,
            NewTicket(
                title=f"{what}, {link}",
                description=f"{what}. The circuit will be down within the window.",
                category=Category.MAINTENANCE,
                state=State.ASSIGNED,
                layer=Layer.L2,
                impact=Impact.REDUCED,
                links=(link,),
                window_start=start,
                window_end=end,
            ),
            (StoryStep(at + _HOUR, OPERATOR, {"state": State.ON_HOLD}),),
        )
