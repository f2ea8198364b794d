"""Mails of ticket systems: lines of a key and a value, read and written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.exchange.rules.structured_mail import StructuredMail, read_mail, write_mail

# the keys of HEAnet's mails, in the order in which they stand there
HEANET = (
    ("Ticket Number", "number"),
    ("Status", "state"),
    ("Type", "category"),
    ("Opened", "event_detected"),
    ("Problem Start", "event_start"),
    ("Problem End", "event_end"),
    ("Site/line", "links"),
    ("Description", "text"),
)
MAIL = """Dear all,

Ticket Number : 479
Status: Open
Type:\tUnscheduled
Problem Start: 2013-03-06 09:12 UTC
Site/line: Dublin - London
Description: The fibre is cut.
Engineers are on their way: ETA 14:00
Status: never read again
"""


def test_the_lines_of_a_mail_are_read_and_its_text_is_whole() -> None:
    read = read_mail(MAIL, HEANET)
    assert read is not None
    assert (read.number, read.values) == ("479", {"state": "Open", "category": "Unscheduled"})
    assert read.text == (
        "The fibre is cut.\nEngineers are on their way: ETA 14:00\nStatus: never read again"
    )


def test_without_a_key_for_the_text_all_of_it_is_the_text() -> None:
    lines = [line for line in HEANET if line[1] != "text"]
    read = read_mail(MAIL, lines)
    assert read is not None
    assert read.text == MAIL.strip()


def test_a_mail_without_their_number_is_none_of_theirs() -> None:
    assert read_mail("Thank you!\nStatus: Open", HEANET) is None
    assert read_mail("Ticket Number:\nStatus: Open", HEANET) is None
    assert read_mail("", HEANET) is None


def test_addresses_and_times_are_no_lines() -> None:
    text = "Ticket Number: 479\nhttps://noc.example/479\n09:12 it went down"
    assert read_mail(text, (*HEANET, ("https", "state"), ("09", "title"))) == StructuredMail(
        number="479", title="12 it went down", text=text
    )


def test_what_is_written_is_read_again() -> None:
    values = {"number": "479", "state": "Open", "links": "Dublin - London", "event_end": ""}
    told = write_mail(values, "The fibre\nis cut.", HEANET)
    assert told == (
        "Ticket Number: 479\nStatus: Open\nSite/line: Dublin - London\n\n"
        "Description:\nThe fibre\nis cut.\n"
    )
    read = read_mail(told, HEANET)
    assert read is not None
    assert (read.number, read.values, read.text) == (
        "479",
        {"state": "Open"},
        "The fibre\nis cut.",
    )


@given(st.text(), st.lists(st.tuples(st.text(), st.sampled_from(["number", "text", "state"]))))
def test_nothing_stops_it(text: str, lines: list[tuple[str, str]]) -> None:
    read = read_mail(text, lines)
    assert read is None or read.number


def test_what_is_quoted_is_no_news() -> None:
    quoted = "Ticket Number: 479\nStatus: Open"
    for above in (
        "On Mon, the portal <x@y.example> wrote:",
        "-----Original Message-----",
        "________________________________",
    ):
        assert read_mail(f"Thank you!\n\n{above}\n{quoted}", HEANET) is None
    assert read_mail("Thank you!\n> " + quoted.replace("\n", "\n> "), HEANET) is None


def test_lines_in_two_columns() -> None:
    read = read_mail(
        "Ticket Number: 479      Status: Open\n"
        "Type: Unscheduled       Resolver: Carrier A\n"
        "Opened:                 Description: It is   Status: cut.\n"
        "Title:    never     Status: Closed",
        (*HEANET, ("Title", "title")),
    )
    assert read == StructuredMail(
        number="479",
        text="It is   Status: cut.\nTitle:    never     Status: Closed",
        values={"state": "Open", "category": "Unscheduled"},
    )
