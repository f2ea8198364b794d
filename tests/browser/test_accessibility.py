"""Every page of the URL map: axe-core finds nothing serious, and none is wider than a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from app.accounts.services import people
from app.accounts.services.calls import CallRecord, record_calls
from app.accounts.services.reset_links import make_reset_link
from app.calendar.services.lhc_calendar import add_period
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.web.extensions import db
from app.demo.files import traffic_picture
from app.events.rules.file_reading import EventFileOptions, read_events
from app.events.services.import_runs import (
    begin_writing,
    examine_file,
    keep_import,
    new_import,
    write_import,
)
from app.events.services.sources import set_source
from app.events.services.withdrawal import withdraw_event
from app.exchange.adapters.incoming_mail import read_reply
from app.exchange.services.incoming_mails import Ours, decide, keep_mail
from app.factory import create_app
from app.mail.models.mails import Mail
from app.mail.rules.notifications import stop_token
from app.mail.services.queue import claim_mails, mark_failed
from app.meetings.models.teleconferences import Teleconference
from app.meetings.rules.packs import PackFile
from app.meetings.services.agenda import agenda_of
from app.meetings.services.packs import begin_pack, keep_pack, note_trouble, order_pack
from app.meetings.services.series import cancel_series
from app.meetings.services.teleconferences import (
    Asked,
    Setting,
    add_point,
    ask,
    mark_held,
    set_time,
)
from app.notices.adapters.files import read
from app.notices.services.notices import take_in
from app.registry.models.registry import Link
from app.registry.services.registry import require_links
from app.reports.services.form_drafts import make_draft
from app.tickets.models.tickets import Ticket
from app.tickets.pages.listing.columns import COLUMNS
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.relations import RelationRole
from app.tickets.services.acknowledgements import acknowledge_change
from app.tickets.services.attachments import add_attachment
from app.tickets.services.bulk_changes import do_bulk_change
from app.tickets.services.lifecycle import change_ticket
from app.tickets.services.lists.saved_filters import save_filter
from app.tickets.services.relations import relate_tickets
from tests.accounts.services.test_second_factor import code_of
from tests.browser.visit import change, log_in, people_of, seed, sideways
from tests.cast import NOON, PASSWORD, Cast, writer
from tests.exchange.mails import KEY, answer
from tests.exchange.seeded import seed_exchange
from tests.harness.browser import AXE, strict_page
from tests.harness.databases import fresh_database
from tests.harness.jobs import seed_background_work
from tests.harness.server import TEST_SECRET, LiveServer, live
from tests.harness.server import test_settings as settings_of
from tests.mails import SECRETARY, plan
from tests.matching.matching_world import report
from tests.seeded_reports import seed_half, seed_two_versions
from tests.webhooks.seeded import seed_webhooks

NO_PAGES = {
    "static",
    "health.alive",
    "health.ready",
    "metrics.metrics",
    "security_txt.show",
    "scripts.joined",
    "live.listen",
    "tickets.changed",
    "feeds.download",
    "search.find",  # see _states
    "old_addresses.by_mode",
    "old_addresses.ticket_info",
    "old_addresses.search",
    "tickets_csv.download",
    "tickets_csv.download_workbook",
    "tickets_csv.download_nttdm",
    "tickets_csv.download_ticket",
    "events.download",
    "audit.download",
    "exchange.export_map",
    "incoming_mails.whole",
    "unresolved.name",  # see _states
    "filters.show",
    "manual.own",
    "bulk.result",  # see _states
    "reset.take",
    "attachments.download",
    "mails.html",  # as it is sent, alone: nothing of ours around it
    "downloads.download",
    "duty.download",
    "what_if.download",
    "teleconferences.download",
    "teleconferences.in_utc",  # a line beside a field
    "typed_times.read",  # likewise
    "meeting_packs.show",  # see _states
    "report_form.one",
    "report_form.changes",
    "report_attachments.download",
    "report_attachments.preview",
    "report_documents.newest",
    "report_documents.quarter_file",
    "report_documents.report_file",
    "meeting_packs.fetch",
}
"""GET addresses that answer no page of their own: files, parts of a page, a redirection."""
LINK, OTHER_LINK, BACKUP = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001", "GRIDKA-PIC-LHCOPN-001"
_PERIOD = {"begin": "2031-03", "begin_standing": "sample", "end_standing": "sample"}
_REPORT: dict[str, Any] = {"site": "DE-KIT", "quarter": "2012-Q4", "number": 1}
"""A report that was signed, and its first version."""
_LOOKED_AT: dict[str, dict[str, Any]] = {
    "event_sources.edit": {"number": 1},
    "mails.mail": {"mail": 1},
    "report_forms.question": {"number": 2, "key": "plans"},
    "exchange.call": {"number": 1, "call": 1},
    "webhooks.message": {"number": 1, "message": 2},
}
"""What the address of such a page says."""
_GRAVE = ("serious", "critical")
_WIDTHS = (1440, 1024, 390)

_QUIET = (
    "/",
    "/tickets",
    "/topology",
    "/events",
    "/events/timeline",
    "/events?view=reported",
    "/duty",
    "/calendar/agenda",
    "/calendar",
    "/calendar/links",
    "/calendar/lhc",
    f"/calendar/free?link={LINK}&link={OTHER_LINK}",
    f"/links/{LINK}",
    "/sites/DE-KIT",
    "/notices",
    "/reports",
    "/reports/packs",
    "/reports/teleconferences",
    "/statistics",
    "/statistics/availability",
    "/statistics/matching",
    "/mails",
    "/mails/incoming",
    "/mails/incoming?state=needs+review",
    "/work",
    "/filters",
)
"""Pages that have nothing to show yet."""

# Many pages in one test: on a busy machine that takes longer than any other test may.
_ALL_PAGES = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class Scene:
    """A portal with tickets of every look."""

    server: LiveServer
    cast: Cast
    ticket: int
    final: int
    change: int
    """Sites were asked to accept it, and other tickets are bound to it."""
    clash: int
    """A planned work that collides with another one."""
    event: int
    """It is ongoing, and no ticket documents it."""


@pytest.fixture(scope="module")
def scene(sqlite_server: LiveServer) -> Scene:
    cast = people_of(sqlite_server)
    ticket, final, asked = seed(
        sqlite_server,
        cast.operator,
        NewTicket(
            title="Planned work on CERN-GRIDKA-LHCOPN-001",
            description="The fibre is moved.\nTraffic takes the backup.",
            category="maintenance",
            window_start=NOON,
            window_end=NOON.replace(hour=18),
            event_start=NOON,
            sites=("DE-KIT", "A site that nobody knows"),
            priority="top priority",
            carbon_copy=f"noc@cc.example; {'n' * 60}@{'cc.' * 40}example; nowhere",
            related_issue="https://example.org/1",
            references=(Reference("GEANT", "4711", "https://example.org/4711"),),
        ),
        NewTicket(title="Done"),
        NewTicket(
            title="New prefixes",
            category="change",
            links=("CERN-GRIDKA-LHCOPN-001",),
            sites=("ES-PIC", "DE-KIT"),
        ),
    )
    change(sqlite_server, cast.operator, ticket, public_comment="Seen.", state="in progress")
    change(sqlite_server, cast.operator, ticket, internal_comment="Mind the contract.")
    change(sqlite_server, cast.operator, final, state="solved", solution="Repaired.")
    change(sqlite_server, cast.operator, final, state="verified")
    with sqlite_server.session() as session, transaction(session):
        for by, name in (
            (cast.admin, "Mine"),
            (cast.operator, "What the night shift looks at" * 2),
        ):
            save_filter(session, writer(by), name, "link=GONE-001&q=work", shared=True)
        wanted = {"person_in_charge": "noc", "responsible_site": "DE-KIT"}
        do_bulk_change(
            session, writer(cast.operator), "k" * 32, {ticket: 3, final: 2, asked: 1}, wanted
        )
        seed_background_work(session, datetime.now(UTC))
        for name, kind in (("Run 4", "run"), ("Physics 2031", "physics")):
            add_period(session, writer(cast.admin), {"name": name, "kind": kind, **_PERIOD})
    _let_people_come_and_go(sqlite_server, cast)
    _let_call(sqlite_server)
    _attach(sqlite_server, cast, ticket)
    _refuse_mails(sqlite_server)
    _bind(sqlite_server, cast, asked, ticket, final)
    _report(sqlite_server, cast)
    _announce(sqlite_server, cast)
    _receive(sqlite_server)
    _talk(sqlite_server, cast)
    _order_packs(sqlite_server, cast)
    _write_reports(sqlite_server, cast)
    with sqlite_server.session() as session, transaction(session):
        seed_exchange(session, (ticket, final, asked))
        seed_webhooks(session, writer(cast.admin), datetime.now(UTC))
    event = _cut(sqlite_server, cast)
    return Scene(sqlite_server, cast, ticket, final, asked, _collide(sqlite_server, cast), event)


def _cut(server: LiveServer, cast: Cast) -> int:
    """Three links are down, one of them the backup of another, and nobody wrote a ticket; the first
    event."""
    now = datetime.now(UTC)
    with server.session() as session:
        with transaction(session):
            first, second = require_links(session, (LINK, OTHER_LINK))
            assert isinstance(first, Link)
            assert isinstance(second, Link)
            backup = Link(name=BACKUP, network="LHCOPN", end_a=first.end_b, end_b=second.end_b)
            backup.role, backup.backs_up = "backup", first
            session.add(backup)
        begun = [f"{now - timedelta(hours=hours):%Y-%m-%d %H:%M}" for hours in (3, 2, 1)]
        events = [
            report(session, cast, start, None, link=name, now=now, source_id=f"cut {name}")
            for start, name in zip(begun, (LINK, OTHER_LINK, BACKUP), strict=True)
        ]
        return events[0]


def _collide(server: LiveServer, cast: Cast) -> int:
    """Works at a link and, within them, at its backup."""
    # across midnight, which takes most room
    start = datetime.now(UTC).replace(hour=22, minute=10) + timedelta(days=3)
    numbers = seed(
        server,
        cast.operator,
        *(
            NewTicket(
                f"Work on {name}",
                category="maintenance",
                links=(name,),
                window_start=start,
                window_end=start + timedelta(hours=4),
            )
            for name in (LINK, BACKUP)
        ),
    )
    return numbers[0]


def _bind(server: LiveServer, cast: Cast, asked: int, ticket: int, final: int) -> None:
    """Relate the tickets, and let two of three sites answer to the change."""
    by = writer(cast.operator)
    with server.session() as session, transaction(session):
        relate_tickets(session, by, ticket, RelationRole.PARENT, asked)
        relate_tickets(session, by, final, RelationRole.PARENT, asked)
        relate_tickets(session, by, final, RelationRole.RELATED, ticket)
        acknowledge_change(session, by, asked, "CH-CERN", "accepted")
        change_ticket(session, by, asked, {"window_start": NOON})
        acknowledge_change(session, by, asked, "DE-KIT", "refused", "No one is here then.")


def _report(server: LiveServer, cast: Cast) -> None:
    """Events of every look, a source with labels, and a file that has wrong lines."""
    by, link = writer(cast.operator, NOON + timedelta(days=1)), LINK
    rows = (
        f"psnr,1,{link},,down,2013-03-06T12:00:00Z,2013-03-06T14:00:00Z",
        f"psnr,2,{link},,degraded,2013-03-06T14:05:00Z,",
        "psnr,3,A-LINK-THAT-NOBODY-KNOWS,,down,2013-03-01T12:00:00Z,2013-03-01T14:00:00Z",
        "psnr,4,,ES-PIC,down,2013-03-02T12:00:00Z,2013-03-02T14:00:00Z",
        "psnr,5,,ES-PIC,up,2013-03-02T12:00:00,",
    )
    content = "\n".join(["source,source_id,link,site,state,start,end", *rows]).encode()
    with server.session() as session:
        for write in (True, False):
            row = new_import(by, "events.csv", content, EventFileOptions())
            examined = examine_file(session, by, content, EventFileOptions())
            with transaction(session):
                keep_import(session, row, examined)
                if write:
                    begin_writing(session, by, row.id, only_good=True, keeps_unknown=True)
                    write_import(
                        session, by, row.id, list(read_events(content, EventFileOptions()))
                    )
        with transaction(session):
            withdraw_event(session, by, 4, "It never was.")
            set_source(session, writer(cast.admin), "prometheus", {}, {"bad": "down"})


def _write_reports(server: LiveServer, cast: Cast) -> None:
    """A report that was signed twice, one that is being written, and a draft of the questions."""
    with server.session() as session:
        seed_two_versions(session, _REPORT["site"], _REPORT["quarter"])
        seed_half(session, "ES-PIC", "2013-Q1")
        with transaction(session):
            make_draft(session, writer(cast.admin))


def _announce(server: LiveServer, cast: Cast) -> None:
    """Maintenance notices: one whose circuit nobody knows, one that nobody has read, and another
    that follows the first."""
    by = writer(cast.operator, NOON + timedelta(days=2))
    with server.session() as session:
        for name in ("new.ics", "plain.eml", "update.ics"):
            content = (PROJECT / "tests/notices_sample" / name).read_bytes()
            with transaction(session):
                take_in(session, by, read(content, name))


def _receive(server: LiveServer) -> None:
    """Mails that came in: one that needs review, with a file, and one that was dropped."""
    doubtful, away = answer("tickets@portal.example"), answer("x@y.example", Precedence="bulk")
    doubtful.add_attachment(b"trace", "text", "plain", filename="line.log")
    del away["Message-ID"]
    with server.session() as session:
        for mail in (doubtful, away):
            reply = read_reply(bytes(mail), "portal.example")
            with transaction(session):
                kept = keep_mail(session, reply, bytes(mail), "", NOON)
                assert kept is not None
                decide(session, kept, reply, Ours(KEY, ()), NOON)


def _talk(server: LiveServer, cast: Cast) -> None:
    """Teleconferences: one that is set, one that was held, and one that is asked for, while the
    regular ones are cancelled."""
    now = datetime.now(UTC)
    with server.session() as session, transaction(session):
        by = writer(cast.operator, now)
        for _ in range(3):
            asked = Asked("Who writes?\nAnd why?", [now + timedelta(days=7)], "2013-Q1", [1])
            number = ask(session, by, asked).id
            if number < 3:
                setting = Setting(now + timedelta(days=7), 60, f"https://{'rooms.' * 20}example")
                set_time(session, by, number, setting, SECRETARY, 1)
                add_point(session, by, number, "Plans " * 30, "/calendar/lhc")
        row = session.get_one(Teleconference, 2)
        row.starts_at = now - timedelta(days=1)
        mark_held(session, by, 2, "Said.\nDone.", agenda_of(session, row, now))
        cancel_series(session, by, "Few come")


def _order_packs(server: LiveServer, cast: Cast) -> None:
    """A meeting pack that is made, and one whose first try failed."""
    by = writer(cast.operator, datetime.now(UTC))
    given = {"title": "Pack", "first": "2013-Q1", "last": "2013-Q2"}
    with server.session() as session, transaction(session):
        made, failed = (
            order_pack(session, by, slides=["matching", "reports"], **given).id for _ in range(2)
        )
        keep_pack(session, by, made, {PackFile.PDF: b"%PDF-"}, pages=3, computed_at=NOON)
        begin_pack(session, failed, 3)
        note_trouble(session, failed, "OSError: no room")


def _let_people_come_and_go(server: LiveServer, cast: Cast) -> None:
    """Somebody disabled, somebody logged in with a link that waits."""
    by, now = writer(cast.admin), datetime.now(UTC)
    with server.session() as session, transaction(session):
        people.create_user(session, by, "gone", "reporter", PASSWORD, ("DE-KIT", "ES-PIC"))
        people.disable_user(session, by, people.find_user(session, "gone"), why="left")
        make_reset_link(session, writer(cast.admin, now), "kit", why="forgotten")
        people.start_login(
            session, cast.kit.account_id or 0, now, remote="2001:db8::1", second_factor=True
        )


def _attach(server: LiveServer, cast: Cast, ticket: int) -> None:
    """A long text and a picture."""
    by = writer(cast.operator)
    with server.session() as session, transaction(session):
        add_attachment(session, by, ticket, "line.log", b"12:00 loss of signal\n" * 1200)
        add_attachment(session, by, ticket, "traffic.png", traffic_picture((0.5, 0, 1)))


def _refuse_mails(server: LiveServer) -> None:
    """Mails of what happened; the server wants none of them."""
    with server.session() as session:
        mails = [mail.id for mail in plan(session)]
        with transaction(session):
            claim_mails(session, NOON, NOON)
            for number in mails:
                mark_failed(session, number, NOON, f"550 no such user at {'example.' * 30}")


def _let_call(server: LiveServer) -> None:
    """Calls of the first account, over some days and more than one page of them."""
    now = datetime.now(UTC)
    calls = [
        CallRecord(
            1,
            now - timedelta(hours=number),
            "GGUS",
            "TicketGet",
            302 if number % 7 == 0 else None,
            900 * number,
            700,
            1900,
        )
        for number in range(70)
    ]
    with server.session() as session, transaction(session):
        record_calls(session, calls)


@pytest.fixture(scope="module")
def flask_app(sqlite_server: LiveServer) -> Iterator[Flask]:
    made = create_app(sqlite_server.settings)
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


def _pages(flask_app: Flask, scene: Scene) -> list[str]:
    """The paths of all pages of the URL map, those with a number for two tickets or accounts."""
    found = []
    urls = flask_app.url_map.bind("127.0.0.1")
    for rule in flask_app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in NO_PAGES:
            continue
        if rule.rule.endswith((".csv", ".xlsx", ".pptx")):  # a file
            continue
        if rule.endpoint.startswith(("sites.", "links.")) and rule.arguments:
            record = {"key": "DE-KIT"} if "key" in rule.arguments else {"name": LINK}
            found.append(urls.build(rule.endpoint, record))
            continue
        if "quarter" in rule.arguments:
            values = {name: _REPORT[name] for name in rule.arguments}
            found.append(urls.build(rule.endpoint, values))
            continue
        if rule.arguments == {"key"}:  # an attachment: the text and the picture of the scene
            found += [urls.build(rule.endpoint, {"key": key}) for key in ("ATT1", "ATT2")]
            continue
        if rule.endpoint in _LOOKED_AT:
            found.append(urls.build(rule.endpoint, _LOOKED_AT[rule.endpoint]))
            continue
        if rule.arguments == {"person"}:
            found += [urls.build(rule.endpoint, {"person": name}) for name in ("kit", "gone")]
            continue
        if rule.arguments == {"token"}:
            with scene.server.session() as session:
                key = session.get_one(Mail, 1).address_key
            token = stop_token(TEST_SECRET.encode(), 1, key)
            found.append(urls.build(rule.endpoint, {"token": token}))
            continue
        assert rule.arguments <= {"number", "kind"}, f"say what {rule} takes"
        numbers = [scene.ticket, scene.final] if "number" in rule.arguments else [None]
        for number in numbers:
            if number == scene.final and rule.endpoint == "tickets.edit":
                continue  # refused; looked at below
            found.append(urls.build(rule.endpoint, {"number": number} if number else {}))
    assert len(found) >= 7
    return found


def _states(scene: Scene) -> list[str]:
    """Pages that look different for what their address says, and those that refuse."""
    return [
        "/tickets?state=open&state=closed&category=maintenance&site=DE-KIT&sort=title",
        "/tickets?q=nothing+like+this&priority=urgent",
        "/exchange/1?calls=failed",
        "/exchange/1/map?from=1",
        "/exchange/1/preview?ticket=1",
        f"/exchange/2/preview?ticket={scene.change}",
        "/exchange/1/preview?ticket=999999",
        "/exchange/999999",
        "/tickets?state=gone&from=yesterday",
        "/search?q=lhc",
        "/tickets/bulk?n=1&n=2",
        "/tickets/bulk/1",
        "/tickets?filter=1&" + "&".join(f"columns={key}" for key in COLUMNS),
        f"/tickets/{scene.final}/edit",
        f"/tickets/{scene.change}",
        f"/tickets/{scene.change}/edit",
        f"/tickets/new?parent={scene.change}",
        "/tickets/999999",
        "/reports?from=soon",
        "/reports/ES-PIC/2013-Q1",
        "/reports/DE-KIT/2013-Q1",
        "/reports/forms/2/differences?with=nothing",
        "/mails?state=digest&q=nobody",
        "/mails/incoming",
        "/mails/incoming?state=dropped",
        "/mails/incoming/1",
        "/mails/incoming/2",
        "/events?view=reported&withdrawn=all",
        "/events?state=gone&from=yesterday",
        "/events?due=open&site=DE-KIT&network=LHCONE",
        "/events/3",
        "/events/4",
        "/calendar?month=2013-03",
        "/duty?state=all&site=DE-KIT&rule=R2013&from=2013-Q1&to=2013-Q2&losses=yes",
        "/duty?state=gone&rule=none",
        "/statistics/what-if?rule=R2009&from=2012-Q1&to=2013-Q2",
        "/statistics/what-if?from=soon",
        "/calendar/links?month=2013-03&site=DE-KIT",
        "/calendar?month=soon&site=nobody&link=none&network=both",
        "/reports/packs/1",
        "/reports/packs/2",
        "/reports/packs/999999",
        "/notices?state=to+read",
        "/notices/3",
        "/reports/teleconferences/3",
        "/reports/teleconferences/new?quarter=2013-Q1&ticket=1",
        "/statistics/tickets?by=link&per=half-year&from=2012&to=2013",
        "/statistics/tickets?by=nothing&per=week&from=soon&site=nobody",
        "/statistics/times?by=category",
        "/statistics/availability?from=2012-Q1&to=2013-Q2",
        "/statistics/matching?from=2012-Q1&to=2013-Q2",
        "/statistics/matching?from=2098-Q1&network=GEANT",
        "/topology?network=LHCONE",
        "/topology?on=2013-03-06&site=DE-KIT",
        "/topology?on=yesterday&site=nobody",
        "/partners/accounts/1?operation=TicketGet&faults=yes",
        "/partners/accounts/1?operation=OpCreate&after=nonsense",
        "/admin/audit?kind=ticket&kind=site",
        "/admin/audit?list=refusals",
        "/admin/audit?list=logins",
        "/admin/unresolved?kind=unit",
        "/admin/unresolved?kind=link",
        "/admin/unresolved?kind=decided",
        "/admin/unresolved/name?kind=site&name=A+site+that+nobody+knows",
        "/admin/audit?door=window&field=nothing+like+this",
        "/sites?q=nothing&tier=T9",
        "/sites/DE-KIT?on=2013-03-06",
        "/sites/DE-KIT?on=yesterday",
        f"/links/{LINK}?on=2013-03-06",
        f"/links/{LINK}?month=2013-03",
        f"/links/{OTHER_LINK}?month=soon",
        "/sites/ES-PIC?month=2013-03",
        f"/tickets/{scene.clash}",
        f"/tickets/new?event={scene.event}",
        f"/events/{scene.event}",
        "/network-now",
        "/events/timeline?days=90&site=DE-KIT",
        "/events/timeline?until=2013-03-10&days=7",
        "/events/timeline?days=soon&site=nobody&until=yesterday",
        "/calendar/agenda?site=ES-PIC&network=LHCONE",
        "/calendar/agenda?from=soon&link=nobody",
        f"/calendar/free?link={LINK}&link={OTHER_LINK}&hours=4",
        f"/calendar/free?link={LINK}&link={BACKUP}&hours=4",
        f"/calendar/free?link={LINK}&hours=4000&days=14",
        "/calendar/free?link=nobody&hours=few&from=soon",
        "/ws/ticket_info.php?ticket=999999",
        "/ws/ticket_info.php?ticket=soon",
        "/index.php?mode=nothing",
    ]


def _grave(page: Page) -> list[str]:
    page.wait_for_load_state()
    page.evaluate(AXE.read_text())
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{page.url}: {found['id']}: {node['target']} {node['failureSummary']}"
        for found in result["violations"]
        if found["impact"] in _GRAVE
        for node in found["nodes"]
    ]


def _grave_at_each_width(page: Page) -> list[str]:
    found = []
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        found += [f"{width}: {one}" for one in _grave(page)]
    return found


@_ALL_PAGES
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    scheme: str, browser_page: Page, expected_statuses: set[int], scene: Scene, flask_app: Flask
) -> None:
    expected_statuses |= {401, 404, 409, 422}
    page, url = browser_page, scene.server.url
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{url}/login")
    found = _grave(page)
    page.get_by_label("Name").fill("nobody")
    page.get_by_label("Password").fill("nothing at all")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()
    found += _grave(page)
    log_in(page, scene.server, "admin")
    for path in [*_pages(flask_app, scene), *_states(scene)]:
        page.goto(url + path)
        found += _grave_at_each_width(page)
    page.set_viewport_size({"width": 1280, "height": 844})
    # what opens, and what a refused form looks like
    page.goto(f"{url}/tickets/bulk?n=1&n=2&n=3")
    page.get_by_label("State").select_option("solved")
    page.get_by_role("button", name="Preview").click()
    page.locator(".bulk-plan").wait_for()
    found += _grave(page)
    page.set_viewport_size({"width": 320, "height": 844})
    assert sideways(page) <= 0
    page.set_viewport_size({"width": 1280, "height": 844})
    page.goto(f"{url}/tickets")
    page.get_by_text("Add filter").click()
    page.get_by_role("combobox", name="Affected site").fill("GRID")
    found += _grave(page)
    page.goto(f"{url}/tickets/new")
    page.get_by_role("button", name="Create ticket").click()
    page.locator("#errors").wait_for()
    found += _grave(page)
    page.goto(f"{url}/tickets/{scene.change}")
    page.get_by_label("Refuse… for ES-PIC").click()
    page.get_by_role("button", name="Refuse for ES-PIC").click()
    page.get_by_text("Reason is required").wait_for()
    page.locator("summary", has_text="Link ticket…").click()
    found += _grave(page)
    page.goto(f"{url}/tickets/{scene.ticket}")
    page.locator("#attachments summary").first.click()
    page.get_by_label("Internal note").check()
    page.get_by_role("button", name="Add internal note").click()
    page.locator(".write .error-summary").wait_for()
    page.locator("summary", has_text="Solve…").click()
    page.locator(".bar .person-menu summary").click()
    found += _grave(page)
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_where_a_window_collides(
    scheme: str, browser_page: Page, expected_statuses: set[int], scene: Scene
) -> None:
    """While the form is filled in, and when it was sent with a conflict that nobody had seen."""
    expected_statuses.add(409)
    page = browser_page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    log_in(page, scene.server, "operator", "/tickets/new")
    page.locator("[name=category][value=maintenance]").check()
    page.locator("#title").fill("Router upgrade")
    page.locator("#links-search").fill(BACKUP)
    page.locator("#links-search").press("Enter")
    with scene.server.session() as session:
        start = session.get_one(Ticket, scene.clash).window_start
    assert start is not None
    page.locator("#window_start").fill(f"{start:%Y-%m-%d %H:%M}")
    page.locator("#window_end").fill(f"{start + timedelta(hours=1):%Y-%m-%d %H:%M}")
    page.locator(".window-clash").wait_for()
    assert _grave_at_each_width(page) == []
    assert sideways(page) <= 0
    page.locator("[name=conflicts_seen]").evaluate("seen => seen.remove()")
    page.get_by_role("button", name="Create ticket").last.click()
    page.locator("#errors").wait_for()
    assert _grave_at_each_width(page) == []


@_ALL_PAGES
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_where_nothing_happened_yet(
    scheme: str, browser: Browser
) -> None:
    """A portal without tickets, events and windows."""
    found, wide = [], []
    with fresh_database("sqlite") as url, live(settings_of(url)) as server:
        people_of(server)
        with strict_page(browser, {404}) as page:
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            log_in(page, server, "operator")
            for path in _QUIET:
                page.goto(server.url + path)
                found += _grave_at_each_width(page)
                if sideways(page) > 0:
                    wide.append(path)
            page.goto(server.url)
            assert "No link is monitored" in page.locator("#network-now").inner_text()
    assert (found, wide) == ([], [])


def test_axe_finds_nothing_serious_where_two_edit(
    browser_page: Page, expected_statuses: set[int], scene: Scene
) -> None:
    expected_statuses.add(409)
    page = browser_page
    (number,) = seed(scene.server, scene.cast.operator, NewTicket(title="First"))
    log_in(page, scene.server, "operator", f"/tickets/{number}/edit")
    page.locator("#title").fill("Mine")
    change(scene.server, scene.cast.admin, number, title="Theirs")
    page.get_by_role("button", name="Save changes").click()
    page.locator(".conflict").wait_for()
    assert _grave(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert sideways(page) <= 0


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_serious_on_the_way_in(
    width: int, browser_page: Page, expected_statuses: set[int], scene: Scene
) -> None:
    """From a one-time link to a login with a second factor, as a person goes."""
    expected_statuses |= {401, 404, 422}
    page, name, url = browser_page, f"new-{width}", scene.server.url
    page.set_viewport_size({"width": width, "height": 844})
    log_in(page, scene.server, "admin", "/admin/new-person")
    found: list[str] = []

    def look() -> None:
        found.extend(_grave(page))
        assert sideways(page) <= 0, page.url

    page.get_by_label("Name").fill(name)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Create person").click()
    link = page.locator("#new-link").input_value()
    look()
    page.context.clear_cookies()
    page.goto(f"{url}/reset/nothing")
    look()
    page.goto(url + urlsplit(link).path)
    page.get_by_label("New password", exact=True).fill("password123")
    page.get_by_label("New password again").fill("password123")
    page.get_by_role("button", name="Set password").click()
    page.locator("#errors").wait_for()
    look()
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    page.get_by_text("Password set").wait_for()
    look()
    log_in(page, scene.server, name, "/profile/second-factor")
    look()
    page.locator("form.begin input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Set up a second factor").click()
    secret = page.locator(".secret-text").inner_text().replace(" ", "")
    look()
    page.get_by_label("Code", exact=True).fill(code_of(secret, datetime.now(UTC)))
    page.get_by_role("button", name="Confirm").click()
    recovery = page.locator(".codes li").first.inner_text()
    look()
    page.get_by_role("link", name="I have saved them").click()
    page.wait_for_url("**/profile")
    look()
    page.goto(f"{url}/profile/second-factor")
    look()
    page.context.clear_cookies()
    page.goto(f"{url}/tickets?q=fibre")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Code", exact=True).fill("123")
    page.get_by_role("button", name="Log in").click()
    page.locator("#errors").wait_for()
    look()
    page.get_by_label("Code", exact=True).fill(recovery)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/tickets?q=fibre")
    assert found == []


@_ALL_PAGES
@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
@pytest.mark.parametrize("width", [320, 390, 1024])
def test_no_page_scrolls_sideways(
    width: int, javascript: bool, browser: Browser, scene: Scene, flask_app: Flask
) -> None:
    wide = []
    with strict_page(browser, {404, 409, 422}, javascript=javascript) as page:
        page.set_viewport_size({"width": width, "height": 844})
        log_in(page, scene.server, "admin")
        for path in [*_pages(flask_app, scene), *_states(scene)]:
            page.goto(scene.server.url + path)
            if (more := sideways(page)) > 0:
                wide.append((path, more))
    assert wide == []
