"""Objectives over HTTP, from a Prometheus that can be told what to answer."""

from __future__ import annotations

import asyncio
import math
import socket
from contextlib import contextmanager

import pytest

from functions.governance_check import checks as doctor
from functions.governance_check.core.objectives import DEFAULT_OBJECTIVES, Objective
from functions.governance_check.core.policy import Policy
from functions.governance_check.inspectors import inspectors
from functions.governance_check.metrics import PrometheusMetrics
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.prometheus import PrometheusApi
from shared.domain.governance import CheckName, Status
from shared.local.simulators.faults import Fault
from shared.local.simulators.prometheus import PrometheusSimulator

RATE = Objective(name="rate", query="sli:rate:5m", direction="above", target=0.8, hard_red_line=0.7)
TIMEOUT_S = 0.3


class Prometheus:
    """The simulator, and the check that asks it."""

    def __init__(self, http, simulator, url):
        self._http = http
        self.url = url
        self.told = simulator

    async def check(self, *objectives):
        policy = Policy(objectives=objectives or (RATE,), sample_age_s=60)
        metrics = PrometheusMetrics(PrometheusApi(Endpoint(http=self._http, url=self.url, timeout_s=TIMEOUT_S)))
        return await inspectors(None, metrics, policy)[CheckName.SLO_COMPLIANCE]()

    async def rate(self):
        found = (await self.check()).slos["rate"]
        return found.status, found.reason or found.value


@pytest.fixture
async def prometheus():
    http, simulator = HttpClient(), PrometheusSimulator()
    async with simulator.serving() as url:
        yield Prometheus(http, simulator, url)
        await http.aclose()


