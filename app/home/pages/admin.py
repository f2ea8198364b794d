"""The list of what administrators manage."""

from __future__ import annotations

from flask import Blueprint, render_template

from app.core.rules.access import require_admin
from app.core.web.extensions import db
from app.core.web.person import acting
from app.names.services.unresolved import count_unresolved

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

PLACES = (
    ("Partners", "partners.listing", "Systems that call the SOAP services, and their accounts"),
    ("People", "people.listing", "Who can log in, with which role and for which sites"),
    ("Tokens", "tokens.listing", "Programs that call the API, their scopes and expiry"),
    ("Imports", "imports.choose", "Sites and links as CSV or JSON, with a preview"),
    ("Old tickets", "ticket_imports.choose", "Tickets of another system, from a CSV file"),
    ("CRIC", "cric.listing", "What WLCG's site database proposes, to accept or refuse one by one"),
    (
        "Unresolved names",
        "unresolved.listing",
        "Names in tickets that are not in the registry",
    ),
    (
        "Report form",
        "report_forms.listing",
        "Questions of the quarterly reports: drafts, preview, publishing",
    ),
    ("Mails", "mails.listing", "Sent, waiting and refused mails, with reasons"),
    ("Background work", "work.page", "Timed work and jobs: done, queued and failed"),
    ("Audit", "audit.listing", "All changes, refused rights and failed logins"),
)
"""Word, endpoint and one line of each place."""


@blueprint.get("")
def index() -> str:
    """Every place of administration."""
    require_admin(acting(), "see the pages of administration")
    counts = {"unresolved.listing": count_unresolved(db.session(), acting())}
    return render_template("home/admin.html", admin_places=PLACES, counts=counts)
