"""The list of what administrators manage."""

from __future__ import annotations

from flask import Blueprint, render_template

from app.core.rules.access import require_admin
from app.core.web.extensions import db
from app.core.web.person import acting
from app.names.services.unresolved import count_unresolved

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

PLACES = (
    ("Partners", "partners.listing", "The systems that call the SOAP services, and their accounts"),
    ("People", "people.listing", "Who may log in to these pages, as what and for which sites"),
    ("Tokens", "tokens.listing", "Programs that call the API, what they may and how long"),
    ("Imports", "imports.choose", "Sites and links as CSV or JSON, with a look at the difference"),
    ("Old tickets", "ticket_imports.choose", "Tickets of another system, from a file of CSV"),
    ("CRIC", "cric.listing", "What WLCG's site database proposes, to accept or refuse one by one"),
    (
        "Unresolved names",
        "unresolved.listing",
        "Sites, links and units that tickets name and the registry does not know",
    ),
    (
        "Report form",
        "report_forms.listing",
        "What sites are asked each quarter: drafts, previews, and from when on they are used",
    ),
    ("Mails", "mails.listing", "What was sent, what waits, what a mail server refused, and why"),
    ("Background work", "work.page", "What the portal does by itself: what ran, waits or failed"),
    ("Audit", "audit.listing", "Every change, every refused right, every failed login"),
)
"""Word, endpoint and one line of each place."""


@blueprint.get("")
def index() -> str:
    """Every place of administration."""
    require_admin(acting(), "see the pages of administration")
    counts = {"unresolved.listing": count_unresolved(db.session(), acting())}
    return render_template("home/admin.html", admin_places=PLACES, counts=counts)
