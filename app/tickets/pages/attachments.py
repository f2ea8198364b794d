"""Attachments to read: the list on a ticket's page, the download, and a preview.

Nothing that was attached is ever rendered as a page: a download says that it is one, and a preview
shows pictures as pictures and texts as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, Response, render_template, url_for

from app.core.rules.access import Actor
from app.core.web.attached_files import Problem, given_out, listed_files, previewed, row_of
from app.core.web.extensions import db
from app.core.web.person import acting
from app.tickets.pages.listing.list import back_to_list
from app.tickets.rules.attachments import attachment_id, public_id
from app.tickets.services.attachments import attachments_of, content_of, find_attachment, may_remove
from app.tickets.services.merging import MergedStory
from app.tickets.services.whole_ticket import WholeTicket

blueprint = Blueprint("attachments", __name__)
ADDRESS: Final = "/attachments/<key>"


def attachment_section(
    actor: Actor,
    whole: WholeTicket,
    problems: Sequence[Problem] = (),
    duplicates: Sequence[MergedStory] = (),
) -> Mapping[str, Any]:
    """What the list of a ticket's attachments, its timeline and the form below show."""
    rows = []
    ticket = whole.ticket
    found = attachments_of(db.session(), actor, ticket.number) if whole.has_attachments else ()
    for item in found:
        key = public_id(item.id)
        places = (
            url_for(f"attachments.{name}", key=key) for name in ("download", "preview", "remove")
        )
        rows.append(row_of(item, key, *places, removable=may_remove(actor, ticket, item)))
    keys = {public_id(number) for story in duplicates for number in story.attachments}
    return {"attachment_keys": keys | {row.key for row in rows}, **listed_files(rows, problems)}


@blueprint.get(ADDRESS)
def download(key: str) -> Response:
    """The bytes, as a download; pictures of the previews come from here as well."""
    attachment = find_attachment(db.session(), acting(), attachment_id(key))
    return given_out(attachment, content_of(db.session(), attachment))


@blueprint.get(f"{ADDRESS}/preview")
def preview(key: str) -> str:
    """A picture, the beginning of a text, or words where there is nothing to be shown."""
    attachment = find_attachment(db.session(), acting(), attachment_id(key))
    return render_template(
        "tickets/preview.html",
        attachment=attachment,
        key=key,
        back=back_to_list(),
        shown=previewed(attachment, lambda: content_of(db.session(), attachment)),
    )
