"""Screenshots of every kind of page, of a server with demo data of its own.

``tools/pictures.py [NAME...]`` takes all, or those named, into the folder ``pictures``, which git
ignores; with ``--docs`` it takes those that README and docs show, into ``docs/pictures``, and with
``--manual`` the parts of pages that the manual shows, into ``static/manual``. A picture shows what
a screen shows, not the whole length of a page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from demo_portal import Shown, demo_portal, log_in
from exchange_scenes import EXCHANGE_PAGES, begin_exchange
from manual_scenes import MANUAL
from picture_scenes import PAGES, QUIET_PAGES, Scene, quieten
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.harness import browser as chromium

TOP = Path(__file__).resolve().parent.parent
FOLDER = TOP / "pictures"
DOCS = TOP / "docs" / "pictures"
OF_MANUAL = TOP / "static" / "manual"
SIZES = ((1440, 900), (390, 844))
SCHEMES = ("light", "dark")
_COLOURS = 256
"""Of a picture that is committed: a byte a pixel."""


@contextmanager
def page_of(browser: Browser, width: int, height: int, scheme: str) -> Iterator[Page]:
    """A page of this size and scheme."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def pictures_of_documents() -> set[str]:
    """The names of the files in ``docs/pictures`` that README and docs show."""
    documents = [TOP / "README.md", *(TOP / "docs").rglob("*.md")]
    return {
        name
        for document in documents
        for name in re.findall(r"pictures/([\w-]+)\.png", document.read_text())
    }


def _store(picture: bytes, path: Path, colours: int | None) -> None:
    """Write a PNG; with so many ``colours``, one byte or less a pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if colours:
        image = Image.open(BytesIO(picture)).convert("RGB")
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
    else:
        path.write_bytes(picture)
    print(f"{path.relative_to(TOP)} {path.stat().st_size / 1000:.0f} kB")


def _take_pages(
    browser: Browser, shown: Shown, pages: dict[str, Scene], wanted: set[str] | None, folder: Path
) -> None:
    """Pictures of these pages in each size and scheme; ``wanted``: names of pages or of files."""
    for width, height in SIZES:
        for scheme in SCHEMES:
            with page_of(browser, width, height, scheme) as page:
                log_in(page, shown.server, "operator")
                for name, show in pages.items():
                    picture = f"{name}-{width}-{scheme}"
                    if wanted is not None and not wanted & {name, picture}:
                        continue
                    page.emulate_media(media="screen")
                    show(page, shown)
                    colours = _COLOURS if folder == DOCS else None
                    _store(page.screenshot(), folder / f"{picture}.png", colours)


def _take_manual(browser: Browser, shown: Shown, names: set[str]) -> None:
    """Those named, or all of them."""
    for name, scene in MANUAL.items():
        if names and name not in names:
            continue
        with page_of(browser, scene.width, 900, "light") as page:
            log_in(page, shown.server, "operator")
            scene.show(page, shown)
            picture = page.screenshot(clip=scene.clip(page), full_page=True)
            _store(picture, OF_MANUAL / f"{name}.png", _COLOURS)


def main(arguments: list[str]) -> None:
    """Take the pictures and say how large each is."""
    flags = {"--docs", "--manual"} & set(arguments)
    names = set(arguments) - flags
    known = {*MANUAL, *PAGES, *QUIET_PAGES, *EXCHANGE_PAGES}
    if unknown := names - known:
        sys.exit(
            f"pictures: there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}"
        )
    if chromium.program() is None:
        sys.exit(f"pictures: needs {chromium.NEED}")
    with demo_portal() as shown, chromium.launched() as browser:
        if "--manual" in flags:
            _take_manual(browser, shown, names)
            if "--docs" not in flags:
                return
        wanted = pictures_of_documents() if "--docs" in flags else names or None
        folder = DOCS if "--docs" in flags else FOLDER
        _take_pages(browser, shown, PAGES, wanted, folder)
        quieten(shown.server)
        _take_pages(browser, shown, QUIET_PAGES, wanted, folder)
        begin_exchange(shown.server)
        _take_pages(browser, shown, EXCHANGE_PAGES, wanted, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
