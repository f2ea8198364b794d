"""What is shown on each picture: a page of the demo, and what a person does there first."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pypdfium2
from demo_portal import PASSWORDS, Shown, follow_changes, log_in
from playwright.sync_api import FilePayload, Page
from sqlalchemy import Engine, func, select

from app.accounts.models.people import User
from app.accounts.services import partners
from app.accounts.services.people import actor_of_user
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.documents.slides import SlideKind
from app.events.models.events import Event
from app.events.services.hand import correct_event, stated_of
from app.jobs.tasks.context import Context
from app.meetings.models.packs import MeetingPack
from app.meetings.rules.packs import PackFile
from app.meetings.services.packs import content_of, order_pack
from app.meetings.tasks.packs import make_pack
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES, Category, Impact
from app.tickets.services.lifecycle import change_ticket
from tests import cric_sample
from tests.harness.server import LiveServer
from tests.seeded_reports import seed_half, seed_two_versions

Scene = Callable[[Page, Shown], None]


def _list(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets")


def _filtered(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets?category=maintenance&site=DE-KIT&state=closed")


def _searched(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets?q=gridka+errors&state=open&state=closed")


def _suggested(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets")
    page.locator("#search").press_sequentially("gridka")
    page.get_by_role("option").first.wait_for()


def _empty(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets?q=submarine&priority=top+priority&layer=L3")


def _detail(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/{shown.story}")


def _guide(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/guide")


def _change(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/{shown.change}")
    _to_middle(page, "#acknowledgements")


def _attachments(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/{shown.parent}")
    chosen: list[FilePayload] = [
        {"name": "sample-trace.txt", "mimeType": "text/plain", "buffer": b"x" * 1800},
        {"name": "sample-dump.bin", "mimeType": "text/plain", "buffer": b"x" * 3_000_000},
    ]
    page.get_by_label("Attach files").set_input_files(chosen)
    if page.viewport_size is not None and page.viewport_size["width"] < 1100:
        page.locator("#attachments").evaluate("section => section.scrollIntoView()")
    page.locator(".files img").first.evaluate("image => image.decode()")


def _children(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/{shown.parent}")
    fold = page.locator("#relations")
    if not fold.evaluate("fold => fold.open"):
        fold.locator("> summary").click()
    _to_middle(page, "#relations")


def _to_middle(page: Page, place: str) -> None:
    page.locator(place).evaluate("part => part.scrollIntoView({block: 'center'})")


def _topology(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/topology")


def _topology_lhcone(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/topology?network=LHCONE")


def _topology_2013(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/topology?on=2013-05-07")


def _topology_site(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/topology?site=DE-KIT")


def _sites(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/sites")


def _site(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/sites/NL-T1")


def _site_of_2013(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/sites/TW-ASGC?on=2013-05-07")


def _links(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/links")


def _link(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/links/CERN-GRIDKA-LHCOPN-001")


def _site_edit(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/sites/NL-T1/edit")


def _create(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/new")
    page.locator("[name=category][value=maintenance]").check()
    page.locator("#title").fill("Fibre works between Geneva and Karlsruhe")
    links = page.locator("#links-search")
    links.fill("GRIDKA")
    links.press("Enter")


def _refused(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/new")
    page.locator("[name=category][value=maintenance]").check()
    page.locator("#event_start").fill("yesterday at noon")
    page.get_by_role("button", name="Create ticket").click()
    page.locator("#errors").wait_for()


def _of_event(page: Page, shown: Shown) -> None:
    """The ticket that home offers to write."""
    page.goto(shown.server.url)
    page.get_by_role("link", name="Create ticket for event").first.click()
    page.locator("#urgency").wait_for()


def _with_event(page: Page, shown: Shown) -> None:
    """The ticket of a link that is down now."""
    page.goto(shown.server.url)
    ticket = page.locator(".down-now .c-ticket a:not(.button)").first.get_attribute("href")
    page.goto(f"{shown.server.url}{ticket}")


def _in_conflict(page: Page, shown: Shown) -> None:
    """A window that collides with the demo's planned works."""
    day = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%d")
    page.goto(f"{shown.server.url}/tickets/new?category=maintenance")
    page.locator("[name=category][value=maintenance]").check()
    page.locator("#title").fill("Router upgrade at CERN")
    links = page.locator("#links-search")
    for name in ("CERN-GRIDKA-LHCOPN-001", "CERN-SARA-LHCOPN-001"):
        links.fill(name)
        links.press("Enter")
    page.locator("#window_start").fill(f"{day} 06:00")
    page.locator("#window_end").fill(f"{day} 12:00")
    page.locator("#window-conflicts .window-clash, #window-conflicts .help").first.wait_for()
    _to_middle(page, "#window-conflicts")


