"""The published document against the application, by schemathesis: what it makes from the document,
allowed and not, is answered as the document says, whoever asks. Nothing answers 500.

Ten examples of an operation for each role on SQLite in ``make test-all``, for administrators with
the bounds of every schema and with calls that follow each other; ``make test-rest`` takes a hundred
(``SCHEMATHESIS_EXAMPLES``) as administrator on both databases. They are the same in each run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from flask import Flask
from schemathesis import HookContext
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from sqlalchemy.orm import Session
from werkzeug import Client

from app.api import OPERATIONS
from app.api.events.events import RECEIVERS
from app.core.database.transactions import transaction
from app.core.rules.scopes import Scope
from app.factory import API as APPLICATION
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.api.conftest import Calling
from tests.cast import Cast, writer
from tests.harness.databases import KINDS, fresh_database

FEW: Final = 10
EXAMPLES: Final = int(os.environ.get("SCHEMATHESIS_EXAMPLES", FEW))
IS_LONG: Final = EXAMPLES > FEW
ROLES: Final = ("admin",) if IS_LONG else ("admin", "operator", "reader", "partner", "system")
_CURSOR: Final = "where a page begins is taken from the page before, and no pattern says which are"
_IN_WORDS: Final = ("/v1/statistics/", "/v1/calendar", "/v1/duties", "/v1/detected-events")
CHECKS: Final[dict[str, Any]] = {
    "positive_data_acceptance": {
        # 412: of an If-Match that is nobody's ETag; 422: of what only the rows, or two fields
        # together, can say
        "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "412", "422"]
    },
    "negative_data_rejection": {
        "expected-statuses": ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422"]
    },
}
"""What is expected beside what the checks expect of themselves; all of them are on."""
LEFT_OUT: Final[dict[tuple[str, str], str]] = {
    **{
        (name, "positive_data_acceptance"): _CURSOR
        for name in ("listTickets", "listAudit", "listRefusals", "listFailedLogins")
    },
    ("listChanges", "positive_data_acceptance"): "a cursor may be ahead of every change",
    ("listEvents", "positive_data_acceptance"): "times are read in more ways than a pattern says",
    **{
        (one.name, "positive_data_acceptance"): "days and quarters are read as pages read them"
        for one in OPERATIONS
        if one.path.startswith(_IN_WORDS)
    },
    ("listReports", "positive_data_acceptance"): "quarters exclude each other, and sites exist",
    **{
        (name, "positive_data_acceptance"): "no pattern says which characters no text can hold"
        for name in ("reportEvents", "attachFile", "attachReportFile")
    },
    ("reportNotices", "positive_data_acceptance"): "no schema says what a mail or a calendar is",
    **{
        (one.name, "positive_data_acceptance"): "a source has fewer characters than other keys, and"
        " no pattern says which times can be"
        for one in RECEIVERS
        if one.name != "reportAlerts"
    },
    **{
        (one.name, "negative_data_rejection"): "what can be stored of a notification is: it comes"
        " once"
        for one in RECEIVERS
    },
    ("createTicketNttdm", "positive_data_acceptance"): "NTTDM is more than XML of some root",
}
"""Checks that cannot hold of an operation, and why."""


@pytest.fixture(params=KINDS if IS_LONG else KINDS[:1])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of each kind in the long run, else of SQLite."""
    with fresh_database(request.param) as url:
        yield url


def _shadowed(app: Flask) -> Iterator[tuple[str, str]]:
    """Operations at whose address another one's key is found too: its methods are named there."""
    addresses = app.extensions[APPLICATION].url_map.bind("")
    for one in OPERATIONS:
        allowed = addresses.allowed_methods(re.sub(r"\{\w+\}", "1", one.path))
        declared = {other.method for other in OPERATIONS if other.path == one.path}
        if set(allowed) - {"HEAD", "OPTIONS"} != declared:
            yield one.name, "unsupported_method"
            yield one.name, "allow_header_conformance"


class _Client(Client):
    """Leaves what only a client over a network can use, which 4.32 hands on to one in-process."""

    def open(self, *given: Any, **more: Any) -> Any:
        for name in ("max_redirects", "verify", "cert", "proxies"):
            more.pop(name, None)
        return super().open(*given, **more)


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemathesis.python.wsgi.get_client", _Client)


def _config(app: Flask, secret: str, *, every_phase: bool) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": 21,
            "continue-on-failure": True,
            "headers": {"Authorization": f"Bearer {secret}"},
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True},
            "phases": {
                name: {"enabled": every_phase} for name in ("coverage", "examples", "stateful")
            },
            "checks": CHECKS,
            "operations": [
                {"include-operation-id": name, "checks": {check: {"enabled": False}}}
                for name, check in (*LEFT_OUT, *_shadowed(app))
            ],
        }
    )


def _told(recorder: ScenarioRecorder) -> Iterator[tuple[str, str]]:
    """What failed, by operation and check; and what was asked and answered then."""
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                failure, call = check.failure_info.failure, recorder.interactions.get(case)
                text = f"{failure.title}: {failure.message[:600]}"
                if call is not None:
                    text += (
                        f"\n  {call.request.method} {call.request.uri} {call.request.body!r:.300}"
                    )
                if call is not None and call.response is not None:
                    text += f"\n  {call.response.status_code} {call.response.content!r:.400}"
                yield f"{recorder.label}: {check.name}", text


@pytest.mark.timeout(3600 if IS_LONG else 900)
@pytest.mark.parametrize("role", ROLES)
def test_the_document_holds_for(
    role: str, app: Flask, session: Session, cast: Cast, calling: Calling
) -> None:
    with transaction(session):
        for title in ("Link down", "New optics"):
            open_ticket(session, writer(cast.operator), NewTicket(title=title))
    if role in ("admin", "operator", "reader"):
        program = calling(*Scope, of=getattr(cast, role))
    elif role == "partner":
        program = calling("read", "tickets", account=cast.ggus.account)
    else:
        program = calling(*(set(Scope) - {Scope.ADMIN}))
    config = _config(app, program.secret, every_phase=role == "admin")
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=config)

    @schema.hook
    def filter_case(_context: HookContext, case: Any) -> bool:
        """Leave out what would end the token that asks."""
        return case.path_parameters.get("person") not in ROLES

    found: dict[str, str] = {}
    asked = 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            found.setdefault(str(event.label), repr(event.value))
        assert not isinstance(event, events.FatalError), event.exception
        if isinstance(event, events.ScenarioFinished):
            asked += len(event.recorder.interactions)
            for what, text in _told(event.recorder):
                found.setdefault(what, text)
    assert asked > schema.statistic.operations.total
    assert program.get("/api/v1/changes").status_code != 401, "its token was ended"
    assert not found, "\n".join(f"{what}: {text}" for what, text in found.items())
