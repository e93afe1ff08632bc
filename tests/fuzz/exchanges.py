"""Requests that are wrong before anybody reads what they say: tokens, paths, methods, encodings, HTTP itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from random import Random
from typing import Any, Final
from urllib.parse import quote

from tests.fuzz.doors import Door
from tests.fuzz.requests import CANARY, HUNG_UP, LARGE, MALFORMED, MEDIA, TOKEN, UNAUTHORIZED, Request, http

Kind = Callable[[Random, Door], Request]

_FORBIDDEN, _NOT_FOUND, _REFUSED_METHOD = 403, 404, 405
_LIMIT: Final = 1024 * 1024
_STRANGE_PATHS: Final = (
    *("//", "/..", "/%2e%2e/%2e%2e/etc/passwd", "/%00", "/%0d%0ax:y", "/livez/../", "/metrics/", "/readyz/x", "/_/x"),
    *("/index.php", "/alertmanager/", "/dead-letter/", "/;a", "/%ff", "/.git/config", "/actuator/env", "/-", "/*"),
)
_HEALTH: Final = ("/livez", "/readyz", "/_/health", "/_/ready")
_PROTOCOL: Final = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"GET\r\n\r\n",
    b"POST / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nbad name: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nno-colon\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 1, 2\r\n\r\n{}",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
)
_LENGTHS: Final = ("-1", "abc", "1e3", "0x10", "9" * 40, "1 2", "+5")


def _good(chance: Random, door: Door) -> bytes:
    return b"" if door.is_page else json.dumps(door.document(chance)).encode()


def _with(*expected: int, alone: bool = False, **headers: Any) -> Kind:
    """A good request but for its headers; a header is a text, or chosen from several."""

    def make(chance: Random, door: Door) -> Request:
        given = {
            name.replace("_", "-"): chance.choice(value) if isinstance(value, tuple) else value
            for name, value in headers.items()
        }
        method = "GET" if door.is_page else "POST"
        headers_ = {"content-type": None if door.is_page else door.media, **given}
        body = _good(chance, door)
        return http(body, *expected, path=door.path, method=method, headers=headers_, alone=alone)

    return make


def _method(*methods: str) -> Kind:
    def make(chance: Random, door: Door) -> Request:
        method = chance.choice([each for each in methods if each != "GET" or not door.is_page])
        return http(b"", MALFORMED, path=door.path, method=method, headers={"content-type": door.media})

    return make


def _path(chance: Random, door: Door) -> Request:
    noise = quote(chance.randbytes(chance.randrange(1, 40)), safe=chance.choice(["", "/:@!$&'()*+,;="]))
    path = chance.choice(
        [*_STRANGE_PATHS, f"/{CANARY}", f"/{noise}{CANARY}", f"{door.path}/{noise}", "/" + "a" * 9_000]
    )
    # The framework's own routes know no path with a line break.
    status = _NOT_FOUND if "%0a" in path.lower() else MALFORMED
    method = "GET" if door.is_page else "POST"
    return http(_good(chance, door), status, path=path, method=method, headers={"content-type": door.media})


def _event_to_a_probe(chance: Random, door: Door) -> Request:
    """Health is asked for; what is sent there would be lost, so it must not be acknowledged."""
    path = chance.choice(_HEALTH)
    return http(_good(chance, door), MALFORMED, path=path, headers={"content-type": door.media})


def _compressed(chance: Random, door: Door) -> Request:
    body, label = _good(chance, door), chance.choice(["gzip", "br", "deflate", "zstd", "gzip, identity", CANARY])
    sent = gzip.compress(body) if label == "gzip" else body
    return http(sent, MEDIA, path=door.path, headers={"content-type": door.media, "content-encoding": label})


def _oversize(chunk: int) -> Kind:
    def make(_: Random, door: Door) -> Request:
        headers: dict[str, str | None] = {"content-type": door.media}
        method = "GET" if door.is_page else "POST"
        body = CANARY.encode() * 60_000
        return http(body, LARGE, path=door.path, method=method, headers=headers, chunk=chunk, alone=True)

    return make


def _incomplete(chance: Random, door: Door) -> Request:
    """The caller promises more than it sends, and closes."""
    body = _good(chance, door)[:-1] or b"{"
    headers: dict[str, str | None] = {"content-type": door.media, "content-length": str(len(body) + 100)}
    sent = http(body, MALFORMED, HUNG_UP, path=door.path, headers=headers, alone=True)
    return Request(raw=sent.raw, expected=sent.expected, alone=True, hangs_up=True)


def _bad_chunks(chance: Random, door: Door) -> Request:
    chunks = chance.choice([b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5\r\n{}\r\n0\r\n\r\n"])
    headers: dict[str, str | None] = {"content-type": door.media, "content-length": None}
    head = http(b"", path=door.path, headers={**headers, "transfer-encoding": "chunked"}).raw
    return Request(raw=head + chunks, expected=(MALFORMED, HUNG_UP), alone=True, hangs_up=True)


def _smuggled(chance: Random, door: Door) -> Request:
    """Two lengths, of which two readers would take different ones; both bodies are bad."""
    headers: dict[str, str | None] = {"content-type": door.media, "content-length": "4"}
    encoding = chance.choice(["chunked", "gzip, chunked", "chunked, identity", "xchunked"])
    head = http(b"", path=door.path, headers={**headers, "transfer-encoding": encoding}).raw
    return Request(raw=head + b"1\r\n{\r\n0\r\n\r\n", expected=(MALFORMED, HUNG_UP), alone=True, hangs_up=True)


def _no_http(chance: Random, _: Door) -> Request:
    raw = chance.choice([*_PROTOCOL, chance.randbytes(chance.randrange(1, 200)) + b"\r\n\r\n"])
    statuses = (MALFORMED, UNAUTHORIZED, _REFUSED_METHOD, HUNG_UP)
    return Request(raw=raw, expected=statuses, alone=True, hangs_up=True)


_ANYWHERE: Final[dict[str, Kind]] = {
    "wrong token": _with(UNAUTHORIZED, authorization=tuple(f"Bearer {CANARY}{n}" for n in range(99))),
    "half a token": _with(
        UNAUTHORIZED, authorization=(f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Bearer {TOKEN * 2}")
    ),
    "other scheme": _with(
        UNAUTHORIZED, authorization=(f"Basic {CANARY}", TOKEN, f"Bearer:{TOKEN}", f"Bearer\t{TOKEN}")
    ),
    "no token": _with(UNAUTHORIZED, authorization=(None, "", "Bearer", "Bearer ")),
    "token of other letters": _with(UNAUTHORIZED, authorization=f"Bearer \u00e9{CANARY}\u00ff"),
    "long token": _with(UNAUTHORIZED, authorization="Bearer " + CANARY * 1_000),
    "second token is right": _with(UNAUTHORIZED, authorization=f"Bearer {CANARY}\r\nAuthorization: Bearer {TOKEN}"),
    "method": _method("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"),
    "path": _path,
    "event to a probe": _event_to_a_probe,
    "oversize in chunks": _oversize(65_536),
    "oversize declared": _oversize(0),
    "length of a giant": _with(LARGE, alone=True, content_length=(str(_LIMIT + 1), str(10**12))),
    "bad length": _with(MALFORMED, HUNG_UP, alone=True, content_length=_LENGTHS),
    "two lengths": _with(MALFORMED, HUNG_UP, alone=True, content_length="3\r\nContent-Length: 4"),
    "incomplete": _incomplete,
    "bad chunks": _bad_chunks,
    "smuggled": _smuggled,
    "no HTTP": _no_http,
    "upgrade": _with(
        *(MALFORMED, UNAUTHORIZED, _FORBIDDEN, HUNG_UP),
        alone=True,
        authorization=None,
        connection="upgrade",
        upgrade=("websocket", "h2c"),
        sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
        sec_websocket_version="13",
    ),
}
_WITH_A_BODY: Final[dict[str, Kind]] = {
    "media type": _with(
        MEDIA,
        content_type=("text/plain", f"text/{CANARY}", "application/xml", "x", "", "multipart/form-data; boundary=x"),
    ),
    "no media type": _with(MEDIA, content_type=None),
    "form": _with(MEDIA, content_type="application/x-www-form-urlencoded"),
    "other format of events": _with(
        MEDIA, content_type=("application/cloudevents", "application/cloudevents+xml", "application/cloudevents-x+json")
    ),
    "other character set": _with(
        MEDIA, content_type=("application/json; charset=utf-16", "application/json;charset=big5")
    ),
    "compressed": _compressed,
    "nothing": lambda _, door: http(b"", MALFORMED, path=door.path, headers={"content-type": door.media}),
}


def exchanges(door: Door) -> dict[str, Kind]:
    """What can be wrong with a request at this door, by name."""
    return _ANYWHERE if door.is_page else {**_ANYWHERE, **_WITH_A_BODY}
