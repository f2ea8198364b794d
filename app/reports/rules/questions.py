"""How an admin composes a form of quarterly reports: what a question may be, and what two forms
differ in, in words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.language import _, joined
from app.core.rules.quarters import Quarter
from app.core.rules.texts import checked_text
from app.reports.rules.form import MAX_QUESTIONS, Form, QuestionKind, ReportQuestion

LABEL_LIMIT, GROUP_LIMIT, HELP_LIMIT = 200, 100, 1000
KEY_LIMIT: Final = 30
"""Characters of a question's key: with a part's name behind it, it is a field of the change log."""
MAX_CHOICES, CHOICE_LIMIT = 30, 100
LATEST_AFTER: Final = 8
"""Quarters from now up to which a form may be published ahead; more is a slip of the pen."""
PARTS: Final[Mapping[str, str]] = {
    "label": _("Question"),
    "kind": _("Answer"),
    "choices": _("Choices"),
    "help": _("Help"),
    "group": _("Group"),
    "is_required": _("Required"),
    "is_carried": _("Reusable"),
    "is_retired": _("Retired"),
}
"""What may be said of a question, and what each is called."""


def part_in_words(question: ReportQuestion, name: str) -> str:
    """What a question says in one part, as people read it and the change log keeps it."""
    value = getattr(question, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(value) if isinstance(value, tuple) else str(value)


def checked_question(form: Form, question: ReportQuestion, *, is_used: bool) -> ReportQuestion:
    """The question as it may be in ``form``, instead of the one of its key or at its end.

    ``is_used``: it is in a form that is, or was, in use: it keeps its kind, so that answers of
    different quarters mean the same. Raises ``InvalidMany`` by part.
    """
    problems: dict[str, str] = {}

    def read(name: str, value: str, limit: int) -> str:
        try:
            value = checked_text(name, value.strip(), limit, label=PARTS[name])
        except Invalid as error:
            problems[name] = error.message
            return value
        if name != "help" and len(value.splitlines()) > 1:
            problems[name] = _("%(parts)s: use a single line", parts=PARTS[name])
        return value

    label = read("label", question.label, LABEL_LIMIT)
    group = read("group", question.group, GROUP_LIMIT)
    about = read("help", question.help, HELP_LIMIT)
    others = [one for one in form.asked if one.key != question.key]
    if not label:
        problems["label"] = _("Question is required")
    elif not question.is_retired and label.casefold() in {one.label.casefold() for one in others}:
        problems["label"] = _("Question: this question already exists")
    elif len(others) >= MAX_QUESTIONS and not question.is_retired:
        problems["label"] = _(
            "A form has at most %(max_questions)s questions; retire one first",
            max_questions=MAX_QUESTIONS,
        )
    before = form.question(question.key)
    if is_used and before is not None and before.kind is not question.kind:
        problems["kind"] = _(
            "Answer type must stay “%(kind)s”, because past answers depend on it. "
            "Retire this question and add a new one",
            kind=before.kind,
        )
    try:
        choices = _checked_choices(question)
    except Invalid as error:
        problems[error.field], choices = error.message, question.choices
    if problems:
        raise InvalidMany(problems)
    return replace(question, label=label, group=group, help=about, choices=choices)


def _checked_choices(question: ReportQuestion) -> tuple[str, ...]:
    found = tuple(text for one in question.choices if (text := one.strip()))
    if question.kind is not QuestionKind.CHOICE:
        if found:
            raise Invalid("choices", _("Choices are only for the answer type “choice”; clear them"))
        return ()
    if not 2 <= len(found) <= MAX_CHOICES:
        raise Invalid(
            "choices",
            _("Choices: enter 2 to %(max_choices)s, one per line", max_choices=MAX_CHOICES),
        )
    for one in found:
        checked_text("choices", one, CHOICE_LIMIT, label=_("A choice"))
    if len({one.casefold() for one in found}) < len(found):
        raise Invalid("choices", _("Choices: two are the same"))
    return found


def key_for(label: str, taken: Collection[str]) -> str:
    """A key for a new question, made of its words; none that any form has had, nor ``new``, which
    in an address is the page of the next question."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[: KEY_LIMIT - 4].strip("_")
    stem = words if words[:1].isalpha() else f"question_{words}".strip("_")[: KEY_LIMIT - 4]
    key, number = stem, 1
    while key in taken or key == "new":
        number += 1
        key = f"{stem}_{number}"
    return key


