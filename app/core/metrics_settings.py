"""The settings of ``/metrics``: who may read what monitoring wants to know of the portal."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from app.core.rules.errors import SettingError

NAMES = ("METRICS_TOKEN", "METRICS_FROM")
_MIN_TOKEN_LENGTH = 32


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Requests with ``token`` may read, and these networks. With neither there are no metrics."""

    token: str = field(default="", repr=False)
    networks: Sequence[IPv4Network | IPv6Network] = ()

    @classmethod
    def of(cls, values: Mapping[str, str]) -> MetricsSettings:
        """Read both. Raises SettingError with one line that names the variable."""
        token = values.get("METRICS_TOKEN", "")
        if token and (len(token) < _MIN_TOKEN_LENGTH or len(set(token)) < 8):
            raise SettingError(
                f"METRICS_TOKEN must be a random text of at least {_MIN_TOKEN_LENGTH} characters"
            )
        if not token.isascii() or any(char.isspace() for char in token):
            raise SettingError("METRICS_TOKEN must contain only ASCII characters and no spaces")
        return cls(token, tuple(map(_network, filter(None, _parts(values)))))

    def as_environment(self) -> dict[str, str]:
        """These settings as the variables that they are read from."""
        return {"METRICS_TOKEN": self.token, "METRICS_FROM": ",".join(map(str, self.networks))}

    @property
    def is_off(self) -> bool:
        """Whether nobody may read."""
        return not (self.token or self.networks)

    def allows(self, authorization: str, remote: str) -> bool:
        """Whether a request with this ``Authorization`` header may read. ``remote``: the client's
        address, "" = not known."""
        kind, _, sent = authorization.partition(" ")
        if self.token and kind.lower() == "bearer":
            return hmac.compare_digest(sent.strip().encode(), self.token.encode())
        if not remote:
            return False
        address = ip_address(remote)
        return any(address in network for network in self.networks)


def _parts(values: Mapping[str, str]) -> Sequence[str]:
    return [part.strip() for part in values.get("METRICS_FROM", "").split(",")]


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise SettingError(
            "METRICS_FROM must be addresses or networks, separated by commas, such as 10.1.2.3"
            f" or 2001:db8::/64; {text[:60]!r} is neither"
        ) from None
