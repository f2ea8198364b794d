"""An account's calls as its page shows them: charts of its days, the filtered list, fault words."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.accounts.models.calls import PartnerCall
from app.accounts.services.calls import DaySum, Position, calls_of, kinds_of
from app.core.folders import PROJECT
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.web.positions import read_position, write_position

PER_PAGE = 50
_UNKNOWN = "unknown"
"""Stands for the operation of a call that named none of the service's."""
_MAX_OPERATION_LENGTH = 40
_FAULT_ROW = re.compile(r"\| (\d{3}) \| (.+?) \|")


@dataclass(frozen=True)
class Bar:
    """One day of a chart, in units of a height of 100 and a width of 10 a day."""

    x: int
    y: float
    height: float
    day: DaySum
    count: int


@dataclass(frozen=True)
class Chart:
    """A bar per day; ``most`` is the day of the highest, None when all are zero."""

    bars: Sequence[Bar]
    total: int
    most: Bar | None

    @property
    def width(self) -> int:
        """The width of all bars."""
        return 10 * len(self.bars)


def calls_chart(days: Sequence[DaySum]) -> Chart:
    """Calls per day."""
    return _chart(days, [day.calls for day in days])


def faults_chart(days: Sequence[DaySum]) -> Chart:
    """Faults per day, to a scale of its own: few among many calls must still be seen."""
    return _chart(days, [day.faults for day in days])


def _chart(days: Sequence[DaySum], counts: Sequence[int]) -> Chart:
    highest = max(counts, default=0)
    bars = []
    for place, (day, count) in enumerate(zip(days, counts, strict=True)):
        height = round(max(count / highest * 100, 3), 1) if count else 0
        bars.append(Bar(10 * place, round(100 - height, 1), height, day, count))
    most = max(bars, key=lambda bar: bar.count) if highest else None
    return Chart(bars, sum(counts), most)


class CallList:
    """One page of an account's calls, as the address asks for it."""

    def __init__(
        self, session: Session, account_id: int, base: str, arguments: MultiDict[str, str]
    ) -> None:
        self.base = base
        self.problems: list[str] = []
        kinds = kinds_of(session, account_id)
        self.operations = sorted({operation or _UNKNOWN for operation, _fault in kinds})
        self.meanings = meanings_of(fault for _operation, fault in kinds)
        self.faults_only = self._faults_only(arguments.get("faults", ""))
        self.operation = self._operation(arguments.get("operation", ""))
        self.is_filtered = self.faults_only or bool(self.operation)
        rows = calls_of(
            session,
            account_id,
            faults_only=self.faults_only,
            operation={"": None, _UNKNOWN: ""}.get(self.operation, self.operation),
            after=self._after(arguments.get("after", "")),
            limit=PER_PAGE + 1,
        )
        self.rows: Sequence[PartnerCall] = rows[:PER_PAGE]
        self.more = self._more() if len(rows) > PER_PAGE else ""

    def _faults_only(self, text: str) -> bool:
        if text not in ("", "yes"):
            self.problems.append(_("Faults: the only value is yes"))
        return text == "yes"

    def _operation(self, text: str) -> str:
        try:
            return checked_text("operation", text, _MAX_OPERATION_LENGTH, label=_("Operation"))
        except Invalid as error:
            self.problems.append(error.message)
            return ""

    def _after(self, text: str) -> Position | None:
        if not text:
            return None
        try:
            return read_position(text, "-created")
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
            self.problems.append(_("Invalid position in the list (after); the first page is shown"))
            return None

    def _more(self) -> str:
        last = self.rows[-1]
        values = {"after": write_position((last.at, last.id))}
        if self.operation:
            values["operation"] = self.operation
        if self.faults_only:
            values["faults"] = "yes"
        return f"{self.base}?{urlencode(values)}"


def meanings_of(numbers: Iterable[int | None]) -> Mapping[int, str]:
    """What these faults mean, by number, in the words of the documentation."""
    known = _meanings()
    wanted = {number for number in numbers if number is not None}
    return {
        number: known.get(number, _("see the fault numbers of the guide"))
        for number in sorted(wanted)
    }


@cache
def _meanings() -> Mapping[int, str]:
    text = (PROJECT / "docs" / "fault-numbers.md").read_text("utf-8")
    rows = (_FAULT_ROW.match(line) for line in text.splitlines())
    return {int(row[1]): row[2].replace("`", "") for row in rows if row}
