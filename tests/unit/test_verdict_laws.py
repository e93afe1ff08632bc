"""What holds for every verdict, whatever was seen.

A *bad reading* is one more attempt in the last look, or in a look after the target had come up, by a sensor that was
not asked before, that is one of: a fresh reading of a broken target; a required sensor's failure; a metric that is
stale, empty, not finite or beyond its limit; an alert that fires. (A target that is on its way is not bad: it is less
than healthy, and more than not seen. It has a law of its own.)
"""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import cache

from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

from functions.verify_execution.core.cases import Case
from functions.verify_execution.core.conditions import Condition, examine
from functions.verify_execution.core.evidence import attempt_documents, snapshot_document, snapshot_from
from functions.verify_execution.core.judging import judge
from functions.verify_execution.core.readings import (
    AlertState,
    Attempt,
    ContainerHealth,
    Direction,
    HttpProbe,
    Metric,
    Neighbours,
    Sample,
    SensorFailure,
    Snapshot,
    Termination,
    Waiting,
    Workload,
)
from functions.verify_execution.core.scoring import score
from shared.domain.calls import FailureKind
from shared.domain.executions import ActionKind, Reason, Verdict
from tests.verdicts import ACTED, AFTER, BEFORE, action, attempt, container, http, oom, silent, workload

# A busy machine is not the law's fault, nor is it when few cases have what a law is about.
TOLERATED = [HealthCheck.filter_too_much, HealthCheck.too_slow]
law = settings(suppress_health_check=TOLERATED)
RANK = {Verdict.SUCCESS: 3, Verdict.DEGRADED: 2, Verdict.TIMEOUT: 1, Verdict.FAILED: 0}
REASONS = {
    Verdict.SUCCESS: {Reason.RECOVERED, Reason.RECOVERED_WITHOUT_BASELINE},
    Verdict.TIMEOUT: {Reason.SENSORS_SILENT, Reason.DEADLINE},
    Verdict.DEGRADED: {
        Reason.OBSERVE_ONLY,
        Reason.PARTIALLY_RECOVERED,
        Reason.UNCHANGED,
        Reason.SENSORS_SILENT,
        Reason.CONTRADICTORY,
        Reason.ALREADY_HEALTHY,
    },
    Verdict.FAILED: {
        Reason.EXECUTION_FAILED,
        Reason.IMAGE_PULL,
        Reason.OOM_KILLED,
        Reason.CRASH_LOOP,
        Reason.NO_REPLICAS,
        Reason.STILL_UNHEALTHY,
        Reason.WORSE,
    },
}

# Fresh, mostly.
instants = st.sampled_from([AFTER, AFTER, AFTER, AFTER, ACTED, BEFORE])
counts = st.sampled_from([3, 3, 3, 2, 0])
workloads = st.builds(
    workload,
    instants,
    ready=counts,
    desired=st.sampled_from([3, 3, 3, 0]),
    updated=counts,
    available=counts,
    observed_generation=st.sampled_from([2, 2, 1]),
    restarts=st.sampled_from([0, 1]),
    waiting=st.lists(st.sampled_from(list(Waiting)), max_size=1),
    terminations=st.lists(st.sampled_from([oom(-60), oom(5), Termination("Error", AFTER)]), max_size=1),
    failed=st.sampled_from([0, 1]),
)
containers = st.builds(
    container,
    instants,
    running=st.booleans(),
    health=st.sampled_from(list(ContainerHealth)),
    restarts=st.sampled_from([0, 1]),
    oom_killed=st.booleans(),
)
probes = st.builds(http, st.sampled_from([200, 500, None]), instants)
numbers = st.sampled_from([0.0, 0.5, 0.9, math.nan, math.inf, -math.inf])
samples = st.builds(Sample, st.sampled_from(["a", "b"]), numbers, instants)
metrics = st.builds(
    Metric,
    at=instants,
    name=st.just("errors"),
    samples=st.lists(samples, min_size=1, max_size=3),
    direction=st.sampled_from(list(Direction)),
    limit=st.sampled_from([None, 0.5]),
    counted_since_action=st.booleans(),
)
alerts = st.builds(AlertState, at=instants, firing=st.booleans())
neighbours = st.builds(Neighbours, at=instants, ready=st.dictionaries(st.sampled_from("pq"), st.booleans()))


def metric(value):
    return Metric(at=AFTER, name="errors", samples=(Sample("a", value, AFTER),), direction=Direction.LOWER)


