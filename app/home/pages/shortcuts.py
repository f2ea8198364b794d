"""The keyboard: the sheet that tells of the single keys (static/keys.js), and their switch."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, flash, request

from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.web.extensions import db
from app.core.web.htmx import go_to, page_or_fragment
from app.core.web.person import acting
from app.tickets.services.lists.settings import set_shortcuts

blueprint = Blueprint("shortcuts", __name__, url_prefix="/shortcuts")
GROUPS: Final = (
    (
        "Everywhere",
        (
            ("?", "Show this sheet"),
            ("/", "Search, or go to a number, link or site"),
            ("Ctrl K", "Find a page, link, site or ticket"),
            ("n", "New ticket"),
            (".", "Show new changes"),
            ("u", "Up: to the page that this one belongs to"),
            ("g h", "Go home"),
            ("g t", "Go to tickets"),
            ("g n", "Go to the map of the network"),
            ("g l", "Go to the links"),
            ("g s", "Go to the sites"),
            ("g c", "Go to the calendar"),
            ("g e", "Go to the events"),
            ("g r", "Go to the reports"),
            ("g f", "Go to your saved filters"),
            ("g p", "Go to your profile"),
            ("g m", "Go to the mails (operators)"),
            ("g w", "Go to the background work (operators)"),
            ("g a", "Go to the administration (admins)"),
            ("Esc", "Close what is open"),
        ),
    ),
    (
        "In the list of tickets",
        (
            ("j", "Next ticket"),
            ("k", "Previous ticket"),
            ("o", "Open it, as Enter does"),
            ("x", "Select/deselect"),
            ("b", "Edit selected"),
            ("f", "Set a filter"),
            ("s", "Save the filter"),
        ),
    ),
    (
        "On a ticket",
        (
            ("a", "Take the ticket"),
            ("c", "Write a comment; in the list, on the ticket that is chosen"),
            ("i", "Write an internal note (operators)"),
            ("e", "Edit the ticket"),
            ("w", "Watch/unwatch: notify me of updates, or no more"),
            ("r", "Set or move a reminder"),
            ("Ctrl Enter", "Send what is being written"),
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
    """Let single keys do something, or not."""
    on = request.form.get("on", "")
    if on not in ("yes", "no"):
        raise Invalid("on", "Shortcuts takes yes or no")
    rows = db.session()
    with transaction(rows):
        set_shortcuts(rows, acting(), on=on == "yes")
    flash(f"Keyboard shortcuts are {'on' if on == 'yes' else 'off'}.", "ok")
    return go_to("/shortcuts")
