"""How to reach an API server from outside its cluster: a kubeconfig file.

What is not understood in it is refused rather than passed over: half of a login is none, and a certificate that is not
checked proves nothing.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.adapters.kubernetes.access import Access, bearer, token_file
from shared.domain.errors import ConfigurationError

P = TypeVar("P", bound="_Part")

_MAKE_ONE: Final = "kubectl config view --raw --minify --flatten"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda field: field.replace("_", "-"))

    extensions: Any = None


class _Cluster(_Part):
    server: str
    certificate_authority: Path | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: Literal[False] = False
    disable_compression: bool = False


class _User(_Part):
    token: str | None = None
    token_file: Path | None = Field(default=None, alias="tokenFile")
    client_certificate: Path | None = None
    client_certificate_data: str | None = None
    client_key: Path | None = None
    client_key_data: str | None = None


class _Context(_Part):
    cluster: str
    user: str
    namespace: str | None = None  # never used: the target says which


class _Config(BaseModel):
    contexts: list[dict[str, Any]]
    clusters: list[dict[str, Any]]
    users: list[dict[str, Any]]
    current_context: str = Field(alias="current-context", min_length=1)


def kubeconfig(path: Path) -> Access:
    """The API server of the file's current context.

    Raises:
        ConfigurationError: one sentence that says what the file lacks, or has and cannot be used.
    """
    given = _read(path)
    context = _entry(given.contexts, "context", given.current_context, _Context)
    cluster = _entry(given.clusters, "cluster", context.cluster, _Cluster)
    user = _entry(given.users, "user", context.user, _User)
    try:
        tls = _tls(cluster, user, path.parent)
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors, base64's are ValueErrors
        raise ConfigurationError(
            f"The certificates in KUBECONFIG cannot be loaded ({type(error).__name__}); make the file anew with: "
            f"{_MAKE_ONE}."
        ) from None
    return Access(url=cluster.server, tls=tls, authorize=_authorize(user, path.parent))


def _read(path: Path) -> _Config:
    try:
        return _Config.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:  # pydantic's are ValueErrors
        raise ConfigurationError(
            f"KUBECONFIG is not one readable file with a current-context ({type(error).__name__}); make one with: "
            f"{_MAKE_ONE}."
        ) from None


def _entry(entries: list[dict[str, Any]], what: str, name: str, model: type[P]) -> P:
    """The entry of a name."""
    found = next((entry.get(what) for entry in entries if entry.get("name") == name), None)
    try:
        return model.model_validate(found)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"]) or "nothing usable"
        raise ConfigurationError(
            f"The {what} {name!r} in KUBECONFIG has {field}, which is not understood here; give a server with its "
            "certificate-authority, and a user with a token (kubectl create token) or a client certificate."
        ) from None


def _authorize(user: _User, folder: Path) -> Callable[[], Mapping[str, str]]:
    if user.token_file is not None:
        return token_file(folder / user.token_file)
    header = {} if user.token is None else bearer(user.token)
    return lambda: header


def _tls(cluster: _Cluster, user: _User, folder: Path) -> ssl.SSLContext | None:
    server = urlsplit(cluster.server)
    if server.scheme == "http" and server.hostname in _LOOPBACK:
        return None
    if server.scheme != "https":
        raise ConfigurationError(f"The server in KUBECONFIG is {server.scheme}:; it must be https:.")
    authority = cluster.certificate_authority
    tls = ssl.create_default_context(
        cafile=None if authority is None else str(folder / authority),
        cadata=None
        if cluster.certificate_authority_data is None
        else _decoded(cluster.certificate_authority_data).decode(),
    )
    with (
        _file(user.client_certificate, user.client_certificate_data, folder) as certificate,
        _file(user.client_key, user.client_key_data, folder) as key,
    ):
        if certificate is not None:
            tls.load_cert_chain(certificate, key)
    return tls


@contextmanager
def _file(path: Path | None, data: str | None, folder: Path) -> Iterator[str | None]:
    """A certificate or key as a file, since Python's TLS takes nothing else; one made here is gone at once."""
    if data is None:
        yield None if path is None else str(folder / path)
        return
    with tempfile.NamedTemporaryFile() as file:  # readable by us alone
        file.write(_decoded(data))
        file.flush()
        yield file.name


def _decoded(data: str) -> bytes:
    return base64.b64decode(data, validate=True)
