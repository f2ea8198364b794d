"""Network events as sources report them: the content of a message, and what is allowed.

One message is about one event, identified by its source and the source's own id. The first one
needs a link or site, a state and a start; a later one closes or corrects the event, and what it
omits is unchanged. All interfaces use ``read_event``, so that they accept the same values and
report the same errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.file_problems import Problem
from app.core.rules.language import _
from app.core.rules.texts import LONG_TEXT_LIMIT, SHORT_TEXT_LIMIT, checked_text
from app.tickets.rules.tickets import Layer

COLUMNS: Final = (
    "source",
    "source_id",
    "link",
    "site",
    "state",
    "start",
    "end",
    "layer",
    "detail",
)
"""The columns of files of events, and the keys of the JSON form."""
MAX_AT_ONCE: Final = 10_000
"""Most events in one call."""
MAX_SOURCES: Final = 50
"""Most sources in one call."""
CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""How far a start or end may be in the future: the source has its own clock."""
MAX_SOURCE_LENGTH: Final = 50
MAX_KEY_LENGTH: Final = SHORT_TEXT_LIMIT
MAX_DETAIL_LENGTH: Final = LONG_TEXT_LIMIT
LIMITS: Final[Mapping[str, int]] = {
    "source": MAX_SOURCE_LENGTH,
    "source_id": MAX_KEY_LENGTH,
    "link": SHORT_TEXT_LIMIT,
    "site": SHORT_TEXT_LIMIT,
    "detail": MAX_DETAIL_LENGTH,
}
"""Most characters of the texts."""
A_TIME: Final = _("an ISO 8601 time with its zone, such as 2013-03-06T10:05:00Z or ...+01:00")
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ](?P<hour>\d\d):\d\d(?::\d\d(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DECIMAL_COMMA: Final = re.compile(r".*\d,\d.*", re.ASCII)


class EventState(StrEnum):
    """What was wrong. ``unmonitored`` = the state of the link is unknown: not an outage."""

    DOWN = "down"
    DEGRADED = "degraded"
    UNMONITORED = "unmonitored"


_STATES: Final = {str(state): str(state) for state in EventState}
_LAYERS: Final = {str(layer).casefold(): str(layer) for layer in Layer} | {
    "l1": str(Layer.L2),
    "l2": str(Layer.L2),
    "": str(Layer.UNKNOWN),
}


def layer_of(word: str) -> str:
    """The layer that a word means, or ``unknown``."""
    return _LAYERS.get(word.strip().casefold(), str(Layer.UNKNOWN))


@dataclass(frozen=True, slots=True)
class EventMessage:
    """The content of one message about one event. None = not stated, so unchanged."""

    place: int
    """Line of a file; position in a list, from 0."""
    where: str
    """The same in words: ``line 7``, ``event 7``."""
    source: str
    source_id: str
    link: str | None = None
    """A link's id; "" = no link."""
    site: str | None = None
    """Any name of a site; "" = no site."""
    state: str | None = None
    start: datetime | None = None
    """UTC."""
    end: datetime | None = None
    """UTC. None: see ``is_open``."""
    is_open: bool = False
    """Whether it states that the event is ongoing; otherwise ``end`` None means not stated. For an
    event that has ended since its start, the message counts as overtaken and changes nothing: a
    late or repeated message must not create an outage of months."""
    layer: str | None = None
    detail: str | None = None
    problems: tuple[Problem, ...] = ()
    """What cannot be read; the other values are filled in as far as possible."""
    retold: bool = False
    """The source repeats its messages, and each period has its own id: an event that has ended
    stays ended, because messages may overtake each other, and start and detail stay those of the
    first message."""
    reopens: bool = False
    """Somebody deliberately states that it is ongoing, even if an end was reported."""


def read_event(place: int, where: str, given: Mapping[str, str | None]) -> EventMessage:
    """Read the message in these texts, by column; a missing column means not stated.

    None or an empty text means "none" (for the end: ongoing, unless it has ended by now). Unknown
    columns are rejected by the caller. Errors are in ``problems``; nothing is raised.
    """
    problems: list[Problem] = []

    def wrong(column: str, value: str, allowed: str) -> None:
        problems.append(Problem(where, column, value, allowed))

    texts = _texts(given, wrong)
    return EventMessage(
        place,
        where,
        texts["source"] or "",
        texts["source_id"] or "",
        texts["link"],
        texts["site"],
        _word("state", given, _STATES, _("one of %(listed)s", listed=", ".join(EventState)), wrong),
        _moment("start", given, wrong, needed=True),
        _moment("end", given, wrong),
        "end" in given and not (given["end"] or "").strip(),
        _word(
            "layer",
            given,
            _LAYERS,
            _("one of %(listed)s, or empty", listed=", ".join(Layer)),
            wrong,
        ),
        texts["detail"],
        tuple(problems),
    )


_Wrong = Callable[[str, str, str], None]


def _texts(given: Mapping[str, str | None], wrong: _Wrong) -> dict[str, str | None]:
    texts: dict[str, str | None] = {}
    for column, limit in LIMITS.items():
        text = None
        if column in given:
            text = given[column] or ""
            if column != "detail":
                text = text.strip()
            try:
                checked_text(column, text, limit)
            except Invalid as error:
                wrong(column, text, error.message)
        texts[column] = text
    for column in ("source", "source_id"):
        if not texts[column]:
            wrong(column, "", _("a text of 1 to %(limits)s characters", limits=LIMITS[column]))
    return texts


def _word(
    column: str,
    given: Mapping[str, str | None],
    known: Mapping[str, str],
    allowed: str,
    wrong: _Wrong,
) -> str | None:
    if column not in given:
        return None
    said = given[column] or ""
    word = known.get(said.strip().casefold())
    if word is None:
        wrong(column, said, allowed)
    return word


def _moment(
    column: str, given: Mapping[str, str | None], wrong: _Wrong, *, needed: bool = False
) -> datetime | None:
    said = given.get(column) or ""
    if said.strip():
        try:
            return read_moment(said)
        except ValueError as error:
            wrong(column, said, str(error))
    elif needed and column in given:
        wrong(column, "", A_TIME)
    return None


def read_moment(text: str) -> datetime:
    """Read a time with its zone, in UTC; fractions below a microsecond are dropped.

    Raises ``ValueError`` with what is allowed, and whether only the zone is missing.
    """
    stripped = text.strip()
    found = _TIME.fullmatch(stripped)
    if found is None:
        if _DAY.fullmatch(stripped):
            raise ValueError(
                _("%(a_time)s; the time of day and the zone are missing", a_time=A_TIME)
            )
        if _DECIMAL_COMMA.fullmatch(stripped):
            raise ValueError(
                _("%(a_time)s; write fractions of a second after a point", a_time=A_TIME)
            )
        raise ValueError(A_TIME)
    if found["zone"] is None:
        raise ValueError(
            _("%(a_time)s; the zone is missing (UTC is a Z at the end)", a_time=A_TIME)
        )
    if found["fraction"] and len(found["fraction"]) > 6:
        begin, end = found.span("fraction")
        stripped = stripped[: begin + 6] + stripped[end:]
    try:
        if found["hour"] == "24":  # Python reads it from 3.14 on
            raise ValueError
        moment = datetime.fromisoformat(stripped).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            _("%(a_time)s; this day, hour or zone does not exist", a_time=A_TIME)
        ) from None
    if moment < _EARLIEST:
        raise ValueError(_("%(a_time)s, not before 1990", a_time=A_TIME))
    return moment


@dataclass(frozen=True, slots=True)
class Content:
    """The known facts of an event after a message. Times are UTC."""

    link: int | None
    site: int | None
    link_text: str
    """As sent, if the registry does not know it."""
    site_text: str
    state: str
    start: datetime
    end: datetime | None
    layer: str
    detail: str


def wrong_times(start: datetime, end: datetime | None, now: datetime) -> Iterator[tuple[str, str]]:
    """Column and what is allowed, for impossible times."""
    latest = now + CLOCKS_DIFFER
    minutes = int(CLOCKS_DIFFER.total_seconds() // 60)
    if start > latest:
        yield (
            "start",
            _("a time in the past (clocks may differ by %(minutes)s minutes)", minutes=minutes),
        )
    if end is not None and end < start:
        yield "end", _("no time before the event's start")
    elif end is not None and end > latest:
        yield (
            "end",
            _(
                "a time in the past (clocks may differ by %(minutes)s minutes), or empty",
                minutes=minutes,
            ),
        )


def as_text(moment: datetime | None) -> str:
    """A time as in files and answers: ISO 8601 with Z, with a fraction only if not zero."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
