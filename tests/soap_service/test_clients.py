"""The call sequences of the clients that GGUS's partners run, over a socket.

Rows 1 to 5: a production system that asks by position; a script that creates by position with
``faults=False``; one that creates by keyword; a monitor that lists, reads and follows histories;
a Java exchange with compiled stubs, whose envelopes are written by hand. Row 6 encodes its
attachments twice.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from typing import Any

import pytest
import zeep
from suds import WebFault
from suds.client import Client
from zeep.exceptions import Fault

from tests.soap_service.wire import PASSWORD, XSI, Wire, envelope

TRACE = "traceroute to the other end, über Genève\n".encode()
NO_SUCH_ENTRY = "ERROR (302): Entry does not exist in database; "


def ars_wsdl(wire: Wire, service: str = "GGUS") -> str:
    return f"{wire.server.url}/arsys/WSDL/public/ggus/{service}"


def suds_client(wire: Wire, service: str = "GGUS", **options: Any) -> Client:
    client = Client(ars_wsdl(wire, service), cache=None, **options)
    header = client.factory.create("AuthenticationInfo")
    header.userName = "opn"
    header.password = PASSWORD
    client.set_options(soapheaders=header)
    return client


def created(wire: Wire, unit: str, **more: str) -> str:
    return wire.create({"GHD_Responsible_Unit": unit, **more})


def unit_of(wire: Wire, name: str) -> str:
    """A unit that only this test on this database uses."""
    return f"{name}-{hashlib.sha256(wire.server.url.encode()).hexdigest()[:6]}"


def test_row_1_a_query_by_position_and_a_single_row_as_a_list(wire: Wire) -> None:
    site = unit_of(wire, "SITE")
    number = created(wire, "TPM", GHD_Affected_Site=site)
    client = suds_client(wire)
    query = f"'GHD_Affected Site'=\"{site}\" AND 'GHD_Affected VO'=\"none\""
    rows = client.service.TicketGetList(query)
    (row,) = list(rows)
    assert str(row["GHD_Request_ID"]) == number
    assert row["GHD_Status"] == "new"
    assert row["GHD_Short_Description"]
    assert row["GHD_Priority"] == "less urgent"
    assert row["GHD_Affected_Site"] == site
    dated = query + " AND 'GHD_Date Of Creation'>2012-01-01"
    assert len(list(client.service.TicketGetList(dated))) == 1
    with pytest.raises(WebFault, match="302"):
        client.service.TicketGetList(query + " AND 'GHD_Date Of Creation'<2012-01-01")
    with pytest.raises(WebFault, match="312"):
        client.service.TicketGetList("'GHD_Affected VO'={'OK': True, 'Value': 'lhcb'}")
    plain = created(wire, "TPM", GHD_Short_Description=f"no site {site}")
    (row,) = list(client.service.TicketGetList(f"'GHD_Request ID'={plain}"))
    assert not hasattr(row, "GHD_Affected_Site")


def test_row_2_by_position_with_faults_as_results(wire: Wire) -> None:
    client = suds_client(wire, faults=False)
    site = unit_of(wire, "CMS")
    query = (
        f"'GHD_Affected Site'=\"{site}\" AND      'GHD_Short Description'=\"{site} down\""
        " AND 'GHD_Meta Status'=\"Open\""
    )
    status, fault = client.service.TicketGetList(query)
    assert int(status) == 500
    assert "302" in str(fault)
    positional = (
        "2016-09-15", "text", "noc-demo@example.org", "", "noc-demo", "noc-demo", "",
        "urgent", "TPM", f"{site} down", "new", "CMS_Facilities", "noc-demo", "noc-demo",
        "CMSSST", "a@example.org;b@example.org", site, "cms", "", "", "",
    )  # fmt: skip
    assert len(positional) == 21
    status, number = client.service.TicketCreate(*positional)
    assert int(status) == 200
    status, rows = client.service.TicketGetList(query)
    assert int(status) == 200
    assert rows[0]["GHD_Request_ID"] == number
    assert wire.get(str(number))["GHD_E-Mail"] == "noc-demo@example.org"


def test_row_2_types_by_name_with_the_prefix_s0(wire: Wire) -> None:
    client = suds_client(wire)
    for name in ("s0:InputMapping6", "s0:InputMapping7", "s0:AuthenticationInfo"):
        assert client.factory.create(name) is not None


def test_row_3_creation_by_keyword(wire: Wire) -> None:
    client = suds_client(wire)
    number = client.service.TicketCreate(
        GHD_Submitter_Mail="noc-demo@example.org",
        GHD_Short_Description="by keyword",
        GHD_Description="text",
        GHD_Affected_VO="cms",
        GHD_Last_Modifier="noc-demo",
        GHD_Last_Login="noc-demo",
        GHD_Origin_ID="",
        GHD_Origin_SG="CMSSST",
    )
    got = wire.get(str(number))
    assert got["GHD_Short_Description"] == "by keyword"
    assert got["GHD_Origin_SG"] == "OPN"


def test_row_4_a_monitor(wire: Wire) -> None:
    unit = unit_of(wire, "EMI")
    mine = [created(wire, unit) for _ in range(3)]
    client = suds_client(wire)
    rows = client.service.TicketGetList(GHD_Responsible_Unit=unit, GHD_Meta_Status="Open")
    assert [str(row["GHD_Request_ID"]) for row in rows] == mine
    everything = client.service.TicketGetList(
        Qualification=f"'GHD_Meta Status'!=\"Closed\" and ('GHD_Responsible Unit' = \"{unit}\""
        " OR 'GHD_Responsible Unit' = \"B\" )",
        maxLimit="-1",
    )
    assert len(everything) == 3
    ticket = client.service.TicketGet(mine[0])
    assert ticket["GHD_Responsible_Unit"] == unit
    history = suds_client(wire, "GGUS_HISTORY")
    (row,) = list(history.service.OpGetTicketHist(mine[0]))
    assert row["GHD_Last_Modifier"] == "noc-demo (via test)"
    with pytest.raises(WebFault) as caught:
        client.service.TicketGetList(GHD_Responsible_Unit=unit, GHD_Meta_Status="Closed")
    assert caught.value.fault.faultstring == NO_SUCH_ENTRY


def axis(operation: str, inner: str, service: str = "GGUS") -> str:
    """An envelope as Axis2 stubs write it: prefixes on each element, nil for what is unset."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope'
        ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header>'
        f'<ns1:AuthenticationInfo xmlns:ns1="urn:{service}"><ns1:userName>opn</ns1:userName>'
        f"<ns1:password>{PASSWORD}</ns1:password></ns1:AuthenticationInfo></soapenv:Header>"
        f'<soapenv:Body><ns1:{operation} xmlns:ns1="urn:{service}">{inner}</ns1:{operation}>'
        "</soapenv:Body></soapenv:Envelope>"
    )


