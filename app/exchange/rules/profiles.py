"""What is exchanged with a partner: which tickets, with which mapping, and who owns each field.

A profile is versioned data: administrators edit it on a page or import it from a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.exchange.rules.extras import FILLED, MOST, NAME, OWN
from app.exchange.rules.fields import Owner, ValueMap
from app.exchange.rules.structured_mail import LONGEST_KEY, MEANINGS
from app.tickets.rules.fields import BY_NAME
from app.tickets.rules.tickets import Category, Impact, Layer, Priority, State


class Direction(StrEnum):
    """The direction in which changes are sent."""

    PUSH = "push"
    """We send to the partner."""
    PULL = "pull"
    """We read from the partner."""
    BOTH = "both"

    @property
    def pushes(self) -> bool:
        """Whether our changes are sent to the partner."""
        return self is not Direction.PULL

    @property
    def reads(self) -> bool:
        """Whether their changes are read."""
        return self is not Direction.PUSH


class Choice(StrEnum):
    """Which tickets are exchanged, among those selected by networks, sites and categories."""

    SHARED = "shared"
    """Those that an operator shared with the partner."""
    NEW = "new"
    """Also those created after the connection was set up."""
    ALL = "all"
    """Also those that were open at that time."""


class Guard(StrEnum):
    """Rules of a partner for states that are sent to it, in addition to the map (the rules of
    GGUS's operators for systems that exchange tickets with it)."""

    NOT_CREATED_IN_PROGRESS = "never create as in progress"
    NO_DOWNGRADE = "never downgrade"
    """A ticket there that waits, is on hold, was reopened or has ended is not set back to "in
    progress"."""
    NO_SOLVE_OVER_FINAL = "never solve over a final state"


CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "state": tuple(State),
    "priority": tuple(Priority),
    "category": tuple(Category),
    "layer": tuple(Layer),
    "impact": tuple(Impact),
}
"""Fields whose values are mapped row by row; the other exchanged fields are texts and times."""
MOST_ROWS: Final = 500


@dataclass(frozen=True)
class ValueRow:
    """A row of a map. ``way``: ``both``, ``out`` (ours to theirs) or ``in``."""

    ours: str
    theirs: str
    way: str = "both"


