"""A small language for selections and labels: a parser, never ``eval``.

``n_jets >= 4 and (n_btags >= 2 or met > 100) and not same_sign``

Numbers, names, ``+ - * /``, comparisons (chains like ``2 < x < 5`` too), ``and or not``,
parentheses and ``abs(x)``, ``min(x, y)``, ``max(x, y)``, over arrays of one value an event.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topdata.errors import RecipeError, nearest

Array = NDArray[Any]
Values = Mapping[str, Array]
Evaluate = Callable[[Values], Array]

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(\w+)|([<>=!]=|[-+*/()<>,]))"
)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
}
_WORDS = {"and", "or", "not", "true", "false"}
_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression."""

    text: str
    names: frozenset[str]
    is_condition: bool  # true or false for each event, as a cut must be
    _evaluate: Evaluate

    def __call__(self, values: Values) -> Array:
        """Return one value per event from ``values`` (name -> array [n])."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._evaluate(values)

    def mask(self, values: Values) -> Array:
        """Return a bool array [n]; NaN comparisons are false."""
        return np.asarray(self(values)).astype(np.bool_)


def parse(text: str, known: Set[str], conditions: Set[str] = frozenset()) -> Expression:
    """Parse ``text`` over the quantities ``known``, of which ``conditions`` are true or false.

    ``and``, ``or`` and ``not`` want conditions: ``n_jets and met > 5`` is a forgotten comparison.

    Raises :class:`RecipeError` naming the place, or the unknown name and the nearest known one.
    """
    parser = _Parser(text, known, conditions)
    node = parser.disjunction(0)
    if parser.token is not None:
        raise parser.error(f"unexpected {parser.token!r}")
    return Expression(text, frozenset(parser.names), node.condition, node.evaluate)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression."""

    evaluate: Evaluate
    condition: bool = False


class _Parser:
    """Recursive descent, one method a precedence level."""

    def __init__(self, text: str, known: Set[str], conditions: Set[str]) -> None:
        self.text = text
        self.known = known
        self.conditions = conditions
        self.names: set[str] = set()
        self.tokens = self._tokens()
        self.token: str | None = None
        self.at = 0
        self.advance()

    def _tokens(self) -> Iterator[tuple[str, int]]:
        end = 0
        while self.text[end:].strip():
            found = _TOKEN.match(self.text, end)
            if found is None:
                self.at = len(self.text) - len(self.text[end:].lstrip())
                raise self.error(f"unexpected {self.text[end:].strip()[0]!r}")
            end = found.end()
            yield found.group(found.lastindex or 0), found.start(found.lastindex or 0)

    def advance(self) -> None:
        self.token, self.at = next(self.tokens, (None, len(self.text)))

    def error(self, what: str) -> RecipeError:
        return RecipeError(f"expression {self.text!r}, column {self.at + 1}: {what}")

    def accept(self, *tokens: str) -> str | None:
        if self.token in tokens:
            found = self.token
            self.advance()
            return found
        return None

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.error(
                f"expected {token!r}" + (f", found {self.token!r}" if self.token else "")
            )

    def disjunction(self, depth: int) -> Node:
        left = self.conjunction(depth)
        while self.accept("or"):
            right = self.conjunction(depth)
            left = Node(_binary(np.logical_or, self.truth(left), self.truth(right)), True)
        return left

    def conjunction(self, depth: int) -> Node:
        left = self.negation(depth)
        while self.accept("and"):
            right = self.negation(depth)
            left = Node(_binary(np.logical_and, self.truth(left), self.truth(right)), True)
        return left

    def negation(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise self.error("nested too deeply")
        if self.accept("not"):
            inner = self.truth(self.negation(depth + 1))
            return Node(lambda values: np.logical_not(inner.evaluate(values)), True)
        return self.comparison(depth)

    def comparison(self, depth: int) -> Node:
        left = self.sum(depth)
        result: Node | None = None
        while symbol := self.accept(*_COMPARE):
            right = self.sum(depth)
            step = Node(_binary(_COMPARE[symbol], left, right), True)
            result = step if result is None else Node(_binary(np.logical_and, result, step), True)
            left = right
        return result or left

    def sum(self, depth: int) -> Node:
        left = self.product(depth)
        while symbol := self.accept("+", "-"):
            function = operator.add if symbol == "+" else operator.sub
            left = Node(_binary(function, left, self.product(depth)))
        return left

    def product(self, depth: int) -> Node:
        left = self.unary(depth)
        while symbol := self.accept("*", "/"):
            function = operator.mul if symbol == "*" else operator.truediv
            left = Node(_binary(function, left, self.unary(depth)))
        return left

    def unary(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise self.error("nested too deeply")
        if self.accept("-"):
            inner = self.unary(depth + 1)
            return Node(lambda values: -_number(inner.evaluate(values)))
        return self.atom(depth)

    def atom(self, depth: int) -> Node:
        token = self.token
        if token is None:
            raise self.error("ends too early")
        if self.accept("("):
            inner = self.disjunction(depth + 1)
            self.expect(")")
            return inner
        if token[0].isdigit() or token[0] == ".":
            self.advance()
            return _constant(float(token))
        if not (token[0].isalpha() or token[0] == "_") or token in ("and", "or", "not"):
            raise self.error(f"unexpected {token!r}")
        self.advance()
        if token in ("true", "false"):
            return _constant(token == "true")
        if token in _FUNCTIONS and self.token == "(":
            return self.call(token, depth)
        if token not in self.known:
            raise RecipeError(
                f"expression {self.text!r}: no quantity {token!r}{nearest(token, self.known)}"
            )
        self.names.add(token)
        return Node(lambda values: values[token], token in self.conditions)

    def call(self, name: str, depth: int) -> Node:
        count, function = _FUNCTIONS[name]
        self.expect("(")
        arguments = [self.sum(depth + 1)]
        while self.accept(","):
            arguments.append(self.sum(depth + 1))
        self.expect(")")
        if len(arguments) != count:
            raise self.error(f"{name}() takes {count} argument{'s' * (count > 1)}")
        return Node(
            lambda values: np.asarray(function(*(_number(a.evaluate(values)) for a in arguments)))
        )

    def truth(self, node: Node) -> Node:
        if not node.condition:
            raise self.error("a number where a condition is needed: compare it, like '>= 4'")
        return node


def _binary(function: Callable[[Any, Any], Any], left: Node, right: Node) -> Evaluate:
    return lambda values: np.asarray(
        function(_number(left.evaluate(values)), _number(right.evaluate(values)))
    )


def _number(value: Array) -> Array:
    """Let integers and booleans take part in arithmetic without overflow."""
    return value.astype(np.float64) if value.dtype != np.float64 else value


def _constant(value: float | bool) -> Node:
    array = np.asarray(value)
    return Node(lambda values: array, isinstance(value, bool))
