"""Plain mails with "Name: value" lines, as NRENs write them: a draft of a ticket for a person.

Source of the format: HEAnet's announcements of 2008 (Ticket Number, Problem Start and End in UTC,
Site/line, Problem Description), in one column or in two. Only times that can be only one time are
used; what is unclear about another one is said in the draft.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from app.core.rules.mails.carrier_times import UnclearTime, time_in, window_in
from app.core.rules.mails.mail_lines import columns_of
from app.core.rules.texts import TITLE_LIMIT
from app.notices.rules.notices import MAX_ID_LENGTH, Draft, cut_line
from app.tickets.rules.tickets import State

_T = TypeVar("_T")


def guess(text: str, subject: str = "") -> Draft:
    """Guess a draft from the lines of any mail."""
    said: dict[str, str] = {}
    for columns in columns_of(text[:_LOOKED_AT].splitlines(), _NAMES):
        for column in columns:
            match = _FIELD.match(column)
            if match is not None and match[3].strip():
                zone = f" ({match[2].strip()})" if match[2] else ""  # "Start Time (UTC): ..."
                said.setdefault(match[1].strip().casefold(), match[3].strip() + zone)
    title = subject or next((said[name] for name in _TITLES if name in said), "")
    unclear: list[str] = []
    start, end = (_first(names, said, time_in, unclear) for names in (_STARTS, _ENDS))
    if start is None and end is None and not unclear:
        start, end = _first(_WINDOWS, said, window_in, unclear) or (None, None)
    if start is not None and end is not None and end < start:
        end = None
    reference = next((said[name] for name in _REFERENCES if name in said), "")
    status = next((said[name] for name in _STATUSES if name in said), "")
    return Draft(
        cut_line(title, TITLE_LIMIT),
        cut_line(reference, MAX_ID_LENGTH),
        start,
        end,
        cut_line(status, _STATUS_LENGTH).upper(),
        "; ".join(unclear),
    )


def _first(
    names: Sequence[str],
    said: Mapping[str, str],
    read: Callable[[str], _T | None],
    unclear: list[str],
) -> _T | None:
    """What the first field with a time states; if that is unclear, nothing, and the reason."""
    for name in names:
        try:
            found = read(said.get(name, ""))
        except UnclearTime as error:
            unclear.append(f"{name} “{cut_line(said[name], _SHOWN)}”: {error}")
            return None
        if found is not None:
            return found
    return None


def ended_as(status: str) -> str:
    """The state of a ticket whose work has this status in a plain mail, "" = not ended."""
    return _ENDED_AS.get(status.casefold(), "")


_LOOKED_AT: Final = 64 * 1024
"""Characters of a mail that are searched for fields."""
_SHOWN: Final = 60
_FIELD = re.compile(
    r"[ \t>*]{0,20}([A-Za-z][A-Za-z /&_-]{1,40}?)[ \t]{0,40}"
    r"(?:\(([A-Za-z+:0-9 -]{1,20})\)[ \t]{0,40})?:[ \t*]{0,40}(.{0,500})"
)
"""A name, a zone or a hint in brackets, and the value."""
_TITLES: Final = ("subject", "summary", "title", "problem description", "site/line")
_STARTS: Final = (
    "problem start",
    "start",
    "start time",
    "start date",
    "maintenance start",
    "window start",
    "begin",
    "scheduled start",
    "start date and time",
    "start date & time",
    "start date/time",
    "start date time",
    "scheduled start time",
    "planned start",
    "planned start time",
    "maintenance start time",
    "activity start",
)
_ENDS: Final = (
    "problem end",
    "end",
    "end time",
    "end date",
    "maintenance end",
    "window end",
    "scheduled end",
    "end date and time",
    "end date & time",
    "end date/time",
    "end date time",
    "scheduled end time",
    "planned end",
    "planned end time",
    "maintenance end time",
    "activity end",
)
_WINDOWS: Final = (
    "window",
    "maintenance window",
    "planned window",
    "outage window",
    "scheduled window",
    "time window",
    "date and time",
    "date time",
    "date/time",
    "schedule",
    "when",
)
_REFERENCES: Final = (
    "ticket number",
    "ticket",
    "reference",
    "maintenance id",
    "change id",
    "ticket id",
)
_STATUSES: Final = ("ticket status", "status")
_NAMES: Final = frozenset((*_TITLES, *_STARTS, *_ENDS, *_WINDOWS, *_REFERENCES, *_STATUSES))
_STATUS_LENGTH: Final = 50
_ENDED_AS: Final = {
    **dict.fromkeys(("close", "closed", "completed", "resolved"), State.SOLVED),
    **dict.fromkeys(("cancel", "cancelled", "canceled"), State.UNSOLVED),
}
