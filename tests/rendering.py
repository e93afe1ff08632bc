"""The manifests as a cluster gets them: rendered by ``kubectl kustomize``, which needs no cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "functions"
KNATIVE = ROOT / "templates" / "knative"
COMPONENTS = KNATIVE / "components"
# The C parser is an order of magnitude faster, and not in every build of PyYAML.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Rendered:
    """All objects of one rendering."""

    objects: tuple[dict[str, Any], ...]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [each for each in self.objects if each["kind"] in kinds]

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        [found] = [
            each
            for each in self.of(kind)
            if each["metadata"]["name"] == name and namespace in (None, each["metadata"].get("namespace"))
        ]
        return found

    def names(self, kind: str) -> set[str]:
        return {each["metadata"]["name"] for each in self.of(kind)}


def render(folder: Path) -> str:
    """What ``kubectl apply -k`` would apply, as text; the test is skipped where there is no kubectl."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on this machine: install it to render the manifests")
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def parsed(text: str) -> list[Any]:
    """The documents of a YAML text."""
    return list(yaml.load_all(text, Loader=_LOADER))


def rendered(folder: Path) -> Rendered:
    return Rendered(tuple(parsed(render(folder))))


def overlay(folder: Path, components: Iterable[str]) -> Path:
    """A new overlay of the base with these components."""
    folder.mkdir(parents=True)
    installation = KNATIVE / "prod" / "installation.yaml"
    (folder / installation.name).write_text(installation.read_text(encoding="utf-8"))
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(BASE, folder), installation.name],
        "components": [os.path.relpath(COMPONENTS / name, folder) for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return folder


def pod(service: dict[str, Any]) -> dict[str, Any]:
    """The pod of a Service or of a JobSink."""
    spec = service["spec"]["job"]["spec"] if service["kind"] == "JobSink" else service["spec"]
    template: dict[str, Any] = spec["template"]["spec"]
    return template


def container(service: dict[str, Any]) -> dict[str, Any]:
    [found] = pod(service)["containers"]
    return dict(found)


def environment(service: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container(service)["env"]}


def secrets(service: dict[str, Any]) -> set[str]:
    """The secrets that are mounted."""
    sources = [
        source for volume in pod(service)["volumes"] for source in volume.get("projected", {}).get("sources", [])
    ]
    return {source["secret"]["name"] for source in sources if "secret" in source}
