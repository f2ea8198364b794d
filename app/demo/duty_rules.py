"""The demo's own duty rule: one that an administrator may have composed. A sample."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.duties.rules.duties import Clause, ClauseKind, Rule, Scope
from app.duties.services.rules import compose_rule

_RULE = Rule(
    (
        Clause(ClauseKind.LOSS, Scope.T0_T1),
        Clause(ClauseKind.DOWN, Scope.T0_T1, minutes=240, maintenance=False),
    ),
    hours=48,
)


def seed_rules(session: Session, by: Writer) -> None:
    """A rule in addition to those that ship; it was never in force."""
    compose_rule(
        session,
        by,
        "Sample",
        "Sample compromise: every loss of service, whether the LHC runs or not, and unannounced"
        " outages of four hours or more. Fewer tickets than R2009; none for a degraded backup.",
        _RULE,
        "Created for this demo",
    )
