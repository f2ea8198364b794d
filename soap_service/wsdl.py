"""Writes the WSDL of a service from the field table.

Written by hand rather than by Spyne because clients depend on details: the part names (a header
part called ``parameters`` makes Axis 1 and JAX-WS send empty requests, a body part called anything
else NuSOAP), the declared prefix ``s0`` by which suds clients name types, ``soap:header`` in each
binding. It must not know Spyne; the address comes in, never from a request.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from soap_service.fields import (
    AUTHENTICATION,
    CREDENTIALS,
    ENUMERATIONS,
    ROW,
    Element,
    Message,
    Service,
    WireType,
)

WSDL_NS: Final = "http://schemas.xmlsoap.org/wsdl/"
SOAP_BINDING_NS: Final = "http://schemas.xmlsoap.org/wsdl/soap/"
XSD_NS: Final = "http://www.w3.org/2001/XMLSchema"
_HTTP: Final = "http://schemas.xmlsoap.org/soap/http"


def write_wsdl(service: Service, address: str) -> bytes:
    """The WSDL document (UTF-8) of ``service``, answered at the URL ``address``."""
    return etree.tostring(
        _Writer(service).document(address),
        xml_declaration=True,
        encoding="UTF-8",
        pretty_print=True,
    )


class _Writer:
    """Builds one document; keeps the namespace that all its names are in."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def document(self, address: str) -> etree._Element:
        name, namespace = self._service.name, self._service.namespace
        root = etree.Element(
            f"{{{WSDL_NS}}}definitions",
            {"name": name, "targetNamespace": namespace},
            nsmap={
                "wsdl": WSDL_NS,
                "soap": SOAP_BINDING_NS,
                "xsd": XSD_NS,
                "s0": namespace,
            },
        )
        self._types(root)
        self._messages(root)
        self._port_type(root)
        self._binding(root)
        service = _wsdl(root, "service", name=f"{name}Service")
        port = _wsdl(service, "port", name=f"{name}Soap", binding=f"s0:{name}SoapBinding")
        _soap(port, "address", location=address)
        return root

    def _types(self, root: etree._Element) -> None:
        schema = _xsd(
            _wsdl(root, "types"),
            "schema",
            targetNamespace=self._service.namespace,
            elementFormDefault="qualified",
            attributeFormDefault="unqualified",
        )
        messages: dict[str, Message] = {}
        for operation in self._service.operations:
            for suffix, message in (("", operation.request), ("Response", operation.response)):
                messages[message.type_name] = message
                _xsd(
                    schema,
                    "element",
                    name=operation.name + suffix,
                    type=f"s0:{message.type_name}",
                )
        _xsd(schema, "element", name=AUTHENTICATION, type=f"s0:{AUTHENTICATION}")
        self._complex_type(schema, AUTHENTICATION, CREDENTIALS)
        for message in messages.values():
            self._message_type(schema, message)
        used = {element.kind for message in messages.values() for element in message.elements}
        for kind in WireType:
            if kind in used and kind in ENUMERATIONS:
                restriction = _xsd(
                    _xsd(schema, "simpleType", name=kind.value), "restriction", base="xsd:string"
                )
                for value in ENUMERATIONS[kind]:
                    _xsd(restriction, "enumeration", value=value)

    def _message_type(self, schema: etree._Element, message: Message) -> None:
        if not message.rows:
            self._complex_type(schema, message.type_name, message.elements)
            return
        outer = _xsd(_xsd(schema, "complexType", name=message.type_name), "sequence")
        row = _xsd(outer, "element", name=ROW, minOccurs="1", maxOccurs="unbounded")
        self._sequence(_xsd(row, "complexType"), message.elements)

    def _complex_type(
        self, schema: etree._Element, name: str, elements: tuple[Element, ...]
    ) -> None:
        self._sequence(_xsd(schema, "complexType", name=name), elements)

    def _sequence(self, parent: etree._Element, elements: tuple[Element, ...]) -> None:
        sequence = _xsd(parent, "sequence")
        for element in elements:
            plain = element.kind not in ENUMERATIONS
            written = _xsd(
                sequence,
                "element",
                name=element.name,
                type=f"{'xsd' if plain else 's0'}:{element.kind.value}",
            )
            written.set("minOccurs", "1" if element.required else "0")
            written.set("maxOccurs", "1")
            if element.nillable:
                written.set("nillable", "true")
            if element.default is not None:
                written.set("default", element.default)

    def _messages(self, root: etree._Element) -> None:
        for operation in self._service.operations:
            for suffix in ("", "Response"):
                name = operation.name + suffix
                message = _wsdl(root, "message", name=f"{name}Message")
                _wsdl(message, "part", name="parameters", element=f"s0:{name}")
        header = _wsdl(root, "message", name=f"{AUTHENTICATION}Message")
        _wsdl(header, "part", name=AUTHENTICATION, element=f"s0:{AUTHENTICATION}")

    def _port_type(self, root: etree._Element) -> None:
        port_type = _wsdl(root, "portType", name=f"{self._service.name}PortType")
        for operation in self._service.operations:
            written = _wsdl(port_type, "operation", name=operation.name)
            _wsdl(written, "input", message=f"s0:{operation.name}Message")
            _wsdl(written, "output", message=f"s0:{operation.name}ResponseMessage")

    def _binding(self, root: etree._Element) -> None:
        name = self._service.name
        binding = _wsdl(root, "binding", name=f"{name}SoapBinding", type=f"s0:{name}PortType")
        _soap(binding, "binding", style="document", transport=_HTTP)
        for operation in self._service.operations:
            written = _wsdl(binding, "operation", name=operation.name)
            _soap(
                written,
                "operation",
                soapAction=self._service.action(operation),
                style="document",
            )
            request = _wsdl(written, "input")
            _soap(
                request,
                "header",
                message=f"s0:{AUTHENTICATION}Message",
                part=AUTHENTICATION,
                use="literal",
            )
            _soap(request, "body", use="literal", parts="parameters")
            _soap(_wsdl(written, "output"), "body", use="literal", parts="parameters")


def _wsdl(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{WSDL_NS}}}{tag}", attributes)


def _soap(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{SOAP_BINDING_NS}}}{tag}", attributes)


def _xsd(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{XSD_NS}}}{tag}", attributes)
