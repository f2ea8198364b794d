"""What differs between kinds of partner systems: their traits.

Each kind is one folder of ``app/exchange/adapters`` with a ``PartnerKind``. Other code asks for a
trait of a connection's kind, never which kind it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from app.exchange.rules.profiles import Profile

Header: TypeAlias = Callable[[str], str]
"""The value of a header of a request, "" = it has none."""


class Hint(Protocol):
    """A request in which a partner's system announces that something changed there. Whatever it
    contains counts only if ``is_signed``."""

    @property
    def has_signature(self) -> bool:
        """Whether it claims to be signed."""

    def is_signed(self, secret: str) -> bool:
        """Whether it was signed with this secret."""

    @property
    def delivery(self) -> str:
        """The key under which it is remembered: the same in each attempt to deliver it."""

    @property
    def their_id(self) -> str:
        """The id of the changed ticket there, "" = not named."""


@dataclass(frozen=True)
class PartnerKind:
    """The traits of one kind of partner system."""

    name: str
    """As connections store it; also the name of the kind's folder. It never changes."""
    label: str
    """As people read it."""
    remark: str = ""
    """What an administrator should know when choosing the kind."""
    group: str = ""
    """What the group of a connection's profile is there, for its form; "" = it has none."""
    group_missing: str = ""
    """The form's message if no group was entered; "" = a group is not required."""
    profile: Profile = field(default_factory=Profile)
    """The profile with which a connection starts; an unmapped value is neither sent nor read."""
    texts: Collection[str] = ()
    """Our fields that are texts there."""
    mapped: Collection[str] = ()
    """Our fields whose values are mapped to values there."""
    has_our_words: bool = False
    """A mapped field without rows in the profile is sent in our words."""
    has_extras: bool = False
    """Its administrators add fields to their tickets, which the profile's ``extras`` fill."""
    is_notified: bool = False
    """The partner is only notified of changes and fetches them: nothing is read there, no answer
    says which values were set, and the partner reports its own number later."""
    answers_here: bool = False
    """The partner answers at our own interface, so its account has to see an exchanged ticket."""
    opens_here: bool = False
    """A ticket that the partner creates at our own interface is exchanged from then on."""
    hint: Callable[[Header, bytes], Hint] | None = None
    """Reads a hint from the headers and the body of a request; None = it sends none."""

    def headers(self, login: str, secret: str) -> Mapping[str, str]:
        """How the portal logs in with each call, unless the login is part of its messages."""
        return {}

    def is_mailed(self, url: str) -> bool:
        """Whether nothing is called at this address, because everything is sent by mail."""
        return False

    def checked_address(self, url: str, direction: str) -> str:
        """The address as stored. Raises ``Invalid`` for what this kind does not accept; that it is
        one of the web was checked, unless it ``is_mailed``."""
        return url

    def profile_for(self, url: str) -> Profile:
        """The profile with which a connection to this address starts."""
        return self.profile

    def has_field(self, profile: Profile, name: str, value: str) -> bool:
        """Whether a call sets this value in a field there."""
        if name in self.texts:
            return True
        if name not in self.mapped:
            return False
        is_ours = self.has_our_words and name not in profile.maps
        return is_ours or profile.map_of(name).theirs_of(value) is not None
