"""Rules of attachments: their public ids and names, how large they may be, what may be shown.

An attachment's content is bytes that nobody here trusts: it is given out as a download, and shown
only where it is a picture or a text beyond doubt, whatever its name or its sender says.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from app.core.rules.access import Actor, ActorKind, TicketFacts, refusal_to_write
from app.core.rules.errors import NotFound
from app.core.rules.language import _

_ID = re.compile(r"ATT([1-9][0-9]{0,8})")
_LABEL = re.compile(r"(ATT[1-9][0-9]{0,8}) .+", re.DOTALL)
_CANONICAL_FROM: Final = 64
"""Characters from which on canonical base64 is taken for an encoding and not for a text."""


def public_id(attachment_id: int) -> str:
    """The id as people and partners know it: ``ATT12``."""
    return f"ATT{attachment_id}"


def attachment_id(text: str) -> int:
    """The id behind a public one; any other value belongs to no attachment (``NotFound``)."""
    match = _ID.fullmatch(text)
    if match is None:
        raise NotFound
    return int(match[1])


def label(attachment: int, name: str) -> str:
    """How the change log names an attachment: ``ATT12 traceroute.txt``."""
    return f"{public_id(attachment)} {name}"


def id_in_label(text: str) -> str:
    """The public id at the beginning of a label, or "" if it is not one."""
    match = _LABEL.fullmatch(text)
    return match[1] if match else ""


def without_double_encoding(received: bytes, declared_size: int) -> bytes:
    """The file in ``received``, which some clients encoded in base64 before their stack did so.

    That encoding is undone when ``declared_size`` (bytes) is the decoded length, or when the bytes
    are canonical base64 of 64 characters or more; a shorter one may be a text (as ``test`` is).
    """
    try:
        inner = base64.b64decode(b"".join(received.split()), validate=True)
    except (binascii.Error, ValueError):
        return received
    canonical = base64.b64encode(inner) == received
    if inner and (
        (declared_size == len(inner) and declared_size != len(received))
        or (canonical and len(received) >= _CANONICAL_FROM)
    ):
        return inner
    return received


def refusal_to_remove(actor: Actor, ticket: TicketFacts, *, added: bool, final: bool) -> str | None:
    """Why the actor may not remove an attachment of this (readable) ticket, or None.

    Operators may, and who added it (``added``) while the ticket is not ``final``.
    """
    if actor.is_operator or actor.kind is ActorKind.SYSTEM:
        return None
    if not added:
        return _("Only operators and its author may remove an attachment")
    if final:
        return _("The ticket is final; only operators may remove its attachments")
    return refusal_to_write(actor, ticket)