def _free(page: Page, shown: Shown) -> None:
    links = "link=CERN-GRIDKA-LHCOPN-001&link=CERN-PIC-LHCOPN-001"
    page.goto(f"{shown.server.url}/calendar/free?{links}&hours=6&days=14")


def _found(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets")
    page.keyboard.press("Control+k")
    page.keyboard.type("pic")
    page.locator("#found [role=option]").first.wait_for()


def _slide(page: Page, shown: Shown) -> None:
    """The slide after the title of the meeting pack, as its PDF has it."""
    number = _make_pack(shown)
    with shown.server.session() as session:
        content = content_of(session, SYSTEM, number, PackFile.PDF)
    drawn = BytesIO()
    pypdfium2.PdfDocument(content)[1].render(scale=1.4).to_pil().save(drawn, "PNG")
    page.goto("about:blank")  # whose policy lets it show this
    page.set_content(
        f"<img alt='' src='data:image/png;base64,{b64encode(drawn.getvalue()).decode()}'"
        " style='display:block;max-width:100%;margin:auto'>"
    )


def _conflict(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/{shown.edited}/edit")
    mine, theirs = "GEANT confirms a cut of the fibre near Basel", "Fibre cut near Basel"
    page.locator("#title").fill(mine)
    page.locator("#person_in_charge").fill("night shift")
    with shown.server.session() as session:
        user = session.scalars(select(User).where(User.name == "admin")).one()
        by = Writer(actor=actor_of_user(user), door=Door.PORTAL, now=datetime.now(UTC))
        seen = session.get_one(Ticket, shown.edited).title
        session.rollback()
        with transaction(session):
            change_ticket(session, by, shown.edited, {"title": theirs})
        page.get_by_role("button", name="Save changes").click()
        page.locator(".conflict").first.wait_for()
        with transaction(session):
            change_ticket(session, by, shown.edited, {"title": seen})


def as_admin(page: Page, shown: Shown) -> None:
    page.context.clear_cookies()
    log_in(page, shown.server, "admin")


def _home(who: str) -> Scene:
    def show(page: Page, shown: Shown) -> None:
        page.context.clear_cookies()
        log_in(page, shown.server, who)
        page.goto(shown.server.url)

    return show


def _in_month_of_conflict(path: str) -> Scene:
    """The demo's two works that collide are three days ahead."""

    def show(page: Page, shown: Shown) -> None:
        month = datetime.now(UTC) + timedelta(days=3)
        page.goto(f"{shown.server.url}{path}?month={month:%Y-%m}")

    return show


def _saved_filters(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/filters/1")
    page.locator(".saved > summary").click()


def _columns(page: Page, shown: Shown) -> None:
    keys = ("number", "title", "category", "layer", "impact", "unit", "window_start", "window_end")
    query = "&".join(f"columns={key}" for key in keys)
    page.goto(f"{shown.server.url}/tickets?category=maintenance&{query}")


def _bulk_preview(page: Page, shown: Shown) -> None:
    numbers = (shown.story, shown.change, shown.parent, 1)
    page.goto(f"{shown.server.url}/tickets/bulk?" + "&".join(f"n={number}" for number in numbers))
    page.get_by_label("State").select_option("waiting for reply")
    page.get_by_label("Comment").fill("The storm is over; please say whether the circuit is clean.")
    page.get_by_role("button", name="Preview").click()
    page.locator(".bulk-plan").wait_for()


def _shortcuts(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()


def _lhc(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/calendar/lhc")


def _tokens(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    for name, scope in (("events-feeder", "events"), ("nms", "read")):
        page.goto(f"{shown.server.url}/admin/tokens")
        if not page.get_by_text(name, exact=True).count():  # the same server in each size
            page.get_by_label("Name").fill(name)
            page.get_by_label(f"{scope}:").check()
            page.locator("#password").fill(PASSWORDS["admin"])
            page.get_by_role("button", name="Create token").click()
            page.get_by_role("heading", name="New secret").wait_for()
    page.goto(f"{shown.server.url}/admin/tokens")


def _admin(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/admin")


def _audit(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/admin/audit?kind=site&kind=person&kind=secret&kind=account")


def _unresolved(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/admin/unresolved")


def _work(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/work")


def _mails(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/mails")


def _mail_as_html(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/mails?state=sent")
    page.locator(".mails .c-to a").first.click()
    page.goto(f"{page.url}/html")


def _partners(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/partners")


def _account_calls(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/partners/accounts/1")
    if page.viewport_size is not None and page.viewport_size["width"] < 1100:
        page.locator("#h-use").scroll_into_view_if_needed()
        page.locator("#h-use").evaluate("heading => heading.scrollIntoView()")


def _account_new_secret(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    with shown.server.session() as session, transaction(session):
        account = partners.account_of_number(session, 1)
        if len(partners.live_secrets(session, account)) == partners.LIVE_SECRETS:
            by = Writer(actor=SYSTEM, door=Door.COMMAND, now=datetime.now(UTC))
            partners.end_older_secret(session, by, account)
    page.goto(f"{shown.server.url}/partners/accounts/1")
    page.get_by_text("Add a second secret…").click()
    page.get_by_label("Your password").fill(PASSWORDS["admin"])
    page.get_by_role("button", name="Add a secret to").click()
    page.locator("#new-secret").wait_for()


def _people(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/admin/people")


def _person(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/admin/people/reporter")
    page.get_by_text("New link…").click()
    page.get_by_label("Your password").fill(PASSWORDS["admin"])
    page.get_by_role("button", name="Create a link for reporter").click()
    page.locator("#new-link").wait_for()


def _second_factor(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/profile/second-factor")
    page.locator("form.begin input[name=password]").fill(PASSWORDS["admin"])
    page.locator("form.begin button").click()
    page.locator(".qr-frame").wait_for()


def _profile(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/profile")


_SITES = """key,country,time_zone,tier,nrens,names
DE-KIT,DE,Europe/Berlin,1,DFN;GEANT,LHCOPN:DE-KIT;GOCDB:FZK-LCG2;short:GRIDKA
XX-SAMPLE,CH,Europe/Zurich,,,GOCDB:SAMPLE-SITE
ES-PIC,ES,Europe/Madrid,1,RedIRIS,
"""


_OLD_TICKETS = """number,title,state,created,sites,links
4811,CERN-PIC-LHCOPN-001 down,closed,2011-01-02,pic,CERN-PIC-LHCOPN-001
4812,Slow transfers from FZK,done,2011-01-03,FZK-LCG2,
4813,BGP session down,verified,2011-13-04,FZK-LCG3,
4814,New prefix at PIC,verified,2011-02-04,pic,
"""


def _import_difference(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/admin/imports")
    page.locator("#file").set_input_files(
        {"name": "sites.csv", "mimeType": "text/csv", "buffer": _SITES.encode()}
    )
    page.get_by_role("button", name="Show the difference").click()
    page.locator(".difference").wait_for()


def _import_tickets(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/admin/imports/tickets")
    page.locator("#file").set_input_files(
        {"name": "old.csv", "mimeType": "text/csv", "buffer": _OLD_TICKETS.encode()}
    )
    page.get_by_role("button", name="Preview").click()
    page.locator("form.confirm").wait_for()


_EVENTS = """source,source_id,link,site,state,start,end,layer,detail
sample probe,1,CERN-PIC-LHCOPN-001,,down,2013-04-02T10:00:00Z,2013-04-02T12:30:00Z,L1/L2,Sample
sample probe,2,CERN-PIC-LHCOPN-01,,down,2013-04-03T10:00:00Z,2013-04-03T11:30:00Z,L1/L2,Sample
sample probe,3,CERN-PIC-LHCOPN-001,,up,2013-04-04T10:00:00,,L3,Sample
sample probe,4,,pic,degraded,2013-04-05T10:00:00+02:00,,unknown,Sample
"""


def _events(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/events")


def _events_undocumented(page: Page, shown: Shown) -> None:
    query = "network=LHCOPN&quarter=2013-Q1&counted=yes&documented=no"
    page.goto(f"{shown.server.url}/events?{query}")


def _event(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/events?documented=yes&counted=yes")
    page.locator(".events .c-where a").first.click()
    page.locator(".event-lines").wait_for()


def _import_events(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/events/import")
    page.locator("#file").set_input_files(
        {"name": "events.csv", "mimeType": "text/csv", "buffer": _EVENTS.encode()}
    )
    page.get_by_role("button", name="Preview").click()
    page.locator(".import-choice").wait_for()


def _cric(page: Page, shown: Shown) -> None:
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/admin/cric")
    closed = page.locator("details.source:not([open]) > summary")
    if closed.count():
        closed.click()
    page.locator("#file").set_input_files(
        {"name": "cric.json", "mimeType": "application/json", "buffer": cric_sample.CONTENT}
    )
    page.get_by_role("button", name="Read and compare").click()
    page.locator("#notices .notice").wait_for()


def _packs(page: Page, shown: Shown) -> None:
    _make_pack(shown)
    page.goto(f"{shown.server.url}/reports/packs?first=2013-Q1&last=2013-Q2")


def _pack(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/reports/packs/{_make_pack(shown)}")


def _make_pack(shown: Shown) -> int:
    """A meeting pack of the slides' quarters, made once, as the worker does it."""
    with shown.server.session() as session:
        number = session.scalar(select(func.max(MeetingPack.id)))
        if number is None:
            user = session.scalars(select(User).where(User.name == "operator")).one()
            by = Writer(actor_of_user(user), Door.PORTAL, datetime.now(UTC))
            given = {"title": "LHCOPN operations", "first": "2013-Q1", "last": "2013-Q2"}
            with transaction(session):
                number = order_pack(session, by, slides=list(SlideKind), **given).id
            engine = session.get_bind()
            assert isinstance(engine, Engine)
            make_pack(Context(engine, shown.server.settings), {"id": number})
    return number


def _report(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/reports/DE-KIT/2013-Q1")


def _report_half(page: Page, shown: Shown) -> None:
    with shown.server.session() as session:
        seed_half(session, "ES-PIC", "2013-Q1")
    page.goto(f"{shown.server.url}/reports/ES-PIC/2013-Q1")
    field = page.locator("#f-answer-issues")
    # as if somebody else had saved since the page was loaded
    field.locator("[name^='seen.']").evaluate("seen => { seen.value = '0' }")
    field.locator("textarea").fill("The first link flaps in the night.")
    page.get_by_label("Remarks").fill("More comes when the provider has answered.")
    page.keyboard.press("Tab")
    field.locator(".report-conflict").wait_for()
    page.locator("#f-answer-remarks .saved").wait_for()
    _to_middle(page, "#f-answer-issues")


def _report_signed(page: Page, shown: Shown) -> None:
    with shown.server.session() as session:
        seed_two_versions(session, "UK-T1-RAL", "2012-Q4")
    page.goto(f"{shown.server.url}/reports/UK-T1-RAL/2012-Q4")


def _report_difference(page: Page, shown: Shown) -> None:
    _report_signed(page, shown)
    page.goto(f"{shown.server.url}/reports/UK-T1-RAL/2012-Q4/difference")


def _report_draft(page: Page, shown: Shown) -> None:
    """A draft of the questions, with one that is new; made once."""
    as_admin(page, shown)
    page.goto(f"{shown.server.url}/reports/forms/2")
    if page.get_by_role("heading", name="Form 2").count() == 0:
        page.goto(f"{shown.server.url}/reports/forms")
        page.get_by_role("button", name="Create draft").click()
        page.get_by_role("link", name="Add a question").click()
        page.get_by_label("Question").fill("Power cuts that hit the site's router")
        page.locator("#kind").select_option("choice")
        page.locator("#choices").fill("None\nOne\nSeveral")
        page.locator("#group").fill("Checks")
        page.get_by_role("button", name="Add to the form").click()
        page.get_by_role("link", name="Differences", exact=True).wait_for()


def _of_draft(path: str) -> Scene:
    def show(page: Page, shown: Shown) -> None:
        _report_draft(page, shown)
        page.goto(f"{shown.server.url}/reports/forms{path}")

    return show


def _login(page: Page, shown: Shown) -> None:
    page.context.clear_cookies()
    page.goto(f"{shown.server.url}/login")


def _not_found(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/999999")


def _forbidden(page: Page, shown: Shown) -> None:
    page.context.clear_cookies()
    log_in(page, shown.server, "reader")
    page.goto(f"{shown.server.url}/tickets/new")


def _no_token(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.server.url}/tickets/new")
    page.locator("#title").fill("Packet loss between Geneva and Amsterdam")
    page.locator("#description").fill("2 % since 09:05 UTC, in both directions.")
    page.evaluate(
        "document.querySelectorAll('[name=csrf_token]').forEach(field => { field.value = 'old' })"
    )
    page.get_by_role("button", name="Create ticket").click()
    page.get_by_role("button", name="Send again").wait_for()


def _at(address: str) -> Scene:
    def show(page: Page, shown: Shown) -> None:
        page.goto(f"{shown.server.url}{address}")

    return show


def _printed(path: str) -> Scene:
    """The same as it is printed on A4 across."""

    def show(page: Page, shown: Shown) -> None:
        page.emulate_media(media="print")
        page.goto(f"{shown.server.url}{path}")

    return show


PAGES: dict[str, Scene] = {
    "statistics": _at("/statistics"),
    "statistics-tickets": _at("/statistics/tickets?by=category&per=half-year&from=2012&to=2013"),
    "statistics-tickets-by-link": _at("/statistics/tickets?by=link"),
    "statistics-times": _at("/statistics/times?by=category"),
    "statistics-long-standing": _at("/statistics/long-standing"),
    "statistics-availability": _at("/statistics/availability?from=2012-Q1&to=2013-Q2"),
    "statistics-definitions": _at("/statistics/definitions"),
    "list": _list,
    "calendar": _in_month_of_conflict("/calendar"),
    "calendar-links": _in_month_of_conflict("/calendar/links"),
    "lhc": _lhc,
    "matching": _at("/statistics/matching"),
    "matching-slides": _at("/statistics/matching?quarters=slides"),
    "matching-range": _at("/statistics/matching?from=2012-Q1&to=2013-Q2"),
    "matching-rules": _at("/statistics/matching/rules"),
    "matching-undocumented": _at(
        "/events?quarter=2013-Q2&t1=DE-KIT&network=LHCOPN&counted=yes&documented=no"
    ),
    "duty": _at("/duty"),
    "duty-rules": _at("/duty/rules"),
    "what-if": _at("/statistics/what-if?from=2012-Q1&to=2013-Q2"),
    "what-if-print": _printed("/statistics/what-if?from=2012-Q1&to=2013-Q2"),
    "home-reporter": _home("reporter"),
    "home-reader": _home("reader"),
    "home-admin": _home("admin"),
    "home-operator": _home("operator"),
    "events": _events,
    "events-timeline": _at("/events/timeline"),
    "calendar-agenda": _at("/calendar/agenda"),
    "calendar-free": _at("/calendar/free"),
    "events-undocumented": _events_undocumented,
    "event": _event,
    "import-events": _import_events,
    "teleconferences": _at("/reports/teleconferences"),
    "teleconference": _at("/reports/teleconferences/2"),
    "teleconference-held": _at("/reports/teleconferences/1"),
    "teleconference-ask": _at("/reports/teleconferences/new?quarter=2013-Q1"),
    "report-forms": _of_draft(""),
    "report-form-draft": _report_draft,
    "report-form-preview": _of_draft("/2/preview"),
    "report-form-differences": _of_draft("/2/differences"),
    "notices": _at("/notices"),
    "notice": _at("/notices/2"),
    "notice-to-read": _at("/notices/4"),
    "packs": _packs,
    "pack": _pack,
    "reports": _at("/reports"),
    "reports-grid-2012": _at("/reports?from=2012-Q1&to=2013-Q2"),
    "report-reminders": _at("/reports/reminders"),
    "report-quiet": _at("/reports/quiet"),
    "reports-quarter": _at("/reports/quarters/2012-Q4"),
    "reports-quarter-print": _printed("/reports/quarters/2012-Q4/print"),
    "reports-twiki": _at("/reports/quarters/2012-Q4/twiki"),
    "report": _report,
    "report-half": _report_half,
    "report-signed": _report_signed,
    "report-difference": _report_difference,
    "list-filtered": _filtered,
    "list-searched": _searched,
    "search-suggested": _suggested,
    "list-empty": _empty,
    "list-saved-filters": _saved_filters,
    "list-columns": _columns,
    "bulk-preview": _bulk_preview,
    "shortcuts": _shortcuts,
    "detail": _detail,
    "guide": _guide,
    "ticket-change": _change,
    "ticket-children": _children,
    "ticket-attachments": _attachments,
    "topology": _topology,
    "topology-lhcone": _topology_lhcone,
    "topology-2013": _topology_2013,
    "topology-site": _topology_site,
    "sites": _sites,
    "site": _site,
    "site-2013": _site_of_2013,
    "links": _links,
    "link": _link,
    "create": _create,
    "create-refused": _refused,
    "conflict": _conflict,
    "window-in-conflict": _in_conflict,
    "ticket-of-event": _of_event,
    "ticket-with-event": _with_event,
    "free-window": _free,
    "found": _found,
    "slide": _slide,
    "error-404": _not_found,
    "error-400": _no_token,
    "site-edit": _site_edit,
    "partners": _partners,
    "tokens": _tokens,
    "import-difference": _import_difference,
    "import-tickets": _import_tickets,
    "cric": _cric,
    "account-calls": _account_calls,
    "account-new-secret": _account_new_secret,
    "admin": _admin,
    "audit": _audit,
    "unresolved-names": _unresolved,
    "work": _work,
    "mails": _mails,
    "mail-as-html": _mail_as_html,
    "people": _people,
    "person": _person,
    "profile": _profile,
    "second-factor": _second_factor,
    "error-403": _forbidden,
    "login": _login,
}
"""What is shown under which name; those that log out are last."""

QUIET_PAGES: dict[str, Scene] = {"home-quiet": _home("operator")}
"""Those of a night in which nothing is down, after ``quieten``."""


def quieten(server: LiveServer) -> None:
    """End every event and solve the incidents that say that a link is down or degraded."""
    now = datetime.now(UTC)
    with server.session() as session:
        user = session.scalars(select(User).where(User.name == "operator")).one()
        by = Writer(actor=actor_of_user(user), door=Door.PORTAL, now=now)
        ongoing = select(Event).where(Event.end.is_(None), Event.withdrawn_at.is_(None))
        events = [
            (one.id, one.version, stated_of(session, one)) for one in session.scalars(ongoing)
        ]
        incidents = session.scalars(
            select(Ticket.number).where(
                Ticket.state.in_(OPEN_STATES),
                Ticket.category == Category.INCIDENT,
                Ticket.impact.in_((Impact.DEGRADED, Impact.OUTAGE)),
            )
        ).all()
        session.rollback()
        with transaction(session):
            for number, version, stated in events:
                correct_event(session, by, number, version, replace(stated, end=now))
            for number in incidents:
                solved = {"state": "solved", "solution": "Repaired."}
                change_ticket(session, by, number, solved)
        follow_changes(session)
