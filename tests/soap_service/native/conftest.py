"""The native service's fixtures: the real server with partners' accounts and the registry.

native          on both databases
sqlite_native   on SQLite only: where the database cannot make a difference
"""

from __future__ import annotations

import pytest

from tests.harness.server import LiveServer
from tests.soap_service.native.client import Native, create_native_account


@pytest.fixture(scope="module")
def native(live_server: LiveServer) -> Native:
    return create_native_account(live_server)


@pytest.fixture(scope="module")
def sqlite_native(sqlite_server: LiveServer) -> Native:
    return create_native_account(sqlite_server)
