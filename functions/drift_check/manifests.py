"""ConfigMaps in YAML: a file, one document of several, an item of a List, or what kustomize prints.

Values are texts, as the API server demands: ``PORT: 8080`` without quotes would not be admitted, and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from functions.drift_check import yaml_nodes
from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.core.unknowns import CannotTell
from functions.drift_check.yaml_nodes import Node, Scalar

_LISTS: Final = frozenset({"List", "ConfigMapList"})
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
# The names of generated ConfigMaps end in a hash of what is in them.
_GENERATED: Final = re.compile(r"-[bcdfghkmt2456789]{10}")


def select(text: str, *, namespace: str | None = None, name: str | None = None) -> ConfigMap:
    """The ConfigMap that is meant, of all those in a text.

    Args:
        text: YAML or JSON, any number of documents of any kinds.
        namespace: only of this namespace; a manifest that leaves it open is of any.
        name: only of this name, or of this name with kustomize's hash behind it.

    Raises:
        CannotTell: it is no YAML, or not exactly one ConfigMap is meant.
    """
    found = list(_configmaps(text))
    of_place = [each for each in found if namespace is None or _scalar(each, "namespace") in ("", namespace)]
    matching = [each for each in of_place if name in (None, _scalar(each, "name"))]
    if not matching and name is not None:
        matching = [each for each in of_place if _is_generated(_scalar(each, "name"), name)]
    if len(matching) != 1:
        names = ", ".join(sorted(_scalar(each, "name") or "?" for each in (matching or found))[:10]) or "none"
        problem = "More than one ConfigMap is meant" if matching else "There is no such ConfigMap"
        raise CannotTell(f"{problem}; choose by namespace and name of those in the manifest: {names}.")
    return _read(matching[0])


def entries(text: str, key: str) -> list[dict[str, str]]:
    """The mappings of texts in a list under ``key``, of a document of our own such as the exceptions.

    Raises:
        CannotTell: it is no YAML, or has another shape.
    """
    found = yaml_nodes.documents(text)
    listed = _field(found[0], key) if len(found) == 1 else None
    if not isinstance(listed, yaml_nodes.Sequence):
        raise CannotTell(f"The file has no list `{key}:`.")
    read: list[dict[str, str]] = []
    for each in listed.items:
        pairs = each.pairs if isinstance(each, yaml_nodes.Mapping) else [(each, each)]
        texts = {k.value: v.value for k, v in pairs if isinstance(k, Scalar) and isinstance(v, Scalar)}
        if len(texts) != len(pairs) or not isinstance(each, yaml_nodes.Mapping):
            raise CannotTell(f"An entry of `{key}:` (line {each.line}) is not a mapping of texts.")
        read.append(texts)
    return read


def _configmaps(text: str) -> Iterator[yaml_nodes.Mapping]:
    for document in yaml_nodes.documents(text):
        items = _field(document, "items")
        is_list = _text(_field(document, "kind")) in _LISTS and isinstance(items, yaml_nodes.Sequence)
        for each in items.items if is_list and isinstance(items, yaml_nodes.Sequence) else [document]:
            if isinstance(each, yaml_nodes.Mapping) and _text(each["kind"]) == "ConfigMap":
                yield each


def _read(node: yaml_nodes.Mapping) -> ConfigMap:
    binary = node["binaryData"]
    pairs = binary.pairs if isinstance(binary, yaml_nodes.Mapping) else []
    return ConfigMap(
        namespace=_scalar(node, "namespace"),
        name=_scalar(node, "name"),
        data=dict(_data(node["data"])),
        binary=[key.value for key, _ in pairs if isinstance(key, Scalar)],
    )


def _data(data: Node | None) -> Iterator[tuple[str, str]]:
    if data is None or (isinstance(data, Scalar) and data.is_nothing):
        return
    if not isinstance(data, yaml_nodes.Mapping):
        raise CannotTell("The data of the ConfigMap is not a mapping of keys to texts.")
    seen = set[str]()
    for key, value in data.pairs:
        if not isinstance(key, Scalar) or key.value == "<<":
            raise CannotTell(f"A key of the ConfigMap's data (line {key.line}) is not a plain one; write the keys out.")
        if not _KEY.fullmatch(key.value):
            raise CannotTell(f"A key of the ConfigMap's data (line {key.line}) is none that Kubernetes takes.")
        where = f"{key.value} in the ConfigMap's data (line {key.line})"
        if key.value in seen:
            raise CannotTell(f"{where} is there twice; remove one of them.")
        if not isinstance(value, Scalar) or not value.is_text:
            raise CannotTell(f"{where} is not a text; quote it, as Kubernetes takes nothing else.")
        seen.add(key.value)
        yield key.value, value.value


def _field(node: Node | None, name: str) -> Node | None:
    return node[name] if isinstance(node, yaml_nodes.Mapping) else None


def _scalar(node: yaml_nodes.Mapping, name: str) -> str:
    """A field of the metadata."""
    return _text(_field(node["metadata"], name))


def _text(node: Node | None) -> str:
    return node.value if isinstance(node, Scalar) and not node.is_nothing else ""


def _is_generated(name: str, base: str) -> bool:
    return name.startswith(base) and _GENERATED.fullmatch(name[len(base) :]) is not None
