"""Mounts the SOAP services next to the portal: addresses, guard, credentials, dispatch, faults.

The only module of this door that knows Flask, and that only for the application's settings and
session. One request is one transaction, which the operation itself opens.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from flask import Flask
from sqlalchemy.orm import Session

from app.accounts.services.credentials import attempt, known_name, record_attempt
from app.accounts.services.partners import actor_of_account, remembered_actor
from app.core.database.transactions import (
    begin_read,
    has_committed,
    is_unavailable,
    transaction,
)
from app.core.rules.access import Actor, ActorKind
from app.core.rules.addresses import kept_address
from app.core.rules.errors import (
    RETRY_AFTER,
    AuthenticationFailed,
    Forbidden,
    OutcomeUnknown,
    PortalError,
    Unavailable,
)
from app.core.services.refusals import Refusals
from app.core.services.security_log import log_event
from app.core.settings import WORKERS, Settings
from app.core.web.extensions import db
from app.core.web.requests.operations import OPERATION, OUTCOME
from app.core.web.requests.proxies import behind_proxies
from app.core.web.requests.request_ids import with_request_id
from app.core.web.requests.security_headers import security_headers
from soap_service.addresses import (
    ARS_ENDPOINT,
    ARS_WSDL,
    PLAIN,
    ars_endpoint,
    named_service,
    plain_endpoint,
    query_values,
)
from soap_service.dispatch import Call
from soap_service.envelope import Request
from soap_service.faults import (
    CONTENT_TYPE,
    INTERNAL,
    SoapFault,
    fault_body,
    fault_of,
    http_refusal,
    internal_fault,
)
from soap_service.fields import GGUS_ATTACH
from soap_service.guard import BODY_LIMIT, HttpRefusal, limit_of, read_body
from soap_service.journal import Journal, Outcome
from soap_service.services import Served, served
from soap_service.throttle import ListBudget, SameCallThrottle

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

PREFIXES: Final = ("/arsys/", f"{PLAIN}/")
_LOGGED_ERRORS: Final = frozenset({INTERNAL, Unavailable.number, OutcomeUnknown.number})
"""Faults with a line of their own in the log, which names the cause."""
_READS_A_FILE: Final = b"GetAttachment"
"""In every call of the native service that is answered by a file; the name cannot be written in
another way. Where it is in a text by chance, the call is carried out all the same."""


class Mounted:
    """The portal and, under ``/arsys/`` and ``/soap/``, the SOAP services: one application."""

    def __init__(self, flask_app: Flask) -> None:
        settings = flask_app.config["PORTAL"]
        assert isinstance(settings, Settings)
        self._portal = flask_app
        self._door = SoapDoor(flask_app, settings)
        self._soap = with_request_id(
            behind_proxies(self._door, settings.trusted_proxies), lambda _path: "soap"
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if is_ours(environ.get("PATH_INFO", "")):
            return self._soap(environ, start_response)
        return self._portal(environ, start_response)

    def close(self) -> None:
        """Write down what is only in memory; at the orderly end of the process."""
        self._door.journal.close()


def mount(flask_app: Flask) -> Mounted:
    """The doors of one process."""
    return Mounted(flask_app)


def is_ours(path: str) -> bool:
    """Whether an address belongs to this door."""
    return path.startswith(PREFIXES)


def body_limit(path: str, query: str) -> int:
    """Bytes that a request to this door may have at this address."""
    return limit_of(named_service(path, query))


def is_heavy(path: str, query: str, body: bytes) -> bool:
    """Whether a request to this door takes many times the work and memory of another one."""
    if len(body) > BODY_LIMIT:
        return True
    return named_service(path, query) == GGUS_ATTACH.name or _READS_A_FILE in body


def refusal(path: str, query: str, status: HTTPStatus, why: str = "") -> tuple[str, bytes]:
    """Content type and text of a refusal before this door is called; logs it."""
    _log.info("request refused", extra={"status": status.value})
    return CONTENT_TYPE, http_refusal(status, body_limit(path, query), why)


class SoapDoor:
    """The WSGI application of all SOAP services."""

    def __init__(self, flask_app: Flask, settings: Settings) -> None:
        self._flask_app = flask_app
        self._settings = settings
        self._services = served(settings.same_calls_per_minute)
        # written once from the configured address: a forged Host changes nothing
        url, server = settings.public_url, settings.ars_server
        self._ars_wsdls = {
            name: service.wsdl(ars_endpoint(url, server, name))
            for name, service in self._services.items()
        }
        self._plain_wsdls = {
            name: service.wsdl(plain_endpoint(url, name))
            for name, service in self._services.items()
        }
        with flask_app.app_context():
            engine = self._engine = db.engine
        self._key = settings.key or b""
        self._headers = [*security_headers(settings.public_url).items()]
        self.journal = Journal(lambda: Session(engine))
        limit = settings.same_calls_per_minute
        self._throttle = SameCallThrottle(max(1, limit // WORKERS) if limit else 0, limit)
        self._lists = ListBudget()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        allow = "POST"
        limit = body_limit(environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", ""))
        try:
            wsdl, service = self._target(environ)
            if wsdl is not None:
                allow = "GET, HEAD"
                if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
                    raise HttpRefusal(HTTPStatus.METHOD_NOT_ALLOWED)
                return self._respond(start_response, HTTPStatus.OK, wsdl)
            assert service is not None
            body = read_body(environ, limit)
        except HttpRefusal as refused:
            _log_refusal(environ, refused.status.value, None)
            more = [("Allow", allow)] if refused.status is HTTPStatus.METHOD_NOT_ALLOWED else []
            return self._respond(
                start_response, refused.status, http_refusal(refused.status, limit), more
            )
        status, answer, retry = self._answer(environ, service, body)
        return self._respond(start_response, status, answer, retry)

    def _respond(
        self,
        start_response: StartResponse,
        status: HTTPStatus,
        body: bytes,
        more: Iterable[tuple[str, str]] = (),
    ) -> Iterable[bytes]:
        start_response(
            f"{status.value} {status.phrase}",
            [
                ("Content-Type", CONTENT_TYPE),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                *self._headers,
                *more,
            ],
        )
        return [body]

    def _target(self, environ: WSGIEnvironment) -> tuple[bytes | None, Served | None]:
        """The WSDL or the service that the address names. Raises ``HttpRefusal`` (404)."""
        path = environ.get("PATH_INFO", "")
        query = query_values(environ.get("QUERY_STRING", ""))
        server = self._settings.ars_server
        if path == ARS_ENDPOINT:
            named = [(name, value) for name, value in query if name in ("server", "webService")]
            values = dict(named)
            if len(named) == 2 and values.get("server") == server:
                return None, _known(self._services, values.get("webService"))
        elif path.startswith(f"{ARS_WSDL}/{server}/"):
            return _known(self._ars_wsdls, path.removeprefix(f"{ARS_WSDL}/{server}/")), None
        elif path.startswith(f"{PLAIN}/"):
            name = path.removeprefix(f"{PLAIN}/")
            wants_wsdl = any(key.lower() == "wsdl" for key, _ in query)
            if wants_wsdl and environ["REQUEST_METHOD"] != "POST":
                return _known(self._plain_wsdls, name), None
            return None, _known(self._services, name)
        raise HttpRefusal(HTTPStatus.NOT_FOUND)

    def _answer(
        self, environ: WSGIEnvironment, service: Served, body: bytes
    ) -> tuple[HTTPStatus, bytes, Sequence[tuple[str, str]]]:
        outcome = Outcome(service.name, len(body))
        fault = None
        try:
            answer = self._call(environ, service, body, outcome)
        except SoapFault as error:
            fault = error.with_traceback(None)  # which would keep the body until a collection
        except PortalError as error:
            fault = fault_of(error, service.element_of, public_url=self._settings.public_url)
            if isinstance(error, Forbidden) and outcome.actor is not None:
                self._note_refusal(environ, service, outcome, error)
            if isinstance(error, AuthenticationFailed):
                self._log_failed_login(environ, service, outcome)
            if isinstance(error, OutcomeUnknown):
                _log.exception("outcome unknown", extra={"service": service.name})
        except Exception as error:  # noqa: BLE001  # the door's last resort: a client gets a fault
            _log.exception("request failed", extra={"service": service.name})
            fault = (
                fault_of(Unavailable(), public_url=self._settings.public_url)
                if is_unavailable(error)
                else internal_fault()
            )
        environ[OPERATION] = f"{service.name}.{outcome.operation or 'unknown'}"
        if fault is None:
            self.journal.note(outcome, None, len(answer))
            return HTTPStatus.OK, answer, ()
        environ[OUTCOME] = f"fault {fault.number}"
        if fault.number not in _LOGGED_ERRORS:
            _log_refusal(environ, HTTPStatus.INTERNAL_SERVER_ERROR.value, fault)
        answer = fault_body(fault.code, fault.text, fault.detail)
        self.journal.note(outcome, fault.number, len(answer))
        more = [("Retry-After", str(RETRY_AFTER))] if fault.number == Unavailable.number else []
        return HTTPStatus.INTERNAL_SERVER_ERROR, answer, more

    def _note_refusal(
        self, environ: WSGIEnvironment, service: Served, outcome: Outcome, error: Forbidden
    ) -> None:
        assert outcome.actor is not None
        refusals: Refusals = self._flask_app.extensions["refusals"]
        with Session(self._engine) as session:
            refusals.note(
                session,
                outcome.actor,
                service.door,
                what=f"{service.name} {outcome.operation}",
                reason=error.message,
                remote=environ.get("REMOTE_ADDR"),
                now=outcome.at,
            )

    def _log_failed_login(
        self, environ: WSGIEnvironment, service: Served, outcome: Outcome
    ) -> None:
        """One line in the security log, with the login if an account has it."""
        login = outcome.account if isinstance(outcome.account, str) else ""
        if login:
            with Session(self._engine) as session:
                login = known_name(session, ActorKind.PARTNER, login)
        remote = kept_address(environ.get("REMOTE_ADDR"))
        log_event(
            "failed login",
            door=service.door,
            account=login,
            remote=remote,
            kind="account",
            how=f"{service.name} {outcome.operation}",
        )

    def _call(
        self, environ: WSGIEnvironment, service: Served, body: bytes, outcome: Outcome
    ) -> bytes:
        try:
            request = service.read(body, environ.get("HTTP_SOAPACTION"))
        except SoapFault as fault:
            outcome.operation, outcome.account = fault.operation, fault.claimed_login
            raise
        outcome.operation, outcome.account = request.operation.name, request.user
        remote = kept_address(environ.get("REMOTE_ADDR"))
        with Session(self._engine) as session:
            begin_read(session)
            actor = remembered_actor(
                session.connection(), request.user, request.password, datetime.now(UTC), self._key
            )
            if actor is None:
                actor = self._verified(session, request, remote)
            self._admit(actor, request, outcome)
            call = Call(
                actor,
                datetime.now(UTC),
                session,
                self._settings.public_url,
                remote=remote,
                copies_per_day=self._settings.copies_per_day,
            )
            if not _is_list(request):
                return self._carried_out(service, call, request)
            began, size = monotonic(), 0
            try:
                answer = self._carried_out(service, call, request)
                size = len(answer)
                return answer
            finally:
                now = monotonic()
                self._lists.note(actor.account_id, now, now - began, size)

    def _carried_out(self, service: Served, call: Call, request: Request) -> bytes:
        try:
            return service.answer(call, request)
        except (PortalError, SoapFault):
            raise
        except Exception as error:
            if has_committed(call.session):
                raise OutcomeUnknown from error
            raise

    def _admit(self, actor: Actor, request: Request, outcome: Outcome) -> None:
        """Note who calls, and stop an account that loops."""
        outcome.account, outcome.actor = actor.account_id, actor
        self._throttle.admit((actor.account_id, request.content), monotonic())
        if _is_list(request):
            self._lists.admit(actor.account_id, monotonic())

    def _verified(self, session: Session, request: Request, remote: str) -> Actor:
        """The account of these credentials; ``AuthenticationFailed`` for every other cause."""
        now = datetime.now(UTC)
        tried = attempt(session, ActorKind.PARTNER, request.user, request.password, now, self._key)
        if tried.needs_record:
            with transaction(session, beside=True):
                tried = record_attempt(session, tried, now, remote)
        return actor_of_account(session, tried.verified_account())


def _is_list(request: Request) -> bool:
    """Whether an operation answers rows: TicketGetList, OpGetList, ListTickets and their like."""
    return "List" in request.operation.name


def _known(things: Mapping[str, _T], name: str | None) -> _T:
    found = things.get(name or "")
    if found is None:
        raise HttpRefusal(HTTPStatus.NOT_FOUND)
    return found


def _log_refusal(environ: WSGIEnvironment, status: int, fault: SoapFault | None) -> None:
    """One line for a refused request: where it came from and why, nothing that it held."""
    _log.info(
        "request refused",
        extra={
            "status": status,
            "fault": fault.number if fault is not None else None,
            "path": environ.get("PATH_INFO", "")[:100],
            "remote": environ.get("REMOTE_ADDR", ""),
        },
    )
