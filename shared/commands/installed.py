"""The functions that are installed, and the manifests that ship with them.

A function is an entry point of the group ``aftercare.functions`` whose value is its package; its ``model`` and its
``settings`` are where every function has them. What it lets the doctor look at is one of ``aftercare.checks``, a
callable ``(environ) -> list[Check]``. Whoever can read manifests is one of ``aftercare.manifests``; an installation
without one does not know its triggers, and says so. So nothing here imports a function, and what is not asked for is
not loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Protocol


@dataclass(frozen=True, slots=True)
class InstalledFunction:
    """One function; ``name`` is the one that it is deployed by."""

    name: str
    package: str

    def part(self, name: str) -> ModuleType | None:
        """One of its modules; None when it has none of that name."""
        module = f"{self.package}.{name}"
        return None if find_spec(module) is None else import_module(module)

    @property
    def folder(self) -> Path:
        """Where its files are."""
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError(self.package)
        return Path(spec.submodule_search_locations[0])


class Trigger(Protocol):
    """Who gets which events."""

    @property
    def name(self) -> str:
        """As the manifest calls it."""
        ...

    def takes(self, attributes: Mapping[str, str]) -> bool:
        """Whether an event with these attributes is delivered there."""
        ...


class Service(Protocol):
    """A function as it is deployed."""

    @property
    def name(self) -> str:
        """As the manifest calls it."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """The environment that the manifest gives it."""
        ...


class Manifests(Protocol):
    """What the manifests say."""

    @property
    def triggers(self) -> Sequence[Trigger]:
        """All of them."""
        ...

    @property
    def services(self) -> Sequence[Service]:
        """All of them."""
        ...


def functions() -> list[InstalledFunction]:
    """All that are installed, by name."""
    found = {entry.name: entry.value for entry in entry_points(group="aftercare.functions")}
    return [InstalledFunction(name, package) for name, package in sorted(found.items())]


def checks() -> dict[str, EntryPoint]:
    """Who brings checks, by the name of the function."""
    return {entry.name: entry for entry in sorted(entry_points(group="aftercare.checks"), key=lambda each: each.name)}


def manifests() -> Manifests | None:
    """What the manifests beside the functions say; None when there are none, or nobody who reads them.

    Raises:
        ConfigurationError: one of them cannot be read; the text names the file and the field.
    """
    folders = {function.folder.parent for function in functions()}
    for folder in sorted(each for each in folders if (each / "broker.yaml").is_file()):
        for reader in entry_points(group="aftercare.manifests"):
            read: Manifests = reader.load()(folder)
            return read
    return None
