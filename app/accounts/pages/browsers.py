"""What a browser calls itself, in two words for a list of logins. Nothing depends on it."""

from __future__ import annotations

from app.core.rules.language import _

_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "Python"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
MAX_LENGTH = 255


def as_kept(user_agent: str) -> str:
    """The browser's own words without what a page or database could stumble on, cut."""
    return "".join(letter for letter in user_agent if letter.isprintable())[:MAX_LENGTH]


def in_words(user_agent: str) -> str:
    """``Firefox on Linux``; of several marks the first of our list counts, as they name others."""
    program = next((name for mark, name in _PROGRAMS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " on ".join(filter(None, (program, system))) or _("unknown browser")
