"""The browser's door: parse, find the person, call one service, commit, render.

It must not hold business rules and must not know the other doors.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, g, request, url_for
from flask_login import current_user

from app.accounts.pages import (
    login,
    partners,
    passkeys,
    people,
    reset,
    second_factor,
    sign_on,
    sign_on_map,
    tokens,
)
from app.audit.pages import audit
from app.calendar.pages import (
    agenda,  # noqa: F401  # on a blueprint
    calendar,
    conflicts,  # noqa: F401  # on a blueprint
    lhc_editing,  # noqa: F401  # on a blueprint
)
from app.composition import compose_figures, compose_pages
from app.core.models.changes import PortalFact
from app.core.rules.access import Role
from app.core.web import (
    download_log,
    errors,
    form_keys,
    languages,
    scripts,
    times,
    typed_times,
)
from app.core.web.extensions import db
from app.core.web.requests import compression, encoding
from app.duties.pages import duties as duty
from app.duties.pages import (
    events,
    lanes,  # noqa: F401  # on a blueprint
    what_if,
)
from app.duties.pages import rules as duty_rules
from app.events.pages import imports as event_imports
from app.events.pages import sources as event_sources
from app.events.services.hearing import LastReport, last_report
from app.exchange.pages import connections as exchange
from app.exchange.pages import (
    hooks,
    incoming_mails,
    maps,  # noqa: F401  # on a blueprint
)
from app.home.pages import (
    admin,
    guide,
    health,
    home,
    live,
    manual,
    network,
    places,
    profile,
    search,
    security_txt,
    shortcuts,
    work,
)
from app.mail.pages import mails
from app.matching.pages import event_matching, matching
from app.matching.pages import rules as matching_rules
from app.meetings.pages import feeds, teleconferences
from app.meetings.pages import packs as meeting_packs
from app.metrics import pages as metrics
from app.names.pages import unresolved
from app.notices.pages import notices
from app.registry.pages import cric, imports, links, sites
from app.reports.pages import attachments as report_attachments
from app.reports.pages import documents as report_documents
from app.reports.pages import form as reports_form
from app.reports.pages import form_autosave as reports_form_autosave  # noqa: F401  # on a blueprint
from app.reports.pages import forms as report_forms
from app.reports.pages import reminders as report_reminders
from app.reports.pages import reports
from app.reports.pages import writing as report_writing  # noqa: F401  # on a blueprint
from app.statistics.pages import availability, statistics
from app.tickets.pages import attachments, old_addresses, reminders, tickets, visits, words  # noqa: F401  # on a blueprint
from app.tickets.pages import edit as ticket_edit  # noqa: F401  # on a blueprint
from app.tickets.pages import imports as ticket_imports
from app.tickets.pages import merging as ticket_merging  # noqa: F401  # on a blueprint
from app.tickets.pages import writing as ticket_writing  # noqa: F401  # on a blueprint
from app.tickets.pages.listing import bulk, filters, tickets_csv  # on a blueprint
from app.topology.pages import topology
from app.webhooks.pages import webhooks

THEMES = ("light", "dark")


def register(flask_app: Flask) -> None:
    """Add pages, filters, login check, errors and headers to the application."""
    compose_figures()
    compose_pages()
    metrics.register(flask_app)  # first: a request has its name whatever refuses it
    languages.register(flask_app)
    times.register(flask_app)
    words.register(flask_app)
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
        network,
        typed_times,
        calendar,
        feeds,
        notices,
        tickets,
        attachments,
        tickets_csv,
        old_addresses,
        events,
        event_imports,
        event_sources,
        filters,
        visits,
        bulk,
        shortcuts,
        scripts,
        search,
        security_txt,
        sites,
        links,
        profile,
        partners,
        guide,
        manual,
        admin,
        audit,
        unresolved,
        topology,
        people,
        second_factor,
        passkeys,
        reset,
        work,
        exchange,
        webhooks,
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
    hooks.register(flask_app)
    flask_app.register_blueprint(incoming_mails.blueprint)
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
    sign_on.register(flask_app)
    flask_app.register_blueprint(sign_on_map.blueprint)
    health.register(flask_app)
    live.register(flask_app)
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
    is_admin = known and current_user.actor.role is Role.ADMIN
    return {
        "person": current_user if known else None,
        **places.around(request.endpoint or "", is_admin=is_admin),
        "theme": theme if theme in THEMES else "",
        "drawn_at": times.now(),
        "last_report": _last_report,
        "broken": broken,
        "demo": not broken and _is_demo(),
    }


def _last_report() -> LastReport:
    """When monitoring was heard last; only whole pages ask for it."""
    return last_report(db.session(), times.now())


def _is_demo() -> bool:
    """Whether this portal's data is demo data; the login has told it where there is one."""
    if "demo" not in g:
        g.demo = db.session.get(PortalFact, "demo") is not None
    demo: bool = g.demo
    return demo
