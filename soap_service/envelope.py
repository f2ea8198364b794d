"""Reads one SOAP 1.1 envelope, and refuses whatever is not exactly a request of the contract.

A first pass with a streaming parser enforces the bounds before any tree is built: no document type
declaration, UTF-8 only, limited depth, elements, attributes and names. The second pass builds the
tree with an explicit parser that resolves nothing and fetches nothing, and compares it with the
field table. What comes out holds only known elements in their order, without attributes, so that
nothing behind it has to be careful. It must not know HTTP, accounts or the database.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from app.core.rules.errors import AuthenticationFailed
from app.core.rules.guarded_xml import XmlBounds, XmlProblem, XmlRefused, scan_xml
from soap_service.faults import (
    ACTION,
    ELEMENT,
    ENVELOPE,
    NOT_UNDERSTOOD,
    NOT_XML,
    OPERATION,
    SOAP_NS,
    VERSION,
    FaultCode,
    SoapFault,
)
from soap_service.fields import (
    AUTHENTICATION,
    CREDENTIALS,
    ENUMERATIONS,
    Element,
    Operation,
    Service,
    WireType,
)

_BOUNDS: Final = XmlBounds(depth=32, elements=500)

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSI_NIL: Final = f"{{{_XSI}}}nil"
_TOLERATED: Final = frozenset(
    {
        f"{{{_XSI}}}type",
        XSI_NIL,
        f"{{{_XSI}}}schemaLocation",
        f"{{{_XSI}}}noNamespaceSchemaLocation",
        f"{{{SOAP_NS}}}encodingStyle",
        "{http://www.w3.org/XML/1998/namespace}lang",
        "{http://www.w3.org/XML/1998/namespace}space",
    }
)
"""Attributes that client stacks put on the elements of a request and that change nothing."""
_NEXT_ACTOR: Final = "http://schemas.xmlsoap.org/soap/actor/next"
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Request:
    """A request that is in form: who says to ask (not yet verified), and what is requested."""

    operation: Operation
    user: str
    password: str = field(repr=False)
    envelope: etree._Element = field(repr=False)
    """The cleaned tree: envelope, body, operation, and its known elements."""

    @property
    def content(self) -> tuple[tuple[str, str | None], ...]:
        """The operation and all its elements with their texts: what makes two calls the same."""
        return tuple((str(item.tag), item.text) for item in self.envelope[-1].iter())

    def values(self) -> dict[str, str]:
        """The operation's elements by name."""
        return {etree.QName(item).localname: item.text or "" for item in self.envelope[-1][0]}


def read_request(service: Service, body: bytes, action: str | None) -> Request:
    """Read a request's body; ``action`` is the SOAPAction header as it came, None if absent.

    Raises ``SoapFault``, or ``AuthenticationFailed`` if there is not exactly one complete header
    with credentials. A fault of the operation carries the login that the caller claims.
    """
    names = [item.name for item in service.operations]
    opened = open_envelope(service.namespace, names, body, action)
    operation = service.operation(opened.operation)
    assert operation is not None
    with opened.claimed():
        _check_elements(service, operation, opened.content)
    user, password = opened.take_credentials()
    return Request(operation, user, password, opened.envelope)


@dataclass(frozen=True)
class Opened:
    """An envelope in form whose operation exists; what the operation holds is not checked yet."""

    namespace: str
    operation: str
    envelope: etree._Element
    header: etree._Element | None
    content: etree._Element

    def claimed(self) -> AbstractContextManager[None]:
        """Around what checks the operation's elements: its faults carry who claims to ask."""
        return _claimed(self.namespace, (self.operation,), self.header, self.content)

    def take_credentials(self) -> tuple[str, str]:
        """Name and password out of the header, which is taken off; ``AuthenticationFailed``."""
        found = _credentials(self.header, self.namespace)
        if self.header is not None:
            self.envelope.remove(self.header)
        return found


def open_envelope(
    namespace: str, operations: Sequence[str], body: bytes, action: str | None
) -> Opened:
    """Enforce every bound on a request of the service with this namespace and these operations.

    Raises ``SoapFault``.
    """
    text = body.removeprefix(b"\xef\xbb\xbf")
    _scan(text)
    envelope = _tree(text)
    header, content = _parts(envelope)
    with _claimed(namespace, operations, header, content):
        operation = _operation(namespace, operations, content)
        _check_action(f"{namespace}/{operation}", action)
        _check_headers(header, namespace)
    return Opened(namespace, operation, envelope, header, content)


# --- first pass: bounds ---------------------------------------------------------------------------


def _scan(text: bytes) -> None:
    try:
        scan_xml(text, _BOUNDS)
    except XmlRefused as refused:
        raise SoapFault(NOT_XML, *_REFUSALS[refused.problem]) from None


