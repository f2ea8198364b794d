"""The one vocabulary of errors, raised by rules and services and translated once per door.

``number`` is the number that partners see in ``ERROR (n): ...``; it is stable, and documented in
``docs/fault-numbers.md``. 302 and 623 are the two that GGUS's own clients know. ``message`` is in
the words of the person or partner who reads it and never repeats a value that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.core.rules.language import _, joined


class PortalError(Exception):
    """Base of everything that a door may show. ``number`` is set by each subclass."""

    number = 900

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(PortalError):
    """A value that is not allowed. ``field`` is the ticket's field, ``message`` says what is."""

    number = 310

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidMany(Invalid):
    """Several values that are not allowed at once: ``problems`` maps field to message."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        first = next(iter(problems))
        super().__init__(first, joined("; ", problems.values()))
        self.problems = dict(problems)


class MoveNotAllowed(PortalError):
    """A change of state that the table of moves does not hold, a write on a final ticket, or an
    answer to a change that is not open."""

    number = 311


class InvalidQuery(PortalError):
    """A qualification (query) that cannot be read, or names a field that cannot be queried."""

    number = 312


class TooMuch(PortalError):
    """An answer or a request above a documented limit; ``message`` says how to page or split."""

    number = 313


class NotFound(PortalError):
    """No such thing, or one that this account may not know of: both answer alike."""

    number = 302

    def __init__(self, message: str = _("Entry does not exist in database")) -> None:
        super().__init__(message)


class NoSuchPeriod(NotFound):
    """There is nothing of this period for anybody, so ``message`` may be shown to all."""


class Forbidden(PortalError):
    """Known, but not allowed; ``message`` names the right that is missing."""

    number = 330


class OriginConflict(PortalError):
    """An origin id was sent again with other content for a ticket that is closed by now."""

    number = 340

    def __init__(self, ticket_number: int) -> None:
        super().__init__(
            _(
                "This origin id belongs to ticket %(ticket_number)s, which is closed, and the"
                " content differs from the first request; use a new origin id, or"
                " change that ticket",
                ticket_number=ticket_number,
            )
        )
        self.ticket_number = ticket_number


@dataclass(frozen=True)
class Difference:
    """One field that somebody else changed meanwhile: what it was, is, and was meant to be."""

    field: str
    base: object
    theirs: object
    mine: object


class EditConflict(PortalError):
    """The thing was changed by somebody else since the form was opened."""

    number = 341

    def __init__(
        self, current_version: int, differences: tuple[Difference, ...], thing: str = "ticket"
    ) -> None:
        super().__init__(
            _("Somebody else changed this %(thing)s meanwhile; choose per field", thing=thing)
        )
        self.current_version = current_version
        self.differences = differences


class FieldConflict(EditConflict):
    """Somebody else saved this field of a report since it was read: what is there by now."""

    def __init__(
        self,
        field: str,
        *,
        value: str,
        mine: str,
        version: int,
        changed_at: datetime,
        changed_by: str,
    ) -> None:
        super().__init__(version, (Difference(field, None, value, mine),), "field")
        self.field = field
        self.value = value
        self.mine = mine
        self.version = version
        self.changed_at = changed_at
        self.changed_by = changed_by


class StaleVersion(PortalError):
    """A change for a version that is no longer the current one: nothing is merged."""

    number = 342

    def __init__(self, current_version: int) -> None:
        super().__init__(
            _(
                "The ticket has version %(current_version)s by now; read it, and send the change"
                " with that version",
                current_version=current_version,
            )
        )
        self.current_version = current_version


class RequestKeyConflict(PortalError):
    """A request key was sent again with other content."""

    number = 343

    def __init__(self, ticket_number: int) -> None:
        super().__init__(
            _(
                "This request key was used for ticket %(ticket_number)s with other content;"
                " use a new key for each request",
                ticket_number=ticket_number,
            )
        )
        self.ticket_number = ticket_number


class KeyReused(PortalError):
    """An Idempotency-Key of REST was sent again with another request."""

    number = 343

    def __init__(self) -> None:
        super().__init__(
            _("This Idempotency-Key was used for another request; use a new key for each request")
        )


class AuthenticationFailed(PortalError):
    """Unknown name, wrong password, disabled account: the same answer for every cause."""

    number = 623

    def __init__(self, message: str = _("Authentication failed")) -> None:
        super().__init__(message)


class TooManyAttempts(AuthenticationFailed):
    """Too many failed logins on this account within a short time; it opens again by itself."""

    number = 624

    def __init__(self) -> None:
        super().__init__(_("Too many failed attempts on this account; wait a few seconds"))


class TooManyCalls(PortalError):
    """The same call too often within a minute: a client that loops."""

    number = 626

    def __init__(self, allowed: int, seconds: int) -> None:
        super().__init__(
            _(
                "This account sent the same call too often: %(allowed)s within a"
                " minute are allowed,"
                " shared evenly among the portal's processes; wait %(seconds)s s before sending it"
                " again",
                allowed=allowed,
                seconds=seconds,
            )
        )


class TooManyCopies(Invalid):
    """More outside addresses in carbon copies than an account may name on one day (UTC)."""

    number = 627

    def __init__(self, allowed: int, named: int, more: int) -> None:
        super().__init__(
            "carbon_copy",
            _(
                "Carbon copy names %(more)s more addresses outside the portal, and this account"
                " named %(named)s today; at most %(allowed)s are allowed a day, which ends at 00:00"
                " UTC",
                more=more,
                named=named,
                allowed=allowed,
            ),
        )


class ListsTooCostly(PortalError):
    """Lists of one account took too much time within a minute."""

    number = 626

    def __init__(self, allowed: float, seconds: int) -> None:
        super().__init__(
            _(
                "The lists of this account took more than %(allowed)s s beyond the usual within a"
                " minute in one process of the portal; wait %(seconds)s s, and ask simpler queries",
                allowed=format(allowed, "g"),
                seconds=seconds,
            )
        )


class Unavailable(PortalError):
    """The database cannot be used now: away, full, locked or too slow. Nothing was stored, and the
    same request may succeed after ``RETRY_AFTER`` seconds."""

    number = 901

    def __init__(self) -> None:
        super().__init__(
            _(
                "The database cannot be used at the moment and nothing was stored;"
                " send the request again later"
            )
        )


RETRY_AFTER = 10
"""Seconds after which to send again what was answered with ``Unavailable``."""
LOOK_FIRST = _("look whether it is stored before you send it again")


class OutcomeUnknown(PortalError):
    """The database did not confirm a commit, or the answer failed after one: what was sent may or
    may not be stored. ``look`` says how to find out."""

    number = 902

    def __init__(self, look: str = LOOK_FIRST) -> None:
        super().__init__(
            _(
                "The outcome is unknown: the connection to the database was lost"
                " before it confirmed"
                " that this is stored; %(look)s",
                look=look,
            )
        )
        self.look = look


class SettingError(PortalError):
    """A setting or a command's argument that cannot be used; ends a command with one line."""

    number = 950


def without_content(error: BaseException) -> str:
    """What an error says, on one line, for the log and for operators. A database's error says it
    without the statement, which SQLAlchemy adds, and the row, which PostgreSQL adds: both may
    contain secrets."""
    said = getattr(error, "orig", None) or error
    text = getattr(getattr(said, "diag", None), "message_primary", None) or str(said)
    # after these words SQLAlchemy repeats the error that ended the transaction, with its statement
    return " ".join(text.partition("Original exception was:")[0].split())
