"""What PostgreSQL says of itself that no test server here can be made to say."""

from __future__ import annotations

import pytest

from shared.commands.findings import State
from shared.commands.postgres_checks import _server
from shared.commands.schema import revisions


class Saying:
    """A connection to a server of which this is true."""

    def __init__(self, *, standby=False, fsync="on", synchronous="on"):
        self._server = ["18.4", standby, fsync, synchronous, True]

    def rows(self, sql):
        return [self._server] if "fsync" in sql else [[revisions()[-1]]]


@pytest.mark.parametrize(
    ("given", "what"),
    [({"fsync": "off"}, "fsync"), ({"standby": True}, "server"), ({"synchronous": "off"}, "synchronous_commit")],
)
def test_a_server_that_breaks_the_promise_is_wrong(given, what):
    found = _server(Saying(**given))

    assert [finding.what for finding in found if finding.state is State.WRONG] == [what]


@pytest.mark.parametrize("synchronous", ["on", "local", "remote_write", "remote_apply"])
def test_a_server_that_keeps_it_is_well(synchronous):
    assert {finding.state for finding in _server(Saying(synchronous=synchronous))} == {State.OK}
