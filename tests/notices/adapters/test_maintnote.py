"""Reading maintenance notices: calendars and mails in, what they state out; any other thing is kept
for a person with its reason, whatever it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.errors import Invalid
from app.notices.adapters.files import MAX_BYTES, read
from app.notices.rules.notices import Circuit, Notice, NoticeReading, Unread

SAMPLES = Path(__file__).parents[2] / "notices_sample"


def sample(name: str) -> bytes:
    """A file of the samples, with the line ends of mails and calendars."""
    return (SAMPLES / name).read_bytes().replace(b"\n", b"\r\n")


def changed(old: str, new: str, name: str = "new.ics") -> bytes:
    """A sample with one text replaced by another."""
    text = sample(name).decode()
    assert old in text
    return text.replace(old, new).encode()


def the_notice(reading: NoticeReading) -> Notice:
    """Its only notice."""
    (found,) = reading.found
    assert isinstance(found, Notice), found
    return found


def the_reason(content: bytes) -> str:
    """Why its only notice is for a person."""
    (found,) = read(content).found
    assert isinstance(found, Unread), found
    return found.why


def test_a_calendar_states_the_whole_notice() -> None:
    notice = the_notice(read(sample("new.ics"), "new.ics"))
    assert (notice.provider, notice.uid, notice.sequence) == (
        "carrier.example",
        "m-4711@carrier.example",
        1,
    )
    assert notice.start == datetime(2013, 3, 10, 22, tzinfo=UTC)
    assert notice.end == datetime(2013, 3, 11, 4, tzinfo=UTC)
    assert notice.stamp == datetime(2013, 3, 1, 8, tzinfo=UTC)
    assert notice.maintenance_ids == ("EC-M-4711",)
    assert notice.circuits == (Circuit("EC-77001"),)
    assert (notice.impact, notice.status) == ("OUTAGE", "CONFIRMED")
    assert (notice.account, notice.organizer) == ("LHC-137", "noc@carrier.example")
    assert notice.summary == "Fibre work near Lyon, span 4"
    assert notice.description == (
        "The span is moved to another duct.\nTraffic is interrupted for up to two hours."
    )


def test_a_mail_states_the_same_and_only_its_texts_are_kept() -> None:
    reading = read(sample("new.eml"), "new.eml")
    assert the_notice(reading) == the_notice(read(sample("new.ics")))
    assert reading.sender == "Example Carrier <noc@carrier.example>"
    assert reading.subject == "Wartung nächste Woche"
    assert "für Sie" in reading.text
    assert "BEGIN:VCALENDAR" in reading.text


@pytest.mark.parametrize(
    ("said", "word", "impact"),
    [
        ("NO-IMPACT", "NO-IMPACT", "none"),
        ("reduced-redundancy", "REDUCED-REDUNDANCY", "reduced redundancy"),
        ("DEGRADED", "DEGRADED", "degraded"),
        ("OUTAGE", "OUTAGE", "outage"),
        ("FLOOD", "FLOOD", "outage"),
    ],
)
def test_impacts(said: str, word: str, impact: str) -> None:
    notice = the_notice(read(changed("X-MAINTNOTE-IMPACT:OUTAGE", f"X-MAINTNOTE-IMPACT:{said}")))
    assert (notice.impact, notice.ticket_impact) == (word, impact)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-MAINTNOTE-STATUS:CONFIRMED", "X-MAINTNOTE-STATUS:cancelled"),
        ("X-MAINTNOTE-STATUS:CONFIRMED", "X-MAINTNOTE-STATUS:CONFIRMED\r\nSTATUS:CANCELLED"),
        ("VERSION:2.0", "VERSION:2.0\r\nMETHOD:CANCEL"),
    ],
)
def test_each_way_to_cancel_is_enough(old: str, new: str) -> None:
    notice = the_notice(read(changed(old, new)))
    assert notice.is_cancelled
    assert notice.status == "CANCELLED"


def test_a_known_zone_is_computed_and_a_zone_of_its_own_is_not() -> None:
    own = (
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
        "RRULE:FREQ=SECONDLY\r\nTZOFFSETFROM:+0500\r\nTZOFFSETTO:+0500\r\nEND:STANDARD\r\n"
        "END:VTIMEZONE\r\nBEGIN:VEVENT"
    )
    text = changed("DTSTART:20130310T220000Z", "DTSTART;TZID=Europe/Paris:20130310T230000")
    began = thread_time()
    notice = the_notice(read(text.replace(b"BEGIN:VEVENT", own.encode())))
    assert notice.start == datetime(2013, 3, 10, 22, tzinfo=UTC)
    assert thread_time() - began < 2


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("DTSTART:20130310T220000Z", "DTSTART:20130310T220000", "DTSTART has no time zone"),
        (
            "DTSTART:20130310T220000Z",
            "DTSTART;TZID=Mars/Base:20130310T220000",
            "DTSTART has the unknown time zone Mars/Base",
        ),
        (
            "DTSTART:20130310T220000Z",
            "DTSTART;VALUE=DATE:20130310",
            "DTSTART is not a date and time",
        ),
        ("DTSTART:20130310T220000Z\r\n", "", "DTSTART is missing"),
        ("DTEND:20130311T040000Z", "DTEND:20130309T040000Z", "ends (DTEND) before it starts"),
        ("DTEND:20130311T040000Z", "DTEND:00010101T000000Z", "out of range"),
        ("SEQUENCE:1", "SEQUENCE:1\r\nRRULE:FREQ=DAILY", "The event is repeated (RRULE)"),
        ("SEQUENCE:1", "SEQUENCE:-1", "SEQUENCE must be a whole number"),
        ("SEQUENCE:1", "SEQUENCE:99999999999", "SEQUENCE must be a whole number"),
        ("X-MAINTNOTE-PROVIDER:carrier.example\r\n", "", "X-MAINTNOTE-PROVIDER is missing"),
        ("X-MAINTNOTE-MAINTENANCE-ID:EC-M-4711\r\n", "", "MAINTENANCE-ID is missing"),
        ("X-MAINTNOTE-OBJECT-ID:EC-77001\r\n", "", "no circuit is named"),
        ("X-MAINTNOTE-OBJECT-ID:EC-77001", f"X-MAINTNOTE-OBJECT-ID:{'x' * 300}", "longer than 255"),
        ("UID:m-4711@carrier.example", "UID:a\r\nUID:b", "UID is repeated"),
        ("STATUS:CONFIRMED", "STATUS:PERHAPS", "X-MAINTNOTE-STATUS must be one of"),
        ("END:VEVENT\r\n", "", "contains no event"),
        ("BEGIN:VEVENT", "BEGIN:VTODO", "contains no event"),
    ],
)
def test_what_is_unclear_is_for_a_person(old: str, new: str, reason: str) -> None:
    assert reason in the_reason(changed(old, new))


def test_a_person_gets_a_draft_of_what_could_be_read() -> None:
    (found,) = read(changed("DTSTART:20130310T220000Z", "DTSTART:20130310T220000")).found
    assert isinstance(found, Unread)
    assert found.draft.title == "Fibre work near Lyon, span 4"
    assert found.draft.reference == "EC-M-4711"
    assert found.draft.start == datetime(2013, 3, 10, 22, tzinfo=UTC)


def test_a_plain_mail_of_an_nren_is_a_draft() -> None:
    reading = read(sample("plain.eml"))
    (found,) = reading.found
    assert isinstance(found, Unread)
    assert found.draft.title == "Scheduled maintenance: PIC access line"
    assert found.draft.reference == "20130304-7"
    assert found.draft.start == datetime(2013, 3, 9, 5, tzinfo=UTC)
    assert found.draft.end == datetime(2013, 3, 9, 7, tzinfo=UTC)
    assert "Loss of connectivity" in reading.text


def test_a_mail_in_two_columns_is_a_draft() -> None:
    (found,) = read(sample("two-columns-update.eml")).found
    assert isinstance(found, Unread)
    assert (found.draft.reference, found.draft.status) == ("NREN-NOC/20130304-8", "UPDATE")
    assert found.draft.start == datetime(2013, 3, 9, 23, 59, tzinfo=UTC)
    assert found.draft.end == datetime(2013, 3, 10, 9, 30, tzinfo=UTC)


def plain(*rows: str) -> Unread:
    """What a plain mail with these lines is to a person."""
    content = "\r\n".join(("From: noc@carrier.example", "Subject: Works", "", *rows)).encode()
    (found,) = read(content).found
    assert isinstance(found, Unread)
    return found


def test_times_of_carriers_are_in_the_draft() -> None:
    window = (datetime(2021, 5, 11, 21, tzinfo=UTC), datetime(2021, 5, 12, 3, tzinfo=UTC))
    start, end = "12-May-2021 00:00", "12-May-2021 06:00"
    zone = "EET-DST (UTC +3h)"
    for rows in (
        (f"Start Time: {start} {zone}", f"End Time: {end} {zone}"),
        (f"Start Date & Time (UTC+3): {start}", f"End Date & Time (UTC+3): {end}"),
        (f"Maintenance Window: {start} {zone} - {end} {zone}",),
        (f"Date and time: {start} to {end} {zone}",),
    ):
        found = plain(*rows)
        assert (found.draft.start, found.draft.end, found.draft.unclear) == (*window, "")


def test_an_unclear_time_is_left_to_a_person_with_the_reason() -> None:
    found = plain("Start: 03/04/2021 05:00 GMT", "End: 12-May-2021 06:00 CST")
    assert (found.draft.start, found.draft.end) == (None, None)
    assert "start “03/04/2021 05:00 GMT”: the date may be 2021-04-03 or 2021-03-04" in found.why
    assert "end “12-May-2021 06:00 CST”: CST may be the time of North America" in found.why


def test_several_events_and_many_circuits() -> None:
    text = sample("new.ics").decode()
    begin, end = text.index("BEGIN:VEVENT"), text.index("END:VCALENDAR")
    event = text[begin:end]
    other = event.replace("m-4711@", "m-4712@")
    both = read((text[:begin] + event + other + text[end:]).encode()).found
    assert [one.uid for one in both if isinstance(one, Notice)] == [
        "m-4711@carrier.example",
        "m-4712@carrier.example",
    ]
    names = "\r\n".join(f"X-MAINTNOTE-OBJECT-ID:C-{at}" for at in range(2000))
    many = the_notice(read(changed("X-MAINTNOTE-OBJECT-ID:EC-77001", names)))
    assert len(many.circuits) == 2000
    assert "more than 2000" in the_reason(
        changed("X-MAINTNOTE-OBJECT-ID:EC-77001", f"{names}\r\nX-MAINTNOTE-OBJECT-ID:one more")
    )


def deep(levels: int) -> bytes:
    """A mail in a mail in a mail."""
    inner = b"Content-Type: text/plain\r\n\r\nhello"
    for at in range(levels):
        mark = b"b%d" % at
        inner = (
            b'Content-Type: multipart/mixed; boundary="'
            + mark
            + b'"\r\n\r\n--'
            + mark
            + b"\r\n"
            + inner
            + b"\r\n--"
            + mark
            + b"--\r\n"
        )
    return b"Subject: deep\r\n" + inner


@pytest.mark.parametrize(
    "content",
    [
        deep(90),
        deep(3000),
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 10_000,
        b"BEGIN:VCALENDAR\r\n" + b"X" * 300_000,
        b"\xff\xfe\x00\x01" * 1000,
        b"Content-Type: text/calendar; charset=klingon\r\n\r\nBEGIN:VCALENDAR",
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Content-Type: message/rfc822\r\n\r\n" * 500,
        b"Subject: =?utf-8?b?!!!?=\r\nFrom: \xff\r\n\r\n\0\0",
        b"A" * MAX_BYTES,
        b"Content-Type: text/plain; charset=punycode\r\n\r\nx-" + b"a" * 200_000,
        b"Content-Type: text/plain" + b";a=b" * 200_000 + b"\r\n\r\nx",
        b"Content-Type: text/plain" + b";\r\n a=b" * 200_000 + b"\r\n\r\nx",
        b"Content-Disposition: attachment; filename*=punycode''x-" + b"a" * 90_000 + b"\r\n\r\nx",
    ],
    ids=lambda content: str(content[:30]),
)
def test_hostile_files_are_kept_for_a_person_and_soon(content: bytes) -> None:
    began = thread_time()
    reading = read(content)
    assert thread_time() - began < 5
    assert all(isinstance(one, Unread) for one in reading.found)
    assert reading.found
    assert "\0" not in reading.text


@pytest.mark.parametrize(
    "content",
    [
        b"".join(b"X-%d: a\r\n" % number for number in range(300_000)) + b"\r\nbody",
        b"Content-Type: message/rfc822\r\n\r\n" + b"a:\n" * 400_000 + b"\r\nbody",
        b"Subject: " + b"a\r\n " * 200_000 + b"\r\nbody",
    ],
    ids=("many", "inside", "long"),
)
def test_a_mail_of_too_many_headers_is_not_taken_apart(content: bytes) -> None:
    began = thread_time()
    assert "headers of the email are too many or too long to be read" in the_reason(content)
    assert thread_time() - began < 1  # 400,000 of them took a request 7.4 s


def test_a_mail_with_as_many_lines_as_people_write_is_read() -> None:
    many = "".join(f"Circuit-{number}: EC-{number}\r\n" for number in range(9_000))
    assert the_reason(b"Subject: x\r\n\r\n" + many.encode()).startswith("It contains no calendar")


@pytest.mark.parametrize("content", [b"", b" \r\n", b"x" * (MAX_BYTES + 1)])
def test_empty_and_too_large_files_are_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        read(content)


@given(st.binary(min_size=1, max_size=400).filter(bytes.strip))
def test_any_bytes_give_something_to_read(content: bytes) -> None:
    assert read(content).found
    assert read(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + content).found
