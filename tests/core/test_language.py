"""A second language is one file: with a catalogue in which each message is marked, every page and
mail shows nothing of ours without a mark.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus
from zoneinfo import available_timezones

import pytest
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask
from lxml import html
from lxml.etree import iterwalk
from markupsafe import escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import vocabulary
from app.accounts.services.people import start_login
from app.core import catalogues
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.base import Base
from app.core.rules.access import Actor
from app.core.rules.language import _, counted, joined, said, said_word, write_mails
from app.events.adapters import FORMATS
from app.events.models.events import EventSource
from app.mail.models.mails import Mail
from app.mail.services.queue import post_of
from tests.browser import test_accessibility as accessible
from tests.harness.databases import fresh_database
from tests.harness.portal import portal
from tests.harness.server import LiveServer, test_settings
from tests.harness.visitor import Visitor
from tests.mails import SENDER

scene = accessible.scene  # a portal with pages of every look

BEGIN, END = "\u27e6", "\u27e7"
"""Around each message of the catalogue: no page has these signs of its own."""
_LANGUAGE: Final = "eo"
_SAID: Final = ("title", "aria-label", "placeholder", "alt", "data-label", "data-busy", "label")
"""Attributes that are shown or read out."""
_BLOCKS: Final = re.compile(
    "address|article|aside|body|button|caption|dd|details|dialog|div|dl|dt|fieldset|figcaption"
    "|footer|form|h[1-6]|header|label|legend|li|main|nav|ol|option|p|section|select|summary|svg"
    "|table|tbody|td|text|tfoot|th|thead|title|tr|ul"
)
"""Elements in which a message begins and ends."""
_UNREAD: Final = frozenset({"script", "style", "textarea", "code", "kbd", "pre"})
_VALUES: Final = ("value", "name", "id", "href", "action", "for", "class", "hx-get", "hx-post")
"""Attributes that programs read: never in another language."""

_NO_TEXTS: Final = re.compile(
    r"""(?x)
    \b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\b | \b(?:January|February|March|April|May|June|July
    |August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b
    | \b(?:UTC|CET|CEST)\b
    | \b\d+(?:\.\d+)?\s?(?:d|h|min|s|ms|KiB|MiB|kB|Gb/s|%)(?![a-z])
    | https?://\S* | (?<!\w)/[\w/.-]+ | \b[A-Z]{2,3}\b | \bATT\d+\b
    | \b(?:admin|operator|reader|gone|kit|portal)\b(?!\ [a-z])  # who is named so
    | \b(?:kB|Gb/s|NetSite)\b
    | \b(?:LHCOPN|LHCONE|LHC|GGUS|CERN|CRIC|SOAP|REST|API|CSV|XLSX|PPTX|PDF|JSON|ICS|T0|T1|TC|ASN)\b
    """
)
"""What stays as it is: times, units, names."""


def _is_unread(element: html.HtmlElement) -> bool:
    """Code, what may be typed, and a mail as it was sent."""
    return element.tag in _UNREAD or "raw" in element.get("class", "").split()


class _Page:
    """What a page shows without a mark, and where a program would read one."""

    def __init__(self, page: str) -> None:
        self.plain: list[str] = []
        self.marked_values: list[str] = []
        self._depth = self._unread = 0
        for event, element in iterwalk(html.document_fromstring(page), events=("start", "end")):
            if isinstance(element.tag, str):
                self._element(event, element)
            elif event == "end":
                self._read(element.tail)

    def _element(self, event: str, element: html.HtmlElement) -> None:
        if _BLOCKS.fullmatch(str(element.tag)):
            self._depth = 0
        if event == "start":
            self._attributes(element)
            self._unread += _is_unread(element)
            self._read(element.text)
        else:
            self._unread -= _is_unread(element)
            self._read(element.tail)

    def _attributes(self, element: html.HtmlElement) -> None:
        depth = self._depth
        for name in _SAID:
            self._depth = 0
            self._read(element.get(name))
        self._depth = depth
        is_button = element.get("type") in ("submit", "button")
        self.marked_values += [
            f"{element.tag!s} {name}={element.get(name)}"
            for name in _VALUES
            if BEGIN in element.get(name, "") and not (is_button and name == "value")
        ]

    def _read(self, text: str | None) -> None:
        if self._unread:
            return
        plain = ""
        for sign in text or "":
            self._depth += (sign == BEGIN) - (sign == END)
            plain += sign if self._depth <= 0 and sign != END else "\0"
        self.plain += [piece for piece in map(str.strip, plain.split("\0")) if piece]


@pytest.fixture(scope="module")
def sqlite_server() -> Iterator[LiveServer]:
    """No process: the database that the scene is written into."""
    with fresh_database("sqlite") as url:
        yield LiveServer("http://127.0.0.1:8000", 8000, test_settings(url), Path(), 0)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the catalogue of another language, made as CONTRIBUTING.md says."""
    folder = tmp_path_factory.mktemp("translations")
    template = folder / "messages.pot"
    options = (
        "-q",
        "extract",
        "-F",
        PROJECT / "pyproject.toml",
        "-k",
        "counted:1,2",
        "-o",
        template,
    )
    folders = (PROJECT / name for name in ("app", "templates", "static"))
    arguments = ["pybabel", *map(str, options), *map(str, folders)]
    CommandLineInterface().run(arguments)  # type: ignore[no-untyped-call]
    with template.open("rb") as file:
        messages = read_po(file, locale=_LANGUAGE)
    for message in messages:
        if message.id and isinstance(message.id, tuple):
            message.string = tuple(f"{BEGIN}{text}{END}" for text in message.id)
        elif message.id:
            message.string = f"{BEGIN}{message.id}{END}"
    place = folder / _LANGUAGE / "LC_MESSAGES"
    place.mkdir(parents=True)
    with (place / "messages.mo").open("wb") as file:
        write_mo(file, messages)
    return folder


@pytest.fixture(scope="module")
def translated_app(
    sqlite_server: LiveServer, catalogue: Path, scene: accessible.Scene
) -> Iterator[Flask]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogues, "FOLDER", catalogue)
        with portal(sqlite_server.settings) as made:
            yield made


