"""Settings: one frozen class per function, read once from the environment in its ``main.py``.

The field ``km_retry_max`` is the variable ``KM_RETRY_MAX``. Any variable ``X`` may be given as ``X_FILE``, the path
of a file that holds the value (a mounted secret). Built on pydantic alone: its settings package costs 40 % of a cold
start and knows no ``_FILE``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    SecretStr,
    ValidationError,
    model_validator,
)

from shared.domain.errors import ConfigurationError

_TRUE: Final = ("1", "true", "yes", "on")
_FALSE: Final = ("0", "false", "no", "off", "")
_REDIS_URL: Final = re.compile(r"unix://|rediss?://(?:[^/?#]*@)?(?:\[[^\]]*\]|[^/?#:\[]*)(?::\d+)?(?:[/?]|$)")
_MIN_KEY: Final = 32  # who hears one signed body can try keys at home


def _switch(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else value
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    if isinstance(word, bool):
        return word
    raise ValueError("must be true or false")


Switch = Annotated[bool, BeforeValidator(_switch)]
"""``true``/``false``, ``on``/``off``, ``yes``/``no``, ``1``/``0``."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]
"""A duration in seconds."""


def _redis_url(value: SecretStr) -> SecretStr:
    # Redis' client would say so too, but only when the first letter loads it.
    if not _REDIS_URL.match(value.get_secret_value()):
        raise ValueError("must begin with redis://, rediss:// or unix://, and have a number for a port")
    return value


RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
"""Where Redis is; secret, because its password is in it."""

HttpAddress = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
"""An ``http://`` or ``https://`` URL."""


class AuthMode(StrEnum):
    """How a caller proves who it is."""

    BEARER = "bearer"
    HMAC = "hmac"
    OIDC = "oidc"
    NETWORK = "network"


class Durability(StrEnum):
    """How we know that Redis keeps what it takes."""

    CHECKED = "checked"
    ASSERTED = "asserted"


class Settings(BaseModel):
    """Variables of the environment as one frozen object.

    The docstring under a field is its line in the README's table.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            ConfigurationError: one sentence that names each wrong variable and what it must be, never its value.
        """
        given = {name: value for name in cls.model_fields if (value := _given(name.upper(), environ)) is not None}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ConfigurationError(_complaint(error)) from None


