"""What is new in a partner's ticket, as a read by its id returned it.

Everything that reads (a hint, the next pull, the nightly sweep, a look after a lost answer) comes
through here, as often and in whatever order it may: what is known already is not news.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.exchange.rules.marks import digest_of, is_copy, mark_of, normalised, without_marks


@dataclass(frozen=True)
class TheirText:
    """One text of their ticket. ``key`` is its id there, the same each time it is read."""

    key: str
    text: str
    author: str = ""
    by_us: bool = False
    """Our account over there wrote it."""
    internal: bool = False


@dataclass(frozen=True)
class TheirTicket:
    """A partner's ticket. ``values``: fields in their words; ``merged_into``: where it went on."""

    id: str
    texts: Sequence[TheirText]
    values: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    number: str = ""
    """What people call it there."""
    url: str = ""
    merged_into: str = ""
    changed_at: datetime | None = None
    """When anything of it was last changed there, None = they do not say."""


@dataclass(frozen=True)
class Known:
    """What is recorded of a pair: our entries by sequence, and theirs."""

    number: int
    sent: Mapping[int, str]
    """Sequence and text of each entry of ours with a text, whether it arrived or not."""
    arrived: frozenset[str]
    """Keys of their texts that were recorded, whatever came of them."""
    pushed: Mapping[str, int] = field(default_factory=dict)
    """Digest and count of entries of theirs that came by another way, without a key of theirs."""


@dataclass(frozen=True)
class News:
    """What a read brought."""

    confirmed: Mapping[int, str]
    """Our entries that are over there: sequence and their key."""
    texts: Sequence[TheirText]
    """Theirs, to be recorded, in their order, without marks."""
    copies: Sequence[str]
    """Keys of texts that are copies of ours: recorded as seen, and nothing else."""
    keyed: Mapping[str, str]
    """Keys of texts that came before by another way, with the digest of each."""


def news_of(ticket: TheirTicket, known: Known) -> News:
    """Compare a ticket with what is recorded. The order of ``ticket.texts`` is kept."""
    confirmed: dict[int, str] = {}
    texts: list[TheirText] = []
    copies: list[str] = []
    keyed: dict[str, str] = {}
    pushed = Counter(known.pushed)
    plain: dict[int, str] = {}
    for text in ticket.texts:
        if text.key in known.arrived:
            continue
        mark = mark_of(text.text)
        is_marked = text.by_us and mark is not None and mark.number == known.number
        if is_marked and mark is not None and mark.sequence in known.sent:
            if mark.sequence in confirmed:
                copies.append(text.key)
            else:
                confirmed[mark.sequence] = text.key
            continue
        digest = digest_of(text.text)
        if pushed[digest] > 0:
            pushed[digest] -= 1
            keyed[text.key] = digest
            continue
        if text.by_us or mark is not None:
            # our account, but the mark was cut off; or our text, sent round by somebody else
            plain = plain or {sequence: normalised(one) for sequence, one in known.sent.items()}
            same = [one for one in plain if is_copy(normalised(text.text), [plain[one]])]
            if same:
                new = [one for one in same if text.by_us and one not in confirmed]
                if new:
                    confirmed[new[0]] = text.key
                else:
                    copies.append(text.key)
                continue
        texts.append(
            TheirText(text.key, without_marks(text.text), text.author, text.by_us, text.internal)
        )
    return News(confirmed, texts, copies, keyed)
