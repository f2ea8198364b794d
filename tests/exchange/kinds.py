"""Partners' systems of the kinds that are read, as a person there and somebody who compares see
them: the stand-ins of each kind with the same verbs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.demo.partner_system import StandIn
from app.exchange.adapters.http import JsonCaller
from app.exchange.adapters.kinds import kind_named
from app.exchange.adapters.rt.client import RequestTracker
from app.exchange.adapters.servicenow.client import ServiceNow
from app.exchange.adapters.zammad.client import Zammad
from app.exchange.rules.partner import PartnerSystem
from app.exchange.rules.profiles import Profile, ValueRow
from app.tickets.rules.marks import mark_of
from tests.exchange.adapters import servicenow_stand_in as servicenow
from tests.exchange.exchange_world import BEGIN, PROFILE, TOKEN
from tests.exchange.rt.stand_in import TOKENS, RequestTrackerStandIn
from tests.exchange.said import said_in

PRIORITIES = (
    *(ValueRow("less urgent", "less urgent"), ValueRow("normal", "less urgent", "out")),
    *(ValueRow("urgent", "urgent"), ValueRow("very urgent", "urgent", "out")),
    ValueRow("top priority", "top priority"),
)
STATES = (
    *(ValueRow("new", "new"), ValueRow("assigned", "open", "out"), ValueRow("in progress", "open")),
    *(ValueRow("reopened", "open", "out"), ValueRow("waiting for reply", "stalled")),
    *(
        ValueRow("on hold", "stalled", "out"),
        ValueRow("solved", "closed"),
        ValueRow("unsolved", "rejected"),
    ),
    *(ValueRow("verified", "closed", "out"), ValueRow("closed", "closed", "out")),
)
"""Words of a Zammad that has fewer than we."""


class There(ABC):
    """A partner's system. ``key``: the id of a ticket there."""

    kind: str
    login: str
    application: Any
    """The stand-in: a WSGI application."""
    profile: Profile
    values: Mapping[str, Sequence[str]]
    """What people there may set."""

    @abstractmethod
    def __init__(self, follow_ups: Mapping[str, str]) -> None:
        """``follow_ups``: what a text moves there, where that can be set."""
        self.clock: Callable[[], datetime] = lambda: BEGIN

    @abstractmethod
    def system(self, caller: JsonCaller, profile: Profile, now: datetime) -> PartnerSystem:
        """What speaks with it."""

    @abstractmethod
    def open(self, title: str, text: str) -> str:
        """Somebody there opens a ticket; its id."""

    @abstractmethod
    def say(self, key: str, text: str) -> None:
        """Somebody there writes a public text."""

    @abstractmethod
    def attach(self, key: str, name: str, content: bytes) -> None:
        """Somebody there adds a file."""

    @abstractmethod
    def set(self, key: str, **values: str) -> None:
        """Somebody there sets values, in the words of the map."""

    @abstractmethod
    def keys(self, number: int) -> Sequence[str]:
        """Their tickets that begin with our first entry of this ticket."""

    @abstractmethod
    def held(self, key: str) -> Mapping[str, str]:
        """The values that it has, in the words of the map."""

    @abstractmethod
    def texts(self, key: str) -> Counter[str]:
        """The public texts that stand there, without our marks."""

    @abstractmethod
    def files(self, key: str) -> Counter[str]:
        """The names of its files."""


def _begins(number: int, text: str) -> bool:
    mark = mark_of(text)
    return mark is not None and (mark.number, mark.sequence) == (number, 1)


class ZammadThere(There):
    """A Zammad. ``follow_ups``: what a text moves there."""

    kind, login = "zammad", f"Token token={TOKEN}"
    profile = replace(PROFILE, maps={"state": STATES, "priority": PRIORITIES})
    values: Mapping[str, Sequence[str]] = {
        "state": ("new", "open", "stalled", "closed", "rejected"),
        "priority": ("less urgent", "urgent", "top priority"),
    }

    def __init__(self, follow_ups: Mapping[str, str]) -> None:
        super().__init__(follow_ups)
        self.application = StandIn(TOKEN, now=lambda: self.clock())
        self.application.states = (*self.values["state"], "merged", "assigned")
        self.application.follow_ups = follow_ups

    def system(self, caller: JsonCaller, profile: Profile, now: datetime) -> PartnerSystem:
        return Zammad(caller, profile, now)

    def open(self, title: str, text: str) -> str:
        key = self.application.open(title, text, group=self.profile.group)
        self.application.tickets[key].state = "new"
        return str(key)

    def say(self, key: str, text: str) -> None:
        self.application.comment(int(key), text)

    def attach(self, key: str, name: str, content: bytes) -> None:
        self.application.attach(int(key), name, content)

    def set(self, key: str, **values: str) -> None:
        self.application.change(int(key), **values)

    def keys(self, number: int) -> Sequence[str]:
        tickets = self.application.tickets.items()
        return [str(key) for key, one in tickets if _begins(number, one.articles[0]["body"])]

    def held(self, key: str) -> Mapping[str, str]:
        ticket = self.application.tickets[int(key)]
        return {"state": ticket.state, "priority": ticket.priority}

    def texts(self, key: str) -> Counter[str]:
        articles = self.application.tickets[int(key)].articles
        return Counter(filter(None, (said_in(one["body"]) for one in articles)))

    def files(self, key: str) -> Counter[str]:
        articles = self.application.tickets[int(key)].articles
        return Counter(file["filename"] for one in articles for file in one["attachments"])


