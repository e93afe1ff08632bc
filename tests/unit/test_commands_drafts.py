"""Events as people write them, the samples that ship, and the types there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.commands import drafts, installed
from shared.commands.catalogue import Catalogue
from shared.domain.errors import InvalidEvent, Unprocessable
from shared.domain.redaction import redact
from tests.commanding import aftercare, install

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
DRAFT = {"type": "dev.aftercare.test.happened.v1", "subject": "INC-1", "data": {"a": 1}}
FUNCTIONS = Path(__file__).parents[2] / "functions"
CATALOGUE = Catalogue(installed.functions())


@pytest.mark.parametrize("name", drafts.samples())
def test_a_sample_keeps_the_contract_and_is_of_this_moment(name):
    event = drafts.event(drafts.sample(name, now=NOW), now=NOW)
    CATALOGUE.check(event)

    assert event.type in CATALOGUE
    assert (event.time, event.subject) == (NOW, event.data["incident_id"])
    assert redact(event.data) == event.data


def test_the_times_in_a_sample_keep_their_distances():
    event = drafts.event(drafts.sample("alert-resolved", now=NOW), now=NOW)
    starts, ends = (datetime.fromisoformat(event.data[name]) for name in ("starts_at", "ends_at"))

    assert (ends, ends - starts) == (NOW, timedelta(minutes=11))


def test_a_draft_is_a_new_event_each_time_unless_it_names_its_own():
    first, again, later = (drafts.event(DRAFT, now=at) for at in (NOW, NOW, NOW + timedelta(seconds=1)))
    timed = [drafts.event({**DRAFT, "time": "2030-01-01T00:00:00Z"}, now=at) for at in (NOW, NOW + timedelta(days=1))]

    assert first == again
    assert first.id != later.id
    assert timed[0].digest() == timed[1].digest()
    assert drafts.event({**DRAFT, "id": "mine", "source": "/me"}, now=NOW).id == "mine"


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"data": 1}'])
def test_what_is_no_event_is_refused(text):
    with pytest.raises(InvalidEvent):
        drafts.read(text)


def test_a_draft_is_held_against_the_model_of_its_type():
    wrong = drafts.sample("execution-completed", now=NOW)
    wrong["data"]["succeeded"] = "perhaps"

    with pytest.raises(Unprocessable, match="succeeded"):
        CATALOGUE.check(drafts.event(wrong, now=NOW))


def test_every_function_is_installed():
    folders = {path.parent.name.replace("_", "-") for path in FUNCTIONS.glob("*/main.py")}

    assert {function.name for function in installed.functions()} == folders
    assert set(installed.checks()) <= folders


def test_types_say_who_sends_and_who_takes():
    types = {each["type"]: each for each in aftercare("events", "types", "-o", "json").json}
    verified = types["dev.aftercare.execution.verified.v1"]

    assert verified["emitted_by"] == ["verify-execution"]
    assert "km-write" in verified["accepted_by"]
    assert "km-write" in verified["triggers"]
    assert types["dev.aftercare.knowledge.deferred.v1"]["triggers"] == []


def test_where_no_function_is_installed_nothing_is_claimed_of_triggers(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, "aftercare.commands", name="aftercare", events="shared.commands.events:app")
    done = aftercare("events", "send", "--sample", "alert-firing", "--dry-run")

    assert (done.code, done.json["type"]) == (0, "dev.aftercare.alert.firing.v1")
    assert done.err == "No function here speaks dev.aftercare.alert.firing.v1, so its data was not checked.\n"
    assert aftercare("events", "types", "-o", "json").json == []


def test_types_are_a_table_with_a_row_each():
    done = aftercare("events", "types")
    rows = [line.split()[0] for line in done.out.splitlines()[1:]]

    assert rows == [each["type"] for each in aftercare("events", "types", "-o", "json").json]


def test_one_type_is_shown_as_its_schema():
    done = aftercare("events", "types", "dev.aftercare.execution.completed.v1")
    assert "succeeded" in done.json["required"]

    unknown = aftercare("events", "types", "dev.aftercare.execution.complete.v1")
    assert (unknown.code, unknown.out) == (1, "")
    assert "did you mean dev.aftercare.execution.completed.v1?" in unknown.err
