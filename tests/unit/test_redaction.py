from __future__ import annotations

import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.redaction import redact, redact_text
from shared.testing.secret_samples import NAMES, PLAIN_SECRETS, named, placed, tokens
from tests.redaction.benign import lines
from tests.redaction.measuring import MASK, survivors


@pytest.mark.parametrize("samples", [tokens, named, placed])
def test_secrets_do_not_survive_in_free_text(samples):
    rng, kept, total, kinds = random.Random(1), [], 0, set()
    for _ in range(10 if samples is not named else 1):
        for sample in samples(rng):
            output = redact_text(sample.text)
            total += 1
            kinds.add(sample.kind)
            if survivors(sample.secret, output):
                kept.append((sample, output))
            assert redact_text(output) == output
    assert len(kinds) >= 25
    assert total / len(kinds) >= 10
    assert len(kept) / total <= 0.05, kept[:20]


def test_secrets_do_not_survive_in_structures():
    rng, kept, total = random.Random(2), [], 0
    for name in NAMES:
        for make in PLAIN_SECRETS.values():
            for build in (
                lambda name, secret: {name: secret},
                lambda name, secret: {"a": [{"b": {name: secret}}]},
                lambda name, secret: {name: [secret, secret]},
                lambda name, secret: {name: {"current": secret, "previous": [secret]}},
                lambda name, secret: {"env": [{"name": name, "value": secret}, {"name": "PORT", "value": "8080"}]},
                lambda name, secret: {"parameters": [{"value": secret, "key": name}]},
                lambda name, secret: {"headers": [[name, secret]]},
                lambda name, secret: {"env": [f"{name}={secret}", "PORT=8080"]},
                lambda name, secret: {"log": json.dumps({"user": "bob", name: secret})},
                lambda name, secret: {"log": json.dumps(json.dumps({name: secret}))},
                lambda name, secret: {"args": ["run", f"--{name}={secret}"]},
            ):
                secret = make(rng)
                redacted = redact(build(name, secret))
                total += 1
                if survivors(secret, json.dumps(redacted)):
                    kept.append(redacted)
                assert redact(redacted) == redacted
    assert len(kept) / total <= 0.01, kept[:20]


def test_tokens_do_not_survive_in_structures():
    rng = random.Random(3)
    for sample in tokens(rng):
        for value in ({"note": sample.text}, {"a": [{"b": sample.text}]}, [sample.text]):
            output = json.dumps(redact(value)).replace("\\n", "\n")
            assert not survivors(sample.secret, output), sample


def test_what_operations_say_passes_unchanged_as_one_text():
    text = "\n".join(lines(4, 400))
    assert redact_text(text) == text


KUBERNETES_SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db", "annotations": {}},
    "type": "Opaque",
    "data": {"config.yaml": "aHVudGVyMjpodW50ZXIy", "user": "Ym9i"},
    "stringData": {"note": "hunter2"},
}


