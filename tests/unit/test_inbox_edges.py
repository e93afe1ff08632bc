"""What an inbox answers for an event that it has seen: a redelivery, or a forgery."""

from __future__ import annotations

import pytest

from shared.adapters.inbox import Arrival, Claims, Earlier
from shared.domain.errors import Unprocessable
from shared.testing.clocks import NOON

ARRIVAL = Arrival("/a", "1", "digest")


def claims(*, fresh=(), digest="digest"):
    return Claims(NOON, frozenset(fresh), {("/a", "1"): Earlier(digest, {"said": 1}, NOON)})


def test_a_new_event_was_never_answered():
    assert claims(fresh=[("/a", "1")]).answer(ARRIVAL) is None


def test_a_redelivery_gets_the_first_answer():
    assert claims(fresh=[("/a", "2"), ("/b", "1")]).answer(ARRIVAL) == Earlier("digest", {"said": 1}, NOON)


def test_an_id_that_was_used_for_other_content_is_refused():
    with pytest.raises(Unprocessable, match="id 1 was used before with other content"):
        claims(digest="other").answer(ARRIVAL)
