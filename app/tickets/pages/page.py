"""The page of one ticket: facts, story, and what this person may do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from flask import Response, flash, request, url_for

from app.core.rules import access
from app.core.rules.language import _, said_word
from app.core.web.attached_files import Problem
from app.core.web.extensions import db
from app.core.web.forms import options
from app.core.web.htmx import go_to, page_or_fragment, wants_fragment
from app.core.web.panels import panel_values
from app.core.web.person import acting, local_path
from app.core.web.times import length, now
from app.tickets.models.tickets import Ticket
from app.tickets.pages.acknowledgements import acknowledgement_section
from app.tickets.pages.attachments import attachment_section
from app.tickets.pages.forms import (
    AnswerForm,
    CommentForm,
    HandForm,
    MergeForm,
    MoveForm,
    RelationForm,
    ReminderForm,
)
from app.tickets.pages.listing.in_place import IN_PLACE, InPlaceForm, in_place_form
from app.tickets.pages.listing.list import back_to_list
from app.tickets.pages.listing.span import span_of
from app.tickets.pages.panels import TICKET_PANELS
from app.tickets.pages.recipients import will_notify_of
from app.tickets.pages.relations import related_section
from app.tickets.pages.texts import links_in
from app.tickets.pages.timeline import TimelineEntry, entries_of, rich_fields, with_stories
from app.tickets.rules.content import DEFAULTS, LABELS, TIMES
from app.tickets.rules.fields import Where, fields_at
from app.tickets.rules.tickets import FINAL_STATES, Category, State, is_open
from app.tickets.rules.undo import is_undoable
from app.tickets.services import lifecycle as verbs
from app.tickets.services.fields import day_of, facts_of
from app.tickets.services.merging import stories_of
from app.tickets.services.timeline import TimelineStep, timeline_of
from app.tickets.services.whole_ticket import WholeTicket, read_whole_ticket

NUMBER = "<int(max=2147483647):number>"
_CHOSEN = ("priority", "category", "network", "layer", "impact")


def comment_form_of(actor: access.Actor, moves: Sequence[State], **more: Any) -> CommentForm:
    """Offers the kinds of entry that this person may write."""
    form = CommentForm(**more)
    choices: Any = {"public": _("Comment")}
    if State.SOLVED in moves:
        choices["solve"] = _("Comment and solve")
    if access.may_read_internal(actor):
        choices["internal"] = _("Internal note")
    form.kind.choices = choices
    return form


def hand_form_of(whole: WholeTicket, **more: Any) -> HandForm:
    """Offers the partners with whom the ticket is not shared and who did not create it."""
    own = {partner.code for partner in whole.ticket.handed_to}
    if whole.ticket.created_by_partner is not None:
        own.add(whole.ticket.created_by_partner.code)
    form = HandForm(**more)
    form.partner.choices = options(*(code for code in whole.partners if code not in own))
    return form


def ticket_page(number: int, **more: Any) -> Response:
    """The page of the ticket of this number; ``more`` as for ``page_of``."""
    return page_of(read_whole_ticket(db.session(), acting(), number), **more)


def page_of(
    whole: WholeTicket,
    *,
    comment_form: CommentForm | None = None,
    move_form: MoveForm | None = None,
    hand_form: HandForm | None = None,
    relation_form: RelationForm | None = None,
    merge_form: MergeForm | None = None,
    answer_form: AnswerForm | None = None,
    remind_form: ReminderForm | None = None,
    in_place: InPlaceForm | None = None,
    upload_problems: Sequence[Problem] = (),
    status: int = 200,
    fresh: int = 0,
    said: str = "",
    problem: str = "",
    preview: str = "",
) -> Response:
    """The ticket; a form that was refused is shown with its errors and what was typed.

    ``said`` says what was done, ``problem`` why a button did nothing; ``preview`` is a comment
    that is not sent yet.
    """
    session, actor, ticket = db.session(), acting(), whole.ticket
    moves = verbs.moves_of(actor, ticket)
    steps = timeline_of(session, actor, ticket.number)
    related = related_section(actor, whole, relation_form, merge_form)
    stories = stories_of(session, actor, related["duplicates"])
    entries = with_stories(entries_of(steps, fresh=fresh), stories)
    refusal = access.refusal_to_write(actor, facts_of(ticket))
    sees_internal = access.may_read_internal(actor)
    may_edit = refusal is None and ticket.state not in FINAL_STATES
    wanted = request.args.get("set", "")
    if in_place is None and may_edit and wanted in IN_PLACE:
        in_place = in_place_form(wanted, actor, ticket, shown=True)
    start, end = ticket.event_start or ticket.window_start, ticket.event_end or ticket.window_end
    panels = panel_values(TICKET_PANELS, actor, ticket)
    panels["announced"] = None
    is_reported = bool(panels.get("still_reported"))
    if refusal is None and (preview or status >= 400):  # else it is fetched when one writes
        panels |= will_notify_of(ticket)
    return page_or_fragment(
        "tickets/detail.html",
        "tickets/_ticket.html",
        status,
        ticket=ticket,
        remind_form=remind_form or _remind_form(panels),
        moves=moves,
        no_moves=""
        if refusal
        else _(
            "This state is final. You can still comment, attach files, and link or merge the"
            " ticket."
        ),
        may_write=refusal is None,
        no_write=refusal,
        final=ticket.state in FINAL_STATES,
        may_edit=may_edit,
        in_place=in_place,
        in_place_fields=IN_PLACE,
        labels=LABELS,
        may_take=may_edit and is_open(ticket.state) and ticket.person_in_charge != actor.account,
        said=said if wants_fragment() else "",
        problem=problem,
        entries=entries,
        rich=rich_fields(steps),
        texts=links_in(session, actor, _texts(ticket, entries, preview), day_of(ticket)),
        preview=preview,
        comment_form=comment_form
        or _asking_end(
            ticket,
            comment_form_of(actor, moves, formdata=None, solution=ticket.solution),
            is_over=not is_reported,
        ),
        move_form=move_form
        or _asking_end(
            ticket, MoveForm(formdata=None, solution=ticket.solution), is_over=not is_reported
        ),
        asks_end=ticket.event_start is not None
        or ticket.category == Category.INCIDENT
        or any(form is not None and form.event_end.errors for form in (comment_form, move_form)),
        undoable=_undoable(actor, ticket, steps) if refusal is None else None,
        hand_form=hand_form or hand_form_of(whole, formdata=None),
        may_hand=actor.is_operator,
        sees_internal=sees_internal,
        # what was written for a move that is not possible any more has no field to stand in
        unsaved=form_text("solution") if status >= 400 and State.SOLVED not in moves else "",
        opened_by=ticket.submitter_name
        or (ticket.created_by_partner.code if ticket.created_by_partner else "unknown"),
        times=_times(ticket),
        length=length(start, end) if start and end and end >= start else "",
        facts=_facts(ticket, sees_internal=sees_internal),
        span=span_of(ticket),
        **related,
        **acknowledgement_section(actor, ticket, answer_form),
        **attachment_section(actor, whole, upload_problems, stories),
        **panels,
        back=back_to_list(),
    )


def _remind_form(panels: Mapping[str, Any]) -> ReminderForm:
    """For a reminder, or for another time of the one that there is."""
    reminder = panels.get("reminder")
    return ReminderForm(formdata=None, note=reminder.note if reminder is not None else "")


_Solving = TypeVar("_Solving", CommentForm, MoveForm)


def _asking_end(ticket: Ticket, form: _Solving, *, is_over: bool) -> _Solving:
    """Ask when the event ended: as it is known, else "now", which is read when it is sent; nothing
    is proposed while monitoring reports that it is not over."""
    form.event_end.data = ticket.event_end
    if ticket.event_end is None and is_over:
        form.event_end.raw_data = ["now"]
    return form


def _undoable(
    actor: access.Actor, ticket: Ticket, steps: Sequence[TimelineStep]
) -> TimelineStep | None:
    """The newest step, if it is a move that this person may take back."""
    newest = steps[-1] if steps else None
    if newest is None or newest.version != ticket.version or newest.version == 1:
        return None
    mine = (newest.actor_kind, newest.account) == (actor.kind, actor.account)
    fields = [item.field for item in newest.fields]
    return newest if mine and is_undoable(fields, newest.at, now()) else None


def _texts(ticket: Ticket, entries: Sequence[TimelineEntry], preview: str) -> list[str]:
    comments = [text for entry in entries for text in (entry.comment, entry.internal_comment)]
    return [ticket.description, ticket.solution, preview, *comments]


def form_text(name: str) -> str:
    """What was typed into this field of the form that was sent, or ""."""
    return request.form.get(name, "") if request.method == "POST" else ""


def _times(ticket: Ticket) -> list[tuple[str, str, datetime | None, str]]:
    """Of each time its field (where it is one), label, value, and the word where it has none."""
    found = [
        (name, LABELS[name], moment, _("ongoing") if name == "event_end" else _("not set"))
        for name in TIMES
        if (moment := getattr(ticket, name)) is not None
        or (name == "event_end" and ticket.event_start is not None)
        or (name == "event_start" and ticket.category == Category.INCIDENT)
    ]
    return [
        *found,
        ("", _("Opened"), ticket.created_at, ""),
        ("", _("Changed"), ticket.changed_at, ""),
    ]


def _facts(ticket: Ticket, *, sees_internal: bool) -> list[tuple[str, str, str]]:
    """Of each fact its field, where it is one that is changed in place, its label and value."""
    partner = ticket.created_by_partner
    rows = [
        *((name, LABELS[name], said_word(getattr(ticket, name))) for name in _CHOSEN),
        ("", _("Responsible site"), ticket.responsible_site.key if ticket.responsible_site else ""),
        ("unit", LABELS["unit"], ticket.unit),
        ("", _("Submitter"), ticket.submitter_name),
    ]
    optional = [
        ("", _("Mail"), ticket.submitter_mail if sees_internal else ""),
        ("", _("Phone"), ticket.submitter_phone if sees_internal else ""),
        ("", _("Carbon copy"), ticket.carbon_copy),
        ("", _("Source"), partner.code if partner else ""),
        ("", _("Source id"), ticket.origin_id),
        *(
            ("", field.label, value)
            for field in fields_at(Where.PAGE)
            if (value := getattr(ticket, field.name)) != DEFAULTS[field.name]
        ),
    ]
    return rows + [row for row in optional if row[2]]


def after_writing(number: int, version: int, said: str = "") -> Response:
    """The ticket as it is now, with what this person just wrote marked; ``said`` says what it
    was."""
    if wants_fragment():
        return ticket_page(number, fresh=version, said=said)
    if said:
        flash(said, "ok")
    return go_to(address_of(number, version))


def shown_again(number: int, said: str) -> Response:
    """The page with the button that was pressed: the ticket's, or that which the form names
    (``back``); ``said`` says what was done."""
    if wants_fragment():
        return ticket_page(number, said=said)
    flash(said, "ok")
    back = local_path(request.form.get("back", ""))
    return go_to(back or url_for("tickets.detail", number=number, _anchor="h-mails"))


def address_of(number: int, version: int) -> str:
    """The ticket's page, at the entry of this version."""
    return url_for("tickets.detail", number=number, _anchor=f"c{version}")
