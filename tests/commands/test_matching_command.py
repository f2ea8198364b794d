"""``flask events match``: a range or everything, with progress, and one line for what is wrong."""

from __future__ import annotations

from flask import Flask
from sqlalchemy.orm import Session

from tests.cast import enter
from tests.matching.matching_world import LINK, report, ticket


def test_a_range_is_matched_on_demand(app: Flask, session: Session) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:00")
    report(session, cast, "2012-12-05 10:00", "2012-12-05 11:00", link="CERN-PIC-LHCOPN-001")
    ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 11:00")
    run = app.test_cli_runner()
    done = run.invoke(args=["events", "match", "--from", "2013-Q1", "--to", "2013-Q1"])
    assert done.exit_code == 0, done.output
    told = "Links and sites: 1. Detected events: 1; counted: 1; of these documented: 1"
    assert told in done.output
    assert "Matched" in done.stderr
    whole = run.invoke(args=["events", "match"])
    assert "Links and sites: 2. Detected events: 2; counted: 2" in whole.output
    for wrong, words in (
        (["--from", "soon"], "write a quarter as 2012-Q1"),
        (["--from", "2013-Q1", "--to", "2012-Q4"], "--to is not behind --from"),
    ):
        refused = run.invoke(args=["events", "match", *wrong])
        assert refused.exit_code != 0
        assert words in refused.stderr
