"""Takes for granted that Redis keeps what it takes."""

from __future__ import annotations

from dataclasses import replace

from functions.km_write import main
from shared.adapters.late_dead_letters import LateDeadLetters
from tests.faults.planted.composition import compose

asserted = replace(main.caps, durability_asserted=True)
letters = LateDeadLetters(main.redis_url, asserted, timeout_s=main.settings.queue_timeout_seconds)
handle = compose(dead_letters=letters)