@contextmanager
def nobody():
    """A port that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


class TestOneObjective:
    @pytest.mark.parametrize(
        ("value", "found"),
        [
            (0.9, ("ok", 0.9)),
            (0.75, ("at_risk", 0.75)),
            (0.1, ("violated", 0.1)),
            (math.nan, ("skipped", "nan")),
            (math.inf, ("skipped", "infinite")),
            (-math.inf, ("skipped", "infinite")),
        ],
    )
    async def test_its_value_decides(self, prometheus, value, found):
        prometheus.told.scrape("sli:rate:5m", {}, value)
        assert await prometheus.rate() == found

    async def test_without_a_series_it_is_skipped(self, prometheus):
        assert await prometheus.rate() == ("skipped", "empty")

    async def test_an_old_sample_is_skipped_though_the_answer_is_new(self, prometheus):
        prometheus.told.scrape("sli:rate:5m", {}, 0.9, age_s=90)
        assert await prometheus.rate() == ("skipped", "stale")

    async def test_all_series_are_looked_at_whatever_their_order(self, prometheus):
        for pod, value in (("a", 0.95), ("b", 0.2), ("c", 0.9)):
            prometheus.told.scrape("sli:rate:5m", {"pod": pod}, value)
        assert await prometheus.rate() == ("violated", 0.2)

    async def test_each_series_has_an_age_of_its_own(self, prometheus):
        prometheus.told.scrape("sli:rate:5m", {"pod": "a"}, 0.2)
        prometheus.told.scrape("sli:rate:5m", {"pod": "b"}, 0.9, age_s=90)
        assert await prometheus.rate() == ("violated", 0.2)

    async def test_a_computed_value_is_as_old_as_its_oldest_sample(self, prometheus):
        best = RATE.model_copy(update={"query": "max(sli:rate:5m)", "sampled_at": "timestamp(sli:rate:5m)"})
        prometheus.told.scrape("sli:rate:5m", {"pod": "a"}, 0.9)
        assert (await prometheus.check(best)).slos["rate"].status == "ok"

        prometheus.told.scrape("sli:rate:5m", {"pod": "b"}, 0.9, age_s=90)
        assert (await prometheus.check(best)).slos["rate"].reason == "stale"

    async def test_its_clock_is_prometheus_clock(self):
        """A machine ten minutes ahead of ours: what it scraped just now is fresh."""
        http, ahead = HttpClient(), PrometheusSimulator(clock=lambda: 600 + asyncio.get_running_loop().time())
        async with ahead.serving() as url:
            ahead.scrape("sli:rate:5m", {}, 0.9)
            assert await Prometheus(http, ahead, url).rate() == ("ok", 0.9)
        await http.aclose()

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (400, "refused"),
            (401, "denied"),
            (403, "denied"),
            (404, "not_found"),
            (422, "unreachable"),
            (500, "unreachable"),
            (502, "unreachable"),
            (503, "timeout"),
        ],
    )
    async def test_an_http_error_is_an_error_and_says_which(self, prometheus, status, reason):
        prometheus.told.scrape("sli:rate:5m", {}, 0.9)
        prometheus.told.faults.add(Fault(status=status, path="/api/v1/query", times=None))
        assert await prometheus.rate() == ("error", reason)

    async def test_one_that_never_answers_is_an_error(self, prometheus):
        prometheus.told.faults.add(Fault(path="/api/v1/query", times=None))
        assert await prometheus.rate() == ("error", "timeout")

    async def test_one_that_is_not_there_is_an_error(self, prometheus):
        with nobody() as prometheus.url:
            assert await prometheus.rate() == ("error", "unreachable")

    async def test_a_query_that_is_none_is_an_error(self, prometheus):
        broken = RATE.model_copy(update={"query": "sli:rate:5m{", "sampled_at": "timestamp(sli:rate:5m)"})
        assert (await prometheus.check(broken)).slos["rate"].reason == "refused"


class TestTheTable:
    async def test_the_five_of_the_design_are_understood(self, prometheus):
        well = {"sli:autonomy_rate:5m": 0.9, "sli:decision_accuracy:5m": 0.95, "sli:confidence_calibration:1h": 0.9}
        well |= {"knowledge_entries_created_24h": 30, "sli:summary_latency_seconds:5m": 1}
        for metric, value in well.items():
            prometheus.told.scrape(metric, {"job": "aftercare"}, value)
        report = await prometheus.check(*DEFAULT_OBJECTIVES)

        assert {name: level.status for name, level in report.slos.items()} == dict.fromkeys(report.slos, "ok")
        assert report.status is Status.OK

    async def test_growth_may_come_from_the_recording_rule_instead(self, prometheus):
        growth = DEFAULT_OBJECTIVES[3]
        prometheus.told.scrape("sli:km_growth_rate:24h", {}, 10)
        assert (await prometheus.check(growth)).slos["km_growth_rate"].status == "at_risk"

        prometheus.told.scrape("sli:km_growth_rate:24h", {}, 10, age_s=0)
        prometheus.told.scrape("knowledge_entries_created_24h", {}, 40, age_s=90)
        assert (await prometheus.check(growth)).slos["km_growth_rate"].reason == "stale"

    async def test_prometheus_down_is_an_error_five_times_and_never_ok(self, prometheus):
        with nobody() as prometheus.url:
            report = await prometheus.check(*DEFAULT_OBJECTIVES)

        assert (report.status, report.counts["error"], report.counts["ok"]) == (Status.ERROR, 5, 0)

    async def test_one_broken_query_spoils_no_other(self, prometheus):
        prometheus.told.scrape("sli:rate:5m", {}, 0.1)
        broken = Objective(name="broken", query="max(", sampled_at="max(", direction="above", target=1, hard_red_line=0)
        report = await prometheus.check(RATE, broken)

        assert {name: level.status for name, level in report.slos.items()} == {"rate": "violated", "broken": "error"}


async def test_without_a_prometheus_every_objective_is_skipped():
    report = await inspectors(None, None, Policy())[CheckName.SLO_COMPLIANCE]()

    assert report.status is Status.NO_DATA
    assert {level.reason for level in report.slos.values()} == {"no_prometheus"}


async def test_the_doctor_asks_for_every_objective(prometheus):
    prometheus.told.scrape("sli:autonomy_rate:5m", {}, 0.1)
    given = {"AUTH_MODE": "network", "DATABASE_URL": "postgresql://u@h/d", "PROMETHEUS_URL": prometheus.url}
    (check,) = doctor.checks(given)
    found = {finding.what: finding.state.value async for finding in check.look()}

    assert found == {objective.name: "wrong" for objective in DEFAULT_OBJECTIVES} | {"autonomy_rate": "ok"}


async def test_the_doctor_says_that_there_is_nobody_to_ask():
    (check,) = doctor.checks({"AUTH_MODE": "network", "DATABASE_URL": "postgresql://u@h/d"})

    assert [finding.state.value async for finding in check.look()] == ["unset"]
