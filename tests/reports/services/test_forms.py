"""Which form a report is begun with, and which of the site's earlier answers it offers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import NotFound
from app.registry.models.registry import Site
from app.reports.models.reports import Report, ReportField, ReportForm
from app.reports.rules.form import Form, QuestionKind, ReportQuestion
from app.reports.services.forms import Carried, carried_answers, content_of, form_for
from tests.cast import NOON, enter

FORM = Form(
    [
        ReportQuestion("plans", QuestionKind.TEXT, "Plans", is_carried=True),
        ReportQuestion("issues", QuestionKind.LINE, "Issues", is_carried=True),
        ReportQuestion(
            "backup", QuestionKind.CHOICE, "Backup", choices=("Tested", "None"), is_carried=True
        ),
        ReportQuestion("remarks", QuestionKind.TEXT, "Remarks"),
        ReportQuestion("gone", QuestionKind.TEXT, "Gone", is_carried=True, is_retired=True),
    ]
)


def publish(session: Session, number: int, first: str, at: datetime) -> None:
    """Lay a published form of one question."""
    session.add(
        ReportForm(
            number=number,
            content=Form([ReportQuestion(f"only_{number}", QuestionKind.TEXT, "Only")]).as_text(),
            first_quarter=first,
            author="admin",
            created_at=at,
            published_at=at,
        )
    )


def seed(session: Session, key: str, quarter: str, answers: Mapping[str, str]) -> None:
    """Lay a site's report with answers."""
    site = session.scalars(select(Site).where(Site.key == key)).one()
    session.add(
        Report(
            site_id=site.id,
            quarter=quarter,
            state="draft",
            form_number=1,
            created_at=NOON,
            created_by="kit",
            changed_at=NOON,
            changed_by="kit",
            fields=[
                ReportField(name=f"answer.{name}", value=value, changed_at=NOON, changed_by="kit")
                for name, value in answers.items()
            ],
        )
    )


def test_the_newest_form_published_for_a_quarter_is_used(session: Session) -> None:
    with transaction(session):
        publish(session, 2, "2012-Q3", datetime(2012, 6, 1, tzinfo=UTC))
        publish(session, 3, "2012-Q3", datetime(2012, 7, 1, tzinfo=UTC))
        publish(session, 5, "2013-Q1", datetime(2012, 12, 1, tzinfo=UTC))
        session.add(ReportForm(number=6, content="[]", author="admin", created_at=NOON))
    used = {
        quarter: form_for(session, quarter).number
        for quarter in ("2009-Q1", "2012-Q2", "2012-Q3", "2012-Q4", "2013-Q1", "2026-Q4")
    }
    assert used == {
        "2009-Q1": 1,
        "2012-Q2": 1,
        "2012-Q3": 3,
        "2012-Q4": 3,
        "2013-Q1": 5,
        "2026-Q4": 5,
    }
    assert [one.key for one in content_of(form_for(session, "2013-Q1")).asked] == ["only_5"]
    with pytest.raises(NotFound):
        form_for(session, "2008-Q4")


def test_answers_of_the_quarters_before_are_offered_where_they_fit(session: Session) -> None:
    enter(session)
    with transaction(session):
        seed(session, "DE-KIT", "2011-Q4", {"issues": "More than a year ago"})
        seed(
            session,
            "DE-KIT",
            "2012-Q1",
            {"issues": "Old issue", "plans": "Old plans", "backup": "Tested"},
        )
        seed(
            session,
            "DE-KIT",
            "2012-Q4",
            {"plans": "100G", "backup": "Moved", "remarks": "None", "gone": "x"},
        )
        seed(session, "DE-KIT", "2013-Q2", {"plans": "Of a later one"})
        seed(session, "ES-PIC", "2012-Q4", {"issues": "Of another site"})
    kit = session.scalars(select(Site.id).where(Site.key == "DE-KIT")).one()
    # "Moved" is no choice of the form: the newer answer does not fit, and no older one is taken
    assert carried_answers(session, kit, "2013-Q1", FORM) == {
        "plans": Carried("100G", "2012-Q4"),
        "issues": Carried("Old issue", "2012-Q1"),
    }
    assert list(carried_answers(session, kit, "2013-Q1", FORM)) == ["plans", "issues"]


def test_what_was_written_or_emptied_already_is_not_offered(session: Session) -> None:
    enter(session)
    with transaction(session):
        seed(session, "DE-KIT", "2012-Q3", {"plans": "Old", "issues": "Old", "backup": "Tested"})
        seed(session, "DE-KIT", "2012-Q4", {"issues": ""})
        seed(session, "DE-KIT", "2013-Q1", {"plans": ""})
    kit = session.scalars(select(Site.id).where(Site.key == "DE-KIT")).one()
    assert carried_answers(session, kit, "2013-Q1", FORM) == {
        "backup": Carried("Tested", "2012-Q3")
    }
