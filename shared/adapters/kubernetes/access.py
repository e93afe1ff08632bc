"""How to reach an API server and say who we are, from inside the cluster."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.domain.calls import CallFailed, FailureKind
from shared.domain.errors import ConfigurationError

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An API server.

    Attributes:
        url: where it is.
        tls: its authority, and our certificate if we have one; None for plain HTTP on this machine.
        authorize: the headers that say who we are.
    """

    url: str
    tls: ssl.SSLContext | None
    authorize: Callable[[], Mapping[str, str]]


def in_cluster(environ: Mapping[str, str], service_account: Path = _SERVICE_ACCOUNT) -> Access:
    """The API server of the cluster that this process runs in, as the pod's service account.

    Raises:
        ConfigurationError: this is no pod, or it has no service account.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ConfigurationError("This is not a pod of a cluster; set KUBECONFIG to read one from outside.")
    try:
        tls = ssl.create_default_context(cafile=str(service_account / "ca.crt"))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The service account's ca.crt cannot be read ({type(error).__name__}); mount it: set "
            "automountServiceAccountToken."
        ) from None
    address = f"[{host}]" if ":" in host else host
    return Access(url=f"https://{address}:{port}", tls=tls, authorize=token_file(service_account / "token"))


def token_file(path: Path) -> Callable[[], Mapping[str, str]]:
    """A bearer token that is read each time: the kubelet replaces it long before it expires."""

    def authorize() -> Mapping[str, str]:
        try:
            return bearer(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CallFailed(FailureKind.DENIED) from error

    return authorize


def bearer(token: str) -> Mapping[str, str]:
    """The header of a bearer token."""
    return {"authorization": f"Bearer {token.strip()}"}
