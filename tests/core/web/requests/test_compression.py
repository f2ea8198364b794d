"""Compressed answers: the same content, only where the browser takes it, never of streams."""

from __future__ import annotations

import gzip

from flask import Flask

from tests.cast import Cast
from tests.harness.visits import Enter, Open

TAKES = {"Accept-Encoding": "gzip, br"}


def test_pages_scripts_and_styles_are_compressed(
    app: Flask, cast: Cast, visit: Enter, opened: Open
) -> None:
    opened()
    visitor = visit(cast.operator)
    lengths = set()
    for path in ("/tickets", "/scripts.js", "/static/portal.css"):
        plain = visitor.get(path)
        assert "Content-Encoding" not in plain.headers
        assert "Accept-Encoding" in plain.vary
        for _ in range(5):
            packed = visitor.get(path, TAKES)
            assert packed.headers["Content-Encoding"] == "gzip"
            assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
            unpacked = gzip.decompress(packed.data)
            if path == "/tickets":
                assert unpacked.startswith(b"<!doctype html>")
                assert unpacked.rstrip().endswith(b"</html>")
                lengths.add(len(packed.data))
            else:
                assert unpacked == plain.data
        if path != "/tickets":
            again = visitor.get(path, {**TAKES, "If-None-Match": packed.headers["ETag"]})
            assert (again.status_code, again.data) == (304, b"")
    assert len(lengths) > 1  # equal pages differ in length


def test_streams_and_short_answers_are_not(cast: Cast, visit: Enter, opened: Open) -> None:
    opened()
    visitor = visit(cast.operator)
    assert visitor.get("/tickets.csv", TAKES).data.startswith(b"number,")
    assert "Content-Encoding" not in visitor.get("/static/icon.svg", TAKES).headers
    assert (
        "Content-Encoding" not in visitor.get("/tickets", {"Accept-Encoding": "gzip;q=0"}).headers
    )
