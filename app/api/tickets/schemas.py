"""The wire types of tickets, made from the one declaration of a ticket's fields: they have the
names that they have in the change log and on the pages, and in camel case the native service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from marshmallow import Schema, fields, validate

from app.api.wire import (
    Moment,
    Several,
    Time,
    a_flag,
    a_list,
    a_number,
    a_text,
    about,
    an_object,
    behind_cursor,
    page_limit,
    page_next,
    sent_choice,
    sent_day,
    sent_flag,
    sent_names,
    sent_number,
    sent_text,
)
from app.core.rules.access import Door
from app.core.rules.counted import Counted
from app.core.rules.texts import PORTAL_TEXT_LIMIT, SHORT_TEXT_LIMIT
from app.registry.rules.networks import Network
from app.tickets.rules.acknowledgements import Answer
from app.tickets.rules.content import DEFAULTS, MAX_THINGS
from app.tickets.rules.desk import Desk
from app.tickets.rules.fields import BY_NAME, ENTRIES, FIELDS, TicketField, ValueKind
from app.tickets.rules.relations import RelationRole
from app.tickets.rules.tickets import CREATION_STATES, Category, Layer, Priority, State

_ANSWERED: Final = tuple(field for field in FIELDS if field.meaning and field.name not in ENTRIES)
_SORTS: Final = ("number", "-number", "changed", "-changed")
_AT_CREATION: Final = {
    "network": "the network of the links, else LHCONE if the title says so, else LHCOPN",
    "experiment_specific": "false",
}
"""What a field is that a new ticket does not state, where it is not the usual value itself."""


EXPAND_ALL: Final = "all"
MAX_EXPANDED: Final = 100
"""Whole tickets on one page of a list."""
LATEST: Final = "latest"
"""Instead of a cursor: behind all changes that there are."""


class TicketsQuery(Schema):
    """Filters of the list of tickets, named as on its page. Several values of one parameter are
    alternatives, parameters are all required, and none at all finds every ticket."""

    q = sent_text("Words in texts, comments and names, or a number.", 1000, name="q")
    state = Several(
        "States; `open` and `closed` mean all open or all closed states.", "open", *State
    )
    network = Several("Networks.", *Network)
    category = Several("Categories.", *Category)
    layer = Several("Layers.", *Layer)
    priority = Several("Priorities.", *Priority)
    site = Several("Sites that the ticket concerns, by any of their names.")
    affected = Several("Affected sites, by any of their names.")
    responsible = Several("Responsible sites, by any of their names.")
    link = Several("Ids of affected links.")
    unit = Several("Responsible units.")
    desk = Several("Tickets that wait for this account, or for anybody.", *Desk)
    figure = Several("What the figures count; several values must all apply.", *Counted)
    from_ = sent_day("from", "First day of creation, UTC.", data_key="from")
    to = sent_day("to", "Last day of creation, UTC.")
    sort = sent_choice(
        "A lower number never becomes visible after a higher one.",
        _SORTS,
        name="sort",
        load_default="number",
    )
    after = behind_cursor()
    expand = sent_choice(
        "all: each row has `ticket`, as getTicket answers it. Then a page has at"
        f" most {MAX_EXPANDED} tickets.",
        (EXPAND_ALL,),
        name="expand",
    )
    limit = page_limit()


def _moment(text: str, name: str, *, may_be_none: bool = False) -> Moment:
    return Moment(text, attribute=name, allow_none=may_be_none)


def _answer_of(field: TicketField) -> fields.Field[Any]:
    """A field as a ticket is answered."""
    meaning = field.meaning[:1].upper() + field.meaning[1:] + "."
    if field.kind is ValueKind.TIME:
        return _moment(meaning, field.name, may_be_none=True)
    if field.kind is ValueKind.FLAG:
        return a_flag(meaning)
    if field.is_contact:
        return fields.String(
            metadata=about(f"{meaning} Only for operators and the partner that sent it.")
        )
    return a_text(meaning)


def _answers(names: Iterable[str]) -> dict[str, fields.Field[Any]]:
    return {name: _answer_of(BY_NAME[name]) for name in names}


class TicketLink(Schema):
    """A link that the ticket affects."""

    name = a_text("The id.")
    end_a = a_text("Key of the site at one end.")
    end_b = a_text("Key of the site at the other end.")
    recognised = a_flag("Found in the ticket's texts, not chosen by anyone.")


class TicketSite(Schema):
    """A site that the ticket affects."""

    key = a_text("The LHCOPN name; null if the name is unknown.", null=True)
    name = a_text("The name as this account's partner sent it, else as first sent.")
    recognised = a_flag("Found in the ticket's title, not chosen by anyone.")


def _short(text: str, *, required: bool = False, empty: bool = True) -> fields.String:
    return sent_text(text, SHORT_TEXT_LIMIT, least=0 if empty else 1, required=required)


class Reference(Schema):
    """A ticket's number in another system."""

    provider = _short("The other system's operator.", required=True, empty=False)
    reference = _short("The number in the other system.", required=True)
    url = _short("URL in the other system.")
    kind = sent_choice("Relation to this ticket; default other.", ("target", "incident", "other"))


