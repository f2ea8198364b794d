"""Secrets of connections: sealed by whoever has the database, opened by the portal alone."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import Invalid, NotFound
from app.core.services.sealing import publish_key
from app.exchange.models.connections import Connection, ConnectionSecret
from app.exchange.services.connections.connections import connect
from app.exchange.services.connections.secrets import (
    LOGIN,
    add_secret,
    end_secret,
    live_secrets,
    opened,
)
from tests.exchange.exchange_world import BEGIN

KEY, OTHER_KEY = b"the portal's secret key of 32 bytes", b"another secret key of 32 characters"
BY = Writer(actor=SYSTEM, door=Door.COMMAND, now=BEGIN)


@pytest.fixture
def connection(session: Session) -> Connection:
    with transaction(session):
        return connect(session, BY, "GGUS", "zammad", url="https://x.example", direction="push")


def test_only_the_portals_key_opens_what_a_command_sealed(
    session: Session, connection: Connection
) -> None:
    with transaction(session):
        publish_key(session, KEY)
    with transaction(session):
        add_secret(session, BY, connection, LOGIN, "token-of-them")
    row = session.scalars(select(ConnectionSecret)).one()
    assert "token-of-them" not in row.sealed
    assert opened(row, KEY) == "token-of-them"
    with pytest.raises(Invalid, match="has changed"):
        opened(row, OTHER_KEY)


def test_a_sealed_secret_opens_in_its_own_row_alone(
    session: Session, connection: Connection
) -> None:
    with transaction(session):
        for secret in ("first", "second"):
            add_secret(session, BY, connection, LOGIN, secret, KEY)
    newest, oldest = live_secrets(session, connection, LOGIN)
    assert (opened(newest, KEY), opened(oldest, KEY)) == ("second", "first")
    moved = ConnectionSecret(id=newest.id, connection_id=connection.id, sealed=oldest.sealed)
    with pytest.raises(Invalid):
        opened(moved, KEY)


def test_two_are_live_and_a_third_has_to_wait(session: Session, connection: Connection) -> None:
    with transaction(session):
        for secret in ("first", "second"):
            add_secret(session, BY, connection, LOGIN, secret, KEY)
    with pytest.raises(Invalid, match="revoke one first"), transaction(session):
        add_secret(session, BY, connection, LOGIN, "third")
    oldest = live_secrets(session, connection, LOGIN)[1]
    with transaction(session):
        end_secret(session, BY, connection, oldest.id)
    with transaction(session):
        add_secret(session, BY, connection, LOGIN, "third")
    assert [opened(row, KEY) for row in live_secrets(session, connection, LOGIN)] == [
        "third",
        "second",
    ]
    with pytest.raises(NotFound), transaction(session):
        end_secret(session, BY, connection, oldest.id)


def test_without_a_key_nothing_is_stored_openly(session: Session, connection: Connection) -> None:
    with pytest.raises(Invalid, match="Start the portal once"), transaction(session):
        add_secret(session, BY, connection, LOGIN, "token-of-them")
    assert session.scalars(select(ConnectionSecret)).all() == []