class RtThere(There):
    """A Request Tracker with the rules that it has as delivered."""

    kind, login = "rt", f"token {TOKENS['lhcopn']}"
    profile = replace(kind_named("rt").profile, group="Network", tickets=PROFILE.tickets)
    values: Mapping[str, Sequence[str]] = {
        "state": ("new", "open", "stalled", "resolved", "rejected")
    }

    def __init__(self, follow_ups: Mapping[str, str]) -> None:
        super().__init__(follow_ups)
        self.application = RequestTrackerStandIn(now=lambda: self.clock())

    def system(self, caller: JsonCaller, profile: Profile, now: datetime) -> PartnerSystem:
        return RequestTracker(caller, profile, now, "lhcopn")

    def open(self, title: str, text: str) -> str:
        body = {"Queue": self.profile.group, "Subject": title, "Content": text}
        return str(self.application.ask("POST ticket", body)["id"])

    def say(self, key: str, text: str) -> None:
        self.application.ask(f"POST ticket/{key}/correspond", {"Content": text})

    def attach(self, key: str, name: str, content: bytes) -> None:
        kind, told = "application/octet-stream", b64encode(content).decode()
        file = {"FileName": name, "FileType": kind, "FileContent": told}
        body = {"Content": "", "Attachments": [file]}
        self.application.ask(f"POST ticket/{key}/correspond", body)

    def set(self, key: str, **values: str) -> None:
        self.application.ask(f"PUT ticket/{key}", {"Status": values["state"]})

    def keys(self, number: int) -> Sequence[str]:
        tickets = self.application.tickets
        firsts = {key: next(iter(self._said(str(key))), "") for key in tickets}
        return [str(key) for key, text in firsts.items() if _begins(number, text)]

    def held(self, key: str) -> Mapping[str, str]:
        return {"state": self.application.tickets[int(key)].status}

    def texts(self, key: str) -> Counter[str]:
        return Counter(filter(None, map(said_in, self._said(key))))

    def files(self, key: str) -> Counter[str]:
        return Counter(one["Filename"] for one in self._parts(key) if one["Filename"])

    def _said(self, key: str) -> Sequence[str]:
        return [one["content"].decode() for one in self._parts(key) if not one["Filename"]]

    def _parts(self, key: str) -> Sequence[Mapping[str, Any]]:
        own = {one["id"] for one in self.application.transactions if str(one["ticket"]) == key}
        return [one for one in self.application.parts if one["TransactionId"] in own]


class ServiceNowThere(There):
    """A ServiceNow. It has no history that our account may read."""

    kind = "servicenow"
    login = f"Basic {b64encode(f'{servicenow.LOGIN}:{servicenow.PASSWORD}'.encode()).decode()}"
    profile = replace(kind_named("servicenow").profile, group="Network", tickets=PROFILE.tickets)
    values: Mapping[str, Sequence[str]] = {
        "state": ("1", "2", "3", "6:Solution provided", "6:No resolution provided", "7", "8"),
        "priority": ("1", "2", "3"),
        "impact": ("1", "2", "3"),
    }

    def __init__(self, follow_ups: Mapping[str, str]) -> None:
        super().__init__(follow_ups)
        self.application = servicenow.ServiceNowStandIn(now=lambda: self.clock())

    def system(self, caller: JsonCaller, profile: Profile, now: datetime) -> PartnerSystem:
        return ServiceNow(caller, profile, now, servicenow.LOGIN)

    def open(self, title: str, text: str) -> str:
        return str(self.application.open(title, text))

    def say(self, key: str, text: str) -> None:
        self.application.write(key, comments=text)

    def attach(self, key: str, name: str, content: bytes) -> None:
        self.application.attach(key, name, content)

    def set(self, key: str, **values: str) -> None:
        names = {"state": "state", "priority": "urgency", "impact": "impact"}
        fields = {names[name]: value for name, value in values.items()}
        fields["state"], _, code = fields.get("state", self._row(key)["state"]).partition(":")
        if fields["state"] in ("6", "7"):
            fields |= {"close_code": code or "Solution provided", "close_notes": "Done."}
        self.application.write(key, **fields)

    def keys(self, number: int) -> Sequence[str]:
        rows = self.application.tables["incident"]
        return [one["sys_id"] for one in rows if _begins(number, one["description"])]

    def held(self, key: str) -> Mapping[str, str]:
        row = self._row(key)
        coded = f"{row['state']}:{row['close_code']}"
        has_row = self.profile.map_of("state").ours_of(coded.casefold()) is not None
        state = coded if has_row else row["state"]
        return {"state": state, "priority": row["urgency"], "impact": row["impact"]}

    def texts(self, key: str) -> Counter[str]:
        said = [self._row(key)["description"], *self.application.said(key, "comments")]
        texts, names = map(said_in, said), self.files(key)
        return Counter(text for text in texts if text not in names)  # a file's, named there

    def files(self, key: str) -> Counter[str]:
        rows = self.application.tables["sys_attachment"]
        return Counter(one["file_name"] for one in rows if one["table_sys_id"] == key)

    def _row(self, key: str) -> Mapping[str, str]:
        row: Mapping[str, str] = self.application.incident(key)
        return row


KINDS: Sequence[type[There]] = (ZammadThere, RtThere, ServiceNowThere)
