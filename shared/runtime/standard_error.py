"""What Python and its libraries have to say, on standard error, in lines like our own."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any, Final

from shared.runtime.logs import JsonLines

_PYTHON: Final = logging.getLogger("python")


def as_lines() -> JsonLines:
    """From here on messages, warnings and exceptions that nobody caught are lines of JSON; the format of them."""
    lines = JsonLines()
    handler = logging.StreamHandler()
    handler.setFormatter(lines)
    logging.getLogger().handlers = [handler]
    logging.captureWarnings(capture=True)
    sys.excepthook = _say_unhandled
    sys.unraisablehook = lambda seen: _say_unhandled(seen.exc_type, seen.exc_value, seen.exc_traceback)
    threading.excepthook = lambda seen: _say_unhandled(seen.exc_type, seen.exc_value, seen.exc_traceback)
    return lines


def _say_unhandled(kind: Any, error: Any, trace: Any) -> None:
    _PYTHON.critical("An exception that nobody expected.", exc_info=(kind, error, trace))
