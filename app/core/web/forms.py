"""What all forms of pages share: fields that say what is allowed, texts as they are stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from flask_login import current_user
from wtforms import (
    Field,
    PasswordField,
    RadioField,
    SelectField,
)
from wtforms.validators import DataRequired, ValidationError
from wtforms.widgets import TextInput

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.human_times import Tense
from app.core.rules.language import _, said_word
from app.core.web.times import not_yet, now, read_typed

_FULL_DATE: Final = re.compile(r"\s*\d{4}-")


def one_line(text: str | None) -> str:
    """A single line as typed, without blanks around it."""
    return (text or "").strip()


def lines(text: str | None) -> str:
    """A text with the line ends that are stored: browsers send CR LF for each."""
    return (text or "").replace("\r\n", "\n")


class UtcTimeField(Field):
    """A time typed as people say it (``app.core.rules.human_times``); a full date without a zone is
    UTC. ``days``: a day without a clock time will do. Code that reads the same time elsewhere
    (a check while one types) takes the same ``tense``: it is never left to a default."""

    widget = TextInput()

    def __init__(
        self, label: str, tense: Tense, *args: Any, days: bool = False, **more: Any
    ) -> None:
        super().__init__(label, *args, **more)
        self.tense, self.days = tense, days
        self.known: datetime | None = None
        """What is stored already: it is not asked back, though it be to come."""

    def _read(self, text: str, label: str | None = None) -> datetime:
        return read_typed(self.name, text, self.tense, days=self.days, label=label)

    def pre_validate(self, form: Any) -> None:
        """Ask what has happened back if it is to come: nothing has happened then."""
        moment: datetime | None = self.data
        if self.tense is not Tense.PAST or moment is None or moment == self.known:
            return
        if moment > now():
            raise ValidationError(not_yet(moment, self.label.text))

    @property
    def read(self) -> datetime | None:
        """What a text that is to be read again when it is sent ("now") means at this moment."""
        if self.data is None and self.raw_data and not self.errors:
            try:
                return self._read(str(self.raw_data[0]))
            except Invalid:
                return None
        moment: datetime | None = self.data
        return moment

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        moment = self.data.astimezone(UTC)
        return str(moment.strftime("%Y-%m-%d %H:%M:%S" if moment.second else "%Y-%m-%d %H:%M"))

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed; says what is allowed when it cannot."""
        self.data: datetime | None = None
        if valuelist and valuelist[0].strip():
            text, label = valuelist[0], self.label.text
            try:
                self.data = self._read(text, label)
            except Invalid as error:
                raise ValueError(error.message) from None
            # sent once more, "40 min ago" is the same moment; what is to come stays as it was typed
            if not self.days and not _FULL_DATE.match(text):
                self.raw_data = None


def required(name: str) -> list[Any]:
    """The check of a field that must not be empty, in words."""
    return [DataRequired(_("%(name)s is required", name=name))]


class OwnPassword(PasswordField):
    """Required of people who log in with a password; for others the person behind the login says
    what stands for it (``instead_of_password``)."""

    def __init__(self, label: str, **more: Any) -> None:
        instead = getattr(current_user, "instead_of_password", "")
        more |= {"description": instead} if instead else {"validators": required(label)}
        super().__init__(label, **more)


def own_password(label: str = _("Your password")) -> PasswordField:
    """The field in which the person who is logged in types the password again."""
    return OwnPassword(label, render_kw={"autocomplete": "current-password"})


def sent(_form: Any, field: Field) -> None:
    """The check of a field that grants or takes rights: left out of a form, it is refused, and not
    taken for its default. A list of none is sent as one empty value (``none_chosen`` of the
    templates)."""
    if not field.raw_data:
        raise ValidationError(
            _("%(text)s is missing in the form; reload the page", text=field.label.text)
        )


def chosen(values: Sequence[str] | None) -> list[str]:
    """Of a list of values those that are not empty."""
    return [value for value in values or () if value]


def options(*words: str, empty: str | None = None) -> Any:
    """Choices whose value is what is shown, in English; ``empty`` is the word for none of them.
    Members of an enumeration are words, all else is shown as it is.

    Untyped because the stubs of WTForms do not know this form of choices.
    """
    first = {} if empty is None else {"": empty}
    shown = ((str(word), said_word(word) if isinstance(word, StrEnum) else word) for word in words)
    return {**first, **dict(shown)}


class Choice(SelectField):
    """A select that says in its own words what is allowed."""

    def pre_validate(self, form: Any) -> None:
        """Raise unless the value is one of the choices."""
        allowed = [str(value) for value, *_ in self.iter_choices()]
        if self.data not in allowed:
            shown = ", ".join(value for value in allowed if value)
            if len(allowed) > 20:
                shown = _("the listed values")
            raise ValidationError(
                _("%(text)s: choose one of: %(shown)s", text=self.label.text, shown=shown)
            )


class Radio(RadioField):
    """Radio buttons that say in their own words what is allowed."""

    def pre_validate(self, form: Any) -> None:
        """Raise unless the value is one of the choices."""
        allowed = [str(value) for value, *_ in self.iter_choices()]
        if self.data not in allowed:
            raise ValidationError(
                _(
                    "%(text)s: choose one of: %(listed)s",
                    text=self.label.text,
                    listed=", ".join(filter(None, allowed)),
                )
            )


def moved(keys: Sequence[str], key: str, way: str) -> tuple[str, ...]:
    """The keys with this one a place further ``up`` or ``down`` (``moves`` of the templates); at an
    end it stays."""
    found = list(keys)
    if key in found:
        at = found.index(key)
        to = at - 1 if way == "up" else at + 1
        if 0 <= to < len(found):
            found[at], found[to] = found[to], found[at]
    return tuple(found)


@contextmanager
def errors_in(form: Any, renamed: Mapping[str, str] | None = None) -> Iterator[None]:
    """What a service refuses inside becomes errors of the form, and is not raised.

    So does each view of a form, and ``form.errors`` says whether something was stored::

        if form.validate():
            with errors_in(form), writing_once(session):
                rename(session, writer(), form.name.data or "")
        if form.errors:
            return _page(form, status=422)
        return go_to(url, _("Name saved."))

    ``renamed`` maps the service's field to the form's.
    """
    try:
        yield
    except Invalid as error:
        attach(form, error, renamed)


def attach(form: Any, error: Invalid, renamed: Mapping[str, str] | None = None) -> None:
    """Put what a service found wrong to the fields that it names."""
    problems = error.problems if isinstance(error, InvalidMany) else {error.field: error.message}
    for name, message in problems.items():
        field = (renamed or {}).get(name, name)
        if field in form:
            form[field].errors = [*form[field].errors, message]
        else:
            form.form_errors.append(message)
