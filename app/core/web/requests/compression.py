"""Pages, scripts and style sheets go over the wire compressed, where the browser takes it.

Streams and files for download go as they are. A page holds a token next to what the address may
say, so its compressed length could reveal the token bit by bit (BREACH): as Django does, a name of
random length in gzip's head blurs it. Session cookies are SameSite besides.
"""

from __future__ import annotations

import secrets
import zlib
from struct import pack
from typing import Final

from flask import Flask, Response, request

_COMPRESSED: Final = frozenset({"text/html", "text/css", "text/javascript", "image/svg+xml"})
_MIN_LENGTH: Final = 1000
"""Bytes below which it is not worth it."""
_LEVEL: Final = 5
_MAX_BLUR: Final = 100
"""Bytes by which two equal pages may differ in length."""


def register(flask_app: Flask) -> None:
    """Compress what the application answers."""
    files: dict[str, bytes] = {}

    def compress(answer: Response) -> Response:
        if answer.mimetype not in _COMPRESSED:
            return answer
        answer.vary.add("Accept-Encoding")
        if (
            not request.accept_encodings["gzip"]
            or "Content-Encoding" in answer.headers
            or answer.status_code == 206
            or (answer.is_streamed and not answer.direct_passthrough)
        ):
            return answer
        is_file = answer.direct_passthrough
        answer.direct_passthrough = False  # a file from static/
        content = answer.get_data()
        if len(content) < _MIN_LENGTH:
            return answer
        tag, _ = answer.get_etag()
        key = f"{request.path} {tag}"
        if is_file or tag:  # the same for everybody, again and again
            packed = files.get(key)
            if packed is None:
                packed = files[key] = _gzipped(content, 9, b"")
        else:
            blur = secrets.token_hex(_MAX_BLUR)[: secrets.randbelow(_MAX_BLUR)].encode()
            packed = _gzipped(content, _LEVEL, blur)
        answer.set_data(packed)
        answer.headers["Content-Encoding"] = "gzip"
        if tag:
            answer.set_etag(tag, weak=True)
        return answer

    flask_app.after_request(compress)


def _gzipped(content: bytes, level: int, name: bytes) -> bytes:
    """RFC 1952, with a file name in its head if there is one."""
    flags = 8 if name else 0
    head = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff" + (name + b"\0" if name else b"")
    packing = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packing.compress(content) + packing.flush()
    return head + body + pack("<LL", zlib.crc32(content), len(content) & 0xFFFFFFFF)
