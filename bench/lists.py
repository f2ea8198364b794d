"""TicketGetList: 500 rows by each kind of qualification, and paging through all tickets.

The comparison is the least that any service has to do: hand-written SQL for the same rows and
their diaries, and lxml writing the same elements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from html import escape
from http.client import HTTPConnection
from statistics import median
from time import perf_counter
from urllib.parse import urlsplit

from lxml import etree

from bench import places
from bench.places import TITLES, Place
from bench.raw import Raw
from bench.reads import ask
from bench.tables import print_table

ROWS = 500
TIMES = 3
_NS = "urn:GGUS"
_COLUMNS = {
    "GHD_Request_ID": "t.number",
    "GHD_Name": "t.submitter_name",
    "GHD_E-Mail": "t.submitter_mail",
    "GHD_Loginname": "t.submitter_login",
    "GHD_Priority": "t.priority",
    "GHD_Detailed_Solution": "t.solution",
    "GHD_Short_Description": "t.title",
    "GHD_Type_Of_Problem": "t.type_of_problem",
    "GHD_Status": "t.state",
    "GHD_Responsible_Unit": "t.unit",
    "GHD_VO_Specific": "t.experiment_specific",
    "GHD_Description": "t.description",
    "GHD_Last_Modifier": "t.last_author",
    "GHD_Affected_VO": "t.affected_vo",
    "GHD_Create_Date": "t.created_at",
    "GHD_Modified_Date": "t.changed_at",
    "GHD_Origin_SG": "p.code",
    "GHD_ETA": "t.estimated_end",
    "GHD_Related_Issue": "t.related_issue",
}
_NAMED = (
    "SELECT ts.ticket_number FROM ticket_sites ts WHERE ts.name = '{0}' OR ts.site_id IN"
    " (SELECT n.site_id FROM site_names n WHERE n.name = '{0}')"
)
_OPEN = "('new', 'assigned', 'in progress', 'waiting for reply', 'on hold', 'reopened')"
CASES = {
    "none": ("", "1 = 1"),
    "site =": (
        "'GHD_Affected Site'=\"FZK-LCG2\"",
        f"t.number IN ({_NAMED.format('FZK-LCG2')})",
    ),
    "site !=": (
        "'GHD_Affected Site'!=\"FZK-LCG2\"",
        f"t.number NOT IN ({_NAMED.format('FZK-LCG2')})",
    ),
    "200 sites != (D2)": (
        " AND ".join(f"'GHD_Affected Site'!=\"x{number}\"" for number in range(200)),
        "1 = 1",
    ),
    "unit =": ("'GHD_Responsible Unit'=\"LHCOPN NOC\"", "t.unit = 'LHCOPN NOC'"),
    "status =": ("'GHD_Status'=\"in progress\"", "t.state = 'in progress'"),
    "status !=": ("'GHD_Status'!=\"verified\"", "t.state <> 'verified'"),
    "meta status =": ("'GHD_Meta Status'=\"Open\"", f"t.state IN {_OPEN}"),
    "priority =": ("'GHD_Priority'=\"top priority\"", "t.priority = 'top priority'"),
    "VO =": ("'GHD_Affected VO'=\"cms\"", "t.affected_vo = 'cms'"),
    "category and layer =": (
        "'GHD_Ticket Category'=\"Maintenance L2\"",
        "t.category = 'maintenance' AND t.layer = 'L1/L2'",
    ),
    "created in a range": (
        "'GHD_Date Of Creation'>=\"2019-01-01\" AND 'GHD_Date Of Creation'<\"2021-01-01\"",
        "t.created_at >= '2019-01-01 00:00:00' AND t.created_at < '2021-01-01 00:00:00'",
    ),
    "changed since": (
        "'GHD_Last Update'>\"2024-06-01\"",
        "t.changed_at > '2024-06-01 00:00:00'",
    ),
    "request id in a range": (
        "'GHD_Request ID'>{low} AND 'GHD_Request ID'<={high}",
        "t.number > {low} AND t.number <= {high}",
    ),
    "OR in parentheses": (
        "('GHD_Status'=\"in progress\" OR 'GHD_Priority'=\"urgent\")"
        " AND 'GHD_Affected VO'=\"atlas\"",
        "(t.state = 'in progress' OR t.priority = 'urgent') AND t.affected_vo = 'atlas'",
    ),
    "title = (one row)": ("'GHD_Short Description'=\"{title}\"", "t.title = '{title}'"),
    "origin id = (one row)": ("'GHD_Origin ID'=\"{origin}\"", "t.origin_id = '{origin}'"),
}
"""Name: what a partner asks, and the condition by hand."""


def measure(place: Place) -> None:
    """Print both tables for one database."""
    raw = Raw(place.url)
    ((title, origin),) = raw.rows(
        "SELECT title, origin_id FROM tickets WHERE origin_id <> '' AND number > ?"
        " ORDER BY number LIMIT 1",
        (place.first + place.last) // 2,
    )
    low = (place.first + place.last) // 2
    facts = {"title": title, "origin": origin, "low": low, "high": low + (place.last - low) // 2}
    rows = []
    with places.portal(place) as url:
        parts = urlsplit(url)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=300)

        def asked(qualification: str, start: int = 0) -> int:
            values = (
                f"<n:Qualification>{escape(qualification)}</n:Qualification>"
                f"<n:startRecord>{start}</n:startRecord><n:maxLimit>{ROWS}</n:maxLimit>"
            )
            return ask(url, "TicketGetList", values, connection).count(b"<ns0:getListValues>")

        for name, (qualification, where) in CASES.items():
            text, by_hand = qualification.format(**facts), where.format(**facts)
            assert _by_hand(raw, by_hand) > 0  # brings pages of the database into memory
            began = perf_counter()
            count = asked(text)
            first = (perf_counter() - began) * 1000
            assert count == _by_hand(raw, by_hand)
            ours, least = (
                _milliseconds(lambda text=text: asked(text)),  # type: ignore[misc]
                _milliseconds(lambda by_hand=by_hand: _by_hand(raw, by_hand)),  # type: ignore[misc]
            )
            times = (first, ours, least)
            written = (f"{milliseconds:.0f} ms" for milliseconds in times)
            rows.append((name, str(count), *written, f"{ours / least:.1f}"))
        print_table(
            f"TicketGetList, {TITLES[place.kind]}: {ROWS} rows of {place.last:,} tickets",
            (
                *("qualification", "rows", "portal, first time", "portal, again"),
                *("SQL by hand and lxml", "again is times that"),
            ),
            rows,
        )
        pages = []
        start = 0
        while True:
            began = perf_counter()
            if not (start < place.last and asked("", start)):
                break
            pages.append((perf_counter() - began) * 1000)
            start += ROWS
        connection.close()
    middle = len(pages) // 2
    print_table(
        f"Paging, {TITLES[place.kind]}: {place.last:,} tickets in {len(pages)} pages of {ROWS}",
        ("pages", "median"),
        [
            ("first five", f"{median(pages[:5]):.0f} ms"),
            ("five in the middle", f"{median(pages[middle - 2 : middle + 3]):.0f} ms"),
            ("last five", f"{median(pages[-5:]):.0f} ms"),
        ],
    )


def _milliseconds(act: Callable[[], int]) -> float:
    times = []
    for _ in range(TIMES):
        began = perf_counter()
        act()
        times.append((perf_counter() - began) * 1000)
    return median(times)


def _by_hand(raw: Raw, where: str) -> int:
    """The same rows as XML by plain SQL and lxml; how many."""
    tickets = raw.rows(
        f"SELECT {', '.join(_COLUMNS.values())}, (SELECT coalesce(n.name, ts.name)"
        " FROM ticket_sites ts LEFT JOIN site_names n ON n.site_id = ts.site_id"
        " AND n.system = 'GOCDB' WHERE ts.ticket_number = t.number ORDER BY ts.position, n.id"
        " LIMIT 1) FROM tickets t LEFT JOIN partners p ON p.id = t.created_by_partner_id"
        f" WHERE {where} ORDER BY t.number LIMIT {ROWS}"
    )
    diaries: dict[int, list[str]] = defaultdict(list)
    numbers = ", ".join(str(row[0]) for row in tickets) or "0"
    for number, at, author, text in raw.rows(
        "SELECT c.thing_id, c.at, c.author, f.new FROM changes c JOIN changed_fields f"
        f" ON f.change_id = c.id WHERE c.kind = 'ticket' AND c.thing_id IN ({numbers})"
        " AND f.field = 'public_comment' ORDER BY c.thing_id, c.version"
    ):
        diaries[number].append(f"[{str(at)[:19]} UTC] {author}\n{text}")
    answer = etree.Element(f"{{{_NS}}}TicketGetListResponse", nsmap={"ns0": _NS})
    for row in tickets:
        written = etree.SubElement(answer, f"{{{_NS}}}getListValues")
        for name, value in zip((*_COLUMNS, "GHD_Affected_Site"), row, strict=True):
            if value is not None and value != "":
                etree.SubElement(written, f"{{{_NS}}}{name}").text = str(value)
        if row[0] in diaries:
            text = "\n\n".join(diaries[row[0]])
            etree.SubElement(written, f"{{{_NS}}}GHD_Public_Diary").text = text
    etree.tostring(answer, xml_declaration=True, encoding="UTF-8")
    return len(tickets)
