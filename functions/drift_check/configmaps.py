"""Where ConfigMaps and settings come from: the cluster, YAML, and files that the settings of this function name.

What reads the one and what reads the other is loaded by the first that needs it: a cold start waits for neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.core.unknowns import CannotTell
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient

if TYPE_CHECKING:
    from shared.adapters.kubernetes.access import Access
    from shared.adapters.kubernetes.api import ClusterApi

_LONGEST: Final = 8 * 1024 * 1024


class ConfigMapReader:
    """See :class:`functions.drift_check.handler.ConfigMaps`.

    Args:
        api: the cluster; None where none is configured.
    """

    def __init__(self, api: ClusterApi | None) -> None:
        self._api = api

    async def live(self, namespace: str, name: str) -> ConfigMap:
        """As the cluster has it now.

        Raises:
            CallFailed: it does not give it.
            CannotTell: no cluster is configured.
        """
        if self._api is None:
            raise CannotTell("No cluster is configured; set KUBECONFIG, or run this in the cluster.")
        from shared.adapters.kubernetes.api import CONFIG_MAPS  # noqa: PLC0415

        found = await self._api.get(CONFIG_MAPS, namespace, name)
        return ConfigMap(namespace=namespace, name=name, data=found.data, binary=list(found.binary_data))

    def written(self, text: str, *, namespace: str | None, name: str | None) -> ConfigMap:
        """In YAML; raises CannotTell."""
        from functions.drift_check.manifests import select  # noqa: PLC0415

        return select(text, namespace=namespace, name=name)

    def text(self, path: str) -> str:
        """A file; raises CannotTell."""
        return text_of(Path(path))


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        CannotTell: it cannot be read, is too long, or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        raise CannotTell(f"{path} cannot be read ({type(error).__name__}); give a file of UTF-8 text.") from None
    if len(text) > _LONGEST:
        raise CannotTell(f"{path} is longer than {_LONGEST} characters.")
    return text


def cluster(environ: Mapping[str, str], *, kubeconfig: Path | None, timeout_s: float) -> ClusterApi | None:
    """The cluster to read: the one of the kubeconfig, else the one this runs in, else none; as long as the process.

    Raises:
        ConfigurationError: it cannot be reached with what is given.
    """
    access = _access(environ, kubeconfig)
    return None if access is None else _api(access, HttpClient(tls=access.tls), timeout_s)


@asynccontextmanager
async def opened_cluster(
    environ: Mapping[str, str], *, kubeconfig: Path | None, timeout_s: float
) -> AsyncIterator[ClusterApi | None]:
    """The same, for as long as a command runs."""
    access = _access(environ, kubeconfig)
    if access is None:
        yield None
        return
    async with HttpClient(tls=access.tls) as http:
        yield _api(access, http, timeout_s)


def _access(environ: Mapping[str, str], path: Path | None) -> Access | None:
    if path is not None:
        from shared.adapters.kubernetes.kubeconfig import kubeconfig  # noqa: PLC0415

        return kubeconfig(path)
    if not environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    from shared.adapters.kubernetes.access import in_cluster  # noqa: PLC0415

    return in_cluster(environ)


def _api(access: Access, http: HttpClient, timeout_s: float) -> ClusterApi:
    from shared.adapters.kubernetes.api import ClusterApi  # noqa: PLC0415

    return ClusterApi(Endpoint(http=http, url=access.url, authorize=access.authorize, timeout_s=timeout_s))
