from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.domain.contract import Contract, Flag, Id, Time, Unit, validated
from shared.domain.errors import Unprocessable

SECRET = "hunter2-CANARY"


class Sample(Contract):
    id: Id = "x"
    at: Time | None = None
    share: Unit = 0.0
    on: Flag = False


class Outer(Contract):
    inner: Sample


@pytest.mark.parametrize("id_", ["x", "INC-1", "a b", "~" * 128])
def test_ids_are_printable_ascii(id_):
    assert validated(Sample, {"id": id_}).id == id_


@pytest.mark.parametrize("id_", ["", " a", "a ", "a\n", "é", "a\tb", "x" * 129, 7, None, "a\0b"])
def test_other_ids_are_refused(id_):
    with pytest.raises(Unprocessable):
        validated(Sample, {"id": id_})


def test_times_become_utc():
    assert validated(Sample, {"at": "2026-01-31T20:00:00+08:00"}).at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert validated(Sample, {"at": "2026-01-31T20:00:00+08:00"}).at.tzinfo is UTC


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-31T12:00:00",
        "2026-01-31",
        "2026-02-30T12:00:00Z",
        "yesterday",
        "",
        1769860800,
        1769860800.5,
        True,
        "1769860800",
        "1769860800.5",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_anything_but_an_rfc_3339_time_with_an_offset_is_refused(time):
    with pytest.raises(Unprocessable):
        validated(Sample, {"at": time})


@pytest.mark.parametrize(
    "time", ["2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00+00:00", "0001-01-01T00:00:00Z"]
)
def test_alertmanagers_times_are_read(time):
    assert validated(Sample, {"at": time}).at is not None


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_share_is_a_number_from_0_to_1(share):
    assert validated(Sample, {"share": share}).share == share


@pytest.mark.parametrize("share", [-0.1, 1.1, "0.5", float("nan"), float("inf"), True])
def test_other_shares_are_refused(share):
    with pytest.raises(Unprocessable):
        validated(Sample, {"share": share})


@pytest.mark.parametrize("flag", [1, "true", "yes", None])
def test_a_flag_is_true_or_false(flag):
    with pytest.raises(Unprocessable):
        validated(Sample, {"on": flag})


def test_unknown_fields_are_refused():
    with pytest.raises(Unprocessable):
        validated(Sample, {"idd": "x"})


def test_the_complaint_names_the_field_and_never_its_value():
    with pytest.raises(Unprocessable) as refused:
        validated(Outer, {"inner": {"share": SECRET, "id": SECRET * 20, "at": SECRET, "on": SECRET}})

    assert str(refused.value).startswith("inner.id: ")
    assert str(refused.value).count("; ") == 2
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_complaint_about_the_whole_names_the_data():
    with pytest.raises(Unprocessable, match=r"^data: "):
        validated(Sample, [SECRET])
