"""How times look on pages: the filters of the templates.

Everything stored is UTC; pages show UTC, followed by a person's own zone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, g
from flask_login import current_user
from markupsafe import Markup, escape

from app.core.rules.durations import length_in_words
from app.core.rules.human_times import Tense, read_human_time
from app.core.rules.language import _


def now() -> datetime:
    """The time of this request, aware UTC: one moment for all that a request does."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    moment: datetime = g.now
    return moment


def utc(moment: datetime) -> str:
    """``2026-01-31 09:05 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def utc_minutes(moment: datetime) -> str:
    """``2026-01-31 09:05``, where a head or tooltip says that it is UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def utc_seconds(moment: datetime) -> str:
    """``2026-01-31 09:05:07``, where a head says that it is UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def local(moment: datetime) -> str:
    """The same moment in the person's zone; "" when that is UTC."""
    name = getattr(current_user, "time_zone", "UTC")
    if name == "UTC":
        return ""
    there = moment.astimezone(ZoneInfo(name))
    same_day = there.date() == moment.astimezone(UTC).date()
    return there.strftime("%H:%M %Z" if same_day else "%Y-%m-%d %H:%M %Z")


def person_zone() -> ZoneInfo:
    """The zone of the person who is logged in; UTC for nobody."""
    return ZoneInfo(getattr(current_user, "time_zone", "UTC"))


def read_typed(
    field: str, text: str, tense: Tense, *, days: bool = False, label: str | None = None
) -> datetime:
    """A time that this person typed, as ``read_human_time`` reads it."""
    return read_human_time(
        field, text, now=now(), zone=person_zone(), tense=tense, days=days, label=label
    )


def not_yet(moment: datetime, label: str) -> str:
    """What is wrong with the time of something that happened, if it is to come."""
    return _(
        "%(label)s is in the future: %(when)s. Enter a time in the past",
        label=label,
        when=weekday_time(moment),
    )


def weekday_time(moment: datetime) -> str:
    """``Mon 2026-11-30 23:50 UTC``, and the person's zone in brackets."""
    days = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    return f"{days[moment.astimezone(UTC).weekday()]} {both_zones(moment)}"


def both_zones(moment: datetime) -> str:
    """UTC, and the person's zone in brackets."""
    here = local(moment)
    return f"{utc(moment)} ({here})" if here else utc(moment)


def iso(moment: datetime) -> str:
    """ISO 8601 with ``Z``, for machines."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(moment: datetime) -> str:
    """How long ago, in its largest unit: ``3 h``."""
    return _in_words(max(now() - moment, timedelta()))


_LONG_AGO: Final = timedelta(days=90)


def ago(moment: datetime) -> str:
    """How long ago, or in how long; beyond some months the day (UTC)."""
    passed = now() - moment
    if abs(passed) > _LONG_AGO:
        return f"{moment.astimezone(UTC):%Y-%m-%d}"
    if passed < timedelta(seconds=-60):
        return _("in %(in_words)s", in_words=_in_words(-passed))
    return (
        _("just now")
        if passed < timedelta(seconds=60)
        else _("%(passed)s ago", passed=_in_words(passed))
    )


def ago_time(moment: datetime) -> Markup:
    """How long ago as a ``<time>``: pages let its inner part age, paper shows its title instead."""
    return _time(moment, _aging(ago(moment)))


def age_time(moment: datetime) -> Markup:
    """The same with the length alone."""
    return _time(moment, _aging(age(moment)))


def minutes_time(moment: datetime) -> Markup:
    """``2026-01-31 09:05`` as a ``<time>``, where a head says that it is UTC."""
    return _time(moment, utc_minutes(moment))


def _aging(text: str) -> Markup:
    return Markup(f"<span>{escape(text)}</span>")  # noqa: S704  # it is escaped


def _time(moment: datetime, shown: str) -> Markup:
    """Put together by hand: a list has hundreds, and ``Markup.format`` took a third of its time."""
    title = escape(both_zones(moment))
    return Markup(  # noqa: S704  # all values are escaped or digits
        f'<time datetime="{iso(moment)}" title="{title}">{escape(shown)}</time>'
    )


def length(start: datetime, end: datetime) -> str:
    """The length of a period: ``1 d 4 h 30 min``."""
    minutes = round((end - start).total_seconds() / 60)
    days, rest = divmod(minutes, 1440)
    hours, rest = divmod(rest, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{rest} min"]
    return " ".join(part for part in parts[: 3 if rest or minutes == 0 else 2] if part)


def _in_words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    days = minutes // 1440
    if days < 90:
        return f"{days} d"
    return (
        _("%(days)s months", days=days // 30)
        if days < 720
        else _("%(days)s years", days=days // 365)
    )


def safe_url(url: str) -> bool:
    """Whether a stored text may become a link: http(s) with a host, nothing else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def length_words(seconds: int) -> str:
    """How long something lasted: ``2 h 5 min``."""
    return length_in_words(timedelta(seconds=seconds))


def drop_none(values: dict[str, object]) -> dict[str, object]:
    """Attributes that have a value."""
    return {name: value for name, value in values.items() if value is not None}


def register(flask_app: Flask) -> None:
    """Make the filters known to the templates."""
    for filter_function in (
        utc,
        utc_minutes,
        utc_seconds,
        local,
        both_zones,
        weekday_time,
        iso,
        age,
        ago,
        ago_time,
        age_time,
        minutes_time,
        safe_url,
        drop_none,
        length_words,
    ):
        flask_app.add_template_filter(filter_function)
