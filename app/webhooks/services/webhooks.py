"""Operations on webhooks: creating and changing them, and actions by hand.

Everybody has webhooks of their own, which report what that person may read. Admins also create
those of partners, which report what the partner's account may read, and they may view, switch off
and delete any other. Rights are checked again for each message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.partners import find_account
from app.accounts.services.security_notices import notify_person
from app.core.adapters.outbound import check_url, is_public
from app.core.rules.access import Actor, ActorKind, Role, Writer, refusal_by_scope
from app.core.rules.errors import Forbidden, Invalid, InvalidMany, NotFound
from app.core.rules.language import _, counted
from app.core.rules.scopes import Scope
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.services.changes import FieldChange, newest_change_id, record_change
from app.core.services.security_log import log_on_commit
from app.webhooks.models.webhooks import Webhook, WebhookDelivery, WebhookSecret
from app.webhooks.rules import messages
from app.webhooks.rules.delivering import Off, State
from app.webhooks.rules.messages import TEST, new_message_id
from app.webhooks.services.filters import checked_filter
from app.webhooks.services.planning import wake
from app.webhooks.services.secrets import make_secret
from app.webhooks.services.switching import WEBHOOK

MAX_PER_PERSON: Final = 50
MAX_NAME: Final = 100
MAX_URL: Final = 500
LISTED: Final = 30
"""Messages on one page."""


@dataclass(frozen=True)
class Subscription:
    """What a webhook is notified of, and where."""

    name: str
    url: str
    kinds: Sequence[str]
    filter: str = ""


@dataclass(frozen=True)
class Outside:
    """Where the portal may connect to, and its secret, which seals other secrets."""

    private_hosts: Collection[str]
    key: bytes


def webhooks_of(session: Session, person: int) -> Sequence[Webhook]:
    """The webhooks of a person, by name; not those of partners."""
    return session.scalars(
        select(Webhook)
        .where(Webhook.user_id == person, Webhook.account_id.is_(None))
        .order_by(Webhook.name, Webhook.id)
    ).all()


def webhooks_of_actor(session: Session, actor: Actor) -> Sequence[Webhook]:
    """Those that the actor may change: their own, for admins also those of partners."""
    found = webhooks_of(session, actor.account_id or 0) if actor.kind is ActorKind.PERSON else ()
    if not _administers(actor):
        return found
    return [*found, *(one for one in all_webhooks(session) if one.account_id is not None)]


def all_webhooks(session: Session) -> Sequence[Webhook]:
    """Every webhook: those of partners first, then those of people, by name."""
    return session.scalars(
        select(Webhook).order_by(Webhook.account_id.is_(None), Webhook.name, Webhook.id)
    ).all()


def waiting_by_webhook(session: Session, webhooks: Sequence[Webhook]) -> Mapping[int, int]:
    """How many messages wait for each of these."""
    rows = session.execute(
        select(WebhookDelivery.webhook_id, func.count())
        .where(
            WebhookDelivery.webhook_id.in_([one.id for one in webhooks]),
            WebhookDelivery.state == State.WAITING,
        )
        .group_by(WebhookDelivery.webhook_id)
    )
    return {row[0]: row[1] for row in rows}


def find_webhook(session: Session, actor: Actor, number: int) -> Webhook:
    """Return one's own webhook, for admins any. Raises ``NotFound`` for all others."""
    webhook = session.get(Webhook, number)
    if webhook is None or not (is_own(actor, webhook) or _administers(actor)):
        raise NotFound
    return webhook


def find_own(session: Session, actor: Actor, number: int) -> Webhook:
    """Return a webhook that the actor may change. Raises ``Forbidden`` for an admin if it is
    another person's."""
    webhook = find_webhook(session, actor, number)
    if not is_own(actor, webhook):
        raise Forbidden(
            _("It is another person's webhook; an admin may switch it off or delete it")
        )
    return webhook


def is_own(actor: Actor, webhook: Webhook) -> bool:
    """Whether it is the actor's: their own, or for admins a partner's."""
    if webhook.account_id is not None:
        return _administers(actor)
    return actor.kind is ActorKind.PERSON and actor.account_id == webhook.user_id


