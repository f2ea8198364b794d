"""``flask partner hints``: the secret with which a partner's system signs its webhooks."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.services.sealing import publish_key
from app.exchange.models.connections import Connection
from app.exchange.services.connections.secrets import HINT, live_secrets, opened
from tests.harness.commands import flask

KEY = b"the portal's secret key of 32 bytes"
CONNECT = (
    *("partner", "connect", "GGUS", "--kind", "zammad", "--url", "https://ggus.example"),
    *("--direction", "both"),
)


def test_two_are_live_until_the_older_is_ended(database: str, session: Session) -> None:
    with transaction(session):
        publish_key(session, KEY)
    assert flask(database, *CONNECT).returncode == 0
    refused = flask(database, "partner", "hints", "GGUS", "--end-old")
    assert refused.stderr.decode() == "Error: There is no older secret to end\n"
    for secret in ("first", "second"):
        done = flask(database, "partner", "hints", "GGUS", stdin=f"{secret}\n")
        assert done.returncode == 0, done.stderr
        assert done.stdout.decode().startswith("Webhooks of GGUS are taken at http")
        assert done.stdout.decode().endswith("/hooks/zammad/GGUS\n")
        assert secret not in done.stdout.decode()
    connection = session.scalars(select(Connection)).one()
    found = [opened(one, KEY) for one in live_secrets(session, connection, HINT)]
    assert found == ["second", "first"]
    session.rollback()
    assert flask(database, "partner", "hints", "GGUS", "--end-old").returncode == 0
    found = [opened(one, KEY) for one in live_secrets(session, connection, HINT)]
    assert found == ["second"]
