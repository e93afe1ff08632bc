"""One JSON line per event, on standard output; what the server has to say, on standard error, looks the same.

Values are ids, names and numbers, never payloads or error texts of drivers. Everything outside ASCII is escaped, so
no value can forge a line or colour a terminal, and a long value is cut.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog

_LONGEST: Final = 2048
_FRAMES: Final = 8
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


class JsonLines(logging.Formatter):
    """Messages of others, one line each. They are prose that was not written for us, so secrets are taken out.

    Of an exception, and of what follows the first line of a message, only the kind and the places are told: the rest
    carries values.
    """

    def __init__(self) -> None:
        super().__init__()
        self._function = os.environ.get("FUNCTION_SOURCE", "").rpartition("/")[0].rpartition("/")[2].replace("_", "-")

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, without its end."""
        from shared.domain.redaction import redact_text  # noqa: PLC0415 - most processes have nothing to say

        fields: dict[str, Any] = {
            "function": self._function,
            "logger": record.name,
            "detail": redact_text(record.getMessage()[:_LONGEST].strip().partition("\n")[0]),
            "event": "server.message",
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            fields |= {"error": type(error).__name__, "trace": places(error)}
        return _dumps(fields)


def places(error: BaseException) -> list[str]:
    """Where it happened, without the message: messages carry values."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _cut(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in fields.items():
        if isinstance(value, str) and len(value) > _LONGEST:
            fields[name] = value[:_LONGEST] + "..."
    return fields


def _dumps(fields: Any, **_: Any) -> str:
    return _ENCODER.encode(fields)
