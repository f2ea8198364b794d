"""Attached files on pages: as a list with its form, as a download and as a preview.

Nothing that was attached is ever rendered as a page: a download says that it is one, and a preview
shows pictures as pictures and texts as text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from flask import Response, request

from app.core.models.attached_files import AttachedFile
from app.core.rules.attached_files import (
    LIMIT_IN_WORDS,
    SIZE_LIMIT,
    TEXT,
    UNKNOWN,
    UNNAMED,
    facts_of_file,
    is_picture,
    is_previewed,
)
from app.core.rules.errors import Invalid
from app.core.rules.language import _, counted
from app.core.web.requests.limits import FILES_LIMIT

THUMB_LIMIT: Final = 512 * 1024
"""Bytes of the largest picture that a list of files shows small."""
PREVIEW_LINES: Final = 1000
PREVIEW_CHARACTERS: Final = 200_000
_POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"


@dataclass(frozen=True)
class FileRow:
    """One file as a list shows it: that of a ticket, or of a report."""

    key: str
    name: str
    author: str
    created_at: datetime
    size: str
    thumb: bool
    previewed: bool
    removable: bool
    address: str
    preview: str
    removal: str
    """The address that takes it off."""


def row_of(
    file: AttachedFile, key: str, address: str, preview: str, removal: str, *, removable: bool
) -> FileRow:
    """A file as it is listed, with its addresses."""
    return FileRow(
        key=key,
        name=file.name,
        author=file.author,
        created_at=file.created_at,
        size=size_in_words(file.size),
        thumb=is_picture(file.media_type) and file.size <= THUMB_LIMIT,
        previewed=is_previewed(file.media_type),
        removable=removable,
        address=address,
        preview=preview,
        removal=removal,
    )


@dataclass(frozen=True)
class Problem:
    """Why one file of an upload was not taken; ``name`` is "" where it is about all of them."""

    name: str
    words: str


def listed_files(rows: Sequence[FileRow], problems: Sequence[Problem]) -> Mapping[str, Any]:
    """What a list of files and the form below it show."""
    return {
        "attachments": rows,
        "upload_problems": problems,
        "file_limit": SIZE_LIMIT,
        "upload_limit": FILES_LIMIT,
        "file_limit_words": LIMIT_IN_WORDS,
    }


def size_in_words(size: int) -> str:
    """A size in bytes as people read it: ``3.4 KiB``."""
    if size < 1024:
        return counted("%(num)s byte", "%(num)s bytes", size)
    if size < 1024 * 1024:
        return f"{size / 1024:.3g} KiB" if size < 1000 * 1024 else f"{size // 1024} KiB"
    return f"{size / 1024 / 1024:.3g} MiB"


def disposition(name: str) -> str:
    """The header that names a download, also where its name is not ASCII (RFC 6266)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r'["\\%]', "_", plain).strip()
    if not plain or plain.startswith("."):  # nothing but its ending was ASCII
        plain = UNNAMED + plain
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def given_out(file: AttachedFile, content: bytes) -> Response:
    """A file's bytes, under its name, so that no browser makes a page of them."""
    answer = Response(content)
    answer.headers["Content-Type"] = _given_type(file.media_type)
    answer.headers["Content-Disposition"] = disposition(file.name)
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


def _given_type(media_type: str) -> str:
    if media_type == TEXT:
        return f"{TEXT}; charset=utf-8"
    return media_type if is_picture(media_type) else UNKNOWN


def previewed(file: AttachedFile, content: Callable[[], bytes]) -> Mapping[str, Any]:
    """What a page of its preview shows of a file; ``content`` is requested only of a text."""
    whole = ""
    if file.media_type == TEXT:
        whole = content().decode("utf-8").removeprefix("\ufeff")
    text = beginning(whole)
    return {
        "size": size_in_words(file.size),
        "picture": is_picture(file.media_type),
        "is_text": file.media_type == TEXT,
        "text": text,
        "cut": len(text) < len(whole),
        "shown": len(text.splitlines()),
        "lines": len(whole.splitlines()),
    }


def beginning(text: str) -> str:
    """The part of a text that a preview shows."""
    return "".join(text.splitlines(keepends=True)[:PREVIEW_LINES])[:PREVIEW_CHARACTERS]


def chosen_files() -> list[tuple[str, bytes]]:
    """Names and contents of the files of the form; a browser sends one without a name where none
    was chosen."""
    sent = request.files.getlist("file")
    return [(file.filename, file.read()) for file in sent if file.filename]


def problems_of(files: Sequence[tuple[str, bytes]]) -> Iterator[Problem]:
    """Why these files are not taken."""
    if not files:
        yield Problem("", _("Choose at least one file"))
    for name, content in files:
        try:
            facts_of_file(name, content)
        except Invalid as error:
            yield Problem(name[:100], error.message)
