"""A browser without JavaScript: it reads pages, fills their own forms and sends them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from html import unescape
from html.parser import HTMLParser
from typing import Final
from urllib.parse import quote_plus, urlsplit

from flask import Flask, session
from flask_wtf.csrf import generate_csrf
from werkzeug.test import TestResponse

from app.core.web.form_keys import TOKEN

Fields = Mapping[str, str | bytes | Sequence[str]]
_VOID = frozenset({"meta", "link", "input", "br", "path", "circle", "rect", "use", "img", "hr"})
_VALUE: Final = r"[^\"&]*(?:&(?:amp|lt|gt|quot|#\d+);[^\"&]*)*"
_PLAIN_TAG: Final = re.compile(
    r"<(?!(?:script|style|textarea|title|iframe|no\w+|xmp|plaintext)\b)([a-z][a-z0-9]*)"
    rf"((?:\s+[a-zA-Z][\w.:-]*(?:=\"{_VALUE}\")?)*)\s*(/?)>",
    re.ASCII,
)
"""A start tag as our templates write nearly all of them, but for elements with a text of their own
kind, which the parser of the library reads."""
_PLAIN_ATTRIBUTE: Final = re.compile(r"\s+([a-zA-Z][\w.:-]*)(?:=\"([^\"]*)\")?", re.ASCII)


class Form:
    """A form of a page: where it goes and what it would send untouched."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.names: set[str] = set()
        self.fields: list[tuple[str, str]] = []

    def values(self, name: str) -> list[str]:
        """All values that the form holds under this name."""
        return [value for key, value in self.fields if key == name]

    def data(self) -> dict[str, list[str]]:
        """What it would send."""
        return {name: self.values(name) for name, _value in self.fields}


