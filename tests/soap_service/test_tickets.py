"""The operations of GGUS over a socket: what goes in comes out, and what may not is a fault."""

from __future__ import annotations

import pytest

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON
from tests.soap_service.wire import CREATED, Wire, in_order, modify

NO_SUCH_ENTRY = "ERROR (302): Entry does not exist in database; "


def test_a_ticket_that_is_created_is_answered_as_it_was_sent(wire: Wire) -> None:
    number = wire.create(
        {
            "GHD_Description": "first line\rsecond <b>&amp; 𝒳 \u202e",
            "GHD_E-Mail": "noc-demo@example.org",
            "GHD_Internal_Diary": None,
            "GHD_Loginname": "/DC=example/CN=noc-demo",
            "GHD_Name": "noc-demo",
            "GHD_Origin_ID": "479",
            "GHD_Priority": "normal",
            "GHD_Responsible_Unit": "TPM",
            "GHD_Status": "new",
            "GHD_Type_Of_Problem": "Network",
            "GHD_Origin_SG": "anything",
            "GHD_Affected_Site": "No Such Site",
            "GHD_Affected_VO": "",
            "GHD_Phone": "+41",
            "GHD_Related_Issue": "https://example.org/1",
            "GHD_Public_Diary": "seen here too",
            "GHD_Experiment_Specific_Problem": "Yes",
        }
    )
    got = wire.get(number)
    when = got.pop("GHD_Date_Of_Change")
    assert when == got.pop("GHD_Date_Of_Creation")
    assert when.endswith("Z")
    diary = got.pop("GHD_Public_Diary")
    assert diary.endswith("UTC] noc-demo (via test)\nseen here too")
    assert got == {
        "GHD_Description": "first line\rsecond <b>&amp; 𝒳 \u202e",
        "GHD_Experiment_Specific_Problem": "Yes",
        "GHD_Last_Modifier": "noc-demo (via test)",
        "GHD_Priority": "normal",
        "GHD_Request_ID": number,
        "GHD_Responsible_Unit": "TPM",
        "GHD_Short_Description": "no traffic between two sites",
        "GHD_Status": "new",
        "GHD_Type_Of_Problem": "Network",
        "GHD_Affected_Site": "No Such Site",
        "GHD_Affected_VO": "none",
        "GHD_E-Mail": "noc-demo@example.org",
        "GHD_Loginname": "/DC=example/CN=noc-demo",
        "GHD_Name": "noc-demo",
        "GHD_Phone": "+41",
        "GHD_Ticket_Type": "LHCOPN",
        "GHD_Origin_SG": "OPN",
        "GHD_Related_Issue": "https://example.org/1",
    }
    others = wire.get(number, user="reader")
    assert "GHD_E-Mail" not in others
    assert "GHD_Phone" not in others
    assert "GHD_Related_Issue" not in wire.get(number, user="old")


def test_the_alias_names_do_the_same(wire: Wire) -> None:
    number = wire.create()
    least = {"GHD_Request_ID": number}
    assert wire.call("OpGet", least).values == wire.get(number)
    changed = {**least, "GHD_Last_Modifier": "m", "GHD_Last_Login": "l", "GHD_Public_Diary": "x"}
    assert wire.call("OpModify", changed).values == least
    rows = wire.call("OpGetList", {"Qualification": f"'GHD_Request ID'={number}"}).rows
    assert [row["GHD_Request_ID"] for row in rows] == [number]


def test_ticket_create_answers_with_a_hyphen(wire: Wire) -> None:
    values = in_order("TicketCreate", {**CREATED, "GHD_Submitter_Mail": "a@example.org"})
    answer = wire.call("TicketCreate", values)
    assert list(answer.values) == ["GHD_Request-ID"]


@pytest.mark.parametrize("operation", ["TicketGet", "OpGet"])
@pytest.mark.parametrize("number", ["999999", "0", "", "abc", "99999999999999", "-1"])
def test_an_unknown_id_is_302(sqlite_wire: Wire, operation: str, number: str) -> None:
    answer = sqlite_wire.call(operation, {"GHD_Request_ID": number})
    assert answer.status == 500
    assert answer.fault == NO_SUCH_ENTRY


def test_an_empty_list_is_302_and_a_bad_query_is_not(wire: Wire) -> None:
    assert (
        wire.call("TicketGetList", {"Qualification": "'GHD_Status'=\"no\""}).fault == NO_SUCH_ENTRY
    )
    for bad in ("'GHD_Nothing'=1", 'GHD_Status\'="new"', "' OR 1=1", "'GHD_Status'={'a': 1}"):
        assert wire.call("TicketGetList", {"Qualification": bad}).fault.startswith("ERROR (312)")


