"""A few rounds of what ``make chaos`` plays for minutes: one verdict for each look, and a true one, whoever dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.collector import Collector
from tests.faults.verification.campaign import play
from tests.faults.verification.steps import STEPS, Blow, Plan
from tests.faults.verification.subjects import Plot

_STEPS = {step.name: step for step in STEPS}


@pytest.mark.parametrize(
    ("step", "blow", "replicas"), [("second reading", Blow.KILL9, 1), ("verdict being written", Blow.SIGTERM, 2)]
)
async def test_each_look_has_one_verdict_and_it_is_true(
    database_url: str, tmp_path: Path, step: str, blow: Blow, replicas: int
) -> None:
    async with Collector() as collector:
        report = await play(
            database_url,
            collector,
            Plan(_STEPS[step], blow, replicas),
            folder=tmp_path,
            seed=step,
            plots=(Plot.WORKS, Plot.MENDS, Plot.FLAPS),
            looks=1,
            whole_s=15.0,
        )

    assert report.figures.problems == []
    assert report.figures.acknowledged == report.figures.attempted
    assert report.notes[blow] == 1
