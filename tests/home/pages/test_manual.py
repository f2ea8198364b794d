"""The user's manual: its pictures, its links for each role, and where it is reached from."""

from __future__ import annotations

import re
import struct
from itertools import pairwise
from pathlib import Path

import pytest

from app.core.folders import PROJECT
from app.home.pages.guide import MANUAL, PICTURES, File
from tests.cast import Cast
from tests.harness.visits import Enter

PEOPLE = {"reader": "reader", "operator": "operator", "site": "kit", "administrator": "admin"}
"""Who of the cast reads which page."""


def _text(name: str) -> str:
    return (PROJECT / "docs" / name).read_text()


def _shown(text: str) -> list[tuple[str, str]]:
    """The words and the target of each picture."""
    return re.findall(r"!\[([^]]*)\]\(([^)]+)\)", text)


def test_the_menu_and_the_search_lead_to_the_page_of_ones_role(cast: Cast, visit: Enter) -> None:
    for file in MANUAL:
        visitor = visit(getattr(cast, PEOPLE[file.endpoint]))
        assert ("/manual", "Manual") in visitor.read("/tickets").links
        assert "/manual" in visitor.get("/search?q=manual", headers={"HX-Request": "true"}).text
        assert visitor.get("/manual").headers["Location"] == file.path
        tabs = [target for target, _ in visitor.read(file.path).links]
        assert {one.path for one in MANUAL} <= set(tabs)


@pytest.mark.parametrize("file", MANUAL, ids=[file.endpoint for file in MANUAL])
def test_every_link_answers_for_the_role_that_reads_it(
    cast: Cast, visit: Enter, file: File
) -> None:
    visitor = visit(getattr(cast, PEOPLE[file.endpoint]))
    read = visitor.read(file.path)
    targets = {target for target, _words in read.links if not target.startswith("#")}
    assert len(targets) > 15
    for target in targets:
        path, _, anchor = target.partition("#")
        assert path.startswith("/"), target
        answer = visitor.get(path)
        while answer.status_code in (302, 303):
            answer = visitor.get(answer.headers["Location"])
        assert answer.status_code == 200, target
        assert not anchor or f'id="{anchor}"' in answer.text, target


def test_every_picture_is_there_small_and_shown_once() -> None:
    shown = [one for file in MANUAL for one in _shown(_text(file.name))]
    names = [Path(target).name for _words, target in shown]
    assert sorted(names) == sorted(one.name for one in PICTURES.iterdir())
    assert 0 < len(names) <= 15
    assert len({words for words, _target in shown}) == len(shown), "each has words of its own"
    for words, target in shown:
        assert 15 <= len(words) <= 120, words
        content = (PROJECT / "docs" / "manual" / target).read_bytes()
        assert content.startswith(b"\x89PNG")
        width, height, depth, kind = struct.unpack_from(">IIBB", content, 16)
        assert (depth <= 8, kind) == (True, 3), f"{target}: a palette, a byte a pixel at most"
        assert width <= 1120
        assert height <= 600
        assert len(content) <= 40_000, target


def test_pictures_are_fetched_when_one_comes_near(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    for file in MANUAL:
        text = visitor.get(file.path).text
        tags = re.findall(r"<img [^>]*>", text)
        assert len(tags) == len(_shown(_text(file.name)))
        for tag in tags:
            assert re.search(r' width="[1-9]\d*" height="[1-9]\d*" loading="lazy"', tag), tag
            (source,) = re.findall(r'src="([^"]+)"', tag)
            assert visitor.get(source).mimetype == "image/png"


def test_headings_do_not_skip_a_level() -> None:
    for file in MANUAL:
        levels = [len(mark) for mark in re.findall(r"^(#+) ", _text(file.name), re.MULTILINE)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
