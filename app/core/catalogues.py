"""Where the texts of other languages are: ``translations/<language>/LC_MESSAGES/messages.mo``."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import NullTranslations, translation
from typing import Final

from app.core.folders import PROJECT

ENGLISH: Final = "en"
"""The language of the texts themselves, which needs no catalogue."""
FOLDER = PROJECT / "translations"


def catalogue_of(language: str) -> NullTranslations:
    """The catalogue of a language; of English, or if none exists, one that changes nothing."""
    return translation("messages", FOLDER, [language], fallback=True)


def languages() -> Sequence[str]:
    """The languages besides English that have a catalogue."""
    return sorted(path.parts[-3] for path in FOLDER.glob("*/LC_MESSAGES/messages.mo"))
