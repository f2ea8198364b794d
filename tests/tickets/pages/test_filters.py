"""Saved filters and the columns of the list, as people use them without JavaScript."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.registry.models.registry import Link, LinkName, Site
from app.tickets.pages.listing.columns import COLUMNS, USUAL
from app.tickets.rules.content import Reference
from tests.cast import Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

HOSTILE = '"><script>alert(1)</script> “日本” ‮abc'
QUERY = "state=open&category=maintenance&site=DE-KIT&sort=title"


def saved(visitor: Visitor, name: str, query: str, **more: str) -> int:
    """Save a filter; its key, from the address to which one is led."""
    answer = visitor.send("/filters", {"name": name, "use": "private", "query": query, **more})
    assert answer.status_code == 303, answer.text
    return int(parse_qs(urlsplit(answer.location).query)["filter"][0])


def titles(page: PageReader) -> list[str]:
    return [word for href, word in page.links if re.fullmatch(r"/tickets/\d+", href)]


def heads(visitor: Visitor, path: str = "/tickets") -> list[str]:
    return re.findall(r'<th scope="col" class="c-(\w+)', visitor.get(path).text)


def test_a_filter_is_saved_used_renamed_replaced_deleted_and_put_back(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    opened(title="Works B", category="maintenance", sites=("DE-KIT",))
    opened(title="Works A", category="maintenance", sites=("DE-KIT",))
    opened(title="Fault", sites=("DE-KIT",))
    visitor = visit(cast.kit)
    key = saved(visitor, "  Works \t at KIT ", QUERY)
    led = visitor.get(f"/filters/{key}")
    assert (led.status_code, led.location) == (302, f"/tickets?{QUERY}&filter={key}")
    page = visitor.read(led.location)
    assert titles(page) == ["Works A", "Works B"]
    assert "Saved filter: Works at KIT" in page.text
    assert "changed" not in page.text.split("Saved filter: Works at KIT")[1][:12]

    # without the category the filter is changed, and may be replaced by that
    wider = next(href for href, word in page.links if "category" not in href and "sort" in href)
    assert f"filter={key}" in wider
    page = visitor.read(wider)
    assert titles(page) == ["Fault", "Works A", "Works B"]
    assert "Saved filter: Works at KIT changed" in page.text
    form = page.form(f"/filters/{key}/replace")
    visitor.send(form.action, form.data())
    assert titles(visitor.read(visitor.get(f"/filters/{key}").location)) == [
        "Fault",
        "Works A",
        "Works B",
    ]

    visitor.send(f"/filters/{key}/change", {"name": "All of KIT", "use": "private"})
    assert "All of KIT" in visitor.read("/filters").text
    gone = visitor.send(f"/filters/{key}/delete", {})
    assert visitor.get(f"/filters/{key}").status_code == 404
    page = visitor.read(gone.location)
    assert "Filter “All of KIT” deleted" in page.text
    assert [word for _href, word in page.links].count("All of KIT") == 0
    visitor.send(page.form(f"/filters/{key}/restore").action, {})
    assert ("All of KIT") in [word for _href, word in visitor.read("/filters").links]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_names_are_ones_own_and_harm_nobody(cast: Cast, visit: Enter, opened: Open) -> None:
    opened()
    kit, operator, reader = visit(cast.kit), visit(cast.operator), visit(cast.reader)
    key = saved(operator, HOSTILE, "q=x", use="shared")
    for visitor, path in (
        (kit, "/tickets"),
        (operator, "/filters"),
        (reader, f"/tickets?filter={key}"),
    ):
        answer = visitor.get(path)
        assert "<script>alert" not in answer.text
        assert HOSTILE in PageReader(answer.text).text
    again = operator.send("/filters", {"name": HOSTILE, "use": "private", "query": ""})
    assert again.status_code == 422
    assert "Another saved filter has this name" in "".join(PageReader(again.text).alerts)
    assert PageReader(again.text).form("/filters").values("name") == [HOSTILE]
    saved(kit, HOSTILE, "")  # the names of two people have nothing to do with each other
    refused = kit.send("/filters", {"name": "For all", "use": "shared", "query": ""})
    assert refused.status_code == 403
    mine = saved(kit, "Mine", "")
    foreign = reader.get(f"/tickets?filter={mine}")
    assert foreign.status_code == 422
    assert "Saved filter not found" in foreign.text
    assert "Mine" not in PageReader(foreign.text).text
    unknown = reader.get("/tickets?filter=987654")
    assert PageReader(unknown.text).alerts == PageReader(foreign.text).alerts
    # a name that was given away meanwhile cannot come back twice
    kit.send(f"/filters/{mine}/delete", {})
    saved(kit, "Mine", "q=2")
    back = kit.send(f"/filters/{mine}/restore", {})
    assert back.status_code == 422
    assert "Another saved filter has this name" in PageReader(back.text).text


def test_an_admin_who_deletes_a_shared_filter_can_put_it_back(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    opened()
    key = saved(visit(cast.operator), "Of all", QUERY, use="shared")
    admin = visit(cast.admin)
    gone = admin.send(f"/filters/{key}/delete", {})
    page = admin.read(gone.location)
    assert "Filter “Of all” deleted" in page.text
    assert "deleted" not in visit(cast.kit).read(gone.location).text
    assert visit(cast.kit).send(f"/filters/{key}/restore", {}).status_code == 404
    admin.send(page.form(f"/filters/{key}/restore").action, {})
    assert visit(cast.reader).get(f"/filters/{key}").status_code == 302


def test_what_the_registry_does_not_know_any_more_is_said_and_the_rest_is_shown(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    link = "CERN-GRIDKA-LHCOPN-001"
    opened(title="Of the link", links=(link,))
    opened(title="Of no link", sites=("ES-PIC",))
    visitor = visit(cast.operator)
    key = saved(
        visitor, "Old names", "link=OLD-ID-LHCOPN-001&link=GONE-ID-LHCOPN-001&responsible=NO-SITE"
    )
    site = saved(visitor, "A site", "site=pic")
    with transaction(session):
        row = session.scalars(select(Link).where(Link.name == link)).one()
        row.valid_until = date(2012, 12, 31)
        session.add(LinkName(link_id=row.id, name="OLD-ID-LHCOPN-001"))
        session.scalars(select(Site).where(Site.key == "ES-PIC")).one().valid_until = date(
            2013, 1, 1
        )
    page = visitor.read(visitor.get(f"/filters/{key}").location)
    assert titles(page) == ["Of the link"]
    for words in (
        f"Link OLD-ID-LHCOPN-001 is now called {link}",
        f"The link {link} was retired on 2012-12-31; its tickets are still shown",
        "Link GONE-ID-LHCOPN-001 no longer exists; the filter ignores it",
        "Site NO-SITE no longer exists; the filter ignores it",
    ):
        assert words in page.text
    page = visitor.read(visitor.get(f"/filters/{site}").location)
    assert titles(page) == ["Of no link"]
    assert "The site pic was retired on 2013-01-01" in page.text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_columns_are_remembered_and_the_address_goes_first(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    opened(title="One", unit="NOC of KIT", references=(Reference("GEANT", "4711"),))
    visitor = visit(cast.reader)
    assert tuple(heads(visitor)) == USUAL
    form = visitor.read("/tickets/columns?q=one").form("/tickets/columns")
    data = {**form.data(), "columns": ["title", "number", "unit", "references"], "do": "save"}
    answer = visitor.send("/tickets/columns", data)
    assert (answer.status_code, answer.location) == (303, "/tickets?q=one")
    # in the order of the form
    assert heads(visitor) == ["title", "number", "unit", "references"]
    # without a script a button moves one of them, and the page of the columns is shown again
    for do, order in (
        ("up:unit", ["title", "unit", "number", "references"]),
        ("up:unit", ["unit", "title", "number", "references"]),
        ("up:unit", ["unit", "title", "number", "references"]),
        ("down:title", ["unit", "number", "title", "references"]),
        ("down:nonsense", ["unit", "number", "title", "references"]),
    ):
        form = visitor.read("/tickets/columns?q=one").form("/tickets/columns")
        answer = visitor.send("/tickets/columns", {**form.data(), "do": do})
        assert (answer.status_code, answer.location) == (303, "/tickets/columns?q=one")
        assert heads(visitor) == order
    assert "NOC of KIT" in visitor.read("/tickets").text
    assert "GEANT 4711" in visitor.read("/tickets").text
    assert heads(visitor, "/tickets?columns=age&columns=state") == ["title", "age", "state"]
    assert tuple(heads(visit(cast.kit))) == USUAL  # another person's list is as it was
    everything = "&".join(f"columns={key}" for key in COLUMNS)
    assert tuple(heads(visitor, f"/tickets?{everything}")) == tuple(COLUMNS)
    assert "at-least-3400" in visitor.get(f"/tickets?{everything}").text
    # a saved filter keeps them
    key = saved(visitor, "Units", "q=one", columns="keep")
    assert parse_qs(urlsplit(visitor.get(f"/filters/{key}").location).query)["columns"] == [
        "unit",
        "number",
        "title",
        "references",
    ]
    visitor.send("/tickets/columns", {"columns": ["unit"], "query": "", "do": "usual"})
    assert tuple(heads(visitor)) == USUAL
    for bad in ({"columns": "nonsense", "query": ""}, {"columns": "title", "query": "nonsense"}):
        assert visitor.send("/tickets/columns", bad).status_code == 422
    odd = {"columns": ["title", "unit"], "query": "", "do": "x" * 5000}
    assert visitor.send("/tickets/columns", odd).status_code == 303


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nobody_has_more_filters_than_a_menu_can_hold(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    answers = [
        visitor.send("/filters", {"name": f"N{index}", "use": "private", "query": ""}).status_code
        for index in range(101)
    ]
    assert answers == [303] * 100 + [422]
