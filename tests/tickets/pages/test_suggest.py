"""What the search box proposes: sites, links and tickets, as options of its list."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.registry.models.registry import SitePrefix
from app.registry.services.registry import require_site
from tests.cast import Cast
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open

HTMX = {"HX-Request": "true", "HX-Target": "suggestions"}


def proposed(visitor: Visitor, typed: str) -> list[tuple[str, str]]:
    """(where it leads, what it says) of each option."""
    text = visitor.get(f"/suggest?q={typed}", HTMX).text
    found = re.findall(r'<li role="option"[^>]* data-href="([^"]*)">(.*?)</li>', text)
    assert len(found) == text.count("<li")
    return [(address, re.sub(r"<[^>]*>", " ", words)) for address, words in found]


def leads(visitor: Visitor, typed: str) -> list[str]:
    return [address for address, _ in proposed(visitor, typed)]


def test_each_kind_is_proposed_by_what_one_knows_of_it(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    first = opened(title="<b>Umbrella</b> lost", internal_comment="walnut")
    second = opened(title="Umbrella found", description="giraffe")
    reader = visit(cast.reader)
    kit, link = "/sites/DE-KIT", "/links/CERN-GRIDKA-LHCOPN-001"
    assert leads(reader, "gridka") == [kit, link]
    assert leads(reader, "FZK") == [kit]
    assert "also FZK-LCG2" in proposed(reader, "fzk")[0][1]
    assert leads(reader, "de-k") == [kit]
    assert leads(reader, "lhcopn") == [link, "/links/CERN-PIC-LHCOPN-001"]
    assert leads(reader, "umbr") == [f"/tickets/{second}", f"/tickets/{first}"]  # newest first
    assert leads(reader, "giraf") == [f"/tickets/{second}"]
    assert leads(reader, f"%23{first}") == [f"/tickets/{first}"]
    assert leads(reader, str(first))[0] == f"/tickets/{first}"  # links hold the digit, too
    assert "&lt;b&gt;Umbrella&lt;/b&gt; lost" in proposed(reader, "lost")[0][1]
    assert leads(reader, "walnut") == []
    assert leads(visit(cast.operator), "walnut") == [f"/tickets/{first}"]


def test_a_site_is_proposed_by_a_prefix_that_it_announces(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        kit = require_site(session, "DE-KIT")
        kit.prefixes = [
            SitePrefix(network=network, prefix="192.0.2.0/24") for network in ("LHCOPN", "LHCONE")
        ]
    reader = visit(cast.reader)
    for typed in ("192.0.2.0/24", "192.0."):
        assert leads(reader, typed) == ["/sites/DE-KIT"]
        assert "also 192.0.2.0/24" in proposed(reader, typed)[0][1]
    assert leads(reader, "192.0.3.") == []


def test_nothing_that_is_typed_is_an_error(cast: Cast, visit: Enter, opened: Open) -> None:
    opened()
    visitor = visit(cast.reader)
    for typed in ("", "%20", "%25", "_", "%22", "*", "%00", "x" * 10_000, "光", "%23", "9" * 300):
        assert leads(visitor, typed) == [], typed


def test_without_a_script_it_is_the_search(cast: Cast, visit: Enter) -> None:
    answer = visit(cast.reader).get("/suggest?q=a+b")
    assert answer.status_code == 302
    assert answer.location == "/tickets?q=a+b&state=open&state=closed"
