"""The portal on which the permission table is tried, and the records that one cell works on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pyotp
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import AccountSecret
from app.accounts.models.people import ApiToken, Login
from app.accounts.models.sign_on import Identity
from app.accounts.rules.passkeys import RelyingParty
from app.accounts.rules.sign_on import Claimed
from app.accounts.services import passkeys, second_factor
from app.accounts.services.identities import identity_of, link
from app.accounts.services.logins import live_login
from app.accounts.services.partners import (
    add_secret,
    create_partner_account,
    disable_account,
    find_account,
    live_secrets,
)
from app.accounts.services.passkeys import Purpose
from app.accounts.services.people import (
    actor_of_user,
    create_user,
    disable_user,
    find_user,
    start_login,
)
from app.accounts.services.reset_links import make_reset_link
from app.accounts.services.tokens import (
    create_own_token,
    create_token,
    end_token,
    find_token,
    rotate_token,
)
from app.calendar.services.feeds import make_feed
from app.calendar.services.lhc_calendar import add_period
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.changes import Change
from app.core.rules.access import Actor, Writer
from app.core.rules.errors import NotFound
from app.core.rules.quarters import Quarter
from app.core.web.packed_file import packed
from app.duties.models.duties import DutyRule
from app.duties.rules.duties import R2009
from app.duties.services.rules import compose_rule, put_in_force
from app.events.models.imports import EventImport, EventsOfImport
from app.events.rules.events import EventMessage
from app.events.rules.file_reading import EventFileOptions
from app.events.services.events import report_events
from app.events.services.import_runs import keep_import, new_import
from app.events.services.sources import set_source
from app.events.services.withdrawal import withdraw_event
from app.exchange.models.connections import Connection, ExchangeCall
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.rules.entries import EntryState
from app.exchange.rules.profiles import Profile
from app.exchange.services.connections.connections import set_profile
from app.exchange.services.connections.secrets import LOGIN
from app.exchange.services.connections.secrets import add_secret as seal_secret
from app.exchange.services.connections.secrets import live_secrets as live_connection_secrets
from app.exchange.services.endings import end_exchange
from app.jobs.rules.work import TIDY
from app.jobs.services.timed_work import know_timed_work
from app.mail.models.mails import Mail, MailNotification
from app.mail.rules.notifications import Happened, Notification, stop_token
from app.mail.services.choices import stop_mails
from app.matching.services.by_hand import link_by_hand
from app.meetings.models.teleconferences import Teleconference
from app.meetings.rules.packs import PackFile
from app.meetings.services.packs import keep_pack, order_pack
from app.meetings.services.series import cancel_series, current_pause, resume_series
from app.meetings.services.teleconferences import (
    Asked,
    Setting,
    add_point,
    ask,
    join,
    leave,
    set_time,
)
from app.names.services.name_decisions import make_alias
from app.names.services.unresolved import NameKind
from app.notices.adapters.files import read
from app.notices.rules.carriers import carrier_reading
from app.notices.services.carriers import confirm, list_trusts, take_reading
from app.notices.services.decisions import dismiss, make_ticket
from app.notices.services.notices import take_in
from app.registry.models.registry import Proposal, Site, SiteContact, SiteName
from app.registry.services.cric import refuse_proposal
from app.registry.services.links import create_link
from app.registry.services.registry import find_site, require_links
from app.registry.services.sites import create_site, site_of_key
from app.reports.models.reports import Report
from app.reports.services import form_drafts as report_form_drafts
from app.reports.services.attachments import attach_to_report
from app.reports.services.numbers import numbers_of
from app.reports.services.reminder_exemptions import mute_reminders
from app.reports.services.reports import (
    accept_report,
    find_report,
    reopen_report,
    save_fields,
    submit_report,
)
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import RelationRole
from app.tickets.services.attachments import add_attachment
from app.tickets.services.bulk_changes import do_bulk_change
from app.tickets.services.lifecycle import change_ticket, note_difference, open_ticket
from app.tickets.services.lists.saved_filters import delete_filter, save_filter
from app.tickets.services.merging import merge_tickets
from app.tickets.services.relations import relate_tickets
from app.webhooks.models.webhooks import Webhook
from app.webhooks.services.secrets import live_secrets as live_webhook_secrets
from app.webhooks.services.secrets import make_secret
from app.webhooks.services.webhooks import delete_webhook
from tests import cric_sample
from tests.accounts.pages.test_login import log_in
from tests.carrier_answers import carrier_answer
from tests.cast import NOON, PASSWORD, SYSTEM, Cast, writer
from tests.exchange.seeded import SeededPair, seed_connection, seed_pair, seed_unpaired
from tests.harness.authenticator import ORIGIN, Authenticator
from tests.harness.jobs import seed_failed_job
from tests.harness.server import TEST_SECRET
from tests.harness.visitor import PageReader, Visitor
from tests.mails import SECRETARY
from tests.pages.permission_requests import QUESTION
from tests.webhooks.seeded import seed_messages, seed_webhook

NOTICES: Final = PROJECT / "tests/notices_sample"
SECRET_WORD: Final = "only for operators, this"
PORT_OF_NOBODY: Final = 9
ISSUER: Final = f"http://127.0.0.1:{PORT_OF_NOBODY}"


@dataclass
class World:
    """A portal with the cast, each of whom logs in through the form."""

    app: Flask
    session: Session
    cast: Cast
    passwords: dict[str, str] = field(default_factory=dict)
    visitors: dict[str, Visitor] = field(default_factory=dict)
    count: int = 0

    def visitor(self, who: str) -> Visitor:
        """A browser in which this person is logged in."""
        if not who:
            return Visitor(self.app)
        found = self.visitors.get(who)
        if found is None or not self._is_logged_in(found):
            found = self.visitors[who] = Visitor(self.app)
            password = self.passwords.setdefault(who, PASSWORD)
            assert log_in(found, who, password).status_code == 303
        found.renew_token()
        return found

    def _is_logged_in(self, visitor: Visitor) -> bool:
        with visitor.client.session_transaction() as cookie:
            login = cookie.get("_user_id", "")
        found = live_login(self.session, login, datetime.now(UTC))
        self.session.rollback()
        return found is not None

    def changes(self) -> int:
        """How many changes were written."""
        self.session.rollback()
        count = self.session.scalar(select(func.count()).select_from(Change)) or 0
        self.session.rollback()
        return count


class Things(dict[str, str]):
    """What one cell works on; each thing is made when it is first asked for."""

    def __init__(self, world: World, column: str) -> None:
        super().__init__()
        self.world, self.column = world, column
        self._making = False
        self.afterwards: list[Callable[[], object]] = []
        self.device = Authenticator()
        self.codes: list[str] = []
        self.person = {"own": "kit", "other": "kit", "nobody": ""}.get(column, column)
        world.count += 1

    def __missing__(self, name: str) -> str:
        # what is made for another thing is made in that one's transaction
        through_a_page = name in ("import_base",)
        with nullcontext() if self._making or through_a_page else transaction(self.world.session):
            outermost, self._making = not self._making, True
            try:
                self[name] = str(getattr(self, f"make_{name}")())
            finally:
                self._making = not outermost
        return self[name]

    def _open(self, by: Actor | None = None, **fields: Any) -> int:
        content = NewTicket(**{"title": "Link down", "sites": self._sites, **fields})
        by = by or self.world.cast.operator
        return open_ticket(self.world.session, writer(by), content).number

    @property
    def _sites(self) -> tuple[str, ...]:
        return {"own": ("DE-KIT",), "other": ("ES-PIC",)}.get(self.column, ())

    @property
    def _actor(self) -> Actor:
        actor = getattr(self.world.cast, self.person)
        assert isinstance(actor, Actor)
        return actor

    def make_ticket(self) -> int:
        """A ticket of somebody else."""
        return self._open()

    def make_written(self) -> int:
        """A ticket that the person wrote."""
        return self._open(self._actor)

    def _webhook(self, by: Actor) -> int:
        key, _secret = seed_webhook(self.world.session, writer(by))
        self.afterwards.append(lambda: self._forget_webhook(by, key))
        return key

    def _forget_webhook(self, by: Actor, key: int) -> None:
        """A person has only so many."""
        session = self.world.session
        with suppress(NotFound), transaction(session):
            delete_webhook(session, writer(by), key)

    def make_webhook(self) -> int:
        """A webhook of the person's own."""
        return self._webhook(self._actor if self.person else self.world.cast.reader)

    def make_anothers_webhook(self) -> int:
        """Somebody else's."""
        cast = self.world.cast
        return self._webhook(cast.pic if self.person != "pic" else cast.kit)

    def make_off_webhook(self) -> int:
        """One that is off."""
        webhook = self.world.session.get_one(Webhook, int(self["webhook"]))
        webhook.off_at, webhook.off_why = NOON, "person"
        return webhook.id

    def make_webhook_secret(self) -> int:
        """One of the webhook's two secrets."""
        webhook = self.world.session.get_one(Webhook, int(self["webhook"]))
        make_secret(self.world.session, webhook, NOON, TEST_SECRET.encode())
        return live_webhook_secrets(self.world.session, webhook)[0].id

    def make_webhook_message(self) -> int:
        """A message of the webhook."""
        return seed_messages(self.world.session, int(self["webhook"]), NOON)[0]

    def make_anothers_message(self) -> int:
        """A message of somebody else's."""
        return seed_messages(self.world.session, int(self["anothers_webhook"]), NOON)[0]

    def make_partner_code(self) -> str:
        """The code of a partner that is not known yet."""
        return f"EX-{self.world.count}"

    def _connect(self, **more: Any) -> Connection:
        connection = seed_connection(self.world.session, self["partner_code"], **more)
        self._end_afterwards(connection)
        return connection

    def _end_afterwards(self, connection: Connection) -> None:
        """Else each change of any later cell is planned for this connection as well."""
        session, key = self.world.session, connection.id

        def end() -> None:
            with transaction(session):
                session.get_one(Connection, key).ended_at = NOON

        self.afterwards.append(end)

    def make_connection(self) -> int:
        """A connection of a partner of its own."""
        return self._connect().id

    def make_paused_connection(self) -> int:
        """One that is paused."""
        return self._connect(paused=True).id

    def make_changed_connection(self) -> int:
        """One whose map has a second version."""
        connection = self._connect()
        changed = Profile(group="other").as_json()
        set_profile(self.world.session, writer(self.world.cast.admin), connection, changed)
        return connection.id

    def make_connection_secret(self) -> int:
        """A live secret of the connection."""
        connection = self.world.session.get_one(Connection, int(self["connection"]))
        by = writer(self.world.cast.admin)
        seal_secret(self.world.session, by, connection, LOGIN, "x", TEST_SECRET.encode())
        return live_connection_secrets(self.world.session, connection, LOGIN)[0].id

    def make_exchange_call(self) -> int:
        """A call of the connection."""
        call = ExchangeCall(
            connection_id=int(self["connection"]), at=NOON, what="GET /", milliseconds=1
        )
        self.world.session.add(call)
        self.world.session.flush()
        return call.id

    def make_map_file(self) -> str:
        """A map as a file."""
        return Profile(group=self["partner_code"]).as_json()

    def _seed_pair(self) -> SeededPair:
        seeded = seed_pair(self.world.session, self["partner_code"], int(self["ticket"]))
        self._end_afterwards(seeded.pair.connection)
        return seeded

    def make_pair(self) -> int:
        """A ticket whose exchange failed before theirs was created."""
        return self._seed_pair().pair.id

    def make_differing_pair(self) -> int:
        """A pair that a comparison found to differ."""
        pair = self._seed_pair().read(NOON).pair
        pair.differs_at = NOON
        return pair.id

    def make_ended_pair(self) -> int:
        """A pair whose exchange was ended."""
        session, pair = self.world.session, self._seed_pair().pair
        end_exchange(session, writer(self.world.cast.admin), pair.id, "x")
        return pair.id

    def make_connection_of_pair(self) -> int:
        """A connection with a ticket whose exchange failed."""
        return self._seed_pair().pair.connection_id

    def make_waiting_entry(self) -> int:
        """An entry that their system refused."""
        return self._seed_pair().waiting().id

    def make_unpaired(self) -> int:
        """A ticket there with our reference that is no pair's."""
        pair = self._seed_pair().pair
        return seed_unpaired(self.world.session, pair.connection, pair.ticket_number).id

    def make_skipped_entry(self) -> int:
        """An entry that was left out."""
        entry = self._seed_pair().waiting()
        entry.state = EntryState.SKIPPED
        return entry.id

    def make_asked_entry(self) -> int:
        """A value that both sides changed."""
        return self._seed_pair().asked().id

    def make_rule_day(self) -> date:
        """The first day of a rule of matching: later than all before it."""
        return date(2020, 1, 1) + timedelta(days=self.world.count)

    def make_event(self) -> int:
        """An event of a link of the reporter's site, or of another one."""
        link = "CERN-PIC-LHCOPN-001" if self.column == "other" else "CERN-GRIDKA-LHCOPN-001"
        message = EventMessage(
            *(0, "event 0", "test", f"{self.world.count}"),
            link=link,
            state="down",
            start=NOON,
            end=NOON + timedelta(hours=1),
        )
        by = writer(self.world.cast.operator, NOON + timedelta(hours=2))
        event_id = report_events(self.world.session, by, [message]).outcomes[0].event_id
        assert event_id is not None
        return event_id

    def make_withdrawn_event(self) -> int:
        """An event that was withdrawn."""
        event = int(self["event"])
        by = writer(self.world.cast.operator)
        withdraw_event(self.world.session, by, event, "It never was.")
        return event

    def make_event_file(self) -> str:
        """A file with one event."""
        row = f"file,{self.world.count},CERN-PIC-LHCOPN-001,down,2013-03-01T10:00:00Z"
        return f"source,source_id,link,state,start\n{row}\n"

    def make_event_import(self) -> int:
        """That file, gone through."""
        by, content = writer(self.world.cast.operator), self["event_file"].encode()
        row = new_import(by, "events.csv", content, EventFileOptions())
        keep_import(self.world.session, row, None)
        row.state, row.new = "read", 1
        return row.id

    def make_written_import(self) -> int:
        """An import that is done, with the event that it made."""
        number, event = int(self["event_import"]), int(self["event"])
        self.world.session.get_one(EventImport, number).state = "done"
        made = EventsOfImport(import_id=number, first_id=event, last_id=event)
        self.world.session.add(made)
        return number

    def make_pack(self) -> int:
        """A meeting pack that is made."""
        session, by = self.world.session, writer(self.world.cast.operator)
        given: dict[str, Any] = {"title": "Pack", "first": "2012-Q1", "last": "2012-Q2"}
        number = order_pack(session, by, slides=["matching"], **given).id
        keep_pack(session, by, number, {PackFile.PDF: b"%PDF-"}, pages=1, computed_at=None)
        return number

    def make_failed_pack(self) -> int:
        """A meeting pack whose making was given up."""
        session, by = self.world.session, writer(self.world.cast.operator)
        given: dict[str, Any] = {"title": "Pack", "first": "2012-Q1", "last": "2012-Q2"}
        pack = order_pack(session, by, slides=["matching"], **given)
        pack.state = "failed"
        return pack.id

    def make_t1_site(self) -> str:
        """A T1 whose contact for reports has an address."""
        site = Site(key=f"T1-{self.world.count}", country="DE", time_zone="UTC", tier=1)
        site.names = [SiteName(system="LHCOPN", name=site.key)]
        site.contacts = [SiteContact(role="reports", name="x", mail="reports@t1.example")]
        self.world.session.add(site)
        self.world.session.flush()
        return site.key

    def make_quiet(self) -> int:
        """An entry of the quiet list."""
        session, by = self.world.session, writer(self.world.cast.operator)
        return mute_reminders(
            session, by, site=site_of_key(session, self["t1_site"]), reason="x"
        ).id

    def make_event_source(self) -> int:
        """A source of events."""
        name, by = f"source-{self.world.count}", writer(self.world.cast.admin)
        return set_source(self.world.session, by, name, {}).id

    def make_decided_event(self) -> int:
        """An event about which an operator decided."""
        event, ticket = int(self["event"]), int(self["ticket"])
        by = writer(self.world.cast.operator)
        link_by_hand(self.world.session, by, event, ticket, "It is the same fault")
        return event

    def make_period(self) -> int:
        """A period of the LHC."""
        stated = {"name": f"Season {self.world.count}", "kind": "physics", "begin": "2031-03"}
        stated |= {"begin_standing": "sample", "end_standing": "sample"}
        return add_period(self.world.session, writer(self.world.cast.admin), stated).id

    def make_duty_rule(self) -> int:
        """A rule for when a ticket is to be written."""
        by, name = writer(self.world.cast.admin), f"Rule {self.world.count}"
        return compose_rule(self.world.session, by, name, "", R2009).id

    def make_duty_version(self) -> int:
        """Its version."""
        rule = self.world.session.get_one(DutyRule, int(self["duty_rule"]))
        return rule.versions[0].id

    def make_duty_force(self) -> int:
        """That it is in force."""
        by, version = writer(self.world.cast.admin), int(self["duty_version"])
        return put_in_force(self.world.session, by, version, NOON, "A try").id

    def make_report_draft(self) -> int:
        """A draft of the questions of quarterly reports."""
        return report_form_drafts.make_draft(self.world.session, self._portal).number

    def make_new_question(self) -> str:
        """The key of a question that only this draft asks."""
        number, by = int(self["report_draft"]), self._portal
        stated: dict[str, Any] = {**QUESTION, "label": self["new_name"], "choices": ()}
        stated |= {"is_required": False, "is_carried": False}
        return report_form_drafts.add_question(self.world.session, by, number, stated)[1].key

    def make_retired_question(self) -> str:
        """The key of a question that this draft asks no more."""
        number = int(self["report_draft"])
        report_form_drafts.retire_question(self.world.session, self._portal, number, "plans", 1)
        return "plans"

    def make_coming_quarter(self) -> str:
        """The quarter behind the running one."""
        return str(Quarter.of(datetime.now(UTC)).next)

    def make_published_form(self) -> int:
        """A form that is in use and that no report has."""
        number, first = int(self["report_draft"]), self["coming_quarter"]
        return report_form_drafts.publish(
            self.world.session, self._portal, number, first, "x", 1
        ).number

    def make_bulk_key(self) -> str:
        """A key as a preview holds it."""
        return f"{self.world.count:032}"

    def make_bulk(self) -> int:
        """A change of several tickets: the person's, or of somebody else."""
        cast = self.world.cast
        by = {"other": cast.pic, "reader": cast.operator, "nobody": cast.operator}
        return do_bulk_change(
            self.world.session,
            writer(by.get(self.column) or self._actor),
            self["bulk_key"],
            {int(self["ticket"]): 1},
            {"priority": "urgent"},
        ).id

    def _save_filter(self, by: Actor, *, shared: bool = False, deleted: bool = False) -> int:
        session, name = self.world.session, f"filter {self.world.count}"
        row = save_filter(session, writer(by), name, "", shared=shared)
        return delete_filter(session, writer(by), row.id).id if deleted else row.id

    def make_own_filter(self) -> int:
        """A saved filter of the person."""
        return self._save_filter(self._actor if self.person else self.world.cast.reader)

    def make_shared_filter(self) -> int:
        """A filter that somebody shares who is nobody of the table."""
        return self._save_filter(self._another("operator"), shared=True)

    def make_private_filter(self) -> int:
        """A filter that this somebody does not share."""
        return self._save_filter(self._another("operator"))

    def make_deleted_filter(self) -> int:
        """A filter that the person deleted."""
        by = self._actor if self.person else self.world.cast.reader
        return self._save_filter(by, deleted=True)

    def make_deleted_private_filter(self) -> int:
        """One that somebody else deleted."""
        return self._save_filter(self._another("operator"), deleted=True)

    def _another(self, role: str) -> Actor:
        name = f"somebody-{self.world.count}"
        user = create_user(self.world.session, SYSTEM, name, role, PASSWORD)
        return actor_of_user(user)

    def make_moved(self) -> int:
        """A ticket that the person has just moved, where it may; else an operator did."""
        number, may = self._open(), self.column in ("admin", "operator", "own")
        by = self._actor if may else self.world.cast.operator
        change_ticket(
            self.world.session, writer(by, datetime.now(UTC)), number, {"state": "on hold"}
        )
        return number

    def make_other(self) -> int:
        """Another ticket."""
        return self._open()

    def make_to_check(self) -> int:
        """A ticket that is to be checked: a repeated creation differed."""
        number = self._open()
        note_difference(self.world.session, writer(self.world.cast.ggus), number, "other title")
        return number

    def make_internal_ticket(self) -> int:
        """A ticket with an internal entry."""
        return self._open(internal_comment=SECRET_WORD)

    def make_mail(self) -> int:
        """A mail that a server refused."""
        number = self._open()
        change = self.world.session.scalar(select(func.max(Change.id)))
        told = Notification(number, "Link down", Happened.CREATED, "operator", NOON.isoformat())
        notification = MailNotification(change_id=change, content=told.as_text())
        address = f"mail-{self.world.count}@cc.example"
        mail = Mail(
            notification=notification,
            ticket_number=number,
            address=address,
            address_key=address,
            why="because you are in carbon copy",
            state="failed",
            created_at=NOON,
        )
        self.world.session.add(mail)
        self.world.session.flush()
        return mail.id

    def make_stop_token(self) -> str:
        """What proves that one got that mail."""
        mail = self.world.session.get_one(Mail, int(self["mail"]))
        return stop_token(TEST_SECRET.encode(), mail.id, mail.address_key)

    def make_used_token(self) -> str:
        """The same, after it stopped them."""
        token = self["stop_token"]
        stop_mails(self.world.session, TEST_SECRET.encode(), token, NOON, "")
        return token

    def make_new_choice(self) -> str:
        """Which mails the person wants from now on."""
        return ("digest", "never")[self.world.count % 2]

    def make_new_updates(self) -> str:
        """How the person's pages hear of changes from now on."""
        return ("poll", "off")[self.world.count % 2]

    def make_link(self) -> str:
        """A link of the reporter's site, or of another."""
        return f"CERN-{'PIC' if self.column == 'other' else 'GRIDKA'}-LHCOPN-001"

    def make_recognised(self) -> int:
        """A ticket on which that link was recognised."""
        return self._open(description=f"{self['link']} is dark")

    def make_related(self) -> int:
        """A ticket to which that one is related."""
        other = self._open()
        ticket = int(self["ticket"])
        relate_tickets(
            self.world.session,
            writer(self.world.cast.operator),
            ticket,
            RelationRole.RELATED,
            other,
        )
        return other

    def make_merged(self) -> int:
        """A ticket that was merged into that one."""
        other, by = self._open(), writer(self.world.cast.operator)
        merge_tickets(self.world.session, by, other, int(self["ticket"]))
        return other

    def make_change(self) -> int:
        """A change to which a site is asked to answer."""
        return self._open(category="change", sites=(self["site"],))

    def make_site(self) -> str:
        """A site: the reporter's, or another."""
        return "ES-PIC" if self.column == "other" else "DE-KIT"

    def _attach(self, by: Actor) -> str:
        number = int(self["ticket"])
        made = add_attachment(self.world.session, writer(by), number, "a.txt", b"text")
        return f"ATT{made.id}"

    def make_attachment(self) -> str:
        """A file that somebody else attached."""
        return self._attach(self.world.cast.ggus)

    def make_added(self) -> str:
        """A file that the person attached."""
        return self._attach(self._actor)

    def make_draft(self) -> str:
        """The quarter of a report of the reporter's site, or of another, that can be signed."""
        session, quarter = self.world.session, Quarter(2014, 1).after(self.world.count % 40)
        site = find_site(session, self["site"])
        assert site is not None
        old = find_report(session, site.id, quarter)
        if old is not None:
            session.delete(old)
            session.flush()
        answers = {"issues": SECRET_WORD, "backup_test": "Not tested"}
        answers |= {"contacts_reviewed": "yes", "routing_reviewed": "yes"}
        fields = {f"answer.{key}": (value, 0) for key, value in answers.items()}
        save_fields(session, self._of_site, site, quarter, fields)
        return str(quarter)

    def make_read(self) -> str:
        """What marks the numbers that the signer has read."""
        report = self._report(self["draft"])
        quarter, now = Quarter.parse(report.quarter), datetime.now(UTC)
        return numbers_of(self.world.session, report.site, quarter, now).read_as

    @property
    def _of_site(self) -> Writer:
        cast = self.world.cast
        actor = cast.pic if self["site"] == "ES-PIC" else cast.kit
        return writer(actor, datetime.now(UTC))

    def _report(self, quarter: str) -> Report:
        site = find_site(self.world.session, self["site"])
        assert site is not None
        report = find_report(self.world.session, site.id, Quarter.parse(quarter))
        assert report is not None
        return report

    def make_signed(self) -> str:
        """The quarter of such a report that was submitted."""
        report, by = self._report(self["draft"]), self._of_site
        session, quarter = self.world.session, Quarter.parse(report.quarter)
        numbers = numbers_of(session, report.site, quarter, by.now)
        submit_report(session, by, report.site, quarter, numbers, report.version)
        return report.quarter

    def make_draft_file(self) -> str:
        """The quarter of such a report with a file."""
        report, session = self._report(self["draft"]), self.world.session
        quarter = Quarter.parse(report.quarter)
        attach_to_report(session, self._of_site, report.site, quarter, "a.txt", b"text")
        return report.quarter

    def make_signed_file(self) -> str:
        """The quarter of a submitted report with a file."""
        assert self["draft_file"] == self["signed"]
        return self["signed"]

    def make_reopened(self) -> str:
        """The quarter of a report that was reopened."""
        report = self._report(self["signed"])
        reopen_report(self.world.session, self._of_site, report, "x")
        return report.quarter

    def make_accepted(self) -> str:
        """The quarter of such a report that the chair accepted."""
        report = self._report(self["signed"])
        accept_report(self.world.session, writer(self.world.cast.operator), report)
        return report.quarter

    def make_new_name(self) -> str:
        """A name that nobody has."""
        return f"new-{self.world.count}"

    def make_account(self) -> int:
        """A partner's account."""
        return create_partner_account(
            self.world.session, SYSTEM, "NREN-A", self["new_name"], PASSWORD, access="own"
        ).id

    def make_disabled_account(self) -> int:
        """A partner's account that is disabled."""
        number = int(self["account"])
        account = find_account(self.world.session, self["new_name"])
        disable_account(self.world.session, SYSTEM, account)
        return number

    def make_secret(self) -> int:
        """The older one of two live secrets of the account."""
        assert self["account"]
        account = find_account(self.world.session, self["new_name"])
        add_secret(self.world.session, SYSTEM, account, f"second {PASSWORD}")
        older: AccountSecret = live_secrets(self.world.session, account)[0]
        return older.id

    def make_name(self) -> str:
        """The person's own name."""
        return self.person

    def make_password(self) -> str:
        """The person's password."""
        return self.world.passwords.get(self.person, PASSWORD)

    def make_new_password(self) -> str:
        """Another password, which the person has from then on."""
        new = f"another horse {self.world.count}"
        self.world.passwords[self.person] = new
        return new

    def make_a_site(self) -> str:
        """A site that nothing refers to."""
        stated = {"key": self["new_name"], "country": "FR", "time_zone": "Europe/Paris"}
        return create_site(self.world.session, self._portal, stated).key

    def make_a_link(self) -> str:
        """A link that nothing refers to."""
        stated = {
            "name": self["new_name"],
            "network": "LHCOPN",
            "role": "primary",
            "end_a": "DE-KIT",
            "end_b": "ES-PIC",
        }
        return create_link(self.world.session, self._portal, stated).name

    def make_unknown(self) -> str:
        """A name of a site that a ticket holds and nobody knows."""
        self._open(sites=(self["new_name"],))
        return self["new_name"]

    def make_aliased(self) -> str:
        """Such a name that means a site by now; its ticket has not followed yet."""
        name, kind = self["unknown"], NameKind.SITE
        make_alias(self.world.session, self._portal, kind, name, "DE-KIT", system="GOCDB")
        return name

    def make_timed_work(self) -> str:
        """A kind of timed work that a worker knows."""
        know_timed_work(self.world.session, [TIDY.name], NOON)
        return TIDY.name

    def make_failed_job(self) -> int:
        """A job that was given up."""
        return seed_failed_job(self.world.session, "a job", datetime.now(UTC), "broken", {})

    def make_token(self) -> int:
        """A system's token."""
        return create_token(
            self.world.session, self._portal, self["new_name"], ["read"], 90
        ).token.id

    def make_rotated(self) -> int:
        """A system's token with two live secrets."""
        number = int(self["token"])
        token = find_token(self.world.session, self["new_name"])
        rotate_token(self.world.session, self._portal, token)
        return number

    def _token_of(self, actor: Actor) -> ApiToken:
        by = writer(actor, datetime.now(UTC))
        made = create_own_token(self.world.session, by, self["new_name"], ["read"], 90)
        self.afterwards.append(lambda: self._end_token(made.token.name))
        return made.token

    def _end_token(self, name: str) -> None:
        with transaction(self.world.session):
            end_token(self.world.session, self._portal, find_token(self.world.session, name))

    def make_own_token(self) -> int:
        """A token of the person."""
        return self._token_of(self._actor if self.person else self.world.cast.reader).id

    def make_own_rotated(self) -> int:
        """A token of the person with two live secrets."""
        owner = self._actor if self.person else self.world.cast.reader
        token = self._token_of(owner)
        rotate_token(self.world.session, writer(owner, datetime.now(UTC)), token)
        return token.id

    def make_anothers(self) -> int:
        """A token of another person."""
        return self._token_of(self.world.cast.pic).id

    def make_soon(self) -> str:
        """A time that lies ahead, as one types it."""
        return f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d %H:%M}"

    def make_somebody(self) -> str:
        """A person of whom nobody knows anything."""
        return self._another("reader").account

    def make_stranger(self) -> str:
        """A person whom no TC concerns."""
        name = f"stranger-{self.world.count}"
        return create_user(self.world.session, SYSTEM, name, "reader", PASSWORD).name

    def _ask_for_tc(self, by: Actor) -> int:
        now = datetime.now(UTC)
        asked = Asked("x", [now + timedelta(days=8)], "2013-Q1")
        return ask(self.world.session, writer(by, now), asked).id

    def make_tc(self) -> int:
        """A TC for which somebody asked."""
        return self._ask_for_tc(actor_of_user(find_user(self.world.session, self["somebody"])))

    def make_own_tc(self) -> int:
        """A TC for which the person asked."""
        return self._ask_for_tc(self._actor)

    def make_tc_set(self) -> int:
        """That TC, set."""
        now, number = datetime.now(UTC), int(self["tc"])
        wanted = Setting(now + timedelta(days=8), 60, "R1")
        by = writer(self.world.cast.operator, now)
        set_time(self.world.session, by, number, wanted, SECRETARY, 1)
        return number

    def make_tc_over(self) -> int:
        """That TC, when it is over."""
        row = self.world.session.get_one(Teleconference, int(self["tc_set"]))
        row.starts_at = datetime.now(UTC) - timedelta(days=1)
        return row.id

    def make_tc_joined(self) -> int:
        """That TC, which the person has joined."""
        number = int(self["tc_set"])
        if self.person:
            join(self.world.session, writer(self._actor, datetime.now(UTC)), number, SECRETARY)
        return number

    def make_tc_left(self) -> int:
        """That TC, which the person has left."""
        number = int(self["tc_joined"])
        if self.person:
            leave(self.world.session, writer(self._actor, datetime.now(UTC)), number, SECRETARY)
        return number

    def make_tc_point(self) -> int:
        """A point on its agenda."""
        by, number = writer(self.world.cast.operator), int(self["tc"])
        return add_point(self.world.session, by, number, "x").id

    def make_series_cancelled(self) -> str:
        """A reason, while the series is cancelled."""
        if current_pause(self.world.session) is None:
            cancel_series(self.world.session, writer(self.world.cast.operator), "x")
        return "x"

    def make_series_goes_on(self) -> str:
        """A reason, while it is not."""
        if current_pause(self.world.session) is not None:
            resume_series(self.world.session, writer(self.world.cast.operator), "x")
        return "x"

    def make_cric_file(self) -> str:
        """What CRIC says."""
        return cric_sample.CONTENT.decode()

    def make_notice_file(self) -> str:
        """A maintenance notice that is new."""
        text = (NOTICES / "new.ics").read_text("utf-8").replace("m-4711", self["new_name"])
        return text.replace("Traffic is interrupted", SECRET_WORD)

    def make_packed_notice(self) -> str:
        """That file as the form carries it which confirms it."""
        return packed(self["notice_file"].encode())

    def _bring_in(self, content: bytes) -> int:
        (result,) = take_in(self.world.session, writer(self.world.cast.operator), read(content))
        assert result.notice is not None
        return result.notice

    def make_notice(self) -> int:
        """A notice whose circuit nobody knows."""
        return self._bring_in(self["notice_file"].encode())

    def make_incoming(self) -> int:
        """A mail that needs review."""
        mail = IncomingMail(
            key=self["new_name"],
            received_at=NOON,
            content=b"Subject: x\r\n\r\nWe dig.",
            text="We dig.",
            state="needs review",
        )
        self.world.session.add(mail)
        self.world.session.flush()
        return mail.id

    def make_unread_notice(self) -> int:
        """A notice that waits for a person."""
        return self._bring_in(f"Subject: {self['new_name']}\r\n\r\nWorks.".encode())

    def make_notice_with_reading(self) -> int:
        """A notice that the carrier reader has read, for a person to confirm."""
        number = self._bring_in(f"From: noc@{self['new_name']}.zayo.com\r\n\r\nWorks.".encode())
        take_reading(
            self.world.session,
            writer(self.world.cast.operator),
            number,
            carrier_reading("zayo", carrier_answer(self["new_name"])),
        )
        return number

    def make_confirmed_form(self) -> int:
        """A form of a carrier that somebody confirmed."""
        by = writer(self.world.cast.operator)
        confirm(self.world.session, by, int(self["notice_with_reading"]))
        return max(one.trust.id for one in list_trusts(self.world.session))

    def make_further_notice(self) -> int:
        """A second notice of a maintenance of which a person created a ticket."""
        mail = f"From: noc@nren.example\r\n\r\nTicket Number: {self['new_name']}\r\n{{}}"
        first = self._bring_in(mail.format("Works.").encode())
        by, new = writer(self.world.cast.operator), NewTicket(title="Works")
        make_ticket(self.world.session, by, first, new)
        return self._bring_in(mail.format("More of it.").encode())

    def make_dismissed_notice(self) -> int:
        """A notice that somebody put aside."""
        by = writer(self.world.cast.operator)
        return dismiss(self.world.session, by, int(self["unread_notice"]), "x").id

    def make_proposal(self) -> int:
        """A proposal of CRIC's that is open."""
        site = find_site(self.world.session, self["a_site"])
        assert site is not None
        proposal = Proposal(
            source="CRIC",
            digest=self["new_name"],
            site_id=site.id,
            subject="CRIC-SITE",
            field="asns",
            current="",
            proposed="64512",
            first_seen_at=NOON,
            last_seen_at=NOON,
        )
        self.world.session.add(proposal)
        self.world.session.flush()
        return proposal.id

    def make_refused(self) -> int:
        """A proposal that was refused."""
        number = int(self["proposal"])
        refuse_proposal(self.world.session, self._portal, number)
        return number

    def make_feed(self) -> str:
        """The secret of the person's feed of the calendar."""
        actor = self._actor if self.person else self.world.cast.reader
        return make_feed(self.world.session, writer(actor))

    def make_sample_site(self) -> str:
        """A site whose T1 dates are a sample."""
        site = find_site(self.world.session, self["a_site"])
        assert site is not None
        site.tier, site.tier_since, site.sample = 1, date(2009, 2, 1), True
        return site.key

    def make_sample_link(self) -> str:
        """A link that is a sample."""
        (link,) = require_links(self.world.session, [self["a_link"]])
        link.sample = True
        return link.name

    @property
    def _portal(self) -> Writer:
        """The portal itself, now."""
        return replace(SYSTEM, now=datetime.now(UTC))

    def make_someone(self) -> str:
        """A person who may be changed."""
        name = self["new_name"]
        create_user(self.world.session, SYSTEM, name, "reader", PASSWORD)
        return name

    def make_disabled(self) -> str:
        """A person who is disabled."""
        user = find_user(self.world.session, self["someone"])
        disable_user(self.world.session, SYSTEM, user)
        return user.name

    def make_logged_in(self) -> str:
        """A person who is logged in somewhere."""
        user = find_user(self.world.session, self["someone"])
        start_login(self.world.session, user.id, datetime.now(UTC))
        return user.name

    def make_other_login(self) -> int:
        """Another login of the person."""
        user = find_user(self.world.session, self.person or "reader")
        start_login(self.world.session, user.id, datetime.now(UTC))
        newest = select(func.max(Login.id)).where(Login.user_id == user.id)
        return self.world.session.scalar(newest) or 0

    def _begin_factor(self, actor: Actor) -> pyotp.TOTP:
        session, key = self.world.session, TEST_SECRET.encode()
        by = writer(actor)
        second_factor.begin_setup(session, by, actor.account, key)
        self.afterwards.append(lambda: self._without_factor(actor.account))
        return pyotp.TOTP(second_factor.secret_of(find_user(session, actor.account), key))

    def _without_factor(self, name: str) -> None:
        with transaction(self.world.session):
            second_factor.take_off(self.world.session, SYSTEM, name)

    def _confirm_factor(self, actor: Actor) -> str:
        code = self._begin_factor(actor).at(NOON)
        codes = second_factor.confirm_setup(
            self.world.session, writer(actor), actor.account, code, TEST_SECRET.encode()
        )
        return codes[0]

    def make_first_code(self) -> str:
        """The code that confirms a second factor which the person sets up."""
        actor = self._actor if self.person else self.world.cast.reader
        return self._begin_factor(actor).now()

    def make_recovery_code(self) -> str:
        """A recovery code of the person, who has a second factor."""
        return self._confirm_factor(self._actor if self.person else self.world.cast.reader)

    def make_with_factor(self) -> str:
        """A person with a second factor."""
        user = find_user(self.world.session, self["someone"])
        self._confirm_factor(actor_of_user(user))
        return user.name

    def _sign_on(self, name: str) -> Identity:
        user = find_user(self.world.session, name)
        said = Claimed(ISSUER, f"s-{self.world.count}", "x", "", "", ())
        link(self.world.session, writer(actor_of_user(user)), name, said)
        found = identity_of(self.world.session, user, ISSUER)
        assert found is not None
        return found

    def make_signs_on(self) -> str:
        """A person whose account is linked to the provider."""
        self._sign_on(self["someone"])
        return self["someone"]

    def make_follows_map(self) -> str:
        """A person whose role follows the map."""
        self._sign_on(self["someone"]).follows_map = True
        return self["someone"]

    def make_own_sign_on(self) -> str:
        """That the person's own account is linked."""
        return self._sign_on(self.person or "reader").subject

    def make_demand(self) -> str:
        """That admins need a second factor; not for long."""

        def no_more() -> None:
            with transaction(self.world.session):
                second_factor.demand_of_admins(self.world.session, SYSTEM, on=False)

        self.afterwards.append(no_more)
        return "yes"

    def _challenge(self, purpose: Purpose, owner: Actor) -> dict[str, Any]:
        """Made now, for that person; the cookie of who acts holds its random id."""
        user = find_user(self.world.session, owner.account)
        party = RelyingParty("localhost", ORIGIN)
        now = datetime.now(UTC)
        token, options = passkeys.begin(self.world.session, party, purpose, now, user)
        if self.person:
            with self.world.visitors[self.person].client.session_transaction() as cookie:
                cookie["passkey"] = token
        return options

    def _passkey(self, owner: Actor, device: Authenticator) -> int:
        """A new passkey of a person, without a login through it."""
        session, party = self.world.session, RelyingParty("localhost", ORIGIN)
        name, by = owner.account, writer(owner)
        user = find_user(session, name)
        token, options = passkeys.begin(session, party, Purpose.ADD, NOON, user)
        challenge = passkeys.take_challenge(session, token, Purpose.ADD, NOON, user.id)
        answer = device.create(options)
        codes = passkeys.add_passkey(session, by, name, party, challenge, answer, "laptop")
        if device is self.device:
            self.codes = codes
        self.afterwards.append(lambda: self._without_factor(name))
        return passkeys.passkeys_of(session, user.id)[-1].id

    def make_own_passkey(self) -> int:
        """A passkey of the person."""
        return self._passkey(self._me, self.device)

    def make_anothers_passkey(self) -> int:
        """A passkey of another person."""
        cast = self.world.cast
        other = cast.pic if self.person != "pic" else cast.kit
        return self._passkey(other, Authenticator())

    def make_passkey_code(self) -> str:
        """A recovery code of the person, who has a passkey."""
        if not self.codes:
            self._passkey(self._me, self.device)
        return self.codes[0]

    def make_made_passkey(self) -> str:
        """What a device answers to whoever adds a passkey."""
        self.afterwards.append(lambda: self._without_factor(self._me.account))
        return self.device.create(self._challenge(Purpose.ADD, self._me))

    def make_confirmation(self) -> str:
        """What the person's passkey answers where it confirms something."""
        if not self.device.keys:
            self._passkey(self._me, self.device)
        return self.device.get(self._challenge(Purpose.CONFIRM, self._me))

    @property
    def _me(self) -> Actor:
        return self._actor if self.person else self.world.cast.reader

    def make_link_id(self) -> str:
        """The random id of a one-time link of somebody."""
        return make_reset_link(self.world.session, self._portal, self["someone"])

    def make_site_file(self) -> str:
        """A file with a site that is new."""
        return f"key,country,time_zone\n{self['new_name']},FR,Europe/Paris\n"

    def make_ticket_file(self) -> str:
        """A file with a ticket that is new."""
        return f"number,title,state,created\n{self['new_name']},Old,closed,2011-01-02\n"

    def make_packed_tickets(self) -> str:
        """That file as the form carries it which confirms it."""
        return packed(self["ticket_file"].encode())

    def make_packed_file(self) -> str:
        """That file as the form carries it which confirms it."""
        return packed(self["site_file"].encode())

    def make_import_base(self) -> str:
        """The state of the registry when an admin was shown what that file changes."""
        shown = self.world.visitor("admin").upload(
            "/admin/imports", {"kind": "sites"}, "sites.csv", self["site_file"].encode()
        )
        return PageReader(shown.text).form("/admin/imports/confirm").values("base")[0]

    def make_new_zone(self) -> str:
        """A time zone other than the person's."""
        return ("Europe/Zurich", "Europe/Berlin")[self.world.count % 2]
