"""Files that the demo attaches: a picture and a log, both made here and named as samples."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

_WIDTH, _HEIGHT = 320, 120
_GROUND, _LINE, _BAR, _NONE = b"\xff\xff\xff", b"\xc8\xce\xd4", b"\x0b\x5c\xad", b"\xb3\x26\x1e"


def traffic_picture(shares: Sequence[float]) -> bytes:
    """A PNG of bars from left to right, each as high as its share (0 to 1); 0 is a red line."""
    width = _WIDTH // len(shares)
    rows = []
    for y in range(_HEIGHT):
        row = b"\0"  # no filter
        for share in shares:
            top = _HEIGHT - max(2, round(share * (_HEIGHT - 8)))
            colour = (_BAR if share else _NONE) if y >= top else _GROUND
            row += colour * (width - 2) + (_LINE if y == _HEIGHT - 1 else _GROUND) * 2
        rows.append(row + _GROUND * (_WIDTH - width * len(shares)))
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(b"".join(rows), 9)),
            (b"IEND", b""),
        )
    )


def interface_log(start: datetime) -> bytes:
    """A text log of a link that goes down at ``start`` (UTC)."""
    steps = (
        (-40, "optical receive power -4.1 dBm"),
        (-2, "optical receive power -23.8 dBm, below threshold"),
        (0, "loss of signal"),
        (0, "interface down"),
        (1, "BGP session with the peer closed: interface down"),
        (30, "still no signal"),
    )
    lines = [f"{start + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ} {words}" for at, words in steps]
    return "\n".join(["# sample data, made for the demonstration", *lines, ""]).encode()
