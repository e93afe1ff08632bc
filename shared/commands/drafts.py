"""Events as people write them: what they leave out is filled in, and samples are told as if they happened now.

The id follows from everything else, the time included: the same draft sent again is a new event, and a draft that
names its own time is the same event however often it is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final

from shared.domain import strict_json
from shared.domain.errors import Malformed
from shared.domain.events import Event, canonical_json, derived_id
from shared.runtime.cloudevents import STRUCTURED_TYPE, parse

_SOURCE: Final = "/aftercare/cli"
_SAMPLES: Final = files("shared.commands") / "samples"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)


def samples() -> list[str]:
    """The names of the samples that ship."""
    return sorted(path.name.removesuffix(".json") for path in _SAMPLES.iterdir() if path.name.endswith(".json"))


def sample(name: str, *, now: datetime) -> dict[str, Any]:
    """A sample as a draft: its story, with every time in it moved so that the event is of this moment.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in samples():
        raise KeyError(name)
    draft: dict[str, Any] = json.loads((_SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    moved: dict[str, Any] = _moved(draft, now - datetime.fromisoformat(draft["time"]))
    return moved


def event(draft: Mapping[str, Any], *, now: datetime) -> Event:
    """A draft made whole: version, source, time and id are filled in where they are missing.

    Raises:
        InvalidEvent: it is no CloudEvent even so.
    """
    whole = {"specversion": "1.0", "source": _SOURCE, "time": _rfc3339(now), **draft}
    if whole.get("id") is None:
        said = canonical_json({name: value for name, value in whole.items() if name != "id"})
        whole["id"] = derived_id("draft", said.decode())
    [made] = parse({"content-type": STRUCTURED_TYPE}, json.dumps(whole).encode())
    return made


def read(text: bytes) -> dict[str, Any]:
    """A draft from a file or a pipe.

    Raises:
        InvalidEvent: it is no JSON object, or has no type.
    """
    draft = strict_json.loads(text)
    if not isinstance(draft, dict) or "type" not in draft:
        raise Malformed("an event is a JSON object with at least type and data; see aftercare events types")
    return draft


def _moved(value: Any, by: timedelta) -> Any:
    if isinstance(value, dict):
        return {name: _moved(inner, by) for name, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, by) for inner in value]
    if isinstance(value, str) and _TIME.fullmatch(value):
        return _rfc3339(datetime.fromisoformat(value) + by)
    return value


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
