"""Texts for people: English wherever they are used as text, translated where a page shows them.

``_("There is no ticket %(number)s", number=7)`` is a ``str`` in English that also knows what it was
made of. Rules, services, partners, the database and the log use it as that ``str``; a template
asks it for HTML and gets it in the reader's language. So nothing below the pages knows of
languages, and no door but the pages translates by accident.

What was cut, joined or formatted is a plain ``str`` and stays English: give the parts to ``_`` as
values, or use ``joined``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from gettext import NullTranslations
from html import escape
from typing import Any

_ENGLISH = NullTranslations()


class Message(str):
    """An English text that knows its message in the catalogue and its values."""

    message: str
    """As the catalogue has it, with the names of its values: ``%(number)s``."""
    values: Mapping[str, Any]

    def said_in(self, catalogue: NullTranslations) -> str:
        """The text in the catalogue's language."""
        if not self.message:  # under which a catalogue keeps what it says of itself
            return ""
        return _filled(catalogue.gettext(self.message), self.values, catalogue)

    def __add__(self, other: str) -> str:
        return joined("", (self, other))

    def __radd__(self, other: str) -> str:
        return joined("", (other, self))

    def lower(self) -> str:
        """In small letters, in any language."""
        return _changed(self, str.lower)

    def capitalize(self) -> str:
        """With a capital, in any language."""
        return _changed(self, str.capitalize)

    def __html__(self) -> str:
        return escape(translated(self)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


class CountedMessage(Message):
    """A text with another form for other numbers."""

    many: str
    number: int

    def said_in(self, catalogue: NullTranslations) -> str:
        """The text in the catalogue's language, in the form of its number."""
        text = catalogue.ngettext(self.message, self.many, self.number)
        return _filled(text, self.values, catalogue)


class JoinedMessage(Message):
    """Texts one after another; ``message`` is what is between them."""

    parts: tuple[str, ...]

    def said_in(self, catalogue: NullTranslations) -> str:
        """Each part in the catalogue's language."""
        return str(said(self.message, catalogue)).join(said(part, catalogue) for part in self.parts)


class ChangedMessage(Message):
    """A text in other letters."""

    original: Message
    change: Callable[[str], str]

    def said_in(self, catalogue: NullTranslations) -> str:
        """The original in the catalogue's language, then changed."""
        return self.change(self.original.said_in(catalogue))


def _(message: str, /, **values: Any) -> str:
    """A text; ``values`` fill ``%(name)s`` in it. A text without values is taken as it is."""
    text = Message(message % values if values else message)
    text.message = message
    text.values = values
    return text


def said_word(word: str) -> str:
    """A word that is stored, such as a state, as pages show it: ``app/vocabulary.py`` has each for
    the catalogue."""
    text = Message(word)
    text.message, text.values = str(word), {}
    return text


def counted(one: str, many: str, number: int, /, **values: Any) -> str:
    """A text in the form of ``number``, which fills ``%(num)s`` unless ``values`` say it."""
    values = {"num": number} | values
    text = CountedMessage((one if number == 1 else many) % values)
    text.message, text.many, text.number, text.values = one, many, number, values
    return text


def joined(between: str, texts: Iterable[str]) -> str:
    """What ``between.join(texts)`` is in English."""
    parts = tuple(texts)
    text = JoinedMessage(between.join(parts))
    text.message, text.parts, text.values = between, parts, {}
    return text


def _changed(original: Message, change: Callable[[str], str]) -> str:
    text = ChangedMessage(change(str(original)))
    text.message, text.values = original.message, original.values
    text.original, text.change = original, change
    return text


def said(text: Any, catalogue: NullTranslations) -> Any:
    """A text of ours or a word in the catalogue's language; what else there is, unchanged."""
    if isinstance(text, StrEnum):
        text = said_word(text)
    return text.said_in(catalogue) if isinstance(text, Message) else text


def _filled(text: str, values: Mapping[str, Any], catalogue: NullTranslations) -> str:
    if not values:
        return text
    return text % {name: said(value, catalogue) for name, value in values.items()}


def _in_english() -> NullTranslations:
    return _ENGLISH


_reader: Callable[[], NullTranslations] = _in_english


_mails: NullTranslations = _ENGLISH


def write_mails(catalogue: NullTranslations) -> None:
    """From now on this process writes mails in the language of ``catalogue``."""
    global _mails
    _mails = catalogue


def mail_catalogue() -> NullTranslations:
    """The catalogue of the language in which mails are written."""
    return _mails


def mailed(text: str) -> str:
    """A text in the language of mails."""
    return str(said(text, _mails))


def speak(reader: Callable[[], NullTranslations]) -> None:
    """From now on pages are written in the language whose catalogue ``reader`` gives, which is
    called for each text: set once per process, where the pages are registered."""
    global _reader  # one for each process: HTML of a text has no other way to its reader
    _reader = reader


def translated(text: str) -> str:
    """A text in the language of who reads the page that is being written."""
    return str(said(text, _reader()))
