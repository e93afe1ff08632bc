from __future__ import annotations

import shutil

from shared.local.folders import open_to_all, private, remove


def test_a_folder_that_suits_stays_where_it_belongs(tmp_path):
    made = private(tmp_path / "data", account=None, elsewhere=tmp_path / "elsewhere")
    assert made == tmp_path / "data"
    assert made.stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "elsewhere").exists()


def test_one_whose_path_is_too_long_is_made_elsewhere_and_found_again(tmp_path):
    link, elsewhere = tmp_path / "socket", tmp_path / "elsewhere"
    made = private(link, account=None, elsewhere=elsewhere, longest=10)
    assert made.parent == elsewhere
    assert made.stat().st_mode & 0o777 == 0o700
    assert link.resolve() == made
    assert private(link, account=None, elsewhere=elsewhere, longest=10) == made


def test_one_whose_target_was_cleaned_away_is_made_again(tmp_path):
    link, elsewhere = tmp_path / "socket", tmp_path / "elsewhere"
    shutil.rmtree(private(link, account=None, elsewhere=elsewhere, longest=10))
    made = private(link, account=None, elsewhere=elsewhere, longest=10)
    assert made.is_dir()
    assert link.resolve() == made


def test_removing_takes_what_was_made_elsewhere_and_no_stranger(tmp_path):
    run, elsewhere, stranger = tmp_path / "run", tmp_path / "elsewhere", tmp_path / "stranger"
    for folder in (run, stranger):
        folder.mkdir()
    made = private(run / "socket", account=None, elsewhere=elsewhere, longest=10)
    (run / "link").symlink_to(stranger)
    remove(run)
    assert not run.exists()
    assert not made.exists()
    assert stranger.exists()


def test_one_whose_link_is_gone_is_swept_away_by_the_next(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    orphan = private(tmp_path / "gone", account=None, elsewhere=elsewhere, longest=10)
    kept = private(tmp_path / "kept", account=None, elsewhere=elsewhere, longest=10)
    unfinished = elsewhere / "aftercare-unfinished"
    unfinished.mkdir()
    (tmp_path / "gone").unlink()
    made = private(tmp_path / "next", account=None, elsewhere=elsewhere, longest=10)
    assert not orphan.exists()
    assert sorted(elsewhere.iterdir()) == sorted([kept, unfinished, made])


def test_a_closed_folder_above_closes_all_below(tmp_path):
    closed = tmp_path / "closed"
    file = closed / "open" / "file"
    file.parent.mkdir(parents=True)
    file.touch(0o644)
    closed.chmod(0o700)
    assert not open_to_all(file)
    file.chmod(0o600)
    assert not open_to_all(file)
