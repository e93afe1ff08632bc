"""What the functions' images are made of: a software bill of materials in CycloneDX 1.6, on stdout.

Made from the locks, which is what the images install, and from the metadata of the packages installed here, which know
their licences. The same locks give the same document: it has no time, and its serial number is a digest.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
_PINNED: Final = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^\s;]+)(?: ; (.+?))? \\$")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAMESPACE: Final = uuid.UUID("6f9f6f2e-3f0c-5d3b-9b5e-0d5a3f3c7a11")


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned package of a lock.

    Attributes:
        name: normalised, as locks spell it.
        marker: on which machines it is installed; None for all.
        sha256: digests of every file of the release that the lock accepts.
    """

    name: str
    version: str
    marker: str | None
    sha256: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read(lock: Path) -> list[Package]:
    """The packages of a lock, in its order.

    Raises:
        ValueError: a line is neither a pin, a hash nor a comment.
    """
    found: list[tuple[str, str, str | None, list[str]]] = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if pinned := _PINNED.match(line):
            found.append((pinned[1], pinned[2], pinned[3], []))
        elif digest := _HASH.search(line):
            found[-1][3].append(digest[1])
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"{lock.name}, line {number} is neither a pin nor a hash; run `make lock`")
    return [Package(name, version, marker, tuple(hashes)) for name, version, marker, hashes in found]


def locks(root: Path = ROOT) -> dict[str, list[Package]]:
    """The lock of each function, by the function's name."""
    return {
        path.parent.name.replace("_", "-"): read(root / "requirements" / f"{path.parent.name}.txt")
        for path in sorted((root / "functions").glob("*/main.py"))
    }


def bill(root: Path = ROOT) -> dict[str, Any]:
    """The document: each function, each package once, and who has which."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version, licence = project["version"], project["license"]
    held = locks(root)
    packages = {package.purl: package for lock in held.values() for package in lock}
    functions = [_function(name, version, licence) for name in held]
    product = {**_function("aftercare", version, licence), "bom-ref": "aftercare"}
    body = {
        "metadata": {"component": product},
        "components": [*functions, *(_component(packages[purl]) for purl in sorted(packages))],
        "dependencies": [
            {"ref": "aftercare", "dependsOn": sorted(held)},
            *({"ref": name, "dependsOn": sorted(each.purl for each in lock)} for name, lock in held.items()),
        ],
    }
    serial = uuid.uuid5(_NAMESPACE, json.dumps(body, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1, **body}


def _function(name: str, version: str, licence: str) -> dict[str, Any]:
    return {
        "type": "application",
        "bom-ref": name,
        "name": name,
        "version": version,
        "licenses": [{"license": {"id": licence}}],
    }


def _component(package: Package) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        **({"licenses": licences} if (licences := list(_licences(package))) else {}),
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.sha256],
    }


def _licences(package: Package) -> Iterator[dict[str, Any]]:
    """As the package itself says, if that very release is installed here."""
    try:
        said = metadata.metadata(package.name)
    except metadata.PackageNotFoundError:
        return
    if said["Version"] != package.version:
        return
    if "License-Expression" in said:
        yield {"expression": said["License-Expression"]}
        return
    for classifier in said.get_all("Classifier") or []:
        if classifier.startswith("License :: ") and classifier != "License :: OSI Approved":
            yield {"license": {"name": classifier.rpartition(" :: ")[2]}}


def main() -> int:
    """Print the document."""
    print(json.dumps(bill(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
