"""A Kubernetes API server, as far as reading workloads goes.

As a process::

    python -m shared.local.simulators.kubernetes --port 6443 --token secret

``PUT /_simulator/workloads`` takes a workload (:class:`shared.local.simulators.workloads.Workload`) or a list of them,
``PUT /_simulator/objects`` takes objects, ``DELETE /_simulator/objects/<kind>/<namespace>/<name>`` removes one.
It answers get and list with label selectors, pages and resource versions; there is no watch and nothing writes.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from shared.local.simulators.cluster import KINDS, Cluster, Kind
from shared.local.simulators.kubernetes_status import Refused, as_status, continuation, resumed
from shared.local.simulators.label_selectors import BadSelector, label_selector, name_selector
from shared.local.simulators.simulator import CONTROL, Simulator, options
from shared.local.simulators.workloads import Object, Workload

if TYPE_CHECKING:
    from starlette.requests import Request

Endpoint = Callable[["Request"], Awaitable[Response]]

_ALL_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_VERSION: Final = {"major": "1", "minor": "31", "gitVersion": "v1.31.0"}


@dataclass(frozen=True, slots=True)
class Right:
    """What a token may read; None is everything."""

    namespaces: frozenset[str] | None = None
    plurals: frozenset[str] | None = None

    def covers(self, namespace: str, plural: str) -> bool:
        """Whether it may read that."""
        return (self.namespaces is None or namespace in self.namespaces) and (
            self.plurals is None or plural in self.plurals
        )


class KubernetesSimulator(Simulator):
    """The API server.

    Args:
        token: that callers must show; it may read everything until :meth:`allow` says otherwise. None lets in everyone,
            as kubectl needs it: it shows no token where there is no TLS.

    Attributes:
        cluster: what is in it.
    """

    name = "kubernetes"

    def __init__(self, token: str | None = "token") -> None:  # noqa: S107 - a stand-in's token protects nothing
        super().__init__()
        self.cluster = Cluster()
        self._rights: dict[str, Right] = {token or "": Right()}
        self._oldest = 0

    def allow(
        self, token: str, *, namespaces: Iterable[str] | None = None, plurals: Iterable[str] | None = None
    ) -> None:
        """Let a token read these and nothing else."""
        self._rights[token] = Right(
            None if namespaces is None else frozenset(namespaces), None if plurals is None else frozenset(plurals)
        )

    def compact(self) -> None:
        """Forget the past, as etcd does: a list that is half read cannot go on."""
        self._oldest = self.cluster.version + 1

    def problem(self, status: int) -> Response:
        """A Status object."""
        return as_status(Refused(status, f"the server answered {status} as it was told to"))

    def routes(self) -> Sequence[BaseRoute]:
        """Discovery, objects, lists."""
        fixed = {
            "/version": _VERSION,
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": _groups(),
            **{folder: _resources(folder) for folder in dict.fromkeys(kind.folder for kind in KINDS)},
        }
        found: list[BaseRoute] = [Route(path, _constant(content)) for path, content in fixed.items()]
        for kind in KINDS:
            everywhere = f"{kind.folder}/{kind.plural}"
            within = f"{kind.folder}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else everywhere
            lists, gets = self._reading(kind, self._list), self._reading(kind, self._get)
            found += [Route(path, lists, methods=_ALL_METHODS) for path in dict.fromkeys((everywhere, within))]
            found.append(Route(f"{within}/{{name}}", gets, methods=_ALL_METHODS))
        return found

    def controls(self) -> Sequence[BaseRoute]:
        """Putting workloads and objects, deleting objects."""
        return [
            Route(f"{CONTROL}/workloads", self._put_workloads, methods=["PUT"]),
            Route(f"{CONTROL}/objects", self._put_objects, methods=["PUT"]),
            Route(f"{CONTROL}/objects/{{kind}}/{{namespace}}/{{name}}", self._delete, methods=["DELETE"]),
        ]

    def _reading(self, kind: Kind, read: Callable[[Kind, Request], Response]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                self._admit(kind, request)
                return read(kind, request)
            except Refused as refused:
                return as_status(refused)

        return endpoint

    def _admit(self, kind: Kind, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        right = self._rights.get(token if scheme.lower() == "bearer" else "")
        if right is None:
            raise Refused(401, "Unauthorized")
        if request.method != "GET":
            raise Refused(405, "the server does not allow this method on the requested resource")
        if "watch" in request.query_params:
            raise Refused(400, "this simulator has no watch; get and list instead")
        accept = request.headers.get("accept", "*/*")
        if not any(kind_of in accept for kind_of in ("application/json", "application/*", "*/*")):
            raise Refused(406, "only the following media types are accepted: application/json")
        namespace = request.path_params.get("namespace", "")
        if not right.covers(namespace, kind.plural):
            verb = "get" if "name" in request.path_params else "list"
            raise Refused(
                403,
                f'{kind.plural}.{kind.group} is forbidden: User "system:serviceaccount:aftercare:verify" cannot {verb} '
                f'resource "{kind.plural}" in API group "{kind.group}" in the namespace "{namespace}"',
            )
        self._check_version(request.query_params.get("resourceVersion", ""))

    def _check_version(self, given: str) -> None:
        if given and not given.isdigit():
            raise Refused(400, f'resourceVersion: Invalid value: "{given}": strconv.ParseUint: invalid syntax')
        if given and int(given) > self.cluster.version:
            raise Refused(504, f"Too large resource version: {given}, current: {self.cluster.version}")

    def _get(self, kind: Kind, request: Request) -> Response:
        place = request.path_params
        found = self.cluster.get(kind.name, place.get("namespace", ""), place["name"])
        if found is None:
            group = f".{kind.group}" if kind.group else ""
            details = {"name": place["name"], "group": kind.group, "kind": kind.plural}
            raise Refused(404, f'{kind.plural}{group} "{place["name"]}" not found', details)
        return JSONResponse({"kind": kind.name, "apiVersion": kind.api_version, **found})

    def _list(self, kind: Kind, request: Request) -> Response:
        asked = request.query_params
        try:
            labelled = label_selector(asked.get("labelSelector", ""))
            named = name_selector(asked.get("fieldSelector", ""))
        except BadSelector as error:
            raise Refused(400, str(error)) from None
        found = [
            each
            for each in self.cluster.all(kind.name, request.path_params.get("namespace"))
            if named(each["metadata"]["name"]) and labelled(each["metadata"].get("labels", {}))
        ]
        metadata, page = self._page(found, asked.get("limit", "0"), asked.get("continue", ""))
        # As the real one has it, the kind of its items is said once, by the list.
        items = [{key: value for key, value in each.items() if key not in ("kind", "apiVersion")} for each in page]
        return JSONResponse(
            {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata, "items": items}
        )

    def _page(self, found: Sequence[Object], limit: str, token: str) -> tuple[Object, Sequence[Object]]:
        if not limit.isdigit():
            raise Refused(400, f'limit: Invalid value: "{limit}"')
        version, start = resumed(token, self.cluster.version)
        if version < self._oldest:
            raise Refused(410, "The provided continue parameter is too old to display a consistent list result.")
        end = start + int(limit) if int(limit) else len(found)
        metadata: Object = {"resourceVersion": str(version)}
        if end < len(found):
            metadata |= {"continue": continuation(version, end), "remainingItemCount": len(found) - end}
        return metadata, found[start:end]

    async def _put_workloads(self, request: Request) -> Response:
        try:
            given = await request.json()
            for each in given if isinstance(given, list) else [given]:
                self.cluster.put_workload(Workload.parse(each))
        except (TypeError, ValueError) as error:
            return PlainTextResponse(f"{error}\n", 400)
        return Response(status_code=204)

    async def _put_objects(self, request: Request) -> Response:
        try:
            given = await request.json()
            self.cluster.put(*(given if isinstance(given, list) else [given]))
        except (KeyError, TypeError, ValueError) as error:
            return PlainTextResponse(f"No object of a kind that is known here: {error}\n", 400)
        return Response(status_code=204)

    async def _delete(self, request: Request) -> Response:
        place = request.path_params
        try:
            self.cluster.delete(place["kind"], place["namespace"], place["name"])
        except KeyError:
            return PlainTextResponse("There is no such object\n", 404)
        return Response(status_code=204)


def kubeconfig(url: str, token: str = "token") -> str:  # noqa: S107 - a stand-in's token protects nothing
    """A kubeconfig for a simulator, as a file holds it; JSON, which is YAML as well."""
    cluster = {"name": "simulated", "cluster": {"server": url}}
    user = {"name": "simulated", "user": {"token": token}}
    context = {"name": "simulated", "context": {"cluster": "simulated", "user": "simulated"}}
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "simulated"}
    return json.dumps({**config, "clusters": [cluster], "users": [user], "contexts": [context]})


def _constant(content: Any) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        return JSONResponse(content)

    return endpoint


def _groups() -> Object:
    versions = {group: f"{group}/v1" for group in dict.fromkeys(kind.group for kind in KINDS) if group}
    entries = {group: {"groupVersion": version, "version": "v1"} for group, version in versions.items()}
    groups = [{"name": group, "versions": [each], "preferredVersion": each} for group, each in entries.items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _resources(folder: str) -> Object:
    here = [kind for kind in KINDS if kind.folder == folder]
    resources = [
        {
            "name": kind.plural,
            "singularName": kind.name.lower(),
            "shortNames": [kind.short] if kind.short else [],
            "kind": kind.name,
            "namespaced": kind.namespaced,
            "verbs": ["get", "list"],
        }
        for kind in here
    ]
    return {"kind": "APIResourceList", "groupVersion": here[0].api_version, "resources": resources}


def main() -> None:
    """Run as a process."""
    chosen = options("A Kubernetes API server that is not there.", ("--token", {"default": "token"}))
    KubernetesSimulator(chosen.token).run(chosen)


if __name__ == "__main__":
    main()