def create_webhook(
    session: Session, by: Writer, wanted: Subscription, outside: Outside, account: str = ""
) -> tuple[Webhook, str]:
    """Create a webhook; returns it and its secret, which is returned only once.

    ``account`` is the login of the partner's account whose rights it has, "" = one's own. Raises
    ``Invalid`` for values that are not allowed, ``Forbidden`` for an account if the actor is not an
    admin.
    """
    if by.actor.kind is not ActorKind.PERSON:
        raise Forbidden(_("Only a person has webhooks"))
    if account and not _administers(by.actor):
        raise Forbidden(_("Only an admin may create webhooks of partners"))
    # two at once wait for each other here
    user = session.scalars(
        select(User).where(User.id == by.actor.account_id).with_for_update(key_share=True)
    ).one()
    checked = _checked(wanted, outside.private_hosts)
    owner = _account(session, account) if account else None
    if owner is None and len(webhooks_of(session, user.id)) >= MAX_PER_PERSON:
        raise Invalid(
            "name",
            _("At most %(limit)s webhooks are allowed; delete one first", limit=MAX_PER_PERSON),
        )
    webhook = Webhook(
        user_id=user.id,
        account_id=owner,
        name=checked.name,
        url=checked.url,
        kinds=" ".join(checked.kinds),
        filter=checked.filter,
        after_change=session.scalar(select(newest_change_id())) or 0,
        created_at=by.now,
    )
    session.add(webhook)
    session.flush()
    secret = make_secret(session, webhook, by.now, outside.key)
    new = {"name": checked.name, "address": _host(checked.url), **_logged(webhook)}
    if account:
        new["account"] = account
    _record(session, by, webhook, {name: (None, value) for name, value in new.items()})
    log_on_commit(session, by, "webhook created", WEBHOOK, webhook.id)
    return webhook, secret


def change_webhook(
    session: Session, by: Writer, number: int, wanted: Subscription, private_hosts: Collection[str]
) -> Webhook:
    """Change what a webhook is notified of, or where."""
    webhook = _own(session, by, number)
    checked = _checked(wanted, private_hosts)
    before = {"name": webhook.name, "address": webhook.url, **_logged(webhook)}
    webhook.name, webhook.url = checked.name, checked.url
    webhook.kinds, webhook.filter = " ".join(checked.kinds), checked.filter
    after = {"name": webhook.name, "address": webhook.url, **_logged(webhook)}
    changed = {name: (before[name], after[name]) for name in after if before[name] != after[name]}
    if not changed:
        return webhook
    if "address" in changed:  # another receiver: earlier failures do not count
        old, new = changed["address"]
        changed["address"] = (_host(old), _host(new))
        _try_at_once(webhook, by.now)
        log_on_commit(session, by, "webhook address changed", WEBHOOK, webhook.id)
    _record(session, by, webhook, changed)
    return webhook


def delete_webhook(session: Session, by: Writer, number: int) -> str:
    """Delete a webhook with its secrets and messages; return its name."""
    webhook = _locked(session, by, number)
    name = webhook.name
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id))
    session.execute(delete(WebhookSecret).where(WebhookSecret.webhook_id == webhook.id))
    _record(session, by, webhook, {"name": (name, None)})
    log_on_commit(session, by, "webhook deleted", WEBHOOK, webhook.id)
    session.delete(webhook)
    return name


def switch_on(session: Session, by: Writer, number: int) -> None:
    """Switch a webhook on: waiting messages are sent at once."""
    webhook = _own(session, by, number)
    if webhook.off_at is None:
        return
    webhook.off_at, webhook.off_why = None, ""
    _try_at_once(webhook, by.now)
    _record(session, by, webhook, {"on": ("no", "yes")})
    log_on_commit(session, by, "webhook switched on", WEBHOOK, webhook.id)


def switch_off(session: Session, by: Writer, number: int) -> None:
    """Switch a webhook off until it is switched on again; messages are collected."""
    webhook = _locked(session, by, number)
    if webhook.off_at is not None:
        return
    webhook.off_at, webhook.off_why, webhook.due_at = by.now, Off.PERSON, None
    _record(session, by, webhook, {"on": ("yes", "no")})


