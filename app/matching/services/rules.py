"""The stored versions of the matching rule, and the operation that adds one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change
from app.matching.models.matching import MatchingRule as Row
from app.matching.rules.matching import (
    FIRST_RULE,
    REASON_LIMIT,
    MatchingRule,
    check_rule,
    minutes_of,
)

MATCHING_RULE: Final = "matching rule"
"""The kind in the change log; the id is the rule's version."""


def rules_in_order(session: Session) -> Sequence[MatchingRule]:
    """All versions by their first moment; at least one."""
    rows = rule_rows(session)
    return [
        MatchingRule(
            row.version,
            row.valid_from,
            timedelta(seconds=row.gap_seconds),
            timedelta(seconds=row.minimal_seconds),
            timedelta(seconds=row.tolerance_seconds),
        )
        for row in rows
    ] or [FIRST_RULE]


def rule_rows(session: Session) -> Sequence[Row]:
    """The same with note and author."""
    return session.scalars(select(Row).order_by(Row.valid_from)).all()


def add_rule(session: Session, by: Writer, rule: MatchingRule, note: str) -> MatchingRule:
    """Add the next version; all events that start from its first moment on are matched again.

    Only for admins. Raises ``Invalid`` (gap, minimal, tolerance, valid_from, note).
    """
    require_admin(by.actor, _("change the matching rule"))
    newest = rules_in_order(session)[-1]
    rule = replace(rule, version=newest.version + 1)
    check_rule(rule, newest)
    note = checked_text("note", note.strip(), REASON_LIMIT)
    if not note:
        raise Invalid("note", _("Reason is required. It is shown in the list of versions"))
    session.add(
        Row(
            version=rule.version,
            valid_from=rule.valid_from.astimezone(UTC),
            gap_seconds=int(rule.gap.total_seconds()),
            minimal_seconds=int(rule.minimal.total_seconds()),
            tolerance_seconds=int(rule.tolerance.total_seconds()),
            note=note,
            created_at=by.now,
            author=by.shown_author,
        )
    )
    values = {
        "valid_from": _text(rule.valid_from),
        "gap": f"{minutes_of(rule.gap)} min",
        "minimal": f"{minutes_of(rule.minimal)} min",
        "tolerance": f"{minutes_of(rule.tolerance)} min",
        "note": note,
    }
    fields = [FieldChange(name, None, text) for name, text in values.items()]
    record_change(session, by, kind=MATCHING_RULE, thing_id=rule.version, fields=fields, version=1)
    return rule


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
