"""Attaching files to a ticket, and removing one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import Response, request, url_for

from app.core.rules import access
from app.core.rules.errors import Invalid
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.person import writer
from app.tickets.pages.attachments import ADDRESS, Problem, blueprint
from app.tickets.pages.page import NUMBER, after_writing, ticket_page
from app.tickets.rules.attachments import attachment_id, check_content, cleaned_name
from app.tickets.services import lifecycle as verbs
from app.tickets.services.attachments import add_attachment, remove_attachment
from app.tickets.services.fields import facts_of


@blueprint.post(f"/tickets/{NUMBER}/attachments")
def attach(number: int) -> Response:
    """Attach all files that were sent, or none of them."""
    rows, by = db.session(), writer()
    ticket = verbs.find_ticket(rows, by.actor, number)
    access.require_write(by.actor, facts_of(ticket))
    files = chosen_files()
    problems = list(problems_of(files))
    if problems:
        return ticket_page(number, upload_problems=problems, status=422)
    with writing_once(rows):
        for name, content in files:
            add_attachment(rows, by, number, name, content)
        version = verbs.find_ticket(rows, by.actor, number).version
    return after_writing(number, version)


def chosen_files() -> list[tuple[str, bytes]]:
    """Names and contents of the files of the form; a browser sends one without a name where none
    was chosen."""
    sent = request.files.getlist("file")
    return [(file.filename, file.read()) for file in sent if file.filename]


def problems_of(files: Sequence[tuple[str, bytes]]) -> Iterator[Problem]:
    """Why these files are not taken."""
    if not files:
        yield Problem("", "Choose at least one file")
    for name, content in files:
        try:
            cleaned_name(name)
            check_content(content)
        except Invalid as error:
            yield Problem(name[:100], error.message)


@blueprint.post(f"{ADDRESS}/remove")
def remove(key: str) -> Response:
    """Delete an attachment's content."""
    rows, by = db.session(), writer()
    with writing_once(rows):
        number = remove_attachment(rows, by, attachment_id(key)).ticket_number
        leads_to(url_for("tickets.detail", number=number))
        version = verbs.find_ticket(rows, by.actor, number).version
    return after_writing(number, version)
