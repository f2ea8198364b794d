"""Changes how the portal connects to a partner's system.

A stored secret is only ever sent to the host for which it was entered.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.adapters.outbound import is_same_place
from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.services.security_log import log_on_commit
from app.exchange.models.connections import Connection
from app.exchange.services.connections.connections import (
    CONNECTION,
    MANAGE,
    checked_address,
    record,
    require_live,
)
from app.exchange.services.connections.secrets import LOGIN, add_secret, end_secret, live_secrets


def change_connection(
    session: Session,
    by: Writer,
    connection: Connection,
    *,
    url: str,
    direction: str,
    remote_login: str,
    internal: bool,
    secret: str = "",
    key: bytes | None = None,
) -> None:
    """Change the settings of a connection. A new address or direction has to be tested again.

    ``secret`` is an additional login secret ("" = none), ``key`` as in ``add_secret``. If the
    address names another scheme, host or port, the stored secrets are revoked; without a new one
    ``Invalid`` is raised.
    """
    require_admin(by.actor, MANAGE)
    require_live(connection)
    url = checked_address(connection.kind, url, direction, remote_login)
    _end_secrets_of_another_place(session, by, connection, url, secret)
    wanted = {
        "url": url,
        "direction": direction,
        "remote_login": remote_login,
        "internal": internal,
    }
    changed = {
        name: (str(getattr(connection, name)), str(value))
        for name, value in wanted.items()
        if getattr(connection, name) != value
    }
    for name, value in wanted.items():
        setattr(connection, name, value)
    if {"url", "direction"} & set(changed):
        connection.tested_at = None
        connection.fields_there = ""
    record(session, by, connection, changed)
    if changed:
        how, code = ", ".join(changed), connection.partner.code
        log_on_commit(session, by, "connection changed", CONNECTION, code, how=how)
    if secret:
        add_secret(session, by, connection, LOGIN, secret, key)


def _end_secrets_of_another_place(
    session: Session, by: Writer, connection: Connection, url: str, secret: str
) -> None:
    if is_same_place(connection.url, url):
        return
    live = live_secrets(session, connection, LOGIN)
    if live and not secret:
        raise Invalid(
            "secret",
            _(
                "The scheme, host or port of the address changes:"
                " enter the secret for the new address; the stored one is not sent there"
            ),
        )
    for one in live:
        end_secret(session, by, connection, one.id)
