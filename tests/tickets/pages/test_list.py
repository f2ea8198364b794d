"""The list: every parameter of its address, sorting, keyset pages, counts, whole and fragment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from jinja2 import Environment, nodes
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.rules.counted import Counted
from app.core.web.positions import write_position
from app.tickets.pages.listing.columns import COLUMNS
from app.tickets.pages.listing.list import LABELS, MAX_VALUES
from app.tickets.rules.content import NewTicket
from app.tickets.rules.desk import Desk
from app.tickets.rules.tickets import CLOSED_STATES, OPEN_STATES, Priority, State
from app.tickets.services.lifecycle import move_ticket, open_ticket
from app.tickets.services.lists.lists import SORTS
from tests.cast import NOON, Cast, writer
from tests.harness.examples import some_of
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

ONE = {"q", "from", "to", "sort"}
ODD = (
    "x" * 10_000,
    "word " * 2000,
    "a\0b",
    "a\x01b",
    '"',
    '" " "',
    "%",
    "*",
    "AND",
    "光纤",
    "\u200fשלום",
)
"""Searches that are none, or hardly any: they find nothing, and are no error."""
GOOD: Mapping[str, tuple[str, ...]] = {
    "q": (
        "down",
        "#1",
        "100%",
        "_",
        "\\",
        "a b c",
        "'; DROP TABLE tickets;--",
        "é\U0001f6a7",
        *ODD,
    ),
    "state": ("open", "closed", *State),
    "network": ("LHCOPN", "LHCONE"),
    "category": ("incident", "maintenance"),
    "layer": ("L1/L2", "unknown"),
    **dict.fromkeys(("site", "affected"), ("DE-KIT", "FZK-LCG2", "GRIDKA", "nobody knows")),
    "link": ("CERN-GRIDKA-LHCOPN-001", "CERN-NOWHERE-LHCOPN-001"),
    "responsible": ("DE-KIT", "pic"),
    "unit": ("TPM", "somebody"),
    "priority": ("less urgent", "top priority"),
    "from": ("2013-03-06", "0001-01-01", "9999-12-30"),
    "figure": tuple(Counted),
    "to": ("2013-03-06", "0001-01-01", "9999-12-30", "9999-12-31"),
    "check": ("yes",),
    "desk": tuple(Desk),
    "sort": tuple(f"{sign}{name}" for name in SORTS for sign in ("", "-")),
    "columns": ("title", *COLUMNS),
    "since": ("visit",),
}
LINKS_AND_SITES = (
    ("CERN-GRIDKA-LHCOPN-001", "DE-KIT"),
    ("CERN-PIC-LHCOPN-001", "ES-PIC"),
)
NONSENSE = ("nonsense", "x" * 1000, "a\0b", "a\x01b", "\ud800", "<script>", "-", "--changed", "٢")
BAD: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "state",
            "network",
            "category",
            "layer",
            "priority",
            "check",
            "desk",
            "figure",
            "sort",
            "columns",
            "since",
        ),
        NONSENSE,
    ),
    "q": ("\ud800",),
    **dict.fromkeys(
        ("site", "affected", "link", "responsible", "unit"), ("x" * 256, "a\x00b", "a\x01b")
    ),
    **dict.fromkeys(
        ("from", "to"),
        (*NONSENSE, "2013-02-30", "2013-3-6", "20130306", "2013-W10-3", "2013-03-06T00:00"),
    ),
}


def address(page: str, **values: object) -> str:
    pairs = [(name.rstrip("_"), value) for name, value in values.items()]
    return f"{page}?{urlencode(pairs, doseq=True, errors='surrogatepass')}"


def numbers(page: PageReader) -> list[int]:
    paths = [urlsplit(href).path for href, _word in page.links]
    found = [path.removeprefix("/tickets/") for path in paths if path.startswith("/tickets/")]
    return [int(number) for number in found if number.isdigit()]


def pages(visitor: Visitor, first: str) -> Iterator[PageReader]:
    """A list's pages by its own links."""
    path = first
    while path:
        page = visitor.read(path)
        yield page
        path = next((href for href, word in page.links if word == "Show more"), "")


