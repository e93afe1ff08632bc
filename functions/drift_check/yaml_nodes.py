"""YAML as nodes, read from the parser's events with a stack of our own.

PyYAML's composer calls itself for every level: a hundred thousand brackets end the process, not the call. Here depth
is bounded and nothing is constructed, so no tag makes an object; an alias is the node it names, and never a copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from functions.drift_check.core.unknowns import CannotTell

LONGEST: Final = 8 * 1024 * 1024
"""Characters that are read."""

_DEPTH: Final = 64
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT: Final = "tag:yaml.org,2002:str"
_NOTHING: Final = "tag:yaml.org,2002:null"
_STARTS: Final = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_ENDS: Final = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value; ``line`` counts from 1."""

    value: str
    tag: str
    line: int

    @property
    def is_text(self) -> bool:
        """Whether it is a text, not a number or a truth value."""
        return self.tag == _TEXT

    @property
    def is_nothing(self) -> bool:
        """Whether it is null."""
        return self.tag == _NOTHING


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Keys and values as they stand, doubled keys included."""

    line: int
    pairs: list[tuple[Node, Node]] = field(default_factory=list)

    def __getitem__(self, name: str) -> Node | None:
        """What stands under a key; of doubled keys the first."""
        return next((value for key, value in self.pairs if isinstance(key, Scalar) and key.value == name), None)


Node = Scalar | Sequence | Mapping


def documents(text: str) -> list[Node]:
    """The documents of a text that are not empty.

    Raises:
        CannotTell: it is no YAML, too long or too deep.
    """
    if len(text) > LONGEST:
        raise CannotTell(f"The YAML is longer than {LONGEST} characters.")
    try:
        loader = _LOADER(text)
        try:
            return [each for each in _documents(loader) if not (isinstance(each, Scalar) and each.is_nothing)]
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        where = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise CannotTell(f"The YAML cannot be read{where}; correct it, kubectl would refuse it too.") from None
    except (yaml.YAMLError, ValueError):
        raise CannotTell("The YAML has characters that YAML does not allow.") from None


def _documents(loader: Any) -> Iterator[Node]:
    while loader.check_event():
        if isinstance(loader.get_event(), yaml.DocumentStartEvent):
            yield _node(loader)


def _node(loader: Any) -> Node:
    """The next node, with all that is in it."""
    anchors: dict[str, Node] = {}
    root = Sequence(0)
    stack: list[tuple[Sequence | Mapping, list[Node]]] = [(root, root.items)]
    while True:
        event = loader.get_event()
        if isinstance(event, _ENDS):
            holder, parts = stack.pop()
            if isinstance(holder, Mapping):
                holder.pairs.extend(zip(parts[::2], parts[1::2], strict=True))
        else:
            node = _opened(loader, event, anchors)
            stack[-1][1].append(node)
            if isinstance(event, _STARTS):
                if len(stack) > _DEPTH:
                    raise CannotTell(f"The YAML is more than {_DEPTH} levels deep (line {node.line}).")
                stack.append((node, node.items if isinstance(node, Sequence) else []))  # type: ignore[arg-type] # a start
        if len(stack) == 1:
            return root.items[0]


def _opened(loader: Any, event: Any, anchors: dict[str, Node]) -> Node:
    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise CannotTell(f"The YAML has an alias without an anchor (line {line}).")
        return anchors[event.anchor]
    node: Node
    if isinstance(event, yaml.ScalarEvent):
        tag = event.tag or loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        node = Scalar(event.value, _TEXT if tag == "!" else tag, line)
    else:
        node = Mapping(line) if isinstance(event, yaml.MappingStartEvent) else Sequence(line)
    if event.anchor:
        anchors[event.anchor] = node
    return node