def test_lists_page_without_gap(wire: Wire) -> None:
    mine = [wire.create({"GHD_Responsible_Unit": "PAGES"}) for _ in range(5)]
    unit = {"GHD_Responsible_Unit": "PAGES"}

    def page(start: str, limit: str) -> list[str]:
        answer = wire.call("TicketGetList", {"startRecord": start, "maxLimit": limit, **unit})
        return [row["GHD_Request_ID"] for row in answer.rows]

    assert page("", "") == page("0", "-1") == mine
    assert page("0", "2") + page("2", "2") + page("4", "2") == mine
    for start, limit in (("0", "0"), ("x", ""), ("", "x")):
        answer = wire.call("TicketGetList", {"startRecord": start, "maxLimit": limit, **unit})
        assert answer.fault.startswith("ERROR (310)")


def test_a_list_without_a_limit_holds_500(sqlite_wire: Wire) -> None:
    by = Writer(SYSTEM, Door.COMMAND, NOON)
    with sqlite_wire.server.session() as session, transaction(session):
        new = NewTicket("One of many", unit="MANY")
        mine = [str(open_ticket(session, by, new).number) for _ in range(501)]
    unit = {"GHD_Responsible_Unit": "MANY"}

    def page(**asked: str) -> list[str]:
        answer = sqlite_wire.call("TicketGetList", {**asked, **unit})
        return [row["GHD_Request_ID"] for row in answer.rows]

    assert page() == page(maxLimit="") == mine[:500]
    assert page(startRecord="500") == mine[500:]


def test_times_are_read_with_their_zones(sqlite_wire: Wire) -> None:
    times = (
        "2013-03-06 10:30:00",
        "2013-03-06T10:30:00Z",
        "2013-03-06T11:30:00+01:00",
        "2013-03-06T16:00+0530",
        "2013-03-05T23:30:00-11:00",
    )
    mine = [sqlite_wire.create({"GHD_Date_Time_Of_Problem": time}) for time in times]
    for time in (*times, "1362565800"):
        sent = {"Qualification": f"'GHD_Date/Time Of Problem'=\"{time}\""}
        found = sqlite_wire.call("TicketGetList", sent).rows
        assert [row["GHD_Request_ID"] for row in found] == mine, time


def test_a_blank_site_is_none(wire: Wire) -> None:
    number = wire.create({"GHD_Affected_Site": " "})
    assert "GHD_Affected_Site" not in wire.get(number)
    assert modify(wire, number, {"GHD_Affected_Site": " "}).fault.startswith("ERROR (310)")


def test_a_modification_changes_what_it_names(wire: Wire) -> None:
    number = wire.create({"GHD_Affected_Site": "A", "GHD_Affected_VO": "cms"})
    before = wire.get(number)
    answer = modify(
        wire,
        number,
        {
            "GHD_Status": "solved",
            "GHD_Detailed_Solution": "replaced",
            "GHD_Public_Diary": "done",
            "GHD_Affected_Site": None,
            "GHD_Affected_VO": "",
            "GHD_Responsible_Unit": "",
        },
    )
    assert answer.values == {"GHD_Request_ID": number}
    after = wire.get(number)
    assert after["GHD_Status"] == "solved"
    assert after["GHD_Detailed_Solution"] == "replaced"
    assert after["GHD_Affected_Site"] == "A"
    assert after["GHD_Affected_VO"] == "none"
    assert after["GHD_Responsible_Unit"] == "TPM"
    assert after["GHD_Date_Of_Change"] > before["GHD_Date_Of_Change"]
    assert modify(wire, number, {"GHD_Status": "new"}).fault.startswith("ERROR (311)")


def test_an_identical_modification_is_stored_once(wire: Wire) -> None:
    number = wire.create()
    for _ in range(3):
        assert modify(wire, number, {"GHD_Public_Diary": "again"}).status == 200
    assert wire.get(number)["GHD_Public_Diary"].count("again") == 1


def test_history_is_oldest_first(wire: Wire) -> None:
    number = wire.create({"GHD_Public_Diary": "one"})
    modify(wire, number, {"GHD_Internal_Diary": "mine"})
    modify(wire, number, {"GHD_Status": "in progress"})

    def rows(start: str = "", limit: str = "", user: str = "opn") -> list[dict[str, str]]:
        sent = {"GHD_Request_ID": number, "startRecord": start, "maxLimit": limit}
        return wire.call("OpGetTicketHist", sent, service="GGUS_HISTORY", user=user).rows

    found = rows()
    assert [row["GHD_Status"] for row in found] == ["new", "new", "in progress"]
    assert found[0]["GHD_Public_Diary"] == "one"
    assert found[1]["GHD_Internal_Diary"] == "mine"
    assert all(row["GHD_Creation_Date"] and row["GHD_Last_Modifier"] for row in found)
    assert rows("1", "1") == [found[1]]
    assert len(rows(user="reader")) == 2  # another partner's internal text is not shown
    past = {"GHD_Request_ID": number, "startRecord": "9"}
    assert wire.call("OpGetTicketHist", past, service="GGUS_HISTORY").fault == NO_SUCH_ENTRY


