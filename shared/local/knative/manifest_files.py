"""The YAML files of a deployment, as checked documents.

Every document fits its kind's shape, names are unique, and whatever one document refers to is in another. A field given
twice is an error as well: YAML parsers keep the last one and say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from shared.domain.errors import ConfigurationError
from shared.local.knative import manifest_shapes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The C parser is an order of magnitude faster, and not in every build of PyYAML.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SHAPES: Final = {
    "Broker": manifest_shapes.BROKER,
    "PingSource": manifest_shapes.PING_SOURCE,
    "Service": manifest_shapes.SERVICE,
    "Trigger": manifest_shapes.TRIGGER,
}


@dataclass(frozen=True, slots=True)
class Document:
    """One object of one file, with its fields converted by the kind's shape."""

    file: Path
    kind: str
    name: str
    namespace: str
    spec: dict[str, Any]

    def refuse(self, problem: str) -> ConfigurationError:
        """The error that names this file and object."""
        return ConfigurationError(f"{self.file}: {self.kind} {self.name}: {problem}")


def read(directory: Path) -> list[Document]:
    """The documents of ``broker.yaml`` and of every ``*/knative.yaml``.

    Raises:
        ConfigurationError: one sentence that names the file and the field.
    """
    documents = list(_read_file(directory / "broker.yaml", ("Broker",)))
    for file in sorted(directory.glob("*/knative.yaml")):
        documents += _read_file(file, ("Service", "Trigger", "PingSource"))
    if sum(document.kind == "Broker" for document in documents) != 1:
        raise ConfigurationError(f"{directory / 'broker.yaml'} must hold exactly one Broker")
    _check_names(documents)
    _check_references(documents)
    return documents


def _read_file(file: Path, kinds: tuple[str, ...]) -> Iterator[Document]:
    try:
        for content in _load(file.read_bytes()):
            fields = _conform(content, kinds)
            metadata = fields["metadata"]
            yield Document(file, fields["kind"], metadata["name"], metadata["namespace"], fields["spec"])
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{file}: {' '.join(str(error).split())}") from error


def _conform(content: Any, kinds: tuple[str, ...]) -> dict[str, Any]:
    kind = content.get("kind") if isinstance(content, dict) else None
    if kind not in kinds:
        raise ValueError(f"kind must be {' or '.join(kinds)}, not {kind!r}")
    fields: dict[str, Any] = manifest_shapes.conform(content, _SHAPES[kind])
    return fields


def _load(content: bytes) -> Iterator[Any]:
    loader = _LOADER(content)
    try:
        while loader.check_node():
            node = loader.get_node()
            _refuse_twins(node)
            yield loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_twins(node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ValueError(f"{key.value} is given twice in line {key.start_mark.line + 1}")
            seen.add(key.value)
            _refuse_twins(value)
    elif isinstance(node, yaml.SequenceNode):
        for entry in node.value:
            _refuse_twins(entry)


def _check_names(documents: list[Document]) -> None:
    seen: dict[tuple[str, str], Document] = {}
    for document in documents:
        twin = seen.setdefault((document.kind, document.name), document)
        if twin is not document:
            raise document.refuse(f"metadata.name is taken by {twin.file}")
        if document.namespace != documents[0].namespace:
            raise document.refuse(f"metadata.namespace must be the Broker's, {documents[0].namespace}")


def _check_references(documents: list[Document]) -> None:
    known = {(document.kind, document.name) for document in documents}
    for document in documents:
        for field, kind, name in _references(document):
            if (kind, name) not in known:
                raise document.refuse(f"{field}: there is no {kind} {name}")


def _references(document: Document) -> Iterator[tuple[str, str, str]]:
    spec = document.spec
    if document.kind == "Trigger":
        yield "spec.broker", "Broker", spec["broker"]
        yield "spec.subscriber.ref.name", "Service", spec["subscriber"]["ref"]["name"]
    if document.kind == "PingSource":
        yield "spec.sink.ref.name", "Broker", spec["sink"]["ref"]["name"]
    sink = spec.get("delivery", {}).get("deadLetterSink")
    if sink is not None:
        yield "spec.delivery.deadLetterSink.ref.name", "Service", sink["ref"]["name"]
