"""Rounds of it, each with a blow and a step of its own; a campaign among the others of ``make chaos``."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.collector import Collector
from tests.faults.laboratory import Laboratory
from tests.faults.rounds import Report
from tests.faults.stage import Stage
from tests.faults.verification.audit import Aftermath, audit
from tests.faults.verification.books import Books
from tests.faults.verification.executor import Executor
from tests.faults.verification.replicas import Replicas
from tests.faults.verification.rounds import Round, sweep
from tests.faults.verification.steps import STEPS, Blow, Plan, plan
from tests.faults.verification.subjects import LATER, Plot, cast

_SOURCE: Final = "tests/faults/verification_main.py"
# The transaction of a stalled process is ended by PostgreSQL after 5 s; until then nobody else may promise the same.
_STALLED_S: Final = 8.0
_EACH: Final = 2  # one for each process, when there are two


@dataclass(frozen=True, slots=True)
class VerificationCampaign:
    """See :class:`tests.faults.rounds.Campaign`."""

    name: str = "verification"
    does: str = "verify-execution kill -9, SIGTERM or stalled at every step of a verification"
    share: int = 45
    whole: int = 25 * len(STEPS)  # 25 blows at each step
    shows: tuple[str, ...] = ("acknowledged", "deferred", "refused")

    async def play(self, stage: Stage, collector: Collector, *, seed: str, number: int) -> Report:
        """One round, on the stage's PostgreSQL."""
        chosen = plan(number, lap=Random(seed).randrange(5))
        source = stage.planted.get("verify-execution", _SOURCE)
        folder = stage.logs / f"verification-{number}"
        return await play(
            stage.postgres.uri(), collector, chosen, folder=folder, seed=f"{seed} {number}", source=source
        )


async def play(
    database_url: str,
    collector: Collector,
    chosen: Plan,
    *,
    folder: Path,
    seed: str,
    plots: tuple[Plot, ...] = tuple(Plot),
    looks: int = len(LATER),
    whole_s: float = 3.0,
    source: str = _SOURCE,
) -> Report:
    """Play one round.

    Args:
        database_url: PostgreSQL, migrated; what verifications left there is removed first.
        chosen: which blow, and when.
        folder: for logs.
        seed: decides the instants that are left to chance.
        plots: what becomes of the targets.
        looks: how many later looks are taken.
        whole_s: the bound of a verification; targets that never come up take all of it.
        source: the composition that is started.

    Raises:
        Stuck: something did not come to its end.
        ProcessFailed: a process did not come back.
    """
    subjects = cast(plots, each=_EACH)
    async with AsyncExitStack() as stack:
        books = await stack.enter_async_context(Books(database_url))
        await books.empty()
        collector.forget()
        laboratory = await stack.enter_async_context(Laboratory())
        laboratory.behaviours.update({subject.name: subject.answer for subject in subjects})
        settings = {
            "DATABASE_URL": database_url,
            "EVENT_SINK": collector.url,
            "LABORATORY": str(laboratory.port),
        }
        if chosen.blow is Blow.STALL:
            whole_s += _STALLED_S
        replicas = stack.enter_context(Replicas(chosen.replicas, source, folder, whole_s=whole_s, **settings))
        executor = Executor(replicas)
        stack.callback(executor.close)
        round_ = Round(chosen, Random(seed), subjects, laboratory, replicas, executor, books, looks)
        await round_.play()
        await sweep(database_url, collector.url)
        figures = audit(
            Aftermath(
                subjects=subjects,
                looks=looks,
                answers=executor.answers,
                acknowledged=executor.acknowledged,
                blamed=executor.blamed,
                deaths=0 if chosen.blow is Blow.SIGTERM else 1,
                tables=await books.tables(),
                said=laboratory.said,
                announced=collector.seen,
                fickle=collector.fickle,
            )
        )
    figures.blame("wrong", round_.problems, "promises were not kept")
    figures.problems[:] = [f"{chosen}: {problem}" for problem in figures.problems]
    round_.notes["verdicts"] += sum(len(subject.verdicts(looks)) for subject in subjects)
    return Report(figures, round_.notes)
