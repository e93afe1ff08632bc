"""What the name of a pod says about its owner: Kubernetes makes it from the owner's name."""

from __future__ import annotations

import re
from typing import Final

# The alphabet of generated names has no vowels and none of 0, 1 and 3, so most words that people choose are not in it.
# A pod's own ending has five of its letters; the hash of a ReplicaSet has as many as a number of 32 bits has digits,
# nearly always eight or more.
_RANDOM: Final = r"[bcdfghjklmnpqrstvwxz2456789]"
_GENERATED: Final = re.compile(rf"(.+)-{_RANDOM}{{5}}")
_HASHED: Final = re.compile(rf"(.+)-{_RANDOM}{{8,10}}")
_NUMBERED: Final = re.compile(r"(.+)-[0-9]{1,9}")


def without_ending(name: str) -> str | None:
    """``api-7d9f6c5b4`` for the pod ``api-7d9f6c5b4-x2x7q``: of a ReplicaSet, DaemonSet or Job."""
    return _base(_GENERATED, name)


def without_hash(name: str) -> str | None:
    """``api`` for the ReplicaSet ``api-7d9f6c5b4``: of a Deployment."""
    return _base(_HASHED, name)


def without_number(name: str) -> str | None:
    """``web`` for the pod ``web-0``: of a StatefulSet; of an indexed Job when its own ending is gone already."""
    return _base(_NUMBERED, name)


def stem(name: str) -> str:
    """What is left of a pod's name without everything that may be generated: most likely its workload's name."""
    base = without_ending(name)
    return without_number(name) or name if base is None else without_hash(base) or base


def _base(pattern: re.Pattern[str], name: str) -> str | None:
    found = pattern.fullmatch(name)
    return None if found is None else found[1]
