"""The list of what administrators manage."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, render_template

from app.core.rules.access import require_admin
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.person import acting
from app.names.services.unresolved import count_unresolved

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

GROUPS: Final = (
    (
        _("Access"),
        (
            (
                _("People"),
                "people.listing",
                _("Who can log in, with which role and for which sites"),
            ),
            (
                _("Sign-on"),
                "sign_on_map.show",
                _("Which entitlements or groups of a provider give which role and site"),
            ),
            (
                _("Partners"),
                "partners.listing",
                _("Systems that call the SOAP services, and their accounts"),
            ),
            (
                _("Tokens"),
                "tokens.listing",
                _("Programs that call the API, their scopes and expiry"),
            ),
            (
                _("Webhooks"),
                "webhooks.listing",
                _("Addresses that the portal calls when a ticket changed"),
            ),
            (
                _("Exchange"),
                "exchange.listing",
                _("Systems of partners with which tickets are exchanged both ways"),
            ),
        ),
    ),
    (
        _("Network"),
        (
            (_("Sites"), "sites.listing", _("Names, tiers, contacts; where sites are created")),
            (_("Links"), "links.listing", _("Ends, roles, circuits; where links are created")),
            (_("LHC calendar"), "calendar.lhc", _("When the LHC runs: periods and their sources")),
            (_("Imports"), "imports.choose", _("Sites and links as CSV or JSON, with a preview")),
            ("CRIC", "cric.listing", _("What WLCG's site database proposes, to accept or refuse")),
            (
                _("Unresolved names"),
                "unresolved.listing",
                _("Names in tickets that are not in the registry"),
            ),
        ),
    ),
    (
        _("Events and reports"),
        (
            (
                _("Event sources"),
                "event_sources.listing",
                _("What reports events, and in which words"),
            ),
            (_("Matching rule"), "matching_rules.page", _("When a ticket documents an event")),
            (
                _("Duty rules"),
                "duty_rules.listing",
                _("Which events need a ticket, and since when"),
            ),
            (
                _("Report form"),
                "report_forms.listing",
                _("Questions of the quarterly reports: drafts, preview, publishing"),
            ),
            (
                _("Report reminders"),
                "report_reminders.page",
                _("Who owes a report, and who was reminded"),
            ),
        ),
    ),
    (
        _("The portal"),
        (
            (
                _("Old tickets"),
                "ticket_imports.choose",
                _("Tickets of another system, from a CSV file"),
            ),
            (_("Mails"), "mails.listing", _("What was sent, is queued, or was refused, and why")),
            (_("Background work"), "work.page", _("What ran, is queued or failed")),
            (
                _("Audit"),
                "audit.listing",
                _("Every change, every refused right, every failed login"),
            ),
        ),
    ),
)
"""Word, endpoint and one line of each place, by what they are about."""
PLACES: Final = tuple(place for _title, places in GROUPS for place in places)


@blueprint.get("")
def index() -> str:
    """Every place of administration."""
    require_admin(acting(), _("see the pages of administration"))
    counts = {"unresolved.listing": count_unresolved(db.session(), acting())}
    return render_template("home/admin.html", groups=GROUPS, counts=counts)
