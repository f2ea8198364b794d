"""When a message is sent again, when it is given up, and when a webhook is switched off.

A message that failed waits for its own pause, and those about the same ticket wait behind it. The
whole webhook rests only if the receiver as such is away: no connection or no answer. An answer that
is an error concerns its message: messages about other tickets are sent at once after the first
error, and with a short gap while nothing but errors comes, so that a receiver that refuses
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
"""After the first failure, the second and so on; the last one from then on."""
GAP: Final = timedelta(seconds=3)
"""Between two messages while a receiver answers nothing but errors: a message about another ticket
waits this long at most, and a receiver that refuses everything gets 20 calls a minute at most."""
LONGEST_PAUSE: Final = timedelta(days=1)
"""However much longer a receiver asks for."""
KEPT_WAITING: Final = timedelta(days=7)
"""A message that could not be delivered for so long is given up."""
OFF_AFTER: Final = timedelta(days=7)
"""A webhook of which nothing but failures came for so long is switched off."""
KEPT: Final = timedelta(days=30)
"""How long a message is listed."""
GONE: Final = 410


class State(StrEnum):
    """What happened to a message."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"
    DROPPED = "dropped"
    """Its owner may not read it any more."""


class Off(StrEnum):
    """Why a webhook is off."""

    PERSON = "person"
    FAILURES = "failures"
    GONE = "gone"
    OWNER = "owner"
    SESSIONS = "sessions"
    FILTER = "filter"


OFF_WORDS: Final[Mapping[str, str]] = {
    Off.PERSON: _("It was switched off by hand."),
    Off.FAILURES: _("It was switched off: for a week nothing but failures came from the address."),
    Off.GONE: _("It was switched off: the address answered 410, which means that it is gone."),
    Off.OWNER: _("It was switched off: the account whose rights it has is disabled."),
    Off.SESSIONS: _("It was switched off when the sessions of its owner were ended."),
    Off.FILTER: _("It was switched off: its filter cannot be read any more. Edit it."),
}


class Failure(StrEnum):
    """Why an attempt failed; a status other than success has no word but ``STATUS``."""

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
"""Failures of all messages alike: nobody answered, or nothing can be signed."""
_OF_ALL: Final = frozenset({429, 503})
"""Answers whose Retry-After concerns every message (RFC 6585, 4; RFC 9110, 15.6.4)."""

FAILURE_WORDS: Final[Mapping[str, str]] = {
    Failure.CONNECTION: _(
        "No connection. The host's name must be known on the internet, and its address must be a"
        " public one that takes calls from outside."
    ),
    Failure.TIME: _("No whole answer within 10 seconds. Answer first, then work."),
    Failure.BROKEN: _("The connection broke off, or what came was no HTTP."),
    Failure.LARGE: _("The answer is larger than 64 kB; an empty one is enough."),
    Failure.REDIRECT: _(
        "It redirects to another address. Redirects are not followed: enter the final address."
    ),
    Failure.STATUS: _("The answer's status means failure; success is 200 to 299."),
    Failure.KEY: _("The secrets cannot be read: the portal's key changed. Add a new secret."),
    Failure.OLD: _("It could not be delivered for 7 days and was given up."),
    Failure.RIGHTS: _("Not sent: its owner may not read this any more."),
}


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver a message, and what came back."""

    status: int | None
    answered: str
    milliseconds: int
    failure: Failure | None = None
    retry_after: timedelta | None = None
    """The pause that the receiver asked for."""
    asked: str = ""
    """The message as it was sent."""


def pause_after(failures: int) -> timedelta:
    """The pause after so many failures in a row."""
    return PAUSES[min(max(failures, 1), len(PAUSES)) - 1]


def pause_of_message(attempts: int, attempt: Attempt) -> timedelta:
    """How long a message waits that failed so many times: at least as long as its answer asked."""
    return max(pause_after(attempts), _asked(attempt))


def rest_of_webhook(unanswered: int, attempt: Attempt, *, is_first: bool) -> timedelta:
    """How long nothing at all is sent after a failure.

    ``unanswered`` is how many attempts in a row got no answer, ``is_first`` whether the attempt
    before was a success.
    """
    if attempt.failure in UNANSWERED:
        return pause_after(unanswered)
    asked = _asked(attempt) if attempt.status in _OF_ALL else timedelta(0)
    return asked if is_first else max(asked, GAP)


def _asked(attempt: Attempt) -> timedelta:
    return min(attempt.retry_after or timedelta(0), LONGEST_PAUSE)


def reason_to_end(failing_since: datetime, now: datetime, attempt: Attempt) -> Off | None:
    """Why a failure is the last one, or None."""
    if attempt.status == GONE:
        return Off.GONE
    return Off.FAILURES if is_hopeless(failing_since, now) else None


def is_hopeless(failing_since: datetime | None, now: datetime) -> bool:
    """Whether nothing but failures came for so long that it is switched off."""
    return failing_since is not None and now - failing_since >= OFF_AFTER
