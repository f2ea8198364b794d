"""Answers of TicketGet that are kept as bytes while what they say is unchanged.

Guard, envelope, credentials and the right to read are checked at each call as without it; only
reading all of the ticket and writing XML are left out. What an answer depends on is read from the
database at each call, so that a change by any process is seen by the next call of every other.
``docs/adr/0007-kept-answers.md`` has the reasons. Setting: KEPT_ANSWERS. It must not know Spyne.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from app.domain.query import read_page
from app.services.ticket_versions import version_of_ticket
from soap_service.dispatch import Call
from soap_service.envelope import Request
from soap_service.fields import GGUS
from soap_service.tickets import ticket_number

BOUND: Final = 32 * 1024 * 1024
"""Bytes of all kept answers of one process."""
_OVERHEAD: Final = 1024
"""Bytes that one kept answer takes beside its own."""
_KEPT: Final = tuple(GGUS.operation(name) for name in ("TicketGet", "OpGet"))

Key = tuple[object, ...]


class KeptAnswers:
    """The kept answers of one process, the longest unused ones given up first."""

    def __init__(self, bound: int = BOUND) -> None:
        self._bound = bound
        self._size = 0
        self._answers: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def answer(self, call: Call, request: Request, carry_out: Callable[[], bytes]) -> bytes:
        """The kept answer to this call, or what ``carry_out`` gives, kept if that is possible.

        Raises what ``carry_out`` raises.
        """
        key = _key(call, request)
        if key is None:
            return carry_out()
        kept = self._find(key)
        if kept is not None:
            return kept
        answer = carry_out()
        if _key(call, request) == key:  # else it changed while it was read
            self._keep(key, answer)
        return answer

    @property
    def size(self) -> int:
        """Bytes that the kept answers take, about."""
        return self._size

    def _find(self, key: Key) -> bytes | None:
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def _keep(self, key: Key, answer: bytes) -> None:
        with self._lock:
            if key in self._answers:
                return
            self._answers[key] = answer
            self._size += len(answer) + _OVERHEAD
            while self._size > self._bound:
                _, old = self._answers.popitem(last=False)
                self._size -= len(old) + _OVERHEAD


def _key(call: Call, request: Request) -> Key | None:
    """All that the answer depends on; None where it is no ticket that may be read, or a fault."""
    if not any(request.operation is operation for operation in _KEPT):
        return None
    sent = request.values()
    page = read_page(sent.get("startRecord"), sent.get("maxLimit"), default_limit=1)
    if page.start > 0:
        return None
    number = ticket_number(sent)
    actor = call.actor
    version = version_of_ticket(call.session, actor, number)
    if version is None:
        return None
    account = (actor.partner_id, actor.internal, actor.contract_year)
    return (request.operation.name, number, call.public_url, *account, *version)
