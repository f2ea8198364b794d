"""SOAP faults: how an error becomes the answer that a partner's client reads.

A fault text is ``ERROR (n): what is wrong; what is allowed``. It never repeats a value that was
sent. The numbers of the door itself are here; those of the rules in ``app.core.rules.errors``. It
must not know the database or Spyne.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from lxml import etree

from app.core.rules.errors import Invalid, NotFound, OutcomeUnknown, PortalError, Unavailable

SOAP_NS: Final = "http://schemas.xmlsoap.org/soap/envelope/"
CONTENT_TYPE: Final = "text/xml; charset=utf-8"

NO_SUCH_ENTRY: Final = "ERROR (302): Entry does not exist in database; "
"""Clients compare this text whole, with the blank at its end."""


class FaultCode(StrEnum):
    """The four fault codes of SOAP 1.1."""

    CLIENT = "Client"
    SERVER = "Server"
    VERSION_MISMATCH = "VersionMismatch"
    MUST_UNDERSTAND = "MustUnderstand"


class SoapFault(Exception):
    """A request that is refused with a SOAP fault (HTTP 500)."""

    operation = ""
    """The operation that was requested, if the service has it."""
    claimed_login = ""
    """The login that the caller claims, not verified: for the journal of calls only."""
    detail: etree._Element | None = None
    """What a client can read in the fault besides its text."""

    def __init__(
        self, number: int, what: str, allowed: str, code: FaultCode = FaultCode.CLIENT
    ) -> None:
        super().__init__(what)
        self.number = number
        self.code = code
        self.text = f"ERROR ({number}): {what}; {allowed}"


NOT_XML: Final = 350
"""Not well-formed XML in UTF-8, or XML with parts that are not accepted."""
ENVELOPE: Final = 351
"""Not one SOAP 1.1 envelope with one request."""
VERSION: Final = 352
"""An envelope of another SOAP version."""
NOT_UNDERSTOOD: Final = 353
"""A header that must be understood and is not."""
ACTION: Final = 354
"""SOAPAction does not name the operation of the body."""
OPERATION: Final = 355
"""The service has no such operation."""
ELEMENT: Final = 356
"""An element or attribute that is unknown, misplaced, double or missing."""
INTERNAL: Final = 900
"""An error of the portal; nothing was stored."""


def internal_fault() -> SoapFault:
    """What a partner is notified of an error that is the portal's own."""
    return SoapFault(
        INTERNAL,
        "The portal could not carry out the request and stored nothing",
        "send it again later",
        FaultCode.SERVER,
    )


_ELEMENTS: Final = {
    "title": "GHD_Short_Description",
    "state": "GHD_Status",
    "priority": "GHD_Priority",
    "unit": "GHD_Responsible_Unit",
    "type_of_problem": "GHD_Type_Of_Problem",
    "solution": "GHD_Detailed_Solution",
    "related_issue": "GHD_Related_Issue",
    "carbon_copy": "GHD_CarbonCopy",
    "attachment": "GAT_Attachment_Data",
    "attachment_name": "GAT_Attachment_Name",
}
"""The element to name where a rule speaks of a ticket's field."""


def ggus_element(field: str) -> str:
    """The element of the GGUS contract to name for a ticket's field, "" = none."""
    return _ELEMENTS.get(field, "")


def fault_of(
    error: PortalError,
    element_of: Callable[[str], str] = ggus_element,
    *,
    public_url: str,
) -> SoapFault:
    """The fault for an error of the rules or services, in the element names of a service.

    ``public_url`` is the portal's own: where the rules do not say what is allowed, the fault names
    the page of fault numbers, which everybody may read.
    """
    what, _, allowed = error.message.partition("; ")
    if isinstance(error, Invalid) and (element := element_of(error.field)) not in what:
        what = f"{element}: {what}"
    if isinstance(error, NotFound):
        what, allowed = "Entry does not exist in database", ""
    fault = SoapFault(error.number, what, allowed or f"see {public_url}/guide/faults")
    if isinstance(error, OutcomeUnknown | Unavailable):
        fault.code = FaultCode.SERVER
    if isinstance(error, NotFound):
        fault.code = FaultCode.SERVER
        fault.text = NO_SUCH_ENTRY
    return fault


def fault_body(code: FaultCode, text: str, detail: etree._Element | None = None) -> bytes:
    """The envelope of a fault."""
    envelope = etree.Element(f"{{{SOAP_NS}}}Envelope", nsmap={"soapenv": SOAP_NS})
    body = etree.SubElement(envelope, f"{{{SOAP_NS}}}Body")
    fault = etree.SubElement(body, f"{{{SOAP_NS}}}Fault")
    etree.SubElement(fault, "faultcode").text = f"soapenv:{code}"
    etree.SubElement(fault, "faultstring").text = text
    if code is not FaultCode.MUST_UNDERSTAND:  # there, the fault is in a header
        found = etree.SubElement(fault, "detail")
        if detail is not None:
            found.append(detail)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


_HTTP_TEXTS: Final = {
    HTTPStatus.BAD_REQUEST: "The request is incomplete or malformed; send one whole HTTP request",
    HTTPStatus.NOT_FOUND: "There is no such server or service; its WSDL names the address",
    HTTPStatus.METHOD_NOT_ALLOWED: "SOAP requests are sent with POST; a WSDL is read with GET",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time; send it whole within seconds",
    HTTPStatus.LENGTH_REQUIRED: "The length is missing; send Content-Length, or chunks",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too large; at most {limit} are accepted",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "The content type or encoding is not accepted; send text/xml in UTF-8, not compressed"
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "The header lines are too large; at most 64 kB are accepted"
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: "The portal is busy; send the request again later",
}


def http_refusal(status: HTTPStatus, limit: int, why: str = "") -> bytes:
    """The short fault for a request that is refused before SOAP begins.

    ``limit`` is what a body at that address may have, in bytes; ``why`` says more than the status.
    """
    code = FaultCode.SERVER if status >= HTTPStatus.INTERNAL_SERVER_ERROR else FaultCode.CLIENT
    text = _HTTP_TEXTS.get(status, "The request is refused; see /guide/faults of the portal")
    text = why or text.format(limit=_size(limit))
    return fault_body(code, f"ERROR ({status.value}): {text}")


def _size(limit: int) -> str:
    kilobytes = limit // 1024
    return f"{kilobytes // 1024} MiB" if kilobytes >= 1024 else f"{kilobytes} kB"
