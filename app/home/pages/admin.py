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
                _("User accounts, roles and sites"),
            ),
            (
                _("Sign-on"),
                "sign_on_map.show",
                _("Mapping of entitlements and groups to roles and sites"),
            ),
            (
                _("Partners"),
                "partners.listing",
                _("Accounts of systems that call the SOAP services"),
            ),
            (
                _("Tokens"),
                "tokens.listing",
                _("API tokens, their scopes and expiry"),
            ),
            (
                _("Webhooks"),
                "webhooks.listing",
                _("URLs that the portal calls when a ticket changes"),
            ),
            (
                _("Exchange"),
                "exchange.listing",
                _("Two-way ticket exchange with partner systems"),
            ),
        ),
    ),
    (
        _("Network"),
        (
            (_("Sites"), "sites.listing", _("Names, tiers and contacts of sites")),
            (_("Links"), "links.listing", _("Ends, roles and circuits of links")),
            (_("LHC calendar"), "calendar.lhc", _("LHC run periods and their sources")),
            (_("Imports"), "imports.choose", _("Sites and links from CSV or JSON, with a preview")),
            ("CRIC", "cric.listing", _("Changes proposed by WLCG's site database")),
            (
                _("Unresolved names"),
                "unresolved.listing",
                _("Names in tickets that the registry does not know"),
            ),
        ),
    ),
    (
        _("Events and reports"),
        (
            (
                _("Event sources"),
                "event_sources.listing",
                _("Monitoring sources and label mapping"),
            ),
            (_("Matching rule"), "matching_rules.page", _("When a ticket documents an event")),
            (
                _("Ticket rules"),
                "duty_rules.listing",
                _("Rules that require a ticket"),
            ),
            (
                _("Report form"),
                "report_forms.listing",
                _("Questions of the quarterly reports: drafts, preview, publishing"),
            ),
            (
                _("Report reminders"),
                "report_reminders.page",
                _("Outstanding reports and reminders sent"),
            ),
        ),
    ),
    (
        _("The portal"),
        (
            (
                _("Old tickets"),
                "ticket_imports.choose",
                _("Import tickets of another system from CSV"),
            ),
            (_("Emails"), "mails.listing", _("Outgoing emails: sent, queued and refused")),
            (_("Background work"), "work.page", _("Job history, queue and failures")),
            (
                _("Audit"),
                "audit.listing",
                _("All changes, refused requests and failed logins"),
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
