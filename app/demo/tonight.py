"""The night that the demo shows: each state that a page can show, all else as it should be.

Nothing waits here for longer than the portal's own rules let it, but one reply that is overdue. Of
the links four are in trouble; what monitoring says of them is in ``TROUBLES``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from app.demo.stories import (
    OPERATOR,
    PARTNER,
    PARTNER_CODE,
    REPORTER,
    REPORTERS_SITE,
    Story,
    StoryStep,
)
from app.demo.texts import NOT_UNDERSTOOD, REOPENED, VERIFIED
from app.registry.rules.networks import Network
from app.tickets.rules.content import NewTicket
from app.tickets.rules.tickets import Category, Impact, Layer, Priority, State
from app.tickets.rules.working_time import working_days_before

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Trouble:
    """What monitoring reports of a link: how long ago it began and, where it is over, ended."""

    link: str
    state: str
    begun: timedelta
    over: timedelta | None = None


CUT: Final = (
    (REPORTERS_SITE, "CERN-GRIDKA-LHCOPN-001"),
    ("NL-T1", "CERN-SARA-LHCOPN-001"),
    ("FR-CCIN2P3", "CERN-IN2P3-LHCOPN-001"),
)
"""Sites and links of one cable cut; the last link is down still."""
CUT_AGO: Final = 30 * _HOUR
"""When the tickets of the cut begin, half an hour after the links went down."""
TROUBLES: Final = (
    Trouble("CERN-RAL-LHCOPN-001", "down", 3 * _HOUR),  # nobody wrote a ticket
    Trouble(CUT[0][1], "down", CUT_AGO + _HOUR / 2, 20 * _HOUR),
    Trouble(CUT[1][1], "down", CUT_AGO + _HOUR / 2, 17 * _HOUR),
    Trouble(CUT[2][1], "down", CUT_AGO + _HOUR / 2),
    Trouble("CERN-PIC-LHCOPN-001", "down", 80 * _MINUTE),  # in a window
    Trouble("CERN-CNAF-LHCOPN-001", "degraded", 9 * _HOUR),
)
UNWATCHED: Final = "CERN-IHEP-LHCOPN-001"
"""The link of today of which no source says anything."""
DEAD_ADDRESS: Final = "old-noc-demo@example.org"
"""It no longer exists, but a ticket still names it."""
_DAYS_WAITED: Final = 7
"""Working days for which the overdue reply is waited for: the portal has reminded of it once."""


def tonight(now: datetime) -> Iterator[Story]:
    """The stories as they are at ``now`` (UTC)."""
    now = now.replace(second=0, microsecond=0)
    yield from _troubles(now)
    yield from _works(now)
    yield from _waiting(now)
    yield from _over(now)


def _incident(title: str, description: str, **others: Any) -> NewTicket:
    return NewTicket(title=title, description=description, **{"state": State.ASSIGNED, **others})


def _taken(at: datetime, comment: str, **others: Any) -> StoryStep:
    taken = {"state": State.IN_PROGRESS, "person_in_charge": OPERATOR, "public_comment": comment}
    return StoryStep(at, OPERATOR, {**taken, **others})


def _from_partner(at: datetime, number: str) -> dict[str, Any]:
    return {
        "origin_system": PARTNER_CODE,
        "origin_id": f"DEMO-{at:%Y%m}-{number}",
        "submitter_name": "network support",
    }


def _troubles(now: datetime) -> Iterator[Story]:
    """What came in within a day."""
    at = now - 8 * _HOUR
    yield Story(
        at,
        OPERATOR,
        _incident(
            "CRC errors on CERN-CNAF-LHCOPN-001",
            "The number of input errors rises by some hundred per minute. Transfers of large files"
            " are slow.",
            priority=Priority.URGENT,
            layer=Layer.L2,
            impact=Impact.DEGRADED,
            links=("CERN-CNAF-LHCOPN-001",),
            sites=("IT-INFN-CNAF",),
            event_start=at - _HOUR,
            carbon_copy=f"noc-demo@example.org; {DEAD_ADDRESS}",
        ),
        (
            _taken(at + _HOUR / 2, "The optics at the Tier-0 were changed, the errors stay."),
            StoryStep(
                now - 2 * _HOUR,
                OPERATOR,
                {
                    "public_comment": "The far end looks at its transmit side in the morning.",
                    "estimated_end": (now + _DAY).replace(minute=0),
                },
            ),
        ),
    )
    yield Story(
        now - 3 * _HOUR,
        REPORTER,
        _incident(
            "Receive power of CNAF-GRIDKA-LHCOPN-001 is near its limit",
            "It fell by 3 dB since yesterday. Nothing is lost yet.",
            priority=Priority.LESS_URGENT,
            layer=Layer.L2,
            impact=Impact.NONE,
            links=("CNAF-GRIDKA-LHCOPN-001",),
            sites=(REPORTERS_SITE,),
            event_start=now - 4 * _HOUR,
        ),
        (),
    )
    yield Story(
        now - 40 * _MINUTE,
        PARTNER,
        NewTicket(
            title="Transfers to US-T1-BNL fail",
            description="Transfers from several sites fail with a time-out. It is not known yet"
            " whether the network is the cause.",
            priority=Priority.URGENT,
            **_from_partner(now, "T01"),
        ),
        (),
    )
    at = now - 26 * _HOUR
    yield Story(
        at,
        PARTNER,
        NewTicket(
            title="Packet loss on CNAF-PIC-LHCONE-001",
            description="One-way loss of about 0.3% towards ES-PIC.",
            priority=Priority.NORMAL,
            layer=Layer.PERFORMANCE,
            impact=Impact.DEGRADED,
            network=Network.LHCONE,
            **_from_partner(now, "T02"),
        ),
        (_taken(at + 2 * _HOUR, "The loss follows one member of the bundle."),),
        repeated=True,
    )


def _works(now: datetime) -> Iterator[Story]:
    """Works of which two are under way."""
    hour = now.replace(minute=0)
    yield _work(
        now - 6 * _DAY,
        "Planned fibre work on CERN-PIC-LHCOPN-001",
        "A cable is moved because of road works. One interruption of at most four hours is expected"
        " within the window.",
        (hour - 2 * _HOUR, hour + 4 * _HOUR),
        begun="Work has begun, the circuit is down.",
        impact=Impact.OUTAGE,
        links=("CERN-PIC-LHCOPN-001",),
    )
    yield _work(
        now - 8 * _DAY,
        "Software upgrade of optical equipment, CERN-BNL-LHCONE-001",
        "The provider upgrades its optical equipment. Short interruptions are possible.",
        (hour - _HOUR, hour + 5 * _HOUR),
        begun="Work has begun.",
        impact=Impact.DEGRADED,
        links=("CERN-BNL-LHCONE-001",),
        network=Network.LHCONE,
    )
    day = (now + 2 * _DAY).replace(hour=8, minute=0)
    yield _work(
        now - 5 * _DAY,
        "Router upgrade at NDGF",
        "The border router gets new software and restarts once. All sessions go down for about 20"
        " minutes.",
        (day, day + 2 * _HOUR),
        layer=Layer.L3,
        impact=Impact.OUTAGE,
        links=("CERN-NDGF-LHCOPN-001",),
        sites=("NDGF",),
    )


def _work(
    at: datetime,
    title: str,
    description: str,
    window: tuple[datetime, datetime],
    *,
    begun: str = "",
    **others: Any,
) -> Story:
    new = _incident(
        title,
        description,
        **{"layer": Layer.L2, **others},
        category=Category.MAINTENANCE,
        priority=Priority.LESS_URGENT,
        window_start=window[0],
        window_end=window[1],
    )
    confirmed = {"state": State.ON_HOLD, "public_comment": "The provider confirmed the window."}
    steps = (
        StoryStep(at + _HOUR, OPERATOR, confirmed),
        *((_taken(window[0] + 5 * _MINUTE, begun),) if begun else ()),
    )
    return Story(at, OPERATOR, new, steps)


def _waiting(now: datetime) -> Iterator[Story]:
    """A reply that is overdue, one that is not, and a trouble that came back."""
    asked = working_days_before(now, _DAYS_WAITED)
    yield Story(
        asked - 5 * _HOUR,
        OPERATOR,
        _incident(
            f"Low throughput from CA-TRIUMF to {REPORTERS_SITE}",
            "Tests show a tenth of the usual rate in one direction. Ping shows no loss.",
            priority=Priority.LESS_URGENT,
            layer=Layer.PERFORMANCE,
            impact=Impact.DEGRADED,
            network=Network.LHCONE,
            links=("CERN-TRIUMF-LHCONE-001",),
            sites=("CA-TRIUMF", REPORTERS_SITE),
            event_start=asked - 9 * _HOUR,
        ),
        (
            _taken(asked - 4 * _HOUR, "The loss appears only with large packets."),
            _asking(asked, f"What MTU does the border router of {REPORTERS_SITE} use?"),
        ),
    )
    at = now - 28 * _HOUR
    yield Story(
        at,
        OPERATOR,
        _incident(
            "BGP flapping between US-FNAL-CMS and CH-CERN",
            "The session goes down about once a day for less than a minute; the hold timer"
            " expires. No effect on transfers was noticed.",
            priority=Priority.LESS_URGENT,
            layer=Layer.L3,
            impact=Impact.NONE,
            links=("CERN-FNAL-LHCOPN-001",),
            sites=("US-FNAL-CMS",),
            event_start=at - 20 * _HOUR,
        ),
        (
            _taken(at + _HOUR, "Debugging was switched on at the Tier-0."),
            _asking(at + 8 * _HOUR, "Please send the log of the last drop at your end."),
        ),
    )
    at = now - 2 * _DAY
    yield Story(
        at,
        OPERATOR,
        _incident(
            "NDGF-SARA-LHCOPN-001 flapping",
            "Eleven short interruptions within half an hour, each of some seconds.",
            priority=Priority.LESS_URGENT,
            layer=Layer.L2,
            impact=Impact.REDUCED,
            links=("NDGF-SARA-LHCOPN-001",),
            sites=("NDGF", "NL-T1"),
            event_start=at - _HOUR,
        ),
        (
            _taken(at + _HOUR, "BGP was shut down on this circuit until it is stable."),
            StoryStep(
                at + 20 * _HOUR,
                OPERATOR,
                {"state": State.SOLVED, "solution": "A dirty connector was cleaned."},
            ),
            StoryStep(
                now - 6 * _HOUR,
                OPERATOR,
                {"state": State.REOPENED, "public_comment": REOPENED},
            ),
        ),
    )


def _asking(at: datetime, question: str) -> StoryStep:
    return StoryStep(at, OPERATOR, {"state": State.WAITING, "public_comment": question})


def _over(now: datetime) -> Iterator[Story]:
    """What ended in the last days: one to verify, one verified, one unsolved."""
    yield _ended(
        now - 3 * _DAY,
        REPORTER,
        _incident(
            f"Prefix of {REPORTERS_SITE} not accepted by PL-T1-NCBJ",
            "192.0.2.0/24 is announced, but not accepted; its traffic takes the general internet"
            " path.",
            priority=Priority.URGENT,
            layer=Layer.L3,
            impact=Impact.DEGRADED,
            sites=(REPORTERS_SITE, "PL-T1-NCBJ"),
        ),
        "The prefix is missing in the filter; the change is planned for today.",
        "The prefix list was amended. The route is seen at both ends.",
    )
    yield _ended(
        now - 4 * _DAY,
        OPERATOR,
        _incident(
            "Short interruptions on CERN-JINR-LHCOPN-001",
            "Three interruptions of a few seconds within an hour.",
            priority=Priority.LESS_URGENT,
            layer=Layer.L2,
            impact=Impact.DEGRADED,
            links=("CERN-JINR-LHCOPN-001",),
            sites=("RU-JINR-T1",),
        ),
        "The provider sees nothing on its side.",
        NOT_UNDERSTOOD,
        State.UNSOLVED,
    )
    yield _ended(
        now - 5 * _DAY,
        OPERATOR,
        _incident(
            "Border router of NRC-KI-T1 does not answer",
            "The router is not reachable; all sessions are down.",
            priority=Priority.TOP,
            layer=Layer.L3,
            impact=Impact.OUTAGE,
            links=("CERN-RRCK1-LHCOPN-001",),
            sites=("NRC-KI-T1",),
        ),
        "Somebody is on the way to the machine room.",
        "The supervisor module was replaced and the sessions are up.",
        State.VERIFIED,
    )


def _ended(
    at: datetime,
    who: str,
    new: NewTicket,
    comment: str,
    solution: str,
    end: State = State.SOLVED,
) -> Story:
    over = at + 20 * _HOUR
    solved = State.UNSOLVED if end is State.UNSOLVED else State.SOLVED
    steps = [
        _taken(at + _HOUR, comment),
        StoryStep(
            over,
            OPERATOR,
            {"state": solved, "solution": solution, "event_end": over - 20 * _MINUTE},
        ),
    ]
    if end is State.VERIFIED:
        steps.append(StoryStep(over + 3 * _HOUR, who, {"state": end, "public_comment": VERIFIED}))
    return Story(at, who, replace(new, event_start=at - _HOUR), tuple(steps))
