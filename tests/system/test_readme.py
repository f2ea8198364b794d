"""What the README shows is true: the partner's ten lines run as they are, the pictures exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import demo
from app.core.folders import PROJECT
from tests.harness.server import LiveServer
from tests.soap_service.wire import PASSWORD, create_accounts


def test_the_ten_lines_of_a_partner(
    sqlite_server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    create_accounts(sqlite_server)
    text = (PROJECT / "README.md").read_text()
    (lines,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for written, here in (
        ("http://127.0.0.1:8000", sqlite_server.url),
        ('"ggus-demo"', '"opn"'),
        ("the password that make run printed", PASSWORD),
    ):
        assert written in lines
        lines = lines.replace(written, here)
    exec(lines, {})  # the README's own lines
    assert capsys.readouterr().out == "new\n"
    assert "ggus-demo" in {login.name for login in demo.LOGINS}


def test_the_pictures_of_the_documents_are_there_and_no_others() -> None:
    shown: set[Path] = set()
    for document in (PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")):
        for target in re.findall(r"!\[[^]]*\]\(([^)]+\.png)\)", document.read_text()):
            assert (document.parent / target).is_file(), f"{document.name} shows {target}"
            shown.add((document.parent / target).resolve())
    folders = (PROJECT / "docs" / "pictures", PROJECT / "static" / "manual")
    assert {picture for folder in folders for picture in folder.iterdir()} == shown
