"""Expressions over recorded values, with an evaluator of our own: nothing is imported, called or run.

There are names, numbers and texts, arithmetic, comparison, `and`, `or`, `not`, `a if b else c`, indexing, lists and
tuples, and len, min, max, str. Every step is bounded in time and memory, whatever the values are.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from capture.errors import WrongUsage
from dags.analyses.recorded_values import Beginning, Unread

MOST_CHARACTERS, MOST_DEPTH = 1_000, 30
MOST_BITS, MOST_ITEMS = 4_096, 10_000
MOST_SHOWN = 200
Evaluated = Callable[[Sequence[Any]], Any]
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda one, other: one in other, ast.NotIn: lambda one, other: one not in other,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert,
}  # fmt: skip


class NotKnown(Exception):
    """A value that was not recorded, or not in full, decides."""


class Expression(NamedTuple):
    """`of`: its value, given those of its names in their order. It raises what such values can raise, and NotKnown."""

    names: tuple[str, ...]
    of: Evaluated

    def shown(self, values: Sequence[Any]) -> tuple[str | None, str | None]:
        """(the value as text, None) or (None, why there is none)."""
        try:
            return _text(self.of(values)), None
        except NotKnown as error:
            return None, str(error)
        except Exception as error:  # as many sorts as operators have
            return None, f"{type(error).__name__}: {error}"[:MOST_SHOWN]


def expression_of(text: str) -> Expression:
    """The expression that is written there.

    >>> one = expression_of("total / len(rows) if rows else None")
    >>> one.names, one.shown([6, [1, 2, 3]]), one.shown([6, []])
    (('total', 'rows'), ('2.0', None), ('None', None))

    Raises: WrongUsage in a sentence.
    """
    if len(text) > MOST_CHARACTERS:
        raise WrongUsage(f"An expression has at most {MOST_CHARACTERS} characters.")
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise WrongUsage(f"{text!r} is no expression.") from error
    compiler = _Compiler()
    return Expression(of=compiler.of(body, 0), names=tuple(compiler.names))


class _Compiler:
    """Makes functions of nodes; `names` gets the names in the order in which they are met."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def of(self, node: ast.expr, depth: int) -> Evaluated:
        """What evaluates it. Raises: WrongUsage."""
        if depth > MOST_DEPTH:
            raise WrongUsage("The expression goes too deep.")
        inner = depth + 1
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() | bytes() as value):
                return lambda values: value
            case ast.Name(id=name):
                at = self.names.setdefault(name, len(self.names))
                return lambda values: values[at]
            case ast.UnaryOp(op=op, operand=operand):
                return _applied(_UNARY[type(op)], self.of(operand, inner))
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self.of(left, inner), self.of(right, inner))
            case ast.Compare(left=left, ops=ops, comparators=others):
                return _compared(self.of(left, inner), [(_COMPARED[type(op)], self.of(other, inner))
                                                        for op, other in zip(ops, others, strict=True)])  # fmt: skip
            case ast.BoolOp(op=op, values=parts):
                return _joined([self.of(part, inner) for part in parts], is_and=isinstance(op, ast.And))
            case ast.IfExp(test=test, body=body, orelse=other):
                yes, asked, no = (self.of(part, inner) for part in (body, test, other))
                return lambda values: yes(values) if _whole(asked(values)) else no(values)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                made, kind = [self.of(item, inner) for item in items], list if isinstance(node, ast.List) else tuple
                return lambda values: kind(item(values) for item in made)
            case ast.Subscript(value=of, slice=ast.Slice() as part):
                ends = [None if end is None else self.of(end, inner) for end in (part.lower, part.upper, part.step)]
                return _sliced(self.of(of, inner), ends)
            case ast.Subscript(value=of, slice=index):
                return _indexed(self.of(of, inner), self.of(index, inner))
            case ast.Call(func=ast.Name(id=name), args=[_, *_] as given, keywords=[]) if name in _FUNCTIONS:
                return _called(name, [self.of(one, inner) for one in given])
            case ast.Call():
                raise WrongUsage(f"{ast.unparse(node)} is a call; only {', '.join(_FUNCTIONS)} can be called.")
            case ast.Attribute():
                raise WrongUsage(f"{ast.unparse(node)} is an attribute, which lines do not tell.")
        raise WrongUsage(f"{ast.unparse(node)} cannot be evaluated here.")

    @staticmethod
    def _binary(op: ast.operator, left: Evaluated, right: Evaluated) -> Evaluated:
        if isinstance(op, ast.Mult):
            return lambda values: _product(_whole(left(values)), _whole(right(values)))
        if isinstance(op, ast.Mod):
            return lambda values: _rest(_whole(left(values)), _whole(right(values)))
        if type(op) not in _BINARY:
            raise WrongUsage("There are + - * / // % & | ^, and no power and no shift.")
        apply = _BINARY[type(op)]
        return lambda values: _bounded(apply(_whole(left(values)), _whole(right(values))))