def test_a17_another_partner_cannot_touch_what_is_not_its_own(wire: Wire) -> None:
    number = wire.create()
    assert modify(wire, number, {"GHD_Public_Diary": "x"}, user="other").fault == NO_SUCH_ENTRY
    get = wire.call("TicketGet", {"GHD_Request_ID": number}, user="other")
    assert get.fault == NO_SUCH_ENTRY
    read_only = modify(wire, number, {"GHD_Public_Diary": "x"}, user="reader")
    assert read_only.fault.startswith("ERROR (330)")
    own = wire.create({"GHD_Last_Login": "opn", "GHD_Origin_SG": "OPN"}, user="other")
    assert wire.get(own, user="other")["GHD_Origin_SG"] == "OTHER"


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("GHD_Short_Description", "x" * 256),
        ("GHD_Short_Description", "  "),
        ("GHD_Description", "x" * 4001),
        ("GHD_Public_Diary", "𝒳" * 4001),
        ("GHD_Responsible_Unit", "x" * 51),
        ("GHD_Related_Issue", "https://" + "x" * 118),
        ("GHD_Related_Issue", "javascript:alert(1)"),
        ("GHD_Related_Issue", "RT 4711 at the provider"),
        ("GHD_Name", "x" * 256),
        ("GHD_Status", "solved"),
        ("GHD_Status", "nonsense"),
        ("GHD_Priority", "nonsense"),
        ("GHD_Experiment_Specific_Problem", "nonsense"),
        ("GHD_Date_Time_Of_Problem", "nonsense"),
    ],
)
def test_a_value_that_is_not_allowed_is_a_fault(
    sqlite_wire: Wire, element: str, value: str
) -> None:
    before = sqlite_wire.count()
    answer = sqlite_wire.call("OpCreate", in_order("OpCreate", {**CREATED, element: value}))
    assert answer.fault.startswith("ERROR (310): ")
    assert answer.fault_code == "Client"
    assert value.strip() == "" or value not in answer.fault
    assert sqlite_wire.count() == before


def test_an_old_related_issue_is_answered_and_may_be_sent_back(sqlite_wire: Wire) -> None:
    number = sqlite_wire.create()
    with sqlite_wire.server.session() as session, transaction(session):
        session.get_one(Ticket, int(number)).related_issue = "RT 7"
    assert sqlite_wire.get(number)["GHD_Related_Issue"] == "RT 7"
    for sent, kept in (("RT 7", "RT 7"), ("RT 8", "RT 7"), ("HTTPS://rt.example/8", None)):
        answer = modify(sqlite_wire, number, {"GHD_Related_Issue": sent})
        if sent == "RT 8":
            assert answer.fault.startswith(
                "ERROR (310): GHD_Related_Issue: Related issue is not a URL"
            )
        assert sqlite_wire.get(number)["GHD_Related_Issue"] == (kept or sent)


def test_a_long_text_of_four_byte_letters_is_kept(wire: Wire) -> None:
    number = wire.create({"GHD_Description": "𝒳" * 4000})
    assert wire.get(number)["GHD_Description"] == "𝒳" * 4000


def test_a_repeated_creation_answers_the_first_number(wire: Wire) -> None:
    sent = {"GHD_Origin_ID": "R-1", "GHD_Origin_SG": "S", "GHD_Public_Diary": "x"}
    number = wire.create(sent)
    assert wire.create({**sent, "GHD_Last_Modifier": "another"}) == number
    mail = {**CREATED, **sent, "GHD_Submitter_Mail": ""}
    again = wire.call("TicketCreate", in_order("TicketCreate", mail))
    assert again.values == {"GHD_Request-ID": number}
    assert wire.create({**sent, "GHD_Priority": "urgent"}) == number
    assert wire.get(number)["GHD_Priority"] == "less urgent"
    modify(wire, number, {"GHD_Status": "unsolved"})
    assert wire.create(sent) == number
    another = {"GHD_Last_Modifier": "another", "GHD_Last_Login": "another"}
    assert wire.create({**sent, **another}) == number
    other = in_order("OpCreate", {**CREATED, **sent, "GHD_Priority": "top priority"})
    refused = wire.call("OpCreate", other).fault
    assert refused.startswith("ERROR (340)")
    assert number in refused


def test_r1_a_diary_sent_again_is_one_entry_whatever_else_names_the_sender(wire: Wire) -> None:
    number = wire.create()
    diary = {"GHD_Public_Diary": "fibre cut near Basel", "GHD_Status": "in progress"}
    for login in ("noc-demo", "noc-demo", "noc-backup"):
        sent = modify(wire, number, {**diary, "GHD_Last_Login": login})
        assert sent.values == {"GHD_Request_ID": number}
    assert wire.get(number)["GHD_Public_Diary"].count("fibre cut near Basel") == 1
    modify(wire, number, {**diary, "GHD_Last_Modifier": "somebody else"})
    assert wire.get(number)["GHD_Public_Diary"].count("fibre cut near Basel") == 2
