"""Our HTTP client in front of an application of this process: nothing goes over a wire, the library is the real one."""

from __future__ import annotations

from typing import Any

import httpx

from shared.adapters.http import HttpClient


class InProcess(HttpClient):
    """Asks an ASGI application."""

    def __init__(self, app: Any) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
