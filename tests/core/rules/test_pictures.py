"""Which bytes are a picture that a browser may be asked to show."""

from __future__ import annotations

import struct

import pytest

from app.core.rules.documents.pictures import picture_kind


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", width, height)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height)


def jpeg(width: int, height: int) -> bytes:
    """Two other segments, padding and a restart marker before the frame header."""
    others = b"\xff\xe0\0\x04ab\xff\xd0\xff\xff\xfe\0\x05abc"
    return b"\xff\xd8" + others + b"\xff\xc2\0\x11\x08" + struct.pack(">HH", height, width)


def webp(width: int, height: int) -> bytes:
    return b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", width, height)


def webp_lossless(width: int, height: int) -> bytes:
    return b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", width - 1 | height - 1 << 14)


def webp_extended(width: int, height: int) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + sizes


KINDS = [
    (png, "image/png"),
    (gif, "image/gif"),
    (jpeg, "image/jpeg"),
    (webp, "image/webp"),
    (webp_lossless, "image/webp"),
    (webp_extended, "image/webp"),
]


@pytest.mark.parametrize(("make", "kind"), KINDS)
def test_a_picture_is_known_by_its_bytes(make: object, kind: str) -> None:
    assert callable(make)
    assert picture_kind(make(640, 480)) == kind
    assert picture_kind(make(10_000, 5_000)) == kind


@pytest.mark.parametrize("make", [make for make, _kind in KINDS])
def test_a_few_bytes_that_stand_for_too_many_pixels_are_none(make: object) -> None:
    assert callable(make)
    assert picture_kind(make(16_000, 16_000)) is None


@pytest.mark.parametrize("make", [make for make, _kind in KINDS])
def test_a_picture_that_ends_too_early_is_none(make: object) -> None:
    assert callable(make)
    whole: bytes = make(640, 480)
    for end in range(len(whole) - 1):
        assert picture_kind(whole[:end]) is None


@pytest.mark.parametrize(
    "content",
    [
        png(0, 9),
        gif(9, 0),
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff" + b"\xff" * 1000,
        b"\xff\xd8\xff\xe0\0\0" * 1000,
        b"RIFF\0\0\0\0WEBPALPH" + bytes(40),
        b"<svg/>",
        b"BM" + bytes(40),
    ],
)
def test_other_bytes_are_none(content: bytes) -> None:
    assert picture_kind(content) is None
