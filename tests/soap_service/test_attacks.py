"""The attacks that the SOAP door must stand, over a real socket against the real server.

Names follow the numbers of the project's list of attacks. After each one the next good request is
answered in under a second, nothing was stored, and the server's memory has not grown.
"""

from __future__ import annotations

import gzip
import re
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from tests.harness.server import LiveServer
from tests.soap_service.wire import (
    CREATED,
    ENDPOINT,
    PASSWORD,
    SOAP,
    Answer,
    Wire,
    elements,
    envelope,
    half_sent,
    in_order,
    login,
    namespace,
    read_answers,
)

CREATE = elements(in_order("OpCreate", CREATED))
GROWTH = 64 * 1024  # kB


@dataclass(frozen=True)
class Victim:
    """A service under attack: one writing operation, with all that it needs."""

    service: str
    operation: str
    inner: str
    text: str
    """A value in ``inner`` that may be any text."""
    element: str
    """An optional or required element that takes text."""
    limit: int
    """Bytes of the largest body."""

    def envelope(self, inner: str | None = None, header: str | None = None) -> str:
        return envelope(
            self.operation,
            self.inner if inner is None else inner,
            header=header,
            service=self.service,
        )

    def post(self, wire: Wire, body: str | bytes, **more: Any) -> Answer:
        return wire.post(body, service=self.service, **more)


VICTIMS = (
    Victim(
        "GGUS",
        "OpCreate",
        CREATE,
        "no traffic between two sites",
        "GHD_Description",
        256 * 1024,
    ),
    Victim(
        "GGUS_ATTACH",
        "AddAttachment",
        elements(
            {
                "GAT_Attachment_Name": "line.log",
                "GAT_Attachment_Data": "dGVzdA==",
                "GAT_Attachment_Orig_Size": "4",
                "GAT_Request_ID": "1",
                "GAT_Last_Modifier": "noc-demo (via test)",
                "GAT_Last_Login": "noc-demo",
            }
        ),
        "line.log",
        "GAT_Attachment_Name",
        4 * 1024 * 1024,
    ),
    Victim(
        "LHCOPN",
        "CreateTicket",
        "<n:ticket><n:title>no light</n:title></n:ticket>",
        "no light",
        "requestKey",
        4 * 1024 * 1024,
    ),
)


@pytest.fixture(params=VICTIMS, ids=lambda victim: victim.service)
def victim(request: pytest.FixtureRequest) -> Victim:
    found: Victim = request.param
    return found


