"""``python -m shared.local run|demo``: start everything here, play the story, and stay up or stop."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Final

from shared.domain.errors import AftercareError
from shared.local.laptop import ROOT, Laptop
from shared.local.story import Story
from shared.local.terminal import Narrator

_STEPS: Final = 6
_FAILED: Final = 1
_INTERRUPTED: Final = 130


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared.local", description="Aftercare on a laptop.")
    parser.add_argument("command", choices=("run", "demo"), help="run keeps serving; demo stops after the story")
    parser.add_argument("--folder", type=Path, default=ROOT / ".aftercare", help="where data and logs are kept")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    narrator = Narrator(steps=_STEPS)
    try:
        with Laptop(options.folder, narrator) as laptop:
            narrator.say()
            Story(laptop, narrator).tell()
            narrator.say(f"\nEvery promise held. {narrator.elapsed_s:.1f} s in all. {laptop.shortened}")
            if options.command == "run":
                _serve(laptop, narrator)
    except AftercareError as error:
        sys.stderr.write(f"\n{error}\nLogs: {options.folder}/*.log\n")
        return _FAILED
    except KeyboardInterrupt:
        narrator.say("\nStopped. Data and logs are kept; make clean removes them.")
        return 0 if options.command == "run" else _INTERRUPTED
    return 0


def _serve(laptop: Laptop, narrator: Narrator) -> None:
    narrator.say(f"\nBroker   {laptop.broker}   (POST CloudEvents; GET /events, /stats)")
    for function in laptop.functions:
        narrator.say(f"         {laptop.url(function)}   {function}")
    note = laptop.folder.relative_to(Path.cwd()) if laptop.folder.is_relative_to(Path.cwd()) else laptop.folder
    narrator.say(f"Next     . {note}/env && .venv/bin/aftercare doctor")
    narrator.say("Ctrl-C stops everything. Data is kept; make clean removes it.")
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
