"""Lists of tickets by a query: the database condition, and the pages of its answer.

A field is compared as it would be answered to the account that asks: what an account cannot see
it cannot search either. This table of answers is the one place to touch when an answer changes.
It knows no query language, only the tree of ``app.tickets.rules.query``.

Values reach the database as parameters only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.core.database.expressions import by_code_point
from app.core.rules.access import Actor, ActorKind, TicketAccess
from app.core.rules.clock import RESOLUTION, to_milliseconds
from app.core.rules.errors import TooMuch
from app.core.rules.language import _
from app.core.rules.texts import LONG_TEXT_LIMIT
from app.registry.models.registry import Site, SiteName
from app.tickets.models.tickets import (
    ExternalReference,
    SiteSpelling,
    Ticket,
    TicketPartner,
    TicketSite,
)
from app.tickets.rules.fields import FIELDS as TICKET_FIELDS
from app.tickets.rules.fields import ValueKind
from app.tickets.rules.query import (
    FIELDS,
    And,
    AnyOf,
    Comparison,
    Condition,
    FieldKind,
    Or,
    Page,
    Query,
    grouped,
    query_name,
)
from app.tickets.rules.tickets import GGUS_CATEGORY_NAMES, OPEN_STATES, Layer

MAX_ROWS: Final = 10_000
"""Most rows in one answer."""

_NUMBER_SLOT: Final = "{number}"
_EVERY_OPERATOR: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BEYOND_EVERY_NUMBER: Final = 2**62
_AS_IT_IS: Final = tuple(
    (name, field.name)
    for field in TICKET_FIELDS
    if field.kind in (ValueKind.TEXT, ValueKind.CHOICE)
    and not field.is_contact
    and FIELDS.get(name := query_name(field.ggus)) is FieldKind.TEXT
)
"""What a query asks for, and the field that is answered as it is."""


def matching(
    session: Session, actor: Actor, query: Query, page: Page, *, pointer: str = ""
) -> Select[int]:
    """Selects the numbers of one page of the tickets that the actor may read and that match.

    ``pointer`` as for ``condition``. Raises ``TooMuch`` for more than 10,000 rows in one answer.
    """
    wanted = MAX_ROWS if page.limit is None else min(page.limit, MAX_ROWS)
    statement = (
        select(Ticket.number)
        .where(readable(actor), condition(query, actor, pointer=pointer))
        .order_by(Ticket.number)
        .offset(page.start)
    )
    if page.limit is None or page.limit > MAX_ROWS:
        beyond = statement.limit(wanted + 1).subquery()
        found = session.scalar(select(func.count()).select_from(beyond)) or 0
        if found > MAX_ROWS:
            raise TooMuch(
                _(
                    "The answer has more than %(max_rows)s rows; ask for them in pages of at most"
                    " %(max_rows)s with maxLimit, and startRecord as the number of"
                    " rows already read",
                    max_rows=MAX_ROWS,
                )
            )
    return statement.limit(wanted)


def reads_all(actor: Actor) -> bool:
    """Whether the actor may read every ticket."""
    return actor.kind is not ActorKind.PARTNER or actor.access is TicketAccess.ALL


def own_of(partner_id: ColumnElement[int] | int | None) -> ColumnElement[bool]:
    """Holds for a partner's own tickets: it created them, or they were handed to it."""
    handed = exists().where(
        TicketPartner.ticket_number == Ticket.number, TicketPartner.partner_id == partner_id
    )
    return or_(Ticket.created_by_partner_id == partner_id, handed)


def readable(actor: Actor) -> ColumnElement[bool]:
    """Holds for the tickets that the actor may read: all, or a partner's own."""
    return true() if reads_all(actor) else own_of(actor.partner_id)


def condition(query: Query, actor: Actor, *, pointer: str = "") -> ColumnElement[bool]:
    """The query as a condition on ``Ticket``; rights to read are ``readable``'s, not this one's.

    ``pointer`` is the text that ends a text which is answered cut at 4000 characters, with
    ``{number}`` in place of the ticket's number. Empty equals only empty, and is unequal to
    every other value; < and > never match an empty field. Raises ``InvalidQuery`` for a query that
    would cost too much.
    """
    found = grouped(query)
    return true() if found is None else _Compare(actor, pointer).condition(found)


