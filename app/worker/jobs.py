"""Job functions by name, for ``app.jobs.services.queue.enqueue``.

A job function raises an exception on failure; the job is then retried with growing pauses and given
up after ten attempts. It must be safe to repeat: it may run again after its worker was killed.
"""

from __future__ import annotations

from typing import Final

from app.events.services.import_runs import JOB as EVENT_IMPORT
from app.events.services.withdrawal import JOB as EVENT_WITHDRAWAL
from app.events.tasks.imports import import_events, withdraw_events
from app.exchange.rules.budget import Turns
from app.exchange.services.comparisons import JOB as COMPARISON
from app.exchange.services.connections.connection_tests import JOB as CONNECTION_TEST
from app.exchange.services.endings import END_PAIRS
from app.exchange.services.hints import READ_PARTNER, READ_TICKET
from app.exchange.services.incoming_mails import JOB as INCOMING_MAIL
from app.exchange.services.planning import BEGIN_OPEN, LANE_JOB, WAKE
from app.exchange.services.planning import JOB as EXCHANGE
from app.exchange.tasks.comparisons import Comparisons
from app.exchange.tasks.connection_tests import test_connection
from app.exchange.tasks.deliveries import Deliveries, begin_open, end_pairs, take_up
from app.exchange.tasks.incoming_mails import take_mail
from app.exchange.tasks.partner_reading import PartnerReader
from app.exchange.tasks.systems import open_system
from app.meetings.services.packs import JOB as MEETING_PACK
from app.meetings.tasks.packs import make_pack
from app.notices.services.notices import JOB as CARRIER_NOTICE
from app.notices.tasks.carriers import read_notice
from app.registry.services.name_changes import JOB as NAMES_IN_SEARCH
from app.tickets.tasks.search_names import follow_names
from app.worker.child import JobFunction, in_child

_turns = Turns()
_deliveries, _reader = (
    Deliveries(open_system, turns=_turns),
    PartnerReader(open_system, turns=_turns),
)
JOBS: Final[dict[str, JobFunction]] = {
    NAMES_IN_SEARCH: follow_names,
    EVENT_IMPORT: import_events,
    EVENT_WITHDRAWAL: withdraw_events,
    MEETING_PACK: in_child(make_pack),
    EXCHANGE: take_up,
    LANE_JOB: _deliveries.deliver_lane,
    BEGIN_OPEN: begin_open,
    END_PAIRS: end_pairs,
    WAKE: _deliveries.wake,
    READ_PARTNER: _reader.read_partner,
    COMPARISON: Comparisons(_reader).compare,
    READ_TICKET: _reader.read_ticket,
    CONNECTION_TEST: test_connection,
    INCOMING_MAIL: take_mail,
    CARRIER_NOTICE: read_notice,
}
