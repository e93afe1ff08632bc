"""AUTH_MODE=oidc: an issuer with real keys, served over HTTP, and everything that is tried against it."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.adapters.http import HttpClient
from shared.adapters.jwks import IssuerKeys
from shared.adapters.oidc import LEEWAY_S, IssuedTokens, usable
from shared.domain.errors import Unauthorized, UpstreamUnavailable
from shared.local.simulators.faults import Fault
from tests.forgeries import ATTACKS, genuine, signed_with
from tests.issuers import (
    AUDIENCE,
    SUBJECT,
    Issuer,
    claims,
    ec_key,
    jwk,
    part,
    private_pem,
    rsa_key,
    self_signed,
    serving,
    token,
)
from tests.senders import PROBLEM, plain, structured, with_headers
from tests.use_cases import EVENT, done, never_called

STYLES = [structured, plain]


@pytest.fixture(scope="module")
def served():
    with serving(Issuer()) as made:
        yield made


@pytest.fixture
def issuer(served):
    served.publish(jwk(rsa_key(), "a"), jwk(ec_key(), "e"))
    return served


@pytest.fixture
def guarded(function, issuer):
    def make(use_case, **changes):
        given = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_subjects": SUBJECT, **changes}
        return function(use_case, auth_mode="oidc", **given)

    return make


def showing(shown, style=structured):
    return with_headers(style(EVENT), authorization=f"Bearer {shown}")


class TestLetIn:
    @pytest.mark.parametrize("shown", [token, lambda c: token(c, ec_key(), "e")], ids=["RS256", "ES256"])
    async def test_a_token_for_us(self, guarded, issuer, shown):
        assert (await guarded(done).post("", **showing(shown(claims(issuer.url))))).status_code == 200

    @pytest.mark.parametrize("audience", [AUDIENCE, ["other", AUDIENCE]])
    async def test_an_audience_alone_or_among_others(self, guarded, issuer, audience):
        assert (await guarded(done).post("", **showing(token(claims(issuer.url, aud=audience))))).status_code == 200

    async def test_clocks_may_be_a_little_apart(self, guarded, issuer):
        now = int(time.time())
        for changed in ({"exp": now - LEEWAY_S / 2}, {"nbf": now + LEEWAY_S / 2, "iat": now + LEEWAY_S / 2}):
            assert (await guarded(done).post("", **showing(token(claims(issuer.url, **changed))))).status_code == 200

    @pytest.mark.parametrize("subjects", [f"ada,{SUBJECT}", "system:serviceaccount:aftercare:*", f"{SUBJECT}*"])
    async def test_a_subject_on_the_list(self, guarded, issuer, subjects):
        http = guarded(done, oidc_subjects=subjects)

        assert (await http.post("", **showing(token(claims(issuer.url))))).status_code == 200

    async def test_keys_at_a_given_address(self, guarded, issuer):
        http = guarded(done, oidc_issuer="https://issuer.invalid", oidc_jwks_url=f"{issuer.url}/keys")

        assert (await http.post("", **showing(token(claims("https://issuer.invalid"))))).status_code == 200

    async def test_an_issuer_whose_authority_is_its_own(self, guarded, tmp_path):
        """As in a cluster; without ``OIDC_CA`` its certificate is not believed, and neither are its keys."""
        authority, certificate = tmp_path / "authority.pem", self_signed()
        authority.write_text(certificate + private_pem(ec_key("authority")))
        with serving(Issuer(authority=authority)) as own:
            own.publish(jwk(rsa_key(), "a"))
            request = showing(token(claims(own.url)))
            trusting = guarded(done, oidc_issuer=own.url, oidc_ca=certificate)
            strict = guarded(never_called(), oidc_issuer=own.url)

            assert (await trusting.post("", **request)).status_code == 200
            assert (await strict.post("", **request)).status_code == 503

    @pytest.mark.parametrize("path", ["/livez", "/readyz", "/_/health", "/_/ready"])
    async def test_health_needs_no_token(self, guarded, issuer, path):
        issuer.faults.add(Fault(status=500, times=None))

        assert (await guarded(never_called()).get(path)).status_code == 200


class TestKeptOut:
    @pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
    async def test_an_attack_is_a_401(self, guarded, issuer, attack, capsys):
        shown = attack(issuer.url)
        answer = await guarded(never_called()).post("", **showing(shown, plain))

        assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
        said = answer.text + "".join(capsys.readouterr())
        assert not [piece for piece in shown.split(".") if len(piece) > 8 and piece in said]

    @pytest.mark.parametrize("shown", [None, "", "Basic YTpi", "Bearer", "Token x"])
    async def test_no_token_is_a_401(self, guarded, shown):
        request = structured(EVENT) if shown is None else with_headers(structured(EVENT), authorization=shown)
        answer = await guarded(never_called()).post("", **request)

        assert (answer.status_code, answer.content, answer.headers["www-authenticate"]) == (401, b"", "Bearer")

    @pytest.mark.parametrize("subject", ["eve", SUBJECT + "2", SUBJECT[:-1], SUBJECT.upper(), f" {SUBJECT}", "*"])
    @pytest.mark.parametrize("style", STYLES)
    async def test_a_known_caller_that_may_not_call_is_a_403(self, guarded, issuer, subject, style, capsys):
        answer = await guarded(never_called()).post("", **showing(token(claims(issuer.url, sub=subject)), style))

        assert answer.status_code == 403
        assert answer.content == b"" or style is plain
        assert SUBJECT not in answer.text + "".join(capsys.readouterr())

    async def test_a_subject_that_is_empty_is_not_on_the_list(self, guarded, issuer):
        answer = await guarded(never_called(), oidc_subjects="ada").post(
            "", **showing(token(claims(issuer.url, sub="")))
        )
        assert answer.status_code == 403

    async def test_a_foreign_algorithm_does_not_make_us_ask_the_issuer(self, guarded, issuer):
        await guarded(never_called()).post("", **showing(ATTACKS["none"](issuer.url)))

        assert list(issuer.asked) == []


class TestTheIssuerIsAway:
    @pytest.mark.parametrize("style", STYLES)
    async def test_without_keys_it_is_a_503_and_nobody_is_let_in(self, guarded, issuer, style):
        issuer.faults.add(Fault(status=500, times=None))
        http = guarded(never_called())
        for shown in (token(claims(issuer.url)), token(claims(issuer.url), rsa_key("stranger"))):
            answer = await http.post("", **showing(shown, style))

            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
            assert answer.content == b"" or style is plain

    async def test_where_nobody_listens_it_is_a_503(self, guarded):
        http = guarded(never_called(), oidc_issuer="http://127.0.0.1:1")

        assert (await http.post("", **showing(token(claims("http://127.0.0.1:1"))))).status_code == 503

    async def test_with_known_keys_it_goes_on(self, guarded, issuer):
        http = guarded(done)
        await http.post("", **showing(token(claims(issuer.url))))
        issuer.faults.add(Fault(status=500, times=None))

        assert (await http.post("", **showing(token(claims(issuer.url))))).status_code == 200
        assert (await http.post("", **showing(token(claims(issuer.url, aud="x"))))).status_code == 401

    async def test_with_keys_that_are_too_old_it_is_a_503(self, guarded, issuer):
        http = guarded(done, oidc_keys_seconds=0.000_001)
        await http.post("", **showing(token(claims(issuer.url))))

        assert (await http.post("", **showing(token(claims(issuer.url))))).status_code == 503

    async def test_a_key_made_a_moment_ago_is_a_503_and_not_lost(self, guarded, issuer):
        http = guarded(done)
        await http.post("", **showing(token(claims(issuer.url))))
        issuer.keys.append(jwk(rsa_key("stranger"), "new"))

        assert (
            await http.post("", **showing(token(claims(issuer.url), rsa_key("stranger"), "new")))
        ).status_code == 503
        assert issuer.asked_for_keys() == 1


@pytest.fixture
async def tokens(issuer):
    """With the issuer's keys known."""
    async with HttpClient() as http:
        made = IssuedTokens(IssuerKeys(http, issuer.url, usable), issuer=issuer.url, audience=AUDIENCE)
        assert await made.subject(token(claims(issuer.url))) == SUBJECT
        yield made


