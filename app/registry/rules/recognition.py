"""Finding the links and sites that a ticket's texts name.

A partner that speaks the GGUS contract can name one affected site and no link, but writes both
into title and description. What is found here is only proposed: it is marked as recognised, and
one click takes it off again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_URL = re.compile(r"(?:[a-z][a-z0-9+.-]{0,30}://|www\.)\S+", re.IGNORECASE)
"""A scheme has at most 31 characters here, so that a long word without a colon costs no more than
thirty looks at each letter."""
_LINK_MARK = "-LHC"
_LINK_WORD = re.compile(
    r"(?<![\w-])[A-Z0-9_.]{1,30}(?:-[A-Z0-9_.]{1,30}){1,4}-LHC(?:OPN|ONE)-\d{1,4}(?![\w-])",
    re.ASCII,
)
MAX_LINK_WORD_LENGTH = 100
"""Characters of a link id; nothing longer is taken for one."""
_MIN_SITE_NAME_LENGTH = 4
"""Characters. Shorter names (``pic``) are words of other meanings, unless they hold a hyphen or a
digit (``NL-T1`` is no word of any language). Source: decisions, section 1."""
_HYPHEN_OR_DIGIT = re.compile(r"[-0-9]")


_RUN = re.compile(r"[\w-]+")
_LOOK_ALIKES = str.maketrans("\u0131\u0130\u017f\u212a", "IISK")
"""Letters that match an ASCII letter where case is ignored, but are not ASCII."""


def first_word(name: str) -> str:
    """The word by which a database finds a name in a text: its first, in capitals.

    "" if none exists, or where the name is not of ASCII alone: such names are few, and each
    text is searched for them. A word is of letters, digits, hyphens and low lines: what a hit of
    the name cannot be parted from.
    """
    run = _RUN.search(name)
    return run[0].upper() if run is not None and name.isascii() else ""


def words_in(texts: Iterable[str]) -> set[str]:
    """All words of the texts as ``first_word`` has them, and "": a name whose first word is not
    among them cannot be in the texts as a whole word, whatever the case of its letters."""
    found = {""}
    for text in texts:
        runs = set(_RUN.findall(text.translate(_LOOK_ALIKES)))
        found |= {run.upper() for run in runs if len(run) <= MAX_LINK_WORD_LENGTH and run.isascii()}
    return found


def _whole_words(names: Iterable[str], flags: int = 0) -> re.Pattern[str] | None:
    """A pattern for any of ``names`` as a whole word; a hyphen is part of a word."""
    ordered = sorted(names, key=len, reverse=True)
    if not ordered:
        return None
    return re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, ordered)) + r")(?![\w-])", flags)


def recognised_links(texts: Iterable[str], link_names: Iterable[str]) -> tuple[str, ...]:
    """The link ids that are in ``texts`` as whole words, in order of appearance."""
    by_folded = {name.casefold(): name for name in link_names}
    pattern = _whole_words(by_folded.values(), re.IGNORECASE)
    if pattern is None:
        return ()
    hits = (by_folded.get(hit.casefold()) for text in texts for hit in pattern.findall(text))
    # the dotless i matches an I here, but is no letter of any link id
    return tuple(dict.fromkeys(name for name in hits if name is not None))


def link_words(texts: Iterable[str]) -> tuple[str, ...]:
    """The words that have the form of a link id (``CERN-RAL-LHCOPN-001``), outside URLs.

    In upper case and in order of appearance, each once; whether such a link exists is not checked.
    """
    found: dict[str, None] = {}
    for text in texts:
        upper = text.upper()
        if _LINK_MARK in upper:
            words = _LINK_WORD.findall(_URL.sub(" ", upper))
            found |= dict.fromkeys(word for word in words if len(word) <= MAX_LINK_WORD_LENGTH)
    return tuple(found)


def holds_word(text: str, word: str) -> bool:
    """Whether ``word`` is in ``text`` as a whole word, in any case."""
    pattern = _whole_words([word], re.IGNORECASE)
    return pattern is not None and pattern.search(text) is not None


def bare_title(title: str, link_names: Iterable[str]) -> str:
    """A title without its URLs and link ids: where names of sites are looked for."""
    rest = _URL.sub(" ", title)
    links = _whole_words(link_names, re.IGNORECASE)
    return rest if links is None else links.sub(" ", rest)


def is_recognisable(name: str) -> bool:
    """Whether a site's name is no word of other meanings (decisions, section 1)."""
    return len(name) >= _MIN_SITE_NAME_LENGTH or _HYPHEN_OR_DIGIT.search(name) is not None


def recognised_sites(
    title: str, site_names: Mapping[str, str], link_names: Iterable[str]
) -> tuple[str, ...]:
    """The sites whose names are in ``title``, in order of appearance, each once.

    ``site_names`` maps every name to its site's key; keys are returned. Exact case, four or more
    characters or holding a hyphen or a digit, outside link ids and URLs.
    """
    rest = bare_title(title, link_names)
    pattern = _whole_words(filter(is_recognisable, site_names))
    if pattern is None:
        return ()
    return tuple(dict.fromkeys(site_names[hit] for hit in pattern.findall(rest)))
