"""The stacks' server is that of the SOAP door's tests."""

from __future__ import annotations

from tests.soap_service.conftest import sqlite_wire

__all__ = ["sqlite_wire"]
