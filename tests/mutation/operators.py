"""What is changed: one small wrong turn at a time, of the kinds that slip into a decision.

Words for people are left alone, since no decision reads them: docstrings, texts with a space, the fixed parts of
f-strings, what is raised. So are annotations and decorators, which say what a thing is and not what it decides.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_COMPARED: Final[dict[type[ast.cmpop], ast.cmpop]] = {
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}
_COMPUTED: Final[dict[type[ast.operator], ast.operator]] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.FloorDiv: ast.Div(),
    ast.Mod: ast.Mult(),
    ast.Pow: ast.Mult(),
    ast.BitOr: ast.BitAnd(),
    ast.BitAnd: ast.BitOr(),
}
_CALLED: Final = {
    "all": "any",
    "any": "all",
    "max": "min",
    "min": "max",
    "startswith": "endswith",
    "endswith": "startswith",
    "removeprefix": "removesuffix",
    "removesuffix": "removeprefix",
}
_CONDITIONS: Final = frozenset(
    {(ast.If, "test"), (ast.IfExp, "test"), (ast.While, "test"), (ast.comprehension, "ifs"), (ast.match_case, "guard")}
)
_UNREAD: Final = frozenset({"annotation", "returns", "decorator_list", "format_spec", "bases", "cause"})
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Site:
    """A node, where it hangs, what may stand there instead, and the outermost function whose body it is in."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    instead: ast.AST
    function: ast.FunctionDef | ast.AsyncFunctionDef | None

    def put(self, node: ast.AST) -> None:
        """Hang ``node`` there."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def sites(parent: ast.AST, function: ast.FunctionDef | ast.AsyncFunctionDef | None = None) -> Iterator[Site]:
    """Every change that is possible below ``parent``, in the order of the source."""
    for name, value in ast.iter_fields(parent):
        if name in _UNREAD or (isinstance(parent, ast.Raise) and name == "exc"):
            continue
        within = function
        if within is None and isinstance(parent, _FUNCTIONS) and name == "body":
            within = parent
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or _is_prose(parent, node):
                continue
            for instead in _instead(parent, name, node, is_run=within is not None):
                fixed = ast.fix_missing_locations(ast.copy_location(instead, node))
                yield Site(parent, name, index if isinstance(value, list) else None, node, fixed, within)
            yield from sites(node, within)


def _is_prose(parent: ast.AST, node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
        case ast.Constant():
            return isinstance(parent, ast.JoinedStr)
        case ast.keyword(arg="description") | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _instead(parent: ast.AST, field: str, node: ast.AST, *, is_run: bool) -> Iterator[ast.AST]:
    if (type(parent), field) in _CONDITIONS and not _has_opposite(node):
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.stmt) and is_run:
        yield from _statements(node)
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    else:
        yield from _expressions(node)


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Assign(targets=targets):
            yield ast.Assign(targets, ast.Constant(None))
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for index, each in enumerate(ops):
                yield ast.Compare(left, [*ops[:index], _COMPARED[type(each)], *ops[index + 1 :]], comparators)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED:
            yield ast.BinOp(left, _COMPUTED[type(op)], right)
        case ast.Name(id=name, ctx=context) if name in _CALLED:
            yield ast.Name(_CALLED[name], context)
        case ast.Attribute(value=value, attr=name, ctx=context) if name in _CALLED:
            yield ast.Attribute(value, _CALLED[name], context)


def _has_opposite(node: ast.AST) -> bool:
    """Whether another operator negates it already."""
    match node:
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.Is() | ast.IsNot() | ast.In() | ast.NotIn()]):
            return True
        case ast.UnaryOp(op=ast.Not()):
            return True
    return False


def _constants(value: object) -> Iterator[ast.Constant]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int() | float():
            yield ast.Constant(value + 1)
        case str() if " " not in value:
            yield ast.Constant(f"XX{value}")