async def is_let_in(tokens, shown):
    try:
        return await tokens.subject(shown)
    except (Unauthorized, UpstreamUnavailable):
        return None


HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["RS256", "ES256", "HS256", "none", 7])},
    optional={"kid": st.sampled_from(["a", "e", "x", 7]), "crit": st.just(["b64"]), "b64": st.booleans()},
)
RAW = st.binary(max_size=300)
JWTS = st.tuples(HEADERS.map(part) | RAW.map(part), RAW.map(part), RAW.map(part)).map(".".join)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers())
CLAIMS = st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]), VALUES, min_size=1)

law = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class TestLaws:
    @law
    @given(shown=RAW.map(lambda raw: raw.decode("latin-1")) | JWTS)
    async def test_no_random_bytes_are_let_in(self, tokens, shown):
        assert await is_let_in(tokens, shown) is None

    @law
    @given(place=st.integers(0, 10_000), character=st.characters(max_codepoint=255))
    async def test_no_changed_character_is_let_in(self, tokens, issuer, place, character):
        whole = token(claims(issuer.url), ec_key(), "e")
        place %= len(whole)
        assume(whole[place] != character)

        assert await is_let_in(tokens, whole[:place] + character + whole[place + 1 :]) is None

    @law
    @given(changed=CLAIMS)
    async def test_not_even_the_issuer_can_break_the_reader(self, tokens, issuer, changed):
        """With signatures that are right, whatever the claims: let in as who they say, or refused."""
        whole = signed_with(genuine, {**claims(issuer.url), **changed}, alg="ES256", kid="e")
        subject = await is_let_in(tokens, whole)

        assert subject in (None, changed.get("sub", SUBJECT))
        assert subject is None or not {"iss", "aud"} & set(changed)
