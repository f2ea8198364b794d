"""The verbs on a network ticket: open, change, comment, move, hand to a partner, close when due.

One call is one change with one row in the change log, whatever it touches: a partner's
TicketModify that writes a diary, a solution and a state is one change, and so is an edit here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, lazyload

from app.accounts.models.partners import Partner
from app.accounts.services.copies import count_copies
from app.core.models.changes import Change, ChangedField
from app.core.rules import access
from app.core.rules.access import ActorKind, Writer
from app.core.rules.clock import strictly_after, to_milliseconds
from app.core.rules.errors import (
    Difference,
    EditConflict,
    Invalid,
    MoveNotAllowed,
    NotFound,
    StaleVersion,
)
from app.core.rules.language import _
from app.core.services.changes import TICKET, FieldChange, record_change
from app.registry.rules.networks import Network
from app.registry.rules.recognition import (
    holds_word,
)
from app.registry.services.registry import link_names_in
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import (
    FINAL_FIELDS,
    TIMES,
    NewTicket,
    check_asked_sites,
    check_category_needs,
    check_times,
    check_values,
)
from app.tickets.rules.fields import ENTRIES, ROW_FIELDS
from app.tickets.rules.tickets import (
    ENDED_STATES,
    FINAL_STATES,
    WORKING_DAYS_TO_CLOSE,
    Category,
    State,
    allowed_moves,
    check_creation_state,
    check_move,
    is_open,
)
from app.tickets.rules.working_time import working_days_before
from app.tickets.services.concern.concern_rows import follow_concerned
from app.tickets.services.concern.link_words import note_unknown_links, unknown_links
from app.tickets.services.concern.recognised import links_meant, sites_meant
from app.tickets.services.creation.bulk_insert import NewRows, insert_ticket
from app.tickets.services.creation.repeats import (
    count_repeat,
    is_repeated_comment,
    is_repeated_request,
    without_known_texts,
)
from app.tickets.services.fields import (
    apply_value,
    as_logged,
    ask_sites,
    asked_keys,
    concerned_sites,
    current_value,
    day_of,
    facts_of,
    follow_responsible_site,
    remember_spelling,
    same_sites,
    set_links,
    set_references,
    set_sites,
    spell,
    with_own_references,
)
from app.tickets.services.search.index import follow_change, words_of_new_ticket

# Made once: to put a statement together takes longer than to carry it out.
_LOCKED = (
    select(Ticket)
    .where(Ticket.number == bindparam("number"))
    .options(  # loaded when they are used: most changes use none of them, and others wait meanwhile
        lazyload(Ticket.affected_links),
        lazyload(Ticket.affected_sites),
        lazyload(Ticket.handed_to),
        lazyload(Ticket.responsible_site),
        lazyload(Ticket.created_by_partner),
    )
    .with_for_update(of=Ticket, key_share=True)
    .execution_options(populate_existing=True)
)
COMMENTS = ENTRIES
"""Fields that append an entry; they live in the change log only."""


_ROW_FIELDS = tuple(
    item.name for item in fields(NewTicket) if item.name in ROW_FIELDS and item.name != "network"
)
_READ_FOR_LINKS = frozenset({"title", "description"})
_FOLLOWERS = ("responsible_site", "asked_sites")
"""What follows other fields unless it is set by hand."""
_FOLLOWED = frozenset({"links", "sites", "category", *_FOLLOWERS})
"""Fields whose change may change the followers."""
_LOGGED_AT_CREATION = (
    *_ROW_FIELDS,
    "network",
    "links",
    "sites",
    "asked_sites",
    "responsible_site",
    "references",
)


def find_ticket(session: Session, actor: access.Actor, number: int) -> Ticket:
    """The ticket, if this actor may read it; else ``NotFound`` as for an unknown number."""
    ticket = session.get(Ticket, number)
    if ticket is None:
        raise NotFound
    access.require_read(actor, facts_of(ticket))
    return ticket


def open_ticket(
    session: Session, by: Writer, new: NewTicket, *, check_needs: bool = False
) -> Ticket:
    """Open a ticket and return it: ``create_ticket``, and its row, as ``locked_ticket``."""
    return locked_ticket(session, create_ticket(session, by, new, check_needs=check_needs))


def create_ticket(
    session: Session,
    by: Writer,
    new: NewTicket,
    *,
    check_needs: bool = False,
    origin_key: int | None = None,
) -> int:
    """Open a ticket; its number. ``origin_key`` is the ``OriginKey`` that is bound to it.

    ``check_needs`` asks for what the category needs (a maintenance its window, a change its
    sites): people have to choose, partners cannot say it in the GGUS contract. Raises
    ``Forbidden``, ``Invalid``, ``InvalidMany``.
    """
    access.require_create(by.actor)
    stated: dict[str, Any] = {item.name: getattr(new, item.name) for item in fields(new)}
    check_values(stated)
    check_times(stated)
    check_asked_sites(new.category, new.asked_sites)
    check_creation_state(new.state)
    if check_needs:
        check_category_needs(new.category, stated)
    if new.internal_comment:
        access.require_internal(by.actor)

    if new.carbon_copy:
        count_copies(session, by, new.carbon_copy)
    at = to_milliseconds(by.now)
    ticket = Ticket(
        version=1,
        created_at=at,
        changed_at=at,
        last_author=by.shown_author,
        created_by_user_id=by.actor.account_id if by.actor.kind is ActorKind.PERSON else None,
        created_by_partner_id=by.actor.partner_id,
        **{name: stated[name] for name in _ROW_FIELDS},
    )
    if by.actor.kind is ActorKind.PERSON and not ticket.submitter_name:
        ticket.submitter_name = by.actor.account
    with session.no_autoflush:
        _affect(session, by, ticket, new)
        if new.asked_sites:
            apply_value(session, by, ticket, "asked_sites", new.asked_sites)
        _follow_category(ticket, "")
        set_references(by, ticket, new.references)
        if new.responsible_site:
            access.require_operator(by.actor, _("set the responsible site"))
            apply_value(session, by, ticket, "responsible_site", new.responsible_site)
        follow_responsible_site(ticket)
        ticket.network = new.network or _network_of(ticket)
        logged = [
            FieldChange(name, None, text)
            for name in _LOGGED_AT_CREATION
            if (text := as_logged(current_value(ticket, name))) is not None and text != "no"
        ]
        logged += [FieldChange(name, None, stated[name]) for name in COMMENTS if stated[name]]
        comments = {name: stated[name] for name in COMMENTS}
        words = words_of_new_ticket(session, ticket, by.shown_author, comments)
        unknown = unknown_links(session, ticket)
        return insert_ticket(session, by, ticket, NewRows(words, unknown, logged, at, origin_key))


def _affect(session: Session, by: Writer, ticket: Ticket, new: NewTicket) -> None:
    """Affect the stated links and sites, else those that the texts name."""
    texts = (new.title, new.description)
    named = link_names_in(session, texts)
    links, in_texts = links_meant(session, texts, new.links, named)
    set_links(session, ticket, links, recognised=in_texts)
    sites, in_title = sites_meant(session, new.title, new.sites, named, day_of(ticket))
    for name, row in set_sites(session, ticket, sites, recognised=in_title).items():
        if not in_title:
            spell(by, row, name)


def _network_of(ticket: Ticket) -> str:
    """The network where none was stated: of the first link, of the title's word, or LHCOPN."""
    if ticket.affected_links:
        return ticket.affected_links[0].link.network
    return Network.LHCONE if holds_word(ticket.title, Network.LHCONE) else Network.LHCOPN


