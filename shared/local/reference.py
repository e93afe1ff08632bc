"""Reference pages made from the code: the event catalogue in ``docs/``, the settings tables of the functions' READMEs.

``python -m shared.local.reference`` writes them; a test fails when they differ from what the code says.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.commands.catalogue import Catalogue, EventType
from shared.commands.installed import InstalledFunction
from shared.domain.contract import Contract
from shared.local import contracts
from shared.local.knative import manifests
from shared.local.knative.manifests import Manifests
from shared.runtime.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[2]
_BEGIN: Final = "<!-- settings: made by `make docs` -->"
_END: Final = "<!-- /settings -->"
_HEAD: Final = """# Events

Made from the models by `make docs`; do not edit. An event is a CloudEvent 1.0; its `id` is derived from its cause, so
a retry repeats it; `subject` is the incident. Unknown fields are refused, except inside `labels`, `annotations` and
`metadata`. Times are RFC 3339 with an offset, in UTC when we send them.
"""


def pages(root: Path = ROOT) -> dict[Path, str]:
    """Every generated page: path to text."""
    deployed = manifests.load(root / "functions")
    readmes = {path: _with_settings(path) for path in sorted((root / "functions").glob("*/README.md"))}
    known = catalogue(root)
    machines = {root / "docs" / path: text for path, text in contracts.documents(known).items()}
    return {root / "docs" / "events.md": _events(known, deployed), **machines, **readmes}


def catalogue(root: Path) -> dict[str, EventType]:
    """All event types of the functions below a root, by name."""
    folders = sorted(path.parent.name for path in (root / "functions").glob("*/model.py"))
    functions = [InstalledFunction(folder.replace("_", "-"), f"functions.{folder}") for folder in folders]
    return {each.name: each for each in Catalogue(functions)}


def _events(catalogue: Mapping[str, EventType], deployed: Manifests) -> str:
    lines = [_HEAD, "| type | from | to |", "|---|---|---|"]
    for event_type, page in catalogue.items():
        receivers = ", ".join(page.accepted_by) or _subscribers(event_type, deployed) or "anyone"
        lines.append(
            f"| [`{event_type}`](#{_anchor(event_type)}) | {', '.join(page.emitted_by) or 'anyone'} | {receivers} |"
        )
    for event_type, page in catalogue.items():
        lines += ["", f"## {event_type}", "", *_model(page.model)]
    return "\n".join(lines) + "\n"


def _subscribers(event_type: str, deployed: Manifests) -> str:
    takers = {t.subscriber.service for t in deployed.triggers if t.takes({"type": event_type})}
    return ", ".join(sorted(takers))


def _anchor(event_type: str) -> str:
    return event_type.replace(".", "")


def _model(model: type[Contract]) -> Iterator[str]:
    """The fields of a model, and of the models inside it."""
    yield _paragraph(model.__doc__)
    yield ""
    yield "| field | type | |"
    yield "|---|---|---|"
    inner: dict[str, type[Contract]] = {}
    for name, info in model.model_fields.items():
        label = info.serialization_alias or info.alias or name
        need = "required" if info.is_required() else f"default `{_default(info)}`"
        yield f"| `{label}` | {_type(info.annotation, inner)} | {need} |"
    for name, nested in inner.items():
        yield ""
        yield f"`{name}`:"
        yield ""
        yield from _model(nested)


def _default(info: FieldInfo) -> Any:
    value = info.get_default(call_default_factory=False)
    return "null" if value is None else getattr(value, "value", value)


def _type(annotation: Any, inner: dict[str, type[Contract]]) -> str:  # noqa: PLR0911 - one for each kind of type
    """A type as people write it in JSON; models met on the way are added to ``inner``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], inner)
    if origin is UnionType:
        return " or ".join(_type(one, inner) for one in arguments)
    if origin is list:
        return f"list of {_type(arguments[0], inner)}"
    if origin is dict:
        return f"object of {_type(arguments[1], inner)}"
    if origin is Literal:
        return " \\| ".join(f"`{value}`" for value in arguments)
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        inner[annotation.__name__] = annotation
        return f"`{annotation.__name__}`"
    if hasattr(annotation, "__members__"):
        return " \\| ".join(f"`{member.value}`" for member in annotation)
    return _PLAIN_TYPES.get(getattr(annotation, "__name__", ""), "any")


_PLAIN_TYPES: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datetime": "time",
    "NoneType": "null",
}


def _with_settings(readme: Path) -> str:
    """The README with its settings table made anew."""
    function = readme.parent.name
    settings: type[Settings] = importlib.import_module(f"functions.{function}.settings").Settings
    before, _, rest = readme.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    said = meanings(settings)
    rows = [f"| `{name.upper()}` | {_setting(info)} | {_paragraph(said[name])} |" for name, info in _ordered(settings)]
    table = "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])
    return f"{before}{_BEGIN}\n{table}\n{_END}{after}"


def meanings(settings: type[Settings]) -> dict[str, str]:
    """What stands under each field. Read here: pydantic can do it too, and every cold start would pay for that."""
    found: dict[str, str] = {}
    for owner in reversed(settings.__mro__):
        if issubclass(owner, Settings):
            (class_,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
            assert isinstance(class_, ast.ClassDef)
            for one, next_ in itertools.pairwise(class_.body):
                if isinstance(one, ast.AnnAssign) and isinstance(next_, ast.Expr):
                    found[ast.unparse(one.target)] = ast.literal_eval(next_.value)
    return found


def _ordered(settings: type[Settings]) -> list[tuple[str, FieldInfo]]:
    """What must be set first."""
    return sorted(settings.model_fields.items(), key=lambda item: not item[1].is_required())


def _setting(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value = info.default
    if value is None or isinstance(value, SecretStr):
        return "unset"
    shown = str(value).lower() if isinstance(value, bool) else str(getattr(value, "value", value))
    return f"`{shown.removesuffix('.0')}`"


def _paragraph(text: str | None) -> str:
    return " ".join((text or "").split()).replace("``", "`")


def main() -> int:
    """Write the pages that changed."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
