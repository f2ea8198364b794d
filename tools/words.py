"""Counts words and habits that do not belong in what people read (``make check``).

Without arguments it compares the counts with the bounds of ``tools/words.toml``: more than a bound
is an error. ``--lower`` lowers the bounds to the counts, never up. ``--list WORD [AREA...]`` prints
the places of a word, ``--counts [FOLDER]`` all counts (of another checkout), ``--commits RANGE``
checks the subjects of commits.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

PROJECT: Final = Path(__file__).resolve().parent.parent
BOUNDS: Final = PROJECT / "tools" / "words.toml"
MAX_SUBJECT: Final = 72

WORDS: Final = {
    "told": (r"\b(?:told|tells?|telling)\b", "say, report, notify, show"),
    "asked": (r"\basked\b", "requested, required, due"),
    "kept": (r"\bkept\b", "stored, cached, preserved"),
    "bears": (r"\b(?:bears?|bore|borne)\b", "has, contains"),
    "anew": (r"\banew\b", "again, new"),
    "goes on": (r"\b(?:go|goes|going|gone|went) on\b", "continue, ongoing"),
    "is none": (r"\b(?:is|are|was|were) none\b", "is not a ..., does not exist"),
    "since ago": (r"\bsince \S+ (?:\w+ )?ago\b", "for"),
    "no more": (r"\bno more\b(?! than)", "no longer"),
    "stands": (r"\b(?:stands?|stood)\b(?!-in| for\b)", "is, is shown"),
    "whoever": (r"\b(?:whoever|whom|whomever)\b", "anybody who, the person"),
    "of it": (r"\bof it\b", "its, or the noun"),
    "of now": (r"\bof (?:now|then)\b", "current, at that time"),
    "becomes of": (r"\b(?:becomes?|became|come|came) of\b", "result, what happened"),
    "reckon": (r"\breckon", "calculate"),
    "begun": (r"\bbegun\b", "started"),
    "beside": (r"\bbeside\b", "next to, besides, in addition to"),
    "as of old": (r"\bof old\b", "earlier"),
    "in vain": (r"\bin vain\b", "failed, without success"),
    "nowhere": (r"\bnobody knows\b|\bknows nothing of\b", "unknown, does not depend on"),
}
"""A word, what finds it, and what to write instead."""

NAMES: Final = {
    "told": ("told", "say, reported"),
    "asked": ("asked", "requested, required"),
    "kept": ("kept", "stored, cached"),
    "bears": ("bears", "has"),
    "of_now": ("of_now", "current"),
    "anew": ("anew", "again"),
    "stands": ("stands", "is"),
}
"""The same for parts of names in the code."""

EXCEPTIONS: Final = {
    "asked to accept": "sites that have to accept a change; the term of the GGUS contract",
    "asked sites": "the same",
    "asked site": "the same",
    "Rename told, anew": "the subject of a commit that names the words themselves",
    "instead of begun": "the same",
}
"""Texts in which a word is right, each with the reason; at most 20."""

_COMMENT: Final = re.compile(r"\{#.*?#\}", re.DOTALL)
_TAG: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_MARKUP: Final = re.compile(r"<[^<>]*>", re.DOTALL)
_READ_OUT: Final = re.compile(r'\b(?:title|aria-label|placeholder|alt|value)="([^"]*)"')
_LITERAL: Final = re.compile(r'"([^"]*)"')
_CODE: Final = re.compile(r"`+[^`]*`+")
_FENCE: Final = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_DOCUMENTATION: Final = re.compile(r"documentation>(.*?)<", re.DOTALL)


class Text(NamedTuple):
    """A text that somebody reads, and where."""

    place: str
    words: str


def _files(root: Path, *patterns: str) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(path for path in root.glob(pattern) if path.is_file())


def _lines(path: Path, root: Path, text: str) -> Iterator[Text]:
    for number, line in enumerate(text.splitlines(), 1):
        yield Text(f"{path.relative_to(root)}:{number}", _CODE.sub("", line))


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def templates(root: Path) -> Iterator[Text]:
    """Texts of pages, mails and slides: what is between tags, read out, or a literal."""
    for path in _files(root, "templates/**/*.html", "templates/**/*.txt"):
        text = _COMMENT.sub(_blank, path.read_text("utf-8"))
        for number, line in enumerate(text.splitlines(), 1):
            place = f"{path.relative_to(root)}:{number}"
            literals = [one for tag in _TAG.findall(line) for one in _LITERAL.findall(tag)]
            yield from (Text(place, one) for one in literals if " " in one)
            bare = _TAG.sub("…", line)
            yield from (Text(place, one) for one in _READ_OUT.findall(bare))
            yield Text(place, _MARKUP.sub(" ", bare))


def messages(root: Path) -> Iterator[Text]:
    """Literals of the code with a space: messages, errors, help, lines of the log."""
    for path, tree in _modules(root, "app/**/*.py", "soap_service/**/*.py", "wsgi.py"):
        passed: set[ast.AST] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                passed.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                pieces = [
                    str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values
                ]
                passed.update(ast.walk(node))
                yield Text(f"{path.relative_to(root)}:{node.lineno}", "".join(pieces))
            elif isinstance(node, ast.Constant) and node not in passed:
                words = node.value
                if isinstance(words, str) and " " in words:
                    yield Text(f"{path.relative_to(root)}:{node.lineno}", words)


def docstrings(root: Path) -> Iterator[Text]:
    """Docstrings of modules, public classes and functions, and public values."""
    sources = ("app/**/*.py", "soap_service/**/*.py", "tools/*.py", "wsgi.py")
    for path, tree in _modules(root, *sources):
        for holder in ast.walk(tree):
            if not isinstance(holder, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            if not isinstance(holder, ast.Module) and holder.name.startswith("_"):
                continue
            before: ast.stmt | None = None
            for node in holder.body:
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                    value = node.value.value
                    is_private = isinstance(before, ast.Assign | ast.AnnAssign) and ast.unparse(
                        before
                    ).startswith("_")
                    if isinstance(value, str) and not is_private:
                        place = f"{path.relative_to(root)}:{node.lineno}"
                        yield Text(place, _CODE.sub("", value))
                before = node


def _modules(root: Path, *patterns: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in _files(root, *patterns):
        yield path, ast.parse(path.read_text("utf-8"))


def documents(root: Path) -> Iterator[Text]:
    """README and its like, ``docs``, ``deploy``, the changelog's fragments, without code."""
    found = _files(
        root, "README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "deploy/**/*",
        "changelog.d/*.md", "Makefile", ".env.example",
    )  # fmt: skip
    for path in found:
        yield from _lines(path, root, _FENCE.sub(_blank, path.read_text("utf-8")))