def _follow_category(ticket: Ticket, before: str) -> None:
    """A change asks the sites that it concerns unless others are asked; nothing else asks any."""
    if ticket.category != Category.CHANGE:
        ask_sites(ticket, ())
    elif before != Category.CHANGE and not ticket.acknowledgements:
        ask_sites(ticket, concerned_sites(ticket))


def change_ticket(
    session: Session,
    by: Writer,
    number: int,
    wanted: Mapping[str, Any] | Callable[[Ticket], Mapping[str, Any]],
    *,
    base_version: int | None = None,
    check_needs: bool = False,
) -> Ticket:
    """Change any of a ticket's fields in one change; a field that is absent keeps its value.

    ``wanted`` holds fields of ``NewTicket`` in its types, or gives them for the ticket as it is
    now; ``public_comment`` and ``internal_comment`` append an entry. ``base_version`` is the
    version that the writer saw: fields that somebody else changed since, to another value than is
    wanted now, raise ``EditConflict``; fields that only somebody else changed keep that change.
    What is equal already is no change; if nothing is left, nothing is written.

    Two wishes are relative to what the ticket holds, as the GGUS contract states them:
    ``first_site`` replaces only the first affected site ("" takes it off), ``own_references``
    the partner's own numbers by kind.

    Raises ``NotFound``, ``Forbidden``, ``MoveNotAllowed``, ``Invalid``, ``InvalidMany``.
    """
    ticket = locked_ticket(session, number)
    access.require_write(by.actor, facts_of(ticket))
    if callable(wanted):
        wanted = wanted(ticket)
    return _change(session, by, ticket, wanted, base_version=base_version, check_needs=check_needs)


