"""Teleconferences (TCs) of the operations group: requested, set, held; and their agenda.

The regular ones are a series that the chair cancels until further notice and takes up again; a TC
is then established on request. The chair is every operator and admin. Times are UTC.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from app.core.rules.access import Actor, ActorKind
from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.reports.rules.reports import is_chair

TELECONFERENCE: Final = "teleconference"
"""The kind of a TC in the change log."""
SERIES: Final = "TC series"
"""The kind of the series there; its thing is the time for which it was cancelled."""
MAX_TIMES: Final = 5
MAX_TICKETS: Final = 20
MAX_POINTS: Final = 50
"""Points of the agenda that the chair adds."""
MIN_LENGTH, MAX_LENGTH, USUAL = 10, 480, 60
"""Length of a TC in minutes."""
AHEAD: Final = timedelta(days=400)
"""How far ahead a TC may lie; more is a slip of the pen."""
FIRST_QUARTER: Final = Quarter(2009, 1)
"""The first one of which the group reports (decisions, section 9: R2009)."""


class TcState(StrEnum):
    """What is stored."""

    ASKED = "asked"
    SET = "set"
    HELD = "held"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class Method(StrEnum):
    """What a calendar program is to do with an invitation (RFC 5546)."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"
    PUBLISH = "PUBLISH"


@dataclass(frozen=True)
class Invitation:
    """A TC as one person's calendar receives it.

    ``uid`` stays, ``sequence`` rises with each that differs. Without ``attendee`` it
    is nobody's in particular.
    """

    method: Method
    uid: str
    sequence: int
    stamp: datetime
    start: datetime
    minutes: int
    summary: str
    description: str
    place: str
    url: str
    organizer: str
    """Mail address."""
    organizer_name: str
    attendee: str = ""
    """Mail address."""
    attendee_name: str = ""
    is_cancelled: bool = False

    @property
    def end(self) -> datetime:
        """When it ends."""
        return self.start + timedelta(minutes=self.minutes)


WriteInvitation = Callable[[Invitation], str]
"""The port: an invitation as iCalendar (RFC 5545), lines ended by CR LF."""


def page_of(number: int) -> str:
    """Where a TC is read, from the portal's root."""
    return f"/reports/teleconferences/{number}"


# ---- who may do what ----


def require_asking(actor: Actor) -> None:
    """Raise ``Forbidden`` unless a person is logged in: all of them may ask and join."""
    if actor.kind is not ActorKind.PERSON or actor.scopes is not None:
        raise Forbidden(_("Only logged-in people may request, join or leave a meeting"))


def require_chair(actor: Actor, what: str) -> None:
    """Raise ``Forbidden`` unless this is the chair."""
    if not is_chair(actor):
        raise Forbidden(_("Only operators and admins may %(what)s", what=what))


def may_withdraw(actor: Actor, state: str, requested_by: int | None) -> bool:
    """Whether this is the person who requested it, and nothing was decided yet."""
    return (
        state == TcState.ASKED
        and actor.kind is ActorKind.PERSON
        and actor.scopes is None
        and actor.account_id == requested_by
    )


def require_state(state: str, allowed: Sequence[TcState], what: str) -> None:
    """Raise ``MoveNotAllowed`` where a TC is not in one of these states."""
    if state not in allowed:
        raise MoveNotAllowed(
            _("This meeting is %(state)s: it cannot be %(what)s", state=state, what=what)
        )


# ---- values ----


def needed_text(name: str, value: str, limit: int, label: str) -> str:
    """A text that must say something, without blanks around it; raises ``Invalid``."""
    text = checked_text(name, value.strip(), limit, label=label)
    if not text:
        raise Invalid(name, _("%(label)s is required", label=label))
    return text


def one_line_text(name: str, value: str, label: str, *, needed: bool = True) -> str:
    """The same in one line of at most 255 characters."""
    text = value.strip()
    if len(text.splitlines()) > 1:
        raise Invalid(name, _("%(label)s: use a single line", label=label))
    if needed:
        return needed_text(name, text, SHORT_TEXT_LIMIT, label)
    return checked_text(name, text, SHORT_TEXT_LIMIT, label=label)


