"""A person who was forgotten: the neutral name, and where their name and addresses occur."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

FORMER: Final = "former person "
"""A login name contains no blank: nobody can have, choose or log in with such a name."""
REMOVED: Final = "(removed)"
_BETWEEN: Final = re.compile(r"([;,]\s*)")
_BY: Final = r"(?:Ticket [0-9]+ (?:created|updated)|Added|[Ee]ntered|edited) by "
_DOES: Final = r"(?=: | said that it is | chose (?:ours|theirs)\Z| set it back to review\Z)"


@dataclass(frozen=True)
class Former:
    """A person who is forgotten. ``addresses`` are in lower case, and nobody else uses them."""

    user_id: int
    name: str
    addresses: frozenset[str]
    full_names: frozenset[str] = frozenset()
    """As providers of sign-on reported them: sought, and not replaced."""

    @property
    def neutral(self) -> str:
        """The name shown from now on; the key in it is never given to anybody else."""
        return f"{FORMER}{self.user_id}"

    def item(self, text: str, instead: str = "") -> str:
        """``text`` if it is not exactly the name or an address; else the neutral name, or
        ``instead``."""
        if text == self.name:
            return self.neutral
        return instead if text.lower() in self.addresses else text

    def items(self, text: str, instead: str = "") -> str:
        """The same for each item of a list with commas or semicolons; "" leaves no gap."""
        parts = _BETWEEN.split(text)
        left = [
            (before, new)
            for before, old in zip(["", *parts[1::2]], parts[::2], strict=True)
            if (new := self.item(old, instead)) or not old
        ]
        return "".join(
            f"{before}{new}" if position else new for position, (before, new) in enumerate(left)
        )

    def sentence(self, text: str) -> str:
        """A sentence of the portal about who did something, with the neutral name: ``Added by
        NAME``, ``NAME: reason``. Whatever else it contains was written by people, and stays."""
        name = re.escape(self.name)
        text = re.sub(rf"((?:^|: ){_BY}){name}\Z", rf"\g<1>{self.neutral}", text)
        return re.sub(rf"^((?:[a-z ]+: )?){name}{_DOES}", rf"\g<1>{self.neutral}", text)

    def words(self, text: str) -> str:
        """``text`` with the name and the addresses replaced wherever they are whole words; a name
        of JSON, or the name of a role, is not the person."""
        is_value = r'(?<!"role":")(?<!"role": ")'
        text = self._pattern(self.name, before=is_value, after=r'(?!"\s*:)').sub(self.neutral, text)
        for address in self.addresses:
            text = self._pattern(address, re.IGNORECASE).sub(REMOVED, text)
        return text

    def occurs_in(self, text: str) -> bool:
        """Whether the name, an address or a full name is a word of ``text``."""
        return self.words(text) != text or any(
            self._pattern(one, re.IGNORECASE).search(text) for one in self.full_names
        )

    @staticmethod
    def _pattern(
        word: str, flags: int = 0, *, before: str = "", after: str = ""
    ) -> re.Pattern[str]:
        # a dot ends a sentence, or is a part of the word
        end = r"(?![\w@+-])(?!\.\w)"
        return re.compile(rf"{before}(?<![\w.@+-]){re.escape(word)}{end}{after}", flags)
