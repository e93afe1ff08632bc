"""AUTH_MODE=hmac, as callers see it."""

from __future__ import annotations

import hashlib
import hmac
import time

import pytest

from tests.senders import PROBLEM, STRUCTURED, batch, binary, plain, structured, tick, with_headers
from tests.use_cases import EVENT, done, never_called

CHALLENGE = 'HMAC-SHA256 header="X-Aftercare-Signature"'
KEY, OLD = "hunter2-CANARY-" + "k" * 32, "o" * 32


def signed(request, key=KEY, *, off_s=0):
    at, body = int(time.time()) + off_s, request.get("content", b"")
    text = b"%d." % at + (body.encode() if isinstance(body, str) else body)
    shown = f"t={at},v1={hmac.new(key.encode(), text, hashlib.sha256).hexdigest()}"
    return with_headers(request, X_Aftercare_Signature=shown)


@pytest.fixture
def guarded(function):
    def make(use_case):
        return function(use_case, auth_mode="hmac", hmac_key=f"{KEY},{OLD}")

    return make


@pytest.mark.parametrize("style", [structured, batch])
@pytest.mark.parametrize("key", [KEY, OLD])
async def test_a_signed_event_is_let_in(guarded, style, key):
    assert (await guarded(done).post("", **signed(style(EVENT), key))).status_code == 200


@pytest.mark.parametrize(
    "request_",
    [
        structured(EVENT),
        plain(EVENT),
        tick(),
        with_headers(structured(EVENT), authorization=f"Bearer {KEY}"),
        signed(structured(EVENT), "f" * 32),
        signed(structured(EVENT), off_s=-301),
        signed(structured(EVENT), off_s=30_000),
        {**signed(structured(EVENT)), "content": structured(EVENT)["content"] + " "},
        signed(binary(EVENT)),
        signed(plain(EVENT)),
        signed(tick()),
    ],
    ids=range(11),
)
async def test_anything_else_is_a_401(guarded, request_, capsys):
    answer = await guarded(never_called()).post("", **request_)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, CHALLENGE)
    assert "CANARY" not in answer.text + "".join(capsys.readouterr())


async def test_a_broker_gets_nothing_to_read_and_a_person_a_problem(guarded):
    http = guarded(never_called())
    event, person = await http.post("", **structured(EVENT)), await http.post("", **plain(EVENT))

    assert event.content == b""
    assert (person.headers["content-type"], person.json()["status"]) == (PROBLEM, 401)
    assert "X-Aftercare-Signature" in person.json()["detail"]


async def test_the_signature_comes_before_the_parser(guarded):
    broken = {"content": b"{", "headers": {"content-type": STRUCTURED}}

    assert (await guarded(never_called()).post("", **broken)).status_code == 401
    assert (await guarded(never_called()).post("", **signed(broken))).status_code == 400


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/_/health", "/_/ready"])
async def test_health_needs_no_signature(guarded, path):
    assert (await guarded(never_called()).get(path)).status_code == 200
