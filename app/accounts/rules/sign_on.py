"""Sign-on with a provider of identities: what its claims say of a person, and which role the map of
the administrators gives for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from app.core.rules.access import Role
from app.core.rules.mails.mail_addresses import mail_address

MAX_ROWS: Final = 100
"""Rows of the map."""
MAX_PATTERN: Final = 500
"""Characters of a row's pattern, and of a provider's value."""
MAX_VALUES: Final = 500
"""Values of a person; what is above these limits, or no text of a line, gives no right."""
_MAX_SUBJECT: Final = 255
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._@+-]+")
_MAX_NAME: Final = 90
"""Characters of a login name, with room for what tells it from another one."""


@dataclass(frozen=True)
class Claimed:
    """What a provider says about a person, checked and cut to what is stored."""

    issuer: str
    subject: str
    """The ``sub``: with the issuer it names the person for ever."""
    login_name: str
    """A login name to propose; it identifies nobody."""
    full_name: str
    mail: str
    """"" if none exists, or where the provider says that it is not verified."""
    values: tuple[str, ...]
    """Entitlements, groups or roles, each once, in order."""
    id_token: str = ""
    """As the provider signed it: at logout it says which session ends."""


@dataclass(frozen=True)
class MapRow:
    """Who has a value that fits ``pattern`` gets ``role``, a reporter for ``site`` (its key)."""

    pattern: str
    role: str
    site: str = ""

    def __str__(self) -> str:
        return f"{self.pattern} -> {self.role}{f' {self.site}' if self.site else ''}"


class Granted(NamedTuple):
    """What the map gives, and by which of its values."""

    role: Role
    sites: tuple[str, ...] = ()
    """Keys of the sites of a reporter."""


def claimed(
    issuer: str, claims: Mapping[str, Any], names: Sequence[str], id_token: str = ""
) -> Claimed | None:
    """Read the claims of a person; ``names`` are those that hold entitlements. None where ``sub``
    is missing or longer than 255 characters (OpenID Connect Core 1.0, section 2)."""
    subject = _line(claims.get("sub"))
    if not subject or len(subject) > _MAX_SUBJECT:
        return None
    typed_mail = _line(claims.get("email"))
    verified = claims.get("email_verified", True)  # some providers send it as text
    is_verified = verified is True or (isinstance(verified, str) and verified.lower() == "true")
    mail = mail_address(typed_mail) or "" if is_verified else ""
    wished = (_line(claims.get("preferred_username")), mail.partition("@")[0], subject)
    return Claimed(
        issuer,
        subject,
        next(filter(None, map(_login_name, wished)), "person"),
        _line(claims.get("name"))[:255],
        mail,
        values_of(claims, names),
        id_token,
    )


def values_of(claims: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """The values of these claims, a text or a list of texts each."""
    found: dict[str, None] = {}
    for name in names:
        given = _claim(claims, name)
        for value in given if isinstance(given, list) else [given]:
            if (text := _line(value)) and len(text) <= MAX_PATTERN:
                found[text] = None
    return tuple(found)[:MAX_VALUES]


def _claim(claims: Any, name: str) -> Any:
    """A claim by its name, or by its path: names may hold dots themselves."""
    if not isinstance(claims, Mapping):
        return None
    if name in claims:
        return claims[name]
    for key in claims:
        if name.startswith(f"{key}."):
            inner = _claim(claims[key], name[len(key) + 1 :])
            if inner is not None:
                return inner
    return None


def _line(value: Any) -> str:
    """A text of one line, else ""."""
    return value.strip() if isinstance(value, str) and value.isprintable() else ""


def _login_name(text: str) -> str:
    return _NOT_IN_NAMES.sub("-", text).lstrip("._@+-").rstrip("-")[:_MAX_NAME]


def fits(pattern: str, value: str) -> bool:
    """Whether a value is the pattern, letter by letter; ``*`` stands for any letters, or none."""
    first, *parts = pattern.split("*")
    if not parts:
        return value == pattern
    last = parts.pop()
    if not value.startswith(first) or len(value) < len(first) + len(last):
        return False
    at, end = len(first), len(value) - len(last)
    for part in parts:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return value.endswith(last)


def granted(rows: Iterable[MapRow], values: Iterable[str]) -> Granted:
    """The first row that fits one of the values decides on the role; a reporter gets the sites of
    all rows of reporters that fit. A person without a matching row (``is_mapped``) is a reader, if
    let in."""
    had = tuple(values)
    fitting = [row for row in rows if any(fits(row.pattern, value) for value in had)]
    if not fitting:
        return Granted(Role.READER)
    role = Role(fitting[0].role)
    if role is not Role.REPORTER:
        return Granted(role)
    sites = dict.fromkeys(row.site for row in fitting if row.role == Role.REPORTER)
    return Granted(role, tuple(sites))


def is_mapped(rows: Iterable[MapRow], values: Iterable[str]) -> bool:
    """Whether a row fits one of the values, so that the map gives a role."""
    had = tuple(values)
    return any(fits(row.pattern, value) for row in rows for value in had)


def unmapped(rows: Sequence[MapRow], values: Iterable[str]) -> list[str]:
    """The values that no row fits, in order."""
    return [value for value in values if not any(fits(row.pattern, value) for row in rows)]


def rows_as_json(rows: Iterable[MapRow]) -> str:
    """Rows as they are stored."""
    return json.dumps([[row.pattern, row.role, row.site] for row in rows], ensure_ascii=False)


def rows_of_json(text: str) -> tuple[MapRow, ...]:
    """The same, read."""
    return tuple(MapRow(*row) for row in json.loads(text))
