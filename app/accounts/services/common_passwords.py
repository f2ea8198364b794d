"""Which passwords are guessed first, by zxcvbn's lists and patterns (no list is ever complete)."""

from __future__ import annotations

from typing import Final

GUESSES: Final = 1_000_000
"""Whoever must try so many can be held up by the door; fewer are too few (zxcvbn's scores 0, 1)."""
_LOOKED_AT: Final = 32
"""Characters; the whole of a long one can take seconds."""
_WORDS: Final = ("correcthorsebatterystaple", "lhcopn", "lhcone")
"""What is tried here before others, besides the lists' words."""


def is_common_password(password: str) -> bool:
    """Whether a guesser who knows common passwords, words, names, dates and rows of keys comes to
    it within ``GUESSES`` tries. It takes no control characters."""
    from zxcvbn import zxcvbn  # 16 MiB that only a new password needs

    return bool(zxcvbn(password[:_LOOKED_AT], _WORDS)["guesses"] < GUESSES)
