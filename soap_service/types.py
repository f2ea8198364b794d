"""Spyne's classes for the messages of the contract, made from the field table.

One class per named complex type and service. It must not know values or rules.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from soap_service import compat  # noqa: F401  (must be imported before spyne)
from soap_service.fields import ENUMERATIONS, ROW, Element, Message, WireType

from spyne import ByteArray, ComplexModel, DateTime, Integer32, Unicode  # isort: skip
from spyne.model.complex import ComplexModelMeta  # isort: skip

_PLAIN: Final = {
    WireType.STRING: Unicode,
    WireType.DATE_TIME: DateTime,
    WireType.INT: Integer32,
    WireType.BASE64: ByteArray,
}


def _member(element: Element, namespace: str) -> Any:
    occurrence = {
        "min_occurs": 1 if element.required else 0,
        "max_occurs": 1,
        "nillable": element.nillable,
    }
    plain = _PLAIN.get(element.kind)
    if plain is not None:
        return plain.customize(**occurrence)
    return Unicode(
        values=list(ENUMERATIONS[element.kind]),
        type_name=element.kind.value,
        __namespace__=namespace,
        **occurrence,
    )


def _model(name: str, namespace: str, members: list[tuple[str, Any]]) -> Any:
    return ComplexModelMeta(
        name,
        (ComplexModel,),
        {
            "__namespace__": namespace,
            "__type_name__": name,
            "__module__": __name__,
            "_type_info": members,
        },
    )


@cache
def model_of(message: Message, namespace: str) -> Any:
    """The Spyne class of a message in the namespace of its service."""
    members = [(element.name, _member(element, namespace)) for element in message.elements]
    if message.rows:
        row = row_of(message, namespace)
        members = [(ROW, row.customize(min_occurs=1, max_occurs="unbounded"))]
    return _model(message.type_name, namespace, members)


@cache
def row_of(message: Message, namespace: str) -> Any:
    """The Spyne class of one row of a list message."""
    members = [(element.name, _member(element, namespace)) for element in message.elements]
    return _model(f"{message.type_name}_{ROW}", namespace, members)
