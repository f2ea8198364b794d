"""The search: what it proposes, where Enter leads, and its page without scripts."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from urllib.parse import quote

from markupsafe import escape
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.home.pages.places import PAGES
from app.registry.models.registry import SiteName, SitePrefix
from app.registry.services.registry import require_site
from tests.cast import Cast
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open

HTMX = {"HX-Request": "true", "HX-Target": "suggestions"}
KIT, LINK = "/sites/DE-KIT", "/links/CERN-GRIDKA-LHCOPN-001"
EVERY_TICKET = "Show all tickets that contain this"


def proposed(visitor: Visitor, typed: str) -> list[tuple[str, str]]:
    """(where it leads, what it says) of each option."""
    text = visitor.get(f"/search?q={typed}", HTMX).text
    found = re.findall(r'<li role="option"[^>]* data-href="([^"]*)">(.*?)</li>', text)
    assert len(found) == text.count("<li")
    if found:
        assert found.pop() == (
            str(escape(f"/tickets?q={typed}&state=open&state=closed")),
            f'<span class="kind">Search</span><span class="what">{EVERY_TICKET}</span>',
        )
    return [(address, re.sub(r"<[^>]*>", " ", words)) for address, words in found]


def leads(visitor: Visitor, typed: str) -> list[str]:
    return [address for address, _ in proposed(visitor, typed)]


def test_each_kind_is_proposed_by_what_one_knows_of_it(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    first = opened(title="<b>Umbrella</b> lost", internal_comment="walnut")
    second = opened(title="Umbrella found", description="giraffe")
    reader = visit(cast.reader)
    assert leads(reader, "gridka") == [KIT, LINK]
    assert leads(reader, "FZK") == [KIT]
    assert "also FZK-LCG2" in proposed(reader, "fzk")[0][1]
    assert leads(reader, "de-k") == [KIT]
    assert leads(reader, "lhcopn") == [LINK, "/links/CERN-PIC-LHCOPN-001"]
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


def test_pages_are_found_by_name_as_far_as_one_may_see_them(cast: Cast, visit: Enter) -> None:
    admin, operator, reader = (visit(one) for one in (cast.admin, cast.operator, cast.reader))
    for visitor in (admin, operator, reader):
        assert leads(visitor, "calen")[0] == "/calendar/agenda"
        assert leads(visitor, "lhc+cal") == ["/calendar/lhc"]
    assert leads(operator, "new+ticket") == ["/tickets/new"]
    assert leads(reader, "new+ticket") == []
    assert leads(operator, "report+event") == ["/events/new"]
    assert leads(visit(cast.kit), "report+event") == []
    for typed, *addresses in (
        ("background", "/work"),
        ("mails", "/mails", "/mails/incoming"),
        ("incoming+mails", "/mails/incoming"),
    ):
        assert leads(admin, typed) == leads(operator, typed) == addresses
        assert leads(reader, typed) == []
    for typed, address in (
        ("audit", "/admin/audit"),
        ("partners", "/partners"),
        ("cric", "/admin/cric"),
    ):
        assert leads(admin, typed) == [address]
        assert leads(operator, typed) == leads(reader, typed) == []


def test_saved_filters_are_found_by_who_may_use_them(cast: Cast, visit: Enter) -> None:
    operator, reader = visit(cast.operator), visit(cast.reader)
    for name, use in (("Night shift", "private"), ("Night of all", "shared")):
        operator.send("/filters", {"name": name, "use": use, "query": "q=x"})
    assert len(leads(operator, "night")) == 2
    assert [words.split() for _, words in proposed(reader, "night")] == [
        ["Filter", "Night", "of", "all"]
    ]
    (address,) = leads(reader, "night")
    assert reader.get(address).location.startswith("/tickets?q=x&filter=")


def test_names_are_found_in_any_case_of_any_alphabet(cast: Cast, visit: Enter) -> None:
    operator = visit(cast.operator)
    operator.send("/filters", {"name": "Überfällig", "use": "private", "query": "q=x"})
    for typed in ("Überf", "überf", "FÄLLIG"):
        assert len(leads(operator, quote(typed))) == 1, typed


def test_people_are_found_by_admins_alone(cast: Cast, visit: Enter) -> None:
    found = {address: words.split() for address, words in proposed(visit(cast.admin), "pic")}
    assert found["/admin/people/pic"] == ["Person", "pic", "reporter"]
    assert "/admin/people/pic" not in leads(visit(cast.operator), "pic")


def test_every_page_that_is_found_is_there(cast: Cast, visit: Enter) -> None:
    admin = visit(cast.admin)
    for page in PAGES:
        (address,) = {
            address
            for address, words in proposed(admin, page.word.replace(" ", "+"))
            if unescape(" ".join(words.split())) == f"Page {page.word}"
        }
        assert admin.get(address).status_code in (200, 302), address


def test_enter_goes_straight_to_what_is_named(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened(title="GRIDKA and 4711")
    reader = visit(cast.reader)
    for typed, address in (
        (str(number), f"/tickets/{number}"),
        (f"%23{number}", f"/tickets/{number}"),
        (f"+{number}+", f"/tickets/{number}"),
        ("CERN-GRIDKA-LHCOPN-001", LINK),
        ("cern-gridka-lhcopn-001", LINK),
        ("DE-KIT", KIT),
        ("FZK-LCG2", KIT),  # its name at GOCDB
        ("gridka", KIT),  # the short one
        # no ticket has this number: it is text
        ("4711", "/tickets?q=4711&state=open&state=closed"),
        ("99999999999999999999", "/tickets?q=99999999999999999999&state=open&state=closed"),
        # nothing but tickets is found, or nothing at all
        ("a+b", "/tickets?q=a+b&state=open&state=closed"),
        ("", "/tickets?q=&state=open&state=closed"),
    ):
        answer = reader.get(f"/search?q={typed}")
        assert (answer.status_code, answer.location) == (302, address), typed


def test_a_name_that_two_sites_bore_leads_to_neither(
    session: Session, cast: Cast, visit: Enter
) -> None:
    """At different times a name may be that of two sites."""
    with transaction(session):
        kit, pic = require_site(session, "DE-KIT"), require_site(session, "ES-PIC")
        kit.names.append(SiteName(system="GOCDB", name="TWICE", valid_until=date(2010, 1, 1)))
        pic.names.append(SiteName(system="GOCDB", name="TWICE", valid_from=date(2010, 1, 2)))
    page = visit(cast.reader).read("/search?q=twice")
    assert {link for link in page.links if link[0].startswith("/sites/")} == {
        (KIT, "DE-KIT"),
        ("/sites/ES-PIC", "ES-PIC"),
    }


def test_without_a_script_the_page_shows_the_same_in_groups(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="<b>Lhcopn</b> slow")
    visitor = visit(cast.admin)
    page = visitor.read("/search?q=lhc")
    for address, words in proposed(visitor, "lhc"):
        assert any(link[0] == address and link[1] in unescape(words) for link in page.links), (
            address
        )
    assert (f"/tickets/{number}", "<b>Lhcopn</b> slow") in page.links
    assert {"Pages", "Links", "Tickets"} <= set(page.texts)
    assert ("/tickets?q=lhc&state=open&state=closed", EVERY_TICKET) in page.links


def test_of_a_long_text_only_the_beginning_is_searched_for(cast: Cast, visit: Enter) -> None:
    answer = visit(cast.reader).get(f"/search?q={'x' * 5000}")
    assert answer.status_code == 302
    assert len(answer.location) < 600