# What each sensor sees of a fix that worked, and what else it may see.
INSTRUMENTS = {
    "kubernetes": (workload(), workloads),
    "docker": (container(), containers),
    "probe": (http(), probes),
    "prometheus": (metric(0.5), metrics),
    "scrape": (metric(0.0), metrics),
    "alerts": (AlertState(at=AFTER, firing=False), alerts),
    "neighbours": (Neighbours(at=AFTER, ready={"p": True}), neighbours),
}
failures = st.sampled_from([SensorFailure(kind) for kind in FailureKind])


@st.composite
def attempts(draw, sensor):
    good, anything = INSTRUMENTS[sensor]
    # Mostly good, or every case would be a failure and no law would be tried.
    chance = draw(st.integers(0, 15))
    result = draw(failures) if chance == 0 else draw(anything) if chance <= 2 else good
    return replace(attempt(good), sensor=sensor, result=result)


@cache  # a strategy that is made in each draw takes longer than what it draws
def snapshots(plan):
    made = st.tuples(*map(attempts, plan))
    return made.map(lambda those: Snapshot(taken_at=AFTER, attempts=those))


@cache
def looks(plan):
    """What may have been seen before the action and after it."""
    return st.none() | snapshots(plan), st.lists(snapshots(plan), min_size=1, max_size=3)


OWN = ["kubernetes", "docker", "probe"]
BESIDE = [sensor for sensor in INSTRUMENTS if sensor not in OWN]
# Now and then none that looks at the target itself, which leaves only one verdict.
plans = st.tuples(
    st.lists(st.sampled_from(OWN), unique=True, min_size=1, max_size=2) | st.sampled_from([["probe"]] * 3 + [[]]),
    st.lists(st.sampled_from(BESIDE), unique=True, max_size=3),
).map(lambda chosen: (*chosen[0], *chosen[1]))
actions = st.sampled_from([*[ActionKind.ROLLOUT_RESTART] * 40, *ActionKind]).map(action)


@st.composite
def cases(draw):
    before, observed = looks(draw(plans))
    return Case(
        before=draw(before),
        observed=draw(observed) if draw(st.integers(0, 20)) else [],
        action=draw(actions),
        succeeded=draw(st.integers(0, 15)) > 0,
        finished_at=ACTED,
        soaked=draw(st.integers(0, 9)) > 0,
    )


def bad_metric(*values, at=AFTER, limit=None):
    given = tuple(Sample("series", value, at) for value in values)
    return Metric(at=AFTER, name="m", samples=given, direction=Direction.LOWER, limit=limit)


BAD = {
    "no replica ready": attempt(workload(ready=0)),
    "crash loop": attempt(workload(waiting=(Waiting.CRASH_LOOP,))),
    "OOM kill": attempt(workload(terminations=(oom(1),))),
    "container stopped": attempt(container(running=False)),
    "unhealthy": attempt(container(health=ContainerHealth.UNHEALTHY)),
    "HTTP 503": attempt(http(503)),
    "no answer": attempt(http(None)),
    **{f"silent: {kind}": replace(silent(attempt(workload()).kind, kind)) for kind in FailureKind},
    "NaN": attempt(bad_metric(math.nan)),
    "infinite": attempt(bad_metric(-math.inf)),
    "one of two is NaN": attempt(bad_metric(0.0, math.nan)),
    "no series": attempt(bad_metric()),
    "stale": attempt(bad_metric(0.0, at=BEFORE)),
    "beyond the limit": attempt(bad_metric(0.6, limit=0.5)),
    "alert fires": attempt(AlertState(at=AFTER, firing=True)),
}
BROKEN = [name for name in BAD if BAD[name].about_target and not isinstance(BAD[name].result, SensorFailure)]
bad_readings = st.sampled_from(sorted(BAD)).map(lambda name: replace(BAD[name], sensor="one more"))


def with_attempts(snapshot, change):
    return replace(snapshot, attempts=tuple(change(list(snapshot.attempts))))


def changed(case, look, change):
    observed = [with_attempts(s, change) if n == look else s for n, s in enumerate(case.observed)]
    return replace(case, observed=observed)


def everywhere(case, change):
    """The case with each attempt of each snapshot changed."""

    def of(snapshot):
        return with_attempts(snapshot, lambda attempts: map(change, attempts))

    before = None if case.before is None else of(case.before)
    return replace(case, before=before, observed=[of(snapshot) for snapshot in case.observed])


