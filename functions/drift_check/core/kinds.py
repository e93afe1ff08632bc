"""How the text of a variable becomes the value of a field.

Parsing is pydantic's own, so ``"on"`` is true and ``"1e3"`` a float exactly where the application would say so. Before
that stands what pydantic-settings does to a variable: the text of a list, a mapping or a set is JSON.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, SecretBytes, SecretStr, TypeAdapter, ValidationError

_COMPLEX: Final = (Mapping, Sequence, AbstractSet, tuple, deque)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field takes.

    Attributes:
        parse: from a value of Python to the field's; raises ValidationError.
        is_json: the text of a variable is JSON.
        may_fail: text that is no JSON is taken as it is; for unions such as ``list[str] | str``.
        secret: it is a secret by its type.
    """

    parse: Callable[[Any], Any]
    is_json: bool
    may_fail: bool
    secret: bool

    def of_text(self, text: str, *, decode: bool) -> Any:
        """The value of a variable.

        Raises:
            ValueError: the application would refuse the text.
        """
        if not self.is_json or not decode:
            return self.parse(text)
        try:
            decoded = json.loads(text)
        except ValueError:
            if not self.may_fail:
                raise
            decoded = text
        return self.parse(decoded)


class Kinds:
    """Kinds of one settings class, each made once.

    Args:
        config: what of ``model_config`` changes how text is parsed.
    """

    def __init__(self, config: ConfigDict) -> None:
        self._config = config
        self._made: dict[Any, Kind | None] = {}

    def of(self, type_: Any) -> Kind | None:
        """How values of a type are parsed; None when pydantic knows no way."""
        try:
            if type_ not in self._made:
                self._made[type_] = _kind(type_, self._config)
            return self._made[type_]
        except TypeError:  # it has no hash: a Literal of something mutable
            return None


def _kind(type_: Any, config: ConfigDict) -> Kind | None:
    try:
        adapter = TypeAdapter[Any](type_, config=config)
    except (PydanticUserError, ValidationError, TypeError, ValueError, ImportError, NameError):
        return None
    is_union = get_origin(type_) in (Union, UnionType)
    may_fail = is_union and any(_is_complex(each) for each in get_args(type_))
    secret = bool({SecretStr, SecretBytes} & {type_, *get_args(type_)})
    return Kind(adapter.validate_python, may_fail or _is_complex(type_), may_fail, secret)


def _is_complex(type_: Any) -> bool:
    """Whether pydantic-settings reads the text as JSON (its ``_annotation_is_complex``)."""
    if get_origin(type_) is Annotated:
        return _is_complex(get_args(type_)[0])
    bare = get_origin(type_) or type_
    return isinstance(bare, type) and not issubclass(bare, str | bytes) and issubclass(bare, _COMPLEX)