def test_row_5_compiled_stubs(wire: Wire) -> None:
    def call(operation: str, inner: str, service: str = "GGUS") -> Any:
        action = f'"urn:{service}/{operation}"'
        return wire.post(axis(operation, inner, service), service=service, action=action)

    nil = f'<ns1:{{}} xmlns:xsi="{XSI}" xsi:nil="1"/>'
    creation = (
        "<ns1:GHD_Description>text [Ticket Origin] url [Ticket History] none</ns1:GHD_Description>"
        + nil.format("GHD_E-Mail")
        + nil.format("GHD_Internal_Diary")
        + "<ns1:GHD_Loginname>/DC=example/CN=noc-demo</ns1:GHD_Loginname>"
        "<ns1:GHD_Name>noc-demo</ns1:GHD_Name><ns1:GHD_Origin_ID>479</ns1:GHD_Origin_ID>"
        "<ns1:GHD_Priority>less urgent</ns1:GHD_Priority>"
        "<ns1:GHD_Responsible_Unit>TPM</ns1:GHD_Responsible_Unit>"
        "<ns1:GHD_Short_Description>by stub</ns1:GHD_Short_Description>"
        "<ns1:GHD_Status>new</ns1:GHD_Status>"
        "<ns1:GHD_Last_Modifier>noc-demo (via Footprints)</ns1:GHD_Last_Modifier>"
        "<ns1:GHD_Last_Login>noc-demo</ns1:GHD_Last_Login>"
        "<ns1:GHD_Origin_SG>reverse-assignee</ns1:GHD_Origin_SG>"
        "<ns1:GHD_Affected_VO>none</ns1:GHD_Affected_VO><ns1:GHD_Phone>1</ns1:GHD_Phone>"
    )
    answer = call("OpCreate", creation)
    assert list(answer.values) == ["GHD_Request_ID"]
    number = f"<ns1:GHD_Request_ID>{answer.values['GHD_Request_ID']}</ns1:GHD_Request_ID>"
    got = call("TicketGet", number).values
    assert got["GHD_Date_Of_Change"]
    assert got["GHD_Date_Of_Creation"]
    change = (
        f"{number}<ns1:GHD_Last_Modifier>noc-demo</ns1:GHD_Last_Modifier>"
        "<ns1:GHD_Last_Login>noc-demo</ns1:GHD_Last_Login>"
        "<ns1:GHD_Public_Diary>from there</ns1:GHD_Public_Diary>"
        "<ns1:GHD_Target_ID>479</ns1:GHD_Target_ID>"
    )
    assert call("TicketModify", change).status == 200
    later = call("TicketGet", number).values
    assert later["GHD_Date_Of_Change"] > got["GHD_Date_Of_Change"]
    paging = "<ns1:startRecord></ns1:startRecord><ns1:maxLimit></ns1:maxLimit>"
    rows = call("OpGetTicketHist", number + paging, "GGUS_HISTORY").rows
    assert len(rows) == 2
    unknown = "<ns1:GHD_Request_ID>999999999</ns1:GHD_Request_ID>"
    assert call("TicketGet", unknown).fault == NO_SUCH_ENTRY

    ticket = number.replace("GHD_", "GAT_")
    paging = paging.replace("<ns1:maxLimit></ns1:maxLimit>", "<ns1:maxLimit>50</ns1:maxLimit>")
    assert call("GetAttachIDs", paging + ticket, "GGUS_ATTACH").fault == NO_SUCH_ENTRY
    addition = (
        "<ns1:GAT_Attachment_Name>trace.txt</ns1:GAT_Attachment_Name>"
        f"<ns1:GAT_Attachment_Data>{b64encode(TRACE).decode()}</ns1:GAT_Attachment_Data>"
        f"<ns1:GAT_Attachment_Orig_Size>{len(TRACE)}</ns1:GAT_Attachment_Orig_Size>{ticket}"
        "<ns1:GAT_Last_Modifier>noc-demo (via Footprints)</ns1:GAT_Last_Modifier>"
        "<ns1:GAT_Last_Login>noc-demo</ns1:GAT_Last_Login>"
    )
    added = call("AddAttachment", addition, "GGUS_ATTACH").values
    assert list(added) == ["GAT_Attachment_ID"]
    (row,) = call("GetAttachIDs", paging + ticket, "GGUS_ATTACH").rows
    assert row["GAT_Attachment-ID"] == added["GAT_Attachment_ID"]
    one = f"<ns1:GAT_Attachment_ID>{row['GAT_Attachment-ID']}</ns1:GAT_Attachment_ID>"
    found = call("GetOneAttachment", one, "GGUS_ATTACH").values
    assert found["GAT_Attachment_attachmentName"] == "trace.txt"
    assert b64decode(found["GAT_Attachment_attachmentData"]) == TRACE