def with_question(form: Form, question: ReportQuestion) -> Form:
    """The form with this question in the place of the one of its key.

    A new one, one that is restored and one of another group come behind their group.
    """
    was = form.question(question.key)
    if was is not None and (was.group, was.is_retired) == (question.group, question.is_retired):
        return Form([question if one.key == question.key else one for one in form.questions])
    return _arranged([*without_question(form, question.key).questions, question])


def without_question(form: Form, key: str) -> Form:
    """The form without the question of this key."""
    return Form([one for one in form.questions if one.key != key])


def moved(form: Form, key: str, steps: int) -> Form:
    """The form with a question one place up (-1) or down (1) within its group; it ends there."""
    blocks = [list(asked) for _title, asked in form.groups]
    for block in blocks:
        place = next((number for number, one in enumerate(block) if one.key == key), -1)
        if place >= 0:
            _swap(block, place, place + steps)
    return _arranged([*(one for block in blocks for one in block), *_retired(form)])


def group_moved(form: Form, key: str, steps: int) -> Form:
    """The form with the group of the question of this key one place up (-1) or down (1)."""
    blocks = [list(asked) for _title, asked in form.groups]
    holds = [any(one.key == key for one in block) for block in blocks]
    if True in holds:
        _swap(blocks, holds.index(True), holds.index(True) + steps)
    return _arranged([*(one for block in blocks for one in block), *_retired(form)])


def _swap(found: list[Any], place: int, other: int) -> None:
    if 0 <= other < len(found):
        found[place], found[other] = found[other], found[place]


def _retired(form: Form) -> Sequence[ReportQuestion]:
    return [one for one in form.questions if one.is_retired]


def _arranged(questions: Sequence[ReportQuestion]) -> Form:
    """Each group in one place, that of its first question; what is retired is last."""
    titles = list(dict.fromkeys(one.group for one in questions if not one.is_retired))
    asked = [one for one in questions if not one.is_retired]
    return Form(
        [
            *sorted(asked, key=lambda one: titles.index(one.group)),
            *(one for one in questions if one.is_retired),
        ]
    )


def checked_to_publish(form: Form) -> None:
    """Raise ``Invalid`` if nobody could report with this form."""
    if not form.asked:
        raise Invalid("questions", _("The form has no questions; add one first"))


def checked_first_quarter(
    text: str, now: Quarter, signed: Quarter | None, newest: tuple[int, Quarter] | None
) -> Quarter:
    """From which quarter on a form is used; ``Invalid`` on ``first_quarter``.

    ``signed``: the newest quarter of which a report was signed: all sites answer its questions.
    ``newest``: the number and first quarter of the form that was published last.
    """
    quarter = Quarter.parse(text.strip(), "first_quarter")
    if signed is not None and quarter <= signed:
        raise Invalid(
            "first_quarter",
            _(
                "Reports of %(signed)s are signed with another form; choose %(next)s or later",
                signed=signed,
                next=signed.next,
            ),
        )
    if newest is not None and quarter < newest[1]:
        raise Invalid(
            "first_quarter",
            _(
                "Form %(newest)s is used from %(newest2)s; "
                "choose that quarter or a later one, or unpublish form %(newest)s first",
                newest=newest[0],
                newest2=newest[1],
            ),
        )
    if quarter > now.after(LATEST_AFTER):
        raise Invalid(
            "first_quarter", _("Choose a quarter up to %(after)s", after=now.after(LATEST_AFTER))
        )
    return quarter


# ---- what two forms differ in ----


@dataclass(frozen=True)
class QuestionDifference:
    """What happened to one question from one form to another."""

    label: str
    """As the later form words it, or the earlier one where it is gone."""
    mark: str
    """``new``, ``retired``, ``restored``, ``removed``, ``changed`` or ``moved``."""
    words: Sequence[str]
    """Sentences, one for each part that differs."""


