"""The security log of downloads: files of data, and attachments.

One place for all of them: whatever is answered as a file has a header that says so.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request
from flask_login import current_user
from werkzeug.http import parse_options_header

from app.core.web.person import log_here

_ATTACHMENTS: Final = frozenset({"attachments", "report_attachments"})
"""Blueprints whose downloads are files that somebody attached; every other file is an export."""
_PREVIEWS: Final = frozenset({"attachments.preview", "report_attachments.preview"})
"""Pages that show what is in such a file."""


def _note(answer: Response) -> Response:
    if request.method != "GET" or answer.status_code != 200:
        return answer
    form, options = parse_options_header(answer.headers.get("Content-Disposition", ""))
    is_preview = request.endpoint in _PREVIEWS
    if (form != "attachment" and not is_preview) or not current_user.is_authenticated:
        return answer
    parts = " ".join(str(part) for part in (request.view_args or {}).values())
    if is_preview:
        log_here("download", current_user.name, "attachment", parts, how="preview")
    elif request.blueprint in _ATTACHMENTS:
        log_here("download", current_user.name, "attachment", parts)
    else:
        log_here("export", current_user.name, "file", options.get("filename", ""))
    return answer


def register(flask_app: Flask) -> None:
    """Look at each answer."""
    flask_app.after_request(_note)
