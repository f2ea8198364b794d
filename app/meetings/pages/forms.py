"""The forms of teleconferences.

What is allowed is checked by the services; typed text stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from flask_wtf import FlaskForm
from wtforms import (
    HiddenField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import ValidationError

from app.core.rules.human_times import Tense
from app.core.rules.language import _
from app.core.rules.quarters import Quarter, range_touching
from app.core.web.forms import Choice, UtcTimeField, lines, one_line, options
from app.core.web.times import both_zones, iso, now
from app.meetings.rules.teleconferences import (
    FIRST_QUARTER,
    MAX_LENGTH,
    MAX_TIMES,
    MIN_LENGTH,
    USUAL,
)
from app.meetings.services.teleconferences import Asked, Setting

_NUMBERS: Final = re.compile(r"[\s,;]+")
_MAX_DIGITS: Final = 9
NO_QUARTER: Final = "none"


class AskForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Asking for a TC."""

    reason = TextAreaField(
        _("Reason"),
        filters=[lines],
        description=_("What the meeting should decide; at most 4,000 characters."),
    )
    quarter = Choice(
        _("Quarter"),
        description=_("Adds missing reports and events of that quarter to the agenda."),
    )
    tickets = StringField(
        _("Tickets"),
        filters=[one_line],
        description=_("Ticket numbers, separated by commas: 12, 15."),
    )
    time_1 = UtcTimeField(_("Proposed time 1"), Tense.COMING, days=True)
    time_2 = UtcTimeField(_("Proposed time 2"), Tense.COMING, days=True)
    time_3 = UtcTimeField(_("Proposed time 3"), Tense.COMING, days=True)
    time_4 = UtcTimeField(_("Proposed time 4"), Tense.COMING, days=True)
    time_5 = UtcTimeField(_("Proposed time 5"), Tense.COMING, days=True)

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        known = range_touching(Quarter, FIRST_QUARTER.begin, now())
        self.quarter.choices = {NO_QUARTER: _("No quarter")} | options(*map(str, reversed(known)))

    @property
    def times(self) -> Sequence[UtcTimeField]:
        """The fields of the proposed times."""
        return [self[f"time_{number}"] for number in range(1, MAX_TIMES + 1)]

    def validate_tickets(self, field: StringField) -> None:
        """Numbers only."""
        for word in _words(field.data or ""):
            if not (word.isascii() and word.isdigit() and len(word) <= _MAX_DIGITS):
                raise ValidationError(_("Tickets: enter numbers, separated by commas"))

    def asked(self) -> Asked:
        """What is stated, for the service."""
        quarter = self.quarter.data or ""
        return Asked(
            reason=self.reason.data or "",
            times=[field.data for field in self.times if field.data is not None],
            quarter="" if quarter == NO_QUARTER else quarter,
            tickets=[int(word) for word in _words(self.tickets.data or "")],
        )


def _words(text: str) -> Sequence[str]:
    return [word.removeprefix("#") for word in _NUMBERS.split(text) if word]


class SeenForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A change of what one looked at."""

    version = HiddenField("Version")

    @property
    def _offered(self) -> Sequence[str]:
        return [value for value, *_ in self.chosen.iter_choices()]

    @property
    def seen_version(self) -> int:
        """The version that was looked at; 0 = none that can be read."""
        typed = self.version.data or ""
        is_number = typed.isascii() and typed.isdigit() and len(typed) <= _MAX_DIGITS
        return int(typed) if is_number else 0


class SetForm(SeenForm):
    """When and where a TC is."""

    chosen = RadioField(_("Time"), validate_choice=False)
    start = UtcTimeField(_("Start"), Tense.COMING, days=True)
    length = StringField(
        _("Length"),
        filters=[one_line],
        default=str(USUAL),
        description=_(
            "In minutes, %(min_length)s to %(max_length)s.",
            min_length=MIN_LENGTH,
            max_length=MAX_LENGTH,
        ),
    )
    place = StringField(
        _("Place"),
        filters=[one_line],
        description=_("A room or dial-in address; at most 255 characters."),
    )

    def offer(self, times: Sequence[datetime]) -> None:
        """The proposed times among which one is chosen; one that is written counts instead."""
        self.chosen.choices = [(iso(one), both_zones(one)) for one in times]
        if times:
            self.start.label.text = _("Another time")
            self.start.description = _("Replaces the selected time.")

    def validate_chosen(self, field: RadioField) -> None:
        """One of those that were proposed."""
        if self._offered and field.data not in self._offered and self.start.data is None:
            raise ValidationError(_("Select a proposed time, or enter another one"))

    def wanted(self) -> Setting:
        """What is stated, for the service."""
        start = self.start.data
        if start is None and self.chosen.data in self._offered:
            start = datetime.fromisoformat(self.chosen.data)
        typed = self.length.data or ""
        is_number = typed.isascii() and typed.isdigit() and len(typed) <= _MAX_DIGITS
        return Setting(start, int(typed) if is_number else None, self.place.data or "")


class ReasonForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why a TC is declined or cancelled."""

    reason = TextAreaField(_("Reason"), filters=[lines])


class MinutesForm(SeenForm):
    """What was said and decided."""

    minutes = TextAreaField(
        _("Minutes"), filters=[lines], description=_("Discussion and decisions.")
    )


class PeopleForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The person that the chair adds."""

    people = SelectMultipleField(_("People"), validate_choice=False)


class PointForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A point of the agenda."""

    text = StringField(_("Point"), filters=[one_line])
    address = StringField(
        _("Address"),
        filters=[one_line],
        description=_(
            "Optional: a page of the portal such as /tickets/12, or an https:// address."
        ),
    )


class SeriesForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why the regular TCs are cancelled or taken up again."""

    series_reason = TextAreaField(_("Reason"), filters=[lines])
