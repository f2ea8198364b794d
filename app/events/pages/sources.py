"""The sources of events: kind, partner and last report; and the label mapping of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, current_app, make_response, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField, TextAreaField

from app.core.rules.access import Role, require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in, lines, one_line, required
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.events.adapters import FORMATS
from app.events.models.events import EventSource
from app.events.rules.events import MAX_SOURCE_LENGTH, EventState
from app.events.rules.formats import USUAL_WORDS
from app.events.rules.hearing import EXPECTED
from app.events.services.sources import (
    LABELS,
    MANAGE,
    all_sources,
    parsed_words,
    set_source,
    source_of_id,
)

blueprint = Blueprint("event_sources", __name__, url_prefix="/events/sources")
KINDS: Final[Mapping[str, str]] = {
    "api": "REST",
    **{one.name: one.title for one in FORMATS.values()},
    "soap": "SOAP",
    "file": _("a file"),
    "hand": "people",
}
"""How a source's first message arrived, in words."""


class SourceForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """How often a source calls, and the label names of its alerts."""

    name = StringField(
        _("Name"),
        required(_("Name")),
        filters=[one_line],
        description=_(
            "The name of the source in messages; at most %(max_source_length)s characters.",
            max_source_length=MAX_SOURCE_LENGTH,
        ),
    )
    expected_minutes = IntegerField(
        _("Expected every (minutes)"),
        required(_("Expected every (minutes)")),
        description=_(
            "If the source does not call within this time, it counts as silent, "
            "and links that no other source watches count as unmonitored. "
            "An empty list counts as a call."
        ),
    )
    link_label = StringField(
        _("Label with the link id"), required(_("Label with the link id")), filters=[one_line]
    )
    site_label = StringField(
        _("Label with the site name"),
        required(_("Label with the site name")),
        filters=[one_line],
    )
    state_label = StringField(
        _("Label with the state"),
        required(_("Label with the state")),
        filters=[one_line],
        description=_("Without this label, an alert's severity is used."),
    )
    layer_label = StringField(
        _("Label with the layer"), required(_("Label with the layer")), filters=[one_line]
    )
    state_words = TextAreaField(
        _("State values"),
        filters=[lines],
        description=_(
            "One per line: value=state, such as critical=down. States: %(listed)s. "
            "Empty: default values.",
            listed=", ".join(EventState),
        ),
    )

    def labels(self) -> dict[str, str]:
        """The labels that were entered."""
        return {name: self[name].data or "" for name in LABELS}

    def words(self) -> dict[str, str]:
        """The values and their states; raises ``Invalid`` for an invalid line."""
        found = {}
        for line in (self.state_words.data or "").splitlines():
            if line.strip():
                word, sign, state = line.rpartition("=")
                if not sign:
                    raise Invalid(
                        "state_words",
                        _(
                            "“%(strip)s”: enter value=state, such as critical=down",
                            strip=line.strip()[:50],
                        ),
                    )
                found[word.strip()] = state.strip()
        return found


@blueprint.get("")
def listing() -> str:
    """List all sources, for everybody; their label mapping is for admins."""
    return render_template(
        "events/sources.html",
        sources=all_sources(db.session()),
        kinds=KINDS,
        formats=FORMATS,
        admin=acting().role is Role.ADMIN,
        usual=USUAL_WORDS,
        now=now(),
        base=current_app.config["PORTAL"].public_url,
    )


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Create a source before it reports."""
    require_admin(acting(), MANAGE)
    return _edited(SourceForm(data=_usual()), None)


@blueprint.route("/<int(max=2147483647):number>", methods=["GET", "POST"])
def edit(number: int) -> Response:
    """Change a source's label mapping. Addressed by number: a source can have any name, even one
    that cannot be in an address (``..``) or is the name of another page (``new``)."""
    require_admin(acting(), MANAGE)
    source = source_of_id(db.session(), number)
    data: dict[str, str | int] = {label: str(getattr(source, label)) for label in LABELS}
    words = parsed_words(source.state_words)
    data["state_words"] = "\n".join(f"{word}={state}" for word, state in words.items())
    data["expected_minutes"] = source.expected_minutes
    return _edited(SourceForm(data={"name": source.name, **data}), source)


def _usual() -> dict[str, str | int]:
    usual = int(EXPECTED.total_seconds() // 60)
    return {"expected_minutes": usual, **{name: name.removesuffix("_label") for name in LABELS}}


def _edited(form: SourceForm, source: EventSource | None) -> Response:
    if not form.is_submitted():
        return _form_page(form, source)
    session = db.session()
    if source is not None:
        form.name.data = source.name
    if form.validate():
        with errors_in(form):
            if source is None and _is_known(form.name.data or ""):
                raise Invalid("name", _("A source with this name already exists"))
            with writing_once(session):
                set_source(
                    session,
                    writer(),
                    form.name.data or "",
                    form.labels(),
                    form.words(),
                    form.expected_minutes.data,
                )
                leads_to(url_for("event_sources.listing"))
    if form.errors:
        return _form_page(form, source, 422)
    return go_to(url_for("event_sources.listing"), _("Source %(data)s saved.", data=form.name.data))


def _form_page(form: SourceForm, source: EventSource | None, status: int = 200) -> Response:
    name = source.name if source is not None else ""
    page = render_template("events/source_form.html", form=form, name=name, source=source)
    return make_response(page, status)


def _is_known(name: str) -> bool:
    return any(found.row.name == name for found in all_sources(db.session()))
