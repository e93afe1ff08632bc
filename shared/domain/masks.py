"""What stands where a secret was.

A mask names the kind and, for a token of 16 characters or more, its last four: enough to tell two apart. It holds no
hash: without a key, the hash of a short secret is the secret to whoever can guess it, and a key would be one more
secret to keep, to rotate, and to lose what it told apart.
"""

from __future__ import annotations

from typing import Final

from shared.domain.patterns import pattern

MASK: Final = pattern(r"\[redacted:[a-z-]{3,24}(?:\.\.[A-Za-z0-9_-]{4})?\]")
_TAIL: Final = pattern(r"[A-Za-z0-9_-]{4}\Z")
_LONG_ENOUGH_FOR_A_TAIL: Final = 16


def mask(kind: str, token: str = "") -> str:
    """The mask of a secret; with the tail of the token, when there is one and it is long enough."""
    tail = _TAIL.search(token) if len(token) >= _LONG_ENOUGH_FOR_A_TAIL else None
    return f"[redacted:{kind}..{tail[0]}]" if tail else f"[redacted:{kind}]"