class ServingSettings(Settings):
    """For everything that is served over HTTP."""

    auth_mode: AuthMode
    """`bearer`: callers send a token; `hmac`: they sign the body; `oidc`: they send a token that an issuer signed;
    `network`: whoever reaches the port is trusted. Unset refuses to start."""
    auth_token: SecretStr | None = None
    """The bearer token; two, separated by a comma, are both accepted while one is rotated."""
    hmac_key: SecretStr | None = None
    """The key that bodies are signed with, 32 characters or more; two, separated by a comma, as with `AUTH_TOKEN`."""
    hmac_window_seconds: Seconds = 300
    """How old a signature may be, or how far ahead the sender's clock."""
    oidc_issuer: HttpAddress | None = None
    """Whose tokens are trusted: its URL exactly as in their `iss`."""
    oidc_audience: str | None = None
    """What must be in a token's `aud`; on Knative the `audience` of the Trigger's subscriber."""
    oidc_subjects: str | None = None
    """Who may call: each `sub`, separated by commas; `system:serviceaccount:aftercare:*` stands for all of those."""
    oidc_jwks_url: HttpAddress | None = None
    """Where the issuer's keys are; found by its discovery document when unset."""
    oidc_ca: str | None = None
    """PEM of the authority that the issuer's certificate is of, usually `OIDC_CA_FILE`; the web's when unset."""
    oidc_keys_seconds: Seconds = 900
    """How long the issuer's keys are believed without it; they are renewed at half of that."""
    auth_open_ticks: Switch = False
    """On lets the empty POST of a cron connector in without a token: it can start no more than what is due."""
    event_sink: str | None = None
    """Where emitted events go; without it the single result event is the reply. `K_SINK` is used when this is unset."""
    k_sink: str | None = None
    """Set by Knative's SinkBinding; see `EVENT_SINK`."""
    event_routes: Json[dict[str, list[HttpAddress]]] | None = None
    """Where there is no broker: JSON of event type to the URLs that want it, as `make routes` prints it."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Requests handled at once; one more is answered 503."""
    log_level: str = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""

    @property
    def sink(self) -> str | None:
        """The URL events are sent to, if there is one."""
        return self.event_sink or self.k_sink

    @property
    def token(self) -> str | None:
        """What we show to the functions that routes lead to."""
        return next(iter(self.tokens), None)

    @property
    def announces(self) -> bool:
        """Whether emitted events are sent somewhere; otherwise the single result event is the reply."""
        return self.sink is not None or self.event_routes is not None

    @property
    def tokens(self) -> tuple[str, ...]:
        """The active bearer tokens."""
        return _parts(self.auth_token)

    @property
    def hmac_keys(self) -> tuple[str, ...]:
        """The active keys of signatures."""
        return _parts(self.hmac_key)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose tokens are let in."""
        return _parts(self.oidc_subjects)

    @model_validator(mode="after")
    def _callers_can_be_told_apart(self) -> Self:
        if self.auth_mode is AuthMode.BEARER and not self.tokens:
            raise ValueError("AUTH_MODE is bearer and no token is set; set AUTH_TOKEN or AUTH_TOKEN_FILE")
        if self.auth_mode is AuthMode.HMAC and min(map(len, self.hmac_keys), default=0) < _MIN_KEY:
            raise ValueError(f"AUTH_MODE is hmac; set HMAC_KEY or HMAC_KEY_FILE to {_MIN_KEY} characters or more")
        if self.auth_mode is AuthMode.OIDC:
            wanted = {
                "OIDC_ISSUER": self.oidc_issuer,
                "OIDC_AUDIENCE": self.oidc_audience,
                "OIDC_SUBJECTS": self.subjects,
            }
            if missing := [name for name, value in wanted.items() if not value]:
                raise ValueError(f"AUTH_MODE is oidc; set {', '.join(missing)}")
            if "*" in self.subjects:
                raise ValueError("OIDC_SUBJECTS must not be * alone, which is whoever has a token; name who may call")
        return self


class DatabaseSettings(Settings):
    """For functions that keep their truth in PostgreSQL."""

    database_url: SecretStr
    """`postgresql://user:password@host:5432/database`, or `?host=/folder` for a unix socket."""
    database_threads: Annotated[int, Field(ge=1, le=64)] = 4
    """Connections, and threads that wait on them."""


class QueueSettings(Settings):
    """For functions that keep dead letters in Redis."""

    redis_url: RedisUrl
    """`redis://:password@host:6379/0`, `rediss://` for TLS, or `unix:///path/to.sock`."""
    queue_timeout_seconds: Seconds = 1.0
    """The longest wait for Redis."""
    dlq_max_entries: Annotated[int, Field(ge=1)] = 100_000
    """Letters in one stream; a full stream refuses, nothing is trimmed."""
    dlq_max_bytes: Annotated[int, Field(ge=1)] = 256 * 1024 * 1024
    """Bytes of letters in one stream."""
    dlq_durability: Durability = Durability.CHECKED
    """`checked`: Redis must show that it keeps what it takes; `asserted`: the operator says so."""


def _given(name: str, environ: Mapping[str, str]) -> str | None:
    path = environ.get(f"{name}_FILE")
    if path is None:
        return environ.get(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"{name}_FILE cannot be read ({type(error).__name__}); mount the secret or set {name}."
        ) from None


def _parts(given: SecretStr | str | None) -> tuple[str, ...]:
    text = given.get_secret_value() if isinstance(given, SecretStr) else given or ""
    return tuple(part for each in text.split(",") if (part := each.strip()))


def _complaint(error: ValidationError) -> str:
    return "; ".join(
        _sentence(item["loc"], item["type"], item["msg"])
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    )


def _sentence(place: Sequence[int | str], kind: str, message: str) -> str:
    if not place:
        return message.removeprefix("Value error, ")
    name = str(place[0]).upper()
    if name == "AUTH_MODE":
        return "AUTH_MODE must be set to bearer, hmac or oidc, or to network to trust whoever reaches the port"
    return f"{name} is not set" if kind == "missing" else f"{name}: {message}"
