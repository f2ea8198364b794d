"""What the native service's messages are made of: types of values, and how often a field may occur.

Spyne's classes are made here, with the meaning of every field next to its type, so that the WSDL,
the faults and the reference say the same. It must not know values, rules or any one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import partial
from typing import Any, Final

from app.core.rules.texts import LONG_TEXT_LIMIT, PORTAL_TEXT_LIMIT, SHORT_TEXT_LIMIT
from soap_service import compat  # noqa: F401  (must be imported before spyne)

from spyne import (  # isort: skip
    Boolean,
    ByteArray,
    ComplexModel,
    Date,
    DateTime,
    Double,
    Integer32,
    Integer64,
    Unicode,
)
from spyne.model.complex import ComplexModelMeta  # isort: skip

NAME: Final = "LHCOPN"
NAMESPACE: Final = "urn:LHCOPN:exchange:1"
PAGE_LIMIT: Final = 500
"""Most rows of one answer of GetHistory and ListChanges."""


def wire_name(field: str) -> str:
    """The name here of a field of the portal: ``event_start`` is ``eventStart``."""
    first, *rest = field.split("_")
    return first + "".join(part.title() for part in rest)


def element_of(field: str) -> str:
    """The element to name where a rule speaks of a field."""
    return {"attachment": "content", "attachment_name": "name"}.get(field, wire_name(field))


def field_name(name: str) -> str:
    """The portal's name of a field here: the inverse of ``wire_name``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@dataclass(frozen=True)
class WsdlType:
    """A type of the WSDL: its name there, and its Spyne class with an occurrence."""

    name: str
    make: Callable[..., Any]
    values: tuple[str, ...] = ()
    limit: int | None = None
    """Most characters of a text."""
    meaning: str = ""
    members: tuple[Member, ...] = ()
    """The fields of a message."""
    model: Any = None
    """Spyne's class of a message; each ``make`` is a class of its own."""

    def messages(self) -> dict[str, WsdlType]:
        """This message and those within it, by name."""
        found = {self.name: self} if self.members or self.meaning else {}
        for member in self.members:
            found |= member.kind.messages()
        return found


class Occurs(Enum):
    """How often a field is in its message."""

    ONCE = "once"
    OPTIONAL = "optional"
    CLEARABLE = "optional; nil or empty clears"
    MANY = "any number"
    CLEARABLE_LIST = "any number; one that is nil or empty clears"


@dataclass(frozen=True)
class Member:
    """One field of a message: its place, and what it means."""

    name: str
    kind: WsdlType
    occurs: Occurs
    meaning: str

    @property
    def clearable(self) -> bool:
        """Whether nil or empty clears it."""
        return self.occurs in (Occurs.CLEARABLE, Occurs.CLEARABLE_LIST)

    @property
    def optional(self) -> bool:
        """Whether it may be left out."""
        return self.occurs is not Occurs.ONCE

    @property
    def is_list(self) -> bool:
        """Whether it may occur more than once."""
        return self.occurs in (Occurs.MANY, Occurs.CLEARABLE_LIST)

    def spyne_type(self) -> Any:
        """Its Spyne class; ``field`` names it in faults."""
        return self.kind.make(
            min_occurs=1 if self.occurs is Occurs.ONCE else 0,
            max_occurs="unbounded" if self.is_list else 1,
            nillable=self.clearable,
            doc=self.meaning,
            field=self.name,
        )


def once(name: str, kind: WsdlType, meaning: str) -> Member:
    """A field that is always there."""
    return Member(name, kind, Occurs.ONCE, meaning)


def optional(name: str, kind: WsdlType, meaning: str) -> Member:
    """A field that may be left out."""
    return Member(name, kind, Occurs.OPTIONAL, meaning)


def many(name: str, kind: WsdlType, meaning: str) -> Member:
    """A list; empty = no element of this name."""
    return Member(name, kind, Occurs.MANY, meaning)


def message(name: str, meaning: str, members: Iterable[Member]) -> WsdlType:
    """A complex type of these fields in this order."""
    fields = tuple(members)
    model = ComplexModelMeta(
        name,
        (ComplexModel,),
        {
            "__namespace__": NAMESPACE,
            "__type_name__": name,
            "__module__": __name__,
            "__doc__": meaning,
            "_type_info": [(member.name, member.spyne_type()) for member in fields],
        },
    )
    return WsdlType(name, model.customize, meaning=meaning, members=fields, model=model)


def _named(spyne_type: Any, name: str, **facets: Any) -> partial[Any]:
    return partial(spyne_type, type_name=name, __namespace__=NAMESPACE, **facets)


def text_of(limit: int) -> WsdlType:
    """A text of at most ``limit`` characters."""
    name = f"Text{limit}"
    return WsdlType(name, _named(Unicode, name, max_len=limit), limit=limit)


def choice(name: str, values: Iterable[str]) -> WsdlType:
    """A text that is one of these values."""
    allowed = tuple(str(value) for value in values)
    return WsdlType(name, _named(Unicode, name, values=list(allowed)), values=allowed)


def choice_of(values: type[StrEnum]) -> WsdlType:
    """A text that is one of these values, under the name of their class."""
    return choice(values.__name__, values)


STRING: Final = WsdlType("string", Unicode)
INT: Final = WsdlType("int", Integer32)
LONG: Final = WsdlType("long", Integer64)
BOOLEAN: Final = WsdlType("boolean", Boolean)
TIME: Final = WsdlType("dateTime", DateTime)
ZONED_TIME: Final = WsdlType(
    "ZonedTime", _named(DateTime, "ZonedTime", pattern=r"[^Tt]+[Tt].+(Z|[+\-][0-9]{2}:[0-9]{2})")
)
"""A time that says its zone: what a program measured is never guessed at."""
DATE: Final = WsdlType("date", Date)
DOUBLE: Final = WsdlType("double", Double)
BYTES: Final = WsdlType("base64Binary", ByteArray)
TEXT: Final = text_of(SHORT_TEXT_LIMIT)
LONG_TEXT: Final = text_of(PORTAL_TEXT_LIMIT)
REASON: Final = text_of(LONG_TEXT_LIMIT)
CURSOR: Final = WsdlType("Cursor", _named(Integer64, "Cursor", ge=0))
PAGE: Final = WsdlType("PageLimit", _named(Integer32, "PageLimit", ge=1, le=PAGE_LIMIT))
