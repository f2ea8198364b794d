"""The SOAP door's fixtures: the real server with partner accounts.

wire          on both databases
sqlite_wire   on SQLite only: where the database cannot make a difference
"""

from __future__ import annotations

import pytest

from tests.harness.server import LiveServer
from tests.soap_service.wire import Wire, create_accounts


@pytest.fixture(scope="module")
def wire(live_server: LiveServer) -> Wire:
    create_accounts(live_server)
    return Wire(live_server)


@pytest.fixture(scope="module")
def sqlite_wire(sqlite_server: LiveServer) -> Wire:
    create_accounts(sqlite_server)
    return Wire(sqlite_server)
