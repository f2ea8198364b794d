"""Under which names the portal answers: PUBLIC_URL's host, loopback names and ALLOWED_HOSTS.

A page that another site's name leads to (DNS rebinding), or an answer that repeats a forged name,
could be used against people who are logged in; so whatever else a Host header says is refused.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from app.core.rules.language import _
from app.core.settings import Settings, is_loopback

ANY_HOST: Final = frozenset({"/healthz", "/readyz"})
"""Anyone who watches a server asks by any address; these pages hold nothing and link to nothing."""
NOT_OURS: Final = _(
    "The Host header does not name an address of this portal. Use the portal's own address; an"
    " administrator can allow further names with ALLOWED_HOSTS."
)
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+)(?::[0-9]{0,5})?")


def is_known(settings: Settings, header: str) -> bool:
    """Whether the portal answers to this Host header, whatever port it names."""
    found = _HOST.fullmatch(header)
    if found is None:
        return False
    name = found[1].strip("[]").lower().removesuffix(".")
    ours = urlsplit(settings.public_url).hostname
    return name == ours or name in settings.allowed_hosts or is_loopback(name)