def _change(
    session: Session,
    by: Writer,
    ticket: Ticket,
    wanted: Mapping[str, Any],
    *,
    base_version: int | None,
    check_needs: bool,
) -> Ticket:
    """Change a ticket that is locked, and that the actor may write."""
    if is_repeated_request(session, by, ticket.number):
        return count_repeat(session, ticket)
    differing = _outcome(
        session, by, ticket, wanted, base_version=base_version, check_needs=check_needs
    )
    if is_repeated_comment(session, by, ticket, differing):
        return count_repeat(session, ticket)
    new = without_known_texts(session, by, ticket, differing)
    if differing and not new:
        return count_repeat(session, ticket)
    return _apply(session, by, ticket, new) if new else ticket


def planned_change(
    session: Session, by: Writer, ticket: Ticket, wanted: Mapping[str, Any]
) -> Sequence[FieldChange]:
    """What ``change_ticket`` would change now, as the change log would keep it; writes nothing.

    Raises what ``change_ticket`` would raise. What follows from it (a responsible site that follows
    the links) is not reported. Not for wishes that are relative to what the ticket holds.
    """
    access.require_write(by.actor, facts_of(ticket))
    differing = _outcome(session, by, ticket, wanted, base_version=None, check_needs=False)
    return [
        FieldChange(
            name,
            None if name in COMMENTS else as_logged(current_value(ticket, name)),
            as_logged(value),
        )
        for name, value in differing.items()
    ]


def _outcome(
    session: Session,
    by: Writer,
    ticket: Ticket,
    wanted: Mapping[str, Any],
    *,
    base_version: int | None,
    check_needs: bool,
) -> dict[str, Any]:
    """The fields that would differ, with their new values; raises unless all that may be."""
    wanted = _made_absolute(session, by, ticket, wanted)
    # what was stored before only URLs were taken may be sent back with the rest
    kept_issue = wanted.get("related_issue") == ticket.related_issue
    check_values({k: v for k, v in wanted.items() if not (kept_issue and k == "related_issue")})
    if wanted.get("internal_comment"):
        access.require_internal(by.actor)
    if "responsible_site" in wanted and _differs(session, ticket, "responsible_site", wanted):
        access.require_operator(by.actor, _("set the responsible site"))

    submitter = access.is_submitter(by.actor, facts_of(ticket))
    differing = {
        name: value for name, value in wanted.items() if _differs(session, ticket, name, wanted)
    }
    if base_version is not None and base_version != ticket.version:
        differing = _without_foreign_changes(session, ticket, differing, base_version)
    if (
        differing.get("public_comment")
        and submitter
        and ticket.state == State.WAITING
        and "state" not in differing
        # a person who names the state has chosen it; partners may send it with each change
        and not ("state" in wanted and by.actor.kind is ActorKind.PERSON)
    ):
        differing["state"] = State.IN_PROGRESS
    if differing:
        _check_outcome(by, ticket, differing, is_submitter=submitter, check_needs=check_needs)
    return differing


