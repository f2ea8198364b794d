"""The log: one line per event on standard error, ``key=value``, without secrets.

Modules log with ``logging.getLogger(__name__).info("ticket opened", extra={"ticket": 7})``. Values
are written as JSON text, so that no control character of a request can make a second line. It must
not know what is logged.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_WORDS = ("password", "secret", "token", "cookie", "authorization", "credential")
_LONGEST_VALUE = 2000


class LineFormatter(logging.Formatter):
    """A record as one line: UTC time, level, logger, event, then what was given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {"event": record.getMessage()}
        for key, value in vars(record).items():
            if key not in _STANDARD:
                hidden = any(word in key.lower() for word in _SECRET_WORDS)
                fields[key] = "(hidden)" if hidden else value
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = f"{time.replace('+00:00', 'Z')} {record.levelname.lower()} {record.name}"
        return " ".join([head, *(f"{key}={_text(value)}" for key, value in fields.items())])


def _text(value: object) -> str:
    if isinstance(value, bool | int | float) or value is None:
        return json.dumps(value)
    return json.dumps(str(value)[-_LONGEST_VALUE:])


def configure_logging() -> None:
    """Send every logger of this process through one handler; calling it again changes nothing."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, LineFormatter) for handler in root.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for name in ("fontTools", "fpdf"):  # they log each table of a font, and texts without a glyph
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it logs what jobs are given
