"""CRIC's proposals in a real browser: accepted row by row, one refused, never asked again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, Page, expect

from app.core.database.transactions import transaction
from app.registry.adapters.cric.reading import parse
from app.registry.services.cric import (
    accept_proposal,
    open_proposals,
    read_source,
    refuse_proposal,
)
from app.registry.services.sites import site_of_key, site_values
from tests import cric_sample
from tests.browser.test_accessibility import _grave
from tests.browser.visit import log_in, mark, people_of, sideways, still_marked
from tests.cast import Cast, writer
from tests.harness.databases import fresh_database
from tests.harness.server import LiveServer, live, test_settings

CRIC = "/admin/cric"
SAMPLE: FilePayload = {
    "name": "cric.json",
    "mimeType": "application/json",
    "buffer": cric_sample.CONTENT,
}


@pytest.fixture
def server() -> Iterator[LiveServer]:
    """One for each test: what is decided is decided for good."""
    with fresh_database("sqlite") as url, live(test_settings(url)) as server:
        yield server


@pytest.fixture
def cast(server: LiveServer) -> Cast:
    return people_of(server)


def read_sample(page: Page) -> None:
    page.locator("details.source:not([open]) > summary").click()
    page.locator("#file").set_input_files(SAMPLE)
    page.get_by_role("button", name="Read and compare").click()
    expect(page.locator("#notices")).to_contain_text("CRIC read: 8 records")


def test_each_row_is_accepted_and_one_is_refused(
    browser_page: Page, server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    log_in(page, server, "admin", CRIC)
    page.locator("#file").set_input_files(SAMPLE)
    page.get_by_role("button", name="Read and compare").click()
    expect(page.get_by_role("heading", name="Proposed: 22")).to_be_visible()
    expect(page.get_by_text("tier2.example: false lhcopn_active flag")).to_be_visible()
    assert _grave(page) == []
    mark(page)
    refused = page.get_by_role("button", name="Refuse Country of ES-PIC")
    row = page.locator("tr", has=refused)
    expect(row).to_contain_text("FR")
    refused.press("Enter")
    expect(page.get_by_role("button", name="Propose Country of ES-PIC again")).to_be_visible()
    accepts = page.get_by_role("button", name="Accept ")
    for left in range(21, 0, -1):
        expect(accepts).to_have_count(left)
        accepts.first.click()
    expect(accepts).to_have_count(0)
    assert still_marked(page)
    expect(page.locator(".proposals .state.ok")).to_have_count(21)
    with server.session() as session:
        cern = site_values(site_of_key(session, "CH-CERN"))
        pic = site_values(site_of_key(session, "ES-PIC"))
    assert (cern["bandwidth_gbps"], cern["asns"], cern["vos"]) == (
        2100.0,
        (513,),
        ("ATLAS", "LHCb"),
    )
    assert (pic["country"], pic["bandwidth_gbps"], pic["tier"]) == ("ES", 150.0, 1)
    # the same source again: nothing is left to decide, and the refusal is remembered
    page.goto(server.url + CRIC)
    read_sample(page)
    expect(page.get_by_role("heading", name="No proposals pending")).to_be_visible()
    expect(page.get_by_text("refused", exact=True)).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 844})
    assert sideways(page) <= 0


def test_without_javascript_the_page_comes_back_each_time(
    plain_page: Page, server: LiveServer, cast: Cast
) -> None:
    by, page = writer(cast.admin), plain_page
    with server.session() as session, transaction(session):
        read_source(session, by, parse(cric_sample.CONTENT))
        for one in open_proposals(session):
            if (one.site.key, one.proposal.field) == ("ES-PIC", "country"):
                refuse_proposal(session, by, one.proposal.id)
            else:
                accept_proposal(session, by, one.proposal.id, one.seen)
    log_in(page, server, "admin", CRIC)
    page.get_by_role("button", name="Propose Country of ES-PIC again").click()
    page.get_by_role("button", name="Accept Country of ES-PIC").click()
    expect(page.get_by_role("heading", name="No proposals pending")).to_be_visible()
    with server.session() as session:
        assert site_of_key(session, "ES-PIC").country == "FR"


def test_an_alarm_is_to_be_seen(
    browser_page: Page, server: LiveServer, cast: Cast, expected_statuses: set[int]
) -> None:
    expected_statuses.add(422)
    page = browser_page
    with server.session() as session, transaction(session):
        read_source(session, writer(cast.admin), parse(cric_sample.CONTENT))
    log_in(page, server, "admin", CRIC)
    page.locator("details.source:not([open]) > summary").click()
    page.locator("#file").set_input_files({**SAMPLE, "buffer": b"{}"})
    page.get_by_role("button", name="Read and compare").click()
    expect(page.locator("#alarm")).to_contain_text(
        "The data from CRIC is empty; nothing was changed"
    )
    expect(page.get_by_label("Use the data even if it has far fewer records")).to_be_visible()
