"""The words of pages, forms, messages and mails: standard terms, none of those that were replaced.

Read from the templates and from the string literals of the code behind them. What partners are
answered (faults over SOAP, problems over REST, what a file or a message of events is refused for)
is a contract and not looked at here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

_PROJECT: Final = Path(__file__).resolve().parents[2]

_OF_PARTNERS: Final = ("app/events/rules/", "app/events/services/", "app/tickets/rules/desk.py")
"""Their texts are answered to partners too, or are in addresses and saved filters."""

_FLOORS: Final = ("pages", "rules", "services", "tasks")
"""Whose literals people read; ``app/commands`` and ``app/core/web`` come beside them."""

_BANNED: Final = {
    # whole expressions
    r"\bwait too long\b": "overdue",
    r"\bnot taken\b": "unclaimed",
    r"\b(?:goes|go|went|going) on\b": "ongoing, continue",
    r"\b(?:becomes?|became|came) of\b": "result, preview",
    r"\bnone asked\b": "not due",
    r"\banother number\b": "Correct…",
    r"\btake (?:this|it) over\b": "reuse",
    r"\bnumbers of now\b": "live numbers",
    r"\bowed\b": "outstanding",
    r"\bquiet list\b": "muted",
    r"\b(?:thing is|things are) still open\b": "items left",
    r"\breminders of reports\b": "report reminders",
    r"\bquestions of the reports\b": "report form",
    r"\bask for a TC\b": "request a meeting",
    r"\bset the TC\b": "schedule",
    r"\bleave this TC\b": "cancel meeting",
    r"\basks for nothing\b": "dismiss",
    r"\bnothing waits\b": "queue empty",
    r"\btidy up\b": "clean up",
    r"\bmails I get\b": "notifications",
    r"\bpresent password\b": "current password",
    r"\bwhere you know from\b": "source",
    r"\bwhat it may\b": "permissions",
    r"\bit means\b": "suggested match",
    r"\bnothing is near\b": "no similar name",
    r"\byou may not do this\b": "not allowed",
    r"\bto the tickets\b": "back to tickets",
    r"\bended in the middle\b": "interrupted",
    r"\benter an event\b": "report event",
    r"\bas reported\b": "raw reports",
    r"\b(?:id|number) there\b": "source id",
    r"\bis a ticket due\b": "ticket obligation",
    r"\btake it off\b": "unlink",
    r"\bto be written\b": "open",
    r"\bworth keeping\b": "a note",
    r"\bthe same as a table\b": "table",
    r"\bwhat to know of\b": "notes",
    r"\bnot watched\b": "unmonitored",
    r"\bnot up\b(?! to)": "downtime",
    r"\bwhat if\b": "rule comparison",
    r"\bfor and against\b": "pros and cons",
    r"\bwas left out\b": "ignored filter in the URL",
    r"\bwords in texts\b": "contains text",
    r"\bin the address was\b": "in the URL",
    r"\bearlier ones\b": "earlier",
    # words that are never the right one here
    r"\bstands?\b|\bstood\b": "is, is shown",
    r"\btells?\b|\btold\b": "says, shows, notified",
    r"\bmade\b|\bmake (?:an?|the|it|one|this|new|them|meeting)\b": "created",
    r"\bputs?\b(?! (?:it )?on hold)": "set, move, publish",
    r"\bstruck off\b": "cleared",
    r"\bworked in(?:to)?\b": "recalculated",
    r"\breckon": "recalculate",
    r"\bletters?\b(?!,? (?:and |or )?digits?| of the)": "mail, character",
    r"\bkept\b": "stored, cached",
    r"\bof it\b": "its",
}

_COMMENT: Final = re.compile(r"\{#.*?#\}", re.DOTALL)
_TAG: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_MARKUP: Final = re.compile(r"<[^<>]*>", re.DOTALL)
_SAID: Final = re.compile(r'\b(?:title|aria-label|placeholder|alt|value)="([^"]*)"')
_LITERAL: Final = re.compile(r'"([^"]*)"')


def said_by_template(text: str) -> Iterator[tuple[int, str]]:
    """What a template says, with its line: text, attributes that are read out, literals."""
    text = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    for number, line in enumerate(text.splitlines(), 1):
        for tag in _TAG.findall(line):
            yield from ((number, one) for one in _LITERAL.findall(tag) if " " in one)
        bare = _TAG.sub("…", line)
        yield from ((number, one) for one in _SAID.findall(bare))
        for piece in _MARKUP.sub("\n", bare).splitlines():
            yield number, piece


def said_by_code(text: str) -> Iterator[tuple[int, str]]:
    """The string literals of a module but its docstrings; what a format inserts is "…"."""
    tree = ast.parse(text)
    passed: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            pieces = [one.value if isinstance(one, ast.Constant) else "…" for one in node.values]
            passed.update(ast.walk(node))
            yield node.lineno, "".join(map(str, pieces))
        elif isinstance(node, ast.Constant) and node not in passed:
            said = node.value
            if isinstance(said, str) and " " in said:  # one word is a name
                yield node.lineno, said


def _read(path: Path) -> bool:
    name = path.relative_to(_PROJECT).as_posix()
    if name.startswith(_OF_PARTNERS):
        return False
    if path.suffix == ".py":
        parts = path.relative_to(_PROJECT).parts
        return name.startswith(("app/commands/", "app/core/web/")) or (
            parts[1] != "core" and any(floor in parts for floor in _FLOORS)
        )
    return name.startswith("templates/") and path.suffix in (".html", ".txt")


def _found() -> list[str]:
    found = []
    for root in ("app", "templates"):
        for path in sorted((_PROJECT / root).rglob("*")):
            if not path.is_file() or not _read(path):
                continue
            text = path.read_text("utf-8")
            said = said_by_code(text) if path.suffix == ".py" else said_by_template(text)
            for number, one in said:
                for pattern, better in _BANNED.items():
                    for word in re.findall(pattern, one, re.IGNORECASE):
                        place = (
                            f"{path.relative_to(_PROJECT)}:{number}: {word!r} (better: {better})"
                        )
                        found.append(f"{place} in {one.strip()[:120]!r}")
    return found


def test_pages_and_messages_use_standard_terms() -> None:
    assert _found() == []


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("<p>It <b>goes on</b></p>", ["It ", "goes on"]),
        ('<a title="It goes on">x</a>', ["It goes on", "x"]),
        ('{{ "It goes on" if x else "y" }}', ["It goes on", "…"]),
        ("{# It\ngoes on #}{{ goes.on }}", ["…"]),
    ],
)
def test_what_a_template_says(template: str, said: list[str]) -> None:
    assert [one for _, one in said_by_template(template) if one] == said


def test_what_code_says() -> None:
    code = '"""Goes on."""\nA = f"{x} goes on"\n"""It goes on."""\nB = ("It "\n "goes on")\n'
    assert sorted(said_by_code(code)) == [(2, "… goes on"), (4, "It goes on")]
