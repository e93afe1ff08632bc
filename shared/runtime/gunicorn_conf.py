"""How every function is served: ``gunicorn -c shared/runtime/gunicorn_conf.py functions_framework.aio:app``.

One worker, because the platform scales processes; uvicorn's event loop, because these functions mostly wait. On
SIGTERM the worker stops accepting, finishes what is under way, and exits. The function is loaded when the worker
starts, so a wrong setting stops the process in one sentence instead of failing its first event.
"""

from __future__ import annotations

import gc
import os
import sys

from gunicorn.arbiter import Arbiter

from shared.domain.errors import ConfigurationError
from shared.runtime.stand_ins import stand_ins

gc.disable()  # nothing that is imported is garbage, and looking for some takes a twentieth of a cold start
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would read the metadata of every package for one
with stand_ins():
    import pg8000.native  # noqa: F401 - for the function, as the next one
    import structlog  # noqa: F401
    from functions_framework.aio import create_asgi_app

    from shared.runtime.worker import ServerLog, Worker

bind = os.environ.get("APP_BIND") or f"0.0.0.0:{os.environ.get('PORT', '8080')}"
worker_class = Worker
logger_class = ServerLog
workers = 1
# The heartbeat file must not touch a disk: a read-only root, or a slow one, would kill healthy workers.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - gunicorn's own advice
timeout = 60
# Longer than a request's own deadline, shorter than the pod's grace period.
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT_SECONDS", "30"))
keepalive = 75
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True


def post_worker_init(worker: Worker) -> None:
    """Load the function; refuse to start in one sentence when a setting is wrong."""
    try:
        worker.load(create_asgi_app)
    except ConfigurationError as error:
        worker.log.critical("The function cannot start: %s.", error)
        sys.exit(Arbiter.APP_LOAD_ERROR)
    gc.freeze()
    gc.enable()
