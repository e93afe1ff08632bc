"""An issuer's keys: kept, renewed, asked for again, and never made up."""

from __future__ import annotations

import asyncio

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from shared.adapters.http import HttpClient
from shared.adapters.jwks import IssuerKeys
from shared.adapters.oidc import usable
from shared.domain.errors import UpstreamUnavailable
from shared.local.simulators.faults import Fault
from tests.issuers import DISCOVERY, Issuer, ec_key, jwk, rsa_key, serving

LIFE, PAUSE = 900.0, 5.0


class Hand:
    """A clock that is moved by hand, and never stands quite still."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        self.now_s += 1e-6
        return self.now_s


@pytest.fixture(scope="module")
def served():
    with serving(Issuer()) as made:
        yield made


@pytest.fixture
def issuer(served):
    served.publish(jwk(rsa_key(), "a"))
    return served


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
async def keys(issuer, clock):
    async with HttpClient() as http:
        yield IssuerKeys(http, issuer.url, usable, life_s=LIFE, pause_s=PAUSE, clock=clock)


async def unavailable(keys, kid="a"):
    with pytest.raises(UpstreamUnavailable):
        await keys.find(kid)


async def test_keys_are_found_by_discovery_and_kept(keys, issuer, clock):
    for _ in range(3):
        assert (await keys.find("a")).algorithm_name == "RS256"
        clock.now_s += LIFE / 8

    assert [each.path for each in issuer.asked] == [DISCOVERY, "/keys"]


async def test_an_address_of_the_keys_needs_no_discovery(issuer):
    async with HttpClient() as http:
        keys = IssuerKeys(http, "https://issuer.invalid", usable, url=f"{issuer.url}/keys")
        assert await keys.find("a") is not None

    assert [each.path for each in issuer.asked] == ["/keys"]


async def test_many_at_once_ask_once(keys, issuer):
    found = await asyncio.gather(*(keys.find("a") for _ in range(20)))

    assert all(found)
    assert issuer.asked_for_keys() == 1


async def test_many_at_once_wait_for_keys_that_are_too_old(keys, issuer, clock):
    await keys.find("a")
    clock.now_s += LIFE + 1
    found = await asyncio.gather(*(keys.find("a") for _ in range(20)))

    assert all(found)
    assert issuer.asked_for_keys() == 2


async def test_a_key_that_is_unknown_is_asked_for_once_in_a_while(keys, issuer, clock):
    assert await keys.find("b") is None
    for number in range(50):
        await unavailable(keys, f"invented {number}")
    assert await keys.find("a") is not None
    assert issuer.asked_for_keys() == 1

    clock.now_s += PAUSE
    assert await keys.find("b") is None
    assert issuer.asked_for_keys() == 2


async def test_a_new_key_is_known_as_soon_as_the_issuer_may_be_asked(keys, issuer, clock):
    await keys.find("a")
    issuer.keys = [jwk(ec_key(), "b")]
    await unavailable(keys, "b")  # a 503 is repeated; a 401 would have lost the event

    clock.now_s += PAUSE
    assert (await keys.find("b")).algorithm_name == "ES256"
    clock.now_s += PAUSE
    assert await keys.find("a") is None


async def test_a_key_that_was_taken_back_is_not_believed_for_long(keys, issuer, clock):
    await keys.find("a")
    issuer.keys = [jwk(ec_key(), "b")]

    clock.now_s += LIFE / 2 + 1
    assert await keys.find("a") is None


async def test_a_short_outage_goes_unnoticed_and_a_long_one_lets_nobody_in(keys, issuer, clock):
    await keys.find("a")
    issuer.faults.add(Fault(status=500, times=None))

    for moment in (LIFE / 2 + 1, LIFE - 1):
        clock.now_s = moment
        assert await keys.find("a") is not None
    clock.now_s = LIFE + PAUSE
    await unavailable(keys)

    issuer.faults.clear()
    clock.now_s += PAUSE
    assert await keys.find("a") is not None


async def test_an_issuer_that_is_away_is_not_asked_by_every_request(keys, issuer, clock):
    issuer.faults.add(Fault(status=503, times=None))
    for _ in range(20):
        await unavailable(keys)
    assert len(issuer.asked) == 1

    issuer.faults.clear()
    clock.now_s += PAUSE
    assert await keys.find("a") is not None


async def test_an_issuer_that_never_answers_is_given_up(keys, issuer):
    issuer.faults.add(Fault(path="/keys"))
    async with asyncio.timeout(10):
        await unavailable(keys)


@pytest.mark.parametrize("path", [DISCOVERY, "/keys"])
@pytest.mark.parametrize(
    "fault", [{"status": 401}, {"status": 404}, {"status": 302, "headers": {"location": "/keys"}}, {"status": 204}]
)
async def test_any_other_answer_is_no_key(keys, issuer, path, fault):
    issuer.faults.add(Fault(path=path, **fault))

    await unavailable(keys)


@pytest.mark.parametrize(
    "text", ["", "<html>", "[]", "{}", '{"keys": {}}', '{"keys": ["a"]}', '{"keys": []}', "[" * 999]
)
async def test_what_is_no_key_set_is_no_key(keys, issuer, text):
    issuer.text = text

    await unavailable(keys)


async def test_an_answer_without_keys_does_not_make_known_ones_forgotten(keys, issuer, clock):
    await keys.find("a")
    issuer.keys = []
    clock.now_s += LIFE / 2 + 1

    assert await keys.find("a") is not None


async def test_one_issuer_does_not_speak_for_another(keys, issuer):
    issuer.named = "https://elsewhere.example"

    with pytest.raises(UpstreamUnavailable, match="OIDC_ISSUER"):
        await keys.find("a")
    assert issuer.asked_for_keys() == 0


async def test_keys_of_no_use_are_passed_over(keys, issuer):
    issuer.keys = [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}, {}, jwk(rsa_key(), 7), jwk(ec_key(), "b")]

    assert await keys.find("b") is not None


@pytest.mark.parametrize(
    ("given", "algorithm"),
    [
        (jwk(rsa_key()), "RS256"),
        (jwk(rsa_key(), alg="RS256"), "RS256"),
        (jwk(ec_key()), "ES256"),
        (jwk(ec_key(), alg="ES256"), "ES256"),
    ],
)
def test_a_key_is_bound_to_its_algorithm(given, algorithm):
    assert usable(given).algorithm_name == algorithm


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {"kty": ["RSA"]},
        {"kty": "RSA"},
        {"kty": "RSA", "n": 7, "e": "AQAB"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
        jwk(rsa_key("weak", 1024)),
        jwk(rsa_key(), use="enc"),
        *(jwk(rsa_key(), alg=other) for other in ("HS256", "none", "RS384", "PS256", "ES256", None, ["RS256"])),
        jwk(ec_key(), alg="RS256"),
        jwk(ec_key("large", ec.SECP384R1)),
        jwk(ec_key("large", ec.SECP384R1)) | {"crv": "P-256"},
        RSAAlgorithm.to_jwk(rsa_key(), as_dict=True) | {"kid": "private"},
    ],
    ids=range(20),
)
def test_what_is_no_public_key_for_signatures_is_not_used(given):
    assert usable(given) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(["n", "e", "x", "y", "d", "use", "alg", "kid", "key_ops", "oth", "p"])


@given(st.sampled_from([jwk(rsa_key()), jwk(ec_key())]), st.dictionaries(members, json_values, min_size=1, max_size=3))
def test_no_jwk_breaks_the_reader(whole, changed):
    key = usable({**whole, **changed})

    assert key is None or isinstance(key, jwt.PyJWK)
