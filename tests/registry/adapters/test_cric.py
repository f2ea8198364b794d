"""Reading CRIC: what its JSON says, what is no JSON of CRIC's, and over which addresses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET, SOCK_STREAM
from typing import Any

import pytest

from app.core.adapters.outbound import Limits, is_public
from app.core.rules.errors import Invalid
from app.registry.adapters.cric import reading
from app.registry.adapters.cric.reading import NOT_READ, is_address, parse, parse_address, read_path
from app.registry.adapters.cric.records import CricSite, NetRoute, NetSite
from tests import cric_sample


def test_records_are_read_as_they_are() -> None:
    content = parse(cric_sample.CONTENT)
    assert content.count == cric_sample.RECORDS
    assert content.faults == (
        "broken.example: left out, netsites is not an object of at most 200 entries",
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
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a": {', "not JSON"),
        (b"\xff\xfe", "not JSON in UTF-8"),
        (b"[]", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": {"rc_tier_level": NaN}}', "a number that is too large"),
        (b'{"a": {"rc_tier_level": ' + b"9" * 5000 + b"}}", "a number that is too large"),
        (b'{"a": 5}', "No record of the data from CRIC can be read"),
        (json.dumps({str(n): {} for n in range(20_001)}).encode(), "more than 20000 records"),
        (b" " * (reading.MAX_BYTES + 1), "larger than 20 MiB"),
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
        self.server.seen.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        place = self.path
        if place == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
        elif place.startswith("/to?"):
            self.send_response(307)
            self.send_header("Location", place.removeprefix("/to?"))
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
        elif place == "/inside":
            self.wfile.write(b'{"a-key-of-somebody": 5}')
        elif place == "/silent":
            self.rfile.read(1)  # until the other side ends it

    def log_message(self, *_given: object) -> None:
        pass


class Inside(ThreadingHTTPServer):
    """A server at a loopback address, as those inside of a network are."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str]] = []
        """Path and Host of each request."""
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[Inside]:
    with Inside() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


ALLOWED = frozenset({"127.0.0.1"})


def refused(url: str, allowed: frozenset[str] = frozenset()) -> str:
    """What whoever gave an address is told."""
    with pytest.raises(Invalid) as caught:
        parse_address(url, allowed)
    return caught.value.message


def test_an_address_is_read_also_where_it_moved_on_its_host(server: Inside) -> None:
    wanted = parse(cric_sample.CONTENT)
    for path in ("/good", "/moved", f"/to?{server.url}/good"):
        assert parse_address(server.url + path, ALLOWED) == wanted


@pytest.mark.parametrize(
    "path",
    [
        "/file",
        "/round",
        "/gone",
        "/large",
        "/inside",
        "/empty",
        "/to?http://localhost:{port}/good",
        "/to?http://127.0.0.1:1/",
        "/to?https://127.0.0.1:{port}/good",
        "/to?//127.0.0.2/",
        "/to?http://a@127.0.0.1:{port}/good",
    ],
)
def test_every_failure_is_told_in_the_same_words(
    server: Inside, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = path.replace("{port}", str(server.server_port))
    assert refused(server.url + path, ALLOWED) == NOT_READ
    assert [record.message for record in caplog.records] == ["CRIC could not be read"]
    assert "/good" not in [seen for seen, _host in server.seen]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "LOCALHOST.", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"),
        *("0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]"),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *(
            "[fe80::1]",
            "[fc00::1]",
            "[ff02::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "240.0.0.1",
        ),
    ],
)
def test_nothing_inside_of_the_network_is_asked(
    server: Inside, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert refused(f"http://{host}:{server.server_port}/good") == NOT_READ
    assert "is not public" in caplog.records[0].cause  # type: ignore[attr-defined]
    assert server.seen == []


def test_open_ports_and_closed_ones_are_told_alike(server: Inside) -> None:
    for allowed in (frozenset[str](), ALLOWED):
        assert refused(f"{server.url}/inside", allowed) == NOT_READ
        assert refused("http://127.0.0.1:1/", allowed) == NOT_READ
    assert refused("http://no-such-host.invalid/") == NOT_READ


def test_a_name_is_resolved_once_and_asked_by_its_name(
    server: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver answers something else from the second time on, as who rebinds a name does."""
    answers: list[list[str]] = [["127.0.0.1"], ["192.0.2.1"]]
    resolved: list[str] = []

    def resolve(host: str, port: int, **_given: object) -> list[Any]:
        resolved.append(host)
        return [(AF_INET, SOCK_STREAM, 6, "", (one, port)) for one in answers.pop(0)]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    name = f"cric.example:{server.server_port}"
    content = parse_address(f"http://CRIC.example:{server.server_port}/moved", {"cric.example"})
    assert content.count == cric_sample.RECORDS
    assert server.seen == [("/moved", name), ("/good", name)]
    assert resolved == ["cric.example"]
    # one public address does not make the other one good
    answers[:] = [["192.0.2.1", "127.0.0.1"]]
    assert refused(f"http://{name}/good") == NOT_READ
    assert len(server.seen) == 2


def test_who_sends_nothing_more_is_left(server: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LIMITS", Limits(1000, 0.05))
    assert refused(f"{server.url}/silent", ALLOWED) == NOT_READ


def test_a_certificate_is_checked(server: Inside) -> None:
    assert refused(f"https://127.0.0.1:{server.server_port}/good", ALLOWED) == NOT_READ


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("192.0.2.1", False),
        ("188.184.1.1", True),
        ("::ffff:188.184.1.1", True),
        ("2001:1458::1", True),
        ("2001:db8::1", False),
        ("64:ff9b::a00:1", False),
        ("fec0::1", False),
        ("255.255.255.255", False),
    ],
)
def test_which_addresses_are_public(address: str, *, public: bool) -> None:
    assert is_public(ip_address(address)) is public


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
    assert refused(url).startswith("The address m")


def test_files_are_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "cric.json"
    path.write_bytes(b" " * (reading.MAX_BYTES + 1))
    with pytest.raises(Invalid, match="larger than 20 MiB"):
        read_path(path)
    with pytest.raises(Invalid, match="cannot be read"):
        read_path(tmp_path)
    path.write_bytes(cric_sample.CONTENT)
    assert read_path(path) == cric_sample.CONTENT


def test_addresses_are_told_from_files() -> None:
    assert is_address("file:///etc/passwd")
    assert not is_address("data/cric.json")
