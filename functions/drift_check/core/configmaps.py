"""A ConfigMap, wherever it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMap:
    """What of a ConfigMap is compared.

    Attributes:
        namespace: "" where a manifest leaves it open.
        name: its name.
        data: key to value.
        binary: keys of ``binaryData``, which no variable is made of.
    """

    namespace: str
    name: str
    data: Mapping[str, str]
    binary: Sequence[str] = ()

    @property
    def place(self) -> str:
        """``prod/api``, or ``api``; in ASCII, as Kubernetes' names are."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return place[:512].encode("ascii", errors="replace").decode() if place.isprintable() else "?"

    @property
    def notes(self) -> list[str]:
        """What of it is left out."""
        return [f"binaryData is not compared: {', '.join(sorted(self.binary)[:5])}."] if self.binary else []
