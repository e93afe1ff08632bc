"""No decision reads the text of an error: texts are translated, carry user data, and change between versions."""

from __future__ import annotations

import ast
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCTION = ["functions", "shared/domain", "shared/adapters", "shared/runtime"]
FILES = sorted(chain.from_iterable((ROOT / folder).rglob("*.py") for folder in PRODUCTION))
# The first word of a Redis error is its code, and the client has no class for this one.
CODES = {("shared/adapters/dead_letter_streams.py", "error.args[0].split()[0] != 'BUSYGROUP'")}

_TEXT_OF = {"args", "msg", "message", "strerror", "reason", "detail"}
_NO_TEXT = {"of_sqlstate", "isinstance", "type"}
_LOOKING = {"startswith", "endswith", "find", "rfind", "index", "search", "match", "fullmatch", "findall", "count"}


def decisions_on_texts(source: str) -> list[str]:
    """Comparisons and searches whose subject is the text of an exception."""
    return list(chain.from_iterable(_of_scope(scope) for scope in ast.walk(ast.parse(source)) if _is_scope(scope)))


def _is_scope(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module)


def _of_scope(scope: ast.AST) -> list[str]:
    nodes = list(_own(scope))
    errors = _errors(scope, nodes)
    texts: set[str] = set()
    for node in nodes:  # in the order of the source, so that `text = str(error)` comes before its use
        if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if _mentions(node.value, errors, texts):
                texts |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return [ast.unparse(node) for node in nodes if _decides(node, errors, texts)]


def _own(scope: ast.AST):
    """The nodes of a scope, without those of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _own(child)


def _errors(scope: ast.AST, nodes: list[ast.AST]) -> set[str]:
    """Names that hold an exception: bound by `except`, or annotated as one."""
    caught = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    if isinstance(scope, ast.Module):
        return caught
    arguments = [*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs]
    annotated = {a.arg for a in arguments if a.annotation and _is_error_type(ast.unparse(a.annotation))}
    return caught | annotated


def _is_error_type(annotation: str) -> bool:
    return any(word.endswith(("Error", "Exception")) for word in annotation.replace("|", " ").split())


def _decides(node: ast.AST, errors: set[str], texts: set[str]) -> bool:
    if isinstance(node, ast.Compare):
        return any(_mentions(side, errors, texts) for side in [node.left, *node.comparators])
    if isinstance(node, ast.Match):
        return _mentions(node.subject, errors, texts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOOKING:
        return any(_mentions(part, errors, texts) for part in [node.func.value, *node.args])
    return False


def _mentions(expression: ast.AST, errors: set[str], texts: set[str]) -> bool:
    """Whether the text of an error is in an expression; its class, its SQLSTATE and its failure are no texts."""
    match expression:
        case ast.Call(func=ast.Name(id=name)) if name in _NO_TEXT:
            return False
        case ast.Name(id=name) if name in texts:
            return True
        case ast.Call(func=ast.Name(id="str" | "repr" | "format"), args=[ast.Name(id=name)]) if name in errors:
            return True
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in errors and attribute in _TEXT_OF:
            return True
        case ast.FormattedValue(value=ast.Name(id=name)) if name in errors:
            return True
    return any(_mentions(child, errors, texts) for child in ast.iter_child_nodes(expression))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_decision_reads_a_message_text(path):
    name = str(path.relative_to(ROOT))
    found = {(name, decision) for decision in decisions_on_texts(path.read_text(encoding="utf-8"))}

    assert found - CODES == set()


def test_the_codes_are_still_there():
    assert all(code in decisions_on_texts((ROOT / name).read_text(encoding="utf-8")) for name, code in CODES)


@pytest.mark.parametrize(
    "body",
    [
        'if "deadlock" in str(error).lower():\n            retry()',
        'return "timeout" in repr(error)',
        'text = str(error)\n        return "timeout" in text.lower()',
        "return any(word in str(error) for word in WORDS)",
        'return str(error).startswith("FATAL")',
        'return re.search("connection", str(error)) is not None',
        'return error.args[0] == "server closed the connection"',
        'return error.args[0]["M"].startswith("canceling")',
        'return f"{error}" == "network error"',
        'if (text := str(error)) and "reset" in text:\n            retry()',
        'match str(error):\n            case "network error":\n                retry()',
    ],
)
def test_such_decisions_are_found(body):
    source = f"async def run():\n    try:\n        work()\n    except Exception as error:\n        {body}\n"

    assert decisions_on_texts(source)


def test_such_decisions_are_found_behind_a_function():
    assert decisions_on_texts("def is_transient(error: DatabaseError) -> bool:\n    return 'reset' in str(error)\n")


@pytest.mark.parametrize(
    "body",
    [
        "raise QueueUnavailable(type(error).__name__) from error",
        'log.warning("failed", detail=str(error))',
        "return error.failure.kind in (FailureClass.CONFLICT, FailureClass.EVENT)",
        'fields = error.args[0]\n        return of_sqlstate(fields["C"])',
        'failure = of_sqlstate(error.args[0]["C"])\n        return failure.kind is FailureClass.OURS',
        "return isinstance(error.args[0], dict) and type(error) is not KeyError",
    ],
)
def test_other_uses_of_an_error_are_not(body):
    source = f"def run():\n    try:\n        work()\n    except Exception as error:\n        {body}\n"

    assert decisions_on_texts(source) == []
