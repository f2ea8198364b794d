"""Only UTF-8 comes in: bytes that are no text are refused, never stored as something else.

The framework reads such bytes as other characters without a word, and a part of a multipart form
in whatever encoding it names. Browsers do not send them. It must not know any page or form.
"""

from __future__ import annotations

from io import BytesIO
from typing import IO, Final
from urllib.parse import unquote_to_bytes

from flask import Flask, current_app, request
from htmx_flask.requests import HtmxAwareRequest
from werkzeug.datastructures import FileStorage, Headers, MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from app.core.web.requests.limits import (
    FORM_LIMIT,
    MAX_FIELDS,
    MAX_PARTS,
    body_limit,
    most_fields,
    most_parts,
    takes_files,
)
from app.core.web.requests.session_cookie import holds_login

_FORM = "application/x-www-form-urlencoded"
_FORM_WITH_FILES = "multipart/form-data"
MAX_FIELD_LENGTH: Final = 64 * 1024
"""Bytes of a field that is not a file."""
MAX_HEAD_LENGTH: Final = 16 * 1024
"""Bytes of the lines that name a part."""

Fields = MultiDict[str, str]
Files = MultiDict[str, FileStorage]


def require_utf8(encoded: bytes) -> None:
    """Raise 400 unless an urlencoded text is UTF-8."""
    try:
        unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise BadRequest from None


class _BoundedHeads(MultipartDecoder):
    """Millions of parameters or lines before a part's content kept a process busy for 9 s."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        if len(data) > MAX_HEAD_LENGTH:
            raise RequestEntityTooLarge
        return super()._parse_headers(data)


def read_multipart(body: bytes, boundary: str, parts: int = MAX_PARTS) -> tuple[Fields, Files]:
    """The fields and files of a whole multipart body.

    Raises 400 for what is not whole, or is no UTF-8 in a name or a field; 413 for more parts, or
    longer fields or names of parts, than any form has.
    """
    fields, files = Fields(), Files()
    decoder = _BoundedHeads(boundary.encode("utf-8"), max_parts=parts)
    decoder.receive_data(body)
    decoder.receive_data(None)
    try:
        part: Field | File | None = None
        content: list[bytes] = []
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, NeedData):
                raise BadRequest
            if isinstance(event, Field | File):
                part, content = event, []
            elif isinstance(event, Data) and part is not None:
                content.append(event.data)
                if not event.more_data:
                    _keep(part, b"".join(content), fields, files)
    except (ValueError, AttributeError):  # not whole, no UTF-8, or no line where one must be
        raise BadRequest from None
    return fields, files


def _keep(part: Field | File, content: bytes, fields: Fields, files: Files) -> None:
    if not part.name:
        raise BadRequest
    if isinstance(part, File):
        files.add(part.name, FileStorage(BytesIO(content), part.filename, part.name))
    elif len(content) > MAX_FIELD_LENGTH:
        raise RequestEntityTooLarge
    else:
        fields.add(part.name, content.decode("utf-8"))


class Utf8FormParser(FormDataParser):
    """Reads urlencoded forms of UTF-8, and forms with files where they are taken."""

    takes_files = False
    most_parts = MAX_PARTS
    most_fields = MAX_FIELDS

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> tuple[IO[bytes], Fields, Files]:
        """Raise 415 for another kind of form, 400 for bytes that are no text, 413 for more fields
        than any form has: each costs memory many times its length once it is parsed."""
        if mimetype == _FORM_WITH_FILES and self.takes_files:
            edge = (options or {}).get("boundary", "")
            return BytesIO(), *read_multipart(stream.read(), edge, self.most_parts)
        if mimetype == _FORM:
            body = stream.read(FORM_LIMIT + 1)
            if len(body) > FORM_LIMIT or body.count(b"&") >= self.most_fields:
                raise RequestEntityTooLarge
            require_utf8(body)
            stream = BytesIO(body)
        elif mimetype.startswith("multipart/"):
            raise UnsupportedMediaType
        return super().parse(stream, mimetype, content_length, options)


class PortalRequest(HtmxAwareRequest):  # type: ignore[misc]  # htmx-flask is untyped
    """A request whose form is UTF-8 and within the bounds of its address."""

    form_data_parser_class = Utf8FormParser

    @property
    def max_content_length(self) -> int:
        """Bytes that its body may have."""
        return body_limit(self.path, of_login=self._of_login)

    @property
    def _of_login(self) -> bool:
        return holds_login(current_app, self.headers.get("Cookie", ""))

    def make_form_data_parser(self) -> FormDataParser:
        """A parser that takes files where this address does."""
        parser: FormDataParser = super().make_form_data_parser()
        assert isinstance(parser, Utf8FormParser)
        parser.takes_files = takes_files(self.path)
        parser.most_parts = most_parts(self.path)
        parser.most_fields = most_fields(self.path, of_login=self._of_login)
        return parser


def _check_address() -> None:
    require_utf8(request.query_string)


def register(flask_app: Flask) -> None:
    """Read forms and addresses strictly."""
    flask_app.request_class = PortalRequest
    flask_app.before_request(_check_address)
