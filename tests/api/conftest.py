"""Programs with tokens, in-process: the cast, and a caller with any token."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.services.tokens import create_own_token, create_token
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from tests.cast import Cast, enter, writer


@dataclass(frozen=True)
class Program:
    """A program that sends its secret with each request."""

    app: Flask
    secret: str

    def get(self, path: str, **headers: str) -> TestResponse:
        """One answer; header names are written with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        bearer = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return self.app.test_client().get(path, headers={**bearer, **given}, buffered=True)

    def post(self, path: str, content: Any, **headers: str) -> TestResponse:
        """One answer to a body: bytes as they are, anything else as JSON."""
        return self.send("POST", path, content, **headers)

    def send(self, method: str, path: str, content: Any = None, **headers: str) -> TestResponse:
        """One answer to a write: bytes as they are, None as no body, anything else as JSON."""
        given = {} if content is None else {"Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        bearer = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        if content is not None and not isinstance(content, bytes):
            content = json.dumps(content).encode()
        return self.app.test_client().open(
            path, method=method, data=content, headers={**bearer, **given}, buffered=True
        )

    def read(self, path: str) -> Any:
        """The content of an answer that is 200."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json


Calling = Callable[..., Program]


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


@pytest.fixture
def calling(app: Flask, session: Session, cast: Cast) -> Calling:
    """A program with a new token of these scopes: a system's, of the person ``of``, or of the
    partner's account with the login ``account``."""
    count = iter(range(100))

    def program(
        *scopes: str, of: Actor | None = None, days: int = 30, account: str = ""
    ) -> Program:
        now, name = datetime.now(UTC), f"program-{next(count)}"
        with transaction(session):
            made = (
                create_token(session, writer(cast.admin, now), name, scopes, days, account)
                if of is None
                else create_own_token(session, writer(of, now), name, scopes, days)
            )
        return Program(app, made.secret)

    return program