def memory(wire: Wire) -> int:
    """Resident kB of all of the server's processes."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[2]) != wire.server.pid:
                continue
            text = stat.with_name("status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if found := re.search(r"VmRSS:\s+(\d+)", text):
            total += int(found[1])
    return total


def quickest(act: Callable[[], object], wanted: float) -> float:
    """Seconds that it takes at its best: again while that is more than wanted, up to ten times.

    What else a machine does makes some of them slow, but not all.
    """
    best = float("inf")
    for _ in range(10):
        began = time.monotonic()
        act()
        best = min(best, time.monotonic() - began)
        if best < wanted:
            break
    return best


def answers_quickly(wire: Wire, user: str = "opn") -> None:
    """A good request is answered in under a second."""
    wanted = {"GHD_Request_ID": wire_ticket(wire)}

    def ask() -> None:
        assert wire.call("TicketGet", wanted, user=user).status == 200

    assert quickest(ask, 1) < 1


_TICKETS: dict[int, str] = {}


def wire_ticket(wire: Wire) -> str:
    """One ticket on this server."""
    if wire.server.port not in _TICKETS:
        _TICKETS[wire.server.port] = wire.create()
    return _TICKETS[wire.server.port]


def changes(wire: Wire) -> int:
    """How many changes of anything there are."""
    file = make_url(wire.server.settings.database_url).database
    with closing(sqlite3.connect(str(file))) as connection:  # no engine for one number
        (number,) = connection.execute("SELECT count(*) FROM changes").fetchone()
        return int(number)


@pytest.fixture(scope="module")
def sqlite_server(supervised_server: LiveServer) -> LiveServer:
    """With the memory of a real start, which is measured here."""
    return supervised_server


@pytest.fixture
def target(sqlite_wire: Wire) -> Iterator[Wire]:
    """The server; afterwards it must be unharmed."""
    wire_ticket(sqlite_wire)
    before, used = changes(sqlite_wire), memory(sqlite_wire)
    assert used > 0
    written = sqlite_wire.server.log.stat().st_size
    yield sqlite_wire
    answers_quickly(sqlite_wire)
    assert changes(sqlite_wire) == before
    assert memory(sqlite_wire) - used < GROWTH
    log = sqlite_wire.server.log.read_bytes()[written:].decode()
    assert PASSWORD not in log
    assert "Traceback" not in log


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A listener that must not be called."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield listener
        with pytest.raises(BlockingIOError):
            listener.accept()


def with_doctype(victim: Victim, doctype: str, value: str) -> str:
    text = victim.envelope(victim.inner.replace(victim.text, value))
    return text.replace("?>", f"?>{doctype}", 1)


@pytest.mark.parametrize(
    ("doctype", "value"),
    [
        ('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>', "&f;"),
        ('<!DOCTYPE x [<!ENTITY h SYSTEM "http://127.0.0.1:{port}/">]>', "&h;"),
        ('<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:{port}/">%p;]>', "x"),
        ('<!DOCTYPE x SYSTEM "http://127.0.0.1:{port}/x.dtd">', "x"),
    ],
)
def test_a1_external_entities(
    target: Wire, victim: Victim, canary: socket.socket, doctype: str, value: str
) -> None:
    port = canary.getsockname()[1]
    body = with_doctype(victim, doctype.replace("{port}", str(port)), value)
    answer = victim.post(target, body)
    assert answer.fault.startswith("ERROR (350)")
    assert answer.fault_code == "Client"
    assert "root:" not in answer.fault


def test_a2_exploding_entities(target: Wire, victim: Victim) -> None:
    lines = ['<!ENTITY a0 "ha">'] + [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]

    def laugh() -> None:
        body = with_doctype(victim, f"<!DOCTYPE x [{''.join(lines)}]>", "&a11;")
        assert victim.post(target, body).fault.startswith("ERROR (350)")

    assert quickest(laugh, 0.5) < 0.5
    long = f'<!DOCTYPE x [<!ENTITY a "{"x" * 50_000}">]>'
    quadratic = victim.post(target, with_doctype(victim, long, "&a;" * 20_000))
    assert quadratic.fault.startswith("ERROR (350)")


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-7", "cp037", "utf-32"])
def test_a3_only_utf8_is_read(target: Wire, victim: Victim, codec: str) -> None:
    text = victim.envelope()
    for body in (text, with_doctype(victim, "<!DOCTYPE x>", "x")):
        for declared in (codec, "UTF-8"):
            sent = body.replace('encoding="UTF-8"', f'encoding="{declared}"').encode(codec)
            if codec == "utf-7" and declared == "UTF-8" and b"DOCTYPE" not in sent:
                continue  # plain ASCII then
            assert victim.post(target, sent).fault.startswith("ERROR (350)")
            typed = {"Content-Type": f"text/xml; charset={codec}"}
            refused = victim.post(target, sent, headers=typed)
            assert refused.status == 415
    for declared in ("latin-1", "bogus"):
        answer = victim.post(target, text.replace("UTF-8", declared))
        assert answer.fault.startswith("ERROR (350)")
    bad = text.encode().replace(victim.text.encode(), b"\xff\xfe\xed\xa0\x80")
    assert victim.post(target, bad).fault.startswith("ERROR (350)")


def test_a3_a_byte_order_mark_is_accepted_and_a_doctype_behind_it_is_not(target: Wire) -> None:
    get = envelope("TicketGet", elements({"GHD_Request_ID": wire_ticket(target)}))
    assert target.post(b"\xef\xbb\xbf" + get.encode()).status == 200
    hidden = b"\xef\xbb\xbf" + with_doctype(VICTIMS[0], "<!DOCTYPE x>", "x").encode()
    assert target.post(hidden).fault.startswith("ERROR (350)")
    text = envelope("TicketGet", "<n:GHD_Request_ID><![CDATA[<!DOCTYPE x>]]></n:GHD_Request_ID>")
    assert target.post(text).fault.startswith("ERROR (302)")  # understood, no such entry


def test_a4_nothing_is_fetched(target: Wire, victim: Victim, canary: socket.socket) -> None:
    url = f"http://127.0.0.1:{canary.getsockname()[1]}/"
    get = envelope("TicketGet", elements({"GHD_Request_ID": wire_ticket(target)}))
    styled = get.replace("?>", f'?><?xml-stylesheet href="{url}"?>', 1)
    assert target.post(styled).status == 200
    located = get.replace("<e:Body", f'<e:Body xsi:schemaLocation="urn:GGUS {url}"')
    assert target.post(located).status == 200
    include = f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{url}"/>'
    included = victim.post(target, victim.envelope(victim.inner + include))
    assert included.fault.startswith("ERROR (356)")


def test_a5_nested_and_endless(target: Wire, victim: Victim) -> None:
    for depth in (33, 5_000, 30_000, 300_000):
        deep = "<n:a>" * depth + "</n:a>" * depth
        answer = victim.post(target, victim.envelope(deep[: victim.limit - 6 * 1024]))
        assert answer.fault.startswith("ERROR (350)")
    address = f"POST /soap/{victim.service} HTTP/1.1\r\n"
    head = f"{address}Host: localhost\r\nContent-Type: text/xml\r\n".encode()
    with socket.create_connection(("127.0.0.1", target.server.port), timeout=60) as peer:
        peer.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"1000\r\n" + b"<a>" * 1365 + b"x\r\n"
        sent = 0
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 1 << 30:
                peer.sendall(chunk)
                sent += len(chunk)
        assert sent < 64 << 20
    answers_quickly(target)


def test_a5_many_senders_stop_half_way(target: Wire) -> None:
    with half_sent(target, 60):
        answers_quickly(target)


@pytest.mark.parametrize("length", ["1073741824", "one more", "chunked"])
def test_a6_oversized_bodies(target: Wire, victim: Victim, length: str) -> None:
    chunked = length == "chunked"
    length = length.replace("one more", str(victim.limit + 1))
    extra = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
    head = (
        f"POST /soap/{victim.service} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
        f"{extra}\r\n\r\n"
    )
    block = b"x" * 65536
    part = b"10000\r\n" + block + b"\r\n" if chunked else block
    used = memory(target)
    sent = 0
    with socket.create_connection(("127.0.0.1", target.server.port), timeout=60) as peer:
        peer.sendall(head.encode())
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < min(1 << 30, 10**10 if chunked else int(length)):
                peer.sendall(part)
                sent += len(block)
        raw = b""
        with suppress(ConnectionResetError):
            while more := peer.recv(65536):
                raw += more
    assert sent < 64 << 20
    assert memory(target) - used < GROWTH
    if raw:
        assert read_answers(raw)[0].status == 413
        assert read_answers(raw)[0].fault.startswith("ERROR (413)")


def test_a6_a_false_or_missing_length(target: Wire, victim: Victim) -> None:
    body = victim.envelope()
    assert victim.post(target, body, headers={"Content-Length": ""}).status == 411
    assert victim.post(target, body, headers={"Content-Length": "0"}).status == 400
    short = victim.post(target, body, headers={"Content-Length": str(len(body) - 9)})
    assert short.fault.startswith("ERROR (350)")
    for bad in ("-1", "+5", "5, 5", "abc", "0x10"):
        raw = f"POST /soap/GGUS HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bad}\r\n\r\nhello"
        assert b" 400 " in target.raw(raw.encode()).split(b"\r\n")[0]
    # longer than what comes, and the sender goes: nothing is created (the fixture counts)
    head = (
        f"POST /soap/{victim.service} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
        f"Content-Length: {len(body) + 50}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", target.server.port), timeout=60) as peer:
        peer.sendall((head + body).encode())
        peer.shutdown(socket.SHUT_WR)
        answer = peer.recv(65536)
    assert not answer or b" 400 " in answer.split(b"\r\n")[0]


def test_a7_compressed_bodies(target: Wire, victim: Victim) -> None:
    bomb = gzip.compress(b" " * (50 << 20))
    for coding in ("gzip", "deflate", "br", "gzip, gzip"):
        assert victim.post(target, bomb, headers={"Content-Encoding": coding}).status == 415
    assert victim.post(target, bomb).fault.startswith("ERROR (350)")


def test_a8_floods_within_the_size(target: Wire, victim: Victim) -> None:
    size = victim.limit - 16 * 1024
    floods = [
        "<n:a " + " ".join(f'a{n}="1"' for n in range(size // 12)) + "/>",
        "<n:a/>" * (size // 6),
        f"<n:{'a' * size}/>",
        '<n:a xmlns:p="urn:x" xmlns:q="urn:x" p:a="1" q:a="2"/>',
        "<n:a " + " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(size // 28)) + "/>",
        "<n:a xmlns:p='" + "u" * size + "'/>",
        "&#65;" * (size // 5),
        "<!---->" * (size // 7),
        "<?a?>" * (size // 5),
    ]

    def send(flood: str) -> None:
        assert victim.post(target, victim.envelope(flood)).fault.startswith("ERROR (35")

    for flood in floods:
        assert quickest(partial(send, flood), 1) < 1


@pytest.mark.parametrize(
    "inner",
    [
        '<n:{} href="#a"/>',
        '<n:{} id="a" href="#a"/>',
        '<n:{} xmlns:s="http://schemas.xmlsoap.org/soap/encoding/"'
        ' s:arrayType="xsd:string[2147483647]"/>',
        "<n:{}>a<n:b>c</n:b></n:{}>",
        '<n:{} xsi:nil="1">a</n:{}>',
        '<n:{} xsi:nil="maybe"/>',
    ],
)
def test_a9_arrays_references_and_nested_values(target: Wire, victim: Victim, inner: str) -> None:
    bad = inner.replace("{}", victim.element)
    answer = victim.post(target, victim.envelope(bad + victim.inner))
    assert answer.fault.startswith("ERROR (356)")


def test_a10_the_body_decides_and_a_contradiction_is_a_fault(target: Wire) -> None:
    get = envelope("TicketGet", elements({"GHD_Request_ID": wire_ticket(target)}))
    right = "urn:GGUS/TicketGet"
    for action in (None, '""', "''", right, f'"{right}"', f"'{right}'"):
        assert target.post(get, action=action).status == 200
    for action in (
        '"urn:GGUS/TicketModify"',
        "x",
        "urn:GGUS/OpGet",
        f'"{right}',
        "urn:X/TicketGet",
    ):
        assert target.post(get, action=action).fault.startswith("ERROR (354)")
    for victim, action in zip(VICTIMS, ("TicketGet", "GetAttachIDs", "GetTicket"), strict=True):
        wrong = f'"{namespace(victim.service)}/{action}"'
        answer = victim.post(target, victim.envelope(), action=wrong)
        assert answer.fault.startswith("ERROR (354)")


def test_a11_one_envelope_one_body_one_request(target: Wire, victim: Victim) -> None:
    text = victim.envelope()
    operation = f"<n:{victim.operation}>{victim.inner}</n:{victim.operation}>"
    twice = text.replace(operation, operation * 2)
    bodies = text.replace("<e:Body>", "<e:Body/><e:Body>")
    empty = text.replace(operation, "")
    start, _, rest = text.partition("<e:Header>")
    header, _, body = rest.partition("</e:Header>")
    late = f"{start}{body.replace('</e:Envelope>', '')}<e:Header>{header}</e:Header></e:Envelope>"
    loose = text.replace("<e:Body>", "<e:Body>x")
    for bad in (twice, bodies, empty, late, loose):
        assert victim.post(target, bad).fault.startswith("ERROR (351)")
    for other in ("http://www.w3.org/2003/05/soap-envelope", "urn:other"):
        answer = victim.post(target, text.replace(SOAP, other))
        assert answer.fault_code == "VersionMismatch"
    assert victim.post(target, "<a/>").fault.startswith("ERROR (351)")
    foreign = text.replace(f"urn:{victim.service}", "urn:GGUS_HISTORY")
    assert victim.post(target, foreign).fault.startswith("ERROR (355)")


def test_a12_a14_headers_that_must_be_understood(target: Wire) -> None:
    must = 'e:mustUnderstand="1"'
    security = (
        '<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/'
        'oasis-200401-wss-wssecurity-secext-1.0.xsd" {}><x id="a"/><x id="a"/></w:Security>'
    )
    get = elements({"GHD_Request_ID": wire_ticket(target)})
    refused = target.post(envelope("TicketGet", get, header=login() + security.format(must)))
    assert refused.fault_code == "MustUnderstand"
    for victim in VICTIMS:
        header = login() + security.format(must)
        refused = victim.post(target, victim.envelope(header=header))
        assert refused.fault_code == "MustUnderstand"
    ignored = target.post(envelope("TicketGet", get, header=login() + security.format("")))
    assert ignored.status == 200
    alone = target.post(envelope("TicketGet", get, header=security.format("")))
    assert alone.fault.startswith("ERROR (623)")
    ours = login().replace("<n:AuthenticationInfo", f"<n:AuthenticationInfo {must}")
    assert target.post(envelope("TicketGet", get, header=ours)).status == 200


def test_a13_reply_addresses_are_ignored(target: Wire, canary: socket.socket) -> None:
    url = f"http://127.0.0.1:{canary.getsockname()[1]}/"
    header = login() + "".join(
        f'<a:{name} xmlns:a="http://www.w3.org/2005/08/addressing"><a:Address>{url}</a:Address>'
        f"</a:{name}>"
        for name in ("ReplyTo", "FaultTo")
    )
    get = elements({"GHD_Request_ID": wire_ticket(target)})
    assert target.post(envelope("TicketGet", get, header=header)).status == 200


def test_a16_whatever_is_wrong_with_the_credentials_the_fault_is_the_same(
    target: Wire, victim: Victim
) -> None:
    name = "<n:userName>opn</n:userName>"
    secret = f"<n:password>{PASSWORD}</n:password>"
    headers = [
        "",
        "<n:AuthenticationInfo/>",
        login("", ""),
        login("opn", "wrong password of some length"),
        login("nobody", PASSWORD),
        login("opn", PASSWORD.upper()),
        login() + login(),
        login("nobody", "x") + login(),
        f"<n:AuthenticationInfo>{name}{name}{secret}</n:AuthenticationInfo>",
        f"<n:AuthenticationInfo>{name}<n:other/>{secret}</n:AuthenticationInfo>",
        login().replace("n:", "e:"),
    ]
    faults = {victim.post(target, victim.envelope(header=header)).body for header in headers}
    assert len(faults) == 1
    assert b"ERROR (623)" in faults.pop()


def test_a16_guessing_is_slowed_and_the_genuine_client_goes_on(target: Wire) -> None:
    user = "opn-internal"  # of whom no other test says a wrong password
    answers_quickly(target, user)  # its credentials were verified shortly before

    def guess(number: int) -> str:
        secret = f"guess {number} " * 3
        return target.call("TicketGet", {"GHD_Request_ID": "1"}, user=user, password=secret).fault

    # more of them than the bound within ten seconds, however long each of them takes
    with ThreadPoolExecutor(8) as guessers:
        faults = list(guessers.map(guess, range(200)))
    told = Counter(fault.partition(":")[0] for fault in faults)
    assert told.keys() == {"ERROR (623)", "ERROR (624)"}
    assert told["ERROR (624)"] > 100, told
    answers_quickly(target, user)


@pytest.mark.parametrize(
    "query",
    [
        "' OR 1=1",
        "1=1",
        "'GHD_Status'=\"x\" OR 1=1 --",
        "'password'=\"x\"",
        "'GHD_Status'=\"x\"; DROP TABLE tickets",
        "'GHD_Public Diary'=\"x\"",
        "'GHD_Status' LIKE \"%\"",
        "(" * 3_000,
        "'GHD_Status'=\"" + "x" * 200_000 + '"',
    ],
)
def test_a18_the_query_is_a_language_of_its_own(target: Wire, query: str) -> None:
    answer = target.call("TicketGetList", {"Qualification": query})
    assert answer.fault.startswith("ERROR (312)")
    assert len(answer.fault) < 1_000


def test_a18_percent_is_no_wildcard(target: Wire) -> None:
    for value in ("%", "n%", "_ew", "new' OR '1'='1"):
        answer = target.call("TicketGetList", {"Qualification": f"'GHD_Status'=\"{value}\""})
        assert answer.fault.startswith("ERROR (302)")


def test_a20_types_methods_and_addresses(target: Wire, victim: Victim) -> None:
    text = victim.envelope()
    for content_type in (
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/related; type=text/xml",
        "application/json",
        "application/soap+xml",
        "text/xml; charset=iso-8859-1",
        "text/xml, text/xml",
    ):
        answer = victim.post(target, text, headers={"Content-Type": content_type})
        assert (answer.status, answer.fault_code) == (415, "Client")
    for method in ("PUT", "DELETE", "TRACE", "GET", "PATCH", "OPTIONS"):
        answer = victim.post(target, text, method=method)
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"
    for path in (
        "/soap/NO",
        "/soap/GGUS/",
        "/soap/",
        "/arsys/x",
        "/arsys/services/ARService",
        "/arsys/services/ARService?server=x&webService=GGUS",
        "/arsys/services/ARService?server=ggus&webService=NO",
        "/arsys/services/ARService?server=ggus&webService=GGUS&webService=GGUS_HISTORY",
        "/arsys/WSDL/public/x/GGUS",
    ):
        assert target.post(text, path=path).status == 404
    assert "set-cookie" not in target.post(text, headers={"Cookie": "portal=x"}, path="/x").headers


def test_a20_no_request_is_smuggled_in_another(target: Wire, victim: Victim) -> None:
    inner = victim.envelope().encode()
    address = f"POST /soap/{victim.service} HTTP/1.1\r\n"
    second = (
        f"{address}Host: localhost\r\nContent-Type: text/xml\r\n"
        f"Content-Length: {len(inner)}\r\n\r\n".encode()
        + inner
    )
    for framing in (
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
    ):
        first = f"{address}Host: localhost\r\nContent-Type: text/xml\r\n{framing}\r\n\r\n"
        raw = target.raw(first.encode() + b"0\r\n\r\n" + second)
        assert raw.count(b"HTTP/1.1 ") == 1
        assert read_answers(raw)[0].status == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "evil.example", "x\tx"])
def test_a21_the_wsdl_names_the_configured_address(target: Wire, victim: Victim, host: str) -> None:
    known = host in ("localhost", "127.0.0.1:1")
    name = victim.service
    for path, place in (
        (
            f"/arsys/WSDL/public/ggus/{name}",
            f"/arsys/services/ARService?server=ggus&webService={name}",
        ),
        (f"/soap/{name}?wsdl", f"/soap/{name}"),
    ):
        answer = target.post(
            "", path=path, method="GET", headers={"Host": host, "X-Forwarded-Host": host}
        )
        if not known:
            assert answer.status == 400
            assert answer.fault.startswith("ERROR (400): The Host header")
            assert host.encode() not in answer.body
            continue
        locations = [
            item.get("location")
            for item in answer.tree.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")
        ]
        assert locations == [f"{target.server.url}{place}"]
        assert host.encode() not in answer.body


@pytest.mark.parametrize(
    "text", ["&#0;", "&#11;", "&#x1f;", "\x01", "\x00", "&#xD800;", "&#xFFFE;", "\x0b", "&nbsp;"]
)
def test_a22_what_xml_cannot_carry_is_a_fault(target: Wire, victim: Victim, text: str) -> None:
    bad = victim.envelope(victim.inner.replace(victim.text, text))
    assert victim.post(target, bad).fault.startswith("ERROR (350)")


def test_faults_and_log_hold_nothing_that_was_sent(target: Wire) -> None:
    marked = "MARKED\n\x1b[31m"
    written = target.server.log.stat().st_size
    target.call("OpCreate", in_order("OpCreate", {**CREATED, "GHD_Priority": "MARKED"}))
    for body in (
        envelope("MARKED", CREATE),
        envelope("OpCreate", "<n:MARKED/>"),
        envelope("OpCreate", '<n:GHD_Description MARKED="1"/>'),
        envelope("OpCreate", CREATE, header=login("MARKED", "MARKED")),
        "MARKED",
        envelope("OpCreate", CREATE).replace("<e:Body", "<e:Body><MARKED/"),
    ):
        assert b"MARKED" not in target.post(body, action=None).body
    assert b"MARKED" not in target.post("x", action="MARKED").body
    target.post("x", path="/soap/%0d%0aMARKED%1b", headers={"User-Agent": "MARKED"})
    log = target.server.log.read_bytes()[written:].decode()
    assert marked not in log
    assert "\x1b" not in log
    lines = [line for line in log.splitlines() if "request refused" in line]
    assert len(lines) == 9


@pytest.mark.parametrize("path", ["/soap/GGUS_ATTACH", ENDPOINT.format("GGUS_ATTACH")])
def test_sixteen_large_bodies_at_once_leave_the_memory_bounded(target: Wire, path: str) -> None:
    victim = VICTIMS[1]
    data = "A" * (victim.limit - 4096)
    body = victim.envelope(victim.inner.replace("dGVzdA==", data)).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
    whole = f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    used, most = memory(target), 0
    with ThreadPoolExecutor(16) as senders:
        pending = [senders.submit(target.raw, whole) for _ in range(16)]
        while not all(sender.done() for sender in pending):
            most = max(most, memory(target))
    answers = [read_answers(sender.result())[0] for sender in pending]
    assert {answer.status for answer in answers} <= {500, 503}  # above 2 MiB, or busy
    assert any("GAT_Attachment_Data" in answer.fault for answer in answers)
    assert most - used < 4 * GROWTH
