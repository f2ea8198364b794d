"""Attachments to read: the list on a ticket's page, the download, and a preview.

Nothing that was attached is ever rendered as a page: a download says that it is one, and a preview
shows pictures as pictures and texts as text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, Response, render_template

from app.domain.access import Actor
from app.domain.attachments import (
    LIMIT_IN_WORDS,
    SIZE_LIMIT,
    TEXT,
    UNKNOWN,
    UNNAMED,
    attachment_id,
    is_picture,
    is_previewed,
    public_id,
)
from app.extensions import db
from app.models import Attachment, Ticket
from app.services.attachments import attachments_of, content_of, find_attachment, may_remove
from app.web.limits import FILES_LIMIT
from app.web.login import acting
from app.web.ticket_list import back_to_list

blueprint = Blueprint("attachments", __name__)
ADDRESS: Final = "/attachments/<key>"
THUMB_LIMIT: Final = 512 * 1024
"""Bytes of the largest picture that a ticket's page loads by itself."""
PREVIEW_LINES: Final = 1000
PREVIEW_CHARACTERS: Final = 200_000
_POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"


@dataclass(frozen=True)
class Row:
    """One attachment as the list shows it."""

    attachment: Attachment
    key: str
    size: str
    thumb: bool
    previewed: bool
    removable: bool


@dataclass(frozen=True)
class Problem:
    """Why one file of an upload was not taken; ``name`` is "" where it is about all of them."""

    name: str
    words: str


def attachment_section(
    actor: Actor, ticket: Ticket, problems: Sequence[Problem] = ()
) -> Mapping[str, Any]:
    """What the list of a ticket's attachments and the form below it show."""
    found = attachments_of(db.session(), actor, ticket.number)
    rows = [
        Row(
            attachment=item,
            key=public_id(item.id),
            size=size_in_words(item.size),
            thumb=is_picture(item.media_type) and item.size <= THUMB_LIMIT,
            previewed=is_previewed(item.media_type),
            removable=may_remove(actor, ticket, item),
        )
        for item in found
    ]
    return {
        "attachments": rows,
        "attachment_keys": {row.key for row in rows},
        "upload_problems": problems,
        "file_limit": SIZE_LIMIT,
        "upload_limit": FILES_LIMIT,
        "file_limit_words": LIMIT_IN_WORDS,
    }


def size_in_words(size: int) -> str:
    """A size in bytes as people read it: ``3.4 KiB``."""
    if size < 1024:
        return f"{size} bytes" if size != 1 else "1 byte"
    if size < 1024 * 1024:
        return f"{size / 1024:.3g} KiB" if size < 1000 * 1024 else f"{size // 1024} KiB"
    return f"{size / 1024 / 1024:.3g} MiB"


def disposition(name: str) -> str:
    """The header that names a download, also where its name is not ASCII (RFC 6266)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r'["\\%]', "_", plain).strip()
    if not plain or plain.startswith("."):  # nothing but its ending was ASCII
        plain = UNNAMED + plain
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@blueprint.get(ADDRESS)
def download(key: str) -> Response:
    """The bytes, to be kept as a file; pictures of the previews come from here as well."""
    attachment = find_attachment(db.session(), acting(), attachment_id(key))
    answer = Response(content_of(db.session(), attachment))
    answer.headers["Content-Type"] = _given_type(attachment.media_type)
    answer.headers["Content-Disposition"] = disposition(attachment.name)
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


def _given_type(media_type: str) -> str:
    if media_type == TEXT:
        return f"{TEXT}; charset=utf-8"
    return media_type if is_picture(media_type) else UNKNOWN


@blueprint.get(f"{ADDRESS}/preview")
def preview(key: str) -> str:
    """A picture, the beginning of a text, or words where there is nothing to be shown."""
    attachment = find_attachment(db.session(), acting(), attachment_id(key))
    whole = ""
    if attachment.media_type == TEXT:
        whole = content_of(db.session(), attachment).decode("utf-8").removeprefix("\ufeff")
    text = beginning(whole)
    return render_template(
        "tickets/preview.html",
        attachment=attachment,
        key=key,
        size=size_in_words(attachment.size),
        picture=is_picture(attachment.media_type),
        is_text=attachment.media_type == TEXT,
        text=text,
        cut=len(text) < len(whole),
        shown=len(text.splitlines()),
        lines=len(whole.splitlines()),
        back=back_to_list(),
    )


def beginning(text: str) -> str:
    """The part of a text that a preview shows."""
    return "".join(text.splitlines(keepends=True)[:PREVIEW_LINES])[:PREVIEW_CHARACTERS]