@pytest.fixture
def many(session: Session, cast: Cast) -> int:
    """120 tickets; titles, times and priorities come in threes, 20 are solved."""
    with transaction(session):
        for turn in range(120):
            by = writer(cast.operator, NOON + timedelta(minutes=turn // 3))
            priority = ("urgent", "less urgent", "top priority")[turn % 3]
            title = f"Down é{turn // 3} {'x' * (turn % 7)}"
            number = open_ticket(session, by, NewTicket(title, priority=priority)).number
            if turn % 6 == 0:
                move_ticket(session, by, number, State.SOLVED, solution="done")
    return 120


def test_every_parameter_takes_its_values_and_refuses_others(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="CERN-GRIDKA-LHCOPN-001 down")
    visitor = visit(cast.operator)
    assert set(LABELS) == set(GOOD) == set(BAD)
    for turn, (name, label) in enumerate(LABELS.items()):
        for value in some_of(GOOD[name], turn):
            for page in ("/tickets", "/tickets.csv"):
                answer = visitor.get(address(page, **{name: value}))
                assert answer.status_code == 200, (name, value)
                assert "left out" not in answer.text
        for value in some_of(BAD[name], turn):
            surrogate = "\ud800" in value
            for headers in ({}, {"HX-Request": "true"})[: 2 if value is BAD[name][0] else 1]:
                answer = visitor.get(address("/tickets", **{name: value}), headers)
                assert answer.status_code == (400 if surrogate else 422), (name, value)
                if not surrogate:
                    shown = PageReader(answer.text)
                    assert label in "".join(shown.alerts), (name, value)
                    assert numbers(shown) == [number]  # it was left out
                    assert len(answer.text) < 200_000
            answer = visitor.get(address("/tickets.csv", **{name: value}))
            assert answer.status_code in (400, 422), (name, value)
        repeated = visitor.get(address("/tickets", **{name: GOOD[name][:1] * 3}))
        assert repeated.status_code == 200
        two = visitor.get(address("/tickets", **{name: GOOD[name][:2]}))
        several = name in ONE
        assert two.status_code == (422 if several else 200), name
        assert ("has several values" in two.text) is several
        for empty in ("", " "):
            answer = visitor.get(address("/tickets", **{name: empty}))
            assert (answer.status_code, answer.location) == (302, "/tickets")
    assert visitor.get("/tickets?unknown=1&__proto__=2&q").status_code == 302
    for page in ("/tickets", "/tickets.csv"):
        answer = visit(cast.reader).get(f"{page}?check=yes")
        assert answer.status_code == 422
        assert "Only operators see which tickets need review" in answer.text
    everything = {name: BAD[name][0] for name in LABELS if name != "q"}
    answer = visitor.get(address("/tickets", **everything))
    assert answer.status_code == 422
    assert numbers(PageReader(answer.text)) == [number]


def test_a_parameter_takes_only_so_many_values(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(title="Of PIC", sites=("ES-PIC",))
    visitor = visit(cast.reader)
    many = [f"S{index}" for index in range(MAX_VALUES - 1)]
    assert visitor.get(address("/tickets", site=["ES-PIC", *many])).status_code == 200
    more = address("/tickets", site=["ES-PIC", *many, "one more"])
    answer = visitor.get(more)
    assert answer.status_code == 422
    assert f"Site has too many values; only the first {MAX_VALUES} are used" in "".join(
        PageReader(answer.text).alerts
    )
    assert numbers(PageReader(answer.text)) == [1]
    assert visitor.get(more.replace("/tickets", "/tickets.csv")).status_code == 422
    # each chip holds the address without it: thousands were hundreds of megabytes
    answer = visitor.get(address("/tickets", site=[f"S{index}" for index in range(1000)]))
    assert answer.status_code == 422
    assert len(answer.text) < 500_000


def test_a_hostile_place_in_the_list_is_its_start(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened()
    visitor = visit(cast.reader)
    hostile: list[tuple[Any, Any]] = [
        ("x", 1),
        (None, 1),
        ("a\0b", 1),
        ("\ud800", 1),
        (1, "x"),
        (2**70, 2**70),
        (-1, -1),
        (True, True),
        (1.5, 1),
        ("0001-01-01T00:00:00+14:00", 1),
        ("9999-12-31T23:59:59-14:00", 1),
        ("2013-03-06", 1),
    ]
    places = [
        "x",
        "\u0663",
        "A" * 3000,
        "W10",  # []
        "bnVsbA",
        "W1tbW1tbW1tb",
        "eyJhIjoxfQ",
        *(write_position(value) for value in hostile),
    ]
    for sort in SORTS:
        for place in places:
            answer = visitor.get(address("/tickets", sort=sort, after=place))
            assert answer.status_code in (200, 422), (sort, place)
            if answer.status_code == 422:
                page = PageReader(answer.text)
                assert "Invalid position in the list (after)" in page.text
                assert numbers(page) == [number]


def test_pages_give_each_ticket_once_whatever_the_order(
    cast: Cast, visit: Enter, many: int
) -> None:
    visitor = visit(cast.reader)
    for sort in GOOD["sort"]:
        first = address("/tickets", sort=sort, state=["open", "closed"])
        found = [number for page in pages(visitor, first) for number in numbers(page)]
        assert sorted(found) == list(range(1, many + 1)), sort
        assert len(found) == many
        if sort in ("number", "-created"):
            assert found == sorted(found, reverse=sort.startswith("-"))
    assert len(list(pages(visitor, "/tickets?q=down"))) == 2  # 100 open ones, 50 a page


def test_the_last_page_and_back(cast: Cast, visit: Enter, many: int) -> None:
    visitor = visit(cast.reader)
    wanted = "/tickets?state=open&state=closed&sort=number"

    def go(page: PageReader, word: str) -> PageReader:
        return visitor.read(next(href for href, text in page.links if text == word))

    first = visitor.read(wanted)
    last = go(first, "Last page")
    assert numbers(last) == list(range(71, 121))
    assert not {"Show more", "Last page"} & {word for _, word in last.links}
    earlier = go(last, "Earlier")
    assert numbers(earlier) == list(range(21, 71))
    assert numbers(go(earlier, "Show more")) == list(range(71, 121))
    assert numbers(go(earlier, "Earlier")) == list(range(1, 21))
    assert numbers(go(earlier, "First page")) == list(range(1, 51))


def test_costly_counts_come_in_a_second_request(
    cast: Cast, visit: Enter, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tickets.pages.tickets.is_costly_to_count", lambda *_: True)
    visitor = visit(cast.reader)
    page = visitor.read("/tickets?q=down")
    href = next(href for href, word in page.links if word == "Show counts")
    assert "100 tickets" not in page.text
    assert len(numbers(page)) == 50
    assert "100 tickets" in visitor.read(href).text  # without JavaScript
    tabs = visitor.get(href, {"HX-Request": "true", "HX-Target": "tabs"}).text
    assert tabs.lstrip().startswith('<nav class="tabs"')
    assert '<span id="total" hx-swap-oob="true">100 tickets · </span>' in tabs
    assert "<table" not in tabs


def test_open_and_closed_and_their_counts(cast: Cast, visit: Enter, many: int) -> None:
    visitor = visit(cast.reader)
    groups = {
        "": OPEN_STATES,
        "?state=open": OPEN_STATES,
        "?state=closed": CLOSED_STATES,
        "?state=solved": (State.SOLVED,),
        "?state=open&state=closed": tuple(State),
    }
    counts = {State.NEW: 100, State.SOLVED: 20}
    for query, states in groups.items():
        page = visitor.read(f"/tickets{query}")
        count = sum(counts.get(state, 0) for state in states)
        assert f"{count} tickets" in page.text, query
        tabs = {word.rsplit(" ", 1)[0]: word.rsplit(" ", 1)[-1] for _href, word in page.links}
        assert (tabs["Open"], tabs["No longer open"], tabs["All"]) == ("100", "20", "120")
        found = sum(len(numbers(one)) for one in pages(visitor, f"/tickets{query}"))
        assert found == count
    filtered = visitor.read("/tickets?q=é1+xxx")
    assert "Remove Text é1 xxx" in [
        value for _tag, name, value in filtered.attributes if name == "aria-label"
    ]


def test_heads_sort_and_turn_round(cast: Cast, visit: Enter, many: int) -> None:
    visitor = visit(cast.reader)
    start = visitor.read("/tickets?network=LHCOPN")
    for head in ("State", "Number", "Title", "Priority", "Age", "Changed"):
        href = next(href for href, word in start.links if word == head)
        page = visitor.read(href)
        assert "network=LHCOPN" in href
        sort = parse_qs(urlsplit(href).query)["sort"][0]
        directions = [value for _tag, name, value in page.attributes if name == "aria-sort"]
        assert len(directions) == 1, head
        again = next(href for href, word in page.links if word == head)
        turned = parse_qs(urlsplit(again).query)["sort"][0]
        assert turned.removeprefix("-") == sort.removeprefix("-")
        assert turned != sort
        back = visitor.read(again)
        other = [value for _tag, name, value in back.attributes if name == "aria-sort"]
        assert {*directions, *other} == {"ascending", "descending"}, head
        assert numbers(page) != numbers(back)


def test_the_arrow_means_the_same_in_every_list(cast: Cast, visit: Enter, many: int) -> None:
    """Down is descending: the newest, the highest first."""
    visitor = visit(cast.reader)
    for path, direction in (
        ("/tickets", "descending"),  # the last change first
        ("/tickets?sort=changed", "ascending"),
        ("/tickets?sort=-created", "descending"),
        ("/tickets?sort=created", "ascending"),
        ("/tickets?sort=-number", "descending"),
        ("/tickets?sort=-priority", "descending"),
        ("/tickets?sort=title", "ascending"),
    ):
        page = visitor.read(path)
        heads = [value for _tag, name, value in page.attributes if name == "aria-sort"]
        assert heads == [direction], path


def test_a_search_shows_its_hits_and_says_what_it_left_out(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(
        title="<i>Outage</i> of the ring",
        description="Seen by the <b>probe</b> in Geneva",
        internal_comment="the carrier is bankrupt",
    )
    opened(title="Something else")
    reader = visit(cast.reader)
    answer = reader.get("/tickets?q=outage+probe")
    assert "&lt;i&gt;<mark>Outage</mark>&lt;/i&gt; of the ring" in answer.text
    assert "Seen by the &lt;b&gt;<mark>probe</mark>&lt;/b&gt; in Geneva" in answer.text
    assert numbers(PageReader(answer.text)) == [number]
    assert "No tickets match" in reader.read("/tickets?q=bankrupt").text
    assert "bankrupt" not in reader.get("/tickets?q=outage").text
    operator = visit(cast.operator).get("/tickets?q=bankrupt")
    assert "the carrier is <mark>bankrupt</mark>" in operator.text
    for search, note in {
        "x" * 10_000: "Only the first 255 characters were searched for",
        "%": "Enter letters or digits to search",
        "a " * 100: "Only the first 32 words were searched for",
    }.items():
        page = reader.read(address("/tickets", q=search))
        assert note in page.text
        assert "No tickets match this filter" in page.text
    rows = reader.get("/tickets.csv?q=probe").text.splitlines()
    assert len(rows) == 2
    assert reader.get("/tickets.csv?q=bankrupt").text.splitlines() == rows[:1]


def test_empty_lists_say_what_to_do(cast: Cast, visit: Enter, opened: Open) -> None:
    visitor = visit(cast.reader)
    assert "No tickets yet" in visitor.read("/tickets").text
    opened(title="only one")
    one = visitor.read("/tickets?q=nothing")
    assert "No tickets match this filter" in one.text
    assert "/tickets" in [href for href, word in one.links if word == "Clear text"]
    two = visitor.read("/tickets?q=nothing&network=LHCONE")
    assert "No tickets match these 2 filters" in two.text
    none = visitor.read("/tickets?state=closed")
    assert "No tickets in this state" in none.text
    everywhere = next(href for href, word in none.links if word == "Show tickets in all states")
    assert numbers(visitor.read(everywhere)) == [1]


def test_a_fragment_is_for_htmx_alone(cast: Cast, visit: Enter, many: int) -> None:
    visitor = visit(cast.operator)
    htmx = {"HX-Request": "true"}
    for path in ("/tickets?q=down", "/tickets/1"):
        for headers, whole in (
            ({}, True),
            (htmx, False),
            ({**htmx, "HX-Boosted": "true"}, True),
            ({**htmx, "HX-History-Restore-Request": "true"}, True),
        ):
            answer = visitor.get(path, headers)
            assert answer.text.lstrip().startswith("<!doctype html>") is whole, (path, headers)
            assert ("<html" in answer.text) is whole
            assert "HX-Request" in answer.vary
            wanted = "list" if path.startswith("/tickets?") else "ticket"
            assert f'<div id="{wanted}"' in answer.text
    page = visitor.read("/tickets")
    more = next(href for href, word in page.links if word == "Show more")
    rows = visitor.get(more, {**htmx, "HX-Target": "more"})
    assert rows.text.lstrip().startswith("<tr")
    assert len(numbers(PageReader(rows.text))) == 50
    cleared = visitor.get("/tickets?q=&network=LHCOPN&from=", htmx)
    assert cleared.status_code == 200
    assert cleared.headers["HX-Push-Url"] == "/tickets?network=LHCOPN"


def test_rows_are_light(cast: Cast, visit: Enter, many: int) -> None:
    page = visit(cast.operator).get("/tickets").text
    rows = re.findall(r"<tr>.*?</tr>", page.partition("<tbody>")[2], re.DOTALL)
    assert len(rows) == 50
    for row in rows:
        times = re.findall(r'<time datetime="[^"]+Z" title="[^"]+ UTC[^"]*">[^<]+</time>', row)
        assert len(times) == row.count("<time") == 2  # opened, changed
        assert "<path" not in row
        assert len(row) < 1200
    drawn = set(re.findall(r'href="#(i-[^"]+)"', page))
    assert {"i-new", "i-priority-1"} <= drawn
    for name in drawn:
        assert page.count(f'<symbol id="{name}"') == 1


def test_a_page_of_fifty_rows_is_below_sixty_kilobytes(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor, noon = visit(cast.admin), NOON
    with transaction(session):
        for turn in range(60):
            link, site = LINKS_AND_SITES[turn % len(LINKS_AND_SITES)]
            ticket = NewTicket(
                f"{link} down, no light from the router at {site}",
                category=("incident", "maintenance", "change")[turn % 3],
                priority=tuple(Priority)[turn % len(Priority)],
                links=(link,),
                sites=(site,),
                responsible_site=site,
                person_in_charge="NOC of the site",
                window_start=noon + timedelta(days=turn),
                window_end=noon + timedelta(days=turn, hours=4),
            )
            number = open_ticket(session, writer(cast.operator, noon), ticket).number
            if turn % 2:
                to = (State.IN_PROGRESS, State.WAITING)[turn // 2 % 2]
                move_ticket(session, writer(cast.operator, noon), number, to)
    page = visitor.get("/tickets").text
    assert page.count('name="n"') == 50
    assert all(text in page for link in LINKS_AND_SITES for text in link)
    assert len(page.encode()) < 60_000
    for place, field in (("filter", 'id="f-site"'), ("columns", 'value="up:links"')):
        assert field not in page
        assert f'href="/tickets/{place}"' in page
        assert field in visitor.get(f"/tickets/{place}").text
        part = visitor.get(f"/tickets/{place}", {"HX-Request": "true"}).text
        assert field in part
        assert "<html" not in part


LONG_LISTS = (
    *("tickets/_rows.html", "events/_rows.html", "duties/list.html", "audit/list.html"),
    *("registry/_link_rows.html", "registry/_site_rows.html", "mail/list.html"),
    *("exchange/incoming_mails.html", "names/list.html", "notices/list.html"),
    *("reports/grid.html", "reports/reminders.html"),
    *("statistics/standing.html", "statistics/tickets.html", "statistics/availability.html"),
)
"""Templates that write a table row for each of fifty things or more."""


def template(name: str) -> nodes.Template:
    """A template as Jinja reads it."""
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    return environment.parse((PROJECT / "templates" / name).read_text("utf-8"))


def macros_of(name: str) -> set[str]:
    """The names under which a template finds macros: its own, imported ones, and its parents'."""
    tree = template(name)
    found = {one.target for one in tree.find_all(nodes.Import)}
    found |= {one.name for one in tree.find_all(nodes.Macro)}
    for parent in tree.find_all(nodes.Extends):
        assert isinstance(parent.template, nodes.Const)
        found |= macros_of(parent.template.value)
    return found


@pytest.mark.parametrize("rows", LONG_LISTS)
def test_rows_of_long_lists_call_no_macro(rows: str) -> None:
    macros = macros_of(rows)
    loops = [
        loop
        for loop in template(rows).find_all(nodes.For)
        if any("<tr" in text.data for text in loop.find_all(nodes.TemplateData))
    ]
    assert loops
    for loop in loops:
        assert not list(loop.find_all(nodes.CallBlock))
        for call in loop.find_all(nodes.Call):
            named = next(call.find_all(nodes.Name), None)
            assert named is None or named.name not in macros, f"{rows}:{call.lineno}"


def test_the_way_back_leads_to_the_list_as_it_was(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened()
    visitor = visit(cast.operator)
    visitor.get("/tickets?q=a+b&state=closed&sort=title")
    page = visitor.read(f"/tickets/{number}")
    assert ("/tickets?q=a+b&state=closed&sort=title", "Tickets") in page.links
    visitor.get(address("/tickets", site=[f"{n}" * 250 for n in range(1, 9)]))  # too long to keep
    assert visitor.get(f"/tickets/{number}").status_code == 200
    for hostile in ("//evil.example", '"><script>', "x" * 4000, "\\u0000"):
        visitor.client.set_cookie("list", hostile)
        page = visitor.read(f"/tickets/{number}")
        backs = [href for href, word in page.links if word == "Tickets"]
        assert all(href.startswith("/tickets") for href in backs)
        assert not page.inline_scripts


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_list_with_an_empty_cache_takes_five_requests(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    opened()
    visitor = visit(cast.operator)
    page = visitor.read("/tickets")
    needed = {
        value
        for tag, name, value in page.attributes
        if (tag, name) in {("script", "src"), ("link", "href"), ("img", "src")}
    }
    assert len(needed) <= 4  # and the page itself
    for path in needed:
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert "max-age=86400" in answer.headers["Cache-Control"]
    scripts = next(path for path in needed if path.startswith("/scripts.js"))
    first = visitor.get(scripts)
    assert first.mimetype == "text/javascript"
    assert first.text.index("closing of panels") < first.text.index("Single-key")
    again = visitor.get(scripts, {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.text) == (304, "")