def _check_outcome(
    by: Writer,
    ticket: Ticket,
    differing: Mapping[str, Any],
    *,
    is_submitter: bool,
    check_needs: bool,
) -> None:
    """Raise unless the ticket may become what it would be with these values."""
    if ticket.state in FINAL_STATES and "state" not in differing and set(differing) - FINAL_FIELDS:
        raise MoveNotAllowed(
            _(
                "A %(state)s ticket cannot be edited; only comments, attachments and references"
                " can be added",
                state=ticket.state,
            )
        )
    needed = (*TIMES, "category", "solution", *(("sites",) if check_needs else ()))
    after = {**{name: current_value(ticket, name) for name in needed}, **differing}
    check_times(after)
    check_asked_sites(after["category"], differing.get("asked_sites", ()))
    if check_needs:
        check_category_needs(after["category"], after)
    has_solution = bool(str(after["solution"]).strip())
    if "state" in differing:
        check_move(
            ticket.state,
            differing["state"],
            has_solution=has_solution,
            is_submitter=is_submitter,
            may_close=by.actor.is_operator or by.actor.kind is ActorKind.SYSTEM,
        )
    elif ticket.state == State.SOLVED and not has_solution:
        raise Invalid("solution", _("A solved ticket keeps its solution; reopen it first"))


def _apply(session: Session, by: Writer, ticket: Ticket, differing: Mapping[str, Any]) -> Ticket:
    watched = [name for name in differing if name not in COMMENTS]
    follows = not _FOLLOWED.isdisjoint(differing)
    if follows:
        watched += [name for name in _FOLLOWERS if name not in watched]
    old = {name: as_logged(current_value(ticket, name)) for name in watched}
    old_sites = current_value(ticket, "sites") if "sites" in differing else ()
    old_category = ticket.category
    if differing.get("carbon_copy"):
        count_copies(session, by, differing["carbon_copy"], ticket.carbon_copy)
    at = strictly_after(by.now, ticket.changed_at)
    with session.no_autoflush:
        # the times first: names of sites mean what they did on the ticket's day
        for name, value in sorted(differing.items(), key=lambda item: item[0] not in TIMES):
            if name not in COMMENTS:
                apply_value(session, by, ticket, name, value)
        if not _READ_FOR_LINKS.isdisjoint(differing):
            note_unknown_links(session, ticket)
        for name in differing.get("sites", ()):
            if name not in old_sites:
                remember_spelling(session, by, ticket, name)
        if follows:
            follow_responsible_site(ticket)
            _follow_category(ticket, old_category)
        if "state" in differing:
            ticket.ended_at = (
                at
                if ticket.state in ENDED_STATES
                else (None if ticket.state == State.REOPENED else ticket.ended_at)
            )
    if follows:
        follow_concerned(session, ticket)
    logged = [
        FieldChange(name, old[name], new)
        for name in watched
        if (new := as_logged(current_value(ticket, name))) != old[name]
    ]
    logged += [FieldChange(name, None, differing[name]) for name in COMMENTS if name in differing]
    if not logged:  # only who chose the same responsible site
        session.flush()
        return ticket
    return record_on_ticket(session, by, ticket, logged, at)


def locked_ticket(session: Session, number: int) -> Ticket:
    """The ticket as it is now, its row locked until the transaction ends; else ``NotFound``.

    Rights are the caller's: nothing is checked here.
    """
    ticket = session.scalars(_LOCKED, {"number": number}).first()
    if ticket is None:
        raise NotFound
    return ticket


