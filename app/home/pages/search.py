"""The search: finds everything that has a name; a whole name opens its page at once.

The box of the bar and the dialog of Ctrl-K show the fragment while one types; without scripts the
page shows the same in groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.web.extensions import db
from app.core.web.htmx import fragment_target, wants_fragment
from app.core.web.person import acting
from app.home.pages.places import pages_named
from app.tickets.services.search.suggestions import (
    MAX_SUGGESTIONS,
    Proposed,
    Suggestion,
    named,
    suggest,
)

blueprint = Blueprint("search", __name__)
_MAX_ECHOED: Final = 500
"""Characters of what was typed that a page shows again; the list takes fewer."""


class Found(NamedTuple):
    """A hit: its kind, name, details and address."""

    kind: str
    key: str
    word: str
    note: str
    url: str


@blueprint.get("/search")
def find() -> Response:
    """The options of a list; as a page: the one thing that has this number or name, the list of
    tickets where nothing else is found, else all that is found, by kinds."""
    typed = request.args.get("q", "")[:_MAX_ECHOED]
    session, actor = db.session(), acting()
    tickets = url_for("tickets.listing", q=typed, state=["open", "closed"])
    if not wants_fragment():
        only = named(session, actor, typed)
        if only is not None:
            return redirect(_address(only))
    hits = [_found(one) for one in suggest(session, actor, typed)]
    pages = [
        Found("page", "", page.word, "", url_for(page.endpoint))
        for page in islice(pages_named(actor, typed), MAX_SUGGESTIONS)
    ]
    # a number is a ticket first of all
    is_number = typed.strip().removeprefix("#").isdigit()
    found = [*hits, *pages] if is_number else [*pages, *hits]
    if wants_fragment():
        prefix = fragment_target() or "found"
        return make_response(
            render_template("home/_found.html", found=found, tickets=tickets, prefix=prefix)
        )
    if all(hit.kind == Proposed.TICKET for hit in found):
        return redirect(tickets)
    return make_response(
        render_template("home/search.html", typed=typed, groups=_groups(found), tickets=tickets)
    )


def _groups(found: Sequence[Found]) -> dict[str, list[Found]]:
    """By kind, in the order of the first hits."""
    groups: dict[str, list[Found]] = {}
    for hit in found:
        groups.setdefault(hit.kind, []).append(hit)
    return groups


def _found(one: Suggestion) -> Found:
    return Found(one.kind, one.key, one.word, one.note, _address(one))


def _address(one: Suggestion) -> str:
    if one.kind is Proposed.SITE:
        return url_for("sites.site", key=one.key)
    if one.kind is Proposed.LINK:
        return url_for("links.link", name=one.key)
    if one.kind is Proposed.FILTER:
        return url_for("filters.show", number=int(one.key))
    if one.kind is Proposed.PERSON:
        return url_for("people.show", person=one.key)
    return url_for("tickets.detail", number=int(one.key))
