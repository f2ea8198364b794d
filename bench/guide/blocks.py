"""The command blocks of ``deploy/README.md``, in the order in which a reader meets them.

A block of commands is a fence whose info string is ``bash``. Comments of HTML that begin with
``guide:`` belong to the next block:

- ``<!-- guide: not run: REASON -->``: the proof leaves the block out, and prints the reason.
- ``<!-- guide: typed TEXT then TEXT -->``: the lines that a person types while the block runs.
- ``<!-- guide: on web1 web2 -->``: the machines of the larger form on which the block is run.

``<!-- guide: again HEADING on web1 web2 -->`` is a step of its own: the larger form runs the blocks
below an earlier heading again, on these machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

INFO: Final = "bash"
_FENCE: Final = re.compile(r"(?P<indent> *)```(?P<info>\S*) *")
_HEADING: Final = re.compile(r"#+ (?P<words>.*)")
_NOTE: Final = re.compile(r" *<!-- guide: (?P<words>.*?) -->")


class GuideError(Exception):
    """The guide cannot be read as one."""


@dataclass(frozen=True)
class Block:
    """The text between two fences: the line of the first one, the heading above it, and what the
    guide says in comments before it."""

    line: int
    heading: str
    info: str
    text: str
    not_run: str = ""
    typed: str = ""
    machines: tuple[str, ...] = ()
    is_again: bool = False

    @property
    def is_commands(self) -> bool:
        return self.info == INFO


def read(guide: str) -> list[Block]:
    """Every fenced block, commands or not, and the steps that are run again. Raises GuideError."""
    blocks: list[Block] = []
    lines = iter(enumerate(guide.splitlines(), 1))
    heading, notes = "", dict[str, str]()
    for number, line in lines:
        if (found := _HEADING.fullmatch(line)) and not notes:
            heading = found["words"]
        elif found := _NOTE.fullmatch(line):
            kind, words = _note(number, found["words"])
            if kind == "again":
                blocks += _again(number, words, blocks)
            else:
                notes[kind] = words
        elif found := _FENCE.fullmatch(line):
            text = "".join(_inside(number, len(found["indent"]), lines))
            block = Block(
                number,
                heading,
                found["info"],
                text,
                not_run=notes.get("not run:", ""),
                typed="".join(
                    f"{line}\n" for line in notes.get("typed", "").split(" then ") if line
                ),
                machines=tuple(notes.get("on", "").split()),
            )
            if notes and not block.is_commands:
                raise GuideError(f"line {number}: what is said of this block is of no use")
            blocks.append(block)
            notes = {}
        elif notes and line.strip():
            raise GuideError(f"line {number}: a block of commands is missing")
    if notes:
        raise GuideError("a block of commands is missing at the end")
    return blocks


def _note(number: int, words: str) -> tuple[str, str]:
    for kind in ("not run:", "typed", "on", "again"):
        rest = words.removeprefix(kind)
        if rest != words and rest.strip():
            return kind, rest.strip()
    raise GuideError(f"line {number}: unknown comment {words!r}")


def _inside(number: int, indent: int, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _, line in lines:
        if line.strip() == "```":
            return
        yield line[indent:] + "\n"
    raise GuideError(f"line {number}: this block has no end")


def _again(number: int, words: str, blocks: Sequence[Block]) -> Iterator[Block]:
    heading, _, machines = words.rpartition(" on ")
    found = [block for block in blocks if block.heading == heading and block.is_commands]
    if not found:
        raise GuideError(f"line {number}: no block of commands below {heading!r}")
    places = tuple(machines.split())
    for block in found:
        yield replace(block, line=number, machines=places, is_again=True)
