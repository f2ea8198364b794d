"""Addresses that the portal builds: that of a page is never that of its file."""

from __future__ import annotations

from flask import Flask, url_for


def test_a_page_is_not_linked_as_its_file(app: Flask) -> None:
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and "." not in rule.rule and rule.arguments <= {"kind"}
    }
    assert {"statistics.tickets", "availability.page", "events.listing"} <= pages
    with app.test_request_context():
        assert [page for page in pages if "." in url_for(page)] == []
        assert url_for("statistics.tickets", kind="csv") == "/statistics/tickets.csv"
