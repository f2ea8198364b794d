"""Request keys of the native service: a caller that got no answer sends the same request again.

The key is (partner, key), one for a creation, a change, a comment or a file. What is compared is
the content of the first request, never the ticket as it is now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.upsert import upsert
from app.core.rules import access
from app.core.rules.access import Writer
from app.core.rules.errors import Invalid, RequestKeyConflict
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.tickets.models.tickets import RequestKey, Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.fields import facts_of
from app.tickets.services.lifecycle import find_ticket


@dataclass(frozen=True)
class Done:
    """What a request did, as it is answered: the ticket's number, of a change also its version
    after it, of a file also its number."""

    ticket: int
    version: int | None = None
    attachment: int | None = None


def open_ticket_under_key(
    session: Session, by: Writer, key: str, digest: str, opening: Callable[[], Ticket]
) -> Ticket:
    """Open the ticket by ``opening``, unless this key of the writer's partner opened one already.

    ``digest`` is ``content_digest`` of the request. A repeat answers the first ticket, in whatever
    state it is by now; also 50 times in parallel, also across processes. Raises
    ``RequestKeyConflict`` if the content is not that of the first request, ``Forbidden`` and
    ``Invalid``. Only partners' accounts have request keys.
    """
    access.require_create(by.actor)
    done = _once(session, by, key, digest, lambda: Done(opening().number))
    return session.get_one(Ticket, done.ticket)


def change_under_key(
    session: Session,
    by: Writer,
    number: int,
    key: str,
    digest: str,
    change: Callable[[Writer], Done],
) -> Done:
    """Change a ticket by ``change``, unless this key of the writer's partner did so already.

    ``digest`` is ``digest_of`` of the request. A repeat answers as the first time, whatever came
    between. ``change`` is given the writer as one whose repeats only the key decides. Raises as
    ``open_ticket_under_key``, and ``NotFound``.
    """
    access.require_write(by.actor, facts_of(find_ticket(session, by.actor, number)))
    return _once(session, by, key, digest, lambda: change(replace(by, has_key=True)))


def _once(
    session: Session, by: Writer, key: str, digest: str, carry_out: Callable[[], Done]
) -> Done:
    assert by.actor.partner_id is not None
    if not key.strip():
        raise Invalid("request_key", _("A request key is not empty; leave it out, or send one"))
    checked_text("request_key", key, SHORT_TEXT_LIMIT, label=_("Request key"))
    # a second writer of the same key waits here until the first has committed
    first = session.scalar(
        upsert(RequestKey)
        .values(partner_id=by.actor.partner_id, key=key, content_digest=digest)
        .on_conflict_do_nothing()
        .returning(RequestKey.id)
    )
    if first is not None:
        done = carry_out()
        row = session.get_one(RequestKey, first)
        row.ticket_number, row.version = done.ticket, done.version
        row.attachment_id = done.attachment
        session.flush()
        return done
    known = session.scalars(
        select(RequestKey).where(
            RequestKey.partner_id == by.actor.partner_id, RequestKey.key == key
        )
    ).one()
    assert known.ticket_number is not None
    if known.content_digest != digest:
        raise RequestKeyConflict(known.ticket_number)
    return Done(known.ticket_number, known.version, known.attachment_id)


def content_digest(new: NewTicket, *more: object) -> str:
    """SHA-256 (hex) of what a creation asks for: ``new``, and what else belongs to the request.

    What is not stated counts for nothing, so that a field which a later release adds does not
    make an old request another one.
    """
    stated = {
        item.name: value
        for item in fields(new)
        if (value := getattr(new, item.name)) != item.default
    }
    return digest_of(stated, *more)


def digest_of(*parts: object) -> str:
    """SHA-256 (hex) of what a request asks for: values, times, lists and mappings of them."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=_written)
    return hashlib.sha256(text.encode()).hexdigest()


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return [str(part) for part in vars(value).values()]