@dataclass(frozen=True)
class Profile:
    """A version of the profile. Empty networks, sites and categories mean all of them."""

    tickets: Choice = Choice.SHARED
    networks: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    maps: Mapping[str, tuple[ValueRow, ...]] = field(default_factory=dict)
    owners: Mapping[str, Owner] = field(default_factory=dict)
    group: str = ""
    """Queue, group or assignment group of their tickets."""
    guards: tuple[Guard, ...] = ()
    mail: tuple[tuple[str, str], ...] = ()
    """For a partner by mail: the keys of its lines and their meanings (``MEANINGS``), in writing
    order; empty = mails are plain texts."""
    extras: Mapping[str, str] = field(default_factory=dict)
    """Fields that a Zammad added to its tickets, and what fills them (``rules.extras``)."""

    def map_of(self, name: str) -> ValueMap:
        """The map of a field. Of several rows with the same value the first counts."""
        to_them: dict[str, str] = {}
        to_us: dict[str, str] = {}
        for row in self.maps.get(name, ()):
            if row.way != "in":
                to_them.setdefault(row.ours, row.theirs)
            if row.way != "out":
                to_us.setdefault(row.theirs.casefold(), row.ours)
        return ValueMap(to_them, to_us)

    def owner_of(self, name: str) -> Owner:
        """Who owns a field; if not set, the last writer."""
        return self.owners.get(name, Owner.NEWEST)

    def chooses(self, *, network: str, category: str, sites: frozenset[str], is_new: bool) -> bool:
        """Whether a ticket is exchanged without having been shared. ``is_new``: created after the
        connection was set up."""
        return (
            (self.tickets is Choice.ALL or (self.tickets is Choice.NEW and is_new))
            and (not self.networks or network in self.networks)
            and (not self.categories or category in self.categories)
            and (not self.sites or bool(sites & frozenset(self.sites)))
        )

    def state_to_create(self, state: str) -> str:
        """The state, in our words, with which their ticket is created."""
        begun = state == State.IN_PROGRESS and Guard.NOT_CREATED_IN_PROGRESS in self.guards
        return State.NEW if begun else state

    def refused_state(self, now: str, wanted: str) -> str:
        """Why their ticket, which is in ``now``, must not be set to ``wanted``, "" = allowed. Both
        in our words; ``now`` "" = their state is not mapped."""
        is_down = now not in ("", State.NEW, State.ASSIGNED, State.IN_PROGRESS)
        if wanted == State.IN_PROGRESS and is_down and Guard.NO_DOWNGRADE in self.guards:
            return f"{Guard.NO_DOWNGRADE}: it is {now} there"
        is_over = now in (State.UNSOLVED, State.VERIFIED, State.CLOSED)
        if wanted == State.SOLVED and is_over and Guard.NO_SOLVE_OVER_FINAL in self.guards:
            return f"{Guard.NO_SOLVE_OVER_FINAL}: it is {now} there"
        return ""

    def missing_out(self) -> Mapping[str, tuple[str, ...]]:
        """Our values without a mapping, of the mapped fields: listed in advance, never guessed."""
        missing = {}
        for name in self.maps:
            to_them = self.map_of(name).to_them
            if values := tuple(one for one in CHOICES[name] if one not in to_them):
                missing[name] = values
        return missing

    def as_json(self) -> str:
        """The profile as a file."""
        return json.dumps(
            {
                "tickets": self.tickets,
                "networks": self.networks,
                "sites": self.sites,
                "categories": self.categories,
                "group": self.group,
                "maps": {
                    name: [[row.ours, row.theirs, row.way] for row in rows]
                    for name, rows in self.maps.items()
                },
                "owners": self.owners,
                "guards": self.guards,
                "mail": self.mail,
                "extras": self.extras,
            },
            indent=2,
            ensure_ascii=False,
        )


def profile_of(content: str) -> Profile:
    """Read a profile. Raises ``Invalid`` with the place and the error."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Invalid("profile", _("This is not JSON: %(error)s", error=error)) from None
    if not isinstance(data, dict):
        raise Invalid("profile", _("A profile is a JSON object"))
    known = {"networks", "sites", "categories", "tickets", "group", "maps", "owners", "guards"}
    known |= {"mail", "extras"}
    if unknown := sorted(set(data) - known):
        raise Invalid("profile", _("Unknown: %(names)s", names=", ".join(unknown)))
    owners: dict[str, Owner] = {}
    for name, owner in _mapping(data, "owners").items():
        if name not in BY_NAME or owner not in tuple(Owner):
            raise Invalid(
                "profile", _("Owner of %(name)s: %(owner)s is not known", name=name, owner=owner)
            )
        owners[name] = Owner(owner)
    maps = {name: _rows(name, rows) for name, rows in _mapping(data, "maps").items()}
    group = data.get("group", "")
    if not isinstance(group, str):
        raise Invalid("profile", _("group is a text"))
    checked_text("group", group, SHORT_TEXT_LIMIT, label=_("Their queue or group"))
    if (tickets := data.get("tickets", Choice.SHARED)) not in tuple(Choice):
        raise Invalid("profile", _("tickets is one of %(words)s", words=", ".join(Choice)))
    networks, sites, categories, guards = (
        _texts(data, name) for name in ("networks", "sites", "categories", "guards")
    )
    if unknown := sorted(set(guards) - set(Guard)):
        raise Invalid("profile", _("Unknown guards: %(names)s", names=", ".join(unknown)))
    parsed = tuple(Guard(one) for one in guards)
    mail, extras = _lines(data.get("mail", [])), _extras(data)
    return Profile(
        Choice(tickets), networks, sites, categories, maps, owners, group, parsed, mail, extras
    )


def _extras(data: Mapping[str, Any]) -> Mapping[str, str]:
    """The partner's own fields. Raises ``Invalid`` for one that could not be set."""
    found = _mapping(data, "extras")
    if len(found) > MOST:
        raise Invalid("profile", _("extras has at most %(most)s fields", most=MOST))
    for name, what in found.items():
        if NAME.fullmatch(name) is None or name in OWN:
            raise Invalid(
                "profile", _("extras: %(name)s is not a field that a Zammad added", name=name)
            )
        is_word = isinstance(what, str) and "{" not in what and what.strip()
        if what not in FILLED and not is_word:
            raise Invalid(
                "profile",
                _(
                    "extras: %(name)s is filled with a text or one of %(words)s",
                    name=name,
                    words=", ".join(FILLED),
                ),
            )
        checked_text("profile", what, SHORT_TEXT_LIMIT, label=name)
    return found


