"""What the search box of the top bar proposes while one types; without scripts it searches."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.web.extensions import db
from app.core.web.htmx import wants_fragment
from app.core.web.person import acting
from app.tickets.services.search.suggestions import Proposed, Suggestion, suggest

blueprint = Blueprint("suggest", __name__)


@blueprint.get("/suggest")
def suggestions() -> Response:
    """The options of the list under the search box; as a page it is the search itself."""
    typed = request.args.get("q", "")
    if not wants_fragment():
        return redirect(url_for("tickets.listing", q=typed, state=["open", "closed"]))
    found = [(one, _address(one)) for one in suggest(db.session(), acting(), typed)]
    return make_response(render_template("tickets/_suggestions.html", suggestions=found))


def _address(one: Suggestion) -> str:
    if one.kind is Proposed.SITE:
        return url_for("sites.site", key=one.key)
    if one.kind is Proposed.LINK:
        return url_for("links.link", name=one.key)
    return url_for("tickets.detail", number=int(one.key))
