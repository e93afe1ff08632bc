"""What the simulated Prometheus has scraped, and what a query makes of it.

As in the real one: a series is found for five minutes after its last sample unless it has ended, arithmetic drops the
name, a comparison only filters, and a counter that falls has been reset. Unlike it, ``increase`` and ``rate`` do not
extrapolate beyond the samples they have.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from shared.local.simulators.promql import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Number,
    Selector,
    matches,
)


def divided(left: float, right: float) -> float:
    """As IEEE 754 has it, and Go: by zero as well."""
    if right:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)


Labels = frozenset[tuple[str, str]]

_LOOKBACK_S: Final = 300.0
_KEPT: Final = 1_000
_NAME: Final = "__name__"
_ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divided,
}
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_AGGREGATES: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "avg": lambda values: math.fsum(values) / len(values),
    "count": lambda values: float(len(values)),
    "max": max,
    "min": min,
    "sum": math.fsum,
}


class CannotEvaluate(Exception):
    """Prometheus would answer ``execution``; the text is what it would say."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """One sample; without a value the series has ended."""

    at: float
    value: float | None


Vector = dict[Labels, float]
Value = Vector | float


class Series:
    """Samples by series, and queries over them."""

    def __init__(self) -> None:
        self._samples: dict[Labels, list[Scraped]] = {}

    def add(self, name: str, labels: Mapping[str, str], value: float | None, at: float) -> None:
        """Add a sample; None ends the series."""
        samples = self._samples.setdefault(frozenset({**labels, _NAME: name}.items()), [])
        samples.append(Scraped(at, value))
        samples.sort(key=lambda sample: sample.at)
        del samples[:-_KEPT]

    def clear(self) -> None:
        """Forget everything."""
        self._samples.clear()

    def evaluate(self, tree: Expression, at: float) -> Value:
        """What a query is at a time, in seconds.

        Raises:
            CannotEvaluate: two series are taken for one.
        """
        match tree:
            case Number():
                return tree.value
            case Selector():
                return {labels: last.value for labels, last in self._last(tree, at).items() if last.value is not None}
            case Call():
                return self._called(tree, at)
            case Aggregate():
                return _aggregated(tree, self._vector(tree.argument, at))
            case Binary():
                return _combined(tree.operator, self.evaluate(tree.left, at), self.evaluate(tree.right, at))
            case _ as never:
                assert_never(never)

    def _vector(self, tree: Expression, at: float) -> Vector:
        value = self.evaluate(tree, at)
        return value if isinstance(value, dict) else {frozenset(): value}

    def _called(self, call: Call, at: float) -> Vector:
        if call.function == "vector":
            return self._vector(call.argument, at)
        if call.function == "timestamp":
            if isinstance(call.argument, Selector):
                return {_nameless(labels): last.at for labels, last in self._last(call.argument, at).items()}
            return {_nameless(labels): at for labels in self._vector(call.argument, at)}
        assert isinstance(call.argument, Selector)
        within = self._within(call.argument, at)
        if call.function == "last_over_time":
            return {labels: values[-1] for labels, values in within.items()}
        span_s = (call.argument.range_s or math.nan) if call.function == "rate" else 1.0
        return {_nameless(labels): _increase(values) / span_s for labels, values in within.items() if len(values) > 1}

    def _last(self, selector: Selector, now: float) -> dict[Labels, Scraped]:
        """The last sample of each series, unless it has ended or is too old."""
        at = now - selector.offset_s
        found = {}
        for labels, samples in self._found(selector):
            last = next((each for each in reversed(samples) if each.at <= at), None)
            if last is not None and last.value is not None and at - last.at < _LOOKBACK_S:
                found[labels] = last
        return found

    def _within(self, selector: Selector, now: float) -> dict[Labels, list[float]]:
        """The values in a selector's range."""
        at = now - selector.offset_s
        since = at - (selector.range_s or 0.0)
        found = {}
        for labels, samples in self._found(selector):
            values = [each.value for each in samples if since < each.at <= at and each.value is not None]
            if values:
                found[labels] = values
        return found

    def _found(self, selector: Selector) -> Iterable[tuple[Labels, list[Scraped]]]:
        for labels, samples in self._samples.items():
            by_name = dict(labels)
            if all(matches(each, by_name.get(each.label, "")) for each in selector.matchers):
                yield labels, samples


def _combined(sign: str, left: Value, right: Value) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        return _ARITHMETIC[sign](left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return _SETS[sign](left, right) if sign in _SETS else _matched(sign, left, right)
    if isinstance(left, dict):
        assert isinstance(right, float)
        number = right
        return _each(sign, left, lambda value: (value, number))
    assert isinstance(left, float)
    constant = left
    assert isinstance(right, dict)
    return _each(sign, right, lambda value: (constant, value))


def _each(sign: str, vector: Vector, sides: Callable[[float], tuple[float, float]]) -> Vector:
    """A vector and a number."""
    if sign in _COMPARISONS:
        return {labels: value for labels, value in vector.items() if _COMPARISONS[sign](*sides(value))}
    return {_nameless(labels): _ARITHMETIC[sign](*sides(value)) for labels, value in vector.items()}


def _matched(sign: str, left: Vector, right: Vector) -> Vector:
    """Two vectors, one to one by all labels but the name."""
    others = _by_labels(right)
    found = {}
    for labels, value in left.items():
        other = others.get(_nameless(labels))
        if other is None:
            continue
        if sign not in _COMPARISONS:
            found[_nameless(labels)] = _ARITHMETIC[sign](value, other)
        elif _COMPARISONS[sign](value, other):
            found[labels] = value
    return found


def _either(left: Vector, right: Vector) -> Vector:
    have = {_nameless(labels) for labels in left}
    return {**left, **{labels: value for labels, value in right.items() if _nameless(labels) not in have}}


def _both(left: Vector, right: Vector) -> Vector:
    have = {_nameless(labels) for labels in right}
    return {labels: value for labels, value in left.items() if _nameless(labels) in have}


def _without(left: Vector, right: Vector) -> Vector:
    have = {_nameless(labels) for labels in right}
    return {labels: value for labels, value in left.items() if _nameless(labels) not in have}


_SETS: Final[Mapping[str, Callable[[Vector, Vector], Vector]]] = {"or": _either, "and": _both, "unless": _without}


def _by_labels(vector: Vector) -> Vector:
    found: Vector = {}
    for labels, value in vector.items():
        if _nameless(labels) in found:
            raise CannotEvaluate("found duplicate series for the match group on the right hand-side of the operation")
        found[_nameless(labels)] = value
    return found


def _aggregated(tree: Aggregate, vector: Vector) -> Vector:
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(frozenset(pair for pair in labels if pair[0] in tree.by), []).append(value)
    return {labels: _AGGREGATES[tree.function](values) for labels, values in groups.items()}


def _increase(values: list[float]) -> float:
    steps = itertools.pairwise(values)
    return math.fsum(after - before if after >= before else after for before, after in steps)


def _nameless(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != _NAME)
