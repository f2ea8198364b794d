"""The verbs on attachments: add a file to a ticket, list, read, remove.

Each is one change of its ticket. Who may read the ticket may read its attachments, who may write on
it may add some, in every state.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.rules import access
from app.core.rules.access import Actor, ActorKind, Writer
from app.core.rules.attached_files import FileFacts, facts_of_file
from app.core.rules.clock import strictly_after
from app.core.rules.errors import Forbidden, NotFound
from app.core.services.changes import FieldChange, take_number
from app.tickets.models.attachments import Attachment, AttachmentContent
from app.tickets.models.tickets import Ticket
from app.tickets.rules.attachments import label, refusal_to_remove
from app.tickets.rules.tickets import FINAL_STATES
from app.tickets.services.creation.repeats import count_repeat, recent_own_change
from app.tickets.services.fields import facts_of
from app.tickets.services.lifecycle import find_ticket, locked_ticket, record_on_ticket

ATTACHMENT = "attachment"
"""The field in the change log, and the name of the ids' counter."""


def add_attachment(
    session: Session, by: Writer, number: int, name: str, content: bytes
) -> Attachment:
    """Add a file to the ticket, under its cleaned name; allowed in every state.

    The same file (name, size, bytes) by the same account within ten minutes, with no other change
    of the ticket between, is a repeat: it answers the first one and is counted on the ticket (but
    see ``Writer.has_key``).

    Raises ``NotFound``, ``Forbidden``, or ``Invalid`` for a name above 255 characters and for
    content that is empty or above 2 MiB.
    """
    facts = facts_of_file(name, content)
    ticket = locked_ticket(session, number)
    access.require_write(by.actor, facts_of(ticket))
    first = _just_added(session, by, number, facts)
    if first is not None:
        count_repeat(session, ticket)
        return first
    at = strictly_after(by.now, ticket.changed_at)
    attachment = Attachment(
        id=take_number(session, ATTACHMENT),
        ticket_number=number,
        **vars(facts),
        created_at=at,
        author=by.shown_author,
        created_by_user_id=by.actor.account_id if by.actor.kind is ActorKind.PERSON else None,
        partner_id=by.actor.partner_id,
    )
    session.add(attachment)
    session.flush()
    session.add(AttachmentContent(attachment_id=attachment.id, content=content))
    change = FieldChange(ATTACHMENT, None, label(attachment.id, facts.name))
    record_on_ticket(session, by, ticket, [change], at)
    return attachment


def _just_added(session: Session, by: Writer, number: int, facts: FileFacts) -> Attachment | None:
    """The attachment that the newest change of a locked ticket added, if this is it again."""
    newest = recent_own_change(session, by, number)
    if newest is None:
        return None
    return session.scalars(
        select(Attachment).where(
            Attachment.ticket_number == number,
            Attachment.created_at == newest.at,
            Attachment.removed_at.is_(None),
            Attachment.name == facts.name,
            Attachment.size == facts.size,
            Attachment.digest == facts.digest,
        )
    ).first()


def attachments_of(session: Session, actor: Actor, number: int) -> Sequence[Attachment]:
    """The attachments of a ticket that this actor may read, oldest first, removed ones left out.

    Raises ``NotFound`` as for an unknown ticket.
    """
    find_ticket(session, actor, number)
    return session.scalars(
        select(Attachment)
        .where(Attachment.ticket_number == number, Attachment.removed_at.is_(None))
        .order_by(Attachment.id)
    ).all()


def find_attachment(session: Session, actor: Actor, attachment_id: int) -> Attachment:
    """The attachment; ``NotFound`` if it is unknown, removed, or of a ticket not to be read."""
    attachment = session.get(Attachment, attachment_id)
    if attachment is None or attachment.removed_at is not None:
        raise NotFound
    find_ticket(session, actor, attachment.ticket_number)
    return attachment


def content_of(session: Session, attachment: Attachment) -> bytes:
    """The bytes of an attachment; ``NotFound`` once they were removed."""
    content = session.scalar(
        select(AttachmentContent.content).where(AttachmentContent.attachment_id == attachment.id)
    )
    if content is None:
        raise NotFound
    return content


def may_remove(actor: Actor, ticket: Ticket, attachment: Attachment) -> bool:
    """Whether the actor may remove this attachment of this ticket."""
    return _refusal_to_remove(actor, ticket, attachment) is None


def remove_attachment(session: Session, by: Writer, attachment_id: int) -> Attachment:
    """Delete an attachment's content; its row and the change log say that it was there.

    Operators may, and who added it while the ticket is not final. Raises ``NotFound``,
    ``Forbidden``.
    """
    found = find_attachment(session, by.actor, attachment_id)
    ticket = locked_ticket(session, found.ticket_number)
    session.refresh(found)
    if found.removed_at is not None:  # by somebody else, before the ticket was locked
        raise NotFound
    reason = _refusal_to_remove(by.actor, ticket, found)
    if reason is not None:
        raise Forbidden(reason)
    at = strictly_after(by.now, ticket.changed_at)
    session.execute(
        delete(AttachmentContent).where(AttachmentContent.attachment_id == attachment_id)
    )
    found.mark_removed(at, by.shown_author)
    change = FieldChange(ATTACHMENT, label(found.id, found.name), None)
    record_on_ticket(session, by, ticket, [change], at)
    return found


def _refusal_to_remove(actor: Actor, ticket: Ticket, attachment: Attachment) -> str | None:
    if actor.kind is ActorKind.PERSON:
        added = attachment.created_by_user_id == actor.account_id
    else:
        added = attachment.partner_id is not None and attachment.partner_id == actor.partner_id
    final = ticket.state in FINAL_STATES
    return refusal_to_remove(actor, facts_of(ticket), added=added, final=final)
