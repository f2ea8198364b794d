"""Reads untrusted input in a separate process with limits and without secrets (ADR 62).

A mail is always read there, because the library that parses mails takes time quadratic in some
lengths; HTML of partner systems is, unless it is short. A process that ends early, because of its
limits or an error, only loses its text: a note replaces it.

Callers have no transaction open meanwhile.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn

from app.core.folders import PACKAGE
from app.exchange.adapters.html_text import TooComplex, plain_of
from app.exchange.adapters.incoming_mail import check_is_mail, read_reply, unread
from app.exchange.rules.replies import AttachedFile, Reply


@dataclass(frozen=True)
class Limits:
    """Limits of such a process."""

    processor: int = 10
    """Seconds; the worst accepted mail needs two."""
    memory: int = 1024 * 1024 * 1024
    """Bytes of address space."""
    wait: float = 60
    """Seconds from its start to its end, on a busy machine."""


LIMITS: Final = Limits()
SHORT: Final = 64 * 1024
"""Characters of HTML that are read in this process, within some milliseconds; a start takes 60."""
OUT_OF_LIMITS: Final = "The mail needs too much time or memory to be read"
_MAIL, _HTML = "mail", "html"
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from app.exchange.adapters.apart import main; main()"
)


def read_mail_apart(
    content: bytes, own_domain: str, recipient: str = "", limits: Limits = LIMITS
) -> Reply:
    """The content of a mail, as ``read_reply`` returns it. Raises ``Invalid`` if it is empty."""
    check_is_mail(content)
    answer = _answer_of(
        {"what": _MAIL, "domain": own_domain, "recipient": recipient}, content, limits
    )
    if answer is None:
        return unread(content, OUT_OF_LIMITS)
    files = [AttachedFile(name, b64decode(data)) for name, data in answer.pop("files")]
    return Reply(**{**answer, "gone": tuple(answer["gone"])}, files=files)


def plain_text(html: str, limits: Limits = LIMITS) -> str:
    """The text of a partner system's HTML; a note if it is too large or too complex."""
    try:
        if len(html) <= SHORT:
            return plain_of(html)
        answer = _answer_of({"what": _HTML}, html.encode(errors="replace"), limits)
        if answer is not None:
            return str(answer["text"])
    except TooComplex:
        pass
    return f"[The HTML text was too large or too complex to read; {len(html):,} characters]"


def _answer_of(
    question: Mapping[str, str], content: bytes, limits: Limits
) -> dict[str, Any] | None:
    """The answer of a separate process; None = it ended without one."""
    try:
        ran = subprocess.run(  # noqa: S603  # this file, with nothing of the content in its words
            [
                *(sys.executable, "-IB", "-c", _START, str(PACKAGE.parent)),
                *(str(limits.processor), str(limits.memory)),
            ],
            input=json.dumps(question).encode() + b"\n" + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            timeout=limits.wait,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if ran.returncode != 0:
        return None
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def main() -> NoReturn:
    """The process: a question and a content on standard input, an answer on standard output."""
    seconds, memory = int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(10)  # people who wait for a page have priority
    question = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    try:
        answer = _answer(question, content)
    except TooComplex:
        sys.exit(1)
    sys.stdout.write(json.dumps(answer))
    sys.exit(0)


def _answer(question: Mapping[str, str], content: bytes) -> Mapping[str, Any]:
    if question["what"] == _HTML:
        return {"text": plain_of(content.decode(errors="replace"))}
    reply = read_reply(content, question["domain"], question["recipient"])
    files = [(file.name, b64encode(file.content).decode()) for file in reply.files]
    return {**asdict(reply), "files": files}
