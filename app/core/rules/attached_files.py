"""Rules of files that people attach: their names, how large they may be, what may be shown.

The content is bytes that nobody here trusts: it is given out as a download, and shown only where it
is a picture or a text beyond doubt, whatever its name or its sender says.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from app.core.rules.documents import pictures
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT

SIZE_LIMIT: Final = 2 * 1024 * 1024
"""Bytes of the largest attachment."""
LIMIT_IN_WORDS: Final = _("2 MiB")
UNNAMED: Final = "attachment"
"""The name of a file whose own name has nothing left when it is cleaned."""
TEXT: Final = "text/plain"
UNKNOWN: Final = "application/octet-stream"
# controls, formatting (bidi overrides, zero width), surrogates, line and paragraph separators
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NO_CHARACTERS: Final = "\ufffe\uffff"
_BINARY = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True)
class FileFacts:
    """What is stored of a file: its cleaned name, and what follows from its content."""

    name: str
    size: int
    """Bytes."""
    media_type: str
    digest: str
    """SHA-256 of the content."""


def facts_of_file(name: str, content: bytes) -> FileFacts:
    """The facts of a file that is to be stored.

    Raises ``Invalid`` for a name above 255 characters, and for content that is empty or above
    2 MiB.
    """
    cleaned = cleaned_name(name)
    check_content(content)
    digest = hashlib.sha256(content).hexdigest()
    return FileFacts(cleaned, len(content), media_type(content), digest)


def cleaned_name(sent: str) -> str:
    """The name to keep of a file: no folders, nothing invisible, not hidden, never empty.

    Folders are recognised by both kinds of slash; control characters, bidi overrides and the like,
    blanks and dots at the end and blanks at the beginning are dropped; a leading dot becomes ``_``.
    Raises ``Invalid`` above 255 characters.
    """
    name = re.split(r"[/\\]", sent)[-1]
    name = "".join(
        char
        for char in name
        if unicodedata.category(char) not in _INVISIBLE and char not in _NO_CHARACTERS
    )
    name = re.sub(r"^\s+|[\s.]+$", "", name)
    if name.startswith("."):
        name = "_" + name.lstrip(".")
    if len(name) > SHORT_TEXT_LIMIT:
        raise Invalid(
            "attachment_name",
            _(
                "The file's name has %(count)s characters; at most %(short_text_limit)s characters"
                " are allowed",
                count=len(name),
                short_text_limit=SHORT_TEXT_LIMIT,
            ),
        )
    return name or UNNAMED


def check_content(content: bytes) -> None:
    """Raise ``Invalid`` unless the content may be stored: not empty, at most 2 MiB."""
    if not content:
        raise Invalid("attachment", _("The attachment is empty; attach a file with content"))
    if len(content) > SIZE_LIMIT:
        raise Invalid(
            "attachment",
            _(
                "The attachment is larger than %(limit_in_words)s; at most %(size_limit)s bytes are"
                " allowed: compress it, split it, or link to it",
                limit_in_words=LIMIT_IN_WORDS,
                size_limit=SIZE_LIMIT,
            ),
        )


def media_type(content: bytes) -> str:
    """What the bytes are: one of ``pictures.KINDS``, ``TEXT``, or else ``UNKNOWN``.

    Text is UTF-8 without binary control characters. HTML and SVG are texts: shown as they are
    written, never rendered.
    """
    picture = pictures.picture_kind(content)
    if picture is not None:
        return picture
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return UNKNOWN
    return UNKNOWN if _BINARY.search(text) else TEXT


def is_picture(media: str) -> bool:
    """Whether content of this media type may be shown as a picture."""
    return media in pictures.KINDS


def is_previewed(media: str) -> bool:
    """Whether content of this media type may be shown at all, or only be downloaded."""
    return media == TEXT or is_picture(media)
