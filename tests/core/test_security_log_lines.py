"""A line of the security log is written when what it says was committed, and only then."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Door, Writer
from app.core.services.security_log import LOGGER, log_on_commit
from tests.cast import NOON, Cast


def test_a_savepoint_neither_writes_lines_early_nor_loses_those_before_it(
    session: Session, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    by = Writer(cast.admin, Door.PORTAL, NOON)
    with caplog.at_level(logging.INFO, LOGGER), transaction(session):
        log_on_commit(session, by, "before", "thing", 1)
        with session.begin_nested():
            log_on_commit(session, by, "released", "thing", 2)
        assert not caplog.messages, "it may still be rolled back"
        gone = session.begin_nested()
        log_on_commit(session, by, "rolled back", "thing", 3)
        gone.rollback()
        log_on_commit(session, by, "after", "thing", 4)
    assert caplog.messages == ["before", "released", "after"]
