"""What, where and when: the facts of a ticket for which a partner's system has no field.

They are a block below the first text, above our mark, and a separate text if one of them changes
later. A fact that fits into a field there is set in the field, and not repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from app.core.rules.language import _, mailed, said_word
from app.exchange.rules.entries import PLACES
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.profiles import Profile
from app.tickets.rules.content import LABELS
from app.tickets.rules.fields import BY_NAME, ValueKind
from app.tickets.rules.marks import parted_at_marks
from app.tickets.rules.tickets import Impact

FACTS: Final = ("category", "impact", *PLACES, "window_start", "window_end", "event_start")
"""Fields that are sent as text, in this order."""
STORED: Final = "facts"
"""Where the first entry of a ticket stores the block that was sent."""
_NOT_KNOWN: Final = ("", Impact.UNKNOWN)


def said_of(kind: PartnerKind, profile: Profile, values: Mapping[str, str]) -> Collection[str]:
    """The names of those values that are facts and have no field there."""
    return [
        name for name in FACTS if name in values and not kind.has_field(profile, name, values[name])
    ]


def block_of(
    profile: Profile, values: Mapping[str, str], names: Collection[str], address: str = ""
) -> str:
    """The known facts, one per line; ``address``: the ticket's page here. "" = no facts."""
    said = {name: values[name] for name in names if values[name] not in _NOT_KNOWN}
    lines = []
    if "window_start" in said and "window_end" in said:
        begin, end = (_in_words(profile, name, said.pop(name)) for name in _WINDOW)
        line = _("Window: %(begin)s to %(end)s", begin=begin, end=end)
        lines.append(mailed(line))
    lines += [
        f"{mailed(LABELS[name])}: {_in_words(profile, name, value)}" for name, value in said.items()
    ]
    if address:
        lines.append(mailed(_("Ticket: %(address)s", address=address)))
    return "\n".join(lines)


_WINDOW: Final = ("window_start", "window_end")


def moves_of(
    profile: Profile, changed: Mapping[str, tuple[str | None, str | None]], names: Collection[str]
) -> str:
    """Describe changed facts, one per line, "" = none. ``changed``: the value before and the value
    now."""
    lines = []
    for name in names:
        before, now = (_in_words(profile, name, one or "") for one in changed[name])
        line = _(
            "%(label)s: was %(before)s, now %(now)s", label=LABELS[name], before=before, now=now
        )
        lines.append(mailed(line))
    return "\n".join(lines)


def with_facts(text: str, facts: str) -> str:
    """A first text with its facts: above the marks of forwarding systems, which are counted at its
    end."""
    if not facts:
        return text
    above, marks = parted_at_marks(text)
    return "\n\n".join(filter(None, (above.rstrip(), facts, "\n".join(marks))))


def _in_words(profile: Profile, name: str, value: str) -> str:
    """A value as people there read it: in the words of the map, times in UTC."""
    if not value:
        return mailed(_("not set"))
    if BY_NAME[name].kind is ValueKind.TIME:
        at = datetime.fromisoformat(value)
        return f"{at:%Y-%m-%d %H:%M:%S}".removesuffix(":00") + " UTC"
    if name in PLACES:
        return ", ".join(" ".join(one.split()) for one in value.split("; "))
    return profile.map_of(name).theirs_of(value) or mailed(said_word(value))