def checked_start(name: str, start: datetime | None, now: datetime) -> datetime:
    """When a TC is to begin: ahead, and not too far; raises ``Invalid``."""
    if start is None:
        raise Invalid(name, _("Enter a time"))
    start = start.astimezone(UTC)
    if start <= now:
        raise Invalid(
            name, _("%(start)s UTC is in the past", start=format(start, "%Y-%m-%d %H:%M"))
        )
    if start > now + AHEAD:
        raise Invalid(name, _("Enter a time within the next %(days)s days", days=AHEAD.days))
    return start


def checked_times(times: Iterable[datetime], now: datetime) -> Sequence[datetime]:
    """The times that are proposed, in their order, each once; raises ``Invalid`` on ``times``."""
    found = sorted({checked_start("times", one, now) for one in times})
    if not 1 <= len(found) <= MAX_TIMES:
        raise Invalid("times", _("Propose 1 to %(max_times)s times", max_times=MAX_TIMES))
    return found


def checked_minutes(minutes: int | None) -> int:
    """How long a TC lasts; raises ``Invalid`` on ``length``."""
    if minutes is None or not MIN_LENGTH <= minutes <= MAX_LENGTH:
        raise Invalid(
            "length",
            _(
                "Enter %(min_length)s to %(max_length)s minutes",
                min_length=MIN_LENGTH,
                max_length=MAX_LENGTH,
            ),
        )
    return minutes


def checked_quarter(text: str, now: datetime) -> str:
    """A quarter that has started, as it is stored; "" stays; raises ``Invalid``."""
    if not text:
        return ""
    quarter = Quarter.parse(text, "quarter")
    if quarter < FIRST_QUARTER or quarter.is_future(now):
        raise Invalid(
            "quarter",
            _(
                "Choose a quarter from %(first_quarter)s to %(of)s",
                first_quarter=FIRST_QUARTER,
                of=Quarter.of(now),
            ),
        )
    return str(quarter)


def is_linked(address: str) -> bool:
    """Whether a typed address may become a link: a page of the portal, or http(s) with a host."""
    if address.startswith("/"):
        return not address.startswith("//") and "\\" not in address
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def checked_address(name: str, value: str) -> str:
    """The address to which a point of the agenda leads; "" = nowhere; raises ``Invalid``."""
    text = one_line_text(name, value, _("Address"), needed=False)
    if text and (not is_linked(text) or any(letter.isspace() for letter in text)):
        raise Invalid(
            name,
            _(
                "Address: enter a page of the portal (/tickets/12) "
                "or an https:// or http:// address"
            ),
        )
    return text


# ---- the agenda ----


class PointKind(StrEnum):
    """Where a point of the agenda comes from."""

    MISSING = "missing reports"
    UNDOCUMENTED = "undocumented events"
    STANDING = "long-standing tickets"
    TICKET = "ticket"
    OWN = "own"


@dataclass(frozen=True)
class AgendaPoint:
    """One point, with what is under it. What it is about has an address on the web floor."""

    kind: PointKind
    text: str
    quarter: str = ""
    site: str = ""
    ticket: int | None = None
    address: str = ""
    """Of the chair's own points."""
    key: int | None = None
    """Of the chair's own points: by which one is taken off."""
    parts: tuple[AgendaPoint, ...] = field(default_factory=tuple)


def agenda_text(points: Iterable[AgendaPoint]) -> str:
    """As it is stored with a TC that was held."""
    return json.dumps([asdict(point) for point in points], ensure_ascii=False)


def agenda_from_text(text: str) -> Sequence[AgendaPoint]:
    """What ``agenda_text`` made."""
    return [_point(one) for one in json.loads(text)]


def _point(kept: Mapping[str, Any]) -> AgendaPoint:
    parts = tuple(_point(one) for one in kept["parts"])
    return AgendaPoint(**{**kept, "kind": PointKind(kept["kind"]), "parts": parts})
