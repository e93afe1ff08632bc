"""console takes no event and emits none: it is looked at."""

from __future__ import annotations

from typing import Final

from shared.domain.contract import Contract

ACCEPTS: Final[dict[str, type[Contract]]] = {}
EMITS: Final[dict[str, type[Contract]]] = {}
