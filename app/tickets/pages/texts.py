"""A ticket's texts as its page shows them: what they name is a link, and a little Markdown.

Markdown is read only in what was written in the portal: partners' texts are shown sign by sign. No
HTML passes, and a link leads to http, https or mailto only (ADR 6 says what the page's policy is).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final

from flask import url_for
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from app.core.rules.access import Actor
from app.core.rules.texts import is_link
from app.registry.services.registry import names_in
from app.tickets.services.relations import titles_of

_URL = r"https?://[^\s<>\"]{1,2000}"
_TICKET = r"(?<![\w#&/])#[0-9]{1,9}(?!\w)"
_NUMBERS = re.compile(_TICKET)
_AFTER_URL = ".,;:!?'*_"
_MARKS = re.compile(r"[*_`\[]|^ {0,3}(?:[-+>]|\d{1,9}[.)]|~~~)", re.MULTILINE)
"""Without any of these a text holds no Markdown."""
MAX_TICKETS: Final = 200
"""Other tickets to which the texts of one page lead."""
MAX_LINKS: Final = 2_000
"""Links in the texts of one page; what is named behind them is text."""
MAX_MARKDOWN: Final = 50_000
"""Characters of the texts of one page in which Markdown is read; the others are shown as typed."""
_RULES: Final = ("fence", "blockquote", "list", "paragraph")
_INLINE: Final = ("newline", "backticks", "emphasis", "link")


@dataclass
class TextLinks:
    """What the texts of a page name: addresses, and what a tooltip says, by word."""

    places: Mapping[str, tuple[str, str]]
    pattern: re.Pattern[str]
    links_left: int = MAX_LINKS
    markdown_left: int = MAX_MARKDOWN

    def linked(self, text: str) -> Markup:
        """The text, escaped, with its links."""
        found, at = [], 0
        for hit in self.pattern.finditer(text):
            word = hit[0]
            if word.startswith(("http://", "https://")):
                word = _without_what_follows(word)
                address, says = (word, "") if is_link(word) else ("", "")
            else:
                address, says = self.places.get(word) or self.places.get(word.casefold(), ("", ""))
            if not address:
                continue
            if not self.links_left:
                break
            self.links_left -= 1
            found.append(escape(text[at : hit.start()]))
            found.append(_anchor(address, word, says))
            at = hit.start() + len(word)
        return Markup("").join([*found, escape(text[at:])])

    def prose(self, text: str, *, rich: bool = False) -> Markup:
        """The text as a block; ``rich``: with Markdown."""
        if not rich or len(text) > self.markdown_left or not _MARKS.search(text):
            return Markup('<div class="prose">{}</div>').format(self.linked(text))
        self.markdown_left -= len(text)
        body = _markdown().render(text, {"linked": self.linked, "in_link": False})
        return Markup('<div class="prose rich">{}</div>').format(Markup(body))  # noqa: S704  # escaped by the renderer


def links_in(session: Session, actor: Actor, texts: Iterable[str], day: date) -> TextLinks:
    """What these texts name: tickets that exist, links, and sites as they were called on a day."""
    texts = [text for text in texts if text]
    named = dict.fromkeys(int(hit[1:]) for text in texts for hit in _NUMBERS.findall(text))
    numbers = list(named)[:MAX_TICKETS]
    places = {
        f"#{number}": (url_for("tickets.detail", number=number), title)
        for number, title in (titles_of(session, actor, numbers) if numbers else {}).items()
    }
    links, sites = names_in(session, texts, day)
    for name in links:
        places[name.casefold()] = (url_for("links.link", name=name), "")
    for name, key in sites.items():
        places[name] = (url_for("sites.site", key=key), key if key != name else "")
    words = [*map(re.escape, sorted(sites, key=len, reverse=True))]
    ids = [*map(re.escape, sorted(links, key=len, reverse=True))]
    kinds = [_URL, _TICKET]
    if ids:
        kinds.append(rf"(?<![\w-])(?i:{'|'.join(ids)})(?![\w-])")
    if words:  # sites in exact case
        kinds.append(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])")
    return TextLinks(places, re.compile("|".join(kinds)))


def _without_what_follows(url: str) -> str:
    """A URL in a sentence, without the sentence's own signs behind it."""
    while url and (
        url[-1] in _AFTER_URL
        or (url[-1] == ")" and url.count(")") > url.count("("))
        or (url[-1] == "]" and url.count("]") > url.count("["))
    ):
        url = url[:-1]
    return url


def _anchor(address: str, word: str, says: str) -> Markup:
    rel = Markup("") if address.startswith("/") else Markup(' rel="noopener noreferrer"')
    title = Markup(' title="{}"').format(says) if says else Markup("")
    return Markup('<a href="{}"{}{}>{}</a>').format(address, title, rel, word)


class _Renderer(RendererHTML):
    """Texts get their links; a line ends where it was ended."""

    def text(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        content = tokens[index].content
        return str(escape(content) if env["in_link"] else env["linked"](content))

    def softbreak(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "<br>"

    def hardbreak(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "<br>"

    def link_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        env["in_link"] = True
        address = tokens[index].attrGet("href")
        return str(Markup('<a href="{}" rel="noopener noreferrer">').format(address))

    def link_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        env["in_link"] = False
        return "</a>"

    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        code = escape(tokens[index].content)
        return f'<pre tabindex="0" role="group" aria-label="Code"><code>{code}</code></pre>\n'


@cache
def _markdown() -> MarkdownIt:
    reader = MarkdownIt("zero", {"html": False}, renderer_cls=_Renderer)
    reader.enable([*_RULES, *_INLINE])
    reader.validateLink = is_link  # type: ignore[assignment,method-assign]  # as its documentation says
    return reader
