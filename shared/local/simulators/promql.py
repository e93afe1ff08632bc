"""PromQL, as far as anything here is asked in it: parsed into a tree, and refused where Prometheus refuses.

That a query can be parsed back is the point: a label's value that had become syntax would show as another tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from shared.local.simulators.promql_tokens import BadQuery, Token, seconds, string, tokens

FUNCTIONS: Final = frozenset({"increase", "last_over_time", "rate", "timestamp", "vector"})
AGGREGATES: Final = frozenset({"avg", "count", "max", "min", "sum"})
# Loosest first.
_BINDING: Final = (("or",), ("and", "unless"), ("==", "!=", ">", "<", ">=", "<="), ("+", "-"), ("*", "/"))
_OVER_RANGES: Final = frozenset({"increase", "last_over_time", "rate"})


@dataclass(frozen=True, slots=True)
class Matcher:
    """One test of one label."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by name and matchers; with a range, their samples of that many seconds; with an offset, as they were."""

    matchers: tuple[Matcher, ...]
    range_s: float | None = None
    offset_s: float = 0.0

    @property
    def name(self) -> str:
        """The metric, if the selector names one."""
        return next((each.value for each in self.matchers if (each.label, each.operator) == ("__name__", "=")), "")


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one argument."""

    function: str
    argument: Expression


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Many series as one for each combination of the labels."""

    function: str
    by: tuple[str, ...]
    argument: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two sides and what is between them."""

    operator: str
    left: Expression
    right: Expression


Expression = Number | Selector | Call | Aggregate | Binary


def parse(query: str) -> Expression:
    """The tree of a query.

    Raises:
        BadQuery: it is none.
    """
    return _Parser(query).whole()


def selectors(tree: Expression) -> list[Selector]:
    """Every selector of a query, from left to right."""
    match tree:
        case Selector():
            return [tree]
        case Number():
            return []
        case Binary():
            return selectors(tree.left) + selectors(tree.right)
        case Call() | Aggregate():
            return selectors(tree.argument)


class _Parser:
    """Recursive descent; one attribute of state: the next token."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = list(tokens(query))
        self._next = 0

    def whole(self) -> Expression:
        if not self._tokens:
            raise self._error("no expression found in input")
        tree = self._binary(0)
        if self._next < len(self._tokens):
            raise self._error(f'unexpected "{self._peek().text}"')
        return tree

    def _binary(self, level: int) -> Expression:
        if level == len(_BINDING):
            return self._operand()
        left = self._binary(level + 1)
        while self._peek().text in _BINDING[level]:
            operator = self._take().text
            left = Binary(operator, left, self._binary(level + 1))
        return left

    def _operand(self) -> Expression:
        token = self._take()
        if token.kind == "number":
            return Number(float(token.text))
        if token.text == "(":
            tree = self._binary(0)
            self._expect(")", "unclosed left parenthesis")
            return tree
        if token.text == "-":
            return Binary("*", Number(-1.0), self._operand())
        if token.text == "{":
            self._next -= 1
            return self._ranged(tuple(self._matchers()))
        if token.kind == "name":
            return self._named(token)
        raise self._error(f'unexpected "{token.text}"', token)

    def _named(self, token: Token) -> Expression:
        if token.text in AGGREGATES and self._peek().text in ("by", "("):
            by: tuple[str, ...] = ()
            if self._peek().text == "by":
                self._take()
                by = self._labels()
            return Aggregate(token.text, by, self._argument(token.text))
        if self._peek().text == "(":
            if token.text not in FUNCTIONS:
                raise self._error(f'unknown function with name "{token.text}"', token)
            return Call(token.text, self._argument(token.text))
        name = Matcher("__name__", "=", token.text)
        return self._ranged((name, *(self._matchers() if self._peek().text == "{" else ())))

    def _argument(self, function: str) -> Expression:
        self._expect("(", "expected a parenthesis")
        argument = self._binary(0)
        self._expect(")", "unclosed left parenthesis")
        is_range = isinstance(argument, Selector) and argument.range_s is not None
        if is_range is not (function in _OVER_RANGES):
            wanted = "range vector" if function in _OVER_RANGES else "instant vector"
            raise self._error(f'expected type {wanted} in call to function "{function}"')
        return argument

    def _ranged(self, matchers: tuple[Matcher, ...]) -> Selector:
        if all(matches(each, "") for each in matchers):
            raise self._error("vector selector must contain at least one non-empty matcher")
        range_s = None
        if self._peek().text == "[":
            self._take()
            range_s = self._duration()
            self._expect("]", "missing closing bracket")
        if self._peek().text != "offset":
            return Selector(matchers, range_s)
        self._take()
        return Selector(matchers, range_s, self._duration())

    def _duration(self) -> float:
        duration_s = seconds(self._of_kind("duration").text)
        if duration_s <= 0:
            raise self._error("duration must be greater than 0")
        return duration_s

    def _matchers(self) -> list[Matcher]:
        self._expect("{", "expected braces")
        found = []
        while self._peek().text != "}":
            label = self._of_kind("name").text
            operator = self._take().text
            if operator not in ("=", "!=", "=~", "!~"):
                raise self._error(f'unexpected "{operator}" in label matching')
            matcher = Matcher(label, operator, string(self._of_kind("string")))
            matches(matcher, "")  # a pattern that is none is refused now
            found.append(matcher)
            if self._peek().text != "}":
                self._expect(",", "unexpected end of input inside braces")
        self._take()
        return found

    def _labels(self) -> tuple[str, ...]:
        self._expect("(", "expected a parenthesis")
        found = []
        while self._peek().text != ")":
            found.append(self._of_kind("name").text)
            if self._peek().text != ")":
                self._expect(",", "unexpected end of input in grouping")
        self._take()
        return tuple(found)

    def _peek(self) -> Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else Token("end", "", len(self._query))

    def _take(self) -> Token:
        token = self._peek()
        if token.kind == "end":
            raise self._error("unexpected end of input")
        self._next += 1
        return token

    def _of_kind(self, kind: str) -> Token:
        token = self._take()
        if token.kind != kind:
            raise self._error(f'unexpected "{token.text}", expected {kind}', token)
        return token

    def _expect(self, text: str, otherwise: str) -> None:
        if self._peek().text != text:
            raise self._error(otherwise)
        self._next += 1

    def _error(self, what: str, token: Token | None = None) -> BadQuery:
        return BadQuery(f"1:{(token or self._peek()).place + 1}: parse error: {what}")


def matches(matcher: Matcher, value: str) -> bool:
    """Whether a label's value, empty when there is none, passes a matcher.

    Raises:
        BadQuery: its regular expression is none.
    """
    match matcher.operator:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case operator:
            return bool(_pattern(matcher.value).fullmatch(value)) is (operator == "=~")


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise BadQuery(f"1:1: parse error: error parsing regexp: {error}") from None
