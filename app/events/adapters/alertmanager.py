"""Converts Prometheus Alertmanager's webhook, version 4, to events.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config describes the body. One
alert that fires for one period is one event: its id is the alert's fingerprint and its start,
because the fingerprint alone is the same again in the next outage. If an alert that was resolved
fires with the same start, the message may have been overtaken, or the alert may continue after
Prometheus was silent for a while: neither reopens the event, and resolving the latter moves the
end. Nobody can correct what a program sends by itself, so everything that can be stored is stored:
an alert without a link or site is stored under its own name, and invalid text is converted. Does
not use rows or names of the registry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.core.rules.errors import Invalid, TooMuch
from app.core.rules.file_problems import Problem
from app.core.rules.texts import storable_text
from app.events.rules.events import (
    LIMITS,
    MAX_AT_ONCE,
    EventMessage,
    as_text,
    layer_of,
    read_moment,
)
from app.events.rules.formats import MAX_OWN_NAME_LENGTH, Format, Labels, Report

SEVERITY: Final = "severity"
"""The label with the severity, if the source's own label of the state is missing."""
_NO_TIME: Final = "0001-01-01T00:00:00Z"
"""Go's zero time: the alert has not ended."""


WATCHDOG: Final = "Watchdog"
"""The usual name of an alert that always fires."""


def read_webhook(content: Any, source: str, labels: Labels, now: datetime) -> Report:
    """Read the alerts of a body as messages of this source.

    Raises ``Invalid`` on ``body`` if it is not a webhook of version 4, and ``TooMuch``.
    """
    if not isinstance(content, dict) or content.get("version") != "4":
        raise Invalid("body", 'Not an Alertmanager webhook: "version": "4" is missing')
    alerts = content.get("alerts")
    if not isinstance(alerts, list):
        raise Invalid("body", "Not an Alertmanager webhook: the list of alerts is missing")
    messages: dict[str, EventMessage] = {}
    for place, alert in enumerate(alerts):
        if _is_watchdog(alert, labels):
            continue
        message = _message(place, alert, content.get("status"), source, labels, now)
        # the same alert twice: the last one counts, but an ended one stays ended
        key = message.source_id or str(place)
        if not (message.is_open and key in messages and not messages[key].is_open):
            messages[key] = message
    if len(messages) > MAX_AT_ONCE:
        raise TooMuch(f"One call takes at most {MAX_AT_ONCE} alerts; set max_alerts")
    left_out = content.get("truncatedAlerts")
    return Report([*messages.values()], left_out if isinstance(left_out, int) else 0)


def _is_watchdog(alert: Any, labels: Labels) -> bool:
    """Whether an alert only shows that monitoring works: the one that always fires."""
    said = _texts(alert.get("labels")) if isinstance(alert, dict) else {}
    is_about = said.get(labels.link) or said.get(labels.site)
    return said.get("alertname") == WATCHDOG and not is_about


def _message(
    place: int, alert: Any, of_group: Any, source: str, labels: Labels, now: datetime
) -> EventMessage:
    where = f"alert {place}"

    def wrong(column: str, value: object, allowed: str) -> EventMessage:
        problem = Problem(where, column, str(value)[:255], allowed)
        return EventMessage(place, where, source, "", problems=(problem,))

    if not isinstance(alert, dict):
        return wrong("", "", "an object with status, labels, startsAt and endsAt")
    status = alert.get("status") or of_group  # old versions state it only for the group
    if status not in ("firing", "resolved"):
        return wrong("status", status or "", "firing or resolved")
    try:
        start = _moment(alert.get("startsAt"))
    except ValueError as error:
        return wrong("startsAt", alert.get("startsAt") or "", str(error))
    said = _texts(alert.get("labels"))
    end = None
    if status == "resolved":
        try:
            ends_at = alert.get("endsAt")
            end = now if ends_at in (None, "", _NO_TIME) else _moment(ends_at)
        except ValueError as error:
            return wrong("endsAt", alert.get("endsAt") or "", str(error))
    key = _fingerprint(alert, said) + " " + as_text(start)
    # a fast clock is no reason to lose an alert
    start = min(start, now)
    link = storable_text(said.get(labels.link, "").strip(), LIMITS["link"])
    site = storable_text(said.get(labels.site, "").strip(), LIMITS["site"])
    if not link and not site:
        link = _own_name(said) or f"alert {_fingerprint(alert, said)}"
    return EventMessage(
        place,
        where,
        source,
        storable_text(key, LIMITS["source_id"]),
        link=link,
        site=site,
        state=labels.state_of(said.get(labels.state) or said.get(SEVERITY) or ""),
        start=start,
        end=None if end is None else max(start, min(end, now)),
        is_open=end is None,
        layer=layer_of(said.get(labels.layer, "")),
        detail=storable_text(_detail(alert, said), LIMITS["detail"]),
        retold=True,
    )


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("a time as RFC 3339 writes it")
    return read_moment(value)


def _texts(value: Any) -> dict[str, str]:
    """Labels or annotations; values that are not texts are ignored."""
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _fingerprint(alert: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """Alertmanager's fingerprint, else one of the labels, which it represents."""
    given = alert.get("fingerprint")
    if isinstance(given, str) and given.strip():
        return storable_text(given.strip(), 100)
    digest = hashlib.sha256(repr(sorted(said.items())).encode(errors="replace"))
    return digest.hexdigest()[:16]


def _own_name(said: Mapping[str, str]) -> str:
    words = (said.get("alertname", "").strip(), said.get("instance", "").strip())
    return storable_text(" ".join(filter(None, words)), MAX_OWN_NAME_LENGTH)


def _detail(alert: Mapping[str, Any], said: Mapping[str, str]) -> str:
    annotations = _texts(alert.get("annotations"))
    lines = (
        said.get("alertname", ""),
        annotations.get("summary", ""),
        annotations.get("description", ""),
        alert.get("generatorURL"),
    )
    return "\n".join(line for line in lines if isinstance(line, str) and line.strip())


_ALERT: Final = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["firing", "resolved"]},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        "startsAt": {"type": "string", "format": "date-time"},
        "endsAt": {"type": "string", "format": "date-time"},
        "generatorURL": {"type": "string"},
        "fingerprint": {"type": "string"},
    },
    "required": ["status", "startsAt"],
}
FORMAT: Final = Format(
    "alertmanager",
    "Alertmanager",
    "alerts",
    {
        "type": "object",
        "description": "Alertmanager's webhook format, version 4.",
        "properties": {
            "version": {"type": "string", "const": "4"},
            "truncatedAlerts": {"type": "integer"},
            "alerts": {"type": "array", "items": _ALERT, "maxItems": MAX_AT_ONCE},
        },
        "required": ["version", "alerts"],
    },
    {"version": "4", "alerts": []},
    read_webhook,
)
