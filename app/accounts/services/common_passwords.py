"""Which passwords are guessed first, by zxcvbn's lists and patterns (no list is ever complete)."""

from __future__ import annotations

from typing import Final

GUESSES: Final = 1_000_000
"""Anyone who must try so many can be held up by the door; fewer are too few (zxcvbn's scores 0,
1)."""
_LOOKED_AT: Final = 32
"""Characters; the whole of a long one can take seconds."""
_MARKS: Final = frozenset("4@8({[<3690!1|7$5+%2")
"""What zxcvbn also reads as letters: it tries all combinations of them over the whole text."""
_MOST_MARKS: Final = 8
"""Different ones that are looked at: 30 ms at the most. With all twenty it is half a second."""
_SHORT: Final = 12
"""Characters that are looked at whatever they are: 10 ms at the most."""
_WORDS: Final = ("correcthorsebatterystaple", "lhcopn", "lhcone")
"""What is tried here before others, besides the lists' words."""


def is_common_password(password: str) -> bool:
    """Whether a guesser who knows common passwords, words, names, dates and rows of keys comes to
    it within ``GUESSES`` tries. It takes no control characters."""
    from zxcvbn import zxcvbn  # 16 MiB that only a new password needs

    return bool(zxcvbn(looked_at(password), _WORDS)["guesses"] < GUESSES)


def looked_at(password: str) -> str:
    """The beginning of a password that zxcvbn can look at in some milliseconds."""
    marks: set[str] = set()
    for place, letter in enumerate(password[:_LOOKED_AT]):
        marks |= {letter} & _MARKS
        if len(marks) > _MOST_MARKS and place >= _SHORT:
            return password[:place]
    return password[:_LOOKED_AT]
