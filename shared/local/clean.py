"""``python -m shared.local.clean``: remove what ``make run`` made, also the folders it had to make elsewhere."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from shared.local.folders import remove
from shared.local.instance import Instance

ROOT = Path(__file__).resolve().parents[2]
CACHES = (".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis")


def main() -> int:
    """0 when it is gone; 2 while a run still uses it."""
    run_folder = ROOT / ".aftercare"
    running = Instance(run_folder).running()
    if running is not None:
        print(f"clean: a run is using .aftercare; stop it first: kill {running.pid}", file=sys.stderr)
        return 2
    remove(run_folder)
    for name in (".venv", *CACHES):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
