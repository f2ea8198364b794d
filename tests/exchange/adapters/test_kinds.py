"""Kinds of partner systems: each has what a connection needs, and no code outside asks for one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.core.adapters.outbound import Answer, OutboundError
from app.core.folders import PROJECT
from app.exchange.adapters.access import Access
from app.exchange.adapters.http import JsonCaller
from app.exchange.adapters.kinds import KINDS, open_client
from app.exchange.rules.profiles import profile_of
from tests.cast import Cast
from tests.harness.visits import Enter

FOLDER = PROJECT / "app/exchange/adapters"
CLIENTS = "app.exchange.adapters"
REGISTRY = FOLDER / "kinds.py"
ALSO_OTHER_WORDS = {"mail"}
"""Names of kinds that are words with another meaning, too: only comparing with them counts."""
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def _compared(node: ast.AST) -> Iterator[ast.AST]:
    """What a value is compared with, and the name by which a kind is looked up."""
    if isinstance(node, ast.Compare | ast.MatchValue):
        yield from ast.walk(node)
    elif isinstance(node, ast.Subscript) and _name_of(node.value) == "KINDS":
        yield node.slice
    elif isinstance(node, ast.Call) and _name_of(node.func) in ("kind_named", "open_client"):
        yield from node.args


def _name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _named(source: str) -> set[str]:
    """The kinds that a module names."""
    found = set()
    tree = ast.parse(source)
    compared = {id(part) for node in ast.walk(tree) for part in _compared(node)}
    for node in ast.walk(tree):
        for name in _imported(node):
            kind = name.removeprefix(f"{CLIENTS}.").partition(".")[0]
            found |= {kind} & set(KINDS) if name.startswith(CLIENTS) else set()
        value = node.value if isinstance(node, ast.Constant) else None
        if value in KINDS and (id(node) in compared or value not in ALSO_OTHER_WORDS):
            found.add(str(value))
    return found


def _modules() -> Iterator[Path]:
    """Modules of the exchange, and all others that use it, outside of the folders of kinds."""
    for path in sorted((PROJECT / "app").rglob("*.py")):
        if path == REGISTRY or any(path.is_relative_to(FOLDER / name) for name in KINDS):
            continue
        if path.is_relative_to(PROJECT / "app/exchange") or "app.exchange" in path.read_text():
            yield path


def test_no_module_outside_its_folder_names_a_kind() -> None:
    modules = list(_modules())
    assert len(modules) > 70
    naming = {
        str(path.relative_to(PROJECT)): kinds
        for path in modules
        if (kinds := _named(path.read_text("utf-8")))
    }
    assert naming == {}, "ask for a trait of app/exchange/rules/kinds.py instead"


def test_no_page_asks_for_a_kind() -> None:
    asks = re.compile(rf"kind\b[^%}}]*(==|!=|\bin\b)[^%}}]*[\"']({'|'.join(KINDS)})[\"']")
    assert asks.search('{% if connection.kind == "rt" %}')
    pages = sorted((PROJECT / "templates/exchange").glob("*.html"))
    assert [page.name for page in pages if asks.search(page.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ('if connection.kind == "mail": pass', "mail"),
        ('is_read = "mail" != kind', "mail"),
        ('if kind in ("mail", "other"): pass', "mail"),
        ('traits = kind_named("mail")', "mail"),
        ('traits = kinds.KINDS["mail"]', "mail"),
        ('match kind:\n    case "mail": pass', "mail"),
        ('LABELS = {"zammad": "Zammad"}', "zammad"),
        ('RT = "rt"', "rt"),
        ("from app.exchange.adapters.ggus import KIND", "ggus"),
        ("from app.exchange.adapters import servicenow", "servicenow"),
        ("import app.exchange.adapters.rt.client", "rt"),
    ],
)
def test_such_a_question_is_found(source: str, kind: str) -> None:
    assert _named(source) == {kind}


def test_the_profile_may_have_lines_of_mails() -> None:
    assert _named('known = {"mail": read["mail"]}; raise Invalid("mail", "Empty")') == set()


def test_each_folder_is_a_kind_of_its_name() -> None:
    assert {path.parent.name for path in FOLDER.glob("*/__init__.py")} == set(KINDS)
    assert all(KINDS[name].name == name for name in KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_its_folder_imports_no_other_kind(name: str) -> None:
    for path in sorted((FOLDER / name).rglob("*.py")):
        assert _named(path.read_text("utf-8")) <= {name}, path


@pytest.mark.parametrize("name", KINDS)
def test_a_connection_starts_with_a_profile_that_can_be_imported(name: str) -> None:
    profile = KINDS[name].profile
    assert profile_of(profile.as_json()) == profile
    assert set(profile.maps) <= set(KINDS[name].mapped)


@pytest.mark.parametrize("name", KINDS)
def test_the_guide_has_a_section_for_it(name: str) -> None:
    headings = [
        line
        for page in sorted((PROJECT / "docs").glob("*.md"))
        for line in page.read_text("utf-8").splitlines()
        if line.startswith("#") and f"(`{name}`" in line
    ]
    assert headings


def test_the_form_offers_each_kind(cast: Cast, visit: Enter) -> None:
    page = visit(cast.admin).read("/exchange/new").text
    for kind in KINDS.values():
        assert all(text in page for text in (kind.label, kind.remark, kind.group)), kind.name


def _away(*_of_the_call: Any) -> Answer:
    raise OutboundError("Nobody answers")


@pytest.mark.parametrize("name", KINDS)
def test_its_test_of_a_connection_stops_where_nobody_answers(name: str) -> None:
    caller = JsonCaller("https://partner.example", (), {}, transport=_away)
    access = Access(caller, KINDS[name].profile, NOW, lambda *_of: None, "portal", ["a-secret"])
    (check,) = open_client(name, access).test()
    assert (check.what, check.problem) == ("Reachable", "Nobody answers")