class PageReader(HTMLParser):
    """The forms, links, texts and attributes of a page, read as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.inline_scripts: list[str] = []
        self.texts: list[str] = []
        self.alerts: list[str] = []
        self._form: Form | None = None
        self._owner = ""
        self._ids: dict[str, Form] = {}
        self._tied: list[tuple[str, str, str | None]] = []
        self._select = ""
        self._offered: list[tuple[str, str]] = []
        self._radios: set[str] = set()
        self._textarea: str | None = None
        self._link: str | None = None
        self._script = False
        self._alert_depth = 0
        self.feed(page)
        self.close()
        for owner, name, value in self._tied:
            form = self._ids.get(owner)
            if form is None:
                # a part of a page: the form is in the rest of it
                assert "<html" not in page, f"no form has the id {owner}"
                continue
            form.names.add(name)
            if value is not None:
                form.fields.append((name, value))

    def parse_starttag(self, i: int) -> int:
        """As the library does, but at once where the tag is plain."""
        found = _PLAIN_TAG.match(self.rawdata, i)
        if found is None:
            return super().parse_starttag(i)
        tag, inside, end = found.groups()
        given: list[tuple[str, str | None]] = [
            (name.lower(), unescape(value)) for name, value in _PLAIN_ATTRIBUTE.findall(inside)
        ]
        (self.handle_startendtag if end else self.handle_starttag)(tag, given)
        return found.end()

    def updatepos(self, i: int, j: int) -> int:
        """Lines and columns are not counted: nobody asks for them."""
        return j

    @property
    def text(self) -> str:
        """All that is to be read."""
        return " ".join(" ".join(self.texts).split())

    def form(self, action: str) -> Form:
        """The form that goes to this path."""
        return next(form for form in self.forms if urlsplit(form.action).path == action)

    def has_form(self, action: str) -> bool:
        """Whether a form goes to this path."""
        return any(urlsplit(form.action).path == action for form in self.forms)

    def options(self, name: str) -> list[str]:
        """What the select of this name offers, in order."""
        return [value for select, value in self._offered if select == name]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in given.items()]
        if tag in ("textarea", "select", "input"):
            self._owner = given.get("form", "")
        if self._alert_depth and tag not in _VOID:
            self._alert_depth += 1
        elif given.get("role") == "alert" or given.get("class") == "error":
            self._alert_depth = 1
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._form)
            self._ids[given.get("id", "")] = self._form
        elif tag == "a":
            self.links.append((given.get("href", ""), ""))
            self._link = ""
        elif tag == "script":
            self._script = "src" not in given
        elif tag == "select":
            self._select = given.get("name", "")
            self._name(self._select)
        elif tag == "option":
            self._option(given.get("value", ""), chosen="selected" in given)
        elif tag == "textarea":
            self._textarea = given.get("name", "")
            self._name(self._textarea)
            self._buffer = ""
        elif tag == "input":
            self._name(given.get("name", ""))
            if given.get("type") not in ("radio", "checkbox") or "checked" in given:
                self._field(given.get("name", ""), given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if self._alert_depth and tag not in _VOID:
            self._alert_depth -= 1
        if tag == "form":
            self._form = None
        elif tag == "a":
            self._link = None
        elif tag == "script":
            self._script = False
        elif tag == "textarea" and self._textarea is not None:
            text = self._buffer.removeprefix("\r\n").removeprefix("\n")
            self._field(self._textarea, text)
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._buffer += data
            return
        if self._script:
            self.inline_scripts.append(data)
        if self._link is not None:
            self._link += data
            self.links[-1] = (self.links[-1][0], self._link.strip())
        self.texts.append(data)
        if self._alert_depth:
            self.alerts.append(data)

    def _option(self, value: str, *, chosen: bool) -> None:
        self._offered.append((self._select, value))
        if chosen:
            self._field(self._select, value)

    def _name(self, name: str) -> None:
        if self._owner and name:
            self._tied.append((self._owner, name, None))
        elif self._form is not None and name:
            self._form.names.add(name)

    def _field(self, name: str, value: str) -> None:
        if self._owner and name:
            self._tied.append((self._owner, name, value))
        elif self._form is not None and name:
            self._form.fields.append((name, value))


def encoded(fields: Fields) -> bytes:
    """An urlencoded body; values given as bytes are sent as they are."""
    pairs = []
    for name, value in fields.items():
        many = [value] if isinstance(value, str | bytes) else value
        pairs += [
            f"{quote_plus(name)}={quote_plus(one, errors='surrogatepass')}"
            if isinstance(one, str)
            else f"{quote_plus(name)}={quote_plus(one)}"
            for one in many
        ]
    return "&".join(pairs).encode()


class Visitor:
    """One browser with its own cookies."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self._token = ""

    def carry(self, login: str) -> None:
        """Put a login's random id into the cookie."""
        with self.client.session_transaction() as cookie:
            cookie["_user_id"] = login
            cookie["_fresh"] = True

    @property
    def cookie(self) -> str:
        """The session cookie's value, or ""."""
        found = self.client.get_cookie("portal")
        return found.value if found else ""

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> TestResponse:
        """One page; redirects are not followed."""
        return self.client.get(path, headers=dict(headers or {}), buffered=True)

    def read(self, path: str, headers: Mapping[str, str] | None = None) -> PageReader:
        """One page that answers 200, read."""
        answer = self.get(path, headers)
        assert answer.status_code == 200, (path, answer.status_code)
        return PageReader(answer.text)

    def token(self) -> str:
        """A valid CSRF token of this browser, as any page would give it."""
        with self.client.session_transaction() as cookie:
            held = cookie.setdefault(TOKEN, secrets.token_hex(20))
        with self.client.application.test_request_context():
            session[TOKEN] = held
            token: str = generate_csrf()
            return token

    def send(
        self, path: str, fields: Fields, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Post a form with a valid token."""
        if not self._token:
            self._token = self.token()
        return self.send_raw(path, encoded({"csrf_token": self._token, **fields}), headers)

    def send_raw(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Post a body as it is."""
        return self.client.post(
            path,
            data=body,
            content_type="application/x-www-form-urlencoded",
            headers=dict(headers or {}),
        )

    def renew_token(self) -> None:
        """Forget the token: the session was emptied."""
        self._token = ""

    def upload(
        self, path: str, fields: Mapping[str, str], name: str, content: bytes
    ) -> TestResponse:
        """Post a form with one file, under the name ``file``, and a valid token."""
        if not self._token:
            self._token = self.token()
        edge = "edge-of-the-parts"
        heads = [
            (f'name="{field}"', value.encode())
            for field, value in {"csrf_token": self._token, **fields}.items()
        ] + [(f'name="file"; filename="{name}"', content)]
        body = b"".join(
            f"--{edge}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
            for head, value in heads
        )
        return self.client.post(
            path,
            data=body + f"--{edge}--\r\n".encode(),
            content_type=f"multipart/form-data; boundary={edge}",
            buffered=True,
        )
