"""Operations on duty rules: compose, revise, put in force, retire, undo. Only for admins.

A version never changes once created; when it is in force is stored separately, with author, time
and reason. Each operation writes one change of the rule, which triggers the recomputation of
duties. Times are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change
from app.duties.models.duties import DutyForce, DutyRule, DutyRuleVersion
from app.duties.rules.duties import Rule, rule_of_text

DUTY_RULE: Final = "duty rule"
"""The kind in the change log."""
_MANAGE: Final = _("change the rules for required tickets")
_NAME_LIMIT, _TEXT_LIMIT = 50, 4000
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


def all_rules(session: Session) -> Sequence[DutyRule]:
    """Every rule with its versions and when they are in force, oldest first."""
    return session.scalars(
        select(DutyRule)
        .options(selectinload(DutyRule.versions).selectinload(DutyRuleVersion.forces))
        .order_by(DutyRule.id)
    ).all()


def rule_of_id(session: Session, rule_id: int) -> DutyRule:
    """Return the rule with this key. Raises ``NotFound``."""
    rule = session.get(DutyRule, rule_id)
    if rule is None:
        raise NotFound(_("Rule not found"))
    return rule


def content_of(version: DutyRuleVersion) -> Rule:
    """The content of a version."""
    return rule_of_text(version.content)


def label_of(version: DutyRuleVersion) -> str:
    """How pages and addresses name a version: the rule's name, with a number from the second
    version on."""
    return version.rule.name if version.number == 1 else f"{version.rule.name} v{version.number}"


def judged_versions(session: Session) -> Sequence[DutyRuleVersion]:
    """The versions whose duties are stored: the newest of each rule, and those that are or were in
    force.

    Oldest first; their periods in force are loaded.
    """
    found = []
    for rule in all_rules(session):
        newest = rule.versions[-1] if rule.versions else None
        found += [
            one
            for one in rule.versions
            if one is newest or any(force.withdrawn_at is None for force in one.forces)
        ]
    return sorted(found, key=lambda one: one.id)


def compose_rule(
    session: Session, by: Writer, name: str, about: str, rule: Rule, note: str = ""
) -> DutyRule:
    """Create a rule with its first version; it is in force only after ``put_in_force``."""
    require_admin(by.actor, _MANAGE)
    name = _checked_name(name)
    about = checked_text("about", about.strip(), _TEXT_LIMIT, label=_("Description"))
    # few rules: compared here, because databases do not fold the case of all languages alike
    for known in session.scalars(select(DutyRule.name)):
        if known.casefold() == name.casefold():
            raise Invalid("name", _("A rule with this name already exists: %(known)s", known=known))
    made = DutyRule(name=name, about=about, source=f"Entered by {by.shown_author}", version=0)
    session.add(made)
    session.flush()
    version = _add_version(session, by, made, rule, note, 1)
    fields = [FieldChange("name", None, name), FieldChange("about", None, about or None)]
    _record(session, by, made, [*fields, *_as_fields(None, rule), *_note(version.note)])
    return made


def revise_rule(
    session: Session, by: Writer, rule_id: int, rule: Rule, note: str = ""
) -> DutyRuleVersion:
    """Add a version to a rule; what is in force stays in force. Raises ``Invalid`` if nothing
    differs."""
    require_admin(by.actor, _MANAGE)
    found = _locked(session, rule_id)
    newest = found.versions[-1]
    before = content_of(newest)
    if before == rule:
        raise Invalid("clauses", _("This is the same as the newest version"))
    version = _add_version(session, by, found, rule, note, newest.number + 1)
    fields = [FieldChange("newest", str(newest.number), str(version.number))]
    _record(session, by, found, [*fields, *_as_fields(before, rule), *_note(version.note)])
    return version


def put_in_force(
    session: Session, by: Writer, version_id: int, begins_at: datetime | None, reason: str
) -> DutyForce:
    """Require tickets for events that start at ``begins_at`` (None = now) or later, by this
    version.

    Another version of the same rule that is in force then ends at that moment. Raises ``Invalid``
    if this version is in force at that time already, or another version starts later.
    """
    require_admin(by.actor, _MANAGE)
    version = session.get(DutyRuleVersion, version_id)
    if version is None:
        raise NotFound(_("Rule version not found"))
    rule = _locked(session, version.rule_id)
    begins = _checked_moment("begins_at", begins_at or by.now)
    reason = _checked_reason("reason", reason)
    fields = []
    for other in rule.versions:
        for force in other.forces:
            if force.withdrawn_at is not None or (
                force.ends_at is not None and force.ends_at <= begins
            ):
                continue
            if force.begins_at >= begins or other.id == version.id:
                raise Invalid(
                    "begins_at",
                    _(
                        "%(other)s is in force from %(begins_at)s: "
                        "retire it or undo that first, or choose a later time",
                        other=label_of(other),
                        begins_at=_day(force.begins_at),
                    ),
                )
            force.ends_at, force.end_author = begins, by.shown_author
            force.end_reason = _("replaced by %(version)s", version=label_of(version))
            fields.append(
                FieldChange("in_force", _words(force, ended=False), _words(force, ended=True))
            )
    made = DutyForce(
        rule_version_id=version.id,
        begins_at=begins,
        reason=reason,
        author=by.shown_author,
        set_at=by.now,
    )
    version.forces.append(made)
    session.flush()
    fields.append(FieldChange("in_force", None, _words(made, ended=False)))
    _record(session, by, rule, [*fields, FieldChange("reason", None, reason)])
    return made


def retire(
    session: Session, by: Writer, force_id: int, ends_at: datetime | None, reason: str
) -> DutyForce:
    """End what is in force: events that start at ``ends_at`` (None = now) or later need no
    ticket."""
    require_admin(by.actor, _MANAGE)
    force, rule = _force(session, force_id)
    ends = _checked_moment("ends_at", ends_at or by.now)
    reason = _checked_reason("reason", reason)
    if force.withdrawn_at is not None or force.ends_at is not None:
        raise Invalid("ends_at", _("This has already ended"))
    if ends <= force.begins_at:
        raise Invalid(
            "ends_at",
            _(
                "The end is before the start. If the version should never have been in force, "
                "undo it instead"
            ),
        )
    force.ends_at, force.end_reason, force.end_author = ends, reason, by.shown_author
    _record(
        session,
        by,
        rule,
        [
            FieldChange("in_force", _words(force, ended=False), _words(force, ended=True)),
            FieldChange("reason", None, reason),
        ],
    )
    return force


def undo(session: Session, by: Writer, force_id: int) -> DutyForce:
    """Undo the last step: what was ended continues, and what was put in force never was."""
    require_admin(by.actor, _MANAGE)
    force, rule = _force(session, force_id)
    if force.withdrawn_at is not None:
        raise Invalid("undo", _("This has already been undone"))
    if force.ends_at is not None:
        _check_room(rule, force)
        words = _words(force, ended=True)
        force.ends_at, force.end_reason, force.end_author = None, "", ""
        change = FieldChange("in_force", words, _words(force, ended=False))
    else:
        force.withdrawn_at = by.now
        change = FieldChange("in_force", _words(force, ended=False), None)
    _record(session, by, rule, [change, FieldChange("undone", None, "yes")])
    return force


def _check_room(rule: DutyRule, force: DutyForce) -> None:
    for version in rule.versions:
        for other in version.forces:
            later = other.begins_at >= force.begins_at and other.id != force.id
            if later and other.withdrawn_at is None:
                raise Invalid(
                    "undo",
                    _(
                        "%(version)s replaced it; undo that first",
                        version=label_of(version),
                    ),
                )


@dataclass(frozen=True)
class InForce:
    """A version with the period in which it applies."""

    version_id: int
    begins_at: datetime
    ends_at: datetime | None


def forces_of(versions: Sequence[DutyRuleVersion]) -> Sequence[InForce]:
    """When each of these versions is in force, without what was undone."""
    return [
        InForce(one.id, force.begins_at, force.ends_at)
        for one in versions
        for force in one.forces
        if force.withdrawn_at is None
    ]


def _add_version(
    session: Session, by: Writer, rule: DutyRule, content: Rule, note: str, number: int
) -> DutyRuleVersion:
    made = DutyRuleVersion(
        rule_id=rule.id,
        number=number,
        content=content.as_text(),
        note=checked_text("note", note.strip(), _TEXT_LIMIT, label=_("Reason")),
        author=by.shown_author,
        created_at=by.now,
    )
    rule.versions.append(made)
    session.flush()
    return made


def _locked(session: Session, rule_id: int) -> DutyRule:
    rule = session.scalars(
        select(DutyRule)
        .where(DutyRule.id == rule_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if rule is None:
        raise NotFound(_("Rule not found"))
    return rule


def _force(session: Session, force_id: int) -> tuple[DutyForce, DutyRule]:
    force = session.get(DutyForce, force_id)
    if force is None:
        raise NotFound(_("Entry not found"))
    rule = _locked(session, force.version.rule_id)
    session.refresh(force)
    return force, rule


def _record(session: Session, by: Writer, rule: DutyRule, fields: Sequence[FieldChange]) -> None:
    rule.version += 1
    record_change(
        session,
        by,
        kind=DUTY_RULE,
        thing_id=rule.id,
        version=rule.version,
        fields=[one for one in fields if one.old != one.new],
    )


def _as_fields(before: Rule | None, after: Rule) -> list[FieldChange]:
    return [
        FieldChange("clauses", _clauses(before), _clauses(after)),
        FieldChange("hours", None if before is None else str(before.hours), str(after.hours)),
    ]


def _clauses(rule: Rule | None) -> str | None:
    return None if rule is None else _("; or ").join(clause.words() for clause in rule.clauses)


def _note(note: str) -> list[FieldChange]:
    return [FieldChange("note", None, note)] if note else []


def _words(force: DutyForce, *, ended: bool) -> str:
    until = (
        _(" until %(ends_at)s", ends_at=_day(force.ends_at))
        if ended and force.ends_at is not None
        else ""
    )
    return _(
        "%(version)s from %(begins_at)s%(until)s",
        version=label_of(force.version),
        begins_at=_day(force.begins_at),
        until=until,
    )


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid("name", _("Name is required"))
    if len(name) > _NAME_LIMIT or not all(one.isalnum() or one in " ._-+" for one in name):
        raise Invalid(
            "name",
            _(
                "Name: use letters, digits, spaces and . _ + -, at most %(name_limit)s characters",
                name_limit=_NAME_LIMIT,
            ),
        )
    if re.search(r" v\d+$", name):
        raise Invalid(
            "name", _("Name must not end in “v” and a number, which is how versions are named")
        )
    return checked_text("name", name, _NAME_LIMIT, label=_("Name"))


def _checked_reason(field: str, reason: str) -> str:
    reason = checked_text(field, reason.strip(), _TEXT_LIMIT, label=_("Reason"))
    if not reason:
        raise Invalid(field, _("Reason is required: it is shown with the rule"))
    return reason


def _checked_moment(field: str, moment: datetime) -> datetime:
    if moment < _EARLIEST:
        raise Invalid(field, _("Choose a time in the year 2000 or later"))
    return moment.astimezone(UTC)
