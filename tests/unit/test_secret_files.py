"""Files that settings come from: who may change them, and whether somebody did."""

from __future__ import annotations

import os

import pytest

from shared.domain.errors import ConfigurationError
from shared.runtime.secret_files import SecretFiles
from shared.runtime.settings import ServingSettings


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text("old\n")
    path.chmod(0o600)
    return path


def files(path, **more):
    return SecretFiles({"AUTH_TOKEN_FILE": str(path), "AUTH_TOKEN": "x", "FUNCTION_SOURCE": "a/main.py", **more})


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o644, 0o444])
def test_a_file_that_only_its_owner_may_write_is_taken(token, mode):
    token.chmod(mode)
    files(token).check()


@pytest.mark.parametrize("mode", [0o602, 0o622, 0o646, 0o666, 0o777])
def test_a_file_that_everybody_may_write_is_refused_by_name(token, mode):
    token.chmod(mode)
    with pytest.raises(ConfigurationError, match=r"\AAUTH_TOKEN_FILE can be changed by everybody; .*chmod o-w\Z"):
        files(token).check()


def test_the_target_of_a_link_counts(token, tmp_path):
    """Kubernetes mounts secrets as links, and whoever asks a link for its mode is told 0777."""
    link = tmp_path / "link"
    link.symlink_to(token)
    files(link).check()
    token.chmod(0o666)
    with pytest.raises(ConfigurationError):
        files(link).check()


def test_what_is_no_file_is_for_the_settings_to_complain_of(tmp_path):
    for path in (os.devnull, tmp_path, tmp_path / "missing", ""):
        files(path).check()


def test_a_change_is_seen_whatever_its_time_says(token):
    seen = files(token)
    assert not seen.changed()
    before = token.stat()
    token.write_text("new\n")
    os.utime(token, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert seen.changed()
    assert not files(token).changed()


def test_a_mount_that_is_swapped_as_kubernetes_does_is_seen(tmp_path):
    for name, text in (("first", "old"), ("second", "new"), ("third", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(text)
    data = tmp_path / "..data"
    data.symlink_to("first")
    seen = files(data / "token")
    assert not seen.changed()

    def swap(name):
        (tmp_path / "next").symlink_to(name)
        (tmp_path / "next").rename(data)

    swap("second")
    assert seen.changed()
    again = files(data / "token")
    swap("third")
    assert not again.changed()  # the same words in another place


def test_a_file_that_is_away_for_a_moment_has_not_changed(token):
    seen = files(token)
    token.unlink()
    assert not seen.changed()
    token.write_text("old\n")
    assert not seen.changed()


def test_a_file_that_comes_later_is_a_change(tmp_path):
    seen = files(tmp_path / "later")
    (tmp_path / "later").write_text("x")
    assert seen.changed()


def test_a_change_is_told_once_until_there_is_another(token):
    seen = files(token)
    for text in ("wrong", "worse", "wrong"):
        token.write_text(text)
        assert [seen.changed(), seen.changed()] == [True, False]
    token.write_text("old\n")
    assert not seen.changed()


def test_one_that_comes_back_is_another_chance_for_one_that_changed(token, tmp_path):
    """A change is refused while another file is away, and must be looked at again when that is back."""
    other = tmp_path / "other"
    other.write_text("x")
    seen = files(token, OTHER_FILE=str(other))
    other.rename(tmp_path / "away")
    token.write_text("new")
    assert seen.changed()
    (tmp_path / "away").rename(other)
    assert seen.changed()


def test_the_right_to_write_is_part_of_what_a_file_is(token):
    seen = files(token)
    token.chmod(0o602)
    assert seen.changed()
    token.chmod(0o640)
    assert not seen.changed()


def test_a_secret_from_a_file_is_shown_nowhere(token):
    settings = ServingSettings.load({"AUTH_MODE": "bearer", "AUTH_TOKEN_FILE": str(token)})
    assert settings.tokens == ("old",)
    assert "old" not in repr(settings) + str(settings) + settings.model_dump_json()
