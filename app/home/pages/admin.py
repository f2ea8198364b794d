"""The list of what administrators manage."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, render_template

from app.core.rules.access import require_admin
from app.core.web.extensions import db
from app.core.web.person import acting
from app.names.services.unresolved import count_unresolved

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

GROUPS: Final = (
    (
        "Access",
        (
            ("People", "people.listing", "Who can log in, with which role and for which sites"),
            (
                "Partners",
                "partners.listing",
                "Systems that call the SOAP services, and their accounts",
            ),
            ("Tokens", "tokens.listing", "Programs that call the API, their scopes and expiry"),
        ),
    ),
    (
        "Network",
        (
            ("Sites", "sites.listing", "Names, tiers, contacts; where sites are created"),
            ("Links", "links.listing", "Ends, roles, circuits; where links are created"),
            ("LHC calendar", "calendar.lhc", "When the LHC runs: periods and their sources"),
            ("Imports", "imports.choose", "Sites and links as CSV or JSON, with a preview"),
            ("CRIC", "cric.listing", "What WLCG's site database proposes, to accept or refuse"),
            (
                "Unresolved names",
                "unresolved.listing",
                "Names in tickets that are not in the registry",
            ),
        ),
    ),
    (
        "Events and reports",
        (
            ("Event sources", "event_sources.listing", "What reports events, and in which words"),
            ("Matching rule", "matching_rules.page", "When a ticket documents an event"),
            ("Duty rules", "duty_rules.listing", "Which events need a ticket, and since when"),
            (
                "Report form",
                "report_forms.listing",
                "Questions of the quarterly reports: drafts, preview, publishing",
            ),
            (
                "Report reminders",
                "report_reminders.page",
                "Who owes a report, and who was reminded",
            ),
        ),
    ),
    (
        "The portal",
        (
            ("Old tickets", "ticket_imports.choose", "Tickets of another system, from a CSV file"),
            ("Mails", "mails.listing", "What was sent, is queued, or was refused, and why"),
            ("Background work", "work.page", "What ran, is queued or failed"),
            ("Audit", "audit.listing", "Every change, every refused right, every failed login"),
        ),
    ),
)
"""Word, endpoint and one line of each place, by what they are about."""
PLACES: Final = tuple(place for _title, places in GROUPS for place in places)


@blueprint.get("")
def index() -> str:
    """Every place of administration."""
    require_admin(acting(), "see the pages of administration")
    counts = {"unresolved.listing": count_unresolved(db.session(), acting())}
    return render_template("home/admin.html", groups=GROUPS, counts=counts)
