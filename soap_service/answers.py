"""Answers of TicketGet and rows of TicketGetList, kept as bytes while what they say is unchanged.

Guard, envelope, credentials and the right to read are checked at each call as without it; only
reading all of the ticket and writing XML are left out. What an answer depends on is read from the
database at each call, so that a change by any process is seen by the next call of every other.
``docs/adr/0007-kept-answers.md`` has the reasons. Setting: KEPT_ANSWERS. It must not know Spyne.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from threading import Lock
from typing import Final

from sqlalchemy import Connection

from app.core.rules.access import Actor
from app.core.rules.errors import NotFound
from app.tickets.rules.query import read_page
from app.tickets.services.versions import Version, version_of_ticket, versions_of_tickets
from soap_service.dispatch import Call
from soap_service.envelope import Request
from soap_service.fields import GGUS, ROW
from soap_service.tickets import listed, ticket_number

BOUND: Final = 32 * 1024 * 1024
"""Bytes of all kept answers of one process."""
_OVERHEAD: Final = 1024
"""Bytes that one kept answer takes beside its own."""
MADE_AT_ONCE: Final = 500
"""Rows of a list that are objects and a tree at a time: they take many times their bytes."""
_ONE: Final = tuple(GGUS.operation(name) for name in ("TicketGet", "OpGet"))
_LISTS: Final = tuple(GGUS.operation(name) for name in ("TicketGetList", "OpGetList"))
_ROW: Final = f"<ns0:{ROW}>".encode()
_ROW_END: Final = f"</ns0:{ROW}>".encode()

Key = tuple[object, ...]
CarryOut = Callable[[Call], bytes]


class KeptAnswers:
    """The kept answers and rows of one process, the longest unused ones given up first."""

    def __init__(self, bound: int = BOUND, at_once: int = MADE_AT_ONCE) -> None:
        self._bound = bound
        self._at_once = at_once
        self._size = 0
        self._answers: OrderedDict[Key, bytes] = OrderedDict()
        self._frames: dict[str, tuple[bytes, bytes]] = {}
        """How each operation's list begins and ends."""
        self._lock = Lock()

    def answer(self, call: Call, request: Request, carry_out: CarryOut) -> bytes:
        """The answer to this call, of kept rows as far as there are, else by ``carry_out``.

        What ``found`` finds was looked for before. Raises what ``carry_out`` raises.
        """
        if _asks_for_one(request):
            return self._one(call, request, carry_out)
        if any(request.operation is operation for operation in _LISTS):
            return self._list(call, request, carry_out)
        return carry_out(call)

    def found(
        self, connection: Connection, actor: Actor, request: Request, public_url: str
    ) -> bytes | None:
        """The kept answer about one ticket, if there is one and it is as it would be made now."""
        if not _asks_for_one(request):
            return None
        number = _only_ticket(request)
        version = version_of_ticket(connection, actor, number) if number is not None else None
        if number is None or version is None:
            return None
        key = _key(actor, public_url, request, number, version)
        return self._find([key]).get(key)

    def _one(self, call: Call, request: Request, carry_out: CarryOut) -> bytes:
        """Make an answer that was not found, and keep it."""
        number = _only_ticket(request)
        if number is None:
            return carry_out(call)
        connection = call.session.connection()
        version = version_of_ticket(connection, call.actor, number)
        answer = carry_out(call)
        if version is not None and version_of_ticket(connection, call.actor, number) == version:
            # else it changed while it was read
            self._keep({_key(call.actor, call.public_url, request, number, version): answer})
        return answer

    def _list(self, call: Call, request: Request, carry_out: CarryOut) -> bytes:
        versions = versions_of_tickets(call.session, call.actor, listed(call, request.values()))
        keys = {
            number: _key(call.actor, call.public_url, request, number, version)
            for number, version in versions.items()
        }
        rows = self._find(keys.values())
        missing = tuple(number for number, key in keys.items() if key not in rows)
        if not versions:
            return carry_out(call)
        if missing:
            made: list[bytes] = []
            try:
                for first in range(0, len(missing), self._at_once):
                    only = missing[first : first + self._at_once]
                    begin, rows_of_some, end = _cut(carry_out(replace(call, only=only)))
                    made += rows_of_some
            except NotFound:
                made = []
            if len(made) != len(missing):  # what it may read changed in between
                return carry_out(call)
            self._frames[request.operation.name] = begin, end
            new = dict(zip(missing, made, strict=True))
            rows |= {keys[number]: row for number, row in new.items()}
            again = versions_of_tickets(call.session, call.actor, missing)
            self._keep({keys[n]: row for n, row in new.items() if again.get(n) == versions[n]})
        begin, end = self._frames[request.operation.name]
        return begin + b"".join(rows[key] for key in keys.values()) + end

    @property
    def size(self) -> int:
        """Bytes that the kept answers take, about."""
        return self._size

    def _find(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """What is kept of these."""
        found = {}
        with self._lock:
            for key in keys:
                answer = self._answers.get(key)
                if answer is not None:
                    self._answers.move_to_end(key)
                    found[key] = answer
        return found

    def _keep(self, new: Mapping[Key, bytes]) -> None:
        with self._lock:
            for key, answer in new.items():
                if key not in self._answers:
                    self._answers[key] = answer
                    self._size += len(answer) + _OVERHEAD
            while self._size > self._bound:
                _, old = self._answers.popitem(last=False)
                self._size -= len(old) + _OVERHEAD


def _asks_for_one(request: Request) -> bool:
    return any(request.operation is operation for operation in _ONE)


def _only_ticket(request: Request) -> int | None:
    """The number of the ticket that is asked for; None for a page behind it."""
    sent = request.values()
    page = read_page(sent.get("startRecord"), sent.get("maxLimit"), default_limit=1)
    number = ticket_number(sent)
    return number if page.start == 0 else None


def _key(actor: Actor, public_url: str, request: Request, number: int, version: Version) -> Key:
    """All that an answer about one ticket depends on."""
    account = (actor.partner_id, actor.internal, actor.contract_year)
    return (request.operation.name, number, public_url, *account, *version)


def _cut(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """A list's bytes as what is before its rows, the rows, and what is behind them.

    In texts ``<`` is written ``&lt;``, so the tags of rows are found by their bytes.
    """
    begin, *parts = answer.split(_ROW)
    last, end_tag, end = parts[-1].rpartition(_ROW_END)
    return begin, [_ROW + part for part in (*parts[:-1], last + end_tag)], end
