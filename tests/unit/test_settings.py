from __future__ import annotations

import pytest

from functions.alert_bridge.settings import Settings as AlertBridge
from functions.backfill_reconcile.settings import Settings as BackfillReconcile
from functions.km_write.settings import Settings as KmWrite
from shared.domain.errors import ConfigurationError
from shared.local.reference import meanings
from shared.runtime.settings import AuthMode, Durability, ServingSettings

CANARY = "hunter2-CANARY"
GIVEN = {"AUTH_MODE": "network", "DATABASE_URL": f"postgresql://u:{CANARY}@h/d", "REDIS_URL": f"redis://:{CANARY}@h"}


def refused(kind=KmWrite, **changes):
    given = {name: value for name, value in {**GIVEN, **changes}.items() if value is not None}
    with pytest.raises(ConfigurationError) as error:
        kind.load(given)
    said = str(error.value)
    assert CANARY not in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize("kind", [AlertBridge, BackfillReconcile, KmWrite])
def test_the_defaults_are_enough_beside_addresses_and_authentication(kind):
    settings = kind.load(GIVEN)

    assert (settings.auth_mode, settings.concurrency, settings.sink) == (AuthMode.NETWORK, 64, None)
    assert CANARY not in repr(settings)


@pytest.mark.parametrize("kind", [AlertBridge, BackfillReconcile, KmWrite])
def test_every_setting_is_explained(kind):
    assert [name for name in kind.model_fields if not meanings(kind).get(name)] == []


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://u:p%40@[::1]:6379/0", "rediss://:p@h:1?db=1", "unix:///run/r.sock"]
)
def test_redis_may_be_anywhere(url):
    assert KmWrite.load({**GIVEN, "REDIS_URL": url}).redis_url.get_secret_value() == url


@pytest.mark.parametrize("url", ["http://h", "redis:h", "redis://h:port", "redis://:a/b@h", ""])
def test_a_bad_address_of_redis_is_refused_at_the_start_and_not_repeated(url):
    with pytest.raises(ConfigurationError, match=r"^REDIS_URL: .* must begin with redis://") as refused:
        KmWrite.load({**GIVEN, "REDIS_URL": url})

    assert not url or url not in str(refused.value)


@pytest.mark.parametrize("missing", ["AUTH_MODE", "DATABASE_URL", "REDIS_URL"])
def test_what_is_missing_is_named(missing):
    assert missing in refused(**{missing: None})


def test_all_that_is_wrong_is_named_at_once():
    said = refused(KM_RETRY_MAX="many", KM_WRITE_TIMEOUT_SECONDS="0", KM_WRITE_AWAIT="perhaps", CONCURRENCY="0")

    names = ("KM_RETRY_MAX", "KM_WRITE_TIMEOUT_SECONDS", "KM_WRITE_AWAIT", "CONCURRENCY")
    assert all(name in said for name in names)


@pytest.mark.parametrize("mode", ["", "none", "hmac", "BEARER"])
def test_an_unknown_way_to_authenticate_is_refused(mode):
    assert "AUTH_MODE" in refused(AUTH_MODE=mode)


@pytest.mark.parametrize("token", [None, "", " , "])
def test_bearer_without_a_token_is_refused(token):
    assert "AUTH_TOKEN" in refused(AUTH_MODE="bearer", AUTH_TOKEN=token)


@pytest.mark.parametrize(
    ("token", "tokens"), [("a", ("a",)), ("a,b", ("a", "b")), (" a , b ,", ("a", "b")), ("a b", ("a b",))]
)
def test_tokens(token, tokens):
    assert ServingSettings.load({"AUTH_MODE": "bearer", "AUTH_TOKEN": token}).tokens == tokens


@pytest.mark.parametrize(
    ("word", "on"),
    [("true", True), ("TRUE", True), ("1", True), ("on", True), ("no", False), ("0", False), ("", False)],
)
def test_switches(word, on):
    assert KmWrite.load({**GIVEN, "KM_WRITE_AWAIT": word}).km_write_await is on


def test_the_sink_is_ours_before_knatives():
    knative = {"AUTH_MODE": "network", "K_SINK": "http://knative"}

    assert ServingSettings.load(knative).sink == "http://knative"
    assert ServingSettings.load({**knative, "EVENT_SINK": "http://ours"}).sink == "http://ours"


def test_a_secret_may_come_from_a_file(tmp_path):
    secret = tmp_path / "token"
    secret.write_text(f"{CANARY}\n")
    settings = ServingSettings.load({"AUTH_MODE": "bearer", "AUTH_TOKEN_FILE": str(secret), "AUTH_TOKEN": "old"})

    assert settings.tokens == (CANARY,)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, content):
    secret = tmp_path / "token"
    if content is not None:
        secret.write_bytes(content)

    assert "AUTH_TOKEN_FILE" in refused(AUTH_MODE="bearer", AUTH_TOKEN_FILE=str(secret))


def test_values_are_read_as_what_they_are():
    settings = KmWrite.load({**GIVEN, "KM_RETRY_BASE_SECONDS": "1.0", "DLQ_DURABILITY": "asserted", "UNKNOWN": "x"})

    assert (settings.km_retry_base_seconds, settings.dlq_durability) == (1.0, Durability.ASSERTED)


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        KmWrite.load(GIVEN).km_retry_max = 9
