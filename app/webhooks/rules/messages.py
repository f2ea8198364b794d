"""The content of a webhook's message about a change: its kinds, and the JSON.

A message says which ticket changed and how, in values that every reader of the portal may see. A
field that not everybody may see is named without its values, and long values are cut: receivers
that need more read the ticket at ``resource``, with their own rights.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from app.core.rules.language import _


class MessageKind(StrEnum):
    """What happened to a ticket; if several apply, the first is the message's kind."""

    CREATED = "ticket.created"
    STATE = "ticket.state"
    COMMENTED = "ticket.commented"
    CHANGED = "ticket.changed"


TEST: Final = "webhook.test"
"""The kind of a test message, sent by hand."""
MEANINGS: Final[Mapping[str, str]] = {
    MessageKind.CREATED: _("a ticket was created"),
    MessageKind.STATE: _("its state changed"),
    MessageKind.COMMENTED: _("somebody commented"),
    MessageKind.CHANGED: _("anything else changed: a field, a link, a file"),
}
MOST_OF_A_VALUE: Final = 2000
"""Characters of a value that are sent; longer ones are cut and marked."""
_COMMENTS: Final = frozenset({"public_comment", "internal_comment"})


@dataclass(frozen=True)
class Value:
    """A field that changed; ``is_public`` says whether every reader may see its values."""

    field: str
    old: str | None
    new: str | None
    is_public: bool = True


@dataclass(frozen=True)
class TicketNews:
    """A change of a ticket, as far as the owner of a webhook may read it."""

    change: int
    number: int
    version: int
    at: datetime
    author: str
    own: bool
    """Made by an account of the partner that is notified."""
    values: Sequence[Value]


def kinds_of(version: int, fields: Collection[str]) -> Sequence[MessageKind]:
    """The kinds of a change of these fields, the most significant first."""
    if version == 1:
        return (MessageKind.CREATED,)
    found = []
    if "state" in fields:
        found.append(MessageKind.STATE)
    if _COMMENTS.intersection(fields):
        found.append(MessageKind.COMMENTED)
    if set(fields) - _COMMENTS - {"state"}:
        found.append(MessageKind.CHANGED)
    return found


def new_message_id() -> str:
    """A new message id, the same in every attempt. It is random: row numbers repeat after a
    restore, and receivers would treat new messages as repeats."""
    return f"msg_{secrets.token_hex(12)}"


def test_message(message: str, at: datetime, webhook: str) -> bytes:
    """A test message for the webhook with this name."""
    return _written(message, TEST, at, {"webhook": webhook})


def message_of(message: str, kind: str, news: TicketNews, public_url: str) -> bytes:
    """The message about a change, in the words of REST's list of changes."""
    data = {
        "cursor": news.change,
        "number": news.number,
        "version": news.version,
        "page": f"{public_url}/tickets/{news.number}",
        "resource": f"{public_url}/api/v1/tickets/{news.number}",
        "author": news.author,
        "own": news.own,
        "fields": list(_fields(news.values)),
    }
    return _written(message, kind, news.at, data)


def _written(message: str, kind: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    when = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {"id": message, "type": kind, "timestamp": when, "data": data}
    return json.dumps(said, ensure_ascii=False).encode()


def _fields(values: Iterable[Value]) -> Iterable[Mapping[str, Any]]:
    for one in values:
        if not one.is_public:
            yield {"field": one.field}
            continue
        is_cut = max(len(one.old or ""), len(one.new or "")) > MOST_OF_A_VALUE
        cut = {"cut": True} if is_cut else {}
        yield {"field": one.field, "old": _shortened(one.old), "new": _shortened(one.new), **cut}


def _shortened(value: str | None) -> str | None:
    return value if value is None else value[:MOST_OF_A_VALUE]
