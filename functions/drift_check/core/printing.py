"""How values are shown: in short, on one line, and never a secret.

A secret is one by its type, by the name of its field or key, or by what it looks like. It is shown as a hash, salted
anew for each report: within a report equal hashes mean equal values, and no table of likely passwords finds one.
"""

from __future__ import annotations

import hashlib
import json
from enum import Enum
from functools import lru_cache
from types import ModuleType
from typing import Any, Final

from pydantic import SecretBytes, SecretStr

_LONGEST: Final = 200
_DIGITS: Final = 12
# No word, no path, no number of its own meaning: under a telling name it is masked, under another it is not.
_PROBE: Final = "x7Qz probe"


@lru_cache(maxsize=4096)
def is_telling(name: str) -> bool:
    """Whether what is called so is a secret."""
    given = {name: _PROBE}
    return bool(_redaction().redact(given) != given)


def is_secret(value: Any) -> bool:
    """Whether a value is a secret by its type or by its looks."""
    if isinstance(value, SecretStr | SecretBytes):
        return True
    text, redaction = plain(value), _redaction()
    # Compared as texts: a NaN is not equal to itself, and no secret for that.
    return bool(redaction.redact_text(text) != text or plain(redaction.redact(_as_json(value))) != text)


def _redaction() -> ModuleType:
    # Its expressions take longer to compile than all the rest to load, and what agrees is never printed.
    from shared.domain import redaction  # noqa: PLC0415

    return redaction


def shown(value: Any, *, secret: bool, salt: bytes) -> str:
    """A value as it is printed."""
    text = plain(value)
    if secret and text:
        digest = hashlib.sha256(salt + text.encode(errors="surrogatepass")).hexdigest()
        return f"sha256:{digest[:_DIGITS]}"
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def plain(value: Any) -> str:
    """The text of a value, as a ConfigMap would have it."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value
    return json.dumps(_as_json(value), ensure_ascii=False) if not _is_text(value) else str(_as_json(value))


def _is_text(value: Any) -> bool:
    return isinstance(_as_json(value), str)


def _as_json(value: Any) -> Any:
    """A value as JSON has it; sets in an order that does not change."""
    if isinstance(value, SecretStr | SecretBytes | Enum):
        return _as_json(value.value if isinstance(value, Enum) else value.get_secret_value())
    if isinstance(value, dict):
        return {str(_as_json(key)): _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_as_json(item) for item in value), key=str)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
