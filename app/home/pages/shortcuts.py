"""The page that lists the single-key shortcuts (static/keys.js), and turning them on or off."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.htmx import go_to, page_or_fragment
from app.core.web.person import acting
from app.tickets.services.lists.settings import set_shortcuts

blueprint = Blueprint("shortcuts", __name__, url_prefix="/shortcuts")
GROUPS: Final = (
    (
        _("Everywhere"),
        (
            ("?", _("Show this list")),
            ("/", _("Search, or open a ticket by its number, a link or a site")),
            ("Ctrl K", _("Find a page, link, site or ticket")),
            ("n", _("New ticket")),
            (".", _("Show new changes")),
            ("u", _("Go up one level")),
            ("g h", _("Go home")),
            ("g t", _("Go to tickets")),
            ("g n", _("Go to the map of the network")),
            ("g l", _("Go to the links")),
            ("g s", _("Go to the sites")),
            ("g c", _("Go to the calendar")),
            ("g e", _("Go to the events")),
            ("g r", _("Go to the reports")),
            ("g f", _("Go to your saved filters")),
            ("g p", _("Go to your profile")),
            ("g m", _("Go to the emails (operators)")),
            ("g w", _("Go to the background work (operators)")),
            ("g a", _("Go to the administration (admins)")),
            ("Esc", _("Close the dialog or menu")),
        ),
    ),
    (
        _("In the list of tickets"),
        (
            ("j", _("Next ticket")),
            ("k", _("Previous ticket")),
            ("o", _("Open the ticket, like Enter")),
            ("x", _("Select/deselect")),
            ("b", _("Edit selected tickets")),
            ("f", _("Set a filter")),
            ("s", _("Save the filter")),
        ),
    ),
    (
        _("On a ticket"),
        (
            ("a", _("Assign the ticket to yourself")),
            ("c", _("Write a comment; in the list, on the highlighted ticket")),
            ("i", _("Write an internal note (operators)")),
            ("e", _("Edit the ticket")),
            ("w", _("Watch or unwatch the ticket")),
            ("r", _("Set or move a reminder")),
            ("Ctrl Enter", _("Send the text that you are writing")),
        ),
    ),
)
"""What each key does, as static/keys.js carries it out."""


@blueprint.get("")
def show() -> Response:
    """The sheet; as a dialog on the page where one asks for it, else a page."""
    return page_or_fragment("home/shortcuts/page.html", "home/shortcuts/_sheet.html", groups=GROUPS)


@blueprint.post("")
def switch() -> Response:
    """Turn single-key shortcuts on or off."""
    on = request.form.get("on", "")
    if on not in ("yes", "no"):
        raise Invalid("on", _("Shortcuts: choose yes or no"))
    session = db.session()
    with transaction(session):
        set_shortcuts(session, acting(), on=on == "yes")
    done = _("Keyboard shortcuts are on.") if on == "yes" else _("Keyboard shortcuts are off.")
    return go_to("/shortcuts", done)
