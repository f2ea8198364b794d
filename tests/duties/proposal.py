"""The rule of the group's slides of 2013, in force only if an administrator says so."""

from __future__ import annotations

from typing import Final

from app.duties.rules.duties import Clause, Kind, Lhc, Role, Rule, Scope

R2013: Final = Rule(
    (
        Clause(Kind.LOSS, Scope.T0_T1, lhc=Lhc.RUNNING),
        Clause(Kind.ANY, Scope.T0_T1, role=Role.BACKUP),
    )
)
