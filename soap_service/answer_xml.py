"""An answer's XML, written from the field table.

Its bytes are those that Spyne would write, which takes an object for each message and row.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from soap_service.faults import SOAP_NS
from soap_service.fields import ROW, Element, Operation, Service

Value = str | datetime | int | bytes
Values = Mapping[str, Value]
"""An answer's elements by name; what is empty is left out."""

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NIL: Final = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'


def write_answer(
    service: Service, operation: Operation, answer: Values | Iterable[Values]
) -> bytes:
    """The envelope that answers an operation with these elements, or with these rows."""
    elements = operation.response.elements
    name = f"ns0:{operation.name}Response"
    parts = [
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<soapenv:Envelope xmlns:soapenv="{SOAP_NS}" xmlns:ns0="{service.namespace}">'
        f"<soapenv:Body><{name}>".encode()
    ]
    if isinstance(answer, Mapping):
        parts.append(_written(elements, answer).encode())
    else:
        # as bytes row by row: one emoji makes all characters of a text take four bytes
        parts += (f"<ns0:{ROW}>{_written(elements, row)}</ns0:{ROW}>".encode() for row in answer)
    parts.append(f"</{name}></soapenv:Body></soapenv:Envelope>".encode())
    return b"".join(parts)


def _written(elements: Iterable[Element], values: Values) -> str:
    """The elements in the table's order; a required one that is empty is nil."""
    parts = []
    for element in elements:
        value = values.get(element.name)
        if value is not None:
            parts.append(f"<ns0:{element.name}>{written_value(value)}</ns0:{element.name}>")
        elif element.required:
            parts.append(f"<ns0:{element.name}{NIL}")
    return "".join(parts)


def written_value(value: Value) -> str:
    """The content of an element: what XML can carry of a text, base64 of bytes."""
    if isinstance(value, str):
        return escape(sendable(value), {"\r": "&#13;"})
    if isinstance(value, datetime):
        return written_time(value)
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


def written_time(moment: datetime) -> str:
    """A time as it is sent: UTC in milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sendable(text: str) -> str:
    """``text`` with what XML 1.0 cannot carry shown as U+FFFD."""
    return _NOT_IN_XML.sub("\ufffd", text)
