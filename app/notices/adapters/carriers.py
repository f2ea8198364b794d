"""Has a carrier's mail read by circuit-maintenance-parser in a process of its own (ADR 79)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from app.notices.adapters.carrier_program import UNKNOWN_FORM
from app.notices.rules.carriers import CarrierReading, NonsenseReading, carrier_reading

_PROGRAM: Final = Path(__file__).with_name("carrier_program.py")


@dataclass(frozen=True)
class Limits:
    """Limits of such a process. Loading the library takes 2 s of processor time and 0.5 GiB."""

    processor: int = 20
    """Seconds."""
    memory: int = 1536 * 1024 * 1024
    """Bytes of address space."""
    output: int = 1024 * 1024
    """Bytes of the answer."""
    wait: float = 120
    """Seconds from its start to its end, on a busy machine."""


LIMITS: Final = Limits()


class NotRead(Exception):
    """Why a mail was not read, in words for operators."""


def read_carrier_mail(
    python: Path, provider: str, mail: bytes, limits: Limits = LIMITS
) -> CarrierReading:
    """What the library reads in a mail of this carrier. ``python`` is the interpreter of the
    library's environment. Raises ``NotRead``."""
    with TemporaryFile() as given, TemporaryFile() as answer:
        given.write(mail)
        given.seek(0)
        status = _status(python, provider, limits, given.fileno(), answer.fileno())
        answer.seek(0)
        said = answer.read(limits.output)
    if status == UNKNOWN_FORM:
        raise NotRead(f"the carrier reader knows no such form of {provider}")
    if status != 0:
        raise NotRead("the carrier reader failed or needed too much time or memory")
    try:
        return carrier_reading(provider, json.loads(said))
    except NonsenseReading as error:
        raise NotRead(f"the carrier reader's answer is not usable: {error}") from None
    except (ValueError, RecursionError):
        raise NotRead("the carrier reader's answer is not usable: it is not JSON") from None


def _status(python: Path, provider: str, limits: Limits, given: int, answer: int) -> int:
    words = (provider, str(limits.processor), str(limits.memory), str(limits.output))
    try:
        process = subprocess.Popen(  # noqa: S603  # nothing of the mail is in its words
            [str(python), "-I", "-B", str(_PROGRAM), *words],
            stdin=given,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            env={"OPENBLAS_NUM_THREADS": "1"},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise NotRead(f"the carrier reader cannot be started: {error.strerror}") from None
    try:
        return process.wait(limits.wait)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # it has not been waited for: still its group
        process.wait()
        return -signal.SIGKILL