def test_a_kubernetes_secret_keeps_its_names_and_loses_its_values():
    applied = json.dumps(KUBERNETES_SECRET)
    secret = {
        **KUBERNETES_SECRET,
        "metadata": {"name": "db", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
    }
    redacted = redact({"items": [secret]})["items"][0]
    assert redacted["data"] == {"config.yaml": "[redacted:secret]", "user": "[redacted:secret]"}
    assert redacted["stringData"] == {"note": "[redacted:secret]"}
    assert redacted["metadata"]["name"] == "db"
    assert "aHVudGVy" not in json.dumps(redacted)
    assert "hunter2" not in json.dumps(redacted)
    assert '\\"config.yaml\\": \\"[redacted:secret]\\"' in json.dumps(redacted)


BENIGN_STRUCTURES = [
    {"volumes": [{"name": "v", "secret": {"secretName": "api-tls", "items": [{"key": "a", "path": "b"}]}}]},
    {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]},
    {"env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "PASSWORD_FILE", "value": "/run/secrets/x"}]},
    {"spec": {"automountServiceAccountToken": False, "imagePullSecrets": [{"name": "regcred"}]}},
    {"tls": [{"secretName": "api-tls", "hosts": ["api.example.com"]}]},
    {"projected": {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 3600}}},
    {"usage": {"prompt_tokens": 400, "completion_tokens": 112, "max_tokens": 4096, "tokens": 512}},
    {"token_type": "Bearer", "token": None, "secret": "", "password": False},
    {"password": "${DB_PASSWORD}", "token": "{{ .Values.token }}", "api_key": "<set in production>"},
    {"authorization": {"type": "Bearer", "credentials_file": "/etc/token"}},
    {"kind": "ConfigMap", "data": {"LOG_LEVEL": "info", "key": "value"}},
    {"kind": "Pod", "metadata": {"uid": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "labels": {"app": "token-issuer"}}},
    {"labels": {"secret": "[redacted:secret]"}, "tags": ["token", "rotation"]},
    {"query": "rate(http_requests_total{path='/api/v1/token'}[5m])", "value": 0.25, "firing": True},
    [["content-type", "application/json"], ["password", "required"]],
]


@pytest.mark.parametrize("value", BENIGN_STRUCTURES)
def test_structures_without_secrets_stay_equal(value):
    assert redact(value) == value


@pytest.mark.parametrize(
    ("value", "redacted"),
    [
        ({"password": 123456, "pin": 1}, {"password": "[redacted:password]", "pin": 1}),
        ({"Set-Cookie": "sid=1"}, {"Set-Cookie": "[redacted:cookie]"}),
        ({"headers": {"Authorization": "Bearer x"}}, {"headers": {"Authorization": "[redacted:authorization]"}}),
        (
            {"credentials": {"username": "bob", "password": "x", "left": "x", "right": ["y"]}},
            {
                "credentials": {
                    "username": "bob",
                    "password": "[redacted:password]",
                    "left": "[redacted:secret]",
                    "right": ["[redacted:secret]"],
                }
            },
        ),
        ({"auths": {"r": {"auth": "dXNlcjpwYXNz"}}}, {"auths": {"r": {"auth": "[redacted:basic-credentials]"}}}),
        ({"tls.key": "LS0t", "tls.crt": "LS0t"}, {"tls.key": "[redacted:key]", "tls.crt": "LS0t"}),
        (
            {"connection_string": "postgres://u:hunter2@db/app"},
            {"connection_string": "postgres://u:[redacted:url-password]@db/app"},
        ),
        ({"ConnectionString": "opaque"}, {"ConnectionString": "[redacted:secret]"}),
        (
            {"token": "ghp_0123456789abcdefghijABCDEFGHIJ012345"},
            {"token": "[redacted:github-token..2345]"},
        ),
        ({"密碼": "hunter2"}, {"密碼": "[redacted:password]"}),
    ],
)
def test_how_masks_look(value, redacted):
    assert redact(value) == redacted


def test_short_secrets_leave_nothing_and_long_ones_at_most_four_characters():
    for length in range(1, 60):
        for text in (f"password={'q7' * length}"[: 9 + length], "ghp_" + "Zx7" * length):
            output = MASK.sub("", redact_text(text))
            if len(text) >= 40 or text.startswith("password"):
                assert output in {"password=", ""}