def contracts(root: Path) -> Iterator[Text]:
    """Summaries and descriptions of REST, documentation of the native service."""
    rest, native = root / "tests/api/openapi.json", root / "tests/soap_service/native/LHCOPN.wsdl"
    if rest.exists():
        yield from _described(json.loads(rest.read_text("utf-8")))
    if native.exists():
        for words in _DOCUMENTATION.findall(native.read_text("utf-8")):
            yield Text("LHCOPN.wsdl", words)


def _described(part: object) -> Iterator[Text]:
    if isinstance(part, dict):
        for key, inner in part.items():
            if key in ("summary", "description") and isinstance(inner, str):
                yield Text("openapi.json", _CODE.sub("", inner))
            else:
                yield from _described(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _described(inner)


def names(root: Path) -> Iterator[Text]:
    """Names that the code gives: functions, classes, arguments, variables."""
    for path, tree in _modules(root, "app/**/*.py", "soap_service/**/*.py", "tools/*.py"):
        for node in ast.walk(tree):
            given = None
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                given = node.name
            elif isinstance(node, ast.arg):
                given = node.arg
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                given = node.id
            if given is not None:
                place = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
                yield Text(place, given)


AREAS: Final[dict[str, Callable[[Path], Iterator[Text]]]] = {
    "templates": templates,
    "messages": messages,
    "contracts": contracts,
    "documents": documents,
    "docstrings": docstrings,
    "names": names,
}


def _without_exceptions(words: str) -> str:
    for one in EXCEPTIONS:
        words = words.replace(one, "")
    return words


def hits(root: Path) -> Iterator[tuple[str, str, Text]]:
    """Every area, word and text in which the word is found, once per occurrence."""
    for area, read in AREAS.items():
        for text in read(root):
            if area == "names":
                parts = f"_{text.words.lower()}_"
                for word, (part, _) in NAMES.items():
                    if f"_{part}_" in parts:
                        yield area, word, text
                continue
            words = _without_exceptions(text.words)
            for word, (pattern, _) in WORDS.items():
                for _ in re.findall(pattern, words, re.IGNORECASE):
                    yield area, word, text


def counts(root: Path) -> dict[str, Counter[str]]:
    """How often each word is found, by area."""
    found: dict[str, Counter[str]] = {area: Counter() for area in AREAS}
    for area, word, _ in hits(root):
        found[area][word] += 1
    return found


def _bounds() -> dict[str, dict[str, int]]:
    return tomllib.loads(BOUNDS.read_text("utf-8"))


def check() -> int:
    """Compare the counts with the bounds; the exit code."""
    found, bounds, code = counts(PROJECT), _bounds(), 0
    for area in AREAS:
        for word, count in found[area].items():
            bound = bounds.get(area, {}).get(word, 0)
            if count > bound:
                better = (NAMES if area == "names" else WORDS)[word][1]
                print(
                    f"{area}: '{word}' {count} times, allowed {bound}; write: {better}"
                    f" (places: tools/words.py --list '{word}' {area})",
                    file=sys.stderr,
                )
                code = 1
    return code


def _lower() -> int:
    found, bounds = counts(PROJECT), _bounds() if BOUNDS.exists() else {}
    lines = [
        "# How often a word may still be found; written by tools/words.py --lower, never raised."
    ]
    for area in AREAS:
        lines.append(f"\n[{area}]")
        for word in NAMES if area == "names" else WORDS:
            count = found[area][word]
            bound = min(count, bounds[area].get(word, 0)) if bounds else count
            if bound:
                lines.append(f'"{word}" = {bound}')
    BOUNDS.write_text("\n".join(lines) + "\n", "utf-8")
    return 0


def _list(word: str, areas: list[str]) -> int:
    for area, found, text in hits(PROJECT):
        if found == word and (not areas or area in areas):
            print(f"{text.place}: {text.words.strip()[:200]}")
    return 0


def _print_counts(root: Path) -> int:
    found = counts(root)
    for word in [*WORDS, *(one for one in NAMES if one not in WORDS)]:
        row = " ".join(f"{area} {found[area][word]}" for area in AREAS)
        print(f"{word:12} {sum(one[word] for one in found.values()):5}  {row}")
    print(f"{'all':12} {sum(sum(one.values()) for one in found.values()):5}")
    return 0


def _check_subjects(span: str) -> int:
    log = ["git", "log", "--format=%h %s", span]
    code = 0
    for line in subprocess.check_output(log, cwd=PROJECT, text=True).splitlines():
        subject = line.partition(" ")[2]
        words = _without_exceptions(subject)
        found = [word for word, (one, _) in WORDS.items() if re.search(one, words, re.IGNORECASE)]
        if len(subject) > MAX_SUBJECT:
            found.append(f"longer than {MAX_SUBJECT} characters")
        if found:
            print(f"{line}: {', '.join(found)}", file=sys.stderr)
            code = 1
    return code


def main(arguments: list[str]) -> int:
    """Run one of the commands; the exit code."""
    match arguments:
        case []:
            return check()
        case ["--lower"]:
            return _lower()
        case ["--list", word, *areas]:
            return _list(word, areas)
        case ["--counts", *folder]:
            return _print_counts(Path(folder[0]) if folder else PROJECT)
        case ["--commits", span]:
            return _check_subjects(span)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
