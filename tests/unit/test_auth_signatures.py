"""AUTH_MODE=hmac: a body is let in when it was signed with an active key a short while ago, and never otherwise."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.errors import Unauthorized
from shared.runtime.auth import SIGNATURE_HEADER, HmacGate

OLD, NEW, FOREIGN = "o" * 32, "n" * 32, "f" * 32
BODY = b'{"specversion": "1.0", "id": "1"}'
NOW = 1_800_000_000
WINDOW = 300


def signature(body=BODY, key=NEW, at=NOW):
    return f"t={at},v1={hmac.new(key.encode(), b'%d.' % at + body, hashlib.sha256).hexdigest()}"


async def admit(shown, body=BODY, **headers):
    gate = HmacGate((NEW, OLD), window_s=WINDOW, clock=lambda: NOW)
    given = {} if shown is None else {SIGNATURE_HEADER: shown}
    await gate({**given, **{name.replace("_", "-"): value for name, value in headers.items()}}, body)


async def test_the_scheme_is_the_known_one():
    """Fixed figures, made with ``openssl dgst -sha256 -hmac``: senders are written in every language."""
    expected = "5a22db3ce44434d7bf0e6177ca08a0bb393e29845f80d7af2f19f42df4e02f42"
    assert signature(b"{}", NEW, NOW) == f"t=1800000000,v1={expected}"


@pytest.mark.parametrize("key", [OLD, NEW])
async def test_both_active_keys_are_accepted(key):
    await admit(signature(key=key))


@pytest.mark.parametrize("off_s", [-WINDOW, -1, 0, 1, WINDOW])
async def test_within_the_window_a_signature_is_accepted(off_s):
    await admit(signature(at=NOW + off_s))


@pytest.mark.parametrize("off_s", [-WINDOW - 1, WINDOW + 1, -NOW])
async def test_outside_the_window_it_is_not(off_s):
    with pytest.raises(Unauthorized, match="too old or ahead of time"):
        await admit(signature(at=NOW + off_s))


async def test_a_repeated_request_is_let_in_again():
    """A sender that got no answer repeats it; that its event takes effect once is the inbox's promise."""
    for _ in range(2):
        await admit(signature())


async def test_what_is_said_of_a_wrong_signature_does_not_depend_on_its_age():
    for at in (NOW, NOW - 10 * WINDOW):
        with pytest.raises(Unauthorized, match="not of this body and time"):
            await admit(signature(key=FOREIGN, at=at))


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        signature(key=FOREIGN),
        signature(key=""),
        signature(BODY + b" "),
        signature(b""),
        signature().upper(),
        signature() + " ",
        signature() + "\n",
        signature() + ",v1=" + "0" * 64,
        signature()[:-1],
        signature().replace("t=18", "t=٢8"),
        signature().replace(f"t={NOW}", f"t={NOW + 1}"),
        signature().replace(f"t={NOW}", f"t=0{NOW}"),
        signature().replace(f"t={NOW}", f"t=-{NOW}"),
        signature().replace(f"t={NOW}", "t=" + "9" * 5000),
        signature().partition(",")[2],
        signature().partition(",")[0],
        signature().partition("v1=")[2],
        f"t={NOW},v1=",
        f"t={NOW},v0=" + "0" * 64,
    ],
)
async def test_a_wrong_signature_is_refused(shown):
    with pytest.raises(Unauthorized):
        await admit(shown)


@pytest.mark.parametrize(
    "headers", [{"idempotency_key": "1"}, {"ce_id": "1"}, {"ce_id": "1", "content_type": "application/json"}]
)
async def test_an_identity_beside_the_signed_body_is_refused(headers):
    """Otherwise whoever listens could send the same body under another id, and it would take effect again."""
    with pytest.raises(Unauthorized, match="only the body is signed"):
        await admit(signature(), **headers)


async def test_a_signature_of_nothing_is_refused():
    with pytest.raises(Unauthorized, match="only the body is signed"):
        await admit(signature(b""), b"")


@given(st.text(max_size=120) | st.from_regex(r"t=[0-9]{1,12},v1=[0-9a-f]{64}", fullmatch=True), st.binary(max_size=64))
@example("t=0,v1=" + "0" * 64, b"x")
async def test_no_random_bytes_are_let_in(shown, body):
    with pytest.raises(Unauthorized):
        await admit(shown, body)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
async def test_no_changed_byte_is_let_in(place, change):
    changed = bytearray(BODY)
    changed[place] ^= change
    with pytest.raises(Unauthorized):
        await admit(signature(), bytes(changed))