def _visitor(app: Flask, session: Session, actor: Actor) -> Visitor:
    with transaction(session):
        token = start_login(session, actor.account_id or 0, datetime.now(UTC))
    visitor = Visitor(app)
    visitor.carry(token)
    return visitor


def _words_of(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]{2,}", text)


def _vocabulary() -> set[str]:
    tuples = (words for name, words in vars(vocabulary).items() if name.isupper())
    return {word for words in tuples for word in words}


def _texts_in(value: Any) -> Iterator[str]:
    """The lines of a stored value, and of what it holds if it is JSON."""
    if isinstance(value, str):
        with suppress(ValueError):
            held = json.loads(value) if value[:1] in ("[", "{") else None
            yield from _texts_in(held)
        yield from map(str.strip, value.splitlines())
        yield value.replace("_", " ").replace(".", " ")  # as pages show names of fields
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from (*_texts_in(key), *_texts_in(one))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts_in(one)


class _Data:
    """All that is stored, by lines, and what the machine and the guides say; no vocabulary."""

    def __init__(self, session: Session) -> None:
        found = available_timezones()
        for guide in (PROJECT / "docs").glob("*.md"):
            found.update(cell.strip() for cell in re.split(r"[|\n]", guide.read_text("utf-8")))
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)):
                for value in row:
                    found.update(_texts_in(value))
        known = {one for one in found if len(one) > 2} - _vocabulary()
        known.update(session.scalars(select(EventSource.name)))  # one is called "test"
        known.update(one.title for one in FORMATS.values())  # names of programs
        longest_first = sorted(known, key=len, reverse=True)
        self._all = "\n".join(longest_first)
        self._known = re.compile(
            rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE
        )

    def holds(self, text: str) -> bool:
        """Whether the text is only of that, or a part of one."""
        left = _NO_TEXTS.sub(" ", self._known.sub(" ", text))
        return not _words_of(left) or (" " in text and text in self._all)