class Submitter(Schema):
    """Who reported. Mail and phone are answered to operators and the partner that sent them."""

    name = _short("Name of the person or service.")
    mail = _short("Mail address.")
    login = _short("Login name in the other system.")
    phone = _short("Phone number.")


class Relation(Schema):
    """Another ticket as this one sees it."""

    role = sent_choice("Role of the other ticket.", RelationRole, required=True)
    number = sent_number("The other ticket's number.", 1, required=True)


class TicketOrigin(Schema):
    """The partner that created the ticket."""

    partner = a_text("The code.")
    id = a_text("The ticket's number in the partner's system, or empty.")


class TicketAnswer(Schema):
    """A site that has to accept this change, and its newest answer."""

    site = a_text("The site's key.")
    answer = a_text("accepted or refused; null = none yet.", null=True)
    reason = a_text("The reason, or empty.")
    at = Moment("When the site answered; else null.", allow_none=True)
    author = a_text("Who answered, or empty.")
    outdated = a_flag("Links, sites or times were changed after this answer.")


class TicketFile(Schema):
    """What is known of a file at the ticket."""

    id = a_text("ATT and a number.")
    name = a_text("File name, without folders and control characters.")
    size = a_number("Size in bytes.")
    created = Moment("When it was added.")
    author = a_text("Who added it.")


class DiaryEntry(Schema):
    """One entry of a diary."""

    at = Moment("When it was written.")
    author = a_text("Who wrote it.")
    internal = a_flag("Whether the entry is internal.")
    text = a_text("The full text of the entry.")


class _TicketHead(Schema):
    number = a_number("The number; one sequence for the whole portal.")
    version = a_number("Increases with each change.")


class _FoundTicket(_TicketHead):
    links = a_list(str, "Ids of the affected links.")
    sites = a_list(str, "Keys of the affected sites, or unknown names.")
    responsible_site = a_text("Key of the responsible site, or null.", null=True)
    created = Moment("When it was created.")
    changed = Moment("When it was last changed.")


FOUND: Final = (
    *("title", "state", "priority", "network", "category", "layer", "impact", "unit"),
    *("event_start", "event_end", "window_start", "window_end"),
)
"""Fields of a ticket in a list."""


class _Ticket(_TicketHead):
    moves = a_list(str, "The states to which this account may move the ticket now.")
    links = a_list(TicketLink, "In order, the main one first.")
    sites = a_list(TicketSite, "In order, the main one first.")
    responsible_site = a_text("Key of the responsible site, or null.", null=True)
    references = a_list(Reference, "Numbers in other systems.")
    submitter = an_object(Submitter, "The reporter.")
    origin = an_object(TicketOrigin, "The partner that created the ticket, or null.", null=True)
    relations = a_list(Relation, "Linked tickets that this account may read.")
    acknowledgements = a_list(TicketAnswer, "Sites asked to accept this change, by key.")
    attachments = a_list(TicketFile, "Attachments, oldest first.")
    diary = a_list(DiaryEntry, "The entries that this account may read, oldest first.")
    created = Moment("When it was created.")
    changed = Moment("When it was last changed; strictly increasing.")
    ended = Moment(
        "When the ticket was solved or closed unsolved; null while it is open.", allow_none=True
    )
    last_author = a_text("Who changed it last.")


OneTicket: type[Schema] = type(
    "Ticket",
    (_Ticket,),
    {
        "__doc__": "A ticket as this account may read it.",
        **_answers(field.name for field in _ANSWERED),
    },
)
FoundTicket: type[Schema] = type(
    "FoundTicket",
    (_FoundTicket,),
    {
        "__doc__": "A ticket in a list; getTicket answers the rest.",
        **_answers(FOUND),
        "ticket": fields.Nested(
            OneTicket, metadata=about("Only with expand=all: the ticket as getTicket answers it.")
        ),
    },
)


class TicketPage(Schema):
    """One page of tickets."""

    items = a_list(FoundTicket)
    next = page_next()


def _sent(field: TicketField, *, change: bool) -> fields.Field[Any]:
    """A field as a writer states it; ``change`` = of a ticket that exists."""
    default = _AT_CREATION.get(field.name) or DEFAULTS.get(field.name)
    notes = [field.meaning[:1].upper() + field.meaning[1:], field.rule]
    if default and not change:
        notes.append(f"default {default}")
    text = "; ".join(filter(None, notes)) + "."
    if field.kind is ValueKind.TIME:
        return Time(metadata=about(f"{text} ISO 8601, UTC if it has no zone; null = none."))
    if field.kind is ValueKind.FLAG:
        return sent_flag(text)
    if field.choices is not None:
        states = CREATION_STATES if field.name == "state" and not change else field.choices
        return sent_choice(text, states)
    return sent_text(
        text,
        field.limit,
        least=1 if field.is_needed else 0,
        required=field.name == "title" and not change,
    )


