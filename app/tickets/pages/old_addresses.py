"""Addresses of GGUS in mails, wikis and scripts: they lead to the same ticket, file or list.

Tickets, attachments and searches are redirected; a search with ``writeFormat=XML`` is answered as
GGUS did, for scripts (rights and login are those of the page). A part that cannot be used is
refused, never left out: the reader of a file does not see what is missing.
Source: ggus-contract, section 7, row 8, and the addresses that public clients still hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.etree import ElementTree as ET

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from app.core.rules.access import may_read_internal
from app.core.rules.errors import Invalid, NotFound, TooMuch
from app.core.rules.language import _, joined
from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.times import now
from app.tickets.pages.listing.list import ListQuery
from app.tickets.rules.attachments import attachment_id, public_id
from app.tickets.rules.tickets import State
from app.tickets.services.attachments import find_attachment
from app.tickets.services.lifecycle import find_ticket
from app.tickets.services.pages import first_numbers
from app.tickets.services.ticket_rows import TicketRow, read_bare_rows

blueprint = Blueprint("old_addresses", __name__)
MAX_ROWS: Final = 10_000
"""Tickets of one answer, as over SOAP."""
_NUMBER: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_BIGGEST: Final = 2**31 - 1
_STATES: Final[dict[str, tuple[str, ...]]] = {
    "": ("open", "closed"),
    "all": ("open", "closed"),
    "open": ("open",),
    "terminal": ("closed",),
    **{state: (state,) for state in State},
}
"""Either word of closed means the closed states, as in the list."""
_FRAMES: Final = {"": 0, "any": 0, "lastday": 1, "lastweek": 7, "lastmonth": 30, "lastyear": 365}
"""Days, up to today (UTC); 0 = all time."""
_ORDERS: Final = {
    "": "number",
    "REQUEST_ID": "number",
    "DATE_OF_CREATION": "created",
    "DATE_OF_CHANGE": "changed",
    "LAST_UPDATE": "changed",
    "PRIORITY": "priority",
    "STATUS": "state",
    "SHORT_DESCRIPTION": "title",
}
_DIRECTIONS: Final = {"": "-", "desc": "-", "asc": ""}
_SAME: Final = {"affectedsite": "site", "supportunit": "unit", "keyword": "q"}
"""Filters that are the list's under another name."""
_ALL: Final = frozenset({"", "all", "any", "none"})
_ONLY_ALL: Final = (
    "vo",
    "user",
    "involvedsupporter",
    "assignedto",
    "specattrib",
    "typeofproblem",
    "ticket_category",
    "mouarea",
    "untouched_date",
    "cms_site",
    "cms_su",
    "former_su",
    "scope",
)
"""Filters for fields that network tickets do not have: only "all" is allowed."""
_LOOKS: Final = (
    "mode",
    "search_submit",
    "su_hierarchy",
    "show_columns_check[]",
    "show_columns_check",
)
"""Parameters that change nothing of what is found."""
_DATES: Final = ("%d %b %Y", "%Y-%m-%d")


@blueprint.before_app_request
def _on_the_first_page() -> AnyResponse | None:
    """``/?mode=...``; the login was asked for before."""
    return by_mode() if request.endpoint == "home.page" and "mode" in request.args else None


@blueprint.get("/index.php")
def by_mode() -> AnyResponse:
    """A ticket, an attachment or a search."""
    mode = _one("mode")
    if mode == "ticket_info":
        return _ticket(_one("ticket_id"))
    if mode == "ticket_search":
        return search()
    if mode == "download":
        attachment = find_attachment(db.session(), acting(), attachment_id(_one("attid")))
        return redirect(url_for("attachments.download", key=public_id(attachment.id)))
    if mode in ("", "index", "login"):  # whoever comes here is logged in
        return redirect(url_for("home.page"))
    raise Invalid("mode", _("mode: use ticket_info, ticket_search or download"))


@blueprint.get("/ws/ticket_info.php")
def ticket_info() -> AnyResponse:
    """A ticket, as mails of before 2013 name it."""
    return _ticket(_one("ticket"))


@blueprint.get("/ws/ticket_search.php")
def search() -> AnyResponse:
    """The list of tickets, or with ``writeFormat=XML`` the tickets as XML."""
    if number := _one("ticket_id") or _one("ticket"):
        return _ticket(number) if _one("writeFormat") != "XML" else _as_xml(_numbers(number))
    words = MultiDict(_search_words())
    form = _one("writeFormat")
    if form not in ("", "XML"):
        raise Invalid("writeFormat", _("writeFormat: only XML is supported"))
    actor = acting()
    query = ListQuery(words, sees_internal=may_read_internal(actor))
    if query.problems:
        raise Invalid("filter", joined("; ", query.problems))
    if not form:
        return redirect(f"{url_for('tickets.listing')}?{query.query_string()}")
    numbers = first_numbers(db.session(), actor, query.filter(), MAX_ROWS + 1)
    if len(numbers) > MAX_ROWS:
        raise TooMuch(
            _(
                "More than %(max_rows)s tickets match; narrow the search, for instance by dates",
                max_rows=format(MAX_ROWS, ","),
            )
        )
    return _as_xml(numbers)


