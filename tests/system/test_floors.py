"""What import-linter cannot say: the lowest floor is standard library only, one reader of the
environment, no clock below the doors."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from app.config import PROJECT


def _sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((PROJECT / folder).rglob("*.py")):
            yield path.relative_to(PROJECT), ast.parse(path.read_text("utf-8"))


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_the_domain_is_standard_library_only() -> None:
    found = list(_sources("app/domain"))
    assert found
    for path, tree in found:
        foreign = {
            name
            for name in _imported(tree)
            if name.split(".")[0] not in sys.stdlib_module_names
            and not name.startswith("app.domain")
        }
        assert not foreign, f"{path} imports {foreign}"


READ_THE_ENVIRONMENT = {
    Path("app/config.py"),
    Path("app/server.py"),  # takes systemd's variables out, by which it hands a socket over
    Path("app/services/backup_postgresql.py"),  # hands the environment on to pg_dump and psql
}


def test_one_module_reads_settings_from_the_environment() -> None:
    for path, tree in _sources("app", "soap_service"):
        reads = any(
            isinstance(node, ast.Attribute)
            and node.attr in {"environ", "getenv"}
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            for node in ast.walk(tree)
        )
        assert not reads or path in READ_THE_ENVIRONMENT, path


def test_no_clock_below_the_doors() -> None:
    for path, tree in _sources("app/domain", "app/models", "app/services"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                read = f"{node.value.id}.{node.attr}"
                assert read not in {"datetime.now", "datetime.utcnow", "time.time", "date.today"}, (
                    f"{path}:{node.lineno} reads the clock"
                )


def test_every_module_says_what_it_is_for() -> None:
    for path, tree in _sources("app", "soap_service", "tests", "migrations", "tools"):
        assert ast.get_docstring(tree) or not tree.body, path
