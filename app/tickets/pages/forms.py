"""Forms of tickets. What is allowed is checked by the services; here it is only read.

Typed text is never lost: a field that cannot be read shows again what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    HiddenField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import AnyOf

from app.core.rules.errors import Invalid
from app.core.rules.human_times import Tense
from app.core.rules.language import _
from app.core.rules.texts import checked_addresses
from app.core.web.forms import Choice, Radio, UtcTimeField, lines, one_line, options, required
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import DEFAULTS, LABELS, Reference
from app.tickets.rules.fields import BY_NAME, FIELDS, ValueKind, Where, fields_at
from app.tickets.rules.relations import RelationRole
from app.tickets.rules.tickets import Category
from app.tickets.services.fields import as_logged, current_value

_RELATIONS: Any = {
    RelationRole.PARENT: _("a child of"),
    RelationRole.CHILD: _("the parent of"),
    RelationRole.DUPLICATE_OF: _("a duplicate of"),
    RelationRole.DUPLICATE: _("the original of"),
    RelationRole.RELATED: _("related to"),
}
"""What this ticket is to the other, by what the other is to it."""


def input_of(name: str, *, empty: str | None = None, html_id: str | None = None) -> Any:
    """A declared field as it is typed; ``empty`` is the word for choosing none."""
    field = BY_NAME[name]
    more: dict[str, Any] = {
        "description": field.help,
        "default": DEFAULTS.get(name) or None,
        "id": html_id,
    }
    if empty is not None:
        more["default"] = ""
    if field.choices is not None:
        return Choice(field.label, choices=options(*field.choices, empty=empty), **more)
    if field.kind is ValueKind.TIME:
        return UtcTimeField(field.label, field.tense, **more)
    if field.kind is ValueKind.LONG_TEXT:
        return TextAreaField(field.label, filters=[lines], **more)
    assert field.kind is ValueKind.TEXT, name
    must = required(field.label) if field.is_needed else []
    return StringField(field.label, must, filters=[one_line], **more)


class CommentForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """One entry at the end of the story. ``kind`` says who reads it and whether it solves."""

    version = HiddenField()
    kind = Radio(_("Entry type"), default="public")
    text = TextAreaField(_("Comment"), filters=[lines])
    solution = TextAreaField(
        _("Solution"),
        filters=[lines],
        description=_("How it was solved. The text above is added as a comment if there is one."),
    )
    event_end = input_of("event_end", html_id="comment-event-end")


class MoveForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A move to another state, with what it needs."""

    version = HiddenField()
    state = HiddenField("State")
    solution = TextAreaField(_("Solution"), filters=[lines], description=_("How it was solved."))
    event_end = input_of("event_end", html_id="move-event-end")


class HandForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Make a ticket one of a partner's own."""

    partner = Choice(
        _("Partner"), description=_("The partner can then read and change this ticket.")
    )


class UndoForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Take a recognised link or site off a ticket."""

    field = HiddenField(validators=[AnyOf(["links", "sites"])])
    name = HiddenField()


class RelationForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Relate a ticket to another one."""

    role = Choice(_("This ticket is"), choices=dict(_RELATIONS))
    other = StringField(
        _("Ticket number"),
        required(_("Ticket number")),
        filters=[one_line],
        render_kw={"inputmode": "numeric", "autocomplete": "off", "size": 9},
    )


class MergeForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Merge a ticket into another one."""

    master = StringField(
        _("Merge into ticket"),
        required(_("Merge into ticket")),
        filters=[one_line],
        description=_(
            "If this ticket is open, it becomes unsolved; otherwise, its state stays the same. The"
            " other ticket also shows this ticket's comments and files."
        ),
        render_kw={"inputmode": "numeric", "autocomplete": "off", "size": 9},
    )


class SeparateForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Take a duplicate and its master apart."""

    role = HiddenField(validators=[AnyOf([RelationRole.DUPLICATE_OF, RelationRole.DUPLICATE])])
    other = HiddenField()


class UnrelateForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Take a relation off a ticket."""

    role = HiddenField(validators=[AnyOf(list(RelationRole))])
    other = HiddenField()


class ReminderForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """When one wants to be reminded of a ticket."""

    due_at = UtcTimeField(
        _("When"),
        Tense.COMING,
        days=True,
        id="remind-when",
        description=_(
            "For example: Tuesday, tomorrow 9:00, in 3 days, next Monday 14:00."
            " Without a time: 09:00."
        ),
    )
    note = StringField(
        _("Note"), filters=[one_line], id="remind-note", description=_("Only you can see it.")
    )


class AnswerForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A site's answer to a change."""

    site = HiddenField("Site")
    answer = HiddenField("Answer")
    reason = TextAreaField(_("Reason"), filters=[lines], description=_("At most 4000 characters."))


class TicketForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What a person states of a ticket, in the order in which one knows the answers."""

    category = Radio(LABELS["category"], choices=options(*Category), default=Category.INCIDENT)
    title = input_of("title")
    description = input_of("description")
    links = SelectMultipleField(
        LABELS["links"],
        validate_choice=False,
        description=_("Leave empty to detect link ids in the text."),
    )
    sites = SelectMultipleField(
        LABELS["sites"], validate_choice=False, description=_("Required for the category “change”.")
    )
    asked_sites = SelectMultipleField(
        LABELS["asked_sites"],
        validate_choice=False,
        description=_(
            "For changes only: each of these sites is asked to accept or refuse. If empty: the"
            " affected sites and both ends of the affected links."
        ),
    )
    network = input_of("network", empty=_("automatic, from the links"))
    layer = input_of("layer")
    impact = input_of("impact")
    window_start = input_of("window_start")
    window_end = input_of("window_end")
    event_start = input_of("event_start")
    event_end = input_of("event_end")
    event_detected = input_of("event_detected")
    estimated_end = input_of("estimated_end")
    priority = input_of("priority")
    unit = input_of("unit")
    person_in_charge = input_of("person_in_charge")
    responsible_site = Choice(
        LABELS["responsible_site"],
        default="",
        description=_("“automatic”: set from the affected links and sites."),
    )
    carbon_copy = input_of("carbon_copy")
    related_issue = input_of("related_issue")
    references = TextAreaField(
        LABELS["references"],
        filters=[lines],
        description=_("One per line: provider; ticket id; URL. The URL is optional."),
    )
    further: Sequence[str] = ()
    """Declared fields that this class does not name: they are shown after the others."""

    def values(self, ticket: Ticket | None = None) -> dict[str, Any]:
        """The fields in the types in which services take them; raises ``Invalid``.

        References that are as in ``ticket`` are not read again: partners send some
        that the lines of the form cannot hold.
        """
        found: dict[str, Any] = {}
        for field in self:
            if field.name in ("csrf_token", "version"):
                continue
            value = field.data
            if isinstance(field, SelectMultipleField):
                value = tuple(dict.fromkeys(item for item in value or () if item))
            elif field.name == "references":
                value = _references_of(value or "", ticket)
            found[field.name] = value
        if found["category"] != Category.CHANGE:  # the field is hidden then
            found["asked_sites"] = ()
        return found


def add_further(form: Any, where: Where) -> None:
    """Give a class of forms the declared fields that appear there and that it does not name."""
    form.further = [field.name for field in fields_at(where) if not hasattr(form, field.name)]
    for name in form.further:
        setattr(form, name, input_of(name))


add_further(TicketForm, Where.FORM)


class EditForm(TicketForm):
    """The same for a ticket that exists, with the version that the writer saw."""

    version = HiddenField()
    asked_sites = SelectMultipleField(
        LABELS["asked_sites"],
        validate_choice=False,
        description=_(
            "For changes only: each of these sites is asked to accept or refuse. If empty: the"
            " affected sites and both ends of the affected links."
        ),
    )
    solution = input_of("solution")


def read_references(text: str) -> tuple[Reference, ...]:
    """References from lines of ``provider; number; address``."""
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split(";")]
        if len(parts) > 3 or len(parts) < 2 or not parts[0] or not any(parts[1:]):
            raise Invalid("references", _("Enter one reference per line: provider; ticket id; URL"))
        found.append(Reference(parts[0], parts[1], parts[2] if len(parts) == 3 else ""))
    return tuple(found)


def _references_of(text: str, ticket: Ticket | None) -> tuple[Reference, ...]:
    if ticket is not None:
        before: tuple[Reference, ...] = current_value(ticket, "references")
        if _as_a_browser_sends(text, None) == _as_a_browser_sends(write_references(before), None):
            return before
    return read_references(text)


def write_references(references: Sequence[Reference]) -> str:
    """References as the lines that ``read_references`` reads."""
    return "\n".join(
        "; ".join(filter(None, (item.provider, item.reference, item.url)))
        if item.reference
        else f"{item.provider}; ; {item.url}"
        for item in references
    )


def form_value(ticket: Ticket, name: str) -> Any:
    """A ticket's present value in the form in which its form field holds it."""
    value = current_value(ticket, name)
    if name == "references":
        return write_references(value)
    return list(value) if isinstance(value, tuple) else value


def keep_unchanged(
    ticket: Ticket, stated: Mapping[str, Any], seen: Mapping[str, str | None]
) -> dict[str, Any]:
    """What a person changed in a form: a browser changes line ends and blanks on its own.

    ``seen`` holds what the form showed of fields that somebody else changed since, as logged.
    Also leaves out a responsible site that was not touched, so that it keeps following.
    """
    changed = {}
    for name, value in stated.items():
        before = current_value(ticket, name)
        if name == "responsible_site" and not value and not ticket.responsible_set_by_hand:
            continue
        if isinstance(value, str) and isinstance(before, str):
            one = name in _ONE_LINE
            shown = (before, seen.get(name, before) or "")
            same = _as_a_browser_sends(value, one) in [_as_a_browser_sends(x, one) for x in shown]
        elif name == "references":
            kinds = {(item.provider, item.reference, item.url): item for item in before}
            value = tuple(kinds.get((v.provider, v.reference, v.url), v) for v in value)
            same = value == before
        else:
            same = as_logged(value) == as_logged(before)
        if not same:
            changed[name] = value
    return changed


_ONE_LINE = frozenset(field.name for field in FIELDS if field.kind is ValueKind.TEXT)


def _as_a_browser_sends(text: str, one_line_only: object) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return (text.replace("\n", "") if one_line_only else text).strip()


def check_addresses(stated: Mapping[str, Any]) -> None:
    """Raise ``Invalid`` if the carbon copy that a person wrote holds no mail addresses."""
    name = "carbon_copy"
    if name in stated:
        checked_addresses(name, stated[name], label=LABELS[name])
