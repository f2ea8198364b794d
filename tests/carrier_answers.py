"""Answers of the carrier reader, and an environment in which a stand-in for its library runs.

The stand-in does what the text of a mail says; the program and its limits are the portal's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

START: Final = 1362952800
"""2013-03-10 22:00 UTC."""
_LIBRARY: Final = """
import json, os, socket, sys, time

class ProviderError(Exception):
    pass

class NotificationData:
    @staticmethod
    def init_from_emailmessage(mail):
        return mail.get_payload().strip()

class _Metadata:
    generated_by_llm = False
    def __init__(self, parsers):
        self.parsers = parsers

class _Maintenance:
    def __init__(self, form, said):
        self.metadata, self._said = _Metadata(form), said
    def to_json(self):
        return json.dumps(self._said)

class _Provider:
    def get_maintenances(self, text):
        do, _, rest = text.partition(" ")
        if do == "loop":
            while True:
                pass
        if do == "sleep":
            time.sleep(600)
        if do == "allocate":
            held = []
            while True:
                held.append(bytearray(16 * 1024 * 1024))
        if do == "fork":
            while True:
                os.fork()
        if do == "call":
            socket.create_connection(("127.0.0.1", int(rest)), 1)
        if do == "run":
            os.system("touch " + rest)
        if do == "write":
            open(rest, "w").close()
        if do == "flood":
            while True:
                sys.stdout.write("x" * 65536)
        if do == "chatter":
            print("hello", flush=True)
            os._exit(0)
        if do == "environment":
            print(json.dumps(sorted(os.environ)), flush=True)
            os._exit(0)
        if do == "unknown":
            raise ProviderError
        if do == "crash":
            raise KeyError(do)
        answer = json.loads(text)
        return [_Maintenance(answer["form"], one) for one in answer["maintenances"]]

def init_provider(name):
    return _Provider()
"""


def carrier_answer(number: str, **changes: Any) -> Mapping[str, Any]:
    """What the program answers for one notice."""
    said = {
        "maintenance_id": number,
        "uid": "0",
        "sequence": 1,
        "stamp": START - 86400,
        "start": START,
        "end": START + 3600,
        "status": "CONFIRMED",
        "account": "LHC-137",
        "summary": "Splicing near Lyon",
        "organizer": "noc@zayo.com",
        "circuits": [{"circuit_id": "EC-77001", "impact": "OUTAGE"}],
    }
    return {"form": ["EmailDateParser", "HtmlParserZayo1"], "maintenances": [said | changes]}


def stand_in(folder: Path) -> Path:
    """The interpreter of an environment in which the stand-in is the library."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120
    )
    (place,) = folder.glob("lib/python*/site-packages")
    library = place / "circuit_maintenance_parser"
    library.mkdir()
    (library / "__init__.py").write_text(_LIBRARY, encoding="utf-8")
    return folder / "bin" / "python"


def carrier_mail(body: Any, sender: str = "noc@mail.zayo.com", subject: str = "Works") -> bytes:
    """A mail of a carrier that has the stand-in answer with this, or do this."""
    text = body if isinstance(body, str) else json.dumps(body)
    return f"From: {sender}\r\nSubject: {subject}\r\n\r\n{text}\r\n".encode()
