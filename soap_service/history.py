"""The operation of the service GGUS_HISTORY: a ticket's changes, oldest first, as GGUS returned
them.

Each row has the change's time and author, the unit, state and priority as they were after it, and
what else it changed. Changes of fields that GGUS's history does not know give no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.core.rules.errors import NotFound
from app.core.rules.texts import LONG_TEXT_LIMIT, cut_with_pointer
from app.core.services.changes import TICKET, changes_of
from app.registry.services.registry import find_site
from app.tickets.models.tickets import Ticket, TicketSite
from app.tickets.rules.fields import BY_NAME, FIELDS
from app.tickets.rules.query import read_page
from app.tickets.services.diaries import INTERNAL, may_see_entry
from app.tickets.services.fields import SEPARATOR
from app.tickets.services.lifecycle import find_ticket
from soap_service import mapping
from soap_service.answer_xml import Value, Values
from soap_service.dispatch import Call, Handler
from soap_service.fields import GGUS_HISTORY
from soap_service.tickets import ticket_number

_ELEMENTS: Final = frozenset(
    element.name for element in GGUS_HISTORY.operations[0].response.elements
)
_ALWAYS: Final = {name: BY_NAME[name].ggus for name in ("unit", "state", "priority")}
_WHERE_CHANGED: Final = {
    **{
        field.name: field.ggus
        for field in FIELDS
        if field.ggus in _ELEMENTS and field.name not in _ALWAYS
    },
    "person_in_charge": "GHD_Assigned_To",
    "sites": "GHD_Affected_Site",
    "experiment_specific": "GHD_VO_Specific",
}
_ROW_WITHOUT_VALUE: Final = frozenset({"category", "layer"})
"""GGUS wrote a history row for a change of category, though its rows have no element for it."""


def _history(call: Call, sent: Mapping[str, str]) -> Sequence[Values]:
    page = read_page(sent.get("startRecord"), sent.get("maxLimit"), default_limit=1000)
    ticket = find_ticket(call.session, call.actor, ticket_number(sent))
    cut = mapping.pointer(call.public_url).format(number=ticket.number)
    changes = changes_of(call.session, TICKET, ticket.number)
    rows = list(_rows(changes, call.actor, cut, partial(_first_site, call, ticket)))
    wanted = rows[page.start :]
    if page.limit is not None:
        wanted = wanted[: page.limit]
    if not wanted:
        raise NotFound
    return wanted


def _rows(
    changes: Sequence[Change], actor: Actor, cut: str, first_site: Callable[[str], str]
) -> Iterable[Values]:
    standing: dict[str, Value] = {}
    for change in changes:
        changed: dict[str, Value] = {}
        relevant = change.version == 1
        for field in change.fields:
            text = field.new or ""
            if field.field in _ALWAYS:
                standing[_ALWAYS[field.field]] = text
                relevant = True
            elif field.field in _ROW_WITHOUT_VALUE:
                relevant = True
            elif field.field in _WHERE_CHANGED and _visible(change, field.field, actor):
                relevant = True
                written = first_site(text) if field.field == "sites" else text
                changed[_WHERE_CHANGED[field.field]] = _written(field.field, written, cut)
        if relevant:
            row: dict[str, Value] = {
                "GHD_Creation_Date": change.at,
                "GHD_Last_Modifier": change.author,
                **standing,
                **changed,
            }
            yield {name: value for name, value in row.items() if value}


def _visible(change: Change, field: str, actor: Actor) -> bool:
    return may_see_entry(actor, internal=field == INTERNAL, partner_id=change.partner_id)


def _first_site(call: Call, ticket: Ticket, logged: str) -> str:
    """The first of the sites that were logged, as this account is answered it.

    An unknown site's name may hold the log's separator itself, so the longest beginning that is a
    site's name, or an affected one of the ticket, is the first.
    """
    parts = logged.split(SEPARATOR)
    for count in range(len(parts), 0, -1):
        name = SEPARATOR.join(parts[:count])
        site = find_site(call.session, name)
        for row in ticket.affected_sites:
            if row.name == name or (site is not None and row.site_id == site.id):
                return _answered_site(row, call.actor)
        if site is not None:
            return site.gocdb_name() or site.key
    return logged


def _answered_site(row: TicketSite, actor: Actor) -> str:
    """An affected site in this partner's own spelling, else under its GOCDB name."""
    for spelling in row.spellings:
        if spelling.partner_id == actor.partner_id:
            return spelling.name
    if row.site is not None:
        return row.site.gocdb_name() or row.site.key
    return row.name


def _written(field: str, text: str, cut: str) -> str:
    if field == "experiment_specific":
        return "Yes" if text == "yes" else "No"
    if field == "affected_vo":
        return text or "none"
    return cut_with_pointer(text, LONG_TEXT_LIMIT, cut)


HANDLERS: Final[Mapping[str, Handler]] = {"OpGetTicketHist": _history}