_NOT_WELL_FORMED: Final = (
    "The request is not well-formed XML 1.0 in UTF-8",
    "send a SOAP 1.1 envelope, without control characters",
)
_REFUSALS: Final = {
    XmlProblem.DECLARATION: ("The XML declaration is not accepted", "send XML 1.0 in UTF-8"),
    XmlProblem.DOCTYPE: (
        "A document type declaration is not accepted",
        "send the envelope only",
    ),
    XmlProblem.TOO_LARGE: (
        "The XML is larger than any request of the contract",
        f"at most {_BOUNDS.depth} levels, {_BOUNDS.elements} elements, {_BOUNDS.attributes}"
        f" attributes each and {_BOUNDS.name} characters in a name",
    ),
    XmlProblem.MALFORMED: _NOT_WELL_FORMED,
}
"""What is wrong with a document, and what is allowed."""


def _tree(text: bytes) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        return etree.fromstring(text, parser)
    except etree.XMLSyntaxError:  # what the first parser does not see, as colliding namespaces
        raise SoapFault(NOT_XML, *_NOT_WELL_FORMED) from None


# --- second pass: the envelope --------------------------------------------------------------------


def _parts(envelope: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    """The header, if there is one, and the only child of the body."""
    name = etree.QName(envelope)
    if name.localname == "Envelope" and name.namespace != SOAP_NS:
        raise SoapFault(
            VERSION,
            "The envelope is not one of SOAP 1.1",
            f"its namespace is {SOAP_NS}",
            FaultCode.VERSION_MISMATCH,
        )
    tags = [child.tag for child in envelope]
    header, body = f"{{{SOAP_NS}}}Header", f"{{{SOAP_NS}}}Body"
    if (
        name.localname != "Envelope"
        or tags not in ([header, body], [body])
        or has_loose_text(envelope)
    ):
        raise SoapFault(
            ENVELOPE,
            "The request is not one SOAP envelope",
            "an Envelope holds at most one Header and then one Body",
        )
    content = envelope[-1]
    if len(content) != 1 or has_loose_text(content):
        raise SoapFault(
            ENVELOPE, "The Body does not hold exactly one request", "send one operation at a time"
        )
    found = envelope[0] if len(tags) == 2 else None
    if found is not None and has_loose_text(found):
        raise SoapFault(ENVELOPE, "The Header holds text", "it holds elements only")
    return found, content[0]


def has_loose_text(element: etree._Element) -> bool:
    """Whether there is text between the children of an element that has only children."""
    texts = [element.text, *(child.tail for child in element)]
    return any(text is not None and not _BLANK.fullmatch(text) for text in texts)


def _operation(namespace: str, operations: Sequence[str], content: etree._Element) -> str:
    name = etree.QName(content)
    if name.namespace != namespace or name.localname not in operations:
        raise SoapFault(
            OPERATION,
            "The service has no such operation",
            f"in the namespace {namespace} it has {', '.join(operations)}",
        )
    return name.localname


def _check_action(right: str, action: str | None) -> None:
    """What is done is decided by the body; a SOAPAction that says otherwise is refused."""
    if action is None:
        return
    bare = action.strip(" \t")
    if len(bare) >= 2 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1]
    if bare not in ("", right):
        raise SoapFault(
            ACTION,
            "SOAPAction does not name the operation of the Body",
            "leave it empty, or send the one that the WSDL names",
        )


def _check_headers(header: etree._Element | None, namespace: str) -> None:
    for item in header if header is not None else ():
        must = item.get(f"{{{SOAP_NS}}}mustUnderstand", "0").strip()
        if must not in ("0", "1", "true", "false"):
            raise SoapFault(ENVELOPE, "mustUnderstand has no known value", "it is 0 or 1")
        actor = item.get(f"{{{SOAP_NS}}}actor", "")
        known = item.tag == f"{{{namespace}}}{AUTHENTICATION}"
        if must in ("1", "true") and actor in ("", _NEXT_ACTOR) and not known:
            raise SoapFault(
                NOT_UNDERSTOOD,
                "A header that must be understood is not known",
                f"only {AUTHENTICATION} is",
                FaultCode.MUST_UNDERSTAND,
            )


