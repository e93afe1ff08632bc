"""The command as a whole: words, exit codes, and one sentence for whatever goes wrong."""

from __future__ import annotations

import pytest

from tests.commanding import aftercare, install

WORDS = ("db", "dlq", "doctor", "events")


def test_without_words_it_shows_its_words():
    done = aftercare()

    assert done.code == 2
    assert [word for word in WORDS if f"  {word} " not in done.out + done.err] == []


@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_help(word):
    done = aftercare(word, "--help")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: aftercare {word} [OPTIONS]")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("unheard",), "aftercare: No such command 'unheard'; see aftercare --help\n"),
        (("doctor", "--nothing"), "aftercare: No such option: --nothing; see aftercare doctor --help\n"),
        (
            ("events", "send", "--sample"),
            "Option '--sample' requires an argument",
        ),
        (("doctor", "-o", "xml"), "'xml' is not one of 'table', 'json'; see aftercare doctor --help\n"),
        (("doctr",), "aftercare: No such command 'doctr'. Did you mean 'doctor'? See aftercare --help\n"),
        (("db", "current"), "aftercare: DATABASE_URL is not set\n"),
        (("events", "watch"), "aftercare: DATABASE_URL is not set\n"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_what_is_wrong_is_one_sentence(words, sentence):
    done = aftercare(*words)

    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
    assert done.err.startswith("aftercare: ")
    assert done.err.count("\n") == 1


def test_a_broken_command_costs_only_itself(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, "aftercare.commands", broken="there_is_no_such_module:app")

    assert aftercare("db", "--help").code == 0
    with pytest.raises(ModuleNotFoundError):
        aftercare("broken")


def test_being_interrupted_is_no_traceback(monkeypatch, tmp_path):
    (tmp_path / "slow_word.py").write_text(
        "import typer\napp = typer.Typer()\n@app.command()\ndef wait():\n    raise KeyboardInterrupt\n"
    )
    install(monkeypatch, tmp_path, "aftercare.commands", slow="slow_word:app")
    done = aftercare("slow", "wait")

    assert (done.code, done.out, done.err) == (130, "", "")