def has_webhook_on() -> ColumnElement[bool]:
    """Whether a person (``User``) has a webhook of their own that is on."""
    return exists().where(
        Webhook.user_id == User.id, Webhook.account_id.is_(None), Webhook.off_at.is_(None)
    )


def end_with_sessions(session: Session, by: Writer, user: User) -> str:
    """Switch off the webhooks of a person whose sessions are ended: an intruder may have created
    them. Returns how many, in words, or ""."""
    found = session.scalars(
        select(Webhook)
        .where(Webhook.user_id == user.id, Webhook.account_id.is_(None), Webhook.off_at.is_(None))
        .order_by(Webhook.id)
        .with_for_update(of=Webhook)
    ).all()
    for webhook in found:
        webhook.off_at, webhook.off_why, webhook.due_at = by.now, Off.SESSIONS, None
        _record(session, by, webhook, {"on": ("yes", "no")})
    return counted("%(num)s webhook", "%(num)s webhooks", len(found)) if found else ""


def add_secret(session: Session, by: Writer, number: int, key: bytes) -> str:
    """Add a second secret; it is returned only once, and both sign from now on."""
    webhook = _own(session, by, number)
    secret = make_secret(session, webhook, by.now, key)
    _record(session, by, webhook, {"secret": (None, "set")})
    log_on_commit(session, by, "webhook secret set", WEBHOOK, webhook.id)
    return secret


def end_secret(session: Session, by: Writer, number: int, secret_id: int) -> None:
    """Revoke one of two secrets at once. Raises ``Invalid`` for the last one."""
    webhook = _own(session, by, number)
    rows = session.scalars(
        select(WebhookSecret).where(WebhookSecret.webhook_id == webhook.id)
    ).all()
    row = next((one for one in rows if one.id == secret_id), None)
    if row is None:
        raise NotFound
    if len(rows) == 1:
        raise Invalid("secret", _("It is the only secret; add another one first"))
    session.delete(row)
    _record(session, by, webhook, {"secret": ("set", None)})
    log_on_commit(session, by, "webhook secret ended", WEBHOOK, webhook.id)


def send_test(session: Session, by: Writer, number: int) -> int:
    """Queue a test message and try it at once, whatever failed before; return its key. Raises
    ``Invalid`` if the webhook is off."""
    webhook = _own(session, by, number)
    if webhook.off_at is not None:
        raise Invalid("state", _("The webhook is off; switch it on to send a test"))
    delivery = WebhookDelivery(
        webhook_id=webhook.id,
        key=new_message_id(),
        kind=TEST,
        created_at=by.now,
        waits_since=by.now,
        state=State.WAITING,
        due_at=by.now,
    )
    session.add(delivery)
    session.flush()
    _try_at_once(webhook, by.now)
    return delivery.id


def send_again(session: Session, by: Writer, number: int, delivery_id: int) -> None:
    """Send a message again at once with the same id, whatever happened to it. The receiver may
    treat it as a repeat, which is the purpose of the id."""
    webhook = _own(session, by, number)
    delivery = delivery_of(session, webhook, delivery_id)
    delivery.state, delivery.due_at, delivery.waits_since = State.WAITING, by.now, by.now
    delivery.attempts = 0
    session.flush()
    _try_at_once(webhook, by.now)


def delivery_of(session: Session, webhook: Webhook, delivery_id: int) -> WebhookDelivery:
    """Return a message of this webhook. Raises ``NotFound``."""
    found = session.get(WebhookDelivery, delivery_id)
    if found is None or found.webhook_id != webhook.id:
        raise NotFound
    return found


def deliveries_of(
    session: Session, webhook: Webhook, *, state: str = "", before: int = 0, limit: int = LISTED
) -> Sequence[WebhookDelivery]:
    """List the messages of a webhook, newest first: those of a state, before the key ``before``."""
    wanted = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id)
    if state:
        wanted = wanted.where(WebhookDelivery.state == state)
    if before:
        wanted = wanted.where(WebhookDelivery.id < before)
    return session.scalars(wanted.order_by(WebhookDelivery.id.desc()).limit(limit)).all()


