"""``flask events source``: what a person types, what is stored, and how it fails."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.services.changes import changes_of
from app.events.models.events import EventSource
from app.events.services.events import SOURCE
from app.events.services.sources import labels_of

SET = ["events", "source", "set", "noc"]


def ran(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=list(arguments))
    return result.exit_code, result.output


def test_a_source_is_made_changed_and_listed(app: Flask, session: Session) -> None:
    assert ran(app, *SET, "--link-label", "circuit", "--state", "Flapping=degraded")[0] == 0
    assert ran(app, *SET, "--site-label", "ort")[0] == 0
    assert ran(app, *SET, "--site-label", "ort")[0] == 0
    labels = labels_of(session, "noc")
    assert (labels.link, labels.site, labels.state) == ("circuit", "ort", "state")
    assert labels.words == {"flapping": "degraded"}
    source = session.scalars(select(EventSource)).one()
    assert source.version == 2
    assert [
        [(item.field, item.old, item.new) for item in change.fields]
        for change in changes_of(session, SOURCE, source.id)
    ] == [
        [
            ("name", None, "noc"),
            ("kind", None, "alertmanager"),
            ("link_label", "link", "circuit"),
            ("state_words", None, "flapping=degraded"),
        ],
        [("site_label", "site", "ort")],
    ]
    session.rollback()
    code, listed = ran(app, "events", "source", "list")
    assert code == 0
    for word in ("noc", "alertmanager", "circuit, ort, state, layer", "flapping=degraded", "never"):
        assert word in listed
    assert ran(app, *SET, "--usual-states")[0] == 0
    assert labels_of(session, "noc").words == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--state", "down"], "WORD=STATE"),
        (["--state", "x=up"], "down, degraded, unmonitored"),
        (["--state", "x=down", "--usual-states"], "not both"),
        (["--link-label", " "], "Enter the name of the label"),
    ],
)
def test_what_cannot_be_set_is_one_line(
    app: Flask, session: Session, arguments: list[str], told: str
) -> None:
    code, output = ran(app, *SET, *arguments)
    assert code != 0
    assert told in output
    assert len(output.strip().splitlines()) == 1
    assert session.scalars(select(EventSource)).all() == []


def test_a_name_that_the_address_of_a_webhook_cannot_hold_is_refused(
    app: Flask, session: Session
) -> None:
    for name in ("..", "noc/../x", "noc/"):
        code, output = ran(app, "events", "source", "set", name)
        assert code != 0
        assert "is part of the webhook URL" in output
    assert session.scalars(select(EventSource)).all() == []


def test_a_source_is_heard_by_a_scheduled_job(app: Flask, session: Session) -> None:
    assert ran(app, *SET, "--expected-minutes", "15")[0] == 0
    assert ran(app, "events", "heard", "noc") == (0, "Source noc was heard.\n")
    source = session.scalars(select(EventSource)).one()
    assert (source.expected_minutes, source.calls) == (15, True)
    assert source.last_heard_at is not None
    session.rollback()
    code, told = ran(app, "events", "heard", "nocc")
    assert code != 0
    assert "No source has this name" in told
    assert ran(app, *SET, "--expected-minutes", "0")[0] != 0