class _Compare:
    """Turns conditions into SQL for one account."""

    def __init__(self, actor: Actor, pointer: str) -> None:
        self.actor = actor
        self.texts = _text_answers(actor, pointer)
        self.times = _time_answers(actor)

    def condition(self, part: Condition) -> ColumnElement[bool]:
        if isinstance(part, And):
            return and_(*(self.condition(inner) for inner in part.parts))
        if isinstance(part, Or):
            return or_(*(self.condition(inner) for inner in part.parts))
        if isinstance(part, AnyOf):
            matched = self.any_of(part)
            return ~matched if part.negated else matched
        return self.comparison(part)

    def any_of(self, asked: AnyOf) -> ColumnElement[bool]:
        kind = FIELDS[asked.field]
        if kind is FieldKind.NUMBER:
            single = (Comparison(asked.field, "=", value).number() for value in asked.values)
            whole = {
                int(one) for one in single if one is not None and one == one.to_integral_value()
            }
            return Ticket.number.in_(
                sorted(one for one in whole if abs(one) < _BEYOND_EVERY_NUMBER)
            )
        if kind is FieldKind.SITE:
            return _is_affected(self.actor, asked.values)
        if asked.field in self.texts:
            return self.texts[asked.field].in_(asked.values)
        return true() if "" in asked.values else false()

    def comparison(self, asked: Comparison) -> ColumnElement[bool]:
        kind = FIELDS[asked.field]
        if kind is FieldKind.NUMBER:
            return _compare_number(Ticket.number, asked)
        if kind is FieldKind.SITE:
            return _compare_site(self.actor, asked)
        if kind is FieldKind.TIME and asked.field in self.times:
            return _compare_time(self.times[asked.field], asked)
        if asked.field == "GHD_Ticket Category":
            return _compare_category(self.texts[asked.field], asked)
        if asked.field in self.texts:
            return _compare_text(self.texts[asked.field], asked)
        return _compare_with_nothing(asked)


# --- what each field answers --------------------------------------------------------------------


def _text_answers(actor: Actor, pointer: str) -> dict[str, ColumnElement[str]]:
    """Each text field's answer, "" where it is empty or not shown. A field that is missing here
    is empty for this account."""
    yes_or_no = case((Ticket.experiment_specific, "Yes"), else_="No")
    mail = _if_shown(actor, Ticket.submitter_mail)
    answers: dict[str, ColumnElement[str]] = {
        **{name: _column(getattr(Ticket, field)) for name, field in _AS_IT_IS},
        "GHD_Description": _cut(Ticket.description, pointer),
        "GHD_Detailed Solution": _cut(Ticket.solution, pointer),
        "GHD_Meta Status": case((Ticket.state.in_(OPEN_STATES), "Open"), else_="Closed"),
        "GHD_Ticket Type": literal("LHCOPN", Text()),
        "GHD_Ticket Category": case(
            *((Ticket.category == key, name) for key, name in GGUS_CATEGORY_NAMES.items()),
            else_="",
        ),
        "GHD_Affected VO": case((Ticket.affected_vo == "", "none"), else_=Ticket.affected_vo),
        "GHD_VO Specific": yes_or_no,
        "GHD_Experiment Specific Problem": yes_or_no,
        "GHD_E-Mail": mail,
        "GHD_Submitter Mail": mail,
        "GHD_Phone": _if_shown(actor, Ticket.submitter_phone),
        "GHD_Last Modifier": _column(Ticket.last_author),
        "GHD_Origin SG": _creating_partner(),
        "GHD_Target ID": _reference(actor, "target"),
        "GHD_Incident ID": _reference(actor, "incident"),
    }
    if actor.contract_year < 2016:
        del answers["GHD_Related Issue"]
    return answers


def _time_answers(actor: Actor) -> dict[str, ColumnElement[datetime | None]]:
    """Each time field's answer, NULL where it is empty."""
    answers: dict[str, Any] = {
        "GHD_Date/Time Of Problem": Ticket.event_start,
        "GHD_Date Time Of Problem": Ticket.event_start,
        "GHD_Date Of Creation": Ticket.created_at,
        "GHD_Create Date": Ticket.created_at,
        "GHD_Date Of Change": Ticket.changed_at,
        "GHD_Modified Date": Ticket.changed_at,
        "GHD_Last Update": Ticket.changed_at,
    }
    if actor.contract_year >= 2013:
        answers["GHD_ETA"] = Ticket.estimated_end
    return answers


def _column(column: Any) -> ColumnElement[str]:
    expression: ColumnElement[str] = column
    return expression


def _if_shown(actor: Actor, column: Any) -> ColumnElement[str]:
    """Mail and phone of a submitter are shown to operators and to the partner that sent them."""
    if actor.is_operator or actor.kind is ActorKind.SYSTEM:
        return _column(column)
    if actor.kind is not ActorKind.PARTNER:
        return literal("", Text())
    return case((Ticket.created_by_partner_id == actor.partner_id, column), else_="")


def _cut(column: Any, pointer: str) -> ColumnElement[str]:
    """A long text as GGUS carries it: whole, or its beginning and the pointer."""
    before, slot, after = pointer.partition(_NUMBER_SLOT)
    end: ColumnElement[str] = literal(before, Text())
    if slot:
        end = end + cast(Ticket.number, Text) + literal(after, Text())
    kept = func.substr(column, 1, LONG_TEXT_LIMIT - func.length(end))
    return case((func.length(column) > LONG_TEXT_LIMIT, kept + end), else_=column)


