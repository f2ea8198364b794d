"""Texts and times as every door takes them: what may be written, how long it may be.

Lengths are counted in characters (code points). Limits of single fields follow GGUS (title 255,
long texts 4000, unit and type of problem 50, related issue 125, person in charge 254).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.mails.mail_addresses import address_parts, mail_address

TITLE_LIMIT = 255
LONG_TEXT_LIMIT = 4000
"""Longest description, diary entry or solution that the GGUS contract carries."""
PORTAL_TEXT_LIMIT = 100_000
"""Longest text that a person may write in the portal; GGUS answers cut it with a pointer."""
UNIT_LIMIT = 50
RELATED_ISSUE_LIMIT = 125
ASSIGN_LIMIT = 254
SHORT_TEXT_LIMIT = 255
"""Limit of every other text."""

# XML 1.0 (fifth edition), production 2: the characters that any partner can be given.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def checked_text(field: str, value: str, limit: int, *, label: str | None = None) -> str:
    """Return ``value`` unchanged if it may be stored in ``field``, else raise ``Invalid``.

    Nothing is cut and nothing is stripped: what was sent comes back exactly.
    """
    name = label or field
    if _NOT_IN_XML.search(value):
        raise Invalid(
            field,
            _(
                "%(name)s holds a character that cannot be passed on to partners (a control"
                " character or half of a pair); remove it",
                name=name,
            ),
        )
    if len(value) > limit:
        raise Invalid(
            field,
            _(
                "%(name)s has %(count)s characters; at most %(limit)s characters are allowed",
                name=name,
                count=len(value),
                limit=limit,
            ),
        )
    return value


_LINK = re.compile(r"(?:https?://[^\s/?#]\S*|mailto:[^\s@]+@\S+)", re.IGNORECASE)


def checked_reason(reason: str, missing: str) -> str:
    """A reason that a person gave, without white space around it; raises ``Invalid`` where it may
    not be stored, or with ``missing`` if none exists."""
    text = checked_text("reason", reason.strip(), SHORT_TEXT_LIMIT, label=_("Reason"))
    if not text:
        raise Invalid("reason", missing)
    return text


def is_link(value: str) -> bool:
    """Whether ``value`` is an http, https or mailto URL."""
    return value.isprintable() and _LINK.fullmatch(value) is not None


def checked_link(field: str, value: str, *, label: str | None = None) -> str:
    """Return ``value`` if it is empty or an http, https or mailto URL, else raise ``Invalid``.

    Source: decisions, section 7. Any other scheme (``javascript:``) would be run by code that makes
    a link from it.
    """
    if value and not is_link(value):
        raise Invalid(
            field,
            _(
                "%(value)s is not a URL; start it with http://, https:// or mailto:, and use no"
                " spaces",
                value=label or field,
            ),
        )
    return value


def storable_text(value: str, limit: int | None = None) -> str:
    """``value`` with a mark in place of what may not be stored, and cut at ``limit`` characters,
    if there is one.

    For what a program sends by itself, where nobody could mend it.
    """
    text = _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def cut_with_pointer(text: str, limit: int, pointer: str) -> str:
    """Return ``text``, or its beginning followed by ``pointer``, within ``limit`` characters."""
    if len(text) <= limit:
        return text
    return text[: limit - len(pointer)] + pointer


_EPOCH = re.compile(r"\d{1,12}")
_TIME = re.compile(  # no hour 24, which Python reads from 3.14 on
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ]((?!24)\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?"
    r"(Z|[+-]\d{2}:?\d{2})?)?",
)
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def read_time(field: str, value: str, *, label: str | None = None, epoch: bool = False) -> datetime:
    """Read a time: ``YYYY-MM-DD``, with ``hh:mm[:ss]``, ISO 8601, or epoch seconds if allowed.

    Without a zone it is UTC. Raises ``Invalid`` for anything else, also for years before 1900.
    """
    name = label or field
    stripped = value.strip()
    if epoch and _EPOCH.fullmatch(stripped):
        seconds = int(stripped)
        if seconds < _LATEST.timestamp():
            return datetime.fromtimestamp(seconds, UTC)
    match = _TIME.fullmatch(stripped)
    if match is not None:
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        clock = f"{hour or '00'}:{minute or '00'}:{second or '00'}{(fraction or '')[:7]}"
        try:
            moment = datetime.fromisoformat(
                f"{year}-{month}-{day}T{clock}{(zone or 'Z').replace('Z', '+00:00')}"
            ).astimezone(UTC)
        except (ValueError, OverflowError):
            moment = None
        if moment is not None and _EARLIEST <= moment < _LATEST:
            return moment
    raise Invalid(
        field,
        _(
            "%(name)s is not a readable time; write YYYY-MM-DD or YYYY-MM-DD hh:mm:ss (UTC), or"
            " ISO 8601 with a zone",
            name=name,
        ),
    )


def checked_addresses(field: str, value: str, *, label: str | None = None) -> str:
    """Return ``value`` if it is empty or mail addresses separated by ``;`` (or ``,``)."""
    name = label or field
    if any(mail_address(part) is None for part in address_parts(value)):
        raise Invalid(
            field,
            _(
                "%(name)s: use email addresses such as noc@site.example, separated by semicolons",
                name=name,
            ),
        )
    return value


E = TypeVar("E", bound=StrEnum)


def checked_choice(field: str, value: str, kind: type[E], label: str) -> E:
    """Return the member of ``kind`` that ``value`` names, else raise ``Invalid``."""
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(kind)
        raise Invalid(
            field,
            _(
                "%(label)s is not one of the allowed values: %(allowed)s",
                label=label,
                allowed=allowed,
            ),
        ) from None
