"""The rule of the group's slides of 2013, in force only if an administrator says so."""

from __future__ import annotations

from typing import Final

from app.duties.rules.duties import Clause, ClauseKind, Lhc, Role, Rule, Scope

R2013: Final = Rule(
    (
        Clause(ClauseKind.LOSS, Scope.T0_T1, lhc=Lhc.RUNNING),
        Clause(ClauseKind.ANY, Scope.T0_T1, role=Role.BACKUP),
    )
)
