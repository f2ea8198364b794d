"""Invitations through a real mail server, read as a mail client and its calendar read them."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar, Event
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.mail_settings import MailSettings
from app.core.rules.access import Actor
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import PostOffice
from app.meetings.services import teleconferences as verbs
from app.meetings.services.teleconferences import Asked, Setting
from tests.cast import NOON, writer
from tests.harness.smtp import SMTP_TIMEOUT, smtp_server
from tests.mails import SECRETARY, enter_with_mails

SOON, LATER = NOON + timedelta(days=9), NOON + timedelta(days=11)
REASON = "Long: " + "fibre, cut; \\ 断线 " * 20 + "\nEND:VCALENDAR\nBEGIN:VEVENT"
PLACE = "Room 1; or https://rooms.example/ops?a=1,2"


@dataclass
class Letterbox:
    """A mail server that takes everything, by address."""

    taken: dict[str, list[bytes]] = field(default_factory=dict)

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        (address,) = envelope.rcpt_tos
        self.taken.setdefault(address.partition("@")[0], []).append(envelope.content)
        return "250 Taken"

    def empty(self) -> dict[str, list[tuple[Calendar, Event, str]]]:
        """What came since, by name: calendar, event, and how the mail is called."""
        found = {name: [opened(one) for one in mails] for name, mails in self.taken.items()}
        self.taken.clear()
        return {name: [one for one in mails if one] for name, mails in found.items()}


def opened(raw: bytes) -> Any:
    """The invitation in a mail; None where it holds none."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            assert max(len(line) for line in content.split(b"\r\n")) <= 75, "lines are folded"
            assert content.count(b"\r\n") == content.count(b"\n")
            calendar = Calendar.from_ical(content)
            assert part.get_param("method") == str(calendar["METHOD"])
            (event,) = calendar.walk("VEVENT")
            return calendar, event, str(message["Subject"])
    return None


@pytest.fixture
def letterbox() -> Letterbox:
    return Letterbox()


@pytest.fixture
def office(context: Context, letterbox: Letterbox) -> Iterator[PostOffice]:
    with smtp_server(letterbox) as port:
        mail = MailSettings(host="127.0.0.1", port=port, timeout=SMTP_TIMEOUT)
        settings = replace(context.settings, mail=mail)
        yield PostOffice(Context(context.engine, settings, now=lambda: NOON + timedelta(hours=1)))


def set_it(session: Session, by: Actor, number: int, setting: Setting) -> None:
    version = verbs.find_teleconference(session, number).version
    session.rollback()
    with transaction(session):
        verbs.set_time(session, writer(by), number, setting, SECRETARY, version)


def test_invited_moved_added_and_cancelled(
    session: Session, office: PostOffice, letterbox: Letterbox
) -> None:
    cast = enter_with_mails(session)
    with transaction(session):
        asked = Asked(REASON, [SOON], "2013-Q1")
        number = verbs.ask(session, writer(cast.kit), asked).id
    assert office.step()
    assert letterbox.empty() == {"admin": [], "operator": []}, "asked for: no time yet"

    set_it(session, cast.operator, number, Setting(SOON, 45, PLACE))
    assert office.step()
    came = letterbox.empty()
    assert set(came) == {"admin", "operator", "kit", "pic"}
    uids = set()
    for name, mails in came.items():
        ((calendar, event, subject),) = mails
        assert str(calendar["METHOD"]) == "REQUEST"
        assert str(calendar["VERSION"]) == "2.0"
        assert str(event["SEQUENCE"]) == "1"
        assert str(event["ORGANIZER"]) == f"mailto:{SECRETARY.address}"
        assert str(event["ATTENDEE"]) == f"mailto:{name}@people.example"
        assert event["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION"
        assert event.decoded("DTSTART") == SOON
        assert event.decoded("DTEND") == SOON + timedelta(minutes=45)
        assert b"DTSTART:20130315T120000Z" in event.to_ical(), "UTC"
        assert str(event["LOCATION"]) == PLACE
        assert str(event["DESCRIPTION"]) == (
            f"{REASON}\n\nAgenda: https://portal.example/reports/teleconferences/{number}"
        )
        assert subject == "LHCOPN OPS-WG meeting on 2013-03-15 12:00 UTC: 2013-Q1"
        uids.add(str(event["UID"]))

    set_it(session, cast.admin, number, Setting(LATER, 60, "R1-001"))
    assert office.step()
    moved = letterbox.empty()
    assert set(moved) == set(came)
    ((calendar, event, _),) = moved["pic"]
    assert (str(calendar["METHOD"]), str(event["SEQUENCE"])) == ("REQUEST", "2")
    assert event.decoded("DTSTART") == LATER
    uids.add(str(event["UID"]))

    with transaction(session):
        verbs.join(session, writer(cast.reader), number, SECRETARY)
    assert office.step()
    joined = letterbox.empty()
    assert set(joined) == {"reader"}, "only who is added is told"
    uids.add(str(joined["reader"][0][1]["UID"]))

    with transaction(session):
        verbs.cancel(session, writer(cast.operator), number, "No\ntime", SECRETARY)
    assert office.step()
    ended = letterbox.empty()
    assert set(ended) == {*came, "reader"}
    for ((calendar, event, subject),) in ended.values():
        assert str(calendar["METHOD"]) == "CANCEL"
        assert str(event["STATUS"]) == "CANCELLED"
        assert int(str(event["SEQUENCE"])) == 4
        assert subject.startswith("Cancelled: ")
        assert "Cancelled: No\ntime" in str(event["DESCRIPTION"])
        uids.add(str(event["UID"]))
    assert len(uids) == 1, "one TC in every calendar"
    assert not office.step(), "each once"
