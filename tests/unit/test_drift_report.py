"""What is printed: never a secret, the status of the whole, exceptions, SARIF; and when drift is announced again."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.drift_check.core.acceptances import Acceptance, Acceptances
from functions.drift_check.core.alarms import alarm
from functions.drift_check.core.checking import check
from functions.drift_check.core.comparing import Terms
from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.core.printing import shown
from functions.drift_check.core.reporting import detected, failure, fingerprint, report
from functions.drift_check.sarif import sarif
from shared.domain.contract import validated
from shared.domain.drift import DriftChecked, DriftDetected, DriftStatus, FieldStatus
from shared.testing.clocks import NOON
from shared.testing.secret_samples import placed, tokens

DAY = date(2030, 6, 1)
HEAD = (
    "from pydantic import Field, SecretStr\nfrom pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n"
)
LINES = {"ok": "a: int = 1", "drift": "b: int = 1", "missing": "c: int", "uncomparable": "d: int = make()"}
DATA = {"A": "1", "B": "2", "D": "1"}


def checked(fields, data, accepted=(), salt=b"salt"):
    source = HEAD + "".join(f"    {line}\n" for line in fields)
    terms = Terms(accepted=Acceptances([Acceptance.model_validate(each) for each in accepted], DAY), salt=salt)
    return check(source, ConfigMap(namespace="prod", name="api", data=data), terms, wanted=None, env_prefix=None)


def of(*kinds, **data):
    given = {key: value for key, value in DATA.items() if any(LINES[kind][0].upper() == key for kind in kinds)}
    return checked([LINES[kind] for kind in kinds], given | data)


class TestStatus:
    @pytest.mark.parametrize(
        ("kinds", "status"),
        [
            (["ok"], "ok"),
            (["ok", "drift"], "drift"),
            (["ok", "missing"], "drift"),
            (["ok", "uncomparable"], "error"),
            (["drift", "uncomparable"], "drift"),
        ],
    )
    def test_the_worst_that_is_known(self, kinds, status):
        found = of(*kinds).report
        assert found.status == status
        assert (found.error is not None) == (status == "error")

    def test_a_key_that_nobody_reads_is_drift(self):
        assert of("ok", STRAY="1").report.status == "drift"

    def test_counts_are_of_the_fields(self):
        found = of(*LINES).report
        assert found.counts == {"ok": 1, "drift": 1, "missing": 1, "uncomparable": 1}

    def test_it_keeps_the_contract(self):
        found = of(*LINES).report
        assert validated(DriftChecked, found.model_dump(mode="json")) == found
        drift = detected(found)
        assert drift is not None
        assert validated(DriftDetected, drift.model_dump(mode="json")) == drift
        assert [each.name for each in drift.fields] == ["b", "c"]
        assert detected(of("ok").report) is None
        assert detected(failure("x", "y")) is None


class TestExceptions:
    ACCEPTED = {"field": "b", "owner": "team-a", "reason": "a canary", "expires": "2030-06-01"}

    def test_an_accepted_difference_is_none(self):
        found = checked([LINES["drift"]], {"B": "2"}, [self.ACCEPTED])
        [field] = found.fields
        assert (field.status, field.configured, field.default) == ("accepted", "2", "1")
        assert field.note == "accepted by team-a until 2030-06-01: a canary"
        assert found.report.status == "ok"

    def test_one_that_is_over_is_drift_again_and_says_so(self):
        found = checked([LINES["drift"]], {"B": "2"}, [{**self.ACCEPTED, "expires": "2030-05-31"}])
        [field] = found.fields
        assert (field.status, field.note) == ("drift", "the exception of team-a ended on 2030-05-31")

    def test_another_value_than_the_accepted_one_is_drift(self):
        assert checked([LINES["drift"]], {"B": "3"}, [{**self.ACCEPTED, "value": "2"}]).report.status == "drift"

    @pytest.mark.parametrize("kind", ["missing", "uncomparable"])
    def test_what_is_missing_or_unknown_may_be_accepted(self, kind):
        name = LINES[kind][0]
        data = {} if kind == "missing" else {"D": "1"}
        assert checked([LINES[kind]], data, [{**self.ACCEPTED, "field": name}]).report.status == "ok"

    def test_keys_of_others_may_be_accepted_by_a_pattern(self):
        found = checked([LINES["ok"]], {"OTEL_A": "1", "OTEL_B": "1"}, [{**self.ACCEPTED, "field": "OTEL_*"}])
        assert found.report.counts == {"ok": 1, "accepted": 2}


SECRET_LINES = [
    ('x: SecretStr = SecretStr("{default}")', "X"),
    ('x: SecretStr | None = SecretStr("{default}")', "X"),
    ('db_password: str = "{default}"', "DB_PASSWORD"),
    ('x: str = Field("{default}", alias="API_TOKEN")', "API_TOKEN"),
    ('client_secret: list[str] = ["{default}"]', "CLIENT_SECRET"),
    ('x: dict[str, str] = {{"password": "{default}"}}', "X"),
    ('x: str = "postgresql://user:{default}@host/db"', "X"),
    ('db_password: str = make("{default}")', "DB_PASSWORD"),
    ("db_password: str", "DB_PASSWORDS_TOKEN"),
]
CANARY = st.from_regex(r"[A-Za-z0-9]{6,20}", fullmatch=True)


class TestSecrets:
    @pytest.mark.parametrize(("line", "key"), SECRET_LINES)
    @given(default=CANARY, configured=CANARY)
    def test_no_secret_is_ever_printed(self, line, key, default, configured):
        default, configured = f"dQ{default}", f"cZ{configured}"
        text = configured if "://" not in line else f"postgresql://user:{configured}@host/db"
        found = checked([line.format(default=default)], {key: text})
        log = json.dumps(sarif(found, settings="s.py")) + found.report.model_dump_json() + repr(found)

        assert default not in log
        assert configured not in log
        assert found.report.status != "ok"

    @pytest.mark.parametrize("samples", [tokens, placed])
    def test_what_looks_like_one_is_one_under_any_name(self, samples):
        for sample in samples(random.Random(7)):
            found = checked(["x: str = 'default'"], {"X": sample.text, "STRAY": sample.text})
            assert sample.secret not in found.report.model_dump_json(), sample.kind

    def test_equal_hashes_are_equal_values_and_only_within_a_report(self):
        lines = ['a_token: str = "one"', 'b_token: str = "two"']
        data = {"A_TOKEN": "two", "B_TOKEN": "one"}
        first, second = checked(lines, data).fields, checked(lines, data, salt=b"other").fields
        assert first[0].configured == first[1].default
        assert first[0].configured != first[0].default
        assert first[0].configured != second[0].configured

    def test_a_secret_that_differs_is_told_and_one_that_is_empty_is_shown_to_be(self):
        [field] = checked(['a_token: str = ""'], {"A_TOKEN": "x"}).fields
        assert (field.status, field.default) == ("drift", "")
        assert field.configured.startswith("sha256:")


class TestShown:
    @pytest.mark.parametrize(
        ("value", "text"),
        [(True, "true"), (None, "null"), (1, "1"), ([1, "a"], '[1, "a"]'), ({2, 1}, "[1, 2]"), ("a\x1b[31m", "a�[31m")],
    )
    def test_values_are_texts_of_a_configmap(self, value, text):
        assert shown(value, secret=False, salt=b"") == text

    def test_a_long_one_is_cut(self):
        assert len(shown("x" * 10_000, secret=False, salt=b"")) == 201

    @given(st.text())
    def test_one_line_without_controls(self, text):
        assert shown(text, secret=False, salt=b"").isprintable()


class TestAlarms:
    def setup_method(self):
        self.DRIFT, self.OTHER, self.FINE = of("drift").report, of("drift", "missing").report, of("ok").report

    def test_new_drift_is_announced_and_the_same_is_not(self):
        first, due = alarm(self.DRIFT, None, now=NOON, remind_s=100)
        assert due
        assert alarm(self.DRIFT, first, now=NOON + timedelta(seconds=99), remind_s=100) == (first, False)

    def test_it_is_announced_again_after_a_while_and_when_it_changes(self):
        first, _ = alarm(self.DRIFT, None, now=NOON, remind_s=100)
        later = NOON + timedelta(seconds=100)
        again, due = alarm(self.DRIFT, first, now=later, remind_s=100)
        assert (due, again.at) == (True, later)
        assert alarm(self.OTHER, first, now=NOON, remind_s=100)[1]

    def test_the_end_of_drift_makes_the_next_one_new(self):
        first, _ = alarm(self.DRIFT, None, now=NOON, remind_s=100)
        assert alarm(self.FINE, first, now=NOON, remind_s=100) == (None, False)

    def test_a_look_that_failed_changes_nothing(self):
        first, _ = alarm(self.DRIFT, None, now=NOON, remind_s=100)
        assert alarm(failure("x", "no cluster"), first, now=NOON, remind_s=1) == (first, False)

    def test_a_secret_has_no_part_in_what_tells_drift_apart(self):
        lines = ['a_token: str = "one"']
        marks = {fingerprint(detected(checked(lines, {"A_TOKEN": "two"}, salt=salt).report)) for salt in (b"1", b"2")}
        assert len(marks) == 1


class TestSarif:
    def setup_method(self):
        self.LOG = sarif(of(*LINES, STRAY="1"), settings="app/settings.py")

    def test_the_required_shape(self):
        assert self.LOG["version"] == "2.1.0"
        [run] = self.LOG["runs"]
        rules = {each["id"] for each in run["tool"]["driver"]["rules"]}
        assert run["tool"]["driver"]["name"]
        for result in run["results"]:
            assert result["ruleId"] in rules
            assert result["level"] in {"none", "note", "warning", "error"}
            assert result["message"]["text"]
            [place] = result["locations"]
            assert place["physicalLocation"]["artifactLocation"]["uri"] == "app/settings.py"
            assert place["physicalLocation"]["region"]["startLine"] >= 1

    def test_a_result_for_each_that_is_not_ok_at_the_line_of_its_field(self):
        [run] = self.LOG["runs"]
        lines = {
            each["ruleId"]: each["locations"][0]["physicalLocation"]["region"]["startLine"] for each in run["results"]
        }
        assert lines == {"drift": 5, "missing": 6, "uncomparable": 7, "orphan": 3}

    def test_an_accepted_one_is_suppressed(self):
        accepted = [TestExceptions.ACCEPTED]
        [result] = sarif(checked([LINES["drift"]], {"B": "2"}, accepted), settings="s.py")["runs"][0]["results"]
        assert result["suppressions"][0]["kind"] == "external"

    def test_a_failure_is_one_of_the_tool(self):
        [run] = sarif(checked([LINES["ok"]], {}), settings="s.py", error="no such class")["runs"]
        assert run["invocations"][0]["executionSuccessful"] is False
        assert run["results"] == []


def test_every_status_has_a_place():
    assert {each.value for each in DriftStatus} == {"ok", "drift", "error"}
    assert report("s", []).status == "ok"
    assert {each.value for each in FieldStatus} >= {"accepted", "orphan"}
