"""``stack.yml``, read as faas-cli reads it: which functions there are, and what their images are built from.

``python -m shared.local.stack images`` lays out each function's build under ``build/``, as ``faas-cli build
--shrinkwrap`` does, and prints the command that makes its image. ``... routes`` writes what functions on OpenFaaS are
told instead of a broker's address, made from the same Triggers that a broker reads.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from shared.local.knative import manifests
from shared.local.reference import catalogue
from shared.local.routes import ASYNC, WAITING, routes

ROOT: Final = Path(__file__).resolve().parents[2]
ROUTES: Final = Path("templates/openfaas/routes.yml")
GATEWAY: Final = "http://gateway.openfaas:8080"
_DEFAULTED: Final = re.compile(r"\$\{(\w+):-([^}]*)\}")
# faas-cli leaves folders of these names out of a handler.
_LEFT_OUT: Final = ("build", "template")
_NEVER_SHIPPED: Final = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFunction:
    """One function of the stack.

    Attributes:
        name: what it is called at the gateway.
        language: the template its build begins with.
        handler: its folder, from the root of the repository.
        image: the image's name, with registry and tag.
        build_args: for its Dockerfile.
        fields: everything the file says of it.
    """

    name: str
    language: str
    handler: Path
    image: str
    build_args: Mapping[str, str]
    fields: Mapping[str, Any]

    @property
    def context(self) -> Path:
        """Where its build is laid out, from the root of the repository."""
        return Path("build") / self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The whole file; ``copies`` go into every function's build."""

    functions: tuple[StackFunction, ...]
    copies: tuple[Path, ...]


def load(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> Stack:
    """Read ``stack.yml``, with ``${NAME:-default}`` taken from the environment."""
    text = (root / "stack.yml").read_text(encoding="utf-8")
    document = yaml.safe_load(_DEFAULTED.sub(lambda found: environ.get(found[1]) or found[2], text))
    return Stack(
        functions=tuple(_function(name, fields) for name, fields in document["functions"].items()),
        copies=tuple(Path(path) for path in document["configuration"]["copy"]),
    )


def _function(name: str, fields: Mapping[str, Any]) -> StackFunction:
    return StackFunction(
        name=name,
        language=fields["lang"],
        handler=Path(fields["handler"]),
        image=fields["image"],
        build_args=fields.get("build_args", {}),
        fields=fields,
    )


def shrinkwrap(stack: Stack, function: StackFunction, root: Path = ROOT, into: Path | None = None) -> Path:
    """Lay out a function's build: the template, the handler in it, the copies in that.

    Args:
        stack: the whole file.
        function: whose build it is.
        root: the repository.
        into: where builds go; the repository, unless given.

    Returns:
        The folder that the image is built from.
    """
    context = (into or root) / function.context
    shutil.rmtree(context, ignore_errors=True)
    template = root / "template" / function.language
    folder = yaml.safe_load((template / "template.yml").read_text(encoding="utf-8"))["handler_folder"]
    _copy(template, context)
    for entry in sorted((root / function.handler).iterdir()):
        if entry.name not in _LEFT_OUT:
            _copy(entry, context / folder / entry.name)
    for path in stack.copies:
        _copy(root / path, context / folder / path)
    return context


def _copy(source: Path, target: Path) -> None:
    if source.name == "__pycache__":
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=_NEVER_SHIPPED)
    else:
        shutil.copy2(source, target)


def build_command(function: StackFunction, *, extra: str | None = None) -> str:
    """What makes a function's image, from the root of the repository; ``extra`` is one more lock that it holds."""
    arguments = function.build_args if extra is None else {**function.build_args, "EXTRA": extra}
    given = "".join(f" --build-arg {name}={value}" for name, value in sorted(arguments.items()))
    return f"docker build --tag {function.image}{given} {function.context}"


def routes_file(root: Path = ROOT, gateway: str = GATEWAY, path: str = ASYNC) -> str:
    """The environment file that says who wants which event where there is no broker."""
    wanted = routes(manifests.load(root / "functions").triggers, catalogue(root), gateway, path)
    value = json.dumps(wanted, indent=2).replace("\n", "\n    ")
    return f"# Made from the Triggers by `make stack`; do not edit.\nenvironment:\n  EVENT_ROUTES: |\n    {value}\n"


def main() -> int:
    """Lay out the builds, or write the routes."""
    parser = argparse.ArgumentParser(prog="shared.local.stack", description=__doc__)
    parser.add_argument("what", choices=["images", "routes"])
    parser.add_argument("gateway", nargs="?", default=GATEWAY, help="the gateway's address inside the cluster")
    parser.add_argument("--wait", action="store_true", help="route to functions, not to the gateway's queue")
    parser.add_argument("--extra", choices=["oidc"], help="what the images hold beside what each function needs")
    asked = parser.parse_args()
    if asked.what == "routes":
        (ROOT / ROUTES).write_text(
            routes_file(gateway=asked.gateway, path=WAITING if asked.wait else ASYNC), encoding="utf-8"
        )
        return 0
    stack = load()
    for function in stack.functions:
        shrinkwrap(stack, function)
        print(build_command(function, extra=asked.extra))
    return 0


if __name__ == "__main__":
    sys.exit(main())
