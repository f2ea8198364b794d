"""Attachments in the portal: who may, what is refused, how they are given out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.web.attached_files import disposition, size_in_words
from app.tickets.models.attachments import Attachment, AttachmentContent
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import find_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01" + bytes(60)
LOG = "12:00 loss of signal, Genève\n".encode()
EICAR = b"".join(
    (b"X5O!P%@AP[4\\PZX54(P^)7CC)7}", b"$EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE!$H+H*")
)
HTML = b"<html><body onload='alert(1)'><script>alert(2)</script></body></html>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>"
PLACE = "/tickets/{}/attachments"
BOUNDARY = "----a-boundary"
File = tuple[str, bytes]


def part(name: str, content: bytes, filename: str | None = None, more: str = "") -> bytes:
    shown = "" if filename is None else f'; filename="{filename}"'
    head = f'Content-Disposition: form-data; name="{name}"{shown}\r\n{more}\r\n'
    return f"--{BOUNDARY}\r\n{head}".encode() + content + b"\r\n"


def body(token: str, files: Sequence[File]) -> bytes:
    parts = [part("csrf_token", token.encode())]
    parts += [part("file", content, name) for name, content in files]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def send(visitor: Visitor, path: str, sent: bytes, **headers: str) -> TestResponse:
    return visitor.client.post(
        path,
        data=sent,
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        buffered=True,
    )


def attach(visitor: Visitor, number: int, *files: File, **headers: str) -> TestResponse:
    return send(visitor, PLACE.format(number), body(visitor.token(), files), **headers)


def stored(session: Session) -> list[int | None]:
    session.rollback()
    return [
        session.scalar(select(func.count()).select_from(row))
        for row in (Attachment, AttachmentContent, Change)
    ]


def test_several_files_are_attached_listed_and_downloaded(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    answer = attach(visitor, number, ("line.log", LOG), ("a picture.png", PNG))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/tickets/{number}#c3"
    page = visitor.read(f"/tickets/{number}")
    assert ("/attachments/ATT1", "line.log") in page.links
    assert ("/attachments/ATT1", "ATT1 line.log") in page.links  # in the timeline
    assert ("img", "src", "/attachments/ATT2") in page.attributes
    assert ("img", "src", "/attachments/ATT1") not in page.attributes
    assert "operator attached ATT1 line.log" in page.text
    got = visitor.get("/attachments/ATT1")
    assert got.data == LOG
    headers = got.headers
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Disposition"].startswith('attachment; filename="line.log"')
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "private, no-store"
    assert visitor.get("/attachments/ATT2").headers["Content-Type"] == "image/png"


def test_htmx_gets_the_ticket_with_the_new_entry(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened()
    answer = attach(visit(cast.operator), number, ("line.log", LOG), HX_Request="true")
    assert answer.status_code == 200
    assert not answer.text.startswith("<!doctype")
    assert 'id="attachments"' in answer.text
    assert 'id="timeline"' in answer.text


@pytest.mark.parametrize(
    ("content", "given"),
    [
        (HTML, "text/plain; charset=utf-8"),
        (SVG, "text/plain; charset=utf-8"),
        (EICAR, "text/plain; charset=utf-8"),
        (HTML + b"\0", "application/octet-stream"),
        (b"GIF89a\x09\0\x09\0<script>alert(1)</script>", "image/gif"),
        (bytes(range(256)), "application/octet-stream"),
    ],
)
def test_a23_hostile_content_is_a_download_of_its_bytes(
    session: Session, cast: Cast, visit: Enter, opened: Open, content: bytes, given: str
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    assert attach(visitor, number, ("../../x.html", content)).status_code == 303
    got = visitor.get("/attachments/ATT1")
    assert got.data == content
    assert got.headers["Content-Type"] == given
    assert got.headers["Content-Disposition"].startswith('attachment; filename="x.html"')
    preview = visitor.get("/attachments/ATT1/preview")
    assert preview.status_code == 200
    page = PageReader(preview.text)
    assert page.inline_scripts == []
    assert not any(name.startswith("on") for _tag, name, _value in page.attributes)
    assert not any(tag == "svg" and name == "xmlns" for tag, name, _value in page.attributes)
    if given.startswith("text"):
        assert content.decode() in page.text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\\temp\\plan.pdf", "plan.pdf"),  # as a quoted string writes it
        ("a\u202egnp.exe", "agnp.exe"),
        (".htaccess", "_htaccess"),
        ("<b>x</b>.txt", "b>.txt"),
        ("図 Genève.txt", "図 Genève.txt"),
        ("a%0d%0aX: y.txt", "a%0d%0aX: y.txt"),
    ],
)
def test_a23_names_are_cleaned(
    session: Session, cast: Cast, visit: Enter, opened: Open, name: str, shown: str
) -> None:
    number = opened()
    assert attach(visit(cast.operator), number, (name, LOG)).status_code == 303
    assert session.get_one(Attachment, 1).name == shown


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", "attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt"),
        ('a"b\\c%.txt', "attachment; filename=\"a_b_c_.txt\"; filename*=UTF-8''a%22b%5Cc%25.txt"),
        ("Genève 図", "attachment; filename=\"Geneve\"; filename*=UTF-8''Gen%C3%A8ve%20%E5%9B%B3"),
        ("図", "attachment; filename=\"attachment\"; filename*=UTF-8''%E5%9B%B3"),
        ("図.txt", "attachment; filename=\"attachment.txt\"; filename*=UTF-8''%E5%9B%B3.txt"),
        ("a;b,'c.txt", "attachment; filename=\"a;b,'c.txt\"; filename*=UTF-8''a%3Bb%2C%27c.txt"),
    ],
)
def test_a_download_is_named_in_ascii_and_in_unicode(name: str, header: str) -> None:
    assert disposition(name) == header


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1500, "1.46 KiB"),
        (1023 * 1024, "1023 KiB"),
        (2 * MIB, "2 MiB"),
        (3 * MIB // 2, "1.5 MiB"),
    ],
)
def test_sizes_are_told_in_words(size: int, words: str) -> None:
    assert size_in_words(size) == words


def test_one_bad_file_keeps_all_out_and_each_is_told(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    before = stored(session)
    answer = attach(
        visitor,
        number,
        ("good.log", LOG),
        ("empty.log", b""),
        ("large.bin", bytes(2 * MIB + 1)),
        ("n" * 256, LOG),
    )
    assert answer.status_code == 422
    told = " ".join(PageReader(answer.text).alerts)
    assert "empty.log : The attachment is empty" in " ".join(told.split())
    assert "large.bin : The attachment is larger than 2 MiB" in " ".join(told.split())
    assert "256 characters" in told
    assert "good.log" not in told
    assert stored(session) == before


def test_four_files_of_two_mebibytes_go_at_once_and_more_do_not(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    largest = [(f"{n}.bin", bytes([n]) * (2 * MIB)) for n in range(4)]
    assert attach(visitor, number, *largest).status_code == 303
    before = stored(session)
    refused = attach(visitor, number, *largest, ("5.bin", bytes(MIB)))
    assert refused.status_code == 413
    assert "8 MiB together" in refused.text
    many = attach(visitor, number, *[(f"{n}", b"x") for n in range(40)])
    assert many.status_code == 413
    assert "At most 30 files" in many.text
    assert stored(session) == before


def test_a_form_without_a_file_is_told_so(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    before = stored(session)
    token = visitor.token().encode()
    nothing = part("csrf_token", token) + f"--{BOUNDARY}--\r\n".encode()
    for sent in (nothing, body(token.decode(), [("", b"")])):
        answer = send(visitor, PLACE.format(number), sent)
        assert answer.status_code == 422
        assert "Choose at least one file" in answer.text
    assert visitor.send(PLACE.format(number), {"file": "text"}).status_code == 422
    assert stored(session) == before


def test_bad_multipart_is_a_page_and_stores_nothing(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    token = visitor.token()
    whole = body(token, [("line.log", LOG)])
    before = stored(session)
    valid = part("csrf_token", token.encode())
    end = f"--{BOUNDARY}--\r\n".encode()
    latin = "Content-Type: text/plain; charset=iso-8859-1\r\n"
    bad = [
        b"",
        b"nothing",
        end,
        whole[:-20],
        whole[: len(whole) // 2],
        whole.replace(b"\r\n\r\n", b"\r\n"),
        whole.replace(b"Content-Disposition", b"Content-Other"),
        whole.replace(b'name="file"', b"no"),
        whole.replace(b"line.log", b"line\xff.log"),
        whole.replace(b'"file"', b'"fi\xffle"'),
        part("note", b"bad \xff bytes") + whole,
        part("note", "Genève".encode("latin-1"), more=latin) + whole,
        valid + b"--" + BOUNDARY.encode() + b"\r\n" + b"A: b\r\n" * 9 + b"\r\n\r\n" + end,
    ]
    for sent in bad:
        answer = send(visitor, PLACE.format(number), sent)
        assert answer.status_code in (400, 422), sent[:200]
        assert "<h1>" in answer.text
    long = part("note", b"x" * 70_000) + whole
    assert send(visitor, PLACE.format(number), long).status_code == 413
    for many in (b";a=b" * 5000, b"\r\nA: b" * 5000, b"\r\n " * 8000):
        crowded = whole.replace(b'name="file"', b'name="file"' + many)
        assert send(visitor, PLACE.format(number), crowded).status_code == 413
    for kind in (
        "multipart/form-data",
        "multipart/mixed; boundary=a",
        "multipart/form-data; boundary=\xff",
    ):
        answer = visitor.client.post(PLACE.format(number), data=whole, content_type=kind)
        assert answer.status_code in (400, 415)
    assert send(visitor, f"/tickets/{number}/comment", whole).status_code == 415
    assert stored(session) == before


def test_rights_to_attach_are_those_to_write(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(sites=("DE-KIT",))
    before = stored(session)
    for actor, status in ((cast.reader, 403), (cast.pic, 403)):
        visitor = visit(actor)
        assert attach(visitor, number, ("a", LOG)).status_code == status
        assert f'action="{PLACE.format(number)}' not in visitor.get(f"/tickets/{number}").text
    assert attach(visit(cast.operator), 999, ("a", LOG)).status_code == 404
    stranger = Visitor(app)
    assert attach(stranger, number, ("a", LOG)).headers["Location"].startswith("/login")
    without = body("no token", [("a", LOG)])
    refused = send(
        visit(cast.operator), PLACE.format(number), without, Sec_Fetch_Site="same-origin"
    )
    assert refused.status_code == 400
    assert "Send again" not in refused.text  # files cannot be offered again
    assert stored(session) == before
    assert attach(visit(cast.kit), number, ("a", LOG)).status_code == 303


def test_who_may_read_the_ticket_may_download(
    app: Flask, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    attach(visit(cast.operator), number, ("line.log", LOG))
    for actor in (cast.reader, cast.pic, cast.admin):
        assert visit(actor).get("/attachments/ATT1").data == LOG
    for path in ("/attachments/ATT1", "/attachments/ATT1/preview"):
        assert Visitor(app).get(path).headers["Location"].startswith("/login")
    reader = visit(cast.reader)
    for key in ("ATT2", "1", "ATT01", "att1", "ATT1%00", "ATT99999999999", "ATT1/../ATT1x"):
        assert reader.get(f"/attachments/{key}").status_code == 404
        assert reader.get(f"/attachments/{key}/preview").status_code == 404


def test_the_way_back_from_a_preview_keeps_the_lists_filter(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    visitor, number = visit(cast.operator), opened()
    attach(visitor, number, ("line.log", LOG))
    visitor.get("/tickets?priority=urgent")
    links = visitor.read("/attachments/ATT1/preview").links
    assert (f"/tickets/{number}#attachments", str(number)) in links
    assert any("priority=urgent" in target for target, words in links if words == "Tickets")


def test_a_preview_shows_the_beginning_of_a_long_text(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    lines = "".join(f"line {n}\n" for n in range(1, 1502))
    with transaction(session):
        add_attachment(session, writer(cast.operator), number, "long.log", lines.encode())
        add_attachment(session, writer(cast.operator), number, "one.log", b"y" * 300_000)
        add_attachment(session, writer(cast.operator), number, "short.log", b"\xef\xbb\xbfshort")
    visitor = visit(cast.reader)
    long = visitor.read("/attachments/ATT1/preview")
    assert "1000 of 1501 lines" in long.text
    assert "line 1000" in long.text
    assert "line 1001" not in long.text
    assert ("/attachments/ATT1", "Download the file") in long.links
    one = visitor.get("/attachments/ATT2/preview").text
    assert "Download the file" in one
    assert one.count("y") < 210_000
    short = visitor.read("/attachments/ATT3/preview")
    assert "Download the file" not in short.text
    picture = visitor.get("/attachments/ATT1/preview").text
    assert "<img" not in picture


def test_removal_is_for_operators_and_for_who_added_it(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(by=cast.kit)
    attach(visit(cast.operator), number, ("one.log", LOG), ("two.log", LOG))
    attach(visit(cast.kit), number, ("three.log", LOG))
    kit = visit(cast.kit)
    page = kit.read(f"/tickets/{number}")
    buttons = [form.action for form in page.forms if form.action.endswith("/remove")]
    assert buttons == ["/attachments/ATT3/remove"]
    assert "Remove ATT3 three.log" in page.text
    before = stored(session)
    assert kit.send("/attachments/ATT1/remove", {}).status_code == 403
    assert visit(cast.reader).send("/attachments/ATT3/remove", {}).status_code == 403
    assert kit.send("/attachments/ATT9/remove", {}).status_code == 404
    assert kit.send_raw("/attachments/ATT3/remove", b"").status_code == 400
    assert stored(session) == before
    for visitor, key in ((kit, "ATT3"), (visit(cast.operator), "ATT1")):
        assert visitor.send(f"/attachments/{key}/remove", {}).status_code == 303
        assert visitor.get(f"/attachments/{key}").status_code == 404
        assert visitor.send(f"/attachments/{key}/remove", {}).status_code == 404
    page = kit.read(f"/tickets/{number}")
    assert "kit removed ATT3 three.log" in page.text
    assert not any(href == "/attachments/ATT3" for href, _text in page.links)
    assert session.scalar(select(func.count()).select_from(AttachmentContent)) == 1
    assert find_ticket(session, cast.kit, number).version == 6


def test_a_large_picture_is_no_thumb(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    attach(visit(cast.operator), number, ("large.png", PNG + bytes(600 * 1024)))
    page = visit(cast.operator).get(f"/tickets/{number}").text
    assert not re.search(r'<img[^>]+ATT1"', page)
    assert '/attachments/ATT1/preview"' in page
