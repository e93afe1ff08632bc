"""What each AUTH_MODE needs; a process that lacks it does not start, and says so in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared.domain.errors import ConfigurationError
from shared.runtime.auth import gate
from shared.runtime.settings import ServingSettings

KEY = "hunter2-CANARY-" + "k" * 32
OIDC = {
    "AUTH_MODE": "oidc",
    "OIDC_ISSUER": "https://issuer.example",
    "OIDC_AUDIENCE": "km-write",
    "OIDC_SUBJECTS": "system:serviceaccount:aftercare:*, ada",
}


def refused(**given):
    with pytest.raises(ConfigurationError) as error:
        gate(ServingSettings.load({name: value for name, value in given.items() if value is not None}))
    said = str(error.value)
    assert "CANARY" not in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize("mode", [None, "", "none", "HMAC", "jwt"])
def test_the_ways_to_authenticate_are_named(mode):
    said = refused(AUTH_MODE=mode)

    assert all(name in said for name in ("AUTH_MODE", "bearer", "hmac", "oidc", "network"))


@pytest.mark.parametrize("key", [None, "", " , ", "hunter2-CANARY", f"{KEY},hunter2-CANARY"])
def test_hmac_needs_keys_that_cannot_be_guessed(key):
    assert "HMAC_KEY" in refused(AUTH_MODE="hmac", HMAC_KEY=key)


def test_hmac_keys_may_come_from_a_file(tmp_path):
    secret = tmp_path / "key"
    secret.write_text(f"{KEY}, {KEY}2\n")
    loaded = ServingSettings.load({"AUTH_MODE": "hmac", "HMAC_KEY_FILE": str(secret)})

    assert loaded.hmac_keys == (KEY, f"{KEY}2")
    assert "CANARY" not in repr(loaded)


@pytest.mark.parametrize("window", ["0", "-1", "nan", "inf", "soon"])
def test_the_window_is_a_duration(window):
    assert "HMAC_WINDOW_SECONDS" in refused(AUTH_MODE="hmac", HMAC_KEY=KEY, HMAC_WINDOW_SECONDS=window)


@pytest.mark.parametrize("missing", ["OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_SUBJECTS"])
def test_oidc_needs_an_issuer_an_audience_and_who_may_call(missing):
    assert missing in refused(**{**OIDC, missing: None})


def test_all_that_oidc_lacks_is_named_at_once():
    said = refused(AUTH_MODE="oidc", OIDC_SUBJECTS=" , ")

    assert all(name in said for name in ("OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_SUBJECTS"))


def test_everybody_is_no_list_of_who_may_call():
    assert "OIDC_SUBJECTS" in refused(**{**OIDC, "OIDC_SUBJECTS": "ada,*"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("OIDC_ISSUER", "issuer"), ("OIDC_JWKS_URL", "file:///keys"), ("OIDC_KEYS_SECONDS", "0"), ("OIDC_CA", "CANARY")],
)
def test_an_oidc_setting_that_is_wrong_is_named(name, value):
    assert name in refused(**{**OIDC, name: value})


def test_subjects_are_separated_by_commas():
    assert ServingSettings.load(OIDC).subjects == ("system:serviceaccount:aftercare:*", "ada")


@pytest.mark.parametrize("absent", ["jwt", "cryptography"])
def test_oidc_without_its_library_says_what_to_install(absent):
    source = (
        f"import sys; sys.modules[{absent!r}] = None\n"
        "from shared.runtime.auth import gate\n"
        "from shared.runtime.settings import ServingSettings\n"
        f"gate(ServingSettings.load({OIDC!r}))"
    )
    argv = [sys.executable, "-c", source]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("shared.domain.errors.ConfigurationError: AUTH_MODE is oidc")
    assert "aftercare[oidc]" in said


@pytest.mark.parametrize("mode", [{"AUTH_MODE": "hmac", "HMAC_KEY": KEY}, {"AUTH_MODE": "network"}])
def test_other_modes_do_not_load_the_library(mode):
    source = (
        "import sys\n"
        "from shared.runtime.auth import gate\n"
        "from shared.runtime.settings import ServingSettings\n"
        f"gate(ServingSettings.load({mode!r}))\n"
        "assert not {'jwt', 'cryptography'} & set(sys.modules)"
    )
    argv = [sys.executable, "-c", source]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
