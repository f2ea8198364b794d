"""Partners that are notified by mail or by a webhook, and fetch the ticket.

Their ticket systems may write mails, too.
"""

from __future__ import annotations

from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.mails.mail_addresses import MAILTO, mail_address
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.profiles import Direction, Profile


class _Mail(PartnerKind):
    def is_mailed(self, url: str) -> bool:
        """See ``PartnerKind.is_mailed``: unless a receiver of webhooks is at this address."""
        return not url.startswith(("https://", "http://"))

    def checked_address(self, url: str, direction: str) -> str:
        """See ``PartnerKind.checked_address``: a mail address, or that of a receiver."""
        is_receiver = not self.is_mailed(url)
        if direction == Direction.PULL or (direction != Direction.PUSH and is_receiver):
            raise Invalid(
                "direction",
                _(
                    "The portal sends changes to this partner: choose push, or both if its ticket"
                    " system also writes emails; with a webhook receiver, choose push"
                ),
            )
        if is_receiver:
            return url
        address = mail_address(url.removeprefix(MAILTO))
        if address is None:
            raise Invalid(
                "url",
                _(
                    "Enter an email address, such as mailto:noc@site.example,"
                    " or the address of a webhook receiver, such as https://noc.example/hook"
                ),
            )
        return f"{MAILTO}{address}"

    def has_field(self, profile: Profile, name: str, value: str) -> bool:
        """See ``PartnerKind.has_field``: its mails have lines for some fields; without lines, the
        partner fetches all of them."""
        is_line = value and any(meaning == name for _key, meaning in profile.mail)
        is_mapped = name in profile.maps
        word = profile.map_of(name).theirs_of(value) if is_mapped else value
        return not profile.mail or bool(is_line and word)


KIND: Final = _Mail(
    name="mail",
    label=_("Structured email"),
    texts=("title", "solution"),
    is_notified=True,
    answers_here=True,
)