def _applied(apply: Callable[[Any], Any], inner: Evaluated) -> Evaluated:
    return lambda values: apply(_whole(inner(values)))


def _compared(first: Evaluated, others: list[tuple[Callable[[Any, Any], Any], Evaluated]]) -> Evaluated:
    def compare(values: Sequence[Any]) -> bool:
        one = _whole(first(values))
        for holds, other in others:
            two = _whole(other(values))
            if not holds(one, two):
                return False
            one = two
        return True

    return compare


def _joined(parts: list[Evaluated], *, is_and: bool) -> Evaluated:
    def join(values: Sequence[Any]) -> Any:
        found: Any = None
        for part in parts:
            found = part(values)
            if bool(_whole(found)) is not is_and:
                return found
        return found

    return join


def _indexed(of: Evaluated, index: Evaluated) -> Evaluated:
    def item(values: Sequence[Any]) -> Any:
        held, at = of(values), _whole(index(values))
        if isinstance(held, Beginning):
            is_first = (
                at in held.items if isinstance(held.items, dict) else isinstance(at, int) and 0 <= at < len(held.items)
            )
            if not is_first:
                raise NotKnown("only the first items were recorded")
            return held.items[at]
        return _whole(held)[at]

    return item


def _sliced(of: Evaluated, ends: list[Evaluated | None]) -> Evaluated:
    def part(values: Sequence[Any]) -> Any:
        return _whole(of(values))[slice(*(None if end is None else _whole(end(values)) for end in ends))]

    return part


def _called(name: str, given: list[Evaluated]) -> Evaluated:
    call = _FUNCTIONS[name]
    if name == "str":
        return lambda values: _text_of(given[0](values))
    return lambda values: call(*(_whole(one(values)) for one in given))


_FUNCTIONS: dict[str, Callable[..., Any]] = {"len": len, "min": min, "max": max, "str": str}


def _whole(value: Any) -> Any:
    """The value. Raises: NotKnown where it is not known in full."""
    if isinstance(value, Unread):
        raise NotKnown(f"{value.text} is not known in full")
    if isinstance(value, Beginning):
        raise NotKnown("only the first items were recorded")
    return value


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise NotKnown("the number is too large")
    if isinstance(value, (str, bytes, list, tuple)) and len(value) > MOST_ITEMS:
        raise NotKnown("the value is too long")
    return value


def _product(one: Any, other: Any) -> Any:
    for sequence, times in ((one, other), (other, one)):
        is_repeated = isinstance(sequence, (str, bytes, list, tuple)) and isinstance(times, int)
        if is_repeated and len(sequence) * max(times, 0) > MOST_ITEMS:
            raise NotKnown("the value is too long")
    return _bounded(one * other)


def _rest(one: Any, other: Any) -> Any:
    if isinstance(one, (str, bytes)):
        raise NotKnown("% of a text would format it")
    return one % other


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Unread):
        return value.text
    said = f"{repr(value.items)[:-1]}, …{repr(value.items)[-1]}" if isinstance(value, Beginning) else repr(value)
    return said if len(said) <= MOST_SHOWN else said[:MOST_SHOWN] + "…"
