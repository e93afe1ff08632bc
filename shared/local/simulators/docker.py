"""A Docker Engine that has containers to look at, and does nothing with them.

As a process::

    python -m shared.local.simulators.docker --unix-socket /tmp/docker.sock

``PUT /_simulator/containers/<name>`` takes the fields of :class:`Container`; ``DELETE`` removes it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from shared.local.simulators.simulator import CONTROL, Simulator, options

if TYPE_CHECKING:
    from starlette.requests import Request

Endpoint = Callable[["Request"], Awaitable[Response]]

_API: Final = (1, 43)
_OLDEST_API: Final = (1, 24)
_NEVER: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container.

    Attributes:
        status: created, running, paused, restarting, exited or dead.
        health: starting, healthy or unhealthy; None without a health check.
        restarts: by the Engine itself, as its restart policy says.
        oom_killed: its last run ended so.
        started_at: of its last run.
    """

    status: str = "running"
    health: str | None = None
    restarts: int = 0
    oom_killed: bool = False
    started_at: str = "2026-01-01T00:00:00.123456789Z"


class DockerSimulator(Simulator):
    """The Engine's API.

    Attributes:
        containers: by name.
    """

    name = "docker"

    def __init__(self) -> None:
        super().__init__()
        self.containers: dict[str, Container] = {}

    def problem(self, status: int) -> Response:
        """A message."""
        return JSONResponse({"message": f"it was told to answer {status}"}, status)

    def routes(self) -> Sequence[BaseRoute]:
        """With a version in the path, or without."""
        plain = [
            Route("/_ping", self._ping),
            Route("/containers/json", _versioned(self._list)),
            Route("/containers/{name}/json", _versioned(self._inspect)),
        ]
        return [Mount("/v{major:int}.{minor:int}", routes=plain), *plain]

    def controls(self) -> Sequence[BaseRoute]:
        """Containers."""
        return [Route(f"{CONTROL}/containers/{{name}}", self._put, methods=["PUT", "DELETE"])]

    async def _ping(self, _: Request) -> Response:
        return PlainTextResponse("OK", headers={"api-version": "{}.{}".format(*_API)})

    async def _list(self, request: Request) -> Response:
        everything = request.query_params.get("all", "0").lower() in ("1", "true")
        try:
            filters = json.loads(request.query_params.get("filters") or "{}")
        except ValueError:
            return JSONResponse({"message": "invalid filter"}, 400)
        if set(filters) - {"name"}:
            return JSONResponse({"message": f"invalid filter '{min(set(filters) - {'name'})}'"}, 400)
        wanted = [re.compile(pattern) for pattern in filters.get("name", [])]
        found = [
            _summary(name, container)
            for name, container in self.containers.items()
            if (everything or _is_up(container)) and (not wanted or any(each.search(f"/{name}") for each in wanted))
        ]
        return JSONResponse(found)

    async def _inspect(self, request: Request) -> Response:
        """By name, by id, or by the beginning of an id, as the Engine finds it."""
        asked = request.path_params["name"]
        name = next((name for name in self.containers if asked in (name, container_id(name))), None)
        if name is None:
            begun = [name for name in self.containers if container_id(name).startswith(asked)]
            if len(begun) > 1:
                return JSONResponse({"message": f"Multiple IDs found with provided prefix: {asked}"}, 400)
            name = begun[0] if begun else None
        if name is None:
            return JSONResponse({"message": f"No such container: {asked}"}, 404)
        return JSONResponse(_inspected(name, self.containers[name]))

    async def _put(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            self.containers.pop(name, None)
            return Response(status_code=204)
        try:
            self.containers[name] = Container(**await request.json())
        except (TypeError, ValueError) as error:
            return PlainTextResponse(f"{error}\n", 400)
        return Response(status_code=204)


def _versioned(endpoint: Endpoint) -> Endpoint:
    """Refuse versions of the API that this Engine does not speak."""

    async def checked(request: Request) -> Response:
        asked = request.path_params.get("major", _API[0]), request.path_params.get("minor", _API[1])
        if _OLDEST_API <= asked <= _API:
            return await endpoint(request)
        fault, bound, limit = ("new", "Maximum", _API) if asked > _API else ("old", "Minimum", _OLDEST_API)
        version, supported = "{}.{}".format(*asked), "{}.{}".format(*limit)
        message = f"client version {version} is too {fault}. {bound} supported API version is {supported}"
        return JSONResponse({"message": message}, 400)

    return checked


def container_id(name: str) -> str:
    """The id of a container, which the Engine also takes for its name."""
    return hashlib.sha256(name.encode()).hexdigest()


def _is_up(container: Container) -> bool:
    """What the Engine calls running; it says so of one that waits for its next restart, and of one that is frozen."""
    return container.status in ("running", "paused", "restarting")


def _inspected(name: str, container: Container) -> dict[str, Any]:
    state = {
        "Status": container.status,
        "Running": _is_up(container),
        "Paused": container.status == "paused",
        "Restarting": container.status == "restarting",
        "OOMKilled": container.oom_killed,
        "Dead": container.status == "dead",
        "Pid": 4711 if container.status == "running" else 0,
        "ExitCode": 137 if container.oom_killed else 0,
        "Error": "",
        "StartedAt": _NEVER if container.status == "created" else container.started_at,
        "FinishedAt": _NEVER,
    }
    if container.health is not None:
        state["Health"] = {"Status": container.health, "FailingStreak": 0, "Log": []}
    return {"Id": container_id(name), "Name": f"/{name}", "RestartCount": container.restarts, "State": state}


def _summary(name: str, container: Container) -> dict[str, Any]:
    return {
        "Id": container_id(name),
        "Names": [f"/{name}"],
        "State": container.status,
        "Status": container.status,
    }


def main() -> None:
    """Run as a process."""
    DockerSimulator().run(options("A Docker Engine that is not there."))


if __name__ == "__main__":
    main()
