"""Campaigns and planted bugs, one after the other on one stage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from shared.local.children import ProcessFailed
from tests.faults.campaigns import CAMPAIGNS, AnyCampaign
from tests.faults.collector import Collector
from tests.faults.load import Stuck
from tests.faults.planted import Bug
from tests.faults.report import Catch, Result, Ticker, problems, table, verdict
from tests.faults.stage import Stage, Wiring

_ROUNDS_FOR_A_BUG: Final = 6


class Run:
    """A run on a stage.

    Args:
        seed: what is done, and when; the same seed does the same.
        ticker: told what is going on.
    """

    def __init__(self, stage: Stage, collector: Collector, *, seed: str, ticker: Ticker) -> None:
        self._stage = stage
        self._collector = collector
        self._seed = seed
        self._ticker = ticker
        self._began = time.monotonic()
        self._results: list[Result] = []
        self._catches: list[Catch] = []

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept, and every planted bug caught."""
        return all(result.held for result in self._results) and all(catch.count for catch in self._catches)

    async def campaign(self, campaign: AnyCampaign, rounds: int, *, first: int = 0, must_show: bool = True) -> Result:
        """Play rounds of a campaign.

        Args:
            rounds: how many.
            first: the number of the first one.
            must_show: whether they are enough for every counter that must move.
        """
        result = Result(campaign)
        self._results.append(result)
        try:
            await asyncio.to_thread(self._stage.cast, {}, _wiring(campaign))
            for number in range(first, first + rounds):
                self._show(f"{campaign.name} {number - first + 1}/{rounds}")
                result.add(await campaign.play(self._stage, self._collector, seed=self._seed, number=number))
            idle = [name for name in campaign.shows if must_show and not getattr(result.figures, name)]
            result.figures.blame("wrong", idle, "counters never moved, so nothing was shown")
        except (Stuck, ProcessFailed) as error:
            result.figures.blame("wrong", [str(error)], "round did not come to its end")
            raise
        finally:
            for line in (result.line(), *problems(result)):
                self._ticker.write(line)
        return result

    async def planted(self, bug: Bug) -> Catch:
        """Put a planted bug in its function's place and see whether its campaign notices."""
        campaign = next(campaign for campaign in CAMPAIGNS if campaign.name == bug.campaign)
        catch = Catch(bug, 0, 0)
        await asyncio.to_thread(self._stage.cast, {bug.function: bug.source}, _wiring(campaign))
        while not catch.count and catch.rounds < _ROUNDS_FOR_A_BUG:
            self._show(f"planted {bug.name}, {bug.campaign} {catch.rounds + 1}")
            catch = Catch(bug, catch.rounds + 1, await self._symptoms(bug, campaign, catch.rounds))
        self._catches.append(catch)
        self._ticker.write(catch.line())
        return catch

    async def _symptoms(self, bug: Bug, campaign: AnyCampaign, number: int) -> int:
        """What one round counts of a bug; one that does not come to its end has noticed something as well."""
        try:
            report = await campaign.play(self._stage, self._collector, seed=self._seed, number=number)
        except Stuck:
            return 1
        return int(getattr(report.figures, bug.symptom))

    def conclude(self) -> None:
        """The table, and what it says."""
        if self._results:
            self._ticker.write(f"\n{table(self._results)}\n")
        self._ticker.write(f"{verdict(self._results, self._catches)} {time.monotonic() - self._began:.0f} s.")
        if not self.is_good:
            self._ticker.write(f"BROKEN: see the lines marked !; again with make chaos ARGS='--seed {self._seed}'")

    def _show(self, what: str) -> None:
        self._ticker.show(f"{what}, {time.monotonic() - self._began:.0f} s")


def _wiring(campaign: AnyCampaign) -> Wiring | None:
    """What a campaign wants the stage's functions to be started with; None where it does not use them."""
    return getattr(campaign, "wiring", None)


def shared_out(rounds: int, campaigns: Sequence[AnyCampaign]) -> list[int]:
    """So many rounds, by the campaigns' shares; the sum is exact."""
    whole = sum(campaign.share for campaign in campaigns)
    counts: list[int] = []
    share = 0
    for campaign in campaigns:
        share += campaign.share
        counts.append(round(rounds * share / whole) - sum(counts))
    return counts
