"""When a message is retried or given up, and when a webhook is switched off.

A failed message waits for its own pause, and later messages about the same ticket wait behind it.
The whole webhook rests only if the receiver itself is unavailable: no connection or no answer. An
error answer concerns only its message: messages about other tickets are sent at once after the
first error, and with a short gap while all answers are errors, so that a receiver that refuses
everything is not flooded either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.core.rules.language import _

PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)
"""After the first failure, the second and so on; the last one is repeated."""
GAP: Final = timedelta(seconds=3)
"""Between two messages while all answers of a receiver are errors: a message about another ticket
waits at most this long, and a receiver that refuses everything gets at most 20 calls a minute."""
LONGEST_PAUSE: Final = timedelta(days=1)
"""Even if a receiver requests a longer one."""
MAX_WAITING: Final = timedelta(days=7)
"""A message that could not be delivered for this long is given up."""
OFF_AFTER: Final = timedelta(days=7)
"""A webhook with nothing but failures for this long is switched off."""
RETENTION: Final = timedelta(days=30)
"""How long a message is listed."""
GONE: Final = 410


class State(StrEnum):
    """What happened to a message."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"
    DROPPED = "dropped"
    """Its owner may no longer read it."""


class Off(StrEnum):
    """Why a webhook is off."""

    PERSON = "person"
    FAILURES = "failures"
    GONE = "gone"
    OWNER = "owner"
    SESSIONS = "sessions"
    FILTER = "filter"


OFF_WORDS: Final[Mapping[str, str]] = {
    Off.PERSON: _("A person switched it off."),
    Off.FAILURES: _("It was switched off: all attempts failed for a week."),
    Off.GONE: _("It was switched off: the address answered 410, which means that it is gone."),
    Off.OWNER: _("It was switched off: the account whose rights it has is disabled."),
    Off.SESSIONS: _("It was switched off when the sessions of its owner were ended."),
    Off.FILTER: _("It was switched off: its filter can no longer be read. Edit it."),
}


class Failure(StrEnum):
    """Why an attempt failed; all error statuses are ``STATUS``."""

    CONNECTION = "no connection"
    TIME = "no answer in time"
    BROKEN = "broken answer"
    LARGE = "answer too large"
    REDIRECT = "redirect"
    STATUS = "status"
    KEY = "unreadable secrets"
    OLD = "too old"
    RIGHTS = "no right"


UNANSWERED: Final = frozenset({Failure.CONNECTION, Failure.TIME, Failure.BROKEN, Failure.KEY})
"""Failures of all messages alike: no answer, or nothing can be signed."""
_OF_ALL: Final = frozenset({429, 503})
"""Answers whose Retry-After applies to every message (RFC 6585, 4; RFC 9110, 15.6.4)."""

FAILURE_WORDS: Final[Mapping[str, str]] = {
    Failure.CONNECTION: _(
        "No connection. The host name must resolve to a public address that accepts connections"
        " from the internet."
    ),
    Failure.TIME: _(
        "No complete response within 10 seconds. Respond before processing the message."
    ),
    Failure.BROKEN: _("The connection was closed, or the response was not HTTP."),
    Failure.LARGE: _("The response is larger than 64 kB; an empty one is enough."),
    Failure.REDIRECT: _(
        "It redirects to another address. Redirects are not followed: enter the final address."
    ),
    Failure.STATUS: _("The status of the response means failure; success is 200 to 299."),
    Failure.KEY: _("The secrets cannot be read: the portal's key changed. Add a new secret."),
    Failure.OLD: _("It could not be delivered for 7 days; there are no further attempts."),
    Failure.RIGHTS: _("Not sent: its owner may no longer read this."),
}


@dataclass(frozen=True)
class Attempt:
    """An attempt to deliver a message, and its result."""

    status: int | None
    answered: str
    milliseconds: int
    failure: Failure | None = None
    retry_after: timedelta | None = None
    """The pause that the receiver requested."""
    asked: str = ""
    """The message as it was sent."""


def pause_after(failures: int) -> timedelta:
    """The pause after so many failures in a row."""
    return PAUSES[min(max(failures, 1), len(PAUSES)) - 1]


def pause_of_message(attempts: int, attempt: Attempt) -> timedelta:
    """The pause of a message that failed so many times: at least what the answer requested."""
    return max(pause_after(attempts), _requested_pause(attempt))


def rest_of_webhook(unanswered: int, attempt: Attempt, *, is_first: bool) -> timedelta:
    """How long nothing at all is sent after a failure.

    ``unanswered`` is how many attempts in a row got no answer, ``is_first`` whether the previous
    attempt succeeded.
    """
    if attempt.failure in UNANSWERED:
        return pause_after(unanswered)
    pause = _requested_pause(attempt) if attempt.status in _OF_ALL else timedelta(0)
    return pause if is_first else max(pause, GAP)


def _requested_pause(attempt: Attempt) -> timedelta:
    return min(attempt.retry_after or timedelta(0), LONGEST_PAUSE)


def reason_to_end(failing_since: datetime, now: datetime, attempt: Attempt) -> Off | None:
    """Why a failure is the last one, or None."""
    if attempt.status == GONE:
        return Off.GONE
    return Off.FAILURES if is_hopeless(failing_since, now) else None


def is_hopeless(failing_since: datetime | None, now: datetime) -> bool:
    """Whether there were only failures for so long that the webhook is switched off."""
    return failing_since is not None and now - failing_since >= OFF_AFTER
