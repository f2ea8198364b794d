"""The forms of duty rules; the domain checks what is allowed."""

from __future__ import annotations

from collections.abc import Mapping

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

from app.core.rules.human_times import Tense
from app.core.rules.language import _
from app.core.web.forms import UtcTimeField, lines, one_line, required
from app.core.web.rows_field import Column, RowsField
from app.duties.rules.duties import LABELS, USUAL_HOURS, ClauseKind, Lhc, Role, Scope

ANY_LENGTH, MORE_THAN, AT_LEAST = "any length", "more than", "at least"
COUNTS, EXCLUDED = "counts", "excluded"


class ClausesField(RowsField):
    """The clauses of a rule; each row is one, whatever it contains."""

    def is_empty(self, row: Mapping[str, str]) -> bool:
        """Return False: every row counts."""
        return False


def _clauses() -> ClausesField:
    return ClausesField(
        _("Clauses"),
        (
            Column("kind", LABELS["kind"], tuple(ClauseKind)),
            Column("length", LABELS["strictly"], (ANY_LENGTH, MORE_THAN, AT_LEAST)),
            Column("minutes", LABELS["minutes"], placeholder="60"),
            Column("flaps", _("More flaps than"), placeholder="5"),
            Column("role", LABELS["role"], tuple(Role)),
            Column("scope", LABELS["scope"], tuple(Scope)),
            Column("lhc", LABELS["lhc"], tuple(Lhc)),
            Column("maintenance", LABELS["maintenance"], (COUNTS, EXCLUDED)),
        ),
        row="clause",
        description=_(
            "A ticket is required if one clause applies. "
            "A clause applies if all its conditions are met. "
            "Minutes: length of the event or loss of service; "
            "for flaps, the time in which they are counted."
        ),
    )


def _hours() -> StringField:
    return StringField(
        LABELS["hours"],
        required(LABELS["hours"]),
        filters=[one_line],
        default=str(USUAL_HOURS),
        description=_("Counted from the start of the event. A ticket created later is late."),
        render_kw={"inputmode": "numeric", "autocomplete": "off", "size": 5},
    )


class RuleForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A new rule."""

    name = StringField(
        _("Name"),
        required(_("Name")),
        filters=[one_line],
        description=_("Short, such as R2013; at most 50 characters."),
        render_kw={"autocomplete": "off"},
    )
    about = TextAreaField(
        _("Description"),
        filters=[lines],
        description=_("Pros and cons of the rule; shown in the rule comparison."),
    )
    clauses = _clauses()
    hours = _hours()


class ReviseForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A new version of a rule."""

    clauses = _clauses()
    hours = _hours()
    note = TextAreaField(_("Reason"), filters=[lines], description=_("Shown with the version."))


class ForceForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """From when or until when a version is in force, and why."""

    at = UtcTimeField(
        _("When"),
        Tense.EITHER,
        description=_("UTC, such as 2013-07-01 or 2013-07-01 09:00. Empty: now."),
    )
    reason = StringField(
        _("Reason"),
        required(_("Reason")),
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
