"""What an operation of the native service is: its messages, and who carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from soap_service.dispatch import Call
from soap_service.native.kinds import (
    Member,
    WsdlType,
    message,
)


@dataclass(frozen=True)
class NativeCall(Call):
    """Who calls, and which fields of a change were sent nil or empty."""

    cleared: frozenset[str] = frozenset()


Handler = Callable[[NativeCall, Any], Mapping[str, Any]]
"""Carries an operation out: the request's fields as attributes in (None = not sent), the answer's
fields by name out."""


@dataclass(frozen=True)
class Operation:
    """One operation. Its elements are ``name`` and ``nameResponse``."""

    name: str
    meaning: str
    takes: tuple[Member, ...]
    answers: tuple[Member, ...]
    carry_out: Handler
    fault: WsdlType | None = None
    """What the detail of a fault may hold."""

    @cached_property
    def request(self) -> WsdlType:
        """The type of the request."""
        return message(self.name, self.meaning, self.takes)

    @cached_property
    def response(self) -> WsdlType:
        """The type of the answer."""
        return message(f"{self.name}Response", f"Answers {self.name}.", self.answers)

    @property
    def clearable(self) -> Mapping[str, frozenset[str]]:
        """The fields that nil or empty clears, by the name of the field that states the change."""
        found = {
            member.name: frozenset(item.name for item in member.kind.members if item.clearable)
            for member in self.takes
        }
        return {name: fields for name, fields in found.items() if fields}
