"""Only UTF-8 comes in: bytes that are no text are refused, never stored as something else.

The framework reads such bytes as other characters without a word. Browsers do not send them.
It must not know any page or form.
"""

from __future__ import annotations

from io import BytesIO
from typing import IO
from urllib.parse import unquote_to_bytes

from flask import Flask, request
from htmx_flask.requests import HtmxAwareRequest
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

_FORM = "application/x-www-form-urlencoded"


def require_utf8(encoded: bytes) -> None:
    """Raise 400 unless an urlencoded text is UTF-8."""
    try:
        unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise BadRequest from None


class Utf8FormParser(FormDataParser):
    """Reads urlencoded forms of UTF-8, the only kind that the pages send."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        """Raise 415 for another kind of form, 400 for bytes that are no text."""
        if mimetype == _FORM:
            body = stream.read()
            require_utf8(body)
            stream = BytesIO(body)
        elif mimetype.startswith("multipart/"):
            raise UnsupportedMediaType
        return super().parse(stream, mimetype, content_length, options)


class PortalRequest(HtmxAwareRequest):  # type: ignore[misc]  # htmx-flask is untyped
    """A request whose form is UTF-8."""

    form_data_parser_class = Utf8FormParser


def _check_address() -> None:
    require_utf8(request.query_string)


def register(flask_app: Flask) -> None:
    """Read forms and addresses strictly."""
    flask_app.request_class = PortalRequest
    flask_app.before_request(_check_address)
