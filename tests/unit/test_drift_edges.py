"""Drift at its edges: when it is announced again, which exception holds, and how places and values are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

import pytest
from pydantic import SecretBytes, SecretStr

from functions.drift_check.core.acceptances import Acceptance, Acceptances
from functions.drift_check.core.alarms import Alarm, alarm
from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.core.printing import is_secret, is_telling, plain, shown
from functions.drift_check.core.reporting import DIFFERENT, detected, failure, fingerprint, resource
from shared.domain.drift import DriftChecked, DriftStatus, FieldReport, FieldStatus
from shared.testing.clocks import NOON


def checked(*fields, status=DriftStatus.DRIFT):
    return DriftChecked(
        subject="prod/api against Settings",
        status=status,
        fields=[FieldReport(name=name, status=state, configured=value, default="1") for name, state, value in fields],
        counts={},
    )


PORT = ("PORT", FieldStatus.DRIFT, "2")
OK = checked(status=DriftStatus.OK)
DRIFT = checked(PORT)
ANNOUNCED = Alarm(fingerprint=fingerprint(detected(DRIFT)), at=NOON)


class TestAlarms:
    @pytest.mark.parametrize(
        ("found", "earlier", "after_s", "kept", "is_told"),
        [
            (DRIFT, None, 0, "new", True),
            (DRIFT, ANNOUNCED, 59.9, "earlier", False),
            (DRIFT, ANNOUNCED, 60, "new", True),
            (checked(("PORT", FieldStatus.DRIFT, "3")), ANNOUNCED, 1, "new", True),
            (OK, ANNOUNCED, 1, None, False),
            (failure("prod/api", "No."), ANNOUNCED, 1, "earlier", False),
            (failure("prod/api", "No."), None, 1, "earlier", False),
        ],
    )
    def test_drift_is_told_when_it_is_new_or_other_and_once_in_a_while(self, found, earlier, after_s, kept, is_told):
        now = NOON + timedelta(seconds=after_s)
        remembered, told = alarm(found, earlier, now=now, remind_s=60)

        assert told is is_told
        if kept == "new":
            assert remembered == Alarm(fingerprint=fingerprint(detected(found)), at=now)
        else:
            assert remembered == (earlier if kept == "earlier" else None)


class TestReports:
    def test_only_what_differs_is_detected(self):
        fields = [(state.value, state, "x") for state in FieldStatus]
        found = detected(checked(*fields))

        assert [each.status for each in found.fields] == [state for state in FieldStatus if state in DIFFERENT]
        assert found.counts == dict.fromkeys(DIFFERENT, 1)
        assert (found.subject, found.status) == ("prod/api against Settings", DriftStatus.DRIFT)

    @pytest.mark.parametrize("status", [DriftStatus.OK, DriftStatus.ERROR])
    def test_without_drift_there_is_nothing_to_tell(self, status):
        assert detected(checked(PORT, status=status)) is None

    def test_a_hash_that_is_salted_anew_is_no_new_drift(self):
        def mark(value):
            return fingerprint(detected(checked(("PORT", FieldStatus.DRIFT, value))))

        assert mark("sha256:0123456789ab") == mark("sha256:ba9876543210") == mark(None)
        assert len({mark("a"), mark("b"), mark(None), mark("sha256:0123456789abc")}) == 4

    def test_an_event_is_about_the_configmap_without_the_class(self):
        assert resource(OK) == "configmap/prod/api"
        assert resource(failure("pröd/api", "No.")) == "configmap/pr?d/api"

    def test_a_failure_says_why_and_nothing_else(self):
        found = failure("prod/api", "No.")

        assert (found.subject, found.status, found.fields, found.counts) == ("prod/api", DriftStatus.ERROR, [], {})
        assert found.error == "No."


class TestExceptions:
    TODAY = date(2026, 1, 31)

    def of(self, *given, name="PORT", configured="1"):
        declared = [
            Acceptance(field=field, owner=owner, reason="r", expires=self.TODAY + timedelta(days=days), value=value)
            for field, owner, days, value in given
        ]
        acceptances = Acceptances(declared, self.TODAY)
        found = acceptances.of(name, configured)
        return found and (found.owner, acceptances.holds(found))

    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ([], None),
            ([("PORT", "a", 0, None)], ("a", True)),
            ([("PORT", "a", -1, None)], ("a", False)),
            ([("HOST", "a", 1, None)], None),
            ([("PO*", "a", 1, None)], ("a", True)),
            ([("po*", "a", 1, None)], None),
            ([("PORT", "a", 1, "1")], ("a", True)),
            ([("PORT", "a", 1, "2")], None),
            ([("PO*", "a", 1, None), ("PORT", "b", 1, None)], ("b", True)),
            ([("PO*", "a", 1, None), ("PORT", "b", -1, None)], ("a", True)),
            ([("PO*", "a", -1, None), ("PORT", "b", -1, None)], ("b", False)),
            ([("PORT", "a", 1, None), ("PORT", "b", 1, None)], ("a", True)),
        ],
    )
    def test_the_exact_one_that_holds_comes_first(self, given, found):
        assert self.of(*given) == found


class TestPlaces:
    @pytest.mark.parametrize(
        ("namespace", "name", "place"),
        [
            ("prod", "api", "prod/api"),
            ("", "api", "api"),
            ("", "äpi", "?pi"),
            ("", "a\nb", "?"),
            ("", "a" * 513, "a" * 512),
        ],
    )
    def test_a_place_is_ascii_and_bounded(self, namespace, name, place):
        assert ConfigMap(namespace=namespace, name=name, data={}).place == place

    def test_what_is_binary_is_said_and_not_compared(self):
        found = ConfigMap(namespace="", name="a", data={}, binary=["f", "e", "d", "c", "b", "a"])

        assert found.notes == ["binaryData is not compared: a, b, c, d, e."]
        assert ConfigMap(namespace="", name="a", data={}).notes == []


class Colour(Enum):
    RED = "red"


class Level(Enum):
    HIGH = 3


@dataclass(frozen=True)
class Other:
    def __str__(self) -> str:
        return "other"


class TestValues:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("text", "text"),
            (Colour.RED, "red"),
            (Level.HIGH, "3"),
            (None, "null"),
            (True, "true"),
            (1.5, "1.5"),
            (b"ab", "ab"),
            (SecretStr("s"), "s"),
            (SecretBytes(b"s"), "s"),
            ({"a": {Colour.RED: (1, "ä")}}, '{"a": {"red": [1, "ä"]}}'),
            ({"b", "a"}, '["a", "b"]'),
            (frozenset({2, 10}), "[10, 2]"),
            (Other(), "other"),
            ([Other()], '["other"]'),
        ],
    )
    def test_a_value_reads_as_a_configmap_would_have_it(self, value, text):
        assert plain(value) == text

    def test_a_long_value_is_cut_and_a_secret_is_a_hash(self):
        assert shown("x" * 200, secret=False, salt=b"") == "x" * 200
        assert shown("x" * 201, secret=False, salt=b"") == "x" * 200 + "…"
        assert shown("a\x07b", secret=False, salt=b"") == "a\N{REPLACEMENT CHARACTER}b"
        assert shown("a", secret=True, salt=b"s").startswith("sha256:")
        assert len(shown("a", secret=True, salt=b"s")) == len("sha256:") + 12
        assert shown("a", secret=True, salt=b"s") != shown("a", secret=True, salt=b"t")
        assert shown("", secret=True, salt=b"s") == ""

    def test_a_secret_is_one_by_its_name_its_type_or_its_looks(self):
        assert is_telling("db_password")
        assert not is_telling("port")
        assert is_secret(SecretStr("x"))
        assert is_secret({"password": "hunter2"})
        assert is_secret("ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8")
        assert not is_secret("info")
        assert not is_secret({"port": 1})
