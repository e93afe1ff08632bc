"""gunicorn's worker and its log, as every function is served: bounded, rotated, and in lines like our own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from shared.domain.errors import ConfigurationError
from shared.runtime.protocol import BoundedProtocol
from shared.runtime.secret_files import SecretFiles
from shared.runtime.standard_error import as_lines


class Worker(UvicornWorker):  # type: ignore[misc]
    """Serves one process; ends when a file of its settings has changed, for gunicorn starts the next at once.

    It loads the function anew before: with a value that is refused the next one would not start, and nobody would
    serve.
    """

    CONFIG_KWARGS = {"loop": "auto", "http": BoundedProtocol, "ws": "none"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._secret_files = SecretFiles(os.environ)

    def load(self, application: Callable[[], Any]) -> None:
        """Serve what ``application`` makes of the settings; it is called again when a file of them has changed.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        self._application = application
        self.wsgi = self._loaded()

    def _loaded(self) -> Any:
        self._secret_files.check()
        return self._application()

    async def callback_notify(self) -> None:
        """Called by the server twice within gunicorn's ``timeout``."""
        await super().callback_notify()
        if self._secret_files.changed() and self._next_can_start():
            self.log.warning("A file of the settings has changed; the process ends, and the next one reads it.")
            os.kill(os.getpid(), signal.SIGTERM)

    def _next_can_start(self) -> bool:
        try:
            self._loaded()
        except ConfigurationError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is would be the end of the next process
            why = type(error).__name__
        else:
            return True
        self.log.error(
            "A file of the settings has changed and is refused: %s. The old value is still in use; write a right one.",
            why.rstrip("."),
        )
        return False


class ServerLog(Logger):  # type: ignore[misc]
    """What gunicorn, uvicorn and Python itself have to say, as JSON lines on standard error."""

    def setup(self, cfg: Any) -> None:
        """See the base class; called again when gunicorn reloads."""
        super().setup(cfg)
        lines = as_lines()
        for handler in self.error_log.handlers:
            handler.setFormatter(lines)
