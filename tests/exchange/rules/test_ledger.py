"""The head of what crossed a pair: one entry removed, altered, moved or doubled changes it."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.exchange.rules.ledger import START, Origin, head_of, name_of_chain

DIGESTS = st.lists(st.sampled_from("abc"), max_size=30)
FIRST = "4d744e91c91fb378257eb8fbe3cefe3861cd6846f32354dd75814b65647d9293"
SECOND = "17e9ed592c7f91afb33abf607130d71a2844da35e9612286d5cf1b39218894c7"


def test_the_head_is_the_hash_that_partners_compute() -> None:
    """By hand: ``printf 'opener\\n1\\na\\n%064d' 0 | sha256sum``, and so on with that hash."""
    assert START == "0" * 64
    assert head_of("opener", "") == START
    assert head_of("opener", "a") == FIRST
    assert head_of("opener", "ab") == SECOND


@given(DIGESTS, DIGESTS)
def test_heads_are_equal_where_all_entries_are(here: list[str], there: list[str]) -> None:
    assert (head_of("opener", here) == head_of("opener", there)) == (here == there)
    assert (head_of("opener", here) == head_of("answerer", here)) == (not here)


@given(DIGESTS.filter(bool), st.randoms())
def test_any_entry_removed_altered_or_doubled_is_seen(digests: list[str], chance: Random) -> None:
    place = chance.randrange(len(digests))
    head = head_of("opener", digests)
    assert head_of("opener", [*digests[:place], "other", *digests[place + 1 :]]) != head
    assert head_of("opener", [*digests[: place + 1], *digests[place:]]) != head
    assert head_of("opener", [*digests[:place], *digests[place + 1 :]]) != head


def test_both_sides_name_a_chain_alike() -> None:
    assert name_of_chain(Origin.OURS, began_here=True) == "opener"
    assert name_of_chain(Origin.THEIRS, began_here=False) == "opener"
    assert name_of_chain(Origin.THEIRS, began_here=True) == "answerer"
    assert name_of_chain(Origin.OURS, began_here=False) == "answerer"
