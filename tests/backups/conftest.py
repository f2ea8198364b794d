"""What backups and moves are of."""

from __future__ import annotations

from typing import Final

import pytest

from app.core.database.transactions import transaction
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import open_ticket
from tests.cast import enter, writer
from tests.harness.databases import open_session

FILE: Final = bytes(range(256)) * 40 + "Zürich \u2028".encode()


@pytest.fixture
def full(database: str) -> str:
    """A database with people, partners, tickets and attachments."""
    with open_session(database) as session:
        cast = enter(session)
        with transaction(session):
            for title in ("Genève 中 'x'", "a\\nb\tc", "%s {} \\N"):
                number = open_ticket(session, writer(cast.kit), NewTicket(title=title)).number
                add_attachment(session, writer(cast.kit), number, "log.bin", FILE)
    return database
