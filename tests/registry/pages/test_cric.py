"""CRIC's page: reading a source, deciding row by row, with and without htmx."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.registry.adapters.cric.reading import NOT_READ
from app.registry.models.registry import Proposal
from app.registry.services.cric import open_proposals
from app.registry.services.sites import change_site, site_of_key
from tests import cric_sample
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

CRIC = "/admin/cric"


def upload(visitor: Visitor, content: bytes = cric_sample.CONTENT, **more: str) -> TestResponse:
    return visitor.upload(CRIC, {"url": "", **more}, "cric.json", content)


def number_of(session: Session, key: str, field: str) -> int:
    session.rollback()
    (found,) = [
        shown.proposal.id
        for shown in open_proposals(session)
        if (shown.site.key, shown.proposal.field) == (key, field)
    ]
    session.rollback()
    return found


def decide(
    visitor: Visitor, number: int, what: str, *, htmx: bool = False, seen: str | None = None
) -> TestResponse:
    """Press a button of the page as it stands."""
    path = f"{CRIC}/{number}/{what}"
    fields = visitor.read(CRIC).form(path).data()
    fields.pop("csrf_token")
    if seen is not None:
        fields["seen"] = [seen]
    headers = {"HX-Request": "true", "HX-Target": f"proposal-{number}"} if htmx else {}
    return visitor.send(path, fields, headers)


def state(session: Session, number: int) -> str:
    session.rollback()
    found = session.get_one(Proposal, number).state
    session.rollback()
    return found


def test_a_source_is_read_and_decided_on(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    assert "CRIC was never read" in visitor.read(CRIC).text
    done = upload(visitor)
    assert (done.status_code, done.location) == (303, CRIC)
    page = visitor.read(CRIC)
    assert "CRIC read: 8 records, 22 new proposals, 0 no longer proposed." in page.text
    assert "Proposed: 22" in page.text
    assert (
        "Bandwidth Gb/s nothing 2100 NetSite CH-CERN 2100 Gb/s, NetRoute CERN-A 2000" in page.text
    )
    assert "tier2.example: false lhcopn_active flag" in page.text
    right, wrong = (
        number_of(session, "CH-CERN", "bandwidth_gbps"),
        number_of(session, "ES-PIC", "country"),
    )
    accepted = decide(visitor, right, "accept")
    assert (accepted.status_code, accepted.location) == (303, f"{CRIC}#proposal-{right}")
    assert decide(visitor, wrong, "refuse").status_code == 303
    assert site_of_key(session, "CH-CERN").bandwidth_gbps == 2100
    assert site_of_key(session, "ES-PIC").country == "ES"
    page = visitor.read(CRIC)
    assert "Proposed: 20" in page.text
    assert "ES-PIC Country FR refused Propose again admin" in page.text
    assert upload(visitor).status_code == 303
    assert "20" in visitor.read(CRIC).text
    assert state(session, wrong) == "refused"
    assert decide(visitor, wrong, "reopen").status_code == 303
    assert state(session, wrong) == "open"


def test_htmx_gets_the_row_as_it_is_now(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    upload(visitor)
    number = number_of(session, "DE-KIT", "asns")
    row = decide(visitor, number, "accept", htmx=True)
    assert row.status_code == 200
    assert row.text.strip().startswith(f'<tr id="proposal-{number}"')
    assert "accepted" in PageReader(row.text).text
    again = visitor.send(
        f"{CRIC}/{number}/accept", {}, {"HX-Request": "true", "HX-Target": f"proposal-{number}"}
    )
    assert again.status_code == 409
    assert "This proposal is accepted" in PageReader(again.text).text


def test_a_value_that_changed_meanwhile_is_not_overwritten(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    upload(visitor)
    number = number_of(session, "DE-KIT", "bandwidth_gbps")
    form = visitor.read(CRIC).form(f"{CRIC}/{number}/accept").data()
    with transaction(session):
        change_site(session, writer(cast.admin), "DE-KIT", {"bandwidth_gbps": 120.0})
    late = visitor.send(f"{CRIC}/{number}/accept", form)
    assert late.status_code == 409
    page = PageReader(late.text)
    assert "Somebody changed this value to 120 since it was shown" in page.text
    assert "Changed in the registry since the comparison; was nothing" in page.text
    assert state(session, number) == "open"
    form = page.form(f"{CRIC}/{number}/accept").data()
    assert visitor.send(f"{CRIC}/{number}/accept", form).status_code == 303
    assert site_of_key(session, "DE-KIT").bandwidth_gbps == 200


def test_an_alarm_is_shown_and_changes_nothing(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    upload(visitor)
    empty = upload(visitor, b"{}")
    assert empty.status_code == 422
    assert "The data from CRIC is empty; nothing was changed" in PageReader(empty.text).text
    page = visitor.read(CRIC)  # also for who comes later
    assert "Not used: The data from CRIC is empty" in page.text
    assert "Proposed: 22" in page.text
    small = upload(visitor, b'{"CERN-PROD": {}}')
    assert "fewer than 80% of the 8" in PageReader(small.text).text
    assert upload(visitor, b'{"CERN-PROD": {}}', smaller="y").status_code == 303
    assert "Not used" not in visitor.read(CRIC).text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>", "The data from CRIC is not JSON"),
        (b"[]", "must be a JSON object"),
        (b"", "The data from CRIC is not JSON"),
        (b"\xff", "not JSON in UTF-8"),
        (b'{"<script>alert(1)</script>": 5}', "No record of the data from CRIC can be read"),
    ],
)
def test_what_is_no_source_is_told(
    session: Session, cast: Cast, visit: Enter, content: bytes, words: str
) -> None:
    answer = upload(visit(cast.admin), content)
    assert answer.status_code == 422
    assert words in PageReader(answer.text).text
    assert "<script>alert" not in answer.text


def test_a_hostile_name_is_only_text(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    name = "<img src=x onerror=alert(1)>"
    netsites = {name: {"lhcopn_active": True, "lhcopn_bandwidth": 200}}
    record = cric_sample.of("FZK-LCG2", netsites=netsites)
    assert upload(visitor, cric_sample.changed(**{"FZK-LCG2": record})).status_code == 303
    assert name in visitor.read(CRIC).text
    assert "<img" not in visitor.get(CRIC).text


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "http://127.0.0.1:1/", "no address"])
def test_an_address_that_cannot_be_read_is_told(cast: Cast, visit: Enter, url: str) -> None:
    answer = visit(cast.admin).send(CRIC, {"url": url})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert " ".join(page.alerts)
    assert page.form(CRIC).values("url") == [url]


def test_what_is_inside_of_the_network_is_not_told(
    cast: Cast, visit: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    told = {
        PageReader(visit(cast.admin).send(CRIC, {"url": url}).text).alerts[-1]
        for url in ("http://127.0.0.1:1/", "http://2130706433/", "http://no-such.invalid/")
    }
    assert told == {NOT_READ}
    assert len(caplog.records) >= 3


def test_too_large_a_file_is_refused(cast: Cast, visit: Enter) -> None:
    large = upload(visit(cast.admin), b" " * 9_000_000)
    assert large.status_code == 413
    assert "flask cric import" in PageReader(large.text).text


@pytest.mark.parametrize("who", ["operator", "kit", "reader"])
def test_only_admins_know_the_page(session: Session, cast: Cast, visit: Enter, who: str) -> None:
    upload(visit(cast.admin))
    number = number_of(session, "ES-PIC", "country")
    visitor = visit(getattr(cast, who))
    before = session.scalar(select(func.count()).select_from(Change))
    session.rollback()
    assert visitor.get(CRIC).status_code == 403
    assert upload(visitor).status_code == 403
    for what in ("accept", "refuse", "reopen"):
        assert visitor.send(f"{CRIC}/{number}/{what}", {"seen": ""}).status_code == 403
    assert session.scalar(select(func.count()).select_from(Change)) == before


def test_unknown_proposals_and_no_login(app: Flask, cast: Cast, visit: Enter) -> None:
    assert visit(cast.admin).send(f"{CRIC}/999/accept", {}).status_code == 404
    assert Visitor(app).get(CRIC).location.startswith("/login")
