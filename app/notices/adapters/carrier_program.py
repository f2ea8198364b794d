"""Reads a carrier's mail with circuit-maintenance-parser, in an environment of its own (ADR 79).

The portal never imports this file: it is run by the interpreter of that environment, as
``python -I -B carrier_program.py PROVIDER PROCESSOR_SECONDS MEMORY_BYTES OUTPUT_BYTES``, mail on
standard input, JSON on standard output. It limits itself before it loads the library, and then
refuses network, other processes and changed files: mails are hostile, and the library looks up
unknown places on the Internet.
"""

from __future__ import annotations

import contextlib
import email
import json
import os
import resource
import sys
from importlib import import_module
from typing import Any, Final, NoReturn

_REFUSED: Final = (
    *("socket.", "subprocess.", "os.fork", "os.exec", "os.posix_spawn", "os.system", "os.spawn"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod"),
    *("os.kill", "os.putenv", "pty.", "ftplib.", "smtplib.", "urllib.", "webbrowser."),
)
"""Audit events (PEP 578) that reading a mail does not need."""
UNKNOWN_FORM: Final = 3
"""Exit status: the library does not know the form of this mail."""


def main() -> NoReturn:
    """The process."""
    provider, (seconds, memory, output) = sys.argv[1], map(int, sys.argv[2:5])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    os.nice(10)  # people who wait for a page have priority
    content = sys.stdin.buffer.read()
    library = _library()
    sys.addaudithook(_refuse)
    answer = _read(library, provider, content)
    if answer is None:
        sys.exit(UNKNOWN_FORM)
    json.dump(answer, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


def _library() -> Any:
    for name in ("openpyxl", "pandas"):  # of mails with a table
        with contextlib.suppress(ImportError):
            import_module(name)
    return import_module("circuit_maintenance_parser")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and (
        (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
        or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
    )
    if writes or event.startswith(_REFUSED):
        raise PermissionError(f"{event} is not allowed")


def _read(library: Any, provider: str, content: bytes) -> dict[str, Any] | None:
    mail = email.message_from_bytes(content)
    for name in ("Subject", "Date"):
        if name not in mail:
            mail[name] = ""
    data = library.NotificationData.init_from_emailmessage(mail)
    reader = library.init_provider(provider)
    if data is None or reader is None:
        return None
    try:
        found = list(reader.get_maintenances(data))
    except library.ProviderError:
        return None
    if not found or any(one.metadata.generated_by_llm for one in found):
        return None
    return {
        "form": sorted({name for one in found for name in one.metadata.parsers}),
        "maintenances": [json.loads(one.to_json()) for one in found],
    }


if __name__ == "__main__":
    main()
