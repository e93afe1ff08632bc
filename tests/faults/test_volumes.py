"""What ``make chaos ARGS=--whole`` comes to, and that the usual run is a part of it."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import CAMPAIGNS, AnyCampaign
from tests.faults.commits import CUTS
from tests.faults.races.campaign import SLOTS
from tests.faults.soak import WHOLE_S
from tests.faults.steps.subjects import SUBJECTS
from tests.faults.verification.steps import STEPS

_BY_NAME = {campaign.name: campaign for campaign in CAMPAIGNS}


@pytest.mark.parametrize(
    ("campaigns", "each", "least"),
    [
        (["postgres"], 1, 300),
        (["km-write", "alert-bridge"], 1, 500),
        (["redis", "redis-states", "no-aof"], 1, 200),
        (["both"], 1, 60),
        (["sigterm"], 1, 200),
        (["commit"], CUTS, 500),
        (["races"], SLOTS, 500),
        (["steps"], 1, 25 * len(SUBJECTS)),
        (["verification"], 1, 25 * len(STEPS)),
        (["soak"], WHOLE_S, 1_800),
    ],
    ids=lambda each: " and ".join(each) if isinstance(each, list) else str(each),
)
def test_a_whole_volume_has_enough_of_everything(campaigns: list[str], each: float, least: int) -> None:
    assert sum(_BY_NAME[name].whole for name in campaigns) * each >= least


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.name)
def test_a_whole_volume_has_what_the_usual_run_has(campaign: AnyCampaign) -> None:
    assert campaign.whole >= campaign.share
