"""Reads the GGUS qualification language: a text from a partner becomes a query, or a clear fault.

It knows the language only. Which fields there are, and how each is compared, is
``app.tickets.rules.query``; how a query meets the database, ``app.tickets.services.lists.query``.

The language, after AR System: ``'Field' op value``, joined by AND and OR (any case, AND binds
before OR) and parentheses. A value is a text in double quotes, in which a double quote is written
twice (``""``), or a bare number, date (YYYY-MM-DD, or ISO 8601 without blanks) or word of letters,
digits and ``_ - . : / @ + %`` with at least one letter. An empty text asks for nothing. AR's
keywords (``$...$``, NULL), NOT, LIKE, IN and arithmetic are not part of it; ``%`` is an ordinary
character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, cast

from lark import (
    Lark,
    Token,
    Transformer,
    UnexpectedCharacters,
    UnexpectedInput,
    UnexpectedToken,
    v_args,
)

from app.core.rules.errors import InvalidQuery
from app.tickets.rules.query import And, Comparison, Condition, Operator, Or, Query

MAX_CHARACTERS: Final = 20_000
"""Longest text; room for a description of 4000 characters and a few hundred comparisons."""
MAX_COMPARISONS: Final = 200
MAX_NESTING: Final = 20
"""Parentheses open at one time. The limits keep the database's condition within what SQLite
takes (an expression 1000 deep) and a hostile text cheap."""

_BLANK: Final = " \t\r\n"
_NUMBER_OR_DATE = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORD = re.compile(r"(?=\w)(?=.*[^\W\d_]).+")
_RESERVED: Final = frozenset({"AND", "OR", "NOT", "LIKE", "IN", "NULL"})

_A_FIELD = "a condition begins with a field's name in single quotes, as 'GHD_Status'"
_AN_OPERATOR = "after the field's name comes one of = != < <= > >="
_A_VALUE = "a value is a text in double quotes, or a bare number, date (YYYY-MM-DD) or word"
_A_JOINT = "after a value comes AND, OR, a closing parenthesis or the end"


class _Bounds:
    """Counts parentheses and comparisons while the text is read, and stops at the limits."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Pass the tokens on; raises ``InvalidQuery`` at the first one beyond a limit."""
        depth = comparisons = 0
        for token in stream:
            if token.type == "LPAR":
                depth += 1
            elif token.type == "RPAR":
                depth -= 1
            elif token.type == "FIELD":
                comparisons += 1
            if depth > MAX_NESTING:
                raise InvalidQuery(
                    f"The query is nested too deep; at most {MAX_NESTING} parentheses may be open"
                    " at one time"
                )
            if comparisons > MAX_COMPARISONS:
                raise InvalidQuery(
                    f"The query has too many comparisons; at most {MAX_COMPARISONS} are allowed"
                )
            yield token


@v_args(inline=True)
class _Reader(Transformer[Token, Condition]):
    """Builds the query while the parser reduces, so that no tree is walked afterwards."""

    def FIELD(self, token: Token) -> str:  # noqa: N802 (lark finds it by the terminal's name)
        return token[1:-1]

    def QUOTED(self, token: Token) -> str:  # noqa: N802
        return token[1:-1].replace('""', '"')

    def BARE(self, token: Token) -> str:  # noqa: N802
        if token.upper() in _RESERVED:
            raise InvalidQuery(
                "AND, OR, NOT, LIKE, IN and NULL cannot be values or conditions by themselves;"
                ' write a word that is meant as text in double quotes, and "" for empty'
            )
        if not (_NUMBER_OR_DATE.fullmatch(token) or _WORD.fullmatch(token)):
            raise InvalidQuery(
                f"A value at character {_position(token)} is not a number, date or word;"
                " write it in double quotes"
            )
        return str(token)

    def comparison(self, field: str, op: Token, value: str) -> Condition:
        return Comparison(field, cast(Operator, str(op)), value)

    def conjunction(self, *parts: Condition) -> Condition:
        return parts[0] if len(parts) == 1 else And(parts)

    def disjunction(self, *parts: Condition) -> Condition:
        return parts[0] if len(parts) == 1 else Or(parts)


_PARSER = Lark.open(
    "qualification.lark",
    rel_to=__file__,
    parser="lalr",
    lexer="contextual",
    start="disjunction",
    transformer=_Reader(),
    postlex=_Bounds(),
)


def parse_qualification(text: str) -> Query:
    """Read a qualification; None (every ticket) if it is empty.

    Raises ``InvalidQuery`` for whatever cannot be read, names an unknown field or is beyond a
    limit. Its message names the place and what is allowed, never what was sent. Time and memory
    are linear in the length of the text, and bounded.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidQuery(
            f"The query is too long; at most {MAX_CHARACTERS} characters are allowed"
        )
    if not text.strip(_BLANK):
        return None
    try:
        return cast(Condition, _PARSER.parse(text))
    except UnexpectedInput as error:
        raise InvalidQuery(_what_is_wrong(error, text)) from None


def _position(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _what_is_wrong(error: UnexpectedInput, text: str) -> str:
    """The fault's words: where it stopped, and what may be there."""
    if isinstance(error, UnexpectedToken):
        ended = error.token.type == "$END"
        allowed = set(error.expected)
    else:
        ended = False
        allowed = set(error.allowed or ()) if isinstance(error, UnexpectedCharacters) else set()
    place: int = getattr(error, "pos_in_stream", None) or 0
    if ended:
        where = "ends too early"
    else:
        where = f"cannot be read at character {place + 1}"
        if isinstance(error, UnexpectedCharacters) and text[place] in "'\"":
            return f"The query {where}; a quote is opened there and not closed"
    return f"The query {where}; {_what_may_stand_there(allowed)}"


def _what_may_stand_there(allowed: set[str]) -> str:
    if "FIELD" in allowed:
        return _A_FIELD
    if "OPERATOR" in allowed:
        return _AN_OPERATOR
    if "QUOTED" in allowed:
        return _A_VALUE
    return _A_JOINT
