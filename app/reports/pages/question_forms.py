"""The forms of a report's questions; what is allowed is checked by the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, StringField, TextAreaField

from app.core.rules.language import _
from app.core.web.forms import Choice, lines, one_line, options, required
from app.reports.rules.form import QuestionKind, ReportQuestion
from app.reports.rules.questions import PARTS


class QuestionForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A question of a draft, as it is added or reworded."""

    version = HiddenField()
    label = StringField(
        PARTS["label"],
        required(PARTS["label"]),
        filters=[one_line],
        description=_("Shown above the answer; at most 200 characters."),
        render_kw={"autocomplete": "off"},
    )
    kind = Choice(
        PARTS["kind"],
        choices=options(*QuestionKind),
        default=QuestionKind.TEXT,
        description=_("“day”: up to today, for past events. “planned day”: any day."),
    )
    choices = TextAreaField(
        PARTS["choices"],
        filters=[lines],
        description=_("Only for the answer type “choice”: one per line."),
        render_kw={"rows": 4},
    )
    help = TextAreaField(
        PARTS["help"],
        filters=[lines],
        description=_("Shown below the answer; at most 1000 characters."),
        render_kw={"rows": 2},
    )
    group = StringField(
        PARTS["group"],
        filters=[one_line],
        description=_("Questions with the same title are grouped; leave empty for no title."),
        render_kw={"autocomplete": "off", "list": "groups"},
    )
    is_required = BooleanField(_("An answer is required before the report can be submitted"))
    is_carried = BooleanField(_("The previous answer can be reused with one click"))

    def stated(self) -> Mapping[str, Any]:
        """The parts as the services take them."""
        return {name: stated_part(name, self[name].data) for name in PARTS if name in self}


def stated_part(name: str, value: Any) -> Any:
    """A part as a form holds it, as the services take it."""
    if name == "choices":
        return tuple(one for one in (value or "").split("\n") if one.strip())
    return value if isinstance(value, bool) else value or ""


def form_data(question: ReportQuestion) -> Mapping[str, Any]:
    """A question as its form holds it."""
    return {
        "label": question.label,
        "kind": str(question.kind),
        "choices": "\n".join(question.choices),
        "help": question.help,
        "group": question.group,
        "is_required": question.is_required,
        "is_carried": question.is_carried,
    }


class PublishForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """From which quarter on a form is used, and why."""

    version = HiddenField()
    first_quarter = StringField(
        _("First quarter"),
        required(_("First quarter")),
        filters=[one_line],
        description=_(
            "Such as 2013-Q3. Reports of this and later quarters use this form, "
            "except those already started."
        ),
        render_kw={"autocomplete": "off", "size": 10},
    )
    note = TextAreaField(
        _("Reason"),
        required(_("Reason")),
        filters=[lines],
        description=_("Shown with the form."),
        render_kw={"rows": 2},
    )
