"""The rules for required tickets: their content, what is in force, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.core.rules.access import Role, require_admin
from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import attach, errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.rows_field import pressed
from app.core.web.times import now
from app.duties.models.duties import DutyForce, DutyRule, DutyRuleVersion
from app.duties.pages.rule_forms import (
    ANY_LENGTH,
    AT_LEAST,
    COUNTS,
    EXCLUDED,
    MORE_THAN,
    ForceForm,
    ReviseForm,
    RuleForm,
)
from app.duties.rules.duties import LABELS, R2009, ClauseKind, Rule, checked_rule
from app.duties.services import rules as verbs
from app.duties.services.duties import WHOLE, what_if, would_ask
from app.duties.services.rules import all_rules, content_of, label_of, rule_of_id
from app.matching.web.freshness import fresh_figures

blueprint = Blueprint("duty_rules", __name__, url_prefix="/duty/rules")
_KEY: Final = "<int(max=2147483647):number>"
_PREVIEWED: Final = 4
"""Quarters in the preview of a new rule."""


@dataclass(frozen=True)
class ShownVersion:
    """A version of a rule as the page shows it."""

    row: DutyRuleVersion
    label: str
    rule: Rule
    forces: Sequence[DutyForce]
    asked: int | None
    """Tickets required in the last four quarters; None if that is not stored."""

    @property
    def is_open_ended(self) -> bool:
        """Whether it is or will be in force until further notice."""
        return any(one.withdrawn_at is None and one.ends_at is None for one in self.forces)

    @property
    def in_force_now(self) -> bool:
        """Whether it applies to an event that starts now."""
        return any(
            one.withdrawn_at is None
            and one.begins_at <= now()
            and (one.ends_at is None or now() < one.ends_at)
            for one in self.forces
        )


@blueprint.get("")
def listing() -> Response:
    """List every rule with its versions, and when they were in force."""
    return _list_page()


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Create a rule; a preview of what it would have required is optional."""
    _admins_only()
    form = RuleForm()
    if request.method == "GET":
        form.clauses.data = [_as_row(clause) for clause in R2009.clauses]
        return _form_page(form, None)
    if pressed(form, request.form.get("do", "")):
        return _form_page(form, None)
    rule = _rule_of(form)
    if rule is None or not form.validate():
        return _form_page(form, None, status=422)
    if request.form.get("do") == "preview":
        return _form_page(form, None, preview=_previewed(rule), rule=rule)
    session = db.session()
    with errors_in(form), writing_once(session):
        made = verbs.compose_rule(
            session, writer(), form.name.data or "", form.about.data or "", rule
        ).name
        leads_to(url_for("duty_rules.listing"))
    if form.errors:
        return _form_page(form, None, status=422)
    return go_to(
        url_for("duty_rules.listing"),
        _("%(rule)s created. Bring it into force to apply it.", rule=made),
    )


@blueprint.route(f"/{_KEY}/revise", methods=["GET", "POST"])
def revise(number: int) -> Response:
    """Create a new version of a rule."""
    _admins_only()
    session, form = db.session(), ReviseForm()
    rule_row = rule_of_id(session, number)
    if request.method == "GET":
        newest = content_of(rule_row.versions[-1])
        form.clauses.data = [_as_row(clause) for clause in newest.clauses]
        form.hours.data = str(newest.hours)
        return _form_page(form, rule_row)
    if pressed(form, request.form.get("do", "")):
        return _form_page(form, rule_row)
    rule = _rule_of(form)
    if rule is None or not form.validate():
        return _form_page(form, rule_row, status=422)
    if request.form.get("do") == "preview":
        return _form_page(form, rule_row, preview=_previewed(rule), rule=rule)
    with errors_in(form), writing_once(session):
        made = label_of(verbs.revise_rule(session, writer(), number, rule, form.note.data or ""))
        leads_to(url_for("duty_rules.listing"))
    if form.errors:
        return _form_page(form, rule_of_id(session, number), status=422)
    return go_to(
        url_for("duty_rules.listing"),
        _(
            "%(rule)s created. The current version stays in force until you bring this one into "
            "force.",
            rule=made,
        ),
    )


@blueprint.post(f"/versions/{_KEY}/force")
def put_in_force(number: int) -> Response:
    """Put a version in force."""
    return _decided(
        lambda form: verbs.put_in_force(
            db.session(), writer(), number, form.at.data, form.reason.data or ""
        ),
        _("{} is in force from {}."),
        ("begins_at", f"version-{number}"),
    )


@blueprint.post(f"/forces/{_KEY}/retire")
def retire(number: int) -> Response:
    """End a version that is in force."""
    return _decided(
        lambda form: verbs.retire(
            db.session(), writer(), number, form.at.data, form.reason.data or ""
        ),
        _("{} is in force until {}."),
        ("ends_at", f"force-{number}"),
    )


