"""NTTDM documents through the native service."""

from __future__ import annotations

import pytest
from lxml import etree

from app.core.rules.errors import Invalid
from tests.soap_service.native.client import LINK, Native, number_of, refused

NS = "{urn:ietf:params:xml:ns:nttdm-1.0}"


def document(**fields: str) -> str:
    usual = {
        "PARTNER_ID": "GRNET",
        "ORIGINAL_ID": "1",
        "TT_ID": "GRNET_1",
        "TT_TITLE": "Link failure",
        "TT_STATUS": "Opened",
        "TT_OPEN_DATETIME": "2013-03-06T10:00:00Z",
    }
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in (usual | fields).items())
    return f"<NTTDM-Document><Ticket>{inner}</Ticket></NTTDM-Document>"


def test_a_document_opens_one_ticket_ever(native: Native) -> None:
    sent = document(
        ORIGINAL_ID="twice",
        TT_TYPE="Operational",
        TYPE="Unscheduled",
        TT_IMPACT_ASSESSMENT="No connectivity",
        NETWORK_LINK_CIRCUIT=LINK,
        HISTORY="2013-03-06 seen",
    )
    made = native.call("CreateTicketNttdm", nttdm=sent, author="NOC of GRNET")
    assert made["created"] is True
    again = native.call("CreateTicketNttdm", nttdm=sent, author="somebody else")
    assert again == {"number": made["number"], "created": False}
    ticket = native.get(made["number"])
    assert (ticket["title"], ticket["state"], ticket["impact"]) == ("Link failure", "new", "outage")
    assert [item["name"] for item in ticket["links"]] == [LINK]
    assert ticket["origin"]["id"] == "twice"
    (entry,) = ticket["diary"]
    assert (entry["author"], entry["text"]) == ("NOC of GRNET", "2013-03-06 seen")
    # other content is kept for an operator, and overwrites nothing
    other = native.call("CreateTicketNttdm", nttdm=sent.replace("failure", "is up"))
    assert other["number"] == made["number"]
    now = native.get(made["number"])
    assert now["title"] == "Link failure"
    told = now["diary"][-1]
    assert told["internal"]
    assert "TT_TITLE: Link is up" in told["text"]
    assert "HISTORY" not in told["text"]


def test_a_ticket_comes_out_as_a_document_that_opens_it_elsewhere(native: Native) -> None:
    number = native.create(title="Fibre <cut>", links=[LINK], publicComment="Seen")
    native.call("CommentTicket", number=number, text="secret", internal=True)
    answer: str = native.call("GetTicketNttdm", number=number)
    assert "secret" not in answer
    (ticket,) = etree.fromstring(answer.encode())
    assert ticket.findtext(f"{NS}TT_TITLE") == "Fibre <cut>"
    assert ticket.findtext(f"{NS}TT_ID") == str(number)
    # of another partner it is another ticket
    copy = native.call("CreateTicketNttdm", user="other", nttdm=answer)
    assert copy["created"] is True
    found = native.get(copy["number"], user="other")
    assert (found["title"], found["origin"]["id"]) == ("Fibre <cut>", str(number))
    assert [item["name"] for item in found["links"]] == [LINK]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'x'>]><a/>", "document type declaration"),
        ("never-repeated", "not well-formed"),
        ("<never-repeated/>", "it holds no ticket"),
        (document(TT_STATUS="never-repeated"), "TT_STATUS: one of new"),
        (document(TT_STATUS="Solved"), "A ticket that has ended is not opened"),
        (document() * 2, "not well-formed"),
        (document(TT_OPEN_DATETIME="never-repeated"), "TT_OPEN_DATETIME"),
        (document(ORIGINAL_ID="x", NETWORK_LINK_CIRCUIT="never-repeated"), "link"),
    ],
)
def test_what_is_no_open_ticket_is_refused_and_never_repeated(
    native: Native, sent: str, told: str
) -> None:
    before = native.wire.count()
    fault = refused(native.call, "CreateTicketNttdm", nttdm=sent)
    assert number_of(fault) == Invalid.number
    assert told in fault.message
    assert "never-repeated" not in fault.message
    assert native.wire.count() == before
