"""The browser's door: parse, find the person, call one service, commit, render.

It must not hold business rules and must not know the other doors.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, g, request, url_for
from flask_login import current_user

from app.domain.access import Role
from app.extensions import db
from app.models import PortalFact
from app.web import (
    admin,
    attachment_writing,  # noqa: F401  (its addresses are on the blueprint of attachments)
    attachments,
    audit,
    availability,
    bulk,
    calendar,
    compression,
    cric,
    download_log,
    duty,
    duty_rules,
    encoding,
    errors,
    event_imports,
    event_matching,
    event_page,  # noqa: F401  (its pages are on the blueprint of events)
    event_sources,
    events,
    feeds,
    filters,
    form_keys,
    guide,
    health,
    home,
    imports,
    lhc_editing,  # noqa: F401  (its pages are on the blueprint of the calendar)
    links,
    list_columns,  # noqa: F401  (its address is on the blueprint of tickets)
    login,
    mails,
    matching,
    matching_rules,
    meeting_packs,
    notices,
    partners,
    people,
    profile,
    report_attachments,
    report_documents,
    report_forms,
    report_reminders,
    report_writing,  # noqa: F401  (its addresses are on the blueprint of the files)
    reports,
    reports_form,
    reports_form_autosave,  # noqa: F401  (its addresses are on the blueprint of the report)
    reset,
    scripts,
    second_factor,
    shortcuts,
    sites,
    statistics,
    suggest,
    teleconferences,
    ticket_edit,  # noqa: F401  (its pages are on the blueprint of tickets)
    ticket_imports,
    ticket_writing,  # noqa: F401  (likewise)
    tickets,
    tickets_csv,
    times,
    tokens,
    topology,
    unresolved,
    visits,
    what_if,
    work,
)

PLACES = (
    ("Home", "home.page"),
    ("Tickets", "tickets.listing"),
    ("Events", "events.listing"),
    ("Calendar", "calendar.month"),
    ("Statistics", "statistics.page"),
    ("Reports", "reports.page"),
    ("Sites", "sites.listing"),
    ("Links", "links.listing"),
)
"""The places of the top bar; only what exists."""
ADMIN = ("Admin", "admin.index")
"""The place that only admins see."""
THEMES = ("light", "dark")


def register(flask_app: Flask) -> None:
    """Add pages, filters, gate, errors and headers to the application."""
    times.register(flask_app)
    flask_app.add_template_filter(statistics.time_in_words, "days")
    flask_app.add_template_filter(availability.percent, "percent")
    flask_app.jinja_env.globals["statistics_pages"] = statistics.PAGES
    encoding.register(flask_app)
    compression.register(flask_app)
    errors.register(flask_app)
    login.register(flask_app)
    form_keys.register(flask_app)
    download_log.register(flask_app)
    for module in (
        home,
        calendar,
        feeds,
        notices,
        tickets,
        attachments,
        tickets_csv,
        events,
        event_imports,
        event_sources,
        filters,
        visits,
        bulk,
        shortcuts,
        scripts,
        suggest,
        sites,
        links,
        profile,
        partners,
        guide,
        admin,
        audit,
        unresolved,
        topology,
        people,
        second_factor,
        reset,
        work,
        matching,
        matching_rules,
        event_matching,
        statistics,
        availability,
        meeting_packs,
        teleconferences,
        reports_form,
        report_attachments,
        report_documents,
        report_reminders,
        reports,
    ):
        flask_app.register_blueprint(module.blueprint)
    mails.register(flask_app)
    duty.register(flask_app)
    for figures in (duty_rules, what_if):
        flask_app.register_blueprint(figures.blueprint)
    flask_app.register_blueprint(report_forms.blueprint)
    for blueprint in (
        imports.blueprint,
        ticket_imports.blueprint,
        imports.downloads,
        cric.blueprint,
    ):
        flask_app.register_blueprint(blueprint)
    tokens.register(flask_app)
    health.register(flask_app)
    flask_app.context_processor(_surroundings)
    digests: dict[str, str] = {}

    def asset(name: str) -> str:
        """The URL of a static file; changes with its content."""
        if name not in digests or flask_app.debug:
            content = (Path(str(flask_app.static_folder)) / name).read_bytes()
            digests[name] = hashlib.sha256(content).hexdigest()[:10]
        return url_for("static", filename=name, v=digests[name])

    flask_app.add_template_global(asset)


def _surroundings() -> dict[str, Any]:
    """What every page shows around its content."""
    broken = g.get("broken", False)
    known = not broken and current_user.is_authenticated
    theme = request.cookies.get("theme", "")
    place = (request.endpoint or "").split(".")[0]
    here = {
        "home": "Home",
        "calendar": "Calendar",
        "feeds": "Calendar",
        "notices": "Calendar",
        "tickets": "Tickets",
        "attachments": "Tickets",
        "filters": "Tickets",
        "bulk": "Tickets",
        "events": "Events",
        "event_imports": "Events",
        "event_sources": "Events",
        "event_matching": "Events",
        "statistics": "Statistics",
        "availability": "Statistics",
        "matching": "Statistics",
        "matching_rules": "Statistics",
        "what_if": "Statistics",
        "duty_rules": "Statistics",
        "duty": "Events",
        "teleconferences": "Reports",
        "report_forms": "Reports",
        "report_form": "Reports",
        "report_attachments": "Reports",
        "report_documents": "Reports",
        "reports": "Reports",
        "report_reminders": "Reports",
        "meeting_packs": "Reports",
        "topology": "Sites",
        "sites": "Sites",
        "links": "Links",
        "partners": "Admin",
        "admin": "Admin",
        "audit": "Admin",
        "unresolved": "Admin",
        "imports": "Admin",
        "ticket_imports": "Admin",
        "people": "Admin",
        "cric": "Admin",
        "work": "Admin",
    }
    is_admin = known and current_user.actor.role is Role.ADMIN
    return {
        "person": current_user if known else None,
        "places": (*PLACES, ADMIN) if is_admin else PLACES,
        "here": here.get(place),
        "theme": theme if theme in THEMES else "",
        "broken": broken,
        "demo": not broken and db.session.get(PortalFact, "demo") is not None,
    }
