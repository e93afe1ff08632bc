"""What PostgreSQL says of each incident in the end, with its name and its number left out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tests.faults.orders.story import Telling

# All but what says when it was stored, and what is a hash of the incident's name.
_ENTRIES: Final = """
SELECT incident_key, path_type, title, content, entry_type, category, tags, severity, confidence, metadata,
       approval_id, source, event_id, event_time::text, revision, created_at::text, updated_at::text, archived_at::text
FROM knowledge_entries ORDER BY path_type
"""
_LINKS: Final = """
SELECT incident_id, approval_id, approved_time::text, approved_event_id, approved_source, revoked FROM incident_links
"""
_TAKEN: Final = "SELECT fn, id FROM inbox ORDER BY fn, id"

Rows = Callable[..., Sequence[Sequence[Any]]]


class State:
    """Everything there is, by incident.

    Args:
        rows: a connection of our own.
        resolutions: by incident, the id of the event that tells of its end.
    """

    def __init__(self, rows: Rows, resolutions: Mapping[str, str]) -> None:
        self._of: Final[defaultdict[str, list[Any]]] = defaultdict(list)
        self._resolutions: Final = resolutions
        for incident, *row in [*rows(_ENTRIES), *rows(_LINKS)]:
            self._of[incident].append(row)
        self._taken: Final = {(fn, id_) for fn, id_ in rows(_TAKEN)}

    def of(self, telling: Telling) -> str:
        """Of an incident; two that were told the same read the same."""
        text = json.dumps(self._of[telling.incident], default=str)
        own = [telling.incident, telling.fingerprint, f"-{telling.number:06}"]
        for name in [*own, *filter(None, [self._resolutions.get(telling.incident)])]:
            text = text.replace(name, "?")
        return text

    def has_taken(self, function: str, event_id: str) -> bool:
        """Whether a function remembers an event."""
        return (function, event_id) in self._taken
