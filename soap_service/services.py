"""Every service of the door alike, whatever it is made from: its WSDL, its reader, its operations.

The services of the GGUS contract are made from the field table, the native one from typed models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from app.core.rules.access import Door
from soap_service import attachments, history, tickets
from soap_service.dispatch import Call, Handler, from_table
from soap_service.envelope import Request, read_request
from soap_service.faults import ggus_element
from soap_service.fields import GGUS, GGUS_ATTACH, GGUS_HISTORY, Service
from soap_service.native.kinds import (
    NAME,
    element_of,
)
from soap_service.native.service import native_service
from soap_service.wsdl import write_wsdl

_HANDLERS: Final = {
    GGUS: tickets.HANDLERS,
    GGUS_HISTORY: history.HANDLERS,
    GGUS_ATTACH: attachments.HANDLERS,
}


@dataclass(frozen=True)
class Served:
    """One service as the door uses it."""

    name: str
    wsdl: Callable[[str], bytes]
    """The WSDL document for an address."""
    read: Callable[[bytes, str | None], Any]
    """A request in form, out of a body and the SOAPAction; raises ``SoapFault`` and
    ``AuthenticationFailed``."""
    answer: Callable[[Call, Any], bytes]
    """Carries such a request out and writes its answer; raises what the operation raises."""
    door: Door
    element_of: Callable[[str], str]
    """What a ticket's field is called in its faults."""


def served(same_calls_per_minute: int) -> Mapping[str, Served]:
    """All services by name; ``same_calls_per_minute`` is what the native service reports about
    itself."""
    native = native_service(same_calls_per_minute)
    found = [_from_table(service, handlers) for service, handlers in _HANDLERS.items()]
    found.append(Served(NAME, native.wsdl, native.read, native.answer, Door.NATIVE, element_of))
    return {service.name: service for service in found}


def _from_table(service: Service, handlers: Mapping[str, Handler]) -> Served:
    dispatcher = from_table(service, handlers)

    def answer(call: Call, request: Request) -> bytes:
        return dispatcher.answer(call, request.envelope)

    return Served(
        service.name,
        partial(write_wsdl, service),
        partial(read_request, service),
        answer,
        Door.SOAP,
        ggus_element,
    )
