"""The matching rule with its versions; an admin adds one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.core.rules.access import Role
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import read_time
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.matching.rules.matching import MatchingRule, minutes_of
from app.matching.services.rules import add_rule, rule_rows, rules_in_order

blueprint = Blueprint("matching_rules", __name__, url_prefix="/statistics/matching/rules")
_FIELDS = ("valid_from", "gap", "minimal", "tolerance", "note")
_MAX_DIGITS = 6


@blueprint.get("")
def page() -> Response:
    """List all versions, newest first."""
    return _page({}, None)


@blueprint.post("")
def add() -> Response:
    """Add the next version."""
    typed = {name: request.form.get(name, "") for name in _FIELDS}
    session = db.session()
    try:
        rule = MatchingRule(
            0,
            _moment(typed["valid_from"]),
            **{name: _minutes(name, typed[name]) for name in ("gap", "minimal", "tolerance")},
        )
        with writing_once(session):
            rule = add_rule(session, writer(), rule, typed["note"].replace("\r\n", "\n"))
    except Invalid as error:
        return _page(typed, error)
    return go_to(
        url_for("matching_rules.page"),
        _(
            "Version %(version)s applies from %(valid_from)s UTC. Events are being matched again.",
            version=rule.version,
            valid_from=format(rule.valid_from, "%Y-%m-%d %H:%M"),
        ),
    )


def _page(typed: dict[str, str], error: Invalid | None) -> Response:
    session = db.session()
    newest = rules_in_order(session)[-1]
    values = {
        "valid_from": "",
        "gap": str(minutes_of(newest.gap)),
        "minimal": str(minutes_of(newest.minimal)),
        "tolerance": str(minutes_of(newest.tolerance)),
        "note": "",
        **typed,
    }
    page = render_template(
        "matching/rules.html",
        versions=[*reversed(rule_rows(session))],
        values=values,
        problem=error,
        may_add=acting().role is Role.ADMIN,
    )
    return make_response(page, 200 if error is None else 422)


def _moment(text: str) -> datetime:
    return read_time("valid_from", text, label=_("Valid from")).astimezone(UTC)


def _minutes(field: str, text: str) -> timedelta:
    stripped = text.strip()
    if stripped.isascii() and stripped.isdigit() and len(stripped) <= _MAX_DIGITS:
        return timedelta(minutes=int(stripped))
    raise Invalid(field, _("Enter a whole number of minutes"))
