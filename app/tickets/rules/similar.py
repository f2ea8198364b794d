"""Which words of a title say what a ticket is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from app.tickets.rules.tokenizer import MIN_PART_LENGTH, Term, words_of

MAX_WORDS: Final = 8
"""Words of a title by which others are compared with it."""
_SAYS_LITTLE: Final = frozenset(
    words_of(
        "after all and are been before but for from had has have into its link links lhcone lhcopn"
        " not now our since site that the their then there this ticket was were when with you"
    )
)


def telling_words(title: str, names: Iterable[str]) -> Sequence[Term]:
    """The words by which tickets of the same place are compared with this title, the first ones.

    Neither what each title holds, nor the ``names`` of the links and sites: these are compared by
    themselves. A word also stands for those that begin with it, as "flap" for "flapping".
    """
    named = {word for name in names for word in words_of(name)}
    words = [
        word
        for word in dict.fromkeys(words_of(title))
        if len(word) >= MIN_PART_LENGTH and not word.isdecimal() and word not in _SAYS_LITTLE
    ]
    return [Term((word,), begun=True) for word in words if word not in named][:MAX_WORDS]


def first_line(text: str) -> str:
    """The first line of a text that holds something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
