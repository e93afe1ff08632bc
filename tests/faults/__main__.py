"""``python -m tests.faults [--soak SECONDS] [--seed S] [--page FILE]``, how much: ``--rounds N``, ``--short`` or
``--whole``, and what: ``--only NAME``, ``--planted`` or ``--matrix``.

Exits 0 when every promise held and every planted bug was caught, 1 when not, 2 when it could not begin. After a
broken promise the functions' logs stay, and the last line says where. Whole volumes take hours, but not in one go:
``--whole --only NAME`` plays one campaign's.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from shared.domain.errors import AftercareError
from shared.local.children import ProcessFailed
from tests.faults.campaigns import CAMPAIGNS, AnyCampaign
from tests.faults.collector import Collector
from tests.faults.load import Stuck
from tests.faults.matrix.playing import matrix
from tests.faults.planted import BUGS
from tests.faults.report import CAMPAIGNS_PAGE, MATRIX_PAGE, Ticker, page
from tests.faults.runs import Run, shared_out
from tests.faults.soak import NAME as SOAK
from tests.faults.soak import USUAL_S, WHOLE_S, soak
from tests.faults.stage import Stage

_SURE: Final = {("aof_not_asked", "no-aof"), ("no_inbox", "commit"), ("capped_by_forgetting", "overflow")}
_NAMES: Final = (*(campaign.name for campaign in CAMPAIGNS), *dict.fromkeys(bug.name for bug in BUGS))


def main() -> int:
    """Run what was asked for; the exit code."""
    options, ticker = _options(), Ticker()
    folder = Path(tempfile.mkdtemp(prefix="aftercare-chaos-"))
    code = 1
    try:
        code = asyncio.run((_matrix if options.matrix else _stage)(options, ticker, folder))
    except AftercareError as error:
        ticker.write(f"chaos cannot begin: {error}")
        code = 2
    except KeyboardInterrupt:
        code = 130
    else:
        if code == 0 and options.page is not None:
            about = MATRIX_PAGE if options.matrix else CAMPAIGNS_PAGE
            options.page.write_text(page(about, ticker.stayed), encoding="utf-8")
    finally:
        if code == 1:
            ticker.write(f"The functions' logs are in {folder / 'logs'}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return code


async def _stage(options: argparse.Namespace, ticker: Ticker, folder: Path) -> int:
    ticker.show("starting PostgreSQL, Redis and the functions")
    async with Collector() as collector:
        with Stage(folder, collector.url) as stage:
            ticker.write(f"PostgreSQL {stage.postgres.version}, Redis {stage.redis.version}, seed {options.seed}")
            run = Run(stage, collector, seed=options.seed, ticker=ticker)
            try:
                await _play(options, run)
            except (Stuck, ProcessFailed) as error:
                # Whatever did not come back would be missing in every later round as well.
                ticker.write(f"STOPPED: {error}")
                return 1
            finally:
                run.conclude()
    return 0 if run.is_good else 1


async def _matrix(_options: argparse.Namespace, ticker: Ticker, folder: Path) -> int:
    ticker.show("starting PostgreSQL, Redis and the functions")
    return 0 if await matrix(folder, ticker.write) else 1


async def _play(options: argparse.Namespace, run: Run) -> None:
    wanted = options.only or _NAMES
    campaigns = [campaign for campaign in CAMPAIGNS if campaign.name in wanted and not options.planted]
    bugs = [bug for bug in BUGS if bug.name in wanted]
    if options.short:
        await _play_slice(campaigns, run, options.seed)
        bugs = [bug for bug in bugs if (bug.name, bug.campaign) in _SURE]
    else:
        soak_s = options.soak or (WHOLE_S if options.whole else USUAL_S)
        for campaign, count in zip(campaigns, _counts(options, campaigns), strict=True):
            if count:
                await run.campaign(soak(soak_s) if campaign.name == SOAK else campaign, count)
    for bug in bugs:
        await run.planted(bug)


def _counts(options: argparse.Namespace, campaigns: Sequence[AnyCampaign]) -> list[int]:
    """How many rounds of each."""
    if options.whole:
        return [campaign.whole for campaign in campaigns]
    return shared_out(options.rounds or sum(campaign.share for campaign in campaigns), campaigns)


async def _play_slice(campaigns: Sequence[AnyCampaign], run: Run, seed: str) -> None:
    """A round of everything, not always the first one."""
    for campaign in campaigns:
        first = Random(f"{seed} {campaign.name}").randrange(campaign.share)
        await run.campaign(campaign, 1, first=first, must_show=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Kill, recover, count what was lost.")
    parser.add_argument("--soak", type=_positive, metavar="SECONDS", help="how long the soak lasts")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write what is printed to a page, if all held")
    parser.add_argument("--seed", default=str(secrets.randbelow(10**6)), help="repeat a run: what is done, and when")
    much = parser.add_mutually_exclusive_group()
    much.add_argument("--rounds", type=_positive, help="rounds in all, shared out over the campaigns")
    much.add_argument("--short", action="store_true", help="a round of every campaign, in three minutes")
    much.add_argument("--whole", action="store_true", help="the whole volume of every campaign, in hours")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--only", action="append", choices=_NAMES, help="one campaign or planted bug; may be repeated")
    what.add_argument("--planted", action="store_true", help="only the planted bugs")
    what.add_argument("--matrix", action="store_true", help="every function in every trouble of its servers")
    return parser.parse_args()


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
