"""The forms of unresolved names: what is allowed is checked by the services."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField

from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.core.web.forms import Choice, one_line, options, required
from app.names.services.unresolved import MAX_UNIT_LENGTH
from app.registry.rules.registry import NameSystem

AS_WRITTEN = _("From tickets")
AS_REPORTED = _("From events")
"""The reasons that are offered."""


class NameForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Which name it is about, and why."""

    kind = HiddenField("Kind")
    name = HiddenField("Name")
    why = StringField(
        _("Reason"),
        filters=[one_line],
        description=_(
            "Recorded in the audit log; at most %(short_text_limit)s characters.",
            short_text_limit=SHORT_TEXT_LIMIT,
        ),
        render_kw={"autocomplete": "off"},
    )


class AliasForm(NameForm):
    """What a name means."""

    target = StringField(
        _("Match"),
        required(_("Matching record")),
        filters=[one_line],
        render_kw={"list": "known-names", "autocomplete": "off", "autocapitalize": "none"},
    )
    system = Choice(
        _("System that uses this name for the site"),
        choices=options(*NameSystem),
        default=NameSystem.GOCDB,
    )


class UnitForm(FlaskForm):  # type: ignore[misc]
    """A unit that becomes known by its name."""

    unit = StringField(
        _("Unit"),
        required(_("Unit")),
        filters=[one_line],
        description=_(
            "As written in the tickets; at most %(max_unit_length)s characters.",
            max_unit_length=MAX_UNIT_LENGTH,
        ),
        render_kw={"autocomplete": "off"},
    )
    why = StringField(_("Reason"), filters=[one_line], render_kw={"autocomplete": "off"})
