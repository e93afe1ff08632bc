"""Regular expressions that are compiled when they are used first.

Dozens of them decide what a secret is, most processes see none, and each would start some 11 ms later.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

_METHODS: Final = ("finditer", "fullmatch", "match", "search", "sub")


class _Lazy:
    """Stands for a pattern; from its first use on, its methods are the pattern's own."""

    __slots__ = ("_flags", "_source", *_METHODS)

    def __init__(self, source: str, flags: re.RegexFlag) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._source, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def pattern(source: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """The same as ``re.compile``, later."""
    return cast("re.Pattern[str]", _Lazy(source, flags))
