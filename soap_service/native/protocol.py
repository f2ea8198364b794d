"""How the native service's values are written in XML: times in UTC, only what XML can carry."""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from lxml import etree

from app.core.rules.errors import Invalid
from app.core.rules.texts import read_time
from soap_service import compat  # noqa: F401  (must be imported before spyne)
from soap_service.answer_xml import sendable
from soap_service.dispatch import Protocol
from soap_service.native.kinds import (
    NAMESPACE,
    Kind,
    Member,
)

from spyne import Boolean, ByteArray, Date, DateTime, Unicode  # isort: skip


class NativeProtocol(Protocol):
    """SOAP 1.1 with the readings that XML Schema asks for."""

    def __init__(self) -> None:
        super().__init__()
        self._from_unicode_handlers[DateTime] = _read_time
        self._from_unicode_handlers[Date] = _read_date
        self._from_unicode_handlers[Boolean] = lambda _cls, text: text.strip() in ("1", "true")
        self._from_unicode_handlers[ByteArray] = _read_bytes
        self._to_unicode_handlers[Unicode] = lambda _cls, text: sendable(text)


def _read_time(member: Any, text: str) -> datetime:
    return read_time(member.Attributes.field, text)


def _read_date(member: Any, text: str) -> date:
    name = member.Attributes.field
    try:
        return date.fromisoformat(text.strip())
    except ValueError:  # XML Schema allows a zone, and years that no calendar here has
        raise Invalid(name, f"{name} is no day; write YYYY-MM-DD") from None


def _read_bytes(member: Any, text: str, *_: object) -> tuple[bytes]:
    # libxml2 lets what follows the padding pass
    name = member.Attributes.field
    try:
        bare = text.encode("ascii").translate(None, b" \t\r\n")
        return (a2b_base64(bare, strict_mode=True),)
    except (UnicodeEncodeError, Error):
        raise Invalid(name, f"{name} is no base64; its alphabet is that of RFC 4648") from None


_PROTOCOL: Final = NativeProtocol()


def filled(kind: Kind, values: Mapping[str, Any]) -> Any:
    """Spyne's instance of a message. Values: of messages mappings, of lists sequences.

    What is empty and may be left out is left out.
    """
    instance = kind.model()
    for member in kind.members:
        value = values.get(member.name)
        if value is None or (value == "" and member.optional):
            continue
        setattr(instance, member.name, _written(member, value))
    return instance


def _written(member: Member, value: Any) -> Any:
    if member.is_list:
        return [_one(member.kind, item) for item in value]
    return _one(member.kind, value)


def _one(kind: Kind, value: Any) -> Any:
    return filled(kind, value) if kind.members else value


def element_of(kind: Kind, values: Mapping[str, Any]) -> etree._Element:
    """A message as an element of its own, as the detail of a fault holds it."""
    parent = etree.Element("parent", nsmap={"ns0": NAMESPACE})
    _PROTOCOL.to_parent(None, kind.model, filled(kind, values), parent, NAMESPACE)
    return parent[0]