def _content(*, change: bool) -> dict[str, fields.Field[Any]]:
    """The fields that a writer states; ``change`` = of a ticket that exists."""
    found = {
        field.name: _sent(field, change=change)
        for field in FIELDS
        if field.meaning and not (field.name == "solution" and not change)
    }
    found |= {
        "links": sent_names(
            "Ids of the affected links. Default for a new ticket: the ids in its texts.", MAX_THINGS
        ),
        "sites": sent_names(
            "Affected sites, by any of their names; unknown names are stored as text. Default for a"
            " new ticket: the site in its title.",
            MAX_THINGS,
        ),
        "asked_sites": sent_names(
            "Sites that must accept this change, by any of their names.", MAX_THINGS
        ),
        "responsible_site": _short(
            "Any name of a site; only for operators. Empty = follow the links and sites."
        ),
        "references": fields.List(
            fields.Nested(Reference),
            validate=validate.Length(max=MAX_THINGS),
            metadata=about(
                "Numbers in other systems; in an existing ticket they replace all others."
            ),
        ),
    }
    return found


class _Authored(Schema):
    author = _short("The person who writes, shown as the author; only for partner accounts.")


TicketChange: type[Schema] = type(
    "TicketChange",
    (_Authored,),
    {"__doc__": "What changes: a field that is absent stays.", **_content(change=True)},
)


class _NewTicket(_Authored):
    submitter = fields.Nested(Submitter, metadata=about("The reporter, if that is not you."))
    relation = fields.Nested(Relation, metadata=about("A ticket to link from the start."))


NewTicketBody: type[Schema] = type(
    "NewTicket",
    (_NewTicket,),
    {"__doc__": "What is stated of a ticket when it is created.", **_content(change=False)},
)


class CommentBody(_Authored):
    """One entry of a diary, in any state of the ticket."""

    text = sent_text("The entry; not blank.", PORTAL_TEXT_LIMIT, required=True)
    internal = sent_flag(
        "For the internal diary, which operators read; default false.", load_default=False
    )
    state = sent_choice("Also move the ticket to this state.", State)


class MoveBody(_Authored):
    """Another state of the ticket."""

    state = sent_choice("One of the ticket's moves.", State, required=True)
    solution = sent_text("How it was solved; required for solved.", PORTAL_TEXT_LIMIT, least=None)
    comment = sent_text("An entry for the public diary.", PORTAL_TEXT_LIMIT, least=None)


class AcknowledgementBody(_Authored):
    """An answer to a change in the name of a site; a new one replaces the old one."""

    site = _short("Any name of the site.", required=True, empty=False)
    answer = sent_choice("Whether the site accepts.", Answer, required=True)
    reason = sent_text("Why; required for a refusal.", SHORT_TEXT_LIMIT, least=None)


class FileQuery(Schema):
    """How a file is called."""

    name = _short("File name; folders and control characters are removed.", required=True)


class HistoryQuery(Schema):
    """Where in a ticket's history a page begins."""

    after = sent_number(
        "Start after this version of the ticket.", 0, error="after takes a version", load_default=0
    )
    limit = page_limit()


class FeedQuery(Schema):
    """Where in the feed a page begins."""

    cursor = fields.String(
        load_default="0",
        validate=validate.Regexp(
            f"^({LATEST}|[0-9]{{1,15}})$",
            error="cursor takes latest, or the one of the last answer",
        ),
        metadata=about(
            "0 = from the first change; latest = no rows, only the cursor after the newest "
            "change; else the cursor of the last answer."
        ),
    )
    limit = page_limit()


class ChangedField(Schema):
    """One field of one change."""

    field = a_text("The name.")
    old = a_text(
        "Before, as text: times in UTC, several values between `; `; null = none.", null=True
    )
    new = a_text("After, in the same form.", null=True)


class Step(Schema):
    """One change of a ticket, as this account may read it."""

    version = a_number("The ticket's version after the change; 1 = creation.")
    at = Moment("When.")
    author = a_text("The author shown: the person, or the name that a partner sent.")
    account = a_text("Login of the account that made the change.")
    door = a_text("The interface: " + ", ".join(Door) + ".")
    fields_ = a_list(
        ChangedField,
        "What changed, including diary entries.",
        attribute="fields",
        data_key="fields",
    )


class History(Schema):
    """A page of a ticket's history, oldest first. What this account may not read is left out, and
    a change of which nothing is left."""

    items = a_list(Step)
    next = page_next()


class FeedRow(Step):
    """One change of one ticket, in the order of all changes."""

    id = a_number("Position in the order of all changes.")
    number = a_number("The ticket's number.")
    own = a_flag("Whether an account of the calling partner made the change.")


class Feed(Schema):
    """Changes of all tickets that this account may read, in their order, with what they changed: a
    page may hold fewer rows than the limit, or none, though there is more."""

    items = a_list(FeedRow)
    cursor = a_number("Cursor for the next call.")
    more = a_flag("true = more changes are available; false = ask again later.")
    next = a_text("URL of the next page if more changes are available; else null.", null=True)
