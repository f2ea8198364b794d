"""``flask reseal``: stored secrets, from an old SECRET_KEY to the new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click
from flask import current_app
from sqlalchemy.orm import Session

from app.accounts.services import second_factor
from app.commands.arguments import print_table
from app.commands.base import PortalCommand
from app.core.database.transactions import transaction
from app.core.rules.errors import SettingError
from app.core.rules.secret_keys import SecretKey, keys_to_read
from app.core.services.resealing import SealedColumn, look
from app.core.services.resealing import reseal as reseal_column
from app.core.services.sealing import key_fits, publish_key
from app.core.settings import Settings
from app.core.web.extensions import db
from app.exchange.services.connections import secrets as connection_secrets
from app.webhooks.services import secrets as webhook_secrets

SEALED: Final[Sequence[SealedColumn]] = (
    connection_secrets.SEALED,
    webhook_secrets.SEALED,
    second_factor.SEALED,
)
"""Everything in the database that is encrypted with the secret key; a test compares it with the
models."""


@click.command("reseal", cls=PortalCommand)
def reseal() -> None:
    """Encrypt stored secrets again, with SECRET_KEY instead of OLD_SECRET_KEY.

    May be repeated, also after a kill. Exit code: 0 if SECRET_KEY alone decrypts every stored
    secret, else 1.
    """
    settings: Settings = current_app.config["PORTAL"]
    if settings.key is None:
        raise SettingError(
            "SECRET_KEY or SECRET_KEY_FILE must be set to the new secret; the one before it goes"
            " to OLD_SECRET_KEY or OLD_SECRET_KEY_FILE"
        )
    _reseal(db.session(), settings.key)


def unreadable(session: Session, key: bytes) -> Sequence[str]:
    """The names of all records with a secret that ``key``, and the old one if it has one, cannot
    decrypt."""
    found = [name for sealed in SEALED for name in look(session, sealed, key).unreadable]
    return list(dict.fromkeys(found))


def _reseal(session: Session, key: SecretKey) -> None:
    with transaction(session):
        if key_fits(session, key) is not False:
            publish_key(session, key)  # what commands seal from now on needs the new key
    done = []
    for sealed in SEALED:
        with transaction(session):
            done.append(reseal_column(session, sealed, key))
    # whether the old key may go rests on a look at all that is stored, not on what was written
    with transaction(session):
        looked = [look(session, sealed, keys_to_read(key)[0]) for sealed in SEALED]
        left = [name for one in looked for name in one.unreadable]
    print_table(
        ("SECRETS", "STORED", "ENCRYPTED AGAIN", "UNREADABLE", "UNREADABLE, NOT USED"),
        [
            (sealed.kind, str(one.values), str(many), str(len(one.unreadable)), str(one.ended))
            for sealed, one, many in zip(SEALED, looked, done, strict=True)
        ],
    )
    for name in left:
        click.echo(f"Unreadable: {name}")
    if left:
        raise SettingError(
            f"Not finished: neither SECRET_KEY nor OLD_SECRET_KEY decrypts {len(left)} stored"
            f" secret{'' if len(left) == 1 else 's'}. Set the right OLD_SECRET_KEY and run this"
            " command again, or set each of these secrets again"
        )
    click.echo(
        "SECRET_KEY alone decrypts every secret that is stored and used."
        " If every server and worker was started with it before this command, remove"
        " OLD_SECRET_KEY; unsubscribe links and reply addresses in emails from before the change"
        " are invalid then."
    )


COMMANDS: tuple[click.Command, ...] = (reseal,)
