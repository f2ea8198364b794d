"""Spyne at work: a checked envelope becomes values, an operation is called, values become XML.

``Dispatcher`` drives an application of Spyne's; ``from_table`` makes that of a service of the GGUS
contract, whose answers are written from the field table. It drives Spyne's own steps rather than
its WSGI server, so that a request is parsed once, by the guard's parser, and errors come out as
they were raised. It must not know tickets.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lxml import etree
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import USUAL_COPIES_PER_DAY, Actor, Door
from app.core.rules.errors import LOOK_FIRST, OutcomeUnknown
from app.core.services.security_log import log_event
from soap_service import compat  # noqa: F401  (must be imported before spyne)
from soap_service.answer_xml import Values, write_answer, written_time
from soap_service.faults import SOAP_NS
from soap_service.fields import Operation, Service
from soap_service.types import model_of

from spyne import Application, ByteArray, DateTime, MethodContext, ServiceBase, rpc  # isort: skip
from spyne.protocol.soap import Soap11  # isort: skip
from spyne.server import ServerBase  # isort: skip


@dataclass(frozen=True)
class Call:
    """Who calls and when; ``session`` reads, ``transaction`` writes. ``now`` is aware UTC."""

    actor: Actor
    now: datetime
    session: Session
    public_url: str
    remote: str = ""
    """The address that it came from."""
    copies_per_day: int = USUAL_COPIES_PER_DAY
    """Outside addresses that an account may name for carbon copies a day."""

    @contextmanager
    def transaction(self, look: str = LOOK_FIRST) -> Iterator[Session]:
        """The call's session in one write transaction, committed when the block has ended.

        ``look`` is the advice to the caller where the outcome of that commit is unknown.
        """
        try:
            with transaction(self.session):
                yield self.session
        except OutcomeUnknown as unknown:
            raise OutcomeUnknown(look) from unknown.__cause__

    def log_download(self, door: Door, attachment: str) -> None:
        """One line in the security log for an attachment whose content is answered."""
        log_event(
            "download",
            door=door,
            account=self.actor.account,
            remote=self.remote,
            kind="attachment",
            thing=attachment,
        )


Handler = Callable[[Call, Mapping[str, Any]], Values | Iterable[Values]]
"""Carries an operation out: sent elements by name in (texts, but for int and bytes where the field
table says so); an answer's elements out, or its rows."""


class Protocol(Soap11):  # type: ignore[misc]  # spyne is not typed
    """SOAP 1.1 on a tree that is parsed and checked already."""

    def __init__(self) -> None:
        super().__init__()
        self._to_unicode_handlers[DateTime] = lambda _cls, value: written_time(value)
        # Spyne's own makes a list of all characters first
        self._from_unicode_handlers[ByteArray] = lambda _cls, text, *_: (a2b_base64(text),)

    def create_in_document(self, ctx: Any, _charset: str | None = None) -> None:
        ctx.in_document = (ctx.udc.envelope, None)


class _Application(Application):  # type: ignore[misc]
    """Lets errors of an operation through instead of turning them into faults of its own."""

    def process_request(self, ctx: Any) -> None:
        ctx.in_object = [ctx.in_object]
        ctx.out_object = [self.call_wrapper(ctx)]
        ctx.protocol = ctx.outprot_ctx


class _Server(ServerBase):  # type: ignore[misc]
    transport: Final = "http://schemas.xmlsoap.org/soap/http"


@dataclass(frozen=True)
class _CallData:
    call: Call
    envelope: etree._Element


def application_of(
    name: str,
    namespace: str,
    methods: Mapping[str, Any],
    protocol: type[Protocol] = Protocol,
    more: Sequence[Any] = (),
) -> Any:
    """Spyne's application of one service.

    ``methods`` are what ``rpc`` made of its operations; ``more`` are types of its schema that no
    operation names.
    """
    return _Application(
        [type(name, (ServiceBase,), dict(methods))],
        tns=namespace,
        name=name,
        in_protocol=protocol(),
        out_protocol=protocol(),
        classes=tuple(more),
    )


def from_table(service: Service, handlers: Mapping[str, Handler]) -> Dispatcher:
    """The dispatcher of a service of the GGUS contract."""
    methods = {
        operation.name: _method(service, operation, handlers[operation.name])
        for operation in service.operations
    }
    return Dispatcher(application_of(service.name, service.namespace, methods))


class Dispatcher:
    """One service with its operations."""

    def __init__(self, application: Any) -> None:
        # The prefixes that GGUS's answers had; some clients cut elements out by them.
        application.interface.nsmap = {"soapenv": SOAP_NS, "ns0": application.tns}
        self._server = _Server(application)

    def answer(self, call: Call, envelope: etree._Element) -> bytes:
        """Carry the call out and write its answer. Raises what the operation raises."""
        first = MethodContext(self._server, MethodContext.SERVER)
        first.udc = _CallData(call, envelope)
        (context,) = self._server.generate_contexts(first)
        try:
            self._server.get_in_object(context)
            self._server.get_out_object(context)
            self._server.get_out_string(context)
            return b"".join(context.out_string)
        finally:
            context.close()
            # They refer to themselves, and would keep request and answer until a collection.
            vars(first).clear()
            vars(context).clear()


def _method(service: Service, operation: Operation, handler: Handler) -> Any:
    request = model_of(operation.request, service.namespace)

    def call(ctx: Any, sent: Any) -> Any:
        values = {
            element.name: _joined(value)
            for element in operation.request.elements
            if (value := getattr(sent, element.name)) is not None
        }
        # Spyne leaves an answer alone that is written already
        ctx.out_string = [write_answer(service, operation, handler(ctx.udc.call, values))]

    call.__name__ = operation.name
    return rpc(
        request,
        _returns=model_of(operation.response, service.namespace),
        _body_style="bare",
        _in_message_name=f"{{{service.namespace}}}{operation.name}",
        _out_message_name=f"{{{service.namespace}}}{operation.name}Response",
    )(call)


def _joined(value: Any) -> Any:
    """Spyne keeps bytes in parts."""
    return b"".join(value) if isinstance(value, (tuple, list)) else value
