"""How large a request to a page may be, and what is answered where one is refused before Flask.

It must not know any page but by its address.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from app.core.rules.language import _

STRANGERS_LIMIT: Final = 64 * 1024
"""Bytes of the largest request of a browser that never logged in: the login's form takes a few
hundred."""
FORM_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of the largest form without files."""
MAX_FIELDS: Final = 1_000
"""Fields of one form without files."""
FILES_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of all files of one upload: four attachments of 2 MiB."""
UPLOAD_LIMIT: Final = FILES_LIMIT + 512 * 1024
"""Bytes of the largest upload, with what the form adds."""
UPLOADS: Final = re.compile(
    r"/tickets/[0-9]{1,10}/attachments|/admin/(?:imports(?:/tickets)?|cric)"
    r"|/events/import|/notices|/reports/[^/]+/[^/]+/attachments"
    r"|/exchange/[0-9]{1,10}/map/import"
)
"""The addresses that take files."""
_REPORT_FILES: Final = re.compile(r"/reports/[^/]+/[^/]+/attachments")
MAX_PARTS: Final = 32
"""Files and fields of one form with files."""
MAX_PARTS_OF_REPORT: Final = 6_000
"""Fields of a quarterly report's form, each with its version and what it was; also where a report's
files are sent without a script, with all of its fields."""
_REPORT: Final = re.compile(r"/reports/[^/]+/[^/]+(?:/.*)?")
HINT_LIMIT: Final = 1024 * 1024
"""Bytes of a webhook of a partner's system, which sends a whole ticket with it."""
_HINT: Final = re.compile(r"/hooks/[^/]+/[^/]+")
_LOGIN: Final = re.compile(r"/login(?:/code)?")
"""Whose form carries the fields of a form that was sent when the login had expired."""


def takes_files(path: str) -> bool:
    """Whether forms with files (multipart) are taken at this address."""
    return UPLOADS.fullmatch(path) is not None


def body_limit(path: str, *, of_login: bool) -> int:
    """Bytes that a request to this page may have; ``of_login``: its cookie is or was a login."""
    if _HINT.fullmatch(path):
        return HINT_LIMIT
    if not of_login:
        return STRANGERS_LIMIT
    return UPLOAD_LIMIT if takes_files(path) else FORM_LIMIT


def most_parts(path: str) -> int:
    """Files and fields that one form with files may have at this address."""
    return MAX_PARTS_OF_REPORT if _REPORT_FILES.fullmatch(path) else MAX_PARTS


def most_fields(path: str, *, of_login: bool) -> int:
    """Fields that one form without files may have at this address."""
    if _REPORT.fullmatch(path) or (of_login and _LOGIN.fullmatch(path)):
        return MAX_PARTS_OF_REPORT
    return MAX_FIELDS


def too_much(path: str) -> str:
    """What a person reads whose request was larger."""
    if _HINT.fullmatch(path):
        return _("A webhook can send at most 1 MiB.")
    return _("%(limit)s Without a login, 64 kB.", limit=_too_much(path))


def _too_much(path: str) -> str:
    if path.startswith("/admin/") and takes_files(path):
        return _(
            "The file is too large for this page. Nothing was stored. For larger files,"
            " use the commands `flask sites import`, `flask links import`,"
            " `flask tickets import` and `flask cric import`."
        )
    if path == "/events/import":
        return _(
            "The file is too large for this page. Nothing was stored. Compress the file (gzip),"
            " or use the command `flask events import`."
        )
    if takes_files(path):
        return _(
            "At most 30 files can be attached at once, 2 MiB each and 8 MiB together."
            " Nothing was stored; go back and attach fewer or smaller files."
        )
    return _(
        "A form can have at most %(count)s fields and 4 MiB. Nothing was stored; go back,"
        " shorten the text and send it again.",
        count=format(most_fields(path, of_login=False), ","),
    )


def refusal(path: str, status: HTTPStatus, why: str = "") -> tuple[str, bytes]:
    """Content type and text of a refusal before the application is called."""
    text = f"{status.value} {status.phrase}\n"
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        why = why or too_much(path)
    if why:
        text += why + "\n"
    return "text/plain; charset=utf-8", text.encode()
