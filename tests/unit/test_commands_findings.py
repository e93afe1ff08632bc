"""Checks: all at once, each bounded, none able to stop another."""

from __future__ import annotations

import asyncio

from shared.commands.findings import Check, State, examine, ok
from shared.domain.errors import UpstreamUnavailable


async def fine():
    yield ok("server", "answers")


async def hanging():
    yield ok("server", "answers")
    await asyncio.Event().wait()
    yield ok("never", "reached")


async def raising():
    raise UpstreamUnavailable("it is not there")
    yield ok("never", "reached")


async def broken():
    yield ok("server", "answers")
    raise ZeroDivisionError("hunter2")


async def found(*looks, limit_s=5.0):
    examined = await examine([Check(look.__name__, look) for look in looks], limit_s=limit_s)
    return {each.name: [(finding.what, finding.state) for finding in each.findings] for each in examined}, examined


async def test_a_check_that_hangs_costs_only_itself_and_keeps_what_it_found():
    states, examined = await found(hanging, fine, limit_s=0.05)

    assert states == {"hanging": [("server", State.OK), ("answer", State.WRONG)], "fine": [("server", State.OK)]}
    assert examined[0].findings[-1].says == "none within 0.05 s"


async def test_a_check_that_breaks_costs_only_itself_and_tells_no_values():
    states, examined = await found(broken, raising, fine)

    assert states["fine"] == [("server", State.OK)]
    assert [finding.says for finding in examined[0].findings] == ["answers", "broke down (ZeroDivisionError)"]
    assert [finding.says for finding in examined[1].findings] == ["it is not there"]
    assert all(finding.fix for each in examined for finding in each.findings if finding.state is State.WRONG)


async def test_checks_are_made_at_once_and_told_in_order():
    together = asyncio.Barrier(2)

    async def first():
        await together.wait()
        await asyncio.sleep(0.01)
        yield ok("met", "the other")

    async def second():
        await together.wait()
        yield ok("met", "the other")

    states, _ = await found(first, second)
    assert list(states.items()) == [("first", [("met", State.OK)]), ("second", [("met", State.OK)])]
