"""Names, sizes, kinds and encodings of attachments."""

from __future__ import annotations

import base64

import pytest

from app.core.rules.attached_files import SIZE_LIMIT, check_content, cleaned_name, media_type
from app.core.rules.errors import Invalid, NotFound
from app.tickets.rules.attachments import (
    attachment_id,
    id_in_label,
    label,
    public_id,
    without_double_encoding,
)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("trace.txt", "trace.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\folder\\plan.pdf", "plan.pdf"),
        ("/", "attachment"),
        ("..", "attachment"),
        ("", "attachment"),
        (" \t\r\n", "attachment"),
        ("a/..", "attachment"),
        ("report.pdf\n", "report.pdf"),
        ("  report.pdf \u00a0", "report.pdf"),
        ("report.pdf. .", "report.pdf"),
        (".htaccess", "_htaccess"),
        (" ..hidden", "_hidden"),
        ("\u202e.profile", "_profile"),
        ("a\x00b\x1b[31m\x7f\x85.log", "ab[31m.log"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("zero\u200bwidth\ufeff\u2066\u2028.txt", "zerowidth.txt"),
        ("half\ud83d\ufffe.txt", "half.txt"),
        ("Störung Genève 図.png", "Störung Genève 図.png"),
        ("a" * 255, "a" * 255),
        ("long/" * 100 + "short", "short"),
    ],
)
def test_a_name_has_no_folder_nothing_invisible_and_is_never_empty(sent: str, kept: str) -> None:
    assert cleaned_name(sent) == kept
    assert cleaned_name(kept) == kept


def test_a_name_above_255_characters_is_refused_and_not_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        cleaned_name("q" * 256)
    assert "255" in caught.value.message
    assert "qq" not in caught.value.message


def test_public_ids_go_both_ways_and_nothing_else_is_one() -> None:
    assert public_id(12) == "ATT12"
    assert attachment_id("ATT12") == 12
    for text in ("", "12", "ATT", "ATT0", "ATT012", "att12", "ATT12 ", "ATT-1", "ATT1e3", "ATT١"):
        with pytest.raises(NotFound):
            attachment_id(text)
    with pytest.raises(NotFound):
        attachment_id("ATT" + "9" * 10)  # beyond what the databases number


def test_a_label_begins_with_the_id() -> None:
    assert label(12, "a b.txt") == "ATT12 a b.txt"
    assert id_in_label("ATT12 a b.txt") == "ATT12"
    assert id_in_label("ATT12") == ""
    assert id_in_label("what ATT12 said") == ""


def test_content_is_neither_empty_nor_above_two_mebibytes() -> None:
    check_content(b"\x00")
    check_content(bytes(2_097_152))
    for bad in (b"", bytes(2_097_153)):
        with pytest.raises(Invalid):
            check_content(bad)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01", "image/png"),
        (b"\x89PNG\r\n\x1a\n", "application/octet-stream"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "application/octet-stream"),
        ("traceroute über Genève\r\n\t1 ms".encode(), "text/plain"),
        (b"<script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
        (b"", "text/plain"),
        ("Genève".encode("latin-1"), "application/octet-stream"),
        ("text".encode("utf-16"), "application/octet-stream"),
        (b"text\x00", "application/octet-stream"),
        (b"%PDF-1.7\n\x01", "application/octet-stream"),
        (b" \x89PNG\r\n\x1a\n", "application/octet-stream"),
    ],
)
def test_the_kind_is_told_from_the_bytes(content: bytes, kind: str) -> None:
    assert media_type(content) == kind


FILE = b"traceroute to the other end, 30 hops max, 60 byte packets\n"
LARGE = bytes(range(256)) * (SIZE_LIMIT // 256)


@pytest.mark.parametrize(
    ("received", "declared", "kept"),
    [
        # encoded twice: by the client itself and by its stack
        (base64.b64encode(FILE), len(FILE), FILE),
        (base64.b64encode(FILE), len(base64.b64encode(FILE)), FILE),
        (base64.b64encode(FILE), 0, FILE),
        (base64.b64encode(LARGE), 7, LARGE),
        (base64.encodebytes(FILE), len(FILE), FILE),
        (base64.b64encode(b"ok"), 2, b"ok"),
        # short: only the declared size says so
        (b"test", 4, b"test"),
        (b"test", 0, b"test"),
        (b"test", 3, b"\xb5\xeb-"),
        (base64.b64encode(b"x" * 45), 0, base64.b64encode(b"x" * 45)),
        (base64.b64encode(b"x" * 46), 0, b"x" * 46),
        # no base64, or not its canonical form
        (FILE, 3, FILE),
        (base64.encodebytes(FILE), 0, base64.encodebytes(FILE)),
        (base64.b64encode(FILE).rstrip(b"="), 0, base64.b64encode(FILE).rstrip(b"=")),
        (base64.b64encode(b"?>" * 40, b"-_"), 80, base64.b64encode(b"?>" * 40, b"-_")),
        (b"    ", 0, b"    "),
    ],
)
def test_a_double_encoding_is_undone_only_where_it_is_sure(
    received: bytes, declared: int, kept: bytes
) -> None:
    assert without_double_encoding(received, declared) == kept