def _creating_partner() -> ColumnElement[str]:
    """The code of the partner that created the ticket, if it named an origin system at all."""
    code = (
        select(Partner.code)
        .where(Partner.id == Ticket.created_by_partner_id, Ticket.origin_system != "")
        .correlate(Ticket)
        .scalar_subquery()
    )
    return func.coalesce(code, literal("", Text()))


def _reference(actor: Actor, kind: str) -> ColumnElement[str]:
    """The newest reference of a kind that this partner gave; for people, that anyone gave."""
    newest = (
        select(ExternalReference.reference)
        .where(ExternalReference.ticket_number == Ticket.number, ExternalReference.kind == kind)
        .order_by(ExternalReference.id.desc())
        .limit(1)
        .correlate(Ticket)
    )
    if actor.kind is ActorKind.PARTNER:
        newest = newest.where(ExternalReference.partner_id == actor.partner_id)
    return func.coalesce(newest.scalar_subquery(), literal("", Text()))


# --- how each kind compares ---------------------------------------------------------------------


def _compare_text(answer: ColumnElement[str], asked: Comparison) -> ColumnElement[bool]:
    value = literal(asked.value, Text())
    if asked.op == "=":
        return answer == value
    if asked.op == "!=":
        return answer != value
    ordered: ColumnElement[bool] = _EVERY_OPERATOR[asked.op](by_code_point(answer), value)
    return and_(answer != "", ordered)


def _compare_with_nothing(asked: Comparison) -> ColumnElement[bool]:
    """An empty field equals "" and is unequal to every other value."""
    if asked.op not in ("=", "!="):
        return false()
    return true() if (asked.op == "=") == (asked.value == "") else false()


def _compare_number(column: Any, asked: Comparison) -> ColumnElement[bool]:
    value = asked.number()
    if value is None:
        return true() if asked.op == "!=" else false()
    value = max(min(value, Decimal(_BEYOND_EVERY_NUMBER)), Decimal(-_BEYOND_EVERY_NUMBER))
    whole = value.to_integral_value(ROUND_FLOOR)
    if asked.op in ("=", "!=") and whole != value:
        return true() if asked.op == "!=" else false()
    if asked.op in ("<", ">="):
        whole = value.to_integral_value(ROUND_CEILING)
    compared: ColumnElement[bool] = _EVERY_OPERATOR[asked.op](
        column, literal(int(whole), BigInteger())
    )
    return compared


def _compare_time(column: ColumnElement[datetime | None], asked: Comparison) -> ColumnElement[bool]:
    """Compares at the resolution of answers: both sides in whole milliseconds."""
    moment = asked.moment()
    if moment is None:
        return column.is_(None) if asked.op == "=" else column.is_not(None)
    begin = to_milliseconds(moment)
    end = begin + RESOLUTION
    ways: dict[str, ColumnElement[bool]] = {
        "=": and_(column >= begin, column < end),
        "!=": or_(column.is_(None), column < begin, column >= end),
        "<": column < begin,
        "<=": column < end,
        ">": column >= end,
        ">=": column >= begin,
    }
    return ways[asked.op]


_LAYERS_BY_ENDING: Final = {" L2": Layer.L2, " L3": Layer.L3}


def _compare_category(answer: ColumnElement[str], asked: Comparison) -> ColumnElement[bool]:
    """``Incident L2`` is an incident of layer L1/L2; without an ending the layer is any."""
    layer = _LAYERS_BY_ENDING.get(asked.value[-3:])
    if layer is None or asked.op not in ("=", "!="):
        return _compare_text(answer, asked)
    value = literal(asked.value[:-3], Text())
    if asked.op == "=":
        return and_(answer == value, Ticket.layer == layer)
    return or_(answer != value, Ticket.layer != layer)


def _compare_site(actor: Actor, asked: Comparison) -> ColumnElement[bool]:
    """Equal if any affected site has the name in any system, valid today or not, or was sent
    under it; unequal if none does. "" = no affected site."""
    if asked.value == "":
        any_site = exists().where(TicketSite.ticket_number == Ticket.number)
        return ~any_site if asked.op == "=" else any_site
    matched = _is_affected(actor, [asked.value])
    return matched if asked.op == "=" else ~matched


def _is_affected(actor: Actor, names: Sequence[str]) -> ColumnElement[bool]:
    """Holds where any of these names is one of any affected site."""
    of_names = select(SiteName.site_id).where(SiteName.name.in_(names))
    named: list[ColumnElement[bool]] = [
        TicketSite.name.in_(names),
        TicketSite.site_id.in_(of_names.union(select(Site.id).where(Site.key.in_(names)))),
    ]
    if actor.kind is ActorKind.PARTNER:
        own = select(SiteSpelling.ticket_site_id).where(
            SiteSpelling.partner_id == actor.partner_id, SiteSpelling.name.in_(names)
        )
        named.append(TicketSite.id.in_(own))
    return exists().where(TicketSite.ticket_number == Ticket.number, or_(*named))
