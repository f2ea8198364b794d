"""The forms of teleconferences. Times are typed in the person's own zone, unless one follows them.

What is allowed is checked by the services; typed text is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import (
    Field,
    HiddenField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from app.core.rules.errors import Invalid
from app.core.rules.quarters import Quarter, range_touching
from app.core.rules.texts import read_time
from app.core.web.forms import Choice, lines, one_line, options
from app.core.web.times import both_zones, iso, now
from app.meetings.rules.teleconferences import (
    FIRST_QUARTER,
    MAX_LENGTH,
    MAX_TIMES,
    MIN_LENGTH,
    USUAL,
)
from app.meetings.services.teleconferences import Asked, Setting

_ZONE: Final = re.compile(r"(Z|[+-]\d{2}:?\d{2}|UTC)", re.ASCII)
_CLOCK: Final = re.compile(r"\d{2}:\d{2}", re.ASCII)
_NUMBERS: Final = re.compile(r"[\s,;]+")
_MAX_DIGITS: Final = 9
NO_QUARTER: Final = "none"


def own_zone() -> str:
    """The zone of whoever is logged in."""
    return str(getattr(current_user, "time_zone", "UTC"))


def read_own_time(text: str, zone: str, label: str) -> datetime:
    """A day with the time of day, of this zone unless ``UTC`` or an offset follows; as UTC.

    Raises ``Invalid`` also for what the zone's clocks leave out when they go forward. Of an hour
    that comes twice it is the first.
    """
    typed = text.strip()
    if not _CLOCK.search(typed):
        raise Invalid("time", f"{label} needs a time of day, such as 2026-01-31 14:00")
    has_zone = _ZONE.search(typed[10:])
    moment = read_time("time", re.sub(r"\s*UTC$", "Z", typed), label=label)
    if has_zone or zone == "UTC":
        return moment
    there = moment.replace(tzinfo=None)
    local = there.replace(tzinfo=ZoneInfo(zone))
    if local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != there:
        raise Invalid("time", f"{label} does not exist in {zone}: the clocks go forward then")
    return local.astimezone(UTC)


class OwnTimeField(Field):
    """A time in the person's own zone."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        return str(self.data.astimezone(ZoneInfo(own_zone())).strftime("%Y-%m-%d %H:%M"))

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed; says what is allowed when it cannot."""
        self.data: datetime | None = None
        if valuelist and valuelist[0].strip():
            try:
                self.data = read_own_time(valuelist[0], own_zone(), self.label.text)
            except Invalid as error:
                raise ValueError(error.message) from None


class AskForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Asking for a TC."""

    reason = TextAreaField(
        "Reason", filters=[lines], description="What should be settled, at most 4,000 characters."
    )
    quarter = Choice("Quarter", description="Its missing reports and events are on the agenda.")
    tickets = StringField(
        "Tickets", filters=[one_line], description="Numbers, separated by commas: 12, 15."
    )
    time_1 = OwnTimeField("Proposed time 1")
    time_2 = OwnTimeField("Proposed time 2")
    time_3 = OwnTimeField("Proposed time 3")
    time_4 = OwnTimeField("Proposed time 4")
    time_5 = OwnTimeField("Proposed time 5")

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        known = range_touching(Quarter, FIRST_QUARTER.begin, now())
        self.quarter.choices = {NO_QUARTER: "No quarter"} | options(*map(str, reversed(known)))

    @property
    def times(self) -> Sequence[OwnTimeField]:
        """The fields of the proposed times."""
        return [self[f"time_{number}"] for number in range(1, MAX_TIMES + 1)]

    def validate_tickets(self, field: StringField) -> None:
        """Numbers only."""
        for word in _words(field.data or ""):
            if not (word.isascii() and word.isdigit() and len(word) <= _MAX_DIGITS):
                raise ValidationError("Tickets takes numbers, separated by commas")

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

    chosen = RadioField("Time", validate_choice=False)
    start = OwnTimeField("Start")
    length = StringField(
        "Length",
        filters=[one_line],
        default=str(USUAL),
        description=f"In minutes, {MIN_LENGTH} to {MAX_LENGTH}.",
    )
    place = StringField(
        "Place",
        filters=[one_line],
        description="A room or dial-in address; at most 255 characters.",
    )

    def offer(self, times: Sequence[datetime]) -> None:
        """The proposed times among which one is chosen; one that is written counts instead."""
        self.chosen.choices = [(iso(one), both_zones(one)) for one in times]
        if times:
            self.start.label.text = "Another time"

    def validate_chosen(self, field: RadioField) -> None:
        """One of those that were proposed."""
        if self._offered and field.data not in self._offered and self.start.data is None:
            raise ValidationError("Choose one of the proposed times, or enter another one")

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

    reason = TextAreaField("Reason", filters=[lines])


class MinutesForm(SeenForm):
    """What was said and decided."""

    minutes = TextAreaField(
        "Minutes", filters=[lines], description="Discussion and decisions, as text."
    )


class PeopleForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Whom the chair adds."""

    people = SelectMultipleField("People", validate_choice=False)


class PointForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A point of the agenda."""

    text = StringField("Point", filters=[one_line])
    address = StringField(
        "Address",
        filters=[one_line],
        description="Link: a page of the portal such as /tickets/12, or https://...",
    )


class SeriesForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why the regular TCs are cancelled or taken up again."""

    series_reason = TextAreaField("Reason", filters=[lines])
