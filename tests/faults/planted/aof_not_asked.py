"""Takes for granted that Redis keeps what it takes."""

from __future__ import annotations

from dataclasses import replace

from functions.km_write import main
from shared.adapters.dead_letter_streams import RedisDeadLetters
from tests.faults.planted.composition import compose

handle = compose(dead_letters=RedisDeadLetters(main.redis, replace(main.caps, durability_asserted=True)))
