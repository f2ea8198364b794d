"""The messages of the native service, as Spyne's typed models, with the meaning of every field.

Fields bear the names that they have in the change log and in the portal, in camel case. A field of
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
        once("password", STRING, "one of its live secrets"),
        optional("authentication", STRING, "ignored"),
        optional("locale", STRING, "ignored"),
        optional("timeZone", STRING, "ignored: every time has its zone, or is UTC"),
    ),
)

REFERENCE: Final = message(
    "Reference",
    "A ticket's number in another system.",
    (
        once("provider", TEXT, "who keeps that system; a partner's own code is its own"),
        once("reference", TEXT, "the number there"),
        optional("url", TEXT, "where it can be read"),
        optional("kind", REFERENCE_KIND, "target, incident or other (default)"),
    ),
)
SUBMITTER: Final = message(
    "Submitter",
    "Who reported; mail and phone are answered to the partner that sent them only.",
    (
        optional("name", TEXT, "name of the person or service"),
        optional("mail", TEXT, "mail address"),
        optional("login", TEXT, "login name there"),
        optional("phone", TEXT, "phone number"),
    ),
)
RELATION: Final = message(
    "Relation",
    "Another ticket as this one sees it.",
    (
        once("role", ROLE, "what the other ticket is to this one"),
        once("number", INT, "the other ticket's number"),
    ),
)


_ALONE: Final = ("title", "description", "state", "carbon_copy", "solution", *ENTRIES)
"""Fields with places of their own in the messages."""
_OTHERS: Final = tuple(field for field in FIELDS if field.meaning and field.name not in _ALONE)
_CHOSEN: Final = tuple(field.name for field in _OTHERS if field.choices is not None)
_PLAIN: Final = tuple(field.name for field in _OTHERS if field.choices is None)
_AT_CREATION: Final = {
    "network": "that of the links, else LHCONE if the title says so, else LHCOPN",
    "experiment_specific": "false",
}
"""What a field is that a new ticket does not state, where it is not the usual value itself."""
_ANSWERED: Final = {
    "description": "the whole story, never cut",
    "priority": "GGUS's priorities",
    "related_issue": "a URL; old tickets may hold any text",
    "carbon_copy": "addresses that get the ticket's mails",
    "solution": "how it was solved, never cut",
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
        optional("state", STATE, "one of the ticket's moves")
        if change
        else optional("state", CREATION_STATE, "new (default) or assigned"),
        *_stated(_CHOSEN, change=change),
        Member(
            "links",
            TEXT,
            several,
            "ids of the affected links"
            + at_creation("where none is sent, ids in title and description are recognised"),
        ),
        Member(
            "sites",
            TEXT,
            several,
            "any names of the affected sites; unknown ones are kept as text"
            + at_creation("where none is sent, a site in the title is recognised"),
        ),
        Member(
            "askedSites",
            TEXT,
            several,
            "any names of the sites that must accept this change"
            + at_creation("default the affected sites and the ends of the links"),
        ),
        *_stated(_PLAIN, change=change),
        Member(
            "references",
            REFERENCE,
            several,
            "numbers in other systems" + ("; they replace all that stand" if change else ""),
        ),
        *_stated(("carbon_copy", "solution", *ENTRIES), change=change),
    ]
    return members if change else [*members, optional("submitter", SUBMITTER, "who reported")]


NEW_TICKET: Final = message(
    "NewTicket", "What is stated of a ticket when it is created.", _content(change=False)
)
TICKET_CHANGE: Final = message(
    "TicketChange",
    "What changes: absent = keep; nil or empty = clear, where the field is nillable.",
    _content(change=True),
)

AFFECTED_LINK: Final = message(
    "AffectedLink",
    "A link that the ticket affects.",
    (
        once("name", STRING, "its id"),
        once("endA", STRING, "key of the site at one end"),
        once("endB", STRING, "key of the site at the other end"),
        once("recognised", BOOLEAN, "found in the ticket's texts, not chosen by anyone"),
    ),
)
AFFECTED_SITE: Final = message(
    "AffectedSite",
    "A site that the ticket affects.",
    (
        optional("key", STRING, "its LHCOPN name; left out where nobody knows the name"),
        once("name", STRING, "the name that this partner sent, else as it was first sent"),
        once("recognised", BOOLEAN, "found in the ticket's title, not chosen by anyone"),
    ),
)
ORIGIN: Final = message(
    "Origin",
    "The partner that created the ticket.",
    (
        once("partner", STRING, "its code"),
        optional("id", STRING, "the ticket's number there, as GHD_Origin_ID said"),
    ),
)
ATTACHMENT: Final = message(
    "Attachment",
    "What is known of a file at the ticket.",
    (
        once("id", STRING, "ATT and a number"),
        once("name", STRING, "the file's name, cleaned"),
        once("size", INT, "bytes"),
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
        once("internal", BOOLEAN, "of the internal diary"),
        once("text", STRING, "the entry, whole"),
    ),
)

ACKNOWLEDGEMENT: Final = message(
    "Acknowledgement",
    "A site that is asked to accept this change, and its newest answer.",
    (
        once("site", STRING, "the site's key"),
        optional("answer", ANSWER, "left out while it is missing"),
        optional("reason", STRING, "why"),
        optional("at", TIME, "when it was answered"),
        optional("author", STRING, "who answered"),
        once("outdated", BOOLEAN, "links, sites or times were changed after this answer"),
    ),
)

TICKET: Final = message(
    "Ticket",
    "A ticket as this account may read it.",
    (
        once("number", INT, "its number, one sequence for the whole portal"),
        once("version", INT, "raised with each change; UpdateTicket states it"),
        *_answered("title", "description", "state"),
        many("moves", STATE, "the states to which this account may move it now"),
        *_answered(*_CHOSEN),
        many("links", AFFECTED_LINK, "affected links, the first one first"),
        many("sites", AFFECTED_SITE, "affected sites, the first one first"),
        optional("responsibleSite", STRING, "key of the responsible site"),
        *_answered(*_PLAIN),
        many("references", REFERENCE, "numbers in other systems"),
        *_answered("carbon_copy", "solution"),
        optional("submitter", SUBMITTER, "who reported"),
        optional("origin", ORIGIN, "the partner that created it"),
        many("relations", RELATION, "tickets bound to it that this account may read"),
        many("acknowledgements", ACKNOWLEDGEMENT, "sites asked to accept this change, by key"),
        many("attachments", ATTACHMENT, "its files, oldest first"),
        many("diary", ENTRY, "the entries that this account may read, oldest first"),
        optional(
            "olderEntries",
            INT,
            "how many older entries are left out of an answer that would be too large; GetHistory"
            " has them",
        ),
        once("created", TIME, "when it was created"),
        once("changed", TIME, "when it was last changed; strictly increasing"),
        optional("ended", TIME, "when it was solved or given up; left out while it is open"),
        once("lastAuthor", STRING, "who changed it last"),
    ),
)
FILTER: Final = message(
    "TicketFilter",
    "Which tickets are found. Several values of one field are alternatives, fields are all"
    " required, and no field at all finds every ticket.",
    (
        optional("text", TEXT, "words of its texts, comments and names, or a number"),
        many("states", FOUND_STATE, "states; open and closed stand for every open or closed one"),
        many("networks", NETWORK, "networks"),
        many("categories", choice_of(Category), "categories"),
        many("layers", LAYER, "layers"),
        many("priorities", choice_of(Priority), "priorities"),
        many("links", TEXT, "ids of affected links"),
        many("sites", TEXT, "any names of affected sites"),
        many("responsible", TEXT, "any names of responsible sites"),
        many("units", TEXT, "units"),
        optional("createdFrom", DATE, "first day of creation, UTC"),
        optional("createdTo", DATE, "last day of creation, UTC"),
    ),
)
FOUND_TICKET: Final = message(
    "FoundTicket",
    "A ticket in a list; GetTicket answers the rest.",
    (
        once("number", INT, "its number"),
        once("version", INT, "its version"),
        *_answered("title", "state", *_CHOSEN),
        many("links", STRING, "ids of the affected links"),
        many("sites", STRING, "keys of the affected sites, or names that nobody knows"),
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
        once("currentVersion", INT, "the version to send with the next try"),
        once("ticket", TICKET, "the ticket as it is now"),
    ),
)

CHANGED_FIELD: Final = message(
    "ChangedField",
    "One field of one change; a value that is not set is left out.",
    (
        once("field", STRING, "its name"),
        optional("old", STRING, "before, as text; times in UTC, several values between '; '"),
        optional("new", STRING, "after"),
    ),
)
STEP: Final = message(
    "Step",
    "One change of the ticket, as this account may read it.",
    (
        once("version", INT, "the ticket's version after it; 1 = its creation"),
        once("at", TIME, "when"),
        once("author", STRING, "who is shown: the person, or what a partner says"),
        once("account", STRING, "login of the account that made it"),
        once("door", DOOR, "through which door it came"),
        many("fields", CHANGED_FIELD, "what changed"),
    ),
)
CHANGE: Final = message(
    "Change",
    "One change of one ticket, in the order of all changes.",
    (
        once("id", LONG, "its place in that order"),
        once("number", INT, "the ticket's number"),
        once("version", INT, "the ticket's version after it"),
        once("at", TIME, "when"),
        once("author", STRING, "who is shown"),
        once("account", STRING, "login of the account that made it"),
        once("door", DOOR, "through which door it came"),
        once("own", BOOLEAN, "made by an account of the asking partner"),
        many("fields", STRING, "names of the fields that changed"),
    ),
)

SITE_NAME: Final = message(
    "SiteName",
    "One name of a site.",
    (
        once("system", STRING, "LHCOPN, GOCDB, CRIC, NetSite or short"),
        once("name", STRING, "the name there"),
        optional("validFrom", DATE, "first day"),
        optional("validUntil", DATE, "first day on which it no longer was valid"),
    ),
)
SITE: Final = message(
    "Site",
    "A site of the LHCOPN.",
    (
        once("key", STRING, "its LHCOPN name"),
        once("country", STRING, "ISO 3166 code"),
        once("timeZone", STRING, "IANA name"),
        optional("tier", INT, "0 or 1 in this registry's own sense"),
        optional("tierSince", DATE, "first day as T0 or T1"),
        optional("tierUntil", DATE, "first day on which it no longer was T0 or T1"),
        many("names", SITE_NAME, "all its names"),
        once("sample", BOOLEAN, "its dates are a guess that nobody confirmed"),
    ),
)
LINK: Final = message(
    "Link",
    "A circuit between two sites.",
    (
        once("name", STRING, "its id"),
        once("network", NETWORK, "the network"),
        once("endA", STRING, "key of the site at one end"),
        once("endB", STRING, "key of the site at the other end"),
        once("role", STRING, "primary or backup"),
        optional("backsUp", STRING, "id of the link that it backs up"),
        once("responsibleSite", STRING, "key of the site that writes its tickets"),
        optional("bandwidthGbps", DOUBLE, "Gbit/s"),
        optional("validFrom", DATE, "first day"),
        optional("validUntil", DATE, "first day on which it no longer was valid"),
        once("sample", BOOLEAN, "sample data that no source confirms"),
    ),
)
LIMITS: Final = message(
    "Limits",
    "What a request or an answer may hold.",
    (
        once("requestBytes", INT, "largest request to this service"),
        once("attachmentBytes", INT, "largest attachment"),
        once("rows", INT, "most rows of a page"),
        optional("sameCallsPerMinute", INT, "how often the same call may be made; left out = ever"),
    ),
)
ACCOUNT: Final = message(
    "Account",
    "What the account of the credentials may do.",
    (
        once("partner", STRING, "code of its partner"),
        once("login", STRING, "its login"),
        once("access", ACCESS, "all tickets, or the partner's own"),
        once("readOnly", BOOLEAN, "it may not write"),
        once("internal", BOOLEAN, "it reads the internal entries of others"),
        once("contractYear", INT, "year of the GGUS contract that it is answered by"),
        many("sites", STRING, "keys of the sites in whose name it answers to changes"),
        once("limits", LIMITS, "what requests and answers may hold"),
    ),
)

EVENT_REPORT: Final = message(
    "EventReport",
    "Data reported for one network event. The first report needs a link or site, a state and a"
    " start; a later one closes or corrects the event, and fields that it omits stay unchanged.",
    (
        once("source", text_of(EVENT_LIMITS["source"]), "the system that reports; one of its own"),
        once("sourceId", TEXT, "that system's own id of the event"),
        optional("link", TEXT, "the link's id"),
        optional("site", TEXT, "any name of the site"),
        optional("state", EVENT_STATE, "down, degraded or unmonitored"),
        optional("start", ZONED_TIME, "when it began, with the zone"),
        optional("end", ZONED_TIME, "when it ended, with the zone; of a new event: default open"),
        optional("goesOn", BOOLEAN, "true: it has not ended, also where an end was reported"),
        optional("layer", LAYER, "where in the network; default unknown"),
        optional("detail", LONG_TEXT, "what else there is to say"),
    ),
)
EVENT_PROBLEM: Final = message(
    "EventProblem",
    "What is wrong with one of the events.",
    (
        once("index", INT, "its place in the request, from 0"),
        once("field", STRING, "the field at fault"),
        once("allowed", STRING, "what is allowed there"),
    ),
)
EVENT_PROBLEMS: Final = message(
    "EventProblems",
    "The detail of fault 310 of ReportEvents: nothing was stored.",
    (many("problems", EVENT_PROBLEM, "all that is wrong"),),
)

ID: Final = once("number", INT, "the ticket's number")
AUTHOR: Final = optional(
    "author", TEXT, "the person who writes, shown as author; default the login"
)
WRITTEN: Final = (
    ID,
    once("version", INT, "its version after the call"),
)
"""What answers a write on a ticket."""
