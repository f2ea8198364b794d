"""What goes over the wire compressed, and what does not."""

from __future__ import annotations

import gzip
import re

import pytest

from tests.cast import Cast
from tests.web.conftest import Enter, Open
from tests.web.visitor import PageReader

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def test_a_list_and_all_that_it_needs_is_less_than_60_kb(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    for index in range(60):
        opened(
            title=f"Ticket {index} of CERN-GRIDKA-LHCOPN-001 and its backup {index * 7919}",
            sites=("DE-KIT", "ES-PIC"),
        )
    visitor = visit(cast.operator)
    plain = visitor.get("/tickets")
    assert "Content-Encoding" not in plain.headers
    page = visitor.get("/tickets", GZIP)
    assert page.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page.vary
    assert int(page.headers["Content-Length"]) == len(page.data)
    text = gzip.decompress(page.data).decode()

    def without_tokens(html: str) -> str:
        html = re.sub(r'name="csrf_token"[^>]*value="[^"]*"', "", html)
        return re.sub(r'name="until" value="[^"]*"', "", html)

    assert without_tokens(text) == without_tokens(plain.text)
    needed = {
        value
        for tag, name, value in PageReader(text).attributes
        if (tag, name) in {("script", "src"), ("link", "href")}
    }
    wire = len(page.data)
    for path in needed:
        answer = visitor.get(path, GZIP)
        if answer.headers.get("Content-Encoding") == "gzip":
            assert gzip.decompress(answer.data) == visitor.get(path).data
        assert visitor.get(path, GZIP).data == answer.data
        wire += len(answer.data)
        again = visitor.get(path, {**GZIP, "If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    assert wire < 60_000


def test_what_another_site_asks_for_tells_nothing_by_its_length(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    visitor = visit(cast.reader)
    for site, packed in (("same-origin", True), ("none", True), ("cross-site", False)):
        answer = visitor.get("/tickets?q=guess", {**GZIP, "Sec-Fetch-Site": site})
        assert (answer.headers.get("Content-Encoding") == "gzip") is packed, site
    for refused in ("identity", "gzip;q=0", ""):
        answer = visitor.get("/tickets", {"Accept-Encoding": refused})
        assert "Content-Encoding" not in answer.headers, refused
    csv = visitor.get("/tickets.csv", GZIP)
    assert "Content-Encoding" not in csv.headers  # it is streamed
    assert csv.text.startswith("number,")
