"""The public keys of an OpenID issuer: found by discovery, kept for a while, asked for again when one is missing.

Nobody is let in by keys that cannot be had: that is the issuer's outage and a 503, since a broker never repeats what
was answered 401. Keys are renewed at half their life, so a short outage goes unnoticed, and are believed no longer than
their whole life, so a key that the issuer took back does not stay good. However many requests ask for keys that are
unknown, the issuer is asked once in a while; until then nobody can tell a new key from an invented one, which is a 503
as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, Field

from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.domain.calls import CallFailed
from shared.domain.errors import UpstreamUnavailable

K = TypeVar("K")

_DISCOVERY: Final = "/.well-known/openid-configuration"
_LIFE_S: Final = 900.0
_PAUSE_S: Final = 5.0
_TIMEOUT_S: Final = 2.0
# Minutes pass until the next question: a connection would wait for nothing.
_LAST: Final = {"connection": "close"}


class _Configuration(BaseModel):
    """The part of a discovery document that is used (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    jwks_uri: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]


class _KeySet(BaseModel):
    """A JWK Set (RFC 7517, section 5)."""

    keys: list[dict[str, Any]]


class IssuerKeys(Generic[K]):
    """An issuer's keys by their ``kid``.

    Args:
        http: a client that trusts the issuer's certificate.
        issuer: its URL, exactly as its tokens name it.
        usable: makes a key of a JWK; None when it is of no use here.
        url: of the key set; found by discovery when None.
        life_s: how long keys are believed without the issuer.
        pause_s: between two questions to the issuer.
        clock: seconds; only differences mean anything.
    """

    def __init__(
        self,
        http: HttpClient,
        issuer: str,
        usable: Callable[[Mapping[str, Any]], K | None],
        *,
        url: str | None = None,
        life_s: float = _LIFE_S,
        pause_s: float = _PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._issuer = issuer
        self._usable = usable
        self._url = url
        self._life_s = life_s
        self._pause_s = pause_s
        self._clock = clock
        self._keys: Mapping[str, K] = {}
        self._fetched_at = self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def find(self, kid: str) -> K | None:
        """The key of that name; None when the issuer has none such.

        Raises:
            UpstreamUnavailable: the issuer's keys cannot be had now, or may not be asked for again yet.
        """
        came_at = self._clock()
        age_s = came_at - self._fetched_at
        is_needed = kid not in self._keys or age_s > self._life_s
        if is_needed or (age_s > self._life_s / 2 and not self._asking.locked()):
            await self._renew()
        if self._clock() - self._fetched_at > self._life_s:
            raise UpstreamUnavailable("the issuer's keys cannot be had now; send it again")
        key = self._keys.get(kid)
        if key is None and self._fetched_at < came_at:
            raise UpstreamUnavailable("the issuer's keys were asked for a moment ago; send it again")
        return key

    async def _renew(self) -> None:
        """Ask the issuer, unless that was just done; what is known stays when it has no answer."""
        async with self._asking:
            now = self._clock()
            if now - self._asked_at < self._pause_s:
                return
            self._asked_at = now
            try:
                fetched = await self._fetch()
            except CallFailed:
                return
            if fetched:  # an issuer without keys is one that is not ready
                self._keys, self._fetched_at = fetched, now

    async def _fetch(self) -> Mapping[str, K]:
        url = self._url or await self._discover()
        known = await self._at(url).ask(_KeySet, "")
        named = ((jwk.get("kid"), self._usable(jwk)) for jwk in known.keys)
        return {kid: key for kid, key in named if isinstance(kid, str) and key is not None}

    async def _discover(self) -> str:
        found = await self._at(self._issuer).ask(_Configuration, _DISCOVERY)
        if found.issuer != self._issuer:  # section 4.3: otherwise one issuer could speak for another
            raise UpstreamUnavailable("the discovery document is of another issuer; correct OIDC_ISSUER")
        return found.jwks_uri

    def _at(self, url: str) -> Endpoint:
        return Endpoint(http=self._http, url=url, authorize=lambda: _LAST, timeout_s=_TIMEOUT_S)
