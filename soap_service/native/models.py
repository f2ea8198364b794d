"""The messages of the native service, as Spyne's typed models, with the meaning of every field.

Fields have the names that they have in the change log and in the portal, in camel case. A field of
an answer that is not set is left out; a list that is empty has no elements. It must not know values
or rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Final

from app.core.rules.access import Door, TicketAccess
from app.events.rules.events import LIMITS as EVENT_LIMITS
from app.events.rules.events import EventState
from app.registry.rules.networks import Network
from app.tickets.rules.acknowledgements import Answer
from app.tickets.rules.content import DEFAULTS
from app.tickets.rules.fields import BY_NAME, ENTRIES, FIELDS, ValueKind
from app.tickets.rules.relations import RelationRole
from app.tickets.rules.tickets import CREATION_STATES, Category, Layer, Priority, State
from soap_service.native.kinds import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INT,
    LONG,
    LONG_TEXT,
    STRING,
    TEXT,
    TIME,
    ZONED_TIME,
    Member,
    Occurs,
    choice,
    choice_of,
    many,
    message,
    once,
    optional,
    text_of,
    wire_name,
)

STATE: Final = choice_of(State)
FOUND_STATE: Final = choice("FoundState", ("open", *State))
CREATION_STATE: Final = choice("CreationState", CREATION_STATES)
NETWORK: Final = choice_of(Network)
LAYER: Final = choice_of(Layer)
ROLE: Final = choice("RelationRole", (wire_name(role) for role in RelationRole))
DOOR: Final = choice("Door", Door)
ANSWER: Final = choice("Answer", Answer)
EVENT_STATE: Final = choice("EventState", EventState)
ACCESS: Final = choice("Access", TicketAccess)


class ReferenceKind(StrEnum):
    """What an external reference is to the ticket."""

    TARGET = "target"
    INCIDENT = "incident"
    OTHER = "other"


REFERENCE_KIND: Final = choice("ReferenceKind", ReferenceKind)

AUTHENTICATION: Final = message(
    "AuthenticationInfo",
    "The header with the account's credentials; all but the first two are ignored.",
    (
        once("userName", STRING, "login of the account"),
        once("password", STRING, "one of the account's active secrets"),
        optional("authentication", STRING, "ignored"),
        optional("locale", STRING, "ignored"),
        optional("timeZone", STRING, "ignored: each time has its own zone, or is UTC"),
    ),
)

REFERENCE: Final = message(
    "Reference",
    "The ticket's number in another system.",
    (
        once(
            "provider",
            TEXT,
            "operator of the other system; for its own system a partner sends its own code",
        ),
        once("reference", TEXT, "number in the other system"),
        optional("url", TEXT, "URL in the other system"),
        optional("kind", REFERENCE_KIND, "target, incident or other (default)"),
    ),
)
SUBMITTER: Final = message(
    "Submitter",
    "The reporter; only the partner that sent mail and phone can read them.",
    (
        optional("name", TEXT, "name of the person or service"),
        optional("mail", TEXT, "mail address"),
        optional("login", TEXT, "login name in the other system"),
        optional("phone", TEXT, "phone number"),
    ),
)
RELATION: Final = message(
    "Relation",
    "A linked ticket and its role.",
    (
        once("role", ROLE, "role of the other ticket"),
        once("number", INT, "the other ticket's number"),
    ),
)


_ALONE: Final = ("title", "description", "state", "carbon_copy", "solution", *ENTRIES)
"""Fields with places of their own in the messages."""
_OTHERS: Final = tuple(field for field in FIELDS if field.meaning and field.name not in _ALONE)
_CHOSEN: Final = tuple(field.name for field in _OTHERS if field.choices is not None)
_PLAIN: Final = tuple(field.name for field in _OTHERS if field.choices is None)
_AT_CREATION: Final = {
    "network": "the network of the links, else LHCONE if the title says so, else LHCOPN",
    "experiment_specific": "false",
}
"""What a field is that a new ticket does not state, where it is not the usual value itself."""
_ANSWERED: Final = {
    "description": "full description, never shortened",
    "priority": "priority, as in GGUS",
    "related_issue": "a URL; old tickets may contain any text",
    "carbon_copy": "addresses that get the ticket's mails",
    "solution": "solution, never shortened",
}
"""What an answer says of a field in other words than a request."""
_SIMPLE: Final = {ValueKind.FLAG: BOOLEAN, ValueKind.TIME: TIME}


def _stated(names: Iterable[str], *, change: bool) -> Iterator[Member]:
    """Fields as a writer states them; ``change`` = of a ticket that exists."""
    for field in map(BY_NAME.__getitem__, names):
        default = _AT_CREATION.get(field.name) or DEFAULTS.get(field.name)
        notes = [field.meaning, field.rule]
        if default and not change:
            notes.append(f"default {default}")
        if field.choices is not None:
            kind = choice_of(field.choices)
        else:
            kind = text_of(field.limit) if field.is_text else _SIMPLE[field.kind]
        occurs = Occurs.OPTIONAL
        if change and field.may_be_empty:
            occurs = Occurs.CLEARABLE
        yield Member(wire_name(field.name), kind, occurs, "; ".join(filter(None, notes)))


def _answered(*names: str) -> Iterator[Member]:
    """Fields as a ticket is answered."""
    for field in map(BY_NAME.__getitem__, names):
        kind = choice_of(field.choices) if field.choices else _SIMPLE.get(field.kind, STRING)
        occurs = Occurs.OPTIONAL if field.may_be_empty else Occurs.ONCE
        meaning = _ANSWERED.get(field.name, field.meaning)
        yield Member(wire_name(field.name), kind, occurs, meaning)


def _content(*, change: bool) -> list[Member]:
    """The fields that a writer states; ``change`` = of a ticket that exists."""
    several = Occurs.CLEARABLE_LIST if change else Occurs.MANY

    def at_creation(text: str) -> str:
        return "" if change else f"; {text}"

    title, *first = _stated(("title", "description"), change=change)
    members = [
        title if change else replace(title, occurs=Occurs.ONCE),
        *first,
        optional("state", STATE, "a state to which this account may move the ticket")
        if change
        else optional("state", CREATION_STATE, "new (default) or assigned"),
        *_stated(_CHOSEN, change=change),
        Member(
            "links",
            TEXT,
            several,
            "ids of the affected links"
            + at_creation("if none is sent, ids in title and description are recognised"),
        ),
        Member(
            "sites",
            TEXT,
            several,
            "affected sites, by any of their names; unknown names are stored as text"
            + at_creation("if none is sent, a site in the title is recognised"),
        ),
        Member(
            "askedSites",
            TEXT,
            several,
            "sites that must accept this change, by any of their names"
            + at_creation("default: the affected sites and the ends of the links"),
        ),
        *_stated(_PLAIN, change=change),
        Member(
            "references",
            REFERENCE,
            several,
            "numbers in other systems" + ("; they replace all existing ones" if change else ""),
        ),
        *_stated(("carbon_copy", "solution", *ENTRIES), change=change),
    ]
    return members if change else [*members, optional("submitter", SUBMITTER, "the reporter")]


NEW_TICKET: Final = message("NewTicket", "Fields of a new ticket.", _content(change=False))
TICKET_CHANGE: Final = message(
    "TicketChange",
    "Changed fields: absent = unchanged; nil or empty = clear, if the field is nillable.",
    _content(change=True),
)

AFFECTED_LINK: Final = message(
    "AffectedLink",
    "A link that the ticket affects.",
    (
        once("name", STRING, "the id"),
        once("endA", STRING, "key of the site at one end"),
        once("endB", STRING, "key of the site at the other end"),
        once("recognised", BOOLEAN, "recognised in the ticket's texts, not chosen by a person"),
    ),
)
AFFECTED_SITE: Final = message(
    "AffectedSite",
    "A site that the ticket affects.",
    (
        optional("key", STRING, "the LHCOPN name; left out if the name is unknown"),
        once("name", STRING, "the name as this partner sent it, else as first sent"),
        once("recognised", BOOLEAN, "recognised in the ticket's title, not chosen by a person"),
    ),
)
ORIGIN: Final = message(
    "Origin",
    "The partner that created the ticket.",
    (
        once("partner", STRING, "the code"),
        optional("id", STRING, "the ticket's number in the partner's system, as in GHD_Origin_ID"),
    ),
)
ATTACHMENT: Final = message(
    "Attachment",
    "Metadata of an attachment.",
    (
        once("id", STRING, "ATT and a number"),
        once("name", STRING, "file name, without folders and control characters"),
        once("size", INT, "size in bytes"),
        once("created", TIME, "when it was added"),
        once("author", STRING, "who added it"),
    ),
)
ENTRY: Final = message(
    "DiaryEntry",
    "One entry of a diary.",
    (
        once("at", TIME, "when it was written"),
        once("author", STRING, "who wrote it"),
        once("internal", BOOLEAN, "whether the entry is internal"),
        once("text", STRING, "the full text of the entry"),
    ),
)

ACKNOWLEDGEMENT: Final = message(
    "Acknowledgement",
    "A site that has to accept this change, and its newest answer.",
    (
        once("site", STRING, "the site's key"),
        optional("answer", ANSWER, "left out until the site answers"),
        optional("reason", STRING, "the reason"),
        optional("at", TIME, "when the site answered"),
        optional("author", STRING, "who answered"),
        once("outdated", BOOLEAN, "links, sites or times were changed after this answer"),
    ),
)

TICKET: Final = message(
    "Ticket",
    "A ticket as this account may read it.",
    (
        once("number", INT, "the number; one sequence for the whole portal"),
        once("version", INT, "increases with each change; send it with UpdateTicket"),
        *_answered("title", "description", "state"),
        many("moves", STATE, "the states to which this account may move the ticket now"),
        *_answered(*_CHOSEN),
        many("links", AFFECTED_LINK, "affected links in order, the main one first"),
        many("sites", AFFECTED_SITE, "affected sites in order, the main one first"),
        optional("responsibleSite", STRING, "key of the responsible site"),
        *_answered(*_PLAIN),
        many("references", REFERENCE, "numbers in other systems"),
        *_answered("carbon_copy", "solution"),
        optional("submitter", SUBMITTER, "the reporter"),
        optional("origin", ORIGIN, "the partner that created it"),
        many("relations", RELATION, "linked tickets that this account may read"),
        many("acknowledgements", ACKNOWLEDGEMENT, "sites asked to accept this change, by key"),
        many("attachments", ATTACHMENT, "attachments, oldest first"),
        many("diary", ENTRY, "the entries that this account may read, oldest first"),
        optional(
            "olderEntries",
            INT,
            "number of older entries left out because the answer would be too large; GetHistory "
            "has them",
        ),
        once("created", TIME, "when it was created"),
        once("changed", TIME, "when it was last changed; strictly increasing"),
        optional(
            "ended",
            TIME,
            "when the ticket was solved or closed unsolved; left out while it is open",
        ),
        once("lastAuthor", STRING, "who changed it last"),
    ),
)
FILTER: Final = message(
    "TicketFilter",
    "Filter. Several values of one field are alternatives; all fields must match; without fields "
    "all tickets are found.",
    (
        optional("text", TEXT, "words in texts, comments and names, or a number"),
        many("states", FOUND_STATE, "states; open and closed mean all open or all closed states"),
        many("networks", NETWORK, "networks"),
        many("categories", choice_of(Category), "categories"),
        many("layers", LAYER, "layers"),
        many("priorities", choice_of(Priority), "priorities"),
        many("links", TEXT, "ids of affected links"),
        many("sites", TEXT, "affected sites, by any of their names"),
        many("responsible", TEXT, "responsible sites, by any of their names"),
        many("units", TEXT, "units"),
        optional("createdFrom", DATE, "first day of creation, UTC"),
        optional("createdTo", DATE, "last day of creation, UTC"),
    ),
)
FOUND_TICKET: Final = message(
    "FoundTicket",
    "A ticket in a list; GetTicket answers the rest.",
    (
        once("number", INT, "the number"),
        once("version", INT, "the version"),
        *_answered("title", "state", *_CHOSEN),
        many("links", STRING, "ids of the affected links"),
        many("sites", STRING, "keys of the affected sites, or unknown names"),
        optional("responsibleSite", STRING, "key of the responsible site"),
        *_answered("unit", "event_start", "event_end", "window_start", "window_end"),
        once("created", TIME, "when it was created"),
        once("changed", TIME, "when it was last changed"),
    ),
)
STALE_TICKET: Final = message(
    "StaleTicket",
    "The detail of fault 342: the ticket was changed since it was read.",
    (
        once("currentVersion", INT, "the version to send with the next attempt"),
        once("ticket", TICKET, "the ticket as it is now"),
    ),
)

CHANGED_FIELD: Final = message(
    "ChangedField",
    "One field of one change; a value that is not set is left out.",
    (
        once("field", STRING, "the name"),
        optional("old", STRING, "before, as text; times in UTC, several values between '; '"),
        optional("new", STRING, "after"),
    ),
)
STEP: Final = message(
    "Step",
    "One change of the ticket, as this account may read it.",
    (
        once("version", INT, "the ticket's version after the change; 1 = creation"),
        once("at", TIME, "time of the change"),
        once("author", STRING, "the author shown: the person, or the name that a partner sent"),
        once("account", STRING, "login of the account that made the change"),
        once("door", DOOR, "the interface through which it came"),
        many("fields", CHANGED_FIELD, "what changed"),
    ),
)
CHANGE: Final = message(
    "Change",
    "One change of one ticket, in the order of all changes.",
    (
        once("id", LONG, "position in that order"),
        once("number", INT, "the ticket's number"),
        once("version", INT, "the ticket's version after it"),
        once("at", TIME, "time of the change"),
        once("author", STRING, "the author shown"),
        once("account", STRING, "login of the account that made the change"),
        once("door", DOOR, "the interface through which it came"),
        once("own", BOOLEAN, "whether an account of the calling partner made the change"),
        many("fields", STRING, "names of the fields that changed"),
    ),
)

SITE_NAME: Final = message(
    "SiteName",
    "One name of a site.",
    (
        once("system", STRING, "LHCOPN, GOCDB, CRIC, NetSite or short"),
        once("name", STRING, "the name in that system"),
        optional("validFrom", DATE, "first day"),
        optional("validUntil", DATE, "first day on which the name was no longer valid"),
    ),
)
SITE: Final = message(
    "Site",
    "A site of the LHCOPN.",
    (
        once("key", STRING, "the LHCOPN name"),
        once("country", STRING, "ISO 3166 code"),
        once("timeZone", STRING, "IANA name"),
        optional("tier", INT, "0 or 1: role in the LHCOPN"),
        optional("tierSince", DATE, "first day as T0 or T1"),
        optional("tierUntil", DATE, "first day on which the site was no longer T0 or T1"),
        many("names", SITE_NAME, "all its names"),
        once("sample", BOOLEAN, "whether the dates are sample data that nobody confirmed"),
    ),
)
LINK: Final = message(
    "Link",
    "A circuit between two sites.",
    (
        once("name", STRING, "the id"),
        once("network", NETWORK, "the network"),
        once("endA", STRING, "key of the site at one end"),
        once("endB", STRING, "key of the site at the other end"),
        once("role", STRING, "primary or backup"),
        optional("backsUp", STRING, "id of the link for which this is the backup"),
        once("responsibleSite", STRING, "key of the site that writes the link's tickets"),
        optional("bandwidthGbps", DOUBLE, "Gbit/s"),
        optional("validFrom", DATE, "first day"),
        optional("validUntil", DATE, "first day on which the name was no longer valid"),
        once("sample", BOOLEAN, "sample data that no source confirms"),
    ),
)
LIMITS: Final = message(
    "Limits",
    "Limits of requests and answers.",
    (
        once("requestBytes", INT, "largest request to this service"),
        once("attachmentBytes", INT, "largest attachment"),
        once("rows", INT, "maximum number of rows per page"),
        optional(
            "sameCallsPerMinute", INT, "how often the same call may be made; left out = no limit"
        ),
    ),
)
ACCOUNT: Final = message(
    "Account",
    "What the account of the credentials may do.",
    (
        once("partner", STRING, "code of its partner"),
        once("login", STRING, "the login"),
        once("access", ACCESS, "all tickets, or the partner's own"),
        once("readOnly", BOOLEAN, "whether the account is read-only"),
        once("internal", BOOLEAN, "whether the account reads internal entries of others"),
        once("contractYear", INT, "year of the GGUS contract used for answers"),
        many("sites", STRING, "keys of the sites for which the account accepts or refuses changes"),
        once("limits", LIMITS, "limits of requests and answers"),
    ),
)

EVENT_REPORT: Final = message(
    "EventReport",
    "Data reported for one network event. The first report needs a link or site, a state and a "
    "start; a later one closes or corrects the event, and omitted fields stay unchanged.",
    (
        once(
            "source",
            text_of(EVENT_LIMITS["source"]),
            "the reporting system; one of the partner's own",
        ),
        once("sourceId", TEXT, "that system's id of the event"),
        optional("link", TEXT, "the link's id"),
        optional("site", TEXT, "any name of the site"),
        optional("state", EVENT_STATE, "down, degraded or unmonitored"),
        optional("start", ZONED_TIME, "start time, with time zone"),
        optional("end", ZONED_TIME, "end time, with time zone; a new event without it is ongoing"),
        optional("goesOn", BOOLEAN, "true: ongoing, even if an end was reported"),
        optional("layer", LAYER, "network layer; default unknown"),
        optional("detail", LONG_TEXT, "other details"),
    ),
)
EVENT_PROBLEM: Final = message(
    "EventProblem",
    "What is wrong with one of the events.",
    (
        once("index", INT, "position in the request, from 0"),
        once("field", STRING, "the wrong field"),
        once("allowed", STRING, "what is allowed"),
    ),
)
EVENT_PROBLEMS: Final = message(
    "EventProblems",
    "The detail of fault 310 of ReportEvents: nothing was stored.",
    (many("problems", EVENT_PROBLEM, "all problems"),),
)

ID: Final = once("number", INT, "the ticket's number")
AUTHOR: Final = optional(
    "author", TEXT, "the person who writes, shown as author; default: the login"
)
WRITTEN: Final = (
    ID,
    once("version", INT, "the version after the call"),
)
"""What answers a write on a ticket."""
