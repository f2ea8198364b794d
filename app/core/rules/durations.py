"""Lengths of time as people say them."""

from __future__ import annotations

from datetime import timedelta

from app.core.rules.language import _, counted


def days_in_words(days: float, day: str = "day") -> str:
    """A length of so many days of 24 h: ``25 min``, ``3.5 h``, ``2 days``; ``day`` names the unit,
    such as ``working day``. Two digits are enough to compare."""
    minutes = round(days * 1440)
    if minutes < 60:
        return f"{minutes} min" if minutes or not days else _("< 1 min")
    hours = _two_digits(days * 24)
    if float(hours) < 24:
        return f"{hours} h"
    text = _two_digits(days)
    number = 1 if text == "1" else 2
    if day == "day":
        return counted("%(days)s day", "%(days)s days", number, days=text)
    return counted("%(days)s working day", "%(days)s working days", number, days=text)


def _two_digits(number: float) -> str:
    """``1.5``, ``2``, ``12``."""
    return f"{number:.0f}" if number >= 9.95 else f"{number:.1f}".removesuffix(".0")


def length_in_words(length: timedelta) -> str:
    """``43 min``, ``2 h 5 min``, ``3 d 4 h``; below a minute ``20 s``."""
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    parts_shown = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(parts_shown[:2])