def _administers(actor: Actor) -> bool:
    """Whether the actor is an admin; a token needs the scope, too."""
    return actor.role is Role.ADMIN and refusal_by_scope(actor, Scope.ADMIN) is None


def _try_at_once(webhook: Webhook, now: datetime) -> None:
    webhook.failures, webhook.failing_since, webhook.resting_until = 0, None, None
    webhook.unanswered = 0
    wake(webhook, now)


def _locked(session: Session, by: Writer, number: int) -> Webhook:
    find_webhook(session, by.actor, number)
    return session.scalars(
        select(Webhook)
        .where(Webhook.id == number)
        .with_for_update(of=Webhook)
        .execution_options(populate_existing=True)
    ).one()


def _own(session: Session, by: Writer, number: int) -> Webhook:
    find_own(session, by.actor, number)
    return _locked(session, by, number)


def _checked(wanted: Subscription, private_hosts: Collection[str]) -> Subscription:
    """Check the requested values; return them as they are stored. Raises ``InvalidMany`` with
    everything that is wrong."""
    problems: dict[str, str] = {}
    name = wanted.name.strip()
    try:
        checked_text("name", name, MAX_NAME, label=_("Name"))
        if not name:
            problems["name"] = _("Name is required")
    except Invalid as error:
        problems["name"] = error.message
    url = wanted.url.strip()
    if (problem := _problem_of_url(url, private_hosts)) is not None:
        problems["url"] = problem
    kinds = [str(kind) for kind in messages.MessageKind if kind in wanted.kinds]
    if not kinds or set(wanted.kinds) - set(kinds):
        problems["kinds"] = _(
            "Choose at least one of: %(allowed)s", allowed=", ".join(messages.MessageKind)
        )
    found = ""
    try:
        found = checked_filter(wanted.filter)
    except Invalid as error:
        problems["filter"] = error.message
    if problems:
        raise InvalidMany(problems)
    return Subscription(name, url, kinds, found)


def _problem_of_url(url: str, private_hosts: Collection[str]) -> str | None:
    if len(url) > MAX_URL:
        return _("The address can have at most %(limit)s characters", limit=MAX_URL)
    if check_url(url):
        return _(
            "The address must begin with https:// or http:// and name a host, in ASCII characters,"
            " without spaces and without a user and password"
        )
    if "#" in url:
        return _("The address must not contain a #")
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return None  # a name is resolved in each call
    if host not in private_hosts and not is_public(address):
        return _("The address is in a private network; use one on the internet")
    return None


def _account(session: Session, login: str) -> int:
    checked_text("account", login, SHORT_TEXT_LIMIT, label=_("Partner account"))
    try:
        account = find_account(session, login)
    except NotFound as error:
        raise Invalid("account", error.message) from None
    if account.disabled_at is not None:
        raise Invalid("account", _("This account is disabled"))
    return account.id


def _host(url: str) -> str:
    """The part of an address that is logged: a path may contain a secret of the receiver."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _logged(webhook: Webhook) -> dict[str, str]:
    return {"kinds": webhook.kinds, "filter": webhook.filter}


def _record(
    session: Session,
    by: Writer,
    webhook: Webhook,
    fields: Mapping[str, tuple[str | None, str | None]],
) -> None:
    """Record the change, and notify the person by mail of what opens or closes a way out."""
    changed = [FieldChange(name, old, new) for name, (old, new) in fields.items() if old != new]
    change = record_change(session, by, kind=WEBHOOK, thing_id=webhook.id, fields=changed)
    announced = {"address", "secret"} & set(fields)
    if announced and webhook.account_id is None:
        text = _(
            "The webhook “%(name)s” sends what you may read of tickets to %(host)s. It was created,"
            " or its address or secrets were changed.",
            name=webhook.name,
            host=_host(webhook.url),
        )
        user = session.get_one(User, webhook.user_id)
        notify_person(session, by, user, change, _("One of your webhooks was changed"), text)