def _credentials(header: etree._Element | None, namespace: str) -> tuple[str, str]:
    """Name and password; whatever is wrong with the header, the answer is the same."""
    tag = f"{{{namespace}}}{AUTHENTICATION}"
    found = [item for item in header if item.tag == tag] if header is not None else []
    if len(found) != 1 or found[0].get(f"{{{SOAP_NS}}}actor", "") not in ("", _NEXT_ACTOR):
        raise AuthenticationFailed
    values: dict[str, str] = {}
    known = {f"{{{namespace}}}{item.name}": item.name for item in CREDENTIALS}
    for child in found[0]:
        name = known.get(str(child.tag))
        if name is None or name in values or len(child) or "href" in child.attrib:
            raise AuthenticationFailed
        values[name] = child.text or ""
    user, password = values.get("userName", ""), values.get("password", "")
    if not user or not password:
        raise AuthenticationFailed
    return user, password


@contextmanager
def _claimed(
    namespace: str,
    operations: Sequence[str],
    header: etree._Element | None,
    content: etree._Element,
) -> Iterator[None]:
    """Give a fault the operation and the login that the request names: nothing is verified yet."""
    try:
        yield
    except SoapFault as fault:
        name = etree.QName(content).localname
        fault.operation = name if name in operations else ""
        with suppress(AuthenticationFailed):
            fault.claimed_login = _credentials(header, namespace)[0]
        raise


# --- second pass: the operation's elements --------------------------------------------------------


def _check_elements(service: Service, operation: Operation, content: etree._Element) -> None:
    """Compare with the field table, and strip what carries no value: attributes and nils."""
    if has_loose_text(content):
        raise SoapFault(ELEMENT, f"{operation.name} holds loose text", "it holds elements only")
    strip_attributes(operation.name, content)
    expected = iter(operation.request.elements)
    given: set[str] = set()
    for child in list(content):
        element = _next(service, operation, child, expected)
        if len(child):
            raise SoapFault(ELEMENT, f"{element.name} holds elements", "it holds text only")
        if strip_attributes(element.name, child):
            if child.text:
                raise SoapFault(ELEMENT, f"{element.name} is nil and has text", "it is one of them")
            content.remove(child)
            continue
        given.add(element.name)
        _check_value(element, child.text or "")
    missing = [
        item.name for item in operation.request.elements if item.required and item.name not in given
    ]
    if missing:
        raise SoapFault(
            ELEMENT, f"{operation.name} lacks {', '.join(missing)}", "these elements are required"
        )


def _next(
    service: Service, operation: Operation, child: etree._Element, expected: Iterator[Element]
) -> Element:
    """The field that ``child`` is, which must come behind the one before."""
    name = etree.QName(child)
    if name.namespace == service.namespace:
        for element in expected:
            if element.name == name.localname:
                return element
        if any(element.name == name.localname for element in operation.request.elements):
            raise SoapFault(
                ELEMENT,
                f"An element of {operation.name} is double or not in its place",
                "send each at most once, in the order of the WSDL",
            )
    allowed = ", ".join(element.name for element in operation.request.elements)
    raise SoapFault(
        ELEMENT,
        f"{operation.name} has an element that it does not know",
        f"in the namespace {service.namespace} it knows {allowed}",
    )


def strip_attributes(name: str, element: etree._Element) -> bool:
    """Take off the attributes that change nothing; True if the element is nil."""
    if not set(element.attrib) <= _TOLERATED:
        raise SoapFault(
            ELEMENT,
            f"{name} has an attribute that is not accepted",
            "values stand in the elements, not in references, arrays or attributes",
        )
    nil = element.get(XSI_NIL, "0").strip()
    if nil not in ("0", "1", "true", "false"):
        raise SoapFault(ELEMENT, f"xsi:nil of {name} has no known value", "it is true or false")
    element.attrib.clear()
    return nil in ("1", "true")


def _check_value(element: Element, text: str) -> None:
    allowed = ENUMERATIONS.get(element.kind)
    if allowed is not None and text and text not in allowed:
        raise SoapFault(
            310, f"{element.name} has no known value", f"allowed are {', '.join(allowed)}"
        )
    if element.kind is WireType.INT and not _is_int(text):
        raise SoapFault(
            310, f"{element.name} is not a whole number", f"allowed are {-_INTS} to {_INTS - 1}"
        )
    if element.kind is WireType.BASE64 and not _is_base64(text):
        raise SoapFault(
            310,
            f"{element.name} is not base64",
            "allowed are A-Z, a-z, 0-9, + and /, padded with = to a multiple of four; blanks and"
            " line ends between them are ignored",
        )


_INT = re.compile(r"[ \t\r\n]*([+-]?[0-9]{1,10})[ \t\r\n]*")
_INTS: Final = 2**31


def _is_int(text: str) -> bool:
    match = _INT.fullmatch(text)
    return match is not None and -_INTS <= int(match[1]) < _INTS


def _is_base64(text: str) -> bool:
    try:
        bare = text.encode("ascii").translate(None, b" \t\r\n")
        binascii.a2b_base64(bare, strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        return False
    return True
