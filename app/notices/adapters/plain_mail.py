"""Plain mails with "Name: value" lines, as NRENs write them: a draft of a ticket for a person.

Source of the format: HEAnet's announcements of 2008 (Ticket Number, Problem Start and End in UTC,
Site/line, Problem Description), in one column or in two. Only times marked UTC, GMT or Z are used.
"""

from __future__ import annotations

import re
from typing import Final

from app.core.rules.mails.mail_lines import columns_of, utc_time
from app.core.rules.texts import TITLE_LIMIT
from app.notices.rules.notices import MAX_ID_LENGTH, Draft, cut_line
from app.tickets.rules.tickets import State


def guess(text: str, subject: str = "") -> Draft:
    """Guess a draft from the lines of any mail."""
    said: dict[str, str] = {}
    for columns in columns_of(text[:_LOOKED_AT].splitlines(), _NAMES):
        for column in columns:
            match = _FIELD.match(column)
            if match is not None and match[2].strip():
                said.setdefault(match[1].strip().casefold(), match[2].strip())
    title = subject or next((said[name] for name in _TITLES if name in said), "")
    start = next(filter(None, (utc_time(said.get(name, "")) for name in _STARTS)), None)
    end = next(filter(None, (utc_time(said.get(name, "")) for name in _ENDS)), None)
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
    )


def ended_as(status: str) -> str:
    """The state of a ticket whose work has this status in a plain mail, "" = not ended."""
    return _ENDED_AS.get(status.casefold(), "")


_LOOKED_AT: Final = 64 * 1024
"""Characters of a mail that are searched for fields."""
_FIELD = re.compile(r"[ \t>*]{0,20}([A-Za-z][A-Za-z /_-]{1,40}?)[ \t]{0,40}:[ \t]{0,40}(.{0,500})")
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
)
_ENDS: Final = (
    "problem end",
    "end",
    "end time",
    "end date",
    "maintenance end",
    "window end",
    "scheduled end",
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
_NAMES: Final = frozenset((*_TITLES, *_STARTS, *_ENDS, *_REFERENCES, *_STATUSES))
_STATUS_LENGTH: Final = 50
_ENDED_AS: Final = {
    **dict.fromkeys(("close", "closed", "completed", "resolved"), State.SOLVED),
    **dict.fromkeys(("cancel", "cancelled", "canceled"), State.UNSOLVED),
}
