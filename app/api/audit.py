"""The audit, for administrators: changes, refused rights and failed logins, newest first."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from marshmallow import Schema

from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.tickets.schemas import ChangedField
from app.api.wire import (
    Moment,
    Several,
    a_list,
    a_number,
    a_text,
    behind_cursor,
    page_limit,
    page_next,
    sent_choice,
    sent_day,
    sent_text,
)
from app.audit.services import audit as reading
from app.audit.services.audit import AuditFilter, AuditPage, Position
from app.core.rules.access import Door
from app.core.rules.errors import Invalid
from app.core.rules.scopes import Scope
from app.core.web.positions import read_position, write_position

_ADMIN: Final = (Scope.ADMIN,)


class FailedLoginsQuery(Schema):
    """Filters, named as on the page; all are required together."""

    who = sent_text("An account's name.", reading.MAX_LENGTHS["who"], name="who")
    from_ = sent_day("from", "First day, UTC.", data_key="from")
    to = sent_day("to", "Last day, UTC.")
    after = behind_cursor()
    limit = page_limit()


class RefusalsQuery(FailedLoginsQuery):
    """The same, and the door."""

    door = sent_choice("Only entries from this interface.", Door, name="door")


class AuditQuery(RefusalsQuery):
    """The same, and what was changed. Without kinds everything but tickets and events."""

    kind = Several("Kinds of objects; one of them applies.")
    thing = sent_text(
        "Name of an object, or a ticket's or event's number.",
        reading.MAX_LENGTHS["thing"],
        name="thing",
    )
    field = sent_text(
        "Part of the name of a field that changed.", reading.MAX_LENGTHS["field"], name="field"
    )


class _Who(Schema):
    account = a_text("Login of the account.")
    account_kind = a_text("person, partner, token or system.")
    remote = a_text("Network address of the request, or empty.")


class AuditedChange(_Who):
    """One change. Values of secrets are never shown."""

    id = a_number("Position in the order of all changes.")
    at = Moment("When.")
    author = a_text("Who is shown as author.")
    door = a_text("The interface through which it came.")
    kind = a_text("Kind of object that was changed.")
    key = a_number("The object's number among its kind.")
    thing = a_text("The current name, or empty.")
    version = a_number("The object's version after the change.")
    fields_ = a_list(ChangedField, "What changed.", attribute="fields", data_key="fields")
    reason = a_text("The reason, or empty.")


class AuditedRefusal(_Who):
    """One right that was refused."""

    id = a_number("Position in the order of all refusals.")
    at = Moment("When.")
    door = a_text("The interface through which it came.")
    what = a_text("Operation or path, without the values that were sent.")
    reason = a_text("Why it was refused.")


class AuditedLogins(_Who):
    """How often logins of one account failed in one minute."""

    minute = Moment("The minute.")
    failures = a_number("Number of times.")


class _Page(Schema):
    next = page_next()
    searched_to = Moment(
        "How far back the search went if the page ended early and there may be more; else null.",
        allow_none=True,
    )


class AuditedChanges(_Page):
    """One page of changes, newest first."""

    items = a_list(AuditedChange)


class AuditedRefusals(_Page):
    """One page of refused rights, newest first."""

    items = a_list(AuditedRefusal)


class AuditedFailedLogins(_Page):
    """One page of failed logins, newest first."""

    items = a_list(AuditedLogins)


@operation("GET", "/v1/audit/changes", scopes=_ADMIN, query=AuditQuery, answer=AuditedChanges)
def list_audit(call: Call) -> Mapping[str, Any]:
    """List the audit log of changes."""
    return _page(call, reading.changes_page, _change)


@operation("GET", "/v1/audit/refusals", scopes=_ADMIN, query=RefusalsQuery, answer=AuditedRefusals)
def list_refusals(call: Call) -> Mapping[str, Any]:
    """List refused requests."""
    return _page(call, reading.refusals_page, _refusal)


@operation(
    "GET",
    "/v1/audit/failed-logins",
    scopes=_ADMIN,
    query=FailedLoginsQuery,
    answer=AuditedFailedLogins,
)
def list_failed_logins(call: Call) -> Mapping[str, Any]:
    """List failed logins."""
    return _page(call, reading.failed_logins_page, _logins)


def _page(
    call: Call, read: Callable[..., AuditPage[Any]], row: Callable[[Any], Mapping[str, Any]]
) -> Mapping[str, Any]:
    query = call.query
    wanted = AuditFilter(
        kinds=tuple(query.get("kind", ())),
        thing=query.get("thing", ""),
        who=query.get("who", ""),
        door=query.get("door", ""),
        field=query.get("field", ""),
        first_day=query.get("from_"),
        last_day=query.get("to"),
    )
    found = read(session(), call.actor, wanted, after=_after(query), limit=query["limit"])
    return {
        "items": [row(one) for one in found.rows],
        "next": next_page(write_position(found.older) if found.older is not None else None),
        "searched_to": found.searched_to,
    }


def _after(query: Mapping[str, Any]) -> Position | None:
    if "after" not in query:
        return None
    try:
        value, number = read_position(query["after"], "-created")
    except (ValueError, TypeError, RecursionError, binascii.Error, OverflowError):
        raise Invalid("after", "after takes what `next` of the page before holds") from None
    return value, number


def _change(row: reading.AuditChange) -> Mapping[str, Any]:
    return {
        **vars(row),
        "account_kind": row.actor_kind,
        "kind": row.thing.kind,
        "key": row.thing.key,
        "thing": row.thing.name,
    }


def _refusal(row: Any) -> Mapping[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "account": row.actor_account,
        "account_kind": row.actor_kind,
        "remote": row.remote,
        "door": row.door,
        "what": row.what,
        "reason": row.reason,
    }


def _logins(row: Any) -> Mapping[str, Any]:
    return {
        "minute": row.minute,
        "account": row.account,
        "account_kind": row.kind,
        "remote": row.remote,
        "failures": row.failures,
    }
