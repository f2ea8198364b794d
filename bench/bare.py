"""A bare Spyne service on the same server and bridge: no guard, no accounts, no rules.

TicketGet answers one ticket (BENCH_ANSWER, its elements as JSON) without a database. OpCreate and
TicketModify insert and commit the portal's rows by plain SQL, those of the ticket BENCH_TEMPLATE.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from http import HTTPStatus
from typing import Any

from app.core.settings import Settings
from app.server.asgi_adapter import Bridge
from bench.raw import Raw, Writes
from soap_service import compat  # noqa: F401  (must be imported before spyne)
from soap_service.fields import GGUS, Operation, WireType
from soap_service.types import model_of

from spyne import Application, ServiceBase, rpc  # isort: skip
from spyne.protocol.soap import Soap11  # isort: skip
from spyne.server.wsgi import WsgiApplication  # isort: skip


def build_server() -> Bridge:
    """The service behind the bridge."""
    methods = {"TicketGet": _get()}
    if "BENCH_TEMPLATE" in os.environ:
        raw = Raw(Settings.from_env().database_url)
        writes = Writes(raw, int(os.environ["BENCH_TEMPLATE"]))
        methods["OpCreate"] = _method("OpCreate", lambda _sent: str(writes.create()))

        def modify(sent: Any) -> str:
            writes.modify(int(sent.GHD_Request_ID))
            return str(sent.GHD_Request_ID)

        methods["TicketModify"] = _method("TicketModify", modify)
    application = Application(
        [type("GGUS", (ServiceBase,), methods)],
        tns=GGUS.namespace,
        name="GGUS",
        in_protocol=Soap11(),
        out_protocol=Soap11(),
    )
    return Bridge(
        WsgiApplication(application),
        body_limit=lambda _path, _query, _cookies: 256 * 1024,
        refusal=_refusal,
    )


def _refusal(_path: str, _query: str, status: HTTPStatus, _why: str) -> tuple[str, bytes]:
    return "text/plain", status.phrase.encode()


def _operation(name: str) -> Operation:
    operation = GGUS.operation(name)
    assert operation is not None
    return operation


def _get() -> Any:
    operation = _operation("TicketGet")
    response = model_of(operation.response, GGUS.namespace)
    given = json.loads(os.environ.get("BENCH_ANSWER", "{}"))
    values = {
        item.name: datetime.fromisoformat(given[item.name])
        if item.kind is WireType.DATE_TIME
        else given[item.name]
        for item in operation.response.elements
        if item.name in given
    }

    def answer(_sent: Any) -> Any:
        ticket = response()
        for name, value in values.items():
            setattr(ticket, name, value)
        return ticket

    return _rpc(operation, answer)


def _method(name: str, write: Any) -> Any:
    operation = _operation(name)
    response = model_of(operation.response, GGUS.namespace)

    def answer(sent: Any) -> Any:
        return response(GHD_Request_ID=write(sent))

    return _rpc(operation, answer)


def _rpc(operation: Operation, answer: Any) -> Any:
    def call(_ctx: Any, sent: Any) -> Any:
        return answer(sent)

    call.__name__ = operation.name
    return rpc(
        model_of(operation.request, GGUS.namespace),
        _returns=model_of(operation.response, GGUS.namespace),
        _body_style="bare",
        _in_message_name=f"{{{GGUS.namespace}}}{operation.name}",
        _out_message_name=f"{{{GGUS.namespace}}}{operation.name}Response",
    )(call)
