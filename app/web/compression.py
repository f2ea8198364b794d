"""Pages, scripts and style sheets go over the wire compressed, where the browser takes that.

The length of a compressed page tells of secrets in it to who can let a browser ask for pages with
guesses in their address (BREACH). Requests of another site's page are therefore answered as they
are: browsers say where a request comes from. Streams stay streams.
"""

from __future__ import annotations

import zlib
from typing import Final

from flask import Flask, Response, request

_TEXT: Final = frozenset(
    {"text/html", "text/css", "text/javascript", "image/svg+xml", "application/json"}
)
_SHORTEST: Final = 1024
"""Bytes below which nothing is gained."""
_FAST, _SMALL = 4, 9
_GZIP: Final = 16 + zlib.MAX_WBITS
_KEPT: Final = frozenset({"static", "scripts.joined"})
"""Endpoints whose answers are the same for everybody: compressed once, and kept."""


def _is_asked_for_elsewhere() -> bool:
    """Whether a page of another site let the browser ask."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _compressed(content: bytes, level: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    return packer.compress(content) + packer.flush()


def register(flask_app: Flask) -> None:
    """Compress what is answered from now on."""
    kept: dict[tuple[str, str], bytes] = {}

    def compress(answer: Response) -> Response:
        is_kept = request.endpoint in _KEPT
        if answer.mimetype not in _TEXT or (answer.is_streamed and not is_kept):
            return answer
        answer.vary.add("Accept-Encoding")
        if (
            answer.status_code in (204, 206, 304)
            or request.method == "HEAD"
            or "Content-Encoding" in answer.headers
            or "Content-Range" in answer.headers
            or request.accept_encodings["gzip"] <= 0
            or (not is_kept and _is_asked_for_elsewhere())
        ):
            return answer
        answer.direct_passthrough = False
        content = answer.get_data()
        if len(content) < _SHORTEST:
            return answer
        key = (request.path, answer.get_etag()[0] or "") if is_kept else None
        if key is None or not key[1]:
            packed = _compressed(content, _FAST)
        elif (found := kept.get(key)) is not None:
            packed = found
        else:
            packed = kept[key] = _compressed(content, _SMALL)
        etag, _weak = answer.get_etag()
        answer.set_data(packed)
        answer.headers["Content-Encoding"] = "gzip"
        if etag is not None:
            answer.set_etag(etag, weak=True)  # the bytes differ from those that are not compressed
        return answer

    flask_app.after_request(compress)
