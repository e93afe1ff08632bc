"""``aftercare db`` against real schemas: empty, behind, newest, from the future, unreachable."""

from __future__ import annotations

import pytest
from alembic.script import ScriptDirectory

from shared.adapters import migrate
from shared.commands.schema import revisions
from tests.commanding import aftercare
from tests.tables import reading

HEAD = revisions()[-1]


def at(url: str, revision: str) -> str:
    with reading(url) as rows:
        rows("UPDATE alembic_version SET version_num = :revision", revision=revision)
    return url


def test_the_revisions_are_those_of_alembic():
    script = ScriptDirectory(str(migrate._SCRIPTS))

    assert [each.revision for each in script.walk_revisions()][::-1] == list(revisions())


def test_an_empty_database_is_brought_up_once(empty_database_url):
    before = aftercare("db", "current", DATABASE_URL=empty_database_url)
    assert (before.code, before.out) == (1, "empty\n")
    assert "aftercare db upgrade" in before.err

    assert aftercare("db", "upgrade", "0001", DATABASE_URL=empty_database_url).out == "empty → 0001\n"
    behind = aftercare("db", "current", "-o", "json", DATABASE_URL=empty_database_url)
    assert (behind.code, behind.json) == (1, {"current": "0001", "newest": HEAD, "ok": False})

    done = aftercare("db", "upgrade", "-o", "json", DATABASE_URL=empty_database_url)
    assert (done.code, done.json, done.err) == (0, {"before": "0001", "after": HEAD}, "")
    assert aftercare("db", "upgrade", DATABASE_URL=empty_database_url).out == f"at {HEAD} already\n"
    now = aftercare("db", "current", DATABASE_URL=empty_database_url)
    assert (now.code, now.out, now.err) == (0, f"{HEAD}\n", "")


@pytest.mark.parametrize(
    ("revision", "wanted", "sentence"),
    [
        ("9999", "head", "aftercare: The schema is at 9999, and this software knows none after "),
        (HEAD, "0001", f"aftercare: The schema is at {HEAD} and does not go back to 0001"),
        (HEAD, "nowhere", "aftercare: There is no revision nowhere; there are 0001, "),
    ],
)
def test_what_must_not_be_tried_is_refused_and_changes_nothing(database_url, revision, wanted, sentence):
    done = aftercare("db", "upgrade", wanted, DATABASE_URL=at(database_url, revision))

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(sentence)
    assert migrate.current(database_url) == revision


@pytest.mark.parametrize("words", [("current",), ("upgrade",)])
def test_a_database_that_is_not_there_is_one_sentence(words):
    done = aftercare("db", *words, DATABASE_URL="postgresql://ada:hunter2-CANARY@127.0.0.1:1/nothing")

    assert (done.code, done.out) == (2, "")
    assert done.err == "aftercare: PostgreSQL is unavailable (connection)\n"


def test_the_sql_needs_no_database():
    done = aftercare("db", "upgrade", "--sql")

    assert done.code == 0
    assert "CREATE TABLE inbox" in done.out
