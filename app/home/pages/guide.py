"""The partner's guide and the user's manual, as pages: the files in ``docs/`` are their one source.

The guide is for partners' developers, and everybody may read it, also without a login; the manual
is for those who log in. Each file is read and rendered once per process. They hold no HTML of their
own, and what they become has no inline style or script (ADR 0006).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, Final

from flask import Blueprint, render_template
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from app.core.folders import PROJECT
from app.core.rules.documents.pictures import png_size
from app.core.rules.language import _
from app.core.web.person import public

blueprint = Blueprint("guide", __name__)


@dataclass(frozen=True)
class File:
    """A file in ``docs/`` and its page."""

    endpoint: str
    path: str
    word: str
    """The word that leads to the page."""
    name: str


FILES: Final = (
    File("guide", "/guide", _("Guide"), "partners-guide.md"),
    File("fields", "/guide/fields", _("Fields"), "fields.md"),
    File("faults", "/guide/faults", _("Fault numbers"), "fault-numbers.md"),
    File("native", "/guide/native", _("Native service"), "native-service.md"),
    File("rest", "/guide/rest", _("REST"), "rest.md"),
)
MANUAL: Final = (
    File("reader", "/manual/reader", _("Everybody"), "manual/reader.md"),
    File("operator", "/manual/operator", _("Operators"), "manual/operator.md"),
    File("site", "/manual/site", _("Sites"), "manual/site.md"),
    File("administrator", "/manual/administrator", _("Administrators"), "manual/administrator.md"),
)
"""Its pages are in manual.py."""
PICTURES: Final = PROJECT / "static" / "manual"
_PATHS: Final = {PurePosixPath(file.name).name: file.path for file in (*FILES, *MANUAL)}
_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
"""For those who edit a file, not for its readers."""
_NOT_IN_AN_ID = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Document:
    """A rendered file: its title, the headings of its parts with their ids, and its text."""

    title: str
    parts: Sequence[tuple[str, str]]
    body: Markup


class _Renderer(RendererHTML):
    """Tables and code scroll in a box of their own, which the keyboard reaches."""

    def table_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>'

    def table_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</table></div>"

    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        code = Markup.escape(tokens[index].content)
        return f'<pre tabindex="0" role="group" aria-label="Code"><code>{code}</code></pre>'

    def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """A picture of the manual, which is fetched when one comes near to it."""
        name = PurePosixPath(str(tokens[index].attrGet("src"))).name
        width, height = png_size((PICTURES / name).read_bytes()) or (0, 0)
        words = Markup.escape(tokens[index].content)
        source = f'src="/static/manual/{Markup.escape(name)}"'
        return f'<img {source} alt="{words}" width="{width}" height="{height}" loading="lazy">'


def view_of(file: File, files: Sequence[File], about: str) -> Callable[[], str]:
    """The view that shows this one of the files; ``about`` names their readers."""

    def show() -> str:
        document = _document(file.name)
        return render_template(
            "home/guide.html", file=file, files=files, about=about, document=document
        )

    return show


for _file in FILES:  # public: nothing of an account, and partners' developers have no login here
    _show = public(view_of(_file, FILES, _("For partners")))
    blueprint.add_url_rule(_file.path, _file.endpoint, _show)


@cache
def _document(name: str) -> Document:
    return render((PROJECT / "docs" / name).read_text(encoding="utf-8"))


def render(text: str) -> Document:
    """Render Markdown. The first heading is the title; those of the second level are the parts."""
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
    _open, heading, _close, *tokens = parser.parse(_COMMENT.sub("", text))
    parts = []
    for token, inside in pairwise(tokens):
        if token.type == "heading_open":
            anchor = heading_id(_words(inside))
            token.attrSet("id", anchor)
            if token.tag == "h2":
                parts.append((anchor, _words(inside)))
        for child in inside.children or ():
            if child.type == "link_open":
                child.attrSet("href", _portal_path(str(child.attrGet("href"))))
    body = parser.renderer.render(tokens, parser.options, {})
    return Document(_words(heading), parts, Markup(body))  # noqa: S704  (our own files, without their HTML)


def _words(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def heading_id(words: str) -> str:
    """The id of a heading, the same as where such files are read on the web."""
    return _NOT_IN_AN_ID.sub("", words.lower()).replace(" ", "-")


def _portal_path(target: str) -> str:
    """A link to another file of the documents, as one to its page."""
    file, mark, anchor = target.partition("#")
    return _PATHS.get(PurePosixPath(file).name, file) + mark + anchor
