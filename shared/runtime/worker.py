"""gunicorn's worker and its log, as every function is served: bounded, rotated, and in lines like our own."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import Any, Final

from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from shared.runtime.logs import JsonLines
from shared.runtime.protocol import BoundedProtocol
from shared.runtime.secret_files import SecretFiles

_PYTHON: Final = logging.getLogger("python")


class Worker(UvicornWorker):  # type: ignore[misc]
    """Serves one process; ends when a file of its settings has changed, for gunicorn starts the next at once."""

    CONFIG_KWARGS = {"loop": "auto", "http": BoundedProtocol, "ws": "none"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.secret_files = SecretFiles(os.environ)

    async def callback_notify(self) -> None:
        """Called by the server twice within gunicorn's ``timeout``."""
        await super().callback_notify()
        if self.secret_files.changed():
            self.log.warning("A file of the settings has changed; the process ends, and the next one reads it.")
            os.kill(os.getpid(), signal.SIGTERM)


class ServerLog(Logger):  # type: ignore[misc]
    """What gunicorn, uvicorn and Python itself have to say, as JSON lines on standard error."""

    def setup(self, cfg: Any) -> None:
        """See the base class; called again when gunicorn reloads."""
        super().setup(cfg)
        lines = JsonLines()
        for handler in self.error_log.handlers:
            handler.setFormatter(lines)
        others = logging.StreamHandler()
        others.setFormatter(lines)
        logging.getLogger().handlers = [others]
        logging.captureWarnings(capture=True)
        sys.excepthook = _say_unhandled
        sys.unraisablehook = lambda seen: _say_unhandled(seen.exc_type, seen.exc_value, seen.exc_traceback)
        threading.excepthook = lambda seen: _say_unhandled(seen.exc_type, seen.exc_value, seen.exc_traceback)


def _say_unhandled(kind: Any, error: Any, trace: Any) -> None:
    _PYTHON.critical("An exception that nobody expected.", exc_info=(kind, error, trace))
