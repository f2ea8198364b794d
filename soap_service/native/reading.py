"""Reads a request of the native service and refuses what its WSDL does not allow.

The guard's bounds come first; then the operation's element is compared with the schema that the
WSDL holds, so that nothing behind it meets a value, an order or an element that the WSDL does not
name. A fault names elements and types of the WSDL, never what was sent.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from soap_service.envelope import XSI_NIL, has_loose_text, open_envelope, strip_attributes
from soap_service.faults import ELEMENT, SoapFault
from soap_service.native.operations import Operation

BAD_VALUE: Final = 310

# All but the first stand at a message's end, where nothing that was sent can stand.
_ABOUT = re.compile(r"Element '(?:\{[^}]*\})?([^']*)'")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( ([^()]*) \)\.?$")
_ALLOWED = re.compile(r".* is not an element of the set \{([^{}]*)\}\.$", re.DOTALL)
_MAX_LENGTH = re.compile(r"allowed maximum length of '(\d+)'\.?$")
_RANGE = re.compile(r"(minimum|maximum) value allowed \('(-?\d+)'\)\.?$")
_TYPE = re.compile(r"type '(?:xs:|\{[^}]*\})?(\w+)'\.?$")
_MAX_MESSAGE_LENGTH: Final = 8_000
_RANGES: Final = ("SCHEMAV_CVC_MININCLUSIVE_VALID", "SCHEMAV_CVC_MAXINCLUSIVE_VALID")
_WRONG_CONTENT: Final = (
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3",
    "SCHEMAV_CVC_TYPE_3_1_2",
)


@dataclass(frozen=True)
class Request:
    """A request that is in form: who says to ask (not yet verified), and what is requested."""

    operation: Operation
    user: str
    password: str = field(repr=False)
    envelope: etree._Element = field(repr=False)
    """The cleaned tree: no attributes, nothing nil."""
    cleared: frozenset[str] = frozenset()
    """Names of the fields of a change that were sent nil or empty, to clear them."""

    @property
    def content(self) -> tuple[tuple[str, str | None], ...]:
        """The operation and all its elements with their texts: what makes two calls the same."""
        elements = ((str(item.tag), item.text) for item in self.envelope[-1].iter())
        return (*elements, *((name, None) for name in sorted(self.cleared)))


class Reader:
    """Reads the requests of one service."""

    def __init__(self, namespace: str, operations: Mapping[str, Operation], schema: bytes) -> None:
        self._namespace = namespace
        self._operations = operations
        self._known = {
            str(found.get("name"))
            for found in etree.fromstring(schema).iter("{*}element")
            if found.get("name")
        }
        self._schemas = _Schemas(schema)

    def read(self, body: bytes, action: str | None) -> Request:
        """Read a request's body; ``action`` is the SOAPAction header as it came, None if absent.

        Raises ``SoapFault`` or ``AuthenticationFailed``.
        """
        opened = open_envelope(self._namespace, list(self._operations), body, action)
        operation = self._operations[opened.operation]
        with opened.claimed():
            strip_attributes(operation.name, opened.content)
            self._clean(opened.content, operation.clearable, changes=frozenset())
            self._check(opened.content)
            cleared = self._take_nil(opened.content)
        user, password = opened.take_credentials()
        return Request(operation, user, password, opened.envelope, cleared)

    def _clean(
        self,
        parent: etree._Element,
        clearable: Mapping[str, frozenset[str]],
        *,
        changes: frozenset[str],
    ) -> None:
        """Strip attributes; take nil elements off, but keep those that clear a field.

        ``clearable`` maps the name of a child that states changes to its clearable fields;
        ``changes`` are those of the parent itself.
        """
        if len(parent) and has_loose_text(parent):
            raise SoapFault(ELEMENT, f"{self._named(parent)} holds loose text", "see the WSDL")
        for child in list(parent):
            name = self._named(child)
            nil = strip_attributes(name, child)
            if nil and (child.text or len(child)):
                raise SoapFault(ELEMENT, f"{name} is nil and has a value", "it is one of them")
            if name in changes and (nil or not (child.text or len(child))):
                child.set(XSI_NIL, "true")
            elif nil and changes:
                raise SoapFault(ELEMENT, f"{name} cannot be cleared", "leave it out to keep it")
            elif nil:
                parent.remove(child)
            else:
                self._clean(child, {}, changes=clearable.get(name, frozenset()))

    def _named(self, element: etree._Element) -> str:
        name = etree.QName(element).localname
        return name if name in self._known else "An element"

    def _check(self, content: etree._Element) -> None:
        schema = self._schemas.of_this_thread()
        if not schema.validate(content):
            complaint = schema.error_log[0]
            raise self._fault(complaint.type_name, complaint.message)

    def _fault(self, kind: str, message: str) -> SoapFault:
        """The fault for libxml2's first complaint.

        Its message quotes what was sent. Only known names are taken from it, and what libxml2
        puts behind the quotation: the facets and expectations of the schema.
        """
        if len(message) > _MAX_MESSAGE_LENGTH:  # libxml2 cuts at 64 kB, in the middle of a value
            message = message[:_MAX_MESSAGE_LENGTH] + "..."
        about = _ABOUT.match(message)
        name = about[1] if about is not None and about[1] in self._known else "An element"
        if kind == "SCHEMAV_ELEMENT_CONTENT":
            expected = _EXPECTED.search(message)
            names = expected[1].replace(f"{{{self._namespace}}}", "") if expected else "nothing"
            if ": Missing child element(s)." in message:
                return SoapFault(ELEMENT, f"{name} lacks an element", f"expected there: {names}")
            what = f"{name} is unknown, double or not in its place"
            return SoapFault(ELEMENT, what, f"expected there: {names}")
        if kind in _WRONG_CONTENT:
            return SoapFault(ELEMENT, f"{name} has content of another kind", "see the WSDL")
        return SoapFault(BAD_VALUE, *_wrong_value(name, kind, message))

    def _take_nil(self, content: etree._Element) -> frozenset[str]:
        """Take off what clears a field and return the fields' names."""
        nil = [
            (parent, found)
            for found in content.iter()
            if XSI_NIL in found.attrib and (parent := found.getparent()) is not None
        ]
        for parent, element in nil:
            parent.remove(element)
        names = [etree.QName(element).localname for _, element in nil]
        for (parent, element), name in zip(nil, names, strict=True):
            if parent.find(str(element.tag)) is not None:
                raise SoapFault(ELEMENT, f"{name} is cleared and set", "it is one of them")
        return frozenset(names)


