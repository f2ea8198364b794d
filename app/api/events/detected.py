"""Detected events, what documents them and why, decisions by hand; and tickets that are due."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.api.caller import session
from app.api.events.detected_schemas import (
    DecisionBody,
    DetectedPage,
    DetectedQuery,
    DutiesQuery,
    DutyPage,
    DutyRules,
    EventMatching,
)
from app.api.freshness import fresh_figures
from app.api.operations import Call, next_page, operation
from app.core.rules.access import require_all_tickets
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.quarters import Quarter
from app.core.rules.scopes import Scope
from app.core.web.positions import read_position, write_position
from app.duties.services import duties
from app.duties.services.duties import DutyFilter, judged_rules
from app.duties.services.listed_events import Detected, EventFilter, list_events
from app.events.models.events import Event
from app.events.services.lists import event_of_id
from app.matching.rules.matching import Decision
from app.matching.services import by_hand
from app.matching.services.by_hand import link_by_hand, unlink_by_hand
from app.matching.services.event_matches import matches_of
from app.registry.services.lists import link_of_name
from app.registry.services.registry import require_site

_READ: Final = (Scope.READ, Scope.EVENTS)
_WRITE: Final = (Scope.EVENTS,)
_DETECTED: Final = (
    *("id", "state", "start", "end", "seconds", "beginnings", "quarter"),
    *("is_counted", "is_documented", "is_maintenance", "how"),
)
_YES: Final = {"yes": True, "no": False}


@operation("GET", "/v1/detected-events", scopes=_READ, query=DetectedQuery, answer=DetectedPage)
def list_detected_events(call: Call) -> Mapping[str, Any]:
    """List detected events: reports on one link, combined across gaps of up to 10 minutes."""
    require_all_tickets(call.actor)
    fresh_figures()
    query = call.query

    def many(name: str) -> tuple[str, ...]:
        return tuple(query.get(name, ()))

    def either(name: str) -> bool | None:
        return _YES.get(query.get(name, ""))

    wanted = EventFilter(
        begins=query["from_"][0] if "from_" in query else None,
        ends=query["to"][1] if "to" in query else None,
        lasting=either("lasting"),
        quarters=tuple(str(Quarter.parse(text, "quarter")) for text in many("quarter")),
        sites=many("site"),
        t1s=many("t1"),
        links=many("link"),
        networks=many("network"),
        states=many("state"),
        sources=many("source"),
        documented=either("documented"),
        counted=either("counted"),
        maintenance=either("maintenance"),
        how=many("how"),
        due=query.get("due", ""),
        ongoing=either("ongoing"),
        oldest_first=query["sort"] == "start",
    )
    found = list_events(
        session(), Detected(), wanted, call.now, after=_place(call), limit=query["limit"]
    )
    return {"items": found.rows, "next": _next(found.after)}


@operation("GET", "/v1/events/{event}/matching", scopes=_READ, answer=EventMatching)
def get_matching(call: Call) -> Mapping[str, Any]:
    """List the tickets matched with an event."""
    require_all_tickets(call.actor)
    return _matching(call)


def _matching(call: Call) -> Mapping[str, Any]:
    found = matches_of(session(), call.actor, _event(call))
    detected = found.detected
    if detected is not None:
        row = event_of_id(session(), found.event_id)
        where = (
            {"link": row.link, "site": ""} if detected.link_id else {"link": "", "site": row.site}
        )
        detected_row = {name: getattr(detected, name) for name in _DETECTED} | where
    return {
        **vars(found),
        "detected": None if detected is None else detected_row,
        "reports": [one.id for one in found.siblings],
        "may_decide": found.may_decide,
    }


def _event(call: Call) -> Event:
    found = session().get(Event, call.number("event"))
    if found is None:
        raise NotFound("There is no event of this id")
    return found


@operation(
    "POST",
    "/v1/events/{event}/decisions",
    scopes=_WRITE,
    body=DecisionBody,
    answer=EventMatching,
    of=get_matching,
)
def decide_match(call: Call) -> Mapping[str, Any]:
    """Decide whether a ticket documents an event."""
    sent = call.body
    verb = link_by_hand if sent["decision"] == Decision.LINKED else unlink_by_hand
    verb(session(), call.writer, _event(call).id, sent["ticket"], sent["reason"])
    return _matching(call)


@operation(
    "DELETE",
    "/v1/events/{event}/decisions/{ticket}",
    scopes=_WRITE,
    answer=EventMatching,
    of=get_matching,
)
def undo_decision(call: Call) -> Mapping[str, Any]:
    """Undo a decision."""
    by_hand.undo_decision(session(), call.writer, _event(call).id, call.number("ticket"))
    return _matching(call)


@operation("GET", "/v1/duties", scopes=(Scope.READ,), query=DutiesQuery, answer=DutyPage)
def list_duties(call: Call) -> Mapping[str, Any]:
    """List required tickets with their rule and status."""
    require_all_tickets(call.actor)
    fresh_figures()
    query = call.query
    if "quarter" in query and ("from_" in query or "to" in query):
        raise Invalid("quarter", "quarter takes the place of from and to; send one of them")
    wanted = DutyFilter(
        version_id=_version(call),
        site_ids=[require_site(session(), name).id for name in query.get("site", ())],
        end_id=require_site(session(), query["end"], field="end").id if "end" in query else None,
        link_id=_link(call),
        first=query.get("quarter") or query.get("from_"),
        last=query.get("quarter") or query.get("to"),
        state=query["state"],
        losses_only="losses" in query,
    )
    found = duties.list_duties(
        session(), wanted, call.now, after=_place(call), limit=query["limit"]
    )
    return {"items": found.rows, "next": _next(found.more)}


def _version(call: Call) -> int | None:
    if "rule" not in call.query:
        return None
    known = {one.label: one.version_id for one in judged_rules(session(), call.now)}
    if call.query["rule"] not in known:
        raise Invalid("rule", f"rule takes {', '.join(known)}")
    return known[call.query["rule"]]


def _link(call: Call) -> int | None:
    if "link" not in call.query:
        return None
    try:
        return link_of_name(session(), call.query["link"]).row.id
    except NotFound:
        raise Invalid("link", "No link has this id") from None


@operation("GET", "/v1/duty-rules", scopes=(Scope.READ,), answer=DutyRules)
def list_duty_rules(call: Call) -> Mapping[str, Any]:
    """List the rules that require tickets."""
    return {
        "items": [
            {
                **vars(one),
                "clauses": [clause.words() for clause in one.rule.clauses],
                "hours": one.rule.hours,
            }
            for one in judged_rules(session(), call.now)
        ]
    }


def _place(call: Call) -> tuple[datetime, int] | None:
    if "after" not in call.query:
        return None
    try:
        return read_position(call.query["after"], "-created")
    except (ValueError, TypeError, RecursionError, binascii.Error, OverflowError):
        raise Invalid("after", "after takes what `next` of the page before holds") from None


def _next(place: tuple[datetime, int] | None) -> str | None:
    return next_page(None if place is None else write_position(place))
