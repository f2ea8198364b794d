"""What HTTP a SOAP request may come in: method, length, type and encoding of the body.

Everything here is refused before SOAP begins, with an HTTP status of its own. The guard does not
rely on the server before it: it counts the bytes itself. It must not know XML.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from werkzeug.http import parse_options_header

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

BODY_LIMIT: Final = 256 * 1024
"""Bytes of the largest request where no attachment travels; nothing there comes near it."""
ATTACHMENT_BODY_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of the largest request with an attachment: 2 MiB, encoded in base64 twice, fit in."""
_WITH_ATTACHMENTS: Final = frozenset({"GGUS_ATTACH", "LHCOPN"})
_BLOCK: Final = 64 * 1024


class HttpRefusal(Exception):
    """A request that is refused with this HTTP status before SOAP begins."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def limit_of(service: str) -> int:
    """Bytes of the largest request to the service of this name, known or not."""
    return ATTACHMENT_BODY_LIMIT if service in _WITH_ATTACHMENTS else BODY_LIMIT


def read_body(environ: WSGIEnvironment, limit: int) -> bytes:
    """The whole body, of at most ``limit`` bytes, of a POST in UTF-8 ``text/xml``.

    Raises ``HttpRefusal``.
    """
    if environ["REQUEST_METHOD"] != "POST":
        raise HttpRefusal(HTTPStatus.METHOD_NOT_ALLOWED)
    _check_type(environ)
    declared = _declared_length(environ)
    if declared is not None and declared > limit:
        raise HttpRefusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body = _read(environ, limit + 1 if declared is None else declared)
    if len(body) > limit:
        raise HttpRefusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if not body or (declared is not None and len(body) != declared):
        raise HttpRefusal(HTTPStatus.BAD_REQUEST)
    return body


def _check_type(environ: WSGIEnvironment) -> None:
    """Only ``text/xml``: a form or ``text/plain`` could be sent by any web page, across origins."""
    content_type, options = parse_options_header(environ.get("CONTENT_TYPE", ""))
    charset = options.get("charset", "utf-8").strip("'").lower()
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if (
        content_type.lower() != "text/xml"
        or charset not in ("utf-8", "utf8")
        or encoding not in ("", "identity")
    ):
        raise HttpRefusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _declared_length(environ: WSGIEnvironment) -> int | None:
    """Content-Length, or None for a body in chunks whose end the server marks."""
    text = environ.get("CONTENT_LENGTH") or ""
    if text:
        if not (text.isascii() and text.isdigit()) or len(text) > 18:
            raise HttpRefusal(HTTPStatus.BAD_REQUEST)
        return int(text)
    coding = environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower()
    if coding == "chunked" and environ.get("wsgi.input_terminated"):
        return None
    raise HttpRefusal(HTTPStatus.LENGTH_REQUIRED)


def _read(environ: WSGIEnvironment, most: int) -> bytes:
    parts: list[bytes] = []
    left = most
    try:
        while left > 0 and (part := environ["wsgi.input"].read(min(left, _BLOCK))):
            parts.append(part)
            left -= len(part)
    except OSError:  # the sender went away
        raise HttpRefusal(HTTPStatus.BAD_REQUEST) from None
    return b"".join(parts)
