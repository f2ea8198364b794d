"""One ticket through four doors: the form, the GGUS service, the native service and REST make the
same row and history."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import inspect
from sqlalchemy.orm import Session
from werkzeug.test import Client

from app.accounts.services.tokens import create_token
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.services.changes import TICKET, changes_of
from app.tickets.models.tickets import Ticket
from app.tickets.services.fields import current_value
from soap_service.application import mount
from tests.cast import PASSWORD, enter, writer
from tests.soap_service.wire import elements, envelope, in_order, login

TITLE = "CERN-GRIDKA-LHCOPN-001 down, seen from FZK-LCG2"
STORY = "Light lost at 07:41 UTC.\nÜber den Reservepfad: 链路"
OF_THE_DOOR = {
    "number",
    "created_at",
    "changed_at",
    "ended_at",
    "last_author",
    "created_by_user_id",
    "created_by_partner_id",
}
"""What names the door, the account and the moment."""


def send_form(client: Client, path: str, *, page: str = "", **values: str) -> None:
    shown = client.get(page or path).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', shown)
    assert token is not None
    answer = client.post(path, data={**values, "csrf_token": token[1]})
    assert answer.status_code == 303, answer.get_data(as_text=True)


def send_soap(client: Client, operation: str, inner: str, service: str = "GGUS") -> None:
    body = envelope(operation, inner, header=login("ggus", PASSWORD), service=service)
    answer = client.post(
        f"/arsys/services/ARService?server=ggus&webService={service}",
        data=body.encode(),
        content_type="text/xml; charset=utf-8",
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)


def send_ggus(client: Client, operation: str, values: dict[str, str | None]) -> None:
    send_soap(client, operation, elements(in_order(operation, values)))


def send_native(client: Client, operation: str, inner: str) -> None:
    send_soap(client, operation, inner, "LHCOPN")


def send_rest(client: Client, secret: str, method: str, path: str, content: object) -> None:
    answer = client.open(
        path, method=method, json=content, headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code in (200, 201), answer.get_data(as_text=True)


def row(ticket: Ticket) -> dict[str, object]:
    columns = {
        column.key: getattr(ticket, column.key)
        for column in inspect(Ticket).column_attrs
        if column.key not in OF_THE_DOOR
    }
    lists = {name: current_value(ticket, name) for name in ("links", "sites", "references")}
    marks = [item.recognised for item in ticket.affected_links]
    marks += [item.recognised for item in ticket.affected_sites]
    return {**columns, **lists, "recognised": marks}


def story(change: Change) -> tuple[int, list[tuple[str, str | None, str | None]]]:
    return change.version, [(item.field, item.old, item.new) for item in change.fields]


def test_the_form_both_services_and_rest_make_the_same_row_and_history(
    app: Flask, session: Session
) -> None:
    cast = enter(session)
    with transaction(session):
        by = writer(cast.admin, datetime.now(UTC))
        secret = create_token(session, by, "ggus", ["tickets"], 9, "ggus").secret
    mounted = mount(app)
    door = Client(mounted)
    send_form(door, "/login", name="operator", password=PASSWORD)
    send_form(
        door,
        "/tickets/new",
        category="incident",
        layer="unknown",
        impact="unknown",
        title=TITLE,
        description=STORY,
        event_start="2026-03-01 07:41",
        priority="very urgent",
        unit="NREN-X",
        responsible_site="",
        network="",
        carbon_copy="noc@nren.example",
    )
    send_ggus(
        door,
        "TicketCreate",
        {
            "GHD_Short_Description": TITLE,
            "GHD_Description": STORY,
            "GHD_Date_Time_Of_Problem": "2026-03-01 07:41",
            "GHD_Priority": "very urgent",
            "GHD_Responsible_Unit": "NREN-X",
            "GHD_CarbonCopy": "noc@nren.example",
            "GHD_Name": "operator",
            "GHD_Last_Modifier": "operator",
            "GHD_Last_Login": "ggus",
        },
    )
    created = {
        "title": TITLE,
        "description": STORY,
        "priority": "very urgent",
        "unit": "NREN-X",
        "eventStart": "2026-03-01T07:41:00",
        "carbonCopy": "noc@nren.example",
    }
    submitter = "<n:submitter><n:name>operator</n:name></n:submitter>"
    author = "<n:author>operator</n:author>"
    send_native(
        door, "CreateTicket", f"{author}<n:ticket>{elements(created)}{submitter}</n:ticket>"
    )
    at = "/api/v1/tickets"
    by_rest = {
        "title": TITLE,
        "description": STORY,
        "priority": "very urgent",
        "unit": "NREN-X",
        "event_start": "2026-03-01T07:41:00Z",
        "carbon_copy": "noc@nren.example",
        "submitter": {"name": "operator"},
    }
    send_rest(door, secret, "POST", at, by_rest)
    send_form(door, "/tickets/1/comment", page="/tickets/1", kind="public", text="Splicing")
    send_ggus(
        door,
        "TicketModify",
        {
            "GHD_Request_ID": "2",
            "GHD_Public_Diary": "Splicing",
            "GHD_Last_Modifier": "operator",
            "GHD_Last_Login": "ggus",
        },
    )
    send_native(
        door,
        "CommentTicket",
        f"<n:number>3</n:number>{author}<n:text>Splicing</n:text>",
    )
    send_rest(door, secret, "POST", f"{at}/4/comments", {"text": "Splicing"})
    solved = {"state": "solved", "solution": "Spliced at 09:30"}
    send_form(door, "/tickets/1/move", page="/tickets/1", **solved)
    send_ggus(
        door,
        "TicketModify",
        {
            "GHD_Request_ID": "2",
            "GHD_Status": "solved",
            "GHD_Detailed_Solution": "Spliced at 09:30",
            "GHD_Last_Modifier": "operator",
            "GHD_Last_Login": "ggus",
        },
    )
    send_native(
        door,
        "UpdateTicket",
        f"<n:number>3</n:number><n:version>2</n:version>{author}"
        f"<n:change>{elements(solved)}</n:change>",
    )
    send_rest(door, secret, "POST", f"{at}/4/moves", solved)
    mounted.close()

    found = [session.get_one(Ticket, number) for number in (1, 2, 3, 4)]
    by_form = found[0]
    assert [row(ticket) for ticket in found] == [row(by_form)] * 4
    # by hand, so that both cannot be wrong in the same way
    assert by_form.event_start == datetime(2026, 3, 1, 7, 41, tzinfo=UTC)
    assert current_value(by_form, "links") == ("CERN-GRIDKA-LHCOPN-001",)
    assert current_value(by_form, "sites") == ("DE-KIT",)
    assert (by_form.network, by_form.unit, by_form.version) == ("LHCOPN", "NREN-X", 3)
    assert (by_form.state, by_form.solution) == ("solved", "Spliced at 09:30")
    assert all(ticket.ended_at == ticket.changed_at for ticket in found)
    changes = [changes_of(session, TICKET, number) for number in (1, 2, 3, 4)]
    stories = [[story(change) for change in part] for part in changes]
    assert stories == [stories[0]] * 4
    assert [story(change)[1] for change in changes[0]][1] == [("public_comment", None, "Splicing")]
    assert [(change.door, change.actor_account) for part in changes for change in part] == [
        *[("portal", "operator")] * 3,
        *[("soap", "ggus")] * 3,
        *[("native", "ggus")] * 3,
        *[("api", "ggus")] * 3,
    ]