def test_row_6_a_portal_that_encodes_before_its_stack_does(wire: Wire) -> None:
    client = suds_client(wire, "GGUS_ATTACH")
    number = created(wire, "TPM")
    inner = b64encode(TRACE * 9)
    key = client.service.AddAttachment(
        "trace.txt", b64encode(inner).decode(), len(inner), number, "noc-demo", "noc-demo"
    )
    one = client.service.GetOneAttachment(key)
    assert b64decode(one["GAT_Attachment_attachmentData"]) == TRACE * 9
    assert int(one["GAT_Attachment_attachmentOrigSize"]) == len(TRACE) * 9


def test_suds_attaches_lists_and_reads(wire: Wire) -> None:
    client = suds_client(wire, "GGUS_ATTACH")
    number = created(wire, "TPM")
    with pytest.raises(WebFault) as caught:
        client.service.GetAttachIDs(GAT_Request_ID=number)
    assert caught.value.fault.faultstring == NO_SUCH_ENTRY
    data = b64encode(TRACE).decode()
    key = client.service.AddAttachment(
        "trace.txt", data, len(TRACE), number, "noc-demo", "noc-demo"
    )
    (row,) = list(client.service.GetAttachIDs(GAT_Request_ID=number))
    assert row["GAT_Attachment-ID"] == key
    (whole,) = list(client.service.GetAttachments(number))
    assert whole["GAT_Attachment_Data"] == data
    assert client.service.GetOneAttachment(key)["GAT_Attachment_attachmentData"] == data


