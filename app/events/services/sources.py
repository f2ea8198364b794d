"""Operations on the sources of events: create one, and set its label mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change
from app.events.models.events import Event, EventSource
from app.events.rules.events import MAX_SOURCE_LENGTH, EventState
from app.events.rules.formats import Labels
from app.events.rules.hearing import MAX_EXPECTED, Hearing
from app.events.services.events import SOURCE, insert_missing_source
from app.events.services.hearing import hearing_of

MANAGE: Final = _("manage the sources of events")
LABELS: Final = ("link_label", "site_label", "state_label", "layer_label")
MAX_LABEL_LENGTH: Final = 100
MAX_MINUTES: Final = int(MAX_EXPECTED.total_seconds() // 60)
_MAX_WORDS: Final = 100
_NOT_IN_ADDRESSES: Final = frozenset(("", ".", ".."))
"""Parts that programs remove from an address before sending it."""


@dataclass(frozen=True)
class ListedSource:
    """A source with its number of events, and when it last reported anything (UTC)."""

    row: EventSource
    partner: str
    """Code of the partner that owns it, or ""."""
    events: int
    newest: datetime | None

    @property
    def hearing(self) -> Hearing:
        """When it was last heard, and how often it is expected."""
        return hearing_of(self.row)


def source_of_id(session: Session, source_id: int) -> EventSource:
    """Return the source with this id. Raises ``NotFound``."""
    found = session.get(EventSource, source_id)
    if found is None:
        raise NotFound(_("Source not found"))
    return found


def all_sources(session: Session) -> Sequence[ListedSource]:
    """Every source, by name."""
    latest = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            select(Event.source_id, func.count(), func.max(Event.changed_at)).group_by(
                Event.source_id
            )
        )
    }
    rows = session.execute(
        select(EventSource, Partner.code)
        .outerjoin(Partner, Partner.id == EventSource.partner_id)
        .order_by(EventSource.name)
    ).all()
    return [ListedSource(row, code or "", *latest.get(row.id, (0, None))) for row, code in rows]


def labels_of(session: Session, name: str) -> Labels:
    """The label names of a source's alerts; the default ones if the source does not exist."""
    found = session.scalars(select(EventSource).where(EventSource.name == name)).first()
    if found is None:
        return Labels()
    return Labels(
        found.link_label,
        found.site_label,
        found.state_label,
        found.layer_label,
        parsed_words(found.state_words),
    )


def parsed_words(text: str) -> Mapping[str, str]:
    """``critical=down; warning=degraded`` as values to states, the values in lower case."""
    pairs = (item.rpartition("=") for item in text.split(";") if item.strip())
    return {word.strip().casefold(): state.strip() for word, _, state in pairs}


def set_source(
    session: Session,
    by: Writer,
    name: str,
    labels: Mapping[str, str],
    words: Mapping[str, str] | None = None,
    expected_minutes: int | None = None,
) -> EventSource:
    """Create a source, or change its settings; only what is stated changes.

    ``labels`` are keys of ``LABELS`` to names of labels; ``words`` are values of the state's label
    to states, all of them, or None. ``expected_minutes``: it is silent if it was not heard for
    longer than this. A new one's name is in the address of its webhook. Raises ``Forbidden`` and
    ``Invalid``.
    """
    require_admin(by.actor, MANAGE)
    checked_text("name", name, MAX_SOURCE_LENGTH, label=_("The source's name"))
    if not name.strip() or name != name.strip():
        raise Invalid("name", _("Enter a name without spaces at start or end"))
    stated: dict[str, str] = {}
    for field, label in labels.items():
        assert field in LABELS
        stated[field] = checked_text(field, label.strip(), MAX_LABEL_LENGTH, label=_("A label"))
        if not stated[field]:
            raise Invalid(field, _("Enter the name of the label"))
    if words is not None:
        stated["state_words"] = _checked_words(words)
    if expected_minutes is not None and not 1 <= expected_minutes <= MAX_MINUTES:
        raise Invalid(
            "expected_minutes",
            _("From 1 to %(most)s minutes (31 days)", most=format(MAX_MINUTES, ",")),
        )
    new_id = insert_missing_source(session, by, name, "alertmanager")
    if new_id is not None and not _NOT_IN_ADDRESSES.isdisjoint(name.split("/")):
        raise Invalid(
            "name",
            _(
                "The name is part of the webhook URL: "
                "no part between slashes may be empty, “.” or “..”"
            ),
        )
    source = session.scalars(
        select(EventSource)
        .where(EventSource.name == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    before = {field: str(getattr(source, field)) for field in stated}
    fields = [
        FieldChange(field, before[field] or None, text or None)
        for field, text in stated.items()
        if text != before[field]
    ]
    for field, text in stated.items():
        setattr(source, field, text)
    if expected_minutes is not None and expected_minutes != source.expected_minutes:
        was = str(source.expected_minutes)
        fields.append(FieldChange("expected_minutes", was, str(expected_minutes)))
        source.expected_minutes = expected_minutes
    if new_id is not None:
        fields = [
            FieldChange("name", None, name),
            FieldChange("kind", None, "alertmanager"),
            *fields,
        ]
    elif fields:
        source.version += 1
    if fields:
        record_change(
            session, by, kind=SOURCE, thing_id=source.id, version=source.version, fields=fields
        )
    session.flush()
    return source


def _checked_words(words: Mapping[str, str]) -> str:
    if len(words) > _MAX_WORDS:
        raise Invalid("state_words", _("Enter at most %(max_words)s values", max_words=_MAX_WORDS))
    for word, state in words.items():
        checked_text("state_words", word, MAX_LABEL_LENGTH, label=_("A value"))
        if not word.strip() or ";" in word or state not in [*EventState]:
            allowed = ", ".join(EventState)
            raise Invalid(
                "state_words",
                _("Enter VALUE=STATE. STATE is one of %(allowed)s", allowed=allowed),
            )
    return "; ".join(f"{word.strip().casefold()}={state}" for word, state in words.items())


def source_names(session: Session) -> Sequence[str]:
    """All sources by name."""
    return session.scalars(select(EventSource.name).order_by(EventSource.name)).all()