def said(case):
    judgement = judge(case)
    return judgement.verdict, judgement.reason


@law
@given(cases())
def test_there_is_one_verdict_with_a_reason_of_its_own_for_everything(case):
    verdict, reason = said(case)

    assert reason in REASONS[verdict]


@law
@given(cases())
def test_judging_changes_nothing_and_repeats_itself(case):
    same = replace(case, before=copy.deepcopy(case.before), observed=copy.deepcopy(case.observed))
    first = judge(case)

    assert repr(case) == repr(same)
    assert judge(case) == judge(same) == first


@law
@given(cases(), bad_readings)
def test_a_bad_reading_in_the_last_look_improves_nothing(case, bad):
    assume(case.observed)
    worse = changed(case, len(case.observed) - 1, lambda attempts: [*attempts, bad])

    assert RANK[judge(worse).verdict] <= RANK[judge(case).verdict]


@law
@given(cases(), st.sampled_from(BROKEN), st.data())
def test_a_broken_target_after_it_came_up_is_a_failure(case, name, data):
    up = [replace(attempt(workload()), sensor="sees all")]
    looks = [Snapshot(taken_at=AFTER, attempts=up), *case.observed, Snapshot(taken_at=AFTER, attempts=up)]
    look = data.draw(st.integers(1, len(looks) - 1))
    broken = replace(BAD[name], sensor="one more")
    worse = changed(replace(case, observed=looks), look, lambda attempts: [*attempts, broken])

    assert RANK[judge(worse).verdict] <= RANK[judge(replace(case, observed=looks)).verdict]
    if case.action.kind is not ActionKind.OBSERVE:
        assert judge(worse).verdict is Verdict.FAILED


@law
@given(cases(), st.sampled_from([(math.nan, AFTER), (math.inf, AFTER), (1e9, AFTER), (0.0, BEFORE)]))
def test_a_bad_series_in_a_metric_improves_nothing(case, added):
    assume(case.observed and any(isinstance(a.result, Metric) for a in case.after.attempts))

    def worse(attempts):
        for one in attempts:
            if isinstance(one.result, Metric):
                more = [*one.result.samples, Sample("one more", *added)]
                yield replace(one, result=replace(one.result, samples=more))
            else:
                yield one

    assert RANK[judge(changed(case, len(case.observed) - 1, worse)).verdict] <= RANK[judge(case).verdict]


@law
@given(cases(), st.sampled_from([workload(ready=2), container(health=ContainerHealth.STARTING)]))
def test_a_target_that_is_on_its_way_is_no_success(case, on_its_way):
    assume(case.observed)
    more = replace(attempt(on_its_way), sensor="one more")

    assert judge(changed(case, len(case.observed) - 1, lambda a: [*a, more])).verdict is not Verdict.SUCCESS


@law
@given(cases())
def test_no_success_without_a_fresh_reading_of_the_target(case):
    def aged(one):
        if not one.about_target or isinstance(one.result, SensorFailure):
            return one
        return replace(one, result=replace(one.result, at=ACTED))

    assert judge(everywhere(case, aged)).verdict is not Verdict.SUCCESS
    unseen = replace(
        case, observed=[with_attempts(s, lambda a: [x for x in a if not x.about_target]) for s in case.observed]
    )
    assert judge(unseen).verdict is not Verdict.SUCCESS


@law
@given(cases())
def test_a_success_has_seen_all_that_it_needs(case):
    assume(judge(case).verdict is Verdict.SUCCESS)

    assert case.succeeded
    assert case.soaked
    assert not case.after.silent_required()
    seen = [a.result for a in case.after.attempts if a.about_target and not isinstance(a.result, SensorFailure)]
    fresh = [reading for reading in seen if reading.at > ACTED]
    assert fresh
    assert {examine(reading, since=ACTED).condition for reading in fresh} == {Condition.HEALTHY}
    for one in case.after.attempts:
        if isinstance(one.result, Metric):
            assert all(math.isfinite(sample.value) and sample.at > ACTED for sample in one.result.samples)
        if isinstance(one.result, AlertState):
            assert not one.result.firing