def test_pages_show_nothing_of_ours_untranslated(
    translated_app: Flask, sqlite_server: LiveServer, scene: accessible.Scene
) -> None:
    known = [*accessible._pages(translated_app, scene), *accessible._states(scene)]
    looked_at = {
        "admin": [
            path for path in known if not path.startswith(("/guide", "/manual"))
        ],  # files of their own
        "kit": ["/", "/tickets", f"/tickets/{scene.change}", "/reports", "/reports/DE-KIT/2013-Q1"],
    }
    pages = []
    with sqlite_server.session() as session:
        for who, paths in looked_at.items():
            visitor = _visitor(translated_app, session, getattr(scene.cast, who))
            answers = [(p, visitor.get(p, {"Accept-Language": _LANGUAGE})) for p in paths]
            pages += [
                (f"{who} {path}", _Page(answer.text))
                for path, answer in answers
                if answer.mimetype == "text/html" and not answer.location
            ]
        data = _Data(session)  # with what was computed meanwhile
    assert len(pages) > 100
    found = [
        f"{where}: {text}"
        for where, page in pages
        for text in (*page.plain, *page.marked_values)
        if text not in unquote_plus(where) and not data.holds(text)
    ]
    assert found == []


def test_a_page_says_in_which_language_it_is(translated_app: Flask) -> None:
    client = translated_app.test_client()
    for asked, language in (
        (_LANGUAGE, _LANGUAGE),
        ("fr", "en"),
        ("eo-XX, eo;q=0.9, en;q=0.5", _LANGUAGE),
    ):
        page = client.get("/login", headers={"Accept-Language": asked}).text
        assert f'<html lang="{language}"' in page
        assert (BEGIN in page) == (language == _LANGUAGE)


def test_scripts_get_their_texts(translated_app: Flask) -> None:
    client = translated_app.test_client()
    texts = [
        client.get("/scripts.js", headers={"Accept-Language": asked}).text
        for asked in (_LANGUAGE, "en")
    ]
    assert texts[0].endswith(texts[1])
    known = json.loads(texts[0].removeprefix("window.portalTexts = ").partition(";\n")[0])
    assert known["Log in"] == f"{BEGIN}Log in{END}"
    assert len(known) > 30
    assert all(text == f"{BEGIN}{english}{END}" for english, text in known.items())


def test_mails_are_written_in_the_language_of_the_setting(
    catalogue: Path, sqlite_server: LiveServer, scene: accessible.Scene
) -> None:
    found = []
    with pytest.MonkeyPatch.context() as patch, sqlite_server.session() as session:
        patch.setattr(catalogues, "FOLDER", catalogue)
        data = _Data(session)
        write_mails(catalogues.catalogue_of(_LANGUAGE))
        try:
            for number in session.scalars(select(Mail.id).order_by(Mail.id).limit(10)):
                post = post_of(session, SENDER, number)
                page = _Page(post.html)
                found += [text for text in page.plain if not data.holds(text)]
                assert BEGIN in post.text
        finally:
            write_mails(NullTranslations())
    assert found == []


def test_a_text_is_english_but_for_the_html_of_a_page() -> None:
    text = _("No %(what)s <b>", what=counted("%(num)s link", "%(num)s links", 2)) + "."
    assert text == "No 2 links <b>."
    assert json.loads(json.dumps({text: text})) == {"No 2 links <b>.": "No 2 links <b>."}
    assert escape(text) == "No 2 links &lt;b&gt;."
    assert pickle.loads(pickle.dumps(text)) == text

    class Shouted(NullTranslations):
        def gettext(self, message: str) -> str:
            return message.upper() if "%" not in message else message.replace("No", "NON")

        def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
            return msgid2.replace("links", "LIGOJ")

    assert said(text, Shouted()) == "NON 2 LIGOJ <b>."
    assert said(joined(_(" and "), ["a", _("b")]), Shouted()) == "a AND B"
    assert said(said_word("down").capitalize(), Shouted()) == "Down"
    assert said("down", Shouted()) == "down"
