"""One JSON line per event, on standard output.

Values are ids, names and numbers, never payloads or error texts of drivers. Everything outside ASCII is escaped, so
no value can forge a line or colour a terminal, and a long value is cut.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_LONGEST: Final = 2048
_ENCODER: Final = json.JSONEncoder(default=str, separators=(",", ":"))


def configure(level: str, *, function: str) -> structlog.typing.FilteringBoundLogger:
    """Set up logging for the process.

    Args:
        level: a standard level name; an unknown one means INFO.
        function: bound to every line.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _cut,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(function=function)
    return logger


def _cut(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in fields.items():
        if isinstance(value, str) and len(value) > _LONGEST:
            fields[name] = value[:_LONGEST] + "..."
    return fields


def _dumps(fields: Any, **_: Any) -> str:
    return _ENCODER.encode(fields)
