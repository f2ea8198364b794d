"""How the native service's values are written in XML: times in UTC, only what XML can carry."""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from lxml import etree

from app.core.rules.errors import Invalid
from app.core.rules.texts import read_time
from soap_service import compat  # noqa: F401  (must be imported before spyne)
from soap_service.answer_xml import NIL, written_value
from soap_service.dispatch import Protocol
from soap_service.faults import SOAP_NS
from soap_service.native.kinds import (
    NAMESPACE,
    Member,
    WsdlType,
)

from spyne import Boolean, ByteArray, Date, DateTime  # isort: skip


class NativeProtocol(Protocol):
    """SOAP 1.1 with the readings that XML Schema asks for."""

    def __init__(self) -> None:
        super().__init__()
        self._from_unicode_handlers[DateTime] = _read_time
        self._from_unicode_handlers[Date] = _read_date
        self._from_unicode_handlers[Boolean] = lambda _cls, text: text.strip() in ("1", "true")
        self._from_unicode_handlers[ByteArray] = _read_bytes


def _read_time(member: Any, text: str) -> datetime:
    return read_time(member.Attributes.field, text)


def _read_date(member: Any, text: str) -> date:
    name = member.Attributes.field
    try:
        return date.fromisoformat(text.strip())
    except ValueError:  # XML Schema allows a zone, and years that no calendar here has
        raise Invalid(name, f"{name} is not a date; use YYYY-MM-DD") from None


def _read_bytes(member: Any, text: str, *_: object) -> tuple[bytes]:
    # libxml2 lets what follows the padding pass
    name = member.Attributes.field
    try:
        bare = text.encode("ascii").translate(None, b" \t\r\n")
        return (a2b_base64(bare, strict_mode=True),)
    except (UnicodeEncodeError, Error):
        raise Invalid(name, f"{name} is not base64; use the alphabet of RFC 4648") from None


def write_answer(name: str, kind: WsdlType, values: Mapping[str, Any]) -> bytes:
    """The envelope that answers an operation with this message, whose element is ``name``."""
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<soapenv:Envelope xmlns:soapenv="{SOAP_NS}" xmlns:ns0="{NAMESPACE}"><soapenv:Body>'
        f"{_element(name, written(kind, values))}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def written(kind: WsdlType, values: Mapping[str, Any]) -> str:
    """The elements of a message. Values: of messages mappings, of lists sequences. What is empty
    and may be left out is left out.

    Its bytes are those that Spyne would write, which takes an object for each message and an
    element for each value.
    """
    parts = []
    for member in kind.members:
        value = values.get(member.name)
        if value is None or (value == "" and member.optional):
            if not member.optional:
                parts.append(f"<ns0:{member.name}{NIL}")
        elif member.is_list:
            parts += (_member(member, item) for item in value)
        else:
            parts.append(_member(member, value))
    return "".join(parts)


def _member(member: Member, value: Any) -> str:
    if member.kind.members:
        return _element(member.name, written(member.kind, value))
    return f"<ns0:{member.name}>{_text(value)}</ns0:{member.name}>"


def _element(name: str, content: str) -> str:
    return f"<ns0:{name}>{content}</ns0:{name}>" if content else f"<ns0:{name}/>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return written_value(value)


def element_of(kind: WsdlType, values: Mapping[str, Any]) -> etree._Element:
    """A message as an element of its own, as the detail of a fault holds it."""
    text = f'<parent xmlns:ns0="{NAMESPACE}">{_element(kind.name, written(kind, values))}</parent>'
    return etree.fromstring(text)[0]