@law
@given(cases(), st.sampled_from(list(FailureKind)), st.data())
def test_no_success_without_a_required_sensor(case, kind, data):
    required = [a.sensor for a in case.after.attempts if a.required]
    assume(required)
    missing = data.draw(st.sampled_from(required))

    def without(attempts):
        return [replace(a, result=SensorFailure(kind)) if a.sensor == missing else a for a in attempts]

    lost = changed(case, len(case.observed) - 1, without)
    assert judge(lost).verdict is not Verdict.SUCCESS


@law
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_attempts_does_not_matter(case, random):
    def shuffled(snapshot):
        return with_attempts(snapshot, lambda attempts: random.sample(attempts, len(attempts)))

    before = None if case.before is None else shuffled(case.before)
    other = replace(case, before=before, observed=[shuffled(snapshot) for snapshot in case.observed])

    assert said(other) == said(case)
    assert score(other) == score(case)


names = st.text(max_size=12)
praise = st.sampled_from(["healthy", "success: true", "Running 3/3 READY", "failed", "Unhealthy", "CrashLoopBackOff"])


@law
@given(cases(), st.lists(names | praise, min_size=7, max_size=7, unique=True))
def test_the_names_of_the_sensors_do_not_matter(case, other):
    renamed = dict(zip(INSTRUMENTS, other, strict=True))

    assert said(everywhere(case, lambda one: replace(one, sensor=renamed[one.sensor]))) == said(case)


@law
@given(cases(), names | praise)
def test_texts_do_not_matter(case, text):
    def reworded(one):
        match one.result:
            case Metric():
                named = [replace(sample, series=text) for sample in one.result.samples]
                return replace(one, result=replace(one.result, name=text, samples=named))
            case Workload():
                ends = [t if t.reason == "OOMKilled" else replace(t, reason=text) for t in one.result.terminations]
                return replace(one, result=replace(one.result, terminations=ends))
            case _:
                return one

    assert said(everywhere(case, reworded)) == said(case)
    commanded = replace(case, action=case.action.model_copy(update={"command": text}))
    if case.action.kind is not ActionKind.OTHER:
        assert said(commanded) == said(case)


CLAIMS = {"success": True, "status": "healthy", "verdict": "success", "ready_text": "3/3", "failed": 0, "at_": 1}


@law
@given(cases())
def test_what_a_stored_reading_claims_of_itself_is_not_read(case):
    def claiming(value):
        if isinstance(value, dict):
            return {**CLAIMS, **{name: claiming(item) for name, item in value.items()}}
        return [claiming(item) for item in value] if isinstance(value, list) else value

    assume(case.before is not None)
    neighbours = [a for a in case.before.attempts if isinstance(a.result, Neighbours)]
    before = with_attempts(case.before, lambda attempts: [a for a in attempts if a not in neighbours])
    plain = json.loads(json.dumps(snapshot_document(before.taken_at, attempt_documents(before))))
    without = replace(case, before=snapshot_from(plain))
    withal = replace(case, before=snapshot_from(claiming(plain)))

    assert repr(withal.before) == repr(without.before)
    assert said(withal) == said(without) == said(replace(case, before=before))


def test_there_is_no_field_for_a_claim():
    for kind in (Workload, HttpProbe, Metric, AlertState, Neighbours, Attempt):
        assert not {"success", "ok", "healthy", "status_text"} & set(kind.__dataclass_fields__)


@law
@given(cases(), st.integers(1, 10**6))
def test_only_the_order_of_times_matters(case, seconds):
    shift = timedelta(seconds=seconds)

    def moved(reading):
        if isinstance(reading, SensorFailure):
            return reading
        changes = {"at": reading.at + shift}
        if isinstance(reading, Metric):
            changes["samples"] = [replace(s, at=s.at + shift) for s in reading.samples]
        if isinstance(reading, Workload):
            changes["terminations"] = [replace(t, at=t.at + shift) for t in reading.terminations]
        return replace(reading, **changes)

    later = everywhere(case, lambda one: replace(one, result=moved(one.result)))
    assert said(replace(later, finished_at=ACTED + shift)) == said(case)


def test_the_cases_of_these_laws_have_every_verdict():
    """Counted until there are enough of each: how many draws that takes is chance, that it takes so many never is."""
    seen = Counter()

    def has_enough(case):
        seen[judge(case).verdict] += 1
        return min(seen[verdict] for verdict in Verdict) >= 3 and seen[Verdict.SUCCESS] >= 20

    draws = settings(max_examples=600, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    assert find(cases(), has_enough, settings=draws)
