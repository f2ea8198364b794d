"""The filter of a webhook: the parameters of the ticket list's address, parsed without a page.

Unlike in the list, no state means all: the change that solves a ticket is news, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined, said_word
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.tickets.rules.fields import Where, fields_at
from app.tickets.rules.tickets import State
from app.tickets.rules.tokenizer import MAX_CHARACTERS, read_search
from app.tickets.services.lists.lists import TicketFilter

_FIELDS: Final = {field.name: field for field in fields_at(Where.FILTER)}
_NAMES: Final = {
    "site": _("Site"),
    "affected": _("Affected site"),
    "link": _("Link"),
    "responsible": _("Responsible site"),
}
LABELS: Final[Mapping[str, str]] = {
    "q": _("Text"),
    "state": _("State"),
    **{name: field.head or field.label for name, field in _FIELDS.items()},
    **_NAMES,
}
"""Every parameter of a filter with its label."""
_LOOKS: Final = frozenset({"sort", "columns", "after", "before", "last", "filter"})
"""Parameters of the list's address that affect only its appearance."""
_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "state": ("open", "closed", *State),
    **{
        name: tuple(str(one) for one in field.choices)
        for name, field in _FIELDS.items()
        if field.choices is not None
    },
}
MAX_VALUES: Final = 50
MAX_LENGTH: Final = 2000


def checked_filter(text: str) -> str:
    """Normalize a filter for storage: the query of a list's address, or the whole address, in the
    order of ``LABELS``. Raises ``Invalid`` with the allowed parameters."""
    return urlencode(
        [(name, value) for name, values in filter_values(text).items() for value in values]
    )


def filter_values(text: str) -> Mapping[str, Sequence[str]]:
    """The values of each parameter of a filter. Raises ``Invalid``."""
    query = checked_text("filter", text.strip(), MAX_LENGTH, label=_("Tickets"))
    query = query.partition("#")[0].rpartition("?")[2]
    try:
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise _not_a_filter() from None
    found: dict[str, list[str]] = {}
    for name, value in given:
        if name in _LOOKS or not value.strip():
            continue
        if name not in LABELS:
            raise _not_a_filter()
        found.setdefault(name, []).append(_checked(name, value))
    if max((len(values) for values in found.values()), default=0) > MAX_VALUES:
        raise Invalid(
            "filter", _("A filter parameter can have at most %(limit)s values", limit=MAX_VALUES)
        )
    if len(found.get("q", ())) > 1:
        raise Invalid("filter", _("Use only one search text"))
    return {name: list(dict.fromkeys(found[name])) for name in LABELS if name in found}


def read_filter(text: str) -> TicketFilter:
    """Parse a filter into that of the lists. Raises ``Invalid``."""
    given = filter_values(text)

    def many(name: str) -> tuple[str, ...]:
        return tuple(given.get(name, ()))

    return TicketFilter(
        text=next(iter(given.get("q", ())), ""),
        states=many("state"),
        values={name: many(name) for name in _FIELDS if name in given},
        sites=many("site"),
        affected=many("affected"),
        links=many("link"),
        responsible=many("responsible"),
    )


def filter_in_words(text: str) -> str:
    """Describe a stored filter for people."""
    try:
        given = filter_values(text)
    except Invalid as error:
        return error.message
    if not given:
        return _("all tickets that its account may read")
    return joined(
        " · ",
        (
            _(
                "%(label)s: %(listed)s",
                label=LABELS[name],
                listed=joined(
                    ", ", (said_word(one) if name in _CHOICES else one for one in values)
                ),
            )
            for name, values in given.items()
        ),
    )


def _not_a_filter() -> Invalid:
    return Invalid(
        "filter",
        _(
            "Not a ticket filter. Write it as site=DE-KIT&category=incident, or copy"
            " the address of the list. Allowed are: %(allowed)s",
            allowed=", ".join(LABELS),
        ),
    )


def _checked(name: str, value: str) -> str:
    label = LABELS[name]
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise Invalid(
                "filter",
                _(
                    "%(label)s: unknown value. Use one of: %(allowed)s",
                    label=label,
                    allowed=", ".join(_CHOICES[name]),
                ),
            )
        return value
    if name == "q":
        checked_text("filter", value, MAX_CHARACTERS, label=label)
        read_search(value)
        return value
    limit = SHORT_TEXT_LIMIT if name in _NAMES else _FIELDS[name].limit
    return checked_text("filter", value, limit, label=label)
