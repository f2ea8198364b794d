"""What import-linter cannot say: rules are standard library only, one reader of the
environment, no clock below the doors."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from app.core.folders import PROJECT


def _sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """The modules below these folders, each of which may be a pattern; none may be empty."""
    for pattern in folders:
        folders_found = sorted(PROJECT.glob(pattern))
        assert folders_found, pattern
        for path in sorted(path for folder in folders_found for path in folder.rglob("*.py")):
            yield path.relative_to(PROJECT), ast.parse(path.read_text("utf-8"))


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_rules_are_standard_library_only() -> None:
    for path, tree in _sources("app/*/rules"):
        foreign = {
            name
            for name in _imported(tree)
            if name.split(".")[0] not in sys.stdlib_module_names
            and not re.fullmatch(r"app\.\w+\.rules(\.\w+)*", name)
        }
        assert not foreign, f"{path} imports {foreign}"


def test_one_module_reads_settings_from_the_environment() -> None:
    for path, tree in _sources("app", "soap_service"):
        reads = any(
            isinstance(node, ast.Attribute)
            and node.attr in {"environ", "getenv"}
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            for node in ast.walk(tree)
        )
        assert not reads or path == Path("app/core/settings.py"), path


def test_no_clock_below_the_doors() -> None:
    for path, tree in _sources("app/*/rules", "app/*/models", "app/*/services", "app/*/figures"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                read = f"{node.value.id}.{node.attr}"
                assert read not in {"datetime.now", "datetime.utcnow", "time.time", "date.today"}, (
                    f"{path}:{node.lineno} reads the clock"
                )


def test_every_module_says_what_it_is_for() -> None:
    for path, tree in _sources("app", "soap_service", "tests", "migrations", "tools"):
        assert ast.get_docstring(tree) or not tree.body, path
