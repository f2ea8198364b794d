"""A query over tickets in GGUS's words: its tree, and the fields that may be queried.

The tree is what the GGUS qualification language, or any later language, is read into, and what
``app.tickets.services.lists.query`` turns into a database condition. It knows neither the text that
it was read from (whether a value was quoted has no meaning) nor the database.

Field names are those of GGUS's database: the contract's element name with each ``_`` after the
prefix ``GHD_`` turned into a blank, and ``GHD_Date/Time Of Problem``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from app.core.rules.errors import Invalid, InvalidQuery
from app.core.rules.texts import read_time
from app.tickets.rules.fields import FIELDS as TICKET_FIELDS
from app.tickets.rules.fields import ValueKind


class FieldKind(Enum):
    """How the values of a field are compared."""

    TEXT = auto()
    """By code point, exactly."""
    NUMBER = auto()
    """As a number; what is no number matches nothing."""
    TIME = auto()
    """As moments; a value without a zone is UTC."""
    SITE = auto()
    """Equal or not to any name of any affected site."""
    NEVER = auto()
    """A field of the contract that is never answered, so it is empty for every ticket."""
    DIARY = auto()
    """Cannot be queried."""


def query_name(element: str) -> str:
    """What a query calls an element of the contract."""
    return f"GHD_{element.removeprefix('GHD_').replace('_', ' ')}"


FIELDS: Final[Mapping[str, FieldKind]] = MappingProxyType(
    {
        **{
            query_name(field.ggus): FieldKind.DIARY
            if field.kind is ValueKind.ENTRY
            else FieldKind.TEXT
            for field in TICKET_FIELDS
            if field.ggus
        },
        "GHD_Request ID": FieldKind.NUMBER,
        "GHD_Meta Status": FieldKind.TEXT,
        "GHD_Ticket Type": FieldKind.TEXT,
        "GHD_Ticket Category": FieldKind.TEXT,
        "GHD_Affected Site": FieldKind.SITE,
        "GHD_VO Specific": FieldKind.TEXT,
        "GHD_Experiment Specific Problem": FieldKind.TEXT,
        "GHD_E-Mail": FieldKind.TEXT,
        "GHD_Submitter Mail": FieldKind.TEXT,
        "GHD_Last Modifier": FieldKind.TEXT,
        "GHD_Origin SG": FieldKind.TEXT,
        "GHD_Target ID": FieldKind.TEXT,
        "GHD_Incident ID": FieldKind.TEXT,
        "GHD_Date/Time Of Problem": FieldKind.TIME,
        "GHD_Date Time Of Problem": FieldKind.TIME,
        "GHD_ETA": FieldKind.TIME,
        "GHD_Date Of Creation": FieldKind.TIME,
        "GHD_Create Date": FieldKind.TIME,
        "GHD_Date Of Change": FieldKind.TIME,
        "GHD_Modified Date": FieldKind.TIME,
        "GHD_Last Update": FieldKind.TIME,
        "GHD_Last Login": FieldKind.NEVER,
        "GHD_CarbonCopy": FieldKind.NEVER,
        "GHD_Product Name": FieldKind.NEVER,
        "GHD_Product Version": FieldKind.NEVER,
        "GHD_Parent ID": FieldKind.NEVER,
        "GHD_Parent Child Relation": FieldKind.NEVER,
        "GHD_EMI Ticket": FieldKind.NEVER,
    }
)
"""Every field that a query may name. The elements are those of the GGUS contract of 2016; Meta
Status, Last Update and EMI Ticket are known from clients and from the older Grid_HelpDesk."""

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
OPERATORS: Final[tuple[Operator, ...]] = ("=", "!=", "<", "<=", ">", ">=")

# What no database text and no XML answer can hold: a value with it is a mistake or an attack.
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field op value``, checked when made: a comparison that exists can be carried out.

    ``value`` is the text as the client meant it, without quotes. Raises ``InvalidQuery`` for an
    unknown field, one that cannot be queried, an operator that the field does not know, or a time
    that cannot be read.
    """

    field: str
    op: Operator
    value: str

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise InvalidQuery(f"Unknown comparison; allowed are {' '.join(OPERATORS)}")
        if _UNUSABLE.search(self.value):
            raise InvalidQuery(
                "A value of the query holds a control character or half of a pair; remove it"
            )
        kind = FIELDS.get(self.field)
        if kind is None:
            raise InvalidQuery(
                "The query names an unknown field; write it as in 'GHD_Affected Site' (the"
                " element's name, after GHD_ with blanks for _, upper and lower case as there)"
            )
        if kind is FieldKind.DIARY:
            raise InvalidQuery(
                "The diaries cannot be queried; read them in TicketGet, or query 'GHD_Last Update'"
            )
        if kind is FieldKind.SITE and self.op not in ("=", "!="):
            raise InvalidQuery("'GHD_Affected Site' can be compared with = and != only")
        if kind is FieldKind.TIME:
            self.moment()

    def moment(self) -> datetime | None:
        """The value as an aware UTC time, None if it is empty; only for fields of kind TIME.

        Taken are YYYY-MM-DD, that with hh:mm or hh:mm:ss, ISO 8601, and seconds since 1970; what
        has no zone is UTC. Raises ``InvalidQuery`` for anything else, and for an empty value with
        another operator than = and !=.
        """
        if self.value == "" and self.op in ("=", "!="):
            return None
        try:
            return read_time(self.field, self.value, label=f"'{self.field}'", epoch=True)
        except Invalid as error:
            raise InvalidQuery(f"In the query, {error.message}, or seconds since 1970") from error

    def number(self) -> Decimal | None:
        """The value as a number, or None if it is not one."""
        return Decimal(self.value) if _NUMBER.fullmatch(self.value) else None


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts (two or more) hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the parts (two or more) holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several equalities of one field: its answer is one of the values, or none of them.

    Only ``grouped`` makes one; it costs the database as much as one comparison.
    """

    field: str
    values: tuple[str, ...]
    negated: bool


Condition: TypeAlias = Comparison | And | Or | AnyOf
Query: TypeAlias = Condition | None
"""None asks for nothing: every ticket matches."""


_GROUPED: Final = (FieldKind.TEXT, FieldKind.SITE, FieldKind.NUMBER)
_COSTLY: Final = frozenset(
    {
        *("GHD_Affected Site", "GHD_Target ID", "GHD_Incident ID", "GHD_Origin SG"),
        *("GHD_Description", "GHD_Detailed Solution"),
    }
)
"""Fields that are looked up in another table for each ticket, or are long texts."""
MAX_COSTLY: Final = 10
"""Comparisons of such fields in one query, after those of one field were made one: at 100,000
tickets each takes up to 0.3 s of processor time. It is an assumption that no client needs more."""


MAX_LEFT: Final = 50
"""Comparisons of whatever field in one query, likewise: at 100,000 tickets each takes up to 15
ms."""


def grouped(query: Query) -> Query:
    """The same query with fewer parts: in an OR all equalities of one field are one, in an AND all
    inequalities, a part of the same kind as the one around it is dissolved in it, and what stands
    there twice is once.

    Raises ``InvalidQuery`` where more than ``MAX_LEFT`` comparisons remain, or more than
    ``MAX_COSTLY`` of costly fields.
    """
    if query is None:
        return None
    condition = _grouped(query)
    fields = list(_fields_of(condition))
    if len(fields) > MAX_LEFT:
        raise InvalidQuery(
            f"The query would cost too much; at most {MAX_LEFT} comparisons are allowed, where"
            " several of one field with = joined by OR count as one, and several with != joined by"
            " AND"
        )
    if sum(field in _COSTLY for field in fields) > MAX_COSTLY:
        raise InvalidQuery(
            "The query has too many comparisons of Affected Site, Target ID, Incident ID, Origin"
            f" SG, Description or Detailed Solution; at most {MAX_COSTLY} are allowed, where"
            " several with = joined by OR count as one, and several with != joined by AND"
        )
    return condition


def _grouped(part: Condition) -> Condition:
    if not isinstance(part, And | Or):
        return part
    kind = type(part)
    joint = "!=" if kind is And else "="
    rest: dict[Condition, None] = {}
    equal: dict[str, dict[str, None]] = {}
    for inner in map(_grouped, part.parts):
        for one in inner.parts if isinstance(inner, kind) else (inner,):
            if isinstance(one, AnyOf) and one.negated == (kind is And):
                equal.setdefault(one.field, {}).update(dict.fromkeys(one.values))
            elif isinstance(one, Comparison) and one.op == joint and _may_be_grouped(one):
                equal.setdefault(one.field, {})[one.value] = None
            else:
                rest[one] = None
    for field, values in equal.items():
        rest[AnyOf(field, tuple(values), negated=kind is And)] = None
    return next(iter(rest)) if len(rest) == 1 else kind(tuple(rest))


def _may_be_grouped(one: Comparison) -> bool:
    """Not the category, which may name a layer too, and not an empty site, which is no name."""
    kind = FIELDS[one.field]
    if kind is FieldKind.SITE:
        return one.value != ""
    return kind in _GROUPED and one.field != "GHD_Ticket Category"


def _fields_of(part: Condition) -> Iterator[str]:
    if isinstance(part, And | Or):
        for inner in part.parts:
            yield from _fields_of(inner)
    else:
        yield part.field


def all_of(*queries: Query) -> Query:
    """One query that holds where each of ``queries`` does."""
    conditions = tuple(query for query in queries if query is not None)
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return And(conditions)


def with_parameters(
    query: Query, *, unit: str | None = None, status: str | None = None, meta: str | None = None
) -> Query:
    """``query`` and the other conditions of TicketGetList of 2016: all that are given are required.

    ``unit``, ``status`` and ``meta`` (Open or Closed) that are None or empty ask for nothing.
    """
    given = (
        ("GHD_Responsible Unit", unit),
        ("GHD_Status", status),
        ("GHD_Meta Status", meta),
    )
    return all_of(query, *(Comparison(name, "=", value) for name, value in given if value))


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted: rows to leave out first, and the most rows (None = all)."""

    start: int
    limit: int | None


_MAX_START: Final = 2**62
_COUNT = re.compile(r"[0-9]{1,30}")


def read_page(start: str | None, limit: str | None, *, default_limit: int) -> Page:
    """Read GGUS's ``startRecord`` and ``maxLimit``, which are texts in the contract.

    Empty or None is 0 and ``default_limit``; a ``maxLimit`` of -1 is no limit. Raises ``Invalid``
    for anything else but a whole number, and for a ``maxLimit`` of 0.
    """
    first = (start or "").strip() or "0"
    if not _COUNT.fullmatch(first):
        raise Invalid("startRecord", "startRecord is not a whole number; allowed are 0 and above")
    most = (limit or "").strip()
    if most == "":
        wanted: int | None = default_limit
    elif most == "-1":
        wanted = None
    elif _COUNT.fullmatch(most) and int(most) > 0:
        wanted = int(most)
    else:
        raise Invalid(
            "maxLimit",
            "maxLimit is not allowed; allowed are 1 and above, -1 for no limit, or empty for"
            f" {default_limit}",
        )
    return Page(min(int(first), _MAX_START), wanted)