FRAGMENTS = [
    *("password", "secret", "token", "api_key", "pwd", "credentials", "key", "=", ":", ": ", " ", "\n", '"', "'", "\\"),
    *('\\"', ",", ";", "&", "}", "]", "[", "{", "--", "-", "Bearer ", "Basic ", "Authorization: ", "Cookie: ", "a=b"),
    *("://", "@", "u:p", "hunter2", "x1", "eyJhbGciOiJIUzI1", ".", "ghp_" + "a1" * 18, "AKIA" + "A1" * 8, "dXNlcjpw"),
    *(
        "[redacted:",
        "[redacted:token]",
        "[redacted:jwt..ab12]",
        "..",
        "kind: Secret\n",
        "data:\n",
        "  a: b\n",
        '"data":{',
    ),
    *("null", "<x>", "curl -u ", "mysql -p", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "sig=", "/"),
    *(
        "123456789:AA" + "b" * 33,
        "http",
        "\u0130",
        "密碼\uff1a",
        "$X",
        "${X}",
        "@tcp(",
        "create secret --from-literal=a=",
    ),
    *(
        "password is ",
        "token ",
        " for db is ",
        "是",
        "<password>",
        "</password>",
        "name: token\n  value: ",
        "Xy7Zq9Kw2",
    ),
]
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=12).map("".join)
fields = st.sampled_from([*NAMES, "name", "value", "kind", "data", "auth"]) | texts
documents = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=10,
)


@given(texts)
def test_redacting_text_twice_is_redacting_it_once(text):
    once = redact_text(text)
    assert redact_text(once) == once


@given(documents)
def test_redacting_twice_is_redacting_once(document):
    once = redact(document)
    assert redact(once) == once


@given(documents)
def test_the_shape_of_a_document_stays(document):
    def shape(value):
        if isinstance(value, dict):
            return {name: shape(item) for name, item in value.items()}
        return [shape(item) for item in value] if isinstance(value, list) else None

    assert shape(redact(document)) == shape(document)


@given(texts)
def test_text_grows_by_no_more_than_its_masks(text):
    output = redact_text(text)
    assert len(MASK.sub("", output)) <= len(text)
    assert len(output) <= 30 * len(text)


HOSTILE = [
    *(
        "password=",
        "password: ",
        "token:token:",
        "secret=a/b ",
        'password="',
        "password='\\",
        '\\"password\\":\\"',
        "key=",
    ),
    *("api_key", "--a-", "--token ", "---", "Bearer ", "Bearer a1", "Basic ", "basic dXNlcjpw", "Authorization: "),
    *("authorization:bearer ", "authorization:oauth", "cookie:", "cookie: a=", "://", "://a:", "://:a", "://a:b@"),
    *("a@tcp(", "a:b", "curl ", "curl -u ", "mysql -", "redis-cli ", "sshpass -p ", "-----BEGIN PRIVATE KEY-----"),
    *("-----BEGIN A ", "eyJ", "eyJhbGciOi", "eyJ.eyJhbGciOiJ", "AKIA", "AKIAAAAAAAAAAAAAAAAA", "ghp_", "gl", "glpat-"),
    *("xox", "sk-", "SG.", "hvs.", "12345678:", "sig=", "hooks.slack.com/services/", "kind: Secret\ndata:\n a: b\n"),
    *("data:\n ", '"data":{', '"kind":"Secret","data":{"a":"', "[redacted:", "[redacted:token]", "\\", '"', " ", "\n"),
    *("a", "{", "<", "password: a\n", "password: word ", "pass", "secret_", "access_key", "key_data", "密碼\uff1a"),
    *(
        "password for ",
        "password is ",
        "token is now ",
        "密碼是",
        "password a1",
        "<password>a</",
        "name: token\n value: ",
    ),
    *("create secret --from-literal=", "\u0130password=", "a.", "a-", "a_", "1", "/", "./", "$(", "token: <"),
]


def seconds(text):
    """Time of this thread alone: what else the machine does must not count."""
    began = time.thread_time()
    redact_text(text)
    return time.thread_time() - began


def growth(unit):
    start = 'password=x kind: Secret\n"data": @tcp( hook '  # so that every rule is tried
    small, large = (seconds(start + unit * (size // len(unit))) for size in (4_000, 32_000))
    return large / small


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_text_and_not_with_its_square(unit):
    # 8 times the text; its square would take 64 times as long, every time.
    assert any(growth(unit) < 32 for _ in range(5))
