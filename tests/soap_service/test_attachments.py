"""The service GGUS_ATTACH over a real socket: four operations, hostile files, limits."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.core.rules.access import SYSTEM
from app.tickets.services.lifecycle import find_ticket
from tests.soap_service.wire import (
    Answer,
    Wire,
    elements,
    envelope,
)

SERVICE = "GGUS_ATTACH"
LOG = "12:00 loss of signal, Genève\n".encode()
MIB = 1024 * 1024
UTC_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sent(number: str, **more: str) -> Mapping[str, str]:
    """What AddAttachment needs; ``more`` replaces the elements of these endings."""
    values = {
        "Attachment_Name": "line.log",
        "Attachment_Data": encoded(LOG),
        "Attachment_Orig_Size": str(len(LOG)),
        "Request_ID": number,
        "Last_Modifier": "noc-demo (via test)",
        "Last_Login": "noc-demo",
    }
    return {f"GAT_{name}": text for name, text in {**values, **more}.items()}


def add(wire: Wire, number: str, user: str = "opn", **more: str) -> Answer:
    return wire.call("AddAttachment", sent(number, **more), service=SERVICE, user=user)


def ask(wire: Wire, operation: str, values: Mapping[str, str], user: str = "opn") -> Answer:
    return wire.call(operation, values, service=SERVICE, user=user)


def one(wire: Wire, key: str, user: str = "opn") -> Answer:
    return ask(wire, "GetOneAttachment", {"GAT_Attachment_ID": key}, user)


def kept(wire: Wire, key: str) -> bytes:
    """The bytes of an attachment as they are answered."""
    return base64.b64decode(one(wire, key).values["GAT_Attachment_attachmentData"])


def test_what_is_added_is_listed_and_read(wire: Wire) -> None:
    number = wire.create()
    answer = add(wire, number)
    assert list(answer.values) == ["GAT_Attachment_ID"]
    key = answer.values["GAT_Attachment_ID"]
    assert re.fullmatch(r"ATT[1-9]\d*", key)
    second = add(wire, number, Attachment_Name="b").values["GAT_Attachment_ID"]

    rows = ask(wire, "GetAttachIDs", {"GAT_Request_ID": number}).rows
    assert [row["GAT_Attachment-ID"] for row in rows] == [key, second]
    assert list(rows[0]) == [
        "GAT_Attachment-ID",
        "GAT_Create_Date",
        "GAT_Last_Modifier",
        "GAT_Origin_SG",
        "GAT_Attachment_attachmentName",
    ]
    assert re.fullmatch(UTC_TIME, rows[0]["GAT_Create_Date"])
    assert rows[0]["GAT_Last_Modifier"] == "noc-demo (via test)"
    assert rows[0]["GAT_Origin_SG"] == "OPN"

    first, _ = ask(wire, "GetAttachments", {"GAT_Request_ID": number}).rows
    assert list(first.items()) == [
        ("GAT_Last_Modifier", "noc-demo (via test)"),
        ("GAT_Attachment_ID", key),
        ("GAT_Attachment_Orig_Size", str(len(LOG))),
        ("GAT_Attachment_Data", encoded(LOG)),
        ("GAT_Attachment_Name", "line.log"),
    ]
    got = one(wire, key).values
    assert list(got.items()) == [
        ("GAT_Create_Date", rows[0]["GAT_Create_Date"]),
        ("GAT_Request-ID", number),
        ("GAT_Origin_SG", "OPN"),
        ("GAT_Attachment_attachmentName", "line.log"),
        ("GAT_Attachment_attachmentData", encoded(LOG)),
        ("GAT_Attachment_attachmentOrigSize", str(len(LOG))),
    ]


def test_an_attachment_changes_its_ticket_and_a_final_one_takes_it(wire: Wire) -> None:
    number = wire.create({"GHD_Status": "new"})
    before = wire.get(number)["GHD_Date_Of_Change"]
    add(wire, number)
    assert wire.get(number)["GHD_Date_Of_Change"] > before


def test_lists_are_paged_and_an_empty_one_is_no_such_entry(sqlite_wire: Wire) -> None:
    number = sqlite_wire.create()
    for operation in ("GetAttachIDs", "GetAttachments"):
        assert ask(sqlite_wire, operation, {"GAT_Request_ID": number}).fault.startswith(
            "ERROR (302)"
        )
    keys = [
        add(sqlite_wire, number, Attachment_Name=f"{n}").values["GAT_Attachment_ID"]
        for n in range(52)
    ]

    def listed(operation: str, start: str, limit: str) -> Answer:
        paging = {"startRecord": start, "maxLimit": limit}
        ticket = {"GAT_Request_ID": number}
        both = {**paging, **ticket} if operation == "GetAttachIDs" else {**ticket, **paging}
        return ask(sqlite_wire, operation, both)

    for operation, name in (
        ("GetAttachIDs", "GAT_Attachment-ID"),
        ("GetAttachments", "GAT_Attachment_ID"),
    ):
        for start, limit, wanted in (
            ("", "", keys[:50]),
            ("50", "", keys[50:]),
            ("3", "2", keys[3:5]),
            ("0", "-1", keys),
        ):
            rows = listed(operation, start, limit).rows
            assert [row[name] for row in rows] == wanted
        assert listed(operation, "52", "").fault.startswith("ERROR (302)")
        for start, limit in (("x", ""), ("", "0"), ("-1", "")):
            assert listed(operation, start, limit).fault.startswith("ERROR (310)")


def test_rights_are_those_on_the_ticket(sqlite_wire: Wire) -> None:
    foreign = sqlite_wire.create()
    key = add(sqlite_wire, foreign).values["GAT_Attachment_ID"]
    unknown = {"GAT_Request_ID": "999999"}
    for answer in (
        add(sqlite_wire, foreign, user="other"),
        add(sqlite_wire, "999999"),
        add(sqlite_wire, "x"),
        one(sqlite_wire, key, user="other"),
        one(sqlite_wire, "ATT999999"),
        one(sqlite_wire, key.removeprefix("ATT")),
        one(sqlite_wire, ""),
        ask(sqlite_wire, "GetAttachIDs", {"GAT_Request_ID": foreign}, user="other"),
        ask(sqlite_wire, "GetAttachments", unknown),
    ):
        assert answer.fault == "ERROR (302): Entry does not exist in database; "
    assert add(sqlite_wire, foreign, user="reader").fault.startswith("ERROR (330)")
    assert one(sqlite_wire, key, user="reader").status == 200
    assert one(sqlite_wire, f" {key}\n").status == 200


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\trace.txt", "trace.txt"),
        ("trace.txt\n", "trace.txt"),
        (" \r\n\t", "attachment"),
        ("", "attachment"),
        (".htaccess", "_htaccess"),
        ("\u202egnp.exe", "gnp.exe"),
        ("a\"b';<i>&.txt", "a\"b';<i>&.txt"),
        ("図 Genève.txt", "図 Genève.txt"),
    ],
)
def test_a23_names_are_cleaned(sqlite_wire: Wire, name: str, cleaned: str) -> None:
    key = add(sqlite_wire, sqlite_wire.create(), Attachment_Name=name).values["GAT_Attachment_ID"]
    assert one(sqlite_wire, key).values["GAT_Attachment_attachmentName"] == cleaned


EICAR = b"".join(
    (b"X5O!P%@AP[4\\PZX54(P^)7CC)7}", b"$EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE!$H+H*")
)


@pytest.mark.parametrize(
    "content",
    [
        EICAR,
        b"<html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
        bytes(range(256)),
        b"\x00",
        b"test",
    ],
)
@pytest.mark.parametrize("declared", ["1", "0", "-1", "2147483647"])
def test_a23_content_stays_the_bytes_that_were_sent_whatever_size_is_declared(
    sqlite_wire: Wire, content: bytes, declared: str
) -> None:
    answer = add(
        sqlite_wire,
        sqlite_wire.create(),
        Attachment_Data=encoded(content),
        Attachment_Orig_Size=declared,
    )
    key = answer.values["GAT_Attachment_ID"]
    assert kept(sqlite_wire, key) == content
    assert one(sqlite_wire, key).values["GAT_Attachment_attachmentOrigSize"] == str(len(content))


def test_a23_a_double_encoding_is_undone(sqlite_wire: Wire) -> None:
    number = sqlite_wire.create()
    inner = encoded(LOG * 3)
    for declared in (len(LOG * 3), len(inner), 0):
        answer = add(
            sqlite_wire,
            number,
            Attachment_Data=encoded(inner.encode()),
            Attachment_Orig_Size=str(declared),
        )
        assert kept(sqlite_wire, answer.values["GAT_Attachment_ID"]) == LOG * 3


@pytest.mark.parametrize(
    "data",
    [
        "_-8=",
        "abc",
        "YQ",
        "YQ=",
        "YQ==YQ==",
        "====",
        "Y=Q=",
        "YQ==!",
        "!!!!",
        "Y\u00a0Q==",
        "YQ\u0661=",
        "&#160;YQ==",
    ],
)
def test_what_is_no_base64_is_a_fault_that_names_the_element(sqlite_wire: Wire, data: str) -> None:
    number = sqlite_wire.create()
    inner = elements(sent(number)).replace(encoded(LOG), data)
    answer = sqlite_wire.post(envelope("AddAttachment", inner, service=SERVICE), service=SERVICE)
    assert answer.fault.startswith("ERROR (310): GAT_Attachment_Data is not base64")
    assert sqlite_wire.get(number)["GHD_Status"] == "new"
    assert ask(sqlite_wire, "GetAttachIDs", {"GAT_Request_ID": number}).status == 500


def test_elements_and_references_inside_the_data_are_refused(sqlite_wire: Wire) -> None:
    number = sqlite_wire.create()
    xop = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:a"/>'
    for inside in (xop, f"YQ==<n:b/>{encoded(LOG)}"):
        inner = elements(sent(number)).replace(encoded(LOG), inside)
        answer = sqlite_wire.post(
            envelope("AddAttachment", inner, service=SERVICE), service=SERVICE
        )
        assert answer.fault.startswith("ERROR (356): GAT_Attachment_Data")
    referred = elements(sent(number)).replace(f">{encoded(LOG)}<", ' href="cid:a"><', 1)
    answer = sqlite_wire.post(envelope("AddAttachment", referred, service=SERVICE), service=SERVICE)
    assert answer.fault.startswith("ERROR (356)")
    text = envelope("AddAttachment", elements(sent(number)), service=SERVICE)
    multipart = (
        f'--b\r\nContent-Type: application/xop+xml; charset=UTF-8; type="text/xml"\r\n\r\n{text}'
        "\r\n--b\r\nContent-ID: <a>\r\n\r\nx\r\n--b--\r\n"
    )
    answer = sqlite_wire.post(
        multipart,
        service=SERVICE,
        headers={"Content-Type": 'multipart/related; boundary=b; type="application/xop+xml"'},
    )
    assert answer.status == 415


def test_blanks_and_line_ends_in_base64_are_ignored(sqlite_wire: Wire) -> None:
    data = base64.encodebytes(LOG * 9).decode().replace("\n", " \r\n\t")
    answer = add(sqlite_wire, sqlite_wire.create(), Attachment_Data=data)
    assert kept(sqlite_wire, answer.values["GAT_Attachment_ID"]) == LOG * 9


@pytest.mark.parametrize("size", ["", "x", "1.5", "2147483648", "1e3", "0x10", "\u0661"])
def test_a_size_that_is_no_number_is_a_fault_that_names_the_element(
    sqlite_wire: Wire, size: str
) -> None:
    answer = add(sqlite_wire, sqlite_wire.create(), Attachment_Orig_Size=size)
    assert answer.fault.startswith("ERROR (310): GAT_Attachment_Orig_Size")


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("Attachment_Data", ""),
        ("Attachment_Data", encoded(bytes(2 * MIB + 1))),
        ("Attachment_Name", "q" * 256),
        ("Last_Modifier", "q" * 256),
        ("Last_Login", "q" * 256),
    ],
)
def test_what_may_not_be_kept_is_a_fault_that_names_the_element(
    sqlite_wire: Wire, element: str, value: str
) -> None:
    number = sqlite_wire.create()
    fault = add(sqlite_wire, number, **{element: value}).fault
    assert fault.startswith("ERROR (310)")
    assert f"GAT_{element}" in fault
    assert "qq" not in fault
    assert ask(sqlite_wire, "GetAttachIDs", {"GAT_Request_ID": number}).status == 500


def test_two_mebibytes_travel_even_doubly_encoded(wire: Wire) -> None:
    number = wire.create()
    content = bytes(range(256)) * (2 * MIB // 256)
    twice = encoded(encoded(content).encode())
    for data in (encoded(content), twice):
        key = add(wire, number, Attachment_Data=data).values["GAT_Attachment_ID"]
        assert kept(wire, key) == content


@pytest.mark.parametrize(
    "path", ["/soap/{}", "/arsys/services/ARService?server=ggus&webService={}"]
)
def test_only_attachments_have_the_larger_limit(sqlite_wire: Wire, path: str) -> None:
    four = b" " * (4 * MIB)
    for service, limit, said in (
        ("GGUS_ATTACH", 4 * MIB, "4 MiB"),
        ("GGUS", 256 * 1024, "256 kB"),
        ("GGUS_HISTORY", 256 * 1024, "256 kB"),
        ("NO", 256 * 1024, "256 kB"),
    ):
        target = path.format(service)
        too_large = sqlite_wire.post(four[:limit] + b" ", path=target)
        assert too_large.status == 413
        assert said in too_large.fault
        assert sqlite_wire.post(four[:limit], path=target).status in (404, 500)
    both = f"{path.format('GGUS')}&webService=GGUS_ATTACH"
    assert sqlite_wire.post(four, path=both).status == 413


def test_an_answer_of_more_than_8_mebibytes_says_how_to_page(sqlite_wire: Wire) -> None:
    number = sqlite_wire.create()
    for turn in range(5):
        data = encoded(bytes(2 * MIB))
        add(sqlite_wire, number, Attachment_Name=f"{turn}", Attachment_Data=data)
    ticket = {"GAT_Request_ID": number}
    fault = ask(sqlite_wire, "GetAttachments", ticket).fault
    assert fault.startswith("ERROR (313)")
    assert "startRecord" in fault
    assert "GetOneAttachment" in fault
    assert len(ask(sqlite_wire, "GetAttachIDs", ticket).rows) == 5
    page = ask(sqlite_wire, "GetAttachments", {**ticket, "maxLimit": "4"})
    assert [len(row["GAT_Attachment_Data"]) for row in page.rows] == [2796204] * 4
    rest = ask(sqlite_wire, "GetAttachments", {**ticket, "startRecord": "4"})
    assert len(rest.rows) == 1


def test_twenty_at_once_are_twenty(wire: Wire) -> None:
    number = wire.create()

    def one_more(turn: int) -> str:
        return add(wire, number, Attachment_Name=f"{turn}").values["GAT_Attachment_ID"]

    with ThreadPoolExecutor(20) as senders:
        keys = set(senders.map(one_more, range(20)))
    assert len(keys) == 20
    rows = ask(wire, "GetAttachIDs", {"GAT_Request_ID": number}).rows
    assert [row["GAT_Attachment-ID"] for row in rows] == sorted(keys, key=lambda key: int(key[3:]))
    assert len({row["GAT_Create_Date"] for row in rows}) == 20


def test_r1_twenty_of_the_same_at_once_are_one(wire: Wire) -> None:
    number = wire.create()
    with ThreadPoolExecutor(20) as senders:
        keys = set(senders.map(lambda _: add(wire, number).values["GAT_Attachment_ID"], range(20)))
    (row,) = ask(wire, "GetAttachIDs", {"GAT_Request_ID": number}).rows
    assert {row["GAT_Attachment-ID"]} == keys
    assert repeats_of(wire, number) == 19
    other_account = add(wire, number, user="opn-internal").values["GAT_Attachment_ID"]
    assert other_account not in keys
    assert repeats_of(wire, number) == 19


def repeats_of(wire: Wire, number: str) -> int:
    """How often something was sent to the ticket that it holds already."""
    with wire.server.session() as session:
        return find_ticket(session, SYSTEM, int(number)).repeats
