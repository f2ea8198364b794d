"""What a picture's first bytes say: its kind, and how many pixels it would become.

Only so much is read as is needed to decide whether a browser may show it: a few
hundred bytes can stand for gigabytes of pixels.
"""

from __future__ import annotations

import struct
from typing import Final

PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
GIF: Final = "image/gif"
WEBP: Final = "image/webp"
KINDS: Final = (PNG, JPEG, GIF, WEBP)
"""The media types that may be shown as pictures: none of them can hold a script."""
MAX_PIXELS: Final = 50_000_000
"""Pixels of the largest picture that is shown; cameras produce half as many."""

_JPEG_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_MAX_SEGMENTS: Final = 1000
_JPEG_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""


def picture_kind(content: bytes) -> str | None:
    """The media type of a picture that may be shown, or None for anything else."""
    for kind, size_of in (
        (PNG, png_size),
        (JPEG, _jpeg_size),
        (GIF, _gif_size),
        (WEBP, _webp_size),
    ):
        try:
            size = size_of(content)
        except (struct.error, IndexError):  # it ends too early
            return None
        if size is not None:
            return kind if 0 < size[0] * size[1] <= MAX_PIXELS else None
    return None


def png_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, else None; raises ``struct.error`` where it ends too early.

    PNG specification, 5.2 and 11.2.2: the header is the first chunk.
    """
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or content[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _gif_size(content: bytes) -> tuple[int, int] | None:
    """GIF89a, section 18: the logical screen."""
    if not content.startswith((b"GIF87a", b"GIF89a")):
        return None
    width, height = struct.unpack_from("<HH", content, 6)
    return width, height


def _webp_size(content: bytes) -> tuple[int, int] | None:
    """RFC 9649: extended, lossless or lossy."""
    if not content.startswith(b"RIFF") or content[8:12] != b"WEBP":
        return None
    form = content[12:16]
    if form == b"VP8X":
        return _three_bytes(content, 24) + 1, _three_bytes(content, 27) + 1
    if form == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _three_bytes(content: bytes, at: int) -> int:
    low, high = struct.unpack_from("<HB", content, at)
    return int(low) | int(high) << 16


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """ITU-T T.81, B.2.2: the frame header, behind any number of other segments."""
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if content[at] != 0xFF:
            return None
        marker = content[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        if marker == 0xFF or marker in _JPEG_ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        at += 2 + max(2, length)
    return None