def _lines(data: Any) -> tuple[tuple[str, str], ...]:
    """The lines of a partner's mails. Raises ``Invalid`` for one that could not be read again."""
    if not isinstance(data, list) or len(data) > MOST_ROWS:
        raise Invalid("profile", _("mail is a list of at most %(most)s lines", most=MOST_ROWS))
    found: list[tuple[str, str]] = []
    for number, line in enumerate(data, start=1):
        is_pair = isinstance(line, list) and len(line) == 2
        if not is_pair or not all(isinstance(one, str) for one in line):
            raise Invalid(
                "profile", _("Mail, line %(number)s: a key and its meaning", number=number)
            )
        key, meaning = " ".join(line[0].split()), line[1]
        if not key or ":" in key or len(key) > LONGEST_KEY or meaning not in MEANINGS:
            raise Invalid(
                "profile",
                _(
                    "Mail, line %(number)s is not valid; a key means one of %(meanings)s",
                    number=number,
                    meanings=", ".join(MEANINGS),
                ),
            )
        checked_text("profile", key, SHORT_TEXT_LIMIT, label=_("Key"))
        if any(key.casefold() == other.casefold() for other, _meaning in found):
            raise Invalid("profile", _("Mail: the key %(key)s is there twice", key=key))
        found.append((key, meaning))
    return tuple(found)


def _mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise Invalid("profile", _("%(name)s is a JSON object", name=name))
    return found


def _texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = data.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Invalid("profile", _("%(name)s is a list of texts", name=name))
    for one in found:
        checked_text("profile", one, SHORT_TEXT_LIMIT, label=name)
    return tuple(found)


def _rows(name: str, rows: Any) -> tuple[ValueRow, ...]:
    if name not in CHOICES:
        raise Invalid("profile", _("%(name)s has no fixed values, so it has no mapping", name=name))
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        raise Invalid(
            "profile",
            _(
                "The mapping of %(name)s is a list of at most %(most)s rows",
                name=name,
                most=MOST_ROWS,
            ),
        )
    found = []
    for number, row in enumerate(rows, start=1):
        if not (isinstance(row, list) and len(row) == 3 and all(isinstance(o, str) for o in row)):
            raise Invalid(
                "profile",
                _(
                    "Mapping of %(name)s, row %(number)s: ours, theirs and the way",
                    name=name,
                    number=number,
                ),
            )
        ours, theirs, way = row
        if ours not in CHOICES[name] or not theirs.strip() or way not in ("both", "out", "in"):
            raise Invalid(
                "profile",
                _(
                    "Mapping of %(name)s, row %(number)s is not valid: %(row)s",
                    name=name,
                    number=number,
                    row=", ".join(row),
                ),
            )
        checked_text("profile", theirs, SHORT_TEXT_LIMIT, label=_("Theirs"))
        found.append(ValueRow(ours, theirs.strip(), way))
    return tuple(found)
