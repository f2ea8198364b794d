"""The native service at work: Spyne generates its WSDL and reads its requests.

Spyne's WSDL is finished where clients depend on what Spyne leaves out: the SOAPAction with the
namespace, the name of the body's part, the fault with its detail, the order of the document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lxml import etree

from soap_service import compat  # noqa: F401  (must be imported before spyne)
from soap_service.dispatch import Call, Dispatcher, application_of
from soap_service.native import (
    account,
    acknowledgements,
    attachments,
    changes,
    events,
    lists,
    nttdm,
    registry,
    relations,
    tickets,
)
from soap_service.native.kinds import (
    NAME,
    NAMESPACE,
    WsdlType,
)
from soap_service.native.models import (
    AUTHENTICATION,
)
from soap_service.native.operations import NativeCall, Operation
from soap_service.native.protocol import NativeProtocol, write_answer
from soap_service.native.reading import Reader, Request
from soap_service.wsdl import SOAP_BINDING_NS, WSDL_NS, XSD_NS

from spyne import rpc  # isort: skip
from spyne.interface.wsdl import Wsdl11  # isort: skip

_TRANSPORT: Final = "http://schemas.xmlsoap.org/soap/http"
_BODY: Final = "parameters"
"""The name of the body's part: NuSOAP sends empty requests if it is another."""
_TYPES: Final = ("simpleType", "complexType", "element")
_ORDER: Final = ("types", "message", "portType", "binding", "service")


def native_service(same_calls_per_minute: int) -> NativeService:
    """The service LHCOPN; 0 = no limit of the same calls."""
    return NativeService(
        (
            *tickets.OPERATIONS,
            *attachments.OPERATIONS,
            *relations.OPERATIONS,
            *acknowledgements.OPERATIONS,
            *lists.OPERATIONS,
            *changes.OPERATIONS,
            *registry.OPERATIONS,
            *events.OPERATIONS,
            *nttdm.OPERATIONS,
            *account.operations(same_calls_per_minute),
        )
    )


class NativeService:
    """The service with all its operations."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = {operation.name: operation for operation in operations}
        faults = {item.fault.name: item.fault for item in operations if item.fault is not None}
        application = application_of(
            NAME,
            NAMESPACE,
            {operation.name: _method(operation) for operation in operations},
            NativeProtocol,
            more=[fault.model for fault in faults.values()],
        )
        self._wsdl = _generated(application, operations)
        (schema,) = self._wsdl.iter(f"{{{XSD_NS}}}schema")
        self._reader = Reader(NAMESPACE, self.operations, etree.tostring(schema))
        self._dispatcher = Dispatcher(application)

    def wsdl(self, address: str) -> bytes:
        """The WSDL document (UTF-8) of the service, answered at the URL ``address``."""
        (place,) = self._wsdl.iter(f"{{{SOAP_BINDING_NS}}}address")
        place.set("location", address)
        return etree.tostring(self._wsdl, xml_declaration=True, encoding="UTF-8")

    def read(self, body: bytes, action: str | None) -> Request:
        """Read a request; raises ``SoapFault`` or ``AuthenticationFailed``."""
        return self._reader.read(body, action)

    def answer(self, call: Call, request: Request) -> bytes:
        """Carry a request out and write its answer. Raises what the operation raises."""
        native = NativeCall(**vars(call), cleared=request.cleared)
        return self._dispatcher.answer(native, request.envelope)


def _method(operation: Operation) -> Any:
    def call(ctx: Any, sent: Any) -> None:
        values = operation.carry_out(ctx.udc.call, sent)
        # Spyne leaves an answer alone that is written already
        ctx.out_string = [write_answer(f"{operation.name}Response", operation.response, values)]

    call.__name__ = operation.name
    call.__doc__ = operation.meaning
    takes = [operation.request.model] if operation.takes else []
    return rpc(
        *takes,
        _args=["sent"] * len(takes),
        _returns=operation.response.model,
        _body_style="bare",
        _in_message_name=f"{{{NAMESPACE}}}{operation.name}",
        _out_message_name=f"{{{NAMESPACE}}}{operation.name}Response",
        _wsdl_part_name=_BODY,
        _in_header=(AUTHENTICATION.model,),
    )(call)


def _generated(application: Any, operations: Sequence[Operation]) -> etree._Element:
    application.transport = _TRANSPORT
    document = Wsdl11(application.interface)
    document.build_interface_document("")
    root = etree.fromstring(document.get_interface_document())
    kinds = AUTHENTICATION.messages()
    for operation in operations:
        _finish(root, operation)
        for kind in (operation.request, operation.response, operation.fault or AUTHENTICATION):
            kinds |= kind.messages()
    _finish_types(root, kinds)
    root[:] = sorted(root, key=lambda part: _ORDER.index(etree.QName(part).localname))
    etree.cleanup_namespaces(root, keep_ns_prefixes=["xs", "tns"])
    etree.indent(root)
    return root


def _finish_types(root: etree._Element, kinds: Mapping[str, WsdlType]) -> None:
    """Give each message its own meaning, not that of a field of it, and the types an order."""
    for kind in root.iter(f"{{{XSD_NS}}}complexType"):
        text = kind.find(f"./{{{XSD_NS}}}annotation/{{{XSD_NS}}}documentation")
        if text is not None:
            text.text = kinds[str(kind.get("name"))].meaning
    (schema,) = root.iter(f"{{{XSD_NS}}}schema")
    schema[:] = sorted(
        schema,
        key=lambda part: (
            _TYPES.index(etree.QName(part).localname),
            list(kinds).index(name) if (name := str(part.get("name"))) in kinds else -1,
            name,
        ),
    )


def _finish(root: etree._Element, operation: Operation) -> None:
    """Say of one operation what Spyne's WSDL does not."""
    described, bound = (
        found
        for found in root.iter(f"{{{WSDL_NS}}}operation")
        if found.get("name") == operation.name
    )
    described.attrib.pop("parameterOrder")  # it names a message where parts are to be named
    for action in bound.iter(f"{{{SOAP_BINDING_NS}}}operation"):
        action.set("soapAction", f"{NAMESPACE}/{operation.name}")
    for body in bound.iter(f"{{{SOAP_BINDING_NS}}}body"):
        body.set("parts", _BODY)
    if operation.fault is not None:
        name = f"{operation.fault.name}Fault"
        message = etree.SubElement(root, f"{{{WSDL_NS}}}message", name=name)
        etree.SubElement(
            message, f"{{{WSDL_NS}}}part", name="fault", element=f"tns:{operation.fault.name}"
        )
        etree.SubElement(described, f"{{{WSDL_NS}}}fault", name=name, message=f"tns:{name}")
        fault = etree.SubElement(bound, f"{{{WSDL_NS}}}fault", name=name)
        etree.SubElement(fault, f"{{{SOAP_BINDING_NS}}}fault", name=name, use="literal")