@blueprint.post(f"/forces/{_KEY}/undo")
def undo(number: int) -> Response:
    """Undo the last step."""
    _admins_only()
    session = db.session()
    try:
        with writing_once(session):
            label = label_of(verbs.undo(session, writer(), number).version)
    except Invalid as error:
        return _list_page(problem=error.message, status=422)
    return go_to(url_for("duty_rules.listing"), _("Last change of %(label)s undone.", label=label))


def _decided(verb: Callable[[ForceForm], DutyForce], words: str, at: tuple[str, str]) -> Response:
    _admins_only()
    form = ForceForm()
    if not form.validate():
        return _list_page(decision=form, place=at[1], status=422)
    session = db.session()
    with errors_in(form, {at[0]: "at"}), writing_once(session):
        force = verb(form)
        moment = force.ends_at if at[0] == "ends_at" else force.begins_at
        said = words.format(label_of(force.version), f"{moment:%Y-%m-%d %H:%M} UTC")
    if form.errors:
        return _list_page(decision=form, place=at[1], status=422)
    return go_to(url_for("duty_rules.listing"), said)


def _admins_only() -> None:
    require_admin(acting(), _("change the rules for required tickets"))


def _list_page(
    *,
    decision: ForceForm | None = None,
    place: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    fresh = fresh_figures()
    session = db.session()
    rules = all_rules(session)
    last = Quarter.of(now())
    sums = what_if(
        session,
        [one.id for rule in rules for one in rule.versions],
        last.after(1 - _PREVIEWED),
        last,
    )
    judged = {one.id for one in verbs.judged_versions(session)}
    shown = [
        (
            rule,
            [
                ShownVersion(
                    one,
                    label_of(one),
                    content_of(one),
                    [*reversed(one.forces)],
                    sums.whole(one.id, WHOLE).asked if one.id in judged else None,
                )
                for one in reversed(rule.versions)
            ],
        )
        for rule in rules
    ]
    return make_response(
        render_template(
            "duties/rules.html",
            rules=shown,
            may_edit=acting().role is Role.ADMIN,
            blank=ForceForm(formdata=None),
            decision=decision,
            place=place,
            problem=problem,
            since=last.after(1 - _PREVIEWED),
            last=last,
            fresh=fresh,
        ),
        status,
    )


def _form_page(
    form: RuleForm | ReviseForm,
    row: DutyRule | None,
    *,
    status: int = 200,
    preview: int | None = None,
    rule: Rule | None = None,
) -> Response:
    return make_response(
        render_template(
            "duties/rule_form.html",
            form=form,
            row=row,
            preview=preview,
            rule=rule,
            since=Quarter.of(now()).after(1 - _PREVIEWED),
        ),
        status,
    )


def _previewed(rule: Rule) -> int:
    fresh_figures()
    return would_ask(db.session(), rule, now(), Quarter.of(now()).after(1 - _PREVIEWED))


def _rule_of(form: RuleForm | ReviseForm) -> Rule | None:
    """The entered rule, or None with errors on the fields."""
    try:
        return checked_rule([_as_stated(row) for row in form.clauses.data], form.hours.data)
    except InvalidMany as error:
        for name, message in error.problems.items():
            field, _dash, number = name.partition("-")
            if number:
                form.clauses.errors = [
                    *form.clauses.errors,
                    _("Clause %(number)s: %(message)s", number=int(number) + 1, message=message),
                ]
            else:
                form[field].errors = [*form[field].errors, message]
    except Invalid as error:
        attach(form, error)
    return None


def _as_row(clause: Any) -> dict[str, str]:
    length = MORE_THAN if clause.strictly else AT_LEAST
    if clause.kind != ClauseKind.FLAPS and not clause.minutes and not clause.strictly:
        length = ANY_LENGTH
    return {
        **{name: str(value) for name, value in asdict(clause).items() if name in LABELS},
        "length": length,
        "minutes": "" if length == ANY_LENGTH else str(clause.minutes),
        "flaps": str(clause.flaps) if clause.kind == ClauseKind.FLAPS else "",
        "maintenance": COUNTS if clause.maintenance else EXCLUDED,
    }


def _as_stated(row: dict[str, str]) -> dict[str, Any]:
    any_length = row["length"] == ANY_LENGTH and row["kind"] != ClauseKind.FLAPS
    return {
        **{name: row[name] for name in ("kind", "scope", "role", "lhc", "flaps")},
        "minutes": "0" if any_length else row["minutes"],
        "strictly": row["length"] == MORE_THAN,
        "maintenance": row["maintenance"] != EXCLUDED,
    }
