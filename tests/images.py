"""An image without an engine: its code laid out by the very recipe, and beside it the packages of its lock alone.

What the recipe's stage ``code`` says is carried out here as written: COPY copies, RUN runs in a shell. Its packages are
links to those installed here, of the same releases, so that nothing else can be imported.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from shared.local import materials, stack
from shared.local.stack import StackFunction

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Image:
    """A function's file system.

    Attributes:
        home: where its processes start.
        packages: all that they can import besides.
    """

    home: Path
    packages: Path

    @property
    def python(self) -> list[str]:
        """An interpreter that knows the packages and not this environment."""
        return [sys.executable, "-S"]

    def environment(self, **given: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.packages), "HOME": "/tmp", **given}


def make(function: StackFunction, folder: Path, *, library: Path | None = None) -> Image:
    """Lay out the build, and from it the image.

    Args:
        function: whose image it is.
        folder: a new folder for both.
        library: the same ``shared`` of another image, compiled there; nothing is compiled here then.
    """
    context = stack.shrinkwrap(stack.load(environ={}), function, into=folder)
    home = folder / "home" / "app"
    home.mkdir(parents=True)
    arguments = {"FUNCTION": function.build_args["FUNCTION"]}
    compiler = Path(sys.executable if library is None else "/bin/true")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_text(f'#!/bin/sh\nexec {compiler} "$@"\n')
    (folder / "bin" / "python").chmod(0o755)
    for instruction, rest in instructions(context / "Dockerfile", stage="code"):
        if instruction == "COPY":
            source, target = (expanded(word, arguments) for word in shlex.split(rest))
            shutil.copytree(context / source, home / target, ignore=left_out(context / ".dockerignore"))
        elif instruction == "RUN":
            path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(["sh", "-euc", rest], cwd=home, env={**arguments, "PATH": path}, check=True)
    if library is not None:
        shutil.rmtree(home / "shared")
        (home / "shared").symlink_to(library)
    packages = folder / "packages"
    packages.mkdir()
    for package in materials.read(ROOT / "requirements" / f"{arguments['FUNCTION']}.txt"):
        link(package.name, packages)
    return Image(home, packages)


def instructions(dockerfile: Path, stage: str) -> Iterator[tuple[str, str]]:
    """The instructions of one stage, each with its continued lines."""
    current = None
    lines = [line for line in dockerfile.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            current = rest.split(" AS ")[-1] if " AS " in rest else None
        elif current == stage and line:
            yield instruction, rest


def left_out(patterns: Path) -> Callable[[str, list[str]], set[str]]:
    """What an engine does not see of a build."""
    lines = patterns.read_text(encoding="utf-8").splitlines()
    return shutil.ignore_patterns(*(line.removeprefix("**/") for line in lines))


def expanded(word: str, arguments: dict[str, str]) -> str:
    for name, value in arguments.items():
        word = word.replace(f"${{{name}}}", value)
    return word


def link(package: str, into: Path) -> None:
    """Make an installed package importable from a folder; what this machine's lock leaves out cannot be."""
    for place in places(package):
        if not (into / place.name).exists():
            (into / place.name).symlink_to(place)


@cache
def places(package: str) -> list[Path]:
    """Where the modules of a package are installed."""
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return []
    tops = {file.parts[0]: None for file in distribution.files or []}
    return [Path(str(distribution.locate_file(top))) for top in tops if top not in ("..", "__pycache__")]