@pytest.mark.parametrize("address", ["ars", "plain"])
def test_zeep_attaches_lists_and_reads(wire: Wire, address: str) -> None:
    url = f"{wire.server.url}/soap/GGUS_ATTACH?wsdl"
    with zeep.Client(  # type: ignore[no-untyped-call]
        ars_wsdl(wire, "GGUS_ATTACH") if address == "ars" else url
    ) as client:
        header = {"AuthenticationInfo": {"userName": "opn", "password": PASSWORD}}
        number = created(wire, "TPM")
        key = client.service.AddAttachment(
            GAT_Attachment_Name="trace.txt",
            GAT_Attachment_Data=TRACE,
            GAT_Attachment_Orig_Size=len(TRACE),
            GAT_Request_ID=number,
            GAT_Last_Modifier="noc-demo",
            GAT_Last_Login="noc-demo",
            _soapheaders=header,
        )
        ask = {"GAT_Request_ID": number, "_soapheaders": header}
        (row,) = client.service.GetAttachIDs(**ask)
        assert row["GAT_Attachment-ID"] == key
        (whole,) = client.service.GetAttachments(**ask)
        assert (whole["GAT_Attachment_Data"], whole["GAT_Attachment_Orig_Size"]) == (
            TRACE,
            len(TRACE),
        )
        one = client.service.GetOneAttachment(GAT_Attachment_ID=key, _soapheaders=header)
        assert one["GAT_Attachment_attachmentData"] == TRACE
        assert one["GAT_Create_Date"].utcoffset() is not None
        assert one["GAT_Origin_SG"] == "OPN"


@pytest.mark.parametrize("address", ["ars", "plain"])
def test_zeep_creates_reads_changes_and_lists(wire: Wire, address: str) -> None:
    url = ars_wsdl(wire) if address == "ars" else f"{wire.server.url}/soap/GGUS?wsdl"
    with zeep.Client(url) as client:  # type: ignore[no-untyped-call]
        header = {"AuthenticationInfo": {"userName": "opn", "password": PASSWORD}}
        unit = unit_of(wire, f"Z-{address}")
        number = client.service.OpCreate(
            GHD_Short_Description="by zeep",
            GHD_Last_Modifier="noc-demo",
            GHD_Last_Login="noc-demo",
            GHD_Responsible_Unit=unit,
            _soapheaders=header,
        )
        got = client.service.TicketGet(GHD_Request_ID=number, _soapheaders=header)
        assert got["GHD_Short_Description"] == "by zeep"
        assert got["GHD_Date_Of_Change"].utcoffset() is not None
        client.service.TicketModify(
            GHD_Request_ID=number,
            GHD_Status="in progress",
            GHD_Last_Modifier="noc-demo",
            GHD_Last_Login="noc-demo",
            _soapheaders=header,
        )
        rows = client.service.TicketGetList(GHD_Responsible_Unit=unit, _soapheaders=header)
        assert [row["GHD_Status"] for row in rows] == ["in progress"]
        with pytest.raises(Fault) as caught:
            client.service.TicketGet(GHD_Request_ID="999999", _soapheaders=header)
        assert caught.value.message == NO_SUCH_ENTRY
        with pytest.raises(Fault, match="623"):
            client.service.TicketGet(GHD_Request_ID=number)


def test_http_1_0_keep_alive_chunks_and_close(sqlite_wire: Wire) -> None:
    number = sqlite_wire.create()
    body = envelope("TicketGet", f"<n:GHD_Request_ID>{number}</n:GHD_Request_ID>").encode()
    common = "Host: localhost\r\nContent-Type: text/xml; charset=utf-8\r\n"
    length = f"Content-Length: {len(body)}\r\n"
    old = f"POST /soap/GGUS HTTP/1.0\r\n{common}{length}\r\n".encode() + body
    assert b" 200 " in sqlite_wire.raw(old).split(b"\r\n")[0]
    chunks = b"".join(
        f"{len(body[i : i + 100]):x}\r\n".encode() + body[i : i + 100] + b"\r\n"
        for i in range(0, len(body), 100)
    )
    close = "Connection: close\r\n"
    chunked = f"POST /soap/GGUS HTTP/1.1\r\n{common}Transfer-Encoding: chunked\r\n{close}\r\n"
    answer = sqlite_wire.raw(chunked.encode() + chunks + b"0\r\n\r\n")
    assert b" 200 " in answer.split(b"\r\n")[0]
    assert b"connection: close" in answer.lower()
    one = f"POST /soap/GGUS HTTP/1.1\r\n{common}{length}".encode()
    two = sqlite_wire.raw(one + b"\r\n" + body + one + close.encode() + b"\r\n" + body)
    assert two.count(b"HTTP/1.1 200 ") == 2
    typed = body.replace(b"<n:GHD_Request_ID>", b'<n:GHD_Request_ID xsi:type="xsd:string">')
    styled = typed.replace(b"<e:Body>", b'<e:Body e:encodingStyle="urn:x">')
    assert sqlite_wire.post(styled).status == 200
