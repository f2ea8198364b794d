"""Texts of foreign systems that write HTML, as plain text.

The parser is loaded by the first such text, so that a worker without partners holds none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from lxml import etree

_BLOCKS: Final = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "blockquote", "pre"})
_SILENT: Final = frozenset({"script", "style", "head", "title"})
LONGEST: Final = 2 * 1024 * 1024
"""Characters of HTML that are read as such; what is longer is given as it is."""


def plain_of(html: str) -> str:
    """The text of HTML, a line for each block. What no parser can read is given as it is: a text
    with marks in it is better than none."""
    if len(html) > LONGEST or not html.strip():
        return html.strip()
    from lxml import etree

    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        content = html.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
        root = cast("etree._Element | None", etree.fromstring(content, parser))
    except (etree.LxmlError, ValueError):
        return html.strip()
    if any(error.level_name == "FATAL" for error in parser.error_log):
        return html.strip()
    if root is None:  # nothing but comments
        return ""
    lines = [line.strip() for line in "".join(_texts(root)).splitlines()]
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()


def _texts(root: etree._Element) -> Iterator[str]:
    """The texts in their order, with line ends around blocks."""
    from lxml import etree

    silent = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag, is_start = element.tag, event == "start"
        if tag in _SILENT:
            silent += 1 if is_start else -1
        elif tag in _BLOCKS and (is_start or tag != "br"):
            yield "\n"
        text = element.text if is_start else element.tail
        if text and not silent:
            yield text


def text_of_html(article: Mapping[str, Any]) -> str:
    """The text of a Zammad article, whatever its content type."""
    body = str(article.get("body", ""))
    return plain_of(body) if article.get("content_type") == "text/html" else body
