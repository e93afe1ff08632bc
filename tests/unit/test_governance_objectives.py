"""What is known of objectives, and of all of them together."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.governance_check.core.objectives import (
    DEFAULT_OBJECTIVES,
    Objective,
    Sample,
    compliance,
    judge,
    unanswered,
    unasked,
)
from functions.governance_check.core.statuses import worst
from shared.domain.calls import FailureKind
from shared.domain.governance import Direction, ObjectiveStatus, Status

README = Path(__file__).parents[2] / "functions" / "governance_check" / "README.md"
FRESH_S = 180.0
ABOVE = Objective(name="rate", query="sli:rate:5m", direction="above", target=0.8, hard_red_line=0.7)
BELOW = Objective(name="latency", query="sli:latency:5m", direction="below", target=2, hard_red_line=8)


def judged(objective, *samples):
    return judge(objective, samples, sample_age_s=FRESH_S)


def fresh(value):
    return Sample(value, 15.0)


# Everything that may become of one objective, and what it is for the aggregate.
STATES = {
    "ok": (judged(ABOVE, fresh(0.9)), Status.OK),
    "at risk": (judged(ABOVE, fresh(0.75)), Status.AT_RISK),
    "violated": (judged(ABOVE, fresh(0.1)), Status.VIOLATED),
    "empty": (judged(ABOVE), Status.NO_DATA),
    "NaN": (judged(ABOVE, fresh(math.nan)), Status.NO_DATA),
    "Inf": (judged(BELOW, fresh(math.inf)), Status.NO_DATA),
    "stale": (judged(ABOVE, Sample(0.9, FRESH_S + 1)), Status.NO_DATA),
    "not asked": (unasked(ABOVE), Status.NO_DATA),
    "HTTP error": (unanswered(ABOVE, FailureKind.REFUSED), Status.ERROR),
    "timeout": (unanswered(ABOVE, FailureKind.TIMEOUT), Status.ERROR),
    "unreachable": (unanswered(ABOVE, FailureKind.UNREACHABLE), Status.ERROR),
}
BY_RANK = [Status.ERROR, Status.VIOLATED, Status.NO_DATA, Status.AT_RISK, Status.OK]


class TestOneSeries:
    @pytest.mark.parametrize(
        ("objective", "value", "state", "gap"),
        [
            (ABOVE, 0.8, "ok", 0.0),
            (ABOVE, 0.95, "ok", 0.15),
            (ABOVE, 0.799, "at_risk", -0.001),
            (ABOVE, 0.7, "at_risk", -0.1),
            (ABOVE, 0.699, "violated", -0.101),
            (ABOVE, 0.0, "violated", -0.8),
            (BELOW, 2, "ok", 0.0),
            (BELOW, 2.001, "at_risk", -0.001),
            (BELOW, 8, "at_risk", -6),
            (BELOW, 8.001, "violated", -6.001),
            (BELOW, 0, "ok", 2),
        ],
    )
    def test_between_target_and_red_line_is_at_risk_and_not_ok(self, objective, value, state, gap):
        report = judged(objective, fresh(value))

        assert (report.status, report.value, report.gap) == (state, value, pytest.approx(gap))
        assert (report.target, report.hard_red_line) == (objective.target, objective.hard_red_line)

    @pytest.mark.parametrize(
        ("sample", "reason"),
        [
            (fresh(math.nan), "nan"),
            (fresh(math.inf), "infinite"),
            (fresh(-math.inf), "infinite"),
            (Sample(0.9, 180.001), "stale"),
            (Sample(0.9, None), "stale"),
        ],
    )
    @pytest.mark.parametrize("objective", [ABOVE, BELOW])
    def test_what_is_no_number_or_too_old_is_skipped_and_says_why(self, objective, sample, reason):
        report = judged(objective, sample)

        assert (report.status, report.reason, report.value) == ("skipped", reason, None)

    def test_an_infinite_latency_never_passes_for_a_kept_objective(self):
        assert compliance({"latency": judged(BELOW, fresh(math.inf)), "rate": judged(ABOVE, fresh(1))}).status == (
            Status.NO_DATA
        )

    def test_a_sample_from_the_future_is_fresh(self):
        assert judged(ABOVE, Sample(0.9, -0.2)).status is ObjectiveStatus.OK


class TestSeveralSeries:
    def test_the_worst_series_counts_wherever_it_stands(self):
        for order in itertools.permutations([fresh(0.95), fresh(0.75), fresh(0.2)]):
            report = judged(ABOVE, *order)
            assert (report.status, report.value) == ("violated", 0.2)

    def test_the_worst_of_two_violations_is_reported(self):
        assert judged(BELOW, fresh(9), fresh(30), fresh(10)).value == 30

    def test_a_series_that_is_silent_is_no_series_that_is_well(self):
        assert judged(ABOVE, fresh(0.95), fresh(math.nan)).status == "skipped"
        assert judged(ABOVE, fresh(0.75), Sample(0.95, 900)).status == "skipped"

    def test_a_silent_series_hides_no_violation(self):
        assert judged(ABOVE, fresh(math.nan), fresh(0.1), Sample(1, 900)).status == "violated"

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
    def test_one_more_series_never_makes_it_better(self, values):
        ranks = [Status.OK, Status.AT_RISK, Status.NO_DATA, Status.VIOLATED]
        meaning = {"ok": Status.OK, "at_risk": Status.AT_RISK, "skipped": Status.NO_DATA, "violated": Status.VIOLATED}
        before = judged(ABOVE, *map(fresh, values[:-1])) if values[:-1] else None
        after = judged(ABOVE, *map(fresh, values))
        assert before is None or ranks.index(meaning[after.status]) >= ranks.index(meaning[before.status])


class TestTogether:
    @pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
    def test_every_combination_is_as_bad_as_its_worst(self, size):
        combinations = 0
        for names in itertools.combinations_with_replacement(STATES, size):
            reports = {f"slo-{place}": STATES[name][0] for place, name in enumerate(names)}
            known = {STATES[name][1] for name in names}
            expected = next(status for status in BY_RANK if status in known)
            found = compliance(reports)
            assert found.status is expected, names
            assert sum(found.counts.values()) == size
            combinations += 1
        assert combinations == math.comb(len(STATES) + size - 1, size)

    def test_five_errors_are_an_error(self):
        report = compliance({f"slo-{n}": unanswered(ABOVE, FailureKind.UNREACHABLE) for n in range(5)})
        assert (report.status, report.counts[ObjectiveStatus.ERROR]) == (Status.ERROR, 5)

    def test_four_errors_and_a_gap_are_an_error(self):
        reports = {f"slo-{n}": unanswered(ABOVE, FailureKind.TIMEOUT) for n in range(4)}
        assert compliance({**reports, "slo-4": judged(ABOVE)}).status is Status.ERROR

    def test_nothing_at_all_is_no_data(self):
        assert compliance({}).status is Status.NO_DATA
        assert worst([]) is Status.NO_DATA


class TestTheTable:
    @pytest.mark.parametrize("objective", DEFAULT_OBJECTIVES, ids=lambda objective: objective.name)
    def test_the_readme_says_the_same(self, objective):
        limits = f"{objective.direction} | {objective.target:g} | {objective.hard_red_line:g}"
        assert f"| `{objective.name}` | `{objective.query}` | {limits} |" in README.read_text(encoding="utf-8")

    def test_the_five_of_the_design(self):
        table = {o.name: (o.direction, o.target, o.hard_red_line) for o in DEFAULT_OBJECTIVES}
        assert table == {
            "autonomy_rate": (Direction.ABOVE, 0.80, 0.70),
            "decision_accuracy": (Direction.ABOVE, 0.90, 0.85),
            "confidence_calibration": (Direction.ABOVE, 0.80, 0.70),
            "km_growth_rate": (Direction.ABOVE, 20, 5),
            "summary_latency": (Direction.BELOW, 2, 8),
        }

    def test_a_plain_selector_is_asked_for_its_own_age(self):
        assert ABOVE.dating_query == "timestamp(sli:rate:5m)"
        labelled = ABOVE.model_copy(update={"query": 'rate{job="a"}'})
        assert labelled.dating_query == 'timestamp(rate{job="a"})'

    def test_a_computed_query_has_to_say_how_old_its_samples_are(self):
        with pytest.raises(ValueError, match="sampled_at"):
            Objective(name="a", query="max(rate)", direction="above", target=1, hard_red_line=0)

    @pytest.mark.parametrize(("direction", "target", "red"), [("above", 0.7, 0.8), ("below", 8, 2)])
    def test_a_red_line_on_the_good_side_is_refused(self, direction, target, red):
        with pytest.raises(ValueError, match="bad side"):
            Objective(name="a", query="a", direction=direction, target=target, hard_red_line=red)

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_a_target_is_a_number(self, value):
        with pytest.raises(ValueError, match="finite"):
            Objective(name="a", query="a", direction="above", target=value, hard_red_line=0)