def _ticket(text: str) -> AnyResponse:
    numbers = _numbers(text)
    if not numbers:
        raise NotFound
    find_ticket(db.session(), acting(), numbers[0])
    return redirect(url_for("tickets.detail", number=numbers[0]))


def _numbers(text: str) -> list[int]:
    """The number that was asked for; none where it is larger than a ticket's can be."""
    if not _NUMBER.fullmatch(text):
        raise Invalid("ticket", _("Not a ticket number: use digits only"))
    return [number] if (number := int(text)) <= _BIGGEST else []


def _one(name: str) -> str:
    """The value of this parameter; ``Invalid`` where it stands there with several."""
    values = set(request.args.getlist(name))
    if len(values) > 1:
        raise Invalid(name, _("%(name)s: send one value only", name=name))
    return values.pop().strip() if values else ""


def _among(name: str, known: Any) -> Any:
    if (value := _one(name)) not in known:
        allowed = ", ".join(word for word in known if word)
        raise Invalid(
            name,
            _(
                "%(name)s: unknown value; use one of: %(allowed)s",
                name=name,
                allowed=allowed,
            ),
        )
    return known[value]


def _search_words() -> Iterator[tuple[str, str]]:
    """The search in the words of the list's own address."""
    known = {
        *_LOOKS,
        *_SAME,
        *_ONLY_ALL,
        *("ticket_id", "ticket", "status", "priority", "date_type", "tf_radio", "timeframe"),
        *("from_date", "to_date", "orderticketsby", "orderhow", "writeFormat"),
    }
    for name in request.args:
        if name and name not in known:
            # the name is what was sent: it is not said again
            raise Invalid("search", _("Unknown parameter; use those of GGUS's search"))
    for name in _ONLY_ALL:
        if _one(name) not in _ALL:
            raise Invalid(
                name,
                _("%(name)s can only be all here: tickets of the network have none", name=name),
            )
    yield from (("state", state) for state in _among("status", _STATES))
    if (priority := _one("priority")) not in _ALL:
        yield "priority", priority
    for name, here in _SAME.items():
        if value := _one(name):
            yield here, value
    yield from _period()
    order, direction = _among("orderticketsby", _ORDERS), _among("orderhow", _DIRECTIONS)
    yield "sort", f"{direction}{order}"


def _period() -> Iterator[tuple[str, str]]:
    """Days of creation: a frame up to today, or with ``tf_radio=2`` from a day to a day."""
    if _among("tf_radio", {"": False, "1": False, "2": True}):
        for name, here in (("from_date", "from"), ("to_date", "to")):
            if text := _one(name):
                yield here, _day(name, text)
    elif days := _among("timeframe", _FRAMES):
        yield "from", (now().astimezone(UTC).date() - timedelta(days)).isoformat()
    else:
        return
    _among("date_type", {"": True, "creation date": True})


def _day(name: str, text: str) -> str:
    for form in _DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            continue
    raise Invalid(name, _("%(name)s is not a date; use 11 May 2016 or 2016-05-11", name=name))


def _as_xml(numbers: list[int]) -> Response:
    rows = {row.number: row for row in read_bare_rows(db.session(), acting(), numbers)}
    root = ET.Element("tickets")
    for number in numbers:
        if number in rows:
            _write(ET.SubElement(root, "ticket"), rows[number])
    text = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    answer = Response(text, mimetype="application/xml")
    answer.headers["Content-Disposition"] = 'attachment; filename="tickets.xml"'
    return answer


def _write(element: ET.Element, row: TicketRow) -> None:
    """One ticket under the names of both generations of scripts; times are UTC."""
    created = f"{row.created_at:%Y-%m-%d %H:%M:%S}"
    for name, value in (
        ("request_id", row.number),
        ("affected_site", row.affected_site or ""),
        ("priority", row.priority),
        ("responsible_unit", row.unit),
        ("status", row.state),
        ("date_of_creation", created),
        ("last_update", f"{row.changed_at:%Y-%m-%d %H:%M:%S}"),
        ("subject", row.title),
        ("Ticket-ID", row.number),
        ("Creation_Date", created),
        ("Subject", row.title),
    ):
        ET.SubElement(element, name).text = str(value)