def _made_absolute(
    session: Session, by: Writer, ticket: Ticket, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """The wishes with what is relative to the locked ticket spelled out."""
    absolute = dict(wanted)
    if "first_site" in absolute:
        first = absolute.pop("first_site")
        check_values({"sites": (first,) if first else ()})
        rest = current_value(ticket, "sites")[1:]
        absolute["sites"] = (first, *rest) if first else rest
        day = day_of(ticket, absolute)
        if first and same_sites(session, ticket, absolute["sites"], day):
            remember_spelling(session, by, ticket, first)
    if "asked_sites" in absolute:
        check_values({"asked_sites": absolute["asked_sites"]})
        absolute["asked_sites"] = asked_keys(session, absolute["asked_sites"])
    if "own_references" in absolute:
        own = absolute.pop("own_references")
        absolute["references"] = with_own_references(by, ticket, own)
    return absolute


def _differs(session: Session, ticket: Ticket, name: str, wanted: Mapping[str, Any]) -> bool:
    if name in COMMENTS:
        return bool(str(wanted[name]).strip())
    if name == "sites":
        return not same_sites(session, ticket, wanted[name], day_of(ticket, wanted))
    return as_logged(wanted[name]) != as_logged(current_value(ticket, name))


def _without_foreign_changes(
    session: Session, ticket: Ticket, differing: Mapping[str, Any], base_version: int
) -> dict[str, Any]:
    """Drop what only somebody else changed since ``base_version``; raise for what both did."""
    rows = session.execute(
        select(ChangedField.field, ChangedField.old)
        .join(Change)
        .where(
            Change.kind == TICKET, Change.thing_id == ticket.number, Change.version > base_version
        )
        .order_by(Change.version.desc(), ChangedField.position)
    )
    base: dict[str, str | None] = {row.field: row.old for row in rows}  # the oldest one stays
    kept: dict[str, Any] = {}
    conflicts = []
    for name, value in differing.items():
        if name in COMMENTS or name not in base:
            kept[name] = value
        elif as_logged(value) != base[name]:
            theirs = as_logged(current_value(ticket, name))
            conflicts.append(Difference(name, base[name], theirs, as_logged(value)))
    if conflicts:
        raise EditConflict(ticket.version, tuple(conflicts))
    return kept


def change_ticket_at(
    session: Session,
    by: Writer,
    number: int,
    wanted: Mapping[str, Any],
    version: int,
    *,
    check_needs: bool = False,
) -> Ticket:
    """Like ``change_ticket``, but only if the ticket still has ``version``: nothing is merged.

    Raises ``StaleVersion`` otherwise, no matter who made the changes.
    """
    ticket = locked_ticket(session, number)
    access.require_write(by.actor, facts_of(ticket))
    if ticket.version != version:
        raise StaleVersion(ticket.version)
    return _change(session, by, ticket, wanted, base_version=None, check_needs=check_needs)


def comment_ticket(
    session: Session,
    by: Writer,
    number: int,
    text: str,
    *,
    internal: bool = False,
    state: str = "",
    base_version: int | None = None,
) -> Ticket:
    """Append one entry to the public or the internal diary, and move the ticket to ``state`` where
    one is given, as ``change_ticket``. Empty text raises ``Invalid``."""
    field = "internal_comment" if internal else "public_comment"
    if not text.strip():
        raise Invalid(field, _("Write something before you send it"))
    move = {"state": state} if state else {}
    return change_ticket(session, by, number, {field: text, **move}, base_version=base_version)


def move_ticket(
    session: Session,
    by: Writer,
    number: int,
    state: str,
    *,
    solution: str | None = None,
    public_comment: str = "",
) -> Ticket:
    """Move a ticket to another state, with its solution and a comment where they are given."""
    wanted: dict[str, Any] = {"state": state, "public_comment": public_comment}
    if solution is not None:
        wanted["solution"] = solution
    return change_ticket(session, by, number, wanted)


def take_ticket(
    session: Session, by: Writer, number: int, *, base_version: int | None = None
) -> Ticket:
    """Make the writer the assignee, and start work on a ticket that nobody works on yet.

    new, assigned and reopened become in progress; a ticket that waits or is on hold stays so.
    Raises ``MoveNotAllowed`` for one that is not open, and what ``change_ticket`` raises.
    """

    def wanted(ticket: Ticket) -> Mapping[str, Any]:
        if not is_open(ticket.state):
            raise MoveNotAllowed(
                _(
                    "A ticket in state %(state)s cannot be taken; reopen it first",
                    state=ticket.state,
                )
            )
        starts = ticket.state in (State.NEW, State.ASSIGNED, State.REOPENED)
        state = {"state": State.IN_PROGRESS} if starts else {}
        return {"person_in_charge": by.actor.account, **state}

    return change_ticket(session, by, number, wanted, base_version=base_version)


def moves_of(actor: access.Actor, ticket: Ticket) -> tuple[State, ...]:
    """The moves that this actor may make with this ticket now."""
    return moves_from(actor, ticket.state, facts_of(ticket))


def moves_from(actor: access.Actor, state: str, facts: access.TicketFacts) -> tuple[State, ...]:
    """The moves that this actor may make with a ticket in this state."""
    if access.refusal_to_write(actor, facts) is not None:
        return ()
    return allowed_moves(
        state,
        is_submitter=access.is_submitter(actor, facts),
        may_close=actor.is_operator or actor.kind is ActorKind.SYSTEM,
    )


def undo_recognition(session: Session, by: Writer, number: int, field: str, name: str) -> Ticket:
    """Take a recognised link (``field`` "links") or site ("sites") off the ticket again."""
    ticket = find_ticket(session, by.actor, number)
    if field not in ("links", "sites") or name not in current_value(ticket, field):
        raise NotFound
    left = tuple(item for item in current_value(ticket, field) if item != name)
    return change_ticket(session, by, number, {field: left})


def hand_to_partner(session: Session, by: Writer, number: int, code: str) -> Ticket:
    """Make a ticket one of a partner's own: its accounts of access ``own`` see it from now on."""
    access.require_operator(by.actor, _("hand a ticket to a partner"))
    ticket = locked_ticket(session, number)
    partner = session.scalars(select(Partner).where(Partner.code == code)).first()
    if partner is None:
        raise Invalid("handed_to", _("No partner has this code"))
    if partner in ticket.handed_to:
        return ticket
    before = as_logged(current_value(ticket, "handed_to"))
    ticket.handed_to.append(partner)
    after = as_logged(current_value(ticket, "handed_to"))
    return record_on_ticket(session, by, ticket, [FieldChange("handed_to", before, after)])


def mark_checked(session: Session, by: Writer, number: int) -> Ticket:
    """Take a ticket off the list "needs review": an operator has looked at what differed."""
    access.require_operator(by.actor, _("mark a ticket as checked"))
    ticket = locked_ticket(session, number)
    if not ticket.to_check:
        return ticket
    ticket.to_check = False
    return record_on_ticket(session, by, ticket, [FieldChange("to_check", "yes", "no")])


def note_difference(
    session: Session, by: Writer, number: int, text: str, hidden: Sequence[FieldChange] = ()
) -> Ticket:
    """Append a marked internal entry about a repeated creation: the ticket needs review.

    Written in the name of the partner that repeated; works in every state. Without ``text`` the
    ticket is only listed again. ``hidden`` are differing contact fields: the log keeps them, and
    shows them to operators and to that partner only; the ticket's own stay as they are.
    """
    ticket = locked_ticket(session, number)
    changed = [FieldChange("internal_comment", None, text)] if text else []
    changed += hidden
    if not ticket.to_check:
        changed.append(FieldChange("to_check", "no", "yes"))
        ticket.to_check = True
    return record_on_ticket(session, by, ticket, changed) if changed else ticket


def record_on_ticket(
    session: Session,
    by: Writer,
    ticket: Ticket,
    changed: Sequence[FieldChange],
    at: datetime | None = None,
) -> Ticket:
    """Raise a locked ticket's version and write the one change that this is.

    ``at`` is the change's time, later than the ticket's newest one; without it, the first such
    time that is not before the writer's ``now``.
    """
    at = at or strictly_after(by.now, ticket.changed_at)
    ticket.version += 1
    ticket.changed_at = at
    ticket.last_author = by.shown_author
    session.flush()
    follow_change(session, ticket.number, by.shown_author, changed)
    record_change(
        session,
        by,
        kind=TICKET,
        thing_id=ticket.number,
        fields=changed,
        version=ticket.version,
        at=at,
    )
    return ticket


def close_due_tickets(
    session: Session, by: Writer, as_of: datetime, limit: int | None = None
) -> Sequence[int]:
    """Close what has been solved or unsolved for 10 working days at ``as_of``; their numbers.

    GGUS closes tickets that nobody verified. Counted from the newest move to solved or unsolved.
    At most ``limit`` of them, the lowest numbers first.
    """
    latest = working_days_before(as_of, WORKING_DAYS_TO_CLOSE)
    due: list[int] = []
    for state in ENDED_STATES:  # one after the other: the index has their numbers in order
        due += session.scalars(
            select(Ticket.number)
            .where(Ticket.state == state, Ticket.ended_at <= latest)
            .order_by(Ticket.number)
            .limit(limit)
        )
    due = sorted(due)[:limit]
    # all rows before the first change: the change counter's lock always comes last
    locked = session.execute(
        select(Ticket.number, Ticket.ended_at)
        .where(Ticket.number.in_(due), Ticket.state.in_(ENDED_STATES))
        .order_by(Ticket.number)
        .with_for_update(of=Ticket, key_share=True)
    ).all()
    closed = []
    for number, ended_at in locked:
        # it may have been reopened and solved again since
        if ended_at is not None and ended_at <= latest:
            change_ticket(session, by, number, {"state": State.CLOSED})
            closed.append(number)
    return closed
