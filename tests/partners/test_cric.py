"""Reading CRIC: what its JSON says, what is no JSON of CRIC's, and over which addresses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.domain.cric import CricSite, NetRoute, NetSite
from app.domain.errors import Invalid
from app.partners import cric
from app.partners.cric import is_address, parse, read_address, read_path
from tests import cric_sample


def test_records_are_read_as_they_are() -> None:
    content = parse(cric_sample.CONTENT)
    assert content.count == cric_sample.RECORDS
    assert content.faults == (
        "broken.example: left out, netsites is no object of at most 200 entries",
    )
    assert content.sites[0] == CricSite(
        name="CERN-PROD",
        country="CH",
        federations=("CH-CERN",),
        tier=0,
        in_gocdb=True,
        netsites=(NetSite("CH-CERN", True, 2100.0, ("GEANT",)),),  # noqa: FBT003  # as CRIC says
        netroutes=(
            NetRoute("CERN-A", "CH-CERN", 513, 2000.0, None, ("192.0.2.0/25",)),
            NetRoute("CERN-B", "CH-CERN", 513, 1300.0, 1000.0, ("2001:db8:c::/48",)),
            NetRoute("CERN-C", "CH-CERN", 64496, None, 100.0),
        ),
        t1_vos=("ATLAS", "LHCb"),
    )
    assert not content.sites[6].lhcopn_active


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b'{"a": {', "no JSON"),
        (b"\xff\xfe", "no JSON in UTF-8"),
        (b"[]", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b"[" * 200_000, "nesting beyond reason"),
        (b'{"a": {"rc_tier_level": NaN}}', "number or nesting beyond reason"),
        (b'{"a": {"rc_tier_level": ' + b"9" * 5000 + b"}}", "number or nesting beyond reason"),
        (b'{"a": 5}', "No record of CRIC's source can be read"),
        (json.dumps({str(n): {} for n in range(20_001)}).encode(), "more than 20000 records"),
        (b" " * (cric.MOST_BYTES + 1), "larger than 20 MiB"),
    ],
    ids=range(12),
)
def test_what_is_no_source_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse(content)


@pytest.mark.parametrize(
    "record",
    [
        None,
        "text",
        {"country_code": 5},
        {"country_code": "x" * 101},
        {"federations": "CH-CERN"},
        {"federations": [["CH-CERN"]]},
        {"federations": ["a\u0001"]},
        {"rc_tier_level": "1"},
        {"rc_tier_level": True},
        {"rc_tier_level": 2**40},
        {"sites": {}},
        {"sites": [[]]},
        {"netsites": {"a": 1}},
        {"netsites": {"a": {"lhcopn_active": "yes"}}},
        {"netsites": {"a": {"lhcopn_bandwidth": 1e300}}},
        {"netsites": {"a": {"lhcopn_bandwidth": "100"}}},
        {"netroutes": {"a": {"asn": -5}}},
        {"netroutes": {"a": {"networks": []}}},
        {"netroutes": {"a": {"networks": {"ipv4": "192.0.2.0/24"}}}},
        {"netroutes": {str(number): {} for number in range(201)}},
    ],
)
def test_a_record_of_another_shape_is_left_out_and_told(record: Any) -> None:
    content = parse(json.dumps({"odd.example": record, "good.example": {}}).encode())
    assert [site.name for site in content.sites] == ["good.example"]
    (fault,) = content.faults
    assert fault.startswith("odd.example: left out, ")
    assert len(fault) < 300


def test_an_empty_object_is_a_source_of_nothing() -> None:
    assert parse(b"{}").count == 0


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        place = self.path
        if place == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
        elif place == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/good")  # type: ignore[attr-defined]
        elif place == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
        elif place == "/moved":
            self.send_response(301)
            self.send_header("Location", "/good")
        elif place == "/gone":
            self.send_response(404)
        else:
            self.send_response(200)
        self.end_headers()
        if place == "/good":
            self.wfile.write(cric_sample.CONTENT)
        elif place == "/large":
            for _ in range(22):
                self.wfile.write(b" " * 1024 * 1024)

    def log_message(self, *_given: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with _serving() as url:
        yield url


@contextmanager
def _serving() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_is_read_also_where_it_moved_on_its_host(server: str) -> None:
    assert read_address(f"{server}/good") == cric_sample.CONTENT
    assert read_address(f"{server}/moved") == cric_sample.CONTENT


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/file", "answers 302"),
        ("/elsewhere", "redirects to another host or scheme"),
        ("/round", "answers 302"),
        ("/gone", "answers 404"),
        ("/large", "larger than 20 MiB"),
    ],
)
def test_an_address_that_leads_elsewhere_is_refused(server: str, path: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        read_address(server + path)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://cric.example/rcsite",
        "data:application/json,{}",
        "http://",
        "https://user:secret@cric.example/",
        "http://cric.example:port/",
        "http://[::1",
        "http://cric.example/a b",
        "http://cric.example/\r\nHost: other.example",
        "gopher://cric.example",
    ],
)
def test_only_plain_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(Invalid, match="The address m"):
        read_address(url)


def test_who_does_not_answer_is_told(server: str) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        read_address("http://127.0.0.1:1/")


def test_files_are_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "cric.json"
    path.write_bytes(b" " * (cric.MOST_BYTES + 1))
    with pytest.raises(Invalid, match="larger than 20 MiB"):
        read_path(path)
    with pytest.raises(Invalid, match="cannot be read"):
        read_path(tmp_path)
    path.write_bytes(cric_sample.CONTENT)
    assert read_path(path) == cric_sample.CONTENT


def test_addresses_are_told_from_files() -> None:
    assert is_address("file:///etc/passwd")
    assert not is_address("data/cric.json")