def differences(before: Form, after: Form) -> Sequence[QuestionDifference]:
    """From one form to another, in the order of the later one; what is gone comes last."""
    old = {one.key: one for one in before.questions}
    stayed = _in_place([one.key for one in before.asked], [one.key for one in after.asked])
    found = []
    above = ""
    for one in after.questions:
        was = old.get(one.key)
        where = _("now after “%(above)s”", above=above) if above else _("now first")
        words = [] if was is None else list(_changes(was, one))
        if was is None:
            mark = "" if one.is_retired else "new"
            words = [_("Answer: %(one)s", one=_answer(one)), where]
        elif was.is_retired != one.is_retired:
            mark = "retired" if one.is_retired else _("restored")
        elif one.key not in stayed and not one.is_retired:
            words.append(where)
            mark = "changed" if len(words) > 1 else "moved"
        else:
            mark = "changed" if words else ""
        if mark:
            found.append(QuestionDifference(one.label, mark, words))
        if not one.is_retired:
            above = one.label
    known = {one.key for one in after.questions}
    gone = [one for one in before.questions if one.key not in known and not one.is_retired]
    return [*found, *(QuestionDifference(one.label, "removed", ()) for one in gone)]


def _answer(question: ReportQuestion) -> str:
    kind = "; ".join(question.choices) if question.choices else str(question.kind)
    flags = ["required" if question.is_required else "optional"]
    if question.is_carried:
        flags.append("reusable")
    return f"{kind} ({', '.join(flags)})"


def _changes(was: ReportQuestion, now: ReportQuestion) -> Sequence[str]:
    words = []
    for name in ("label", "kind", "help", "group"):
        old, new = part_in_words(was, name), part_in_words(now, name)
        if old != new:
            said = (
                _("“%(old)s” becomes “%(new)s”", old=old, new=new)
                if old and new
                else f"“{old or new}”"
            )
            change = "" if old and new else (_(" is removed") if old else _(" is added"))
            words.append(f"{PARTS[name]}: {said}{change}")
    if was.choices != now.choices and was.kind is now.kind:
        words.append(_("Choices: %(choices)s", choices=_choices(was.choices, now.choices)))
    if was.is_required != now.is_required:
        words.append(_("Now required") if now.is_required else _("Now optional"))
    if was.is_carried != now.is_carried:
        words.append(
            _("The previous answer is now offered")
            if now.is_carried
            else _("The previous answer is no longer offered")
        )
    return words


def _choices(was: Sequence[str], now: Sequence[str]) -> str:
    parts = []
    for word, found in (
        ("added", [one for one in now if one not in was]),
        ("removed", [one for one in was if one not in now]),
    ):
        if found:
            parts.append(f"{', '.join(f'“{one}”' for one in found)} {word}")
    return joined("; ", parts) if parts else _("order changed")


def _in_place(before: Sequence[str], after: Sequence[str]) -> Collection[str]:
    """What keeps its order from one list to the other: a longest common part; the rest moved."""
    length: list[list[int]] = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i in range(len(before) - 1, -1, -1):
        for j in range(len(after) - 1, -1, -1):
            length[i][j] = (
                length[i + 1][j + 1] + 1
                if before[i] == after[j]
                else max(length[i + 1][j], length[i][j + 1])
            )
    found, i, j = set(), 0, 0
    while i < len(before) and j < len(after):
        if before[i] == after[j]:
            found.add(before[i])
            i, j = i + 1, j + 1
        elif length[i + 1][j] >= length[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def stated_question(key: str, stated: Mapping[str, Any]) -> ReportQuestion:
    """A question of parts as a form sends them; ``Invalid`` for an unknown kind."""
    kinds = {str(kind): kind for kind in QuestionKind}
    kind = kinds.get(str(stated["kind"]))
    if kind is None:
        raise Invalid("kind", _("Answer: choose one of: %(listed)s", listed=", ".join(kinds)))
    return ReportQuestion(
        key=key,
        kind=kind,
        label=str(stated["label"]),
        group=str(stated["group"]),
        help=str(stated["help"]),
        is_required=bool(stated["is_required"]),
        choices=tuple(stated["choices"]),
        is_carried=bool(stated["is_carried"]),
    )