def _wrong_value(name: str, kind: str, message: str) -> tuple[str, str]:
    """What is wrong with a value, and what is allowed."""
    what = f"{name} has a value that is not allowed"
    if kind == "SCHEMAV_CVC_ENUMERATION_VALID":
        found = _ALLOWED.match(message)
        allowed = found[1].replace("'", "") if found is not None else "those of the WSDL"
        return what, f"allowed are {allowed}"
    if kind == "SCHEMAV_CVC_MAXLENGTH_VALID" and (longest := _MAX_LENGTH.search(message)):
        return f"{name} is too long", f"at most {longest[1]} characters are allowed"
    if kind in _RANGES and (bound := _RANGE.search(message)):
        return what, f"the {bound[1]} is {bound[2]}"
    if kind == "SCHEMAV_CVC_PATTERN_VALID":  # the only type with a pattern
        return what, "a time has its zone here: Z at the end, or +01:00"
    typed = _TYPE.search(message)
    return what, f"it is of the type {typed[1]}" if typed is not None else "see the WSDL"


class _Schemas(threading.local):
    """The schema, once per thread: its log of errors belongs to who validates."""

    def __init__(self, text: bytes) -> None:
        self._schema = etree.XMLSchema(etree.fromstring(text))

    def of_this_thread(self) -> etree.XMLSchema:
        return self._schema
