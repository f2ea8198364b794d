"""The audit: who changed what, which rights were refused, and which logins failed. Reading only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    stream_with_context,
    url_for,
)

from app.accounts.models.people import FailedLogins
from app.accounts.rules.former import FORMER
from app.audit.pages.audit_query import CHANGES, LOGINS, REFUSALS, AuditListing, AuditQuery
from app.audit.services import audit as reading
from app.audit.services.audit import AuditChange, AuditedObject, AuditPage
from app.core.models.changes import Refusal
from app.core.rules.access import Door, require_admin
from app.core.rules.documents.spreadsheets import csv_lines
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.times import iso

blueprint = Blueprint("audit", __name__, url_prefix="/admin")
_ROWS_AT_A_TIME = 200
_READERS: dict[str, Callable[..., AuditPage[Any]]] = {
    CHANGES: reading.changes_page,
    REFUSALS: reading.refusals_page,
    LOGINS: reading.failed_logins_page,
}
COLUMNS: dict[str, Sequence[str]] = {
    CHANGES: (
        "id",
        "time",
        "account",
        "account_kind",
        "author",
        "from",
        "door",
        "kind",
        "thing",
        "version",
        "field",
        "before",
        "after",
        "reason",
    ),
    REFUSALS: ("id", "time", "account", "account_kind", "from", "door", "what", "reason"),
    LOGINS: ("minute", "account", "account_kind", "failures", "from"),
}
"""The columns of each list's CSV; of a change there is one line for each field."""


def _site_and_quarter(name: str) -> dict[str, Any]:
    site, _, quarter = name.rpartition(" ")
    return {"site": site, "quarter": quarter}


_PAGES: dict[str, tuple[str, Callable[[AuditedObject], dict[str, Any]]]] = {
    "ticket": ("tickets.detail", lambda thing: {"number": thing.key}),
    "site": ("sites.site", lambda thing: {"key": thing.name}),
    "link": ("links.link", lambda thing: {"name": thing.name}),
    "person": ("people.show", lambda thing: {"person": thing.name}),
    "account": ("partners.account", lambda thing: {"number": thing.key}),
    "token": ("tokens.listing", lambda _thing: {}),
    "unit": ("unresolved.listing", lambda thing: {"kind": "unit", "name": thing.name}),
    "name": ("unresolved.listing", lambda thing: {"dismissed": "yes"}),
    "event": ("events.detail", lambda thing: {"number": thing.key}),
    "event source": ("event_sources.listing", lambda _thing: {}),
    "report": ("report_form.page", lambda thing: _site_and_quarter(thing.name)),
    "report form": ("report_forms.form", lambda thing: {"number": thing.key}),
    "mail": ("mails.mail", lambda thing: {"mail": thing.key}),
    "teleconference": ("teleconferences.show", lambda thing: {"number": thing.key}),
    "TC series": ("teleconferences.listing", lambda _thing: {}),
}


@blueprint.before_request
def _admins_only() -> None:
    require_admin(acting(), _("read the audit"))


@blueprint.get("/audit")
def listing() -> Response:
    """One page of one of its lists."""
    session = db.session()
    query = AuditQuery(request.args, reading.kinds_of_changes(session))
    page = _READERS[query.list](
        session, acting(), query.filter(), after=query.after, before=query.before
    )
    shown = AuditListing(query, url_for("audit.listing"), url_for("audit.download"), page)
    text = render_template(
        "audit/list.html",
        listing=shown,
        query=query,
        rows=page.rows,
        doors=list(Door),
        page_of=page_of,
    )
    return make_response(text, 422 if query.problems else 200)


@blueprint.get("/audit.csv")
def download() -> Response:
    """All rows of the filter, newest first, without any cap."""
    session = db.session()
    query = AuditQuery(request.args, reading.kinds_of_changes(session))
    if query.problems:
        raise Invalid("filter", joined("; ", query.problems))
    answer = Response(stream_with_context(_lines(query)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{query.list}.csv"'
    return answer


def _lines(query: AuditQuery) -> Iterator[str]:
    session = db.session()  # of the streaming itself, and closed with it
    yield csv_lines([COLUMNS[query.list]])
    actor, wanted = acting(), query.filter()
    after = None
    while True:
        page = _READERS[query.list](session, actor, wanted, after=after, limit=_ROWS_AT_A_TIME)
        yield csv_lines(cells for row in page.rows for cells in _cells(row))
        session.expunge_all()
        after = page.older
        if after is None:
            return


def _cells(row: AuditChange | Refusal | FailedLogins) -> Iterator[Sequence[str]]:
    if isinstance(row, FailedLogins):
        yield (iso(row.minute), row.account, row.kind, str(row.failures), row.remote)
        return
    if isinstance(row, Refusal):
        who = (str(row.id), iso(row.at), row.actor_account, row.actor_kind, row.remote, row.door)
        yield (*who, row.what, row.reason)
        return
    head = (
        str(row.id),
        iso(row.at),
        row.account,
        row.actor_kind,
        row.author,
        row.remote,
        row.door,
        row.thing.kind,
        row.thing.name or str(row.thing.key),
        str(row.version),
    )
    for item in row.fields:
        yield (*head, item.field, item.old or "", item.new or "", row.reason)
    if not row.fields:
        yield (*head, "", "", "", row.reason)


def page_of(thing: AuditedObject) -> str:
    """The address of a thing's page, or "" where it has none, as a person who was forgotten."""
    found = _PAGES.get(thing.kind)
    if found is None or not thing.name or found[0] not in current_app.view_functions:
        return ""
    if thing.kind == "person" and thing.name.startswith(FORMER):
        return ""
    endpoint, values = found
    return url_for(endpoint, **values(thing))
