"""``.venv`` from nothing but Python: the one step every ``make`` target begins with.

One way that works everywhere instead of a ladder of ways: the environment is made without ensurepip (Debian leaves it
out), and pip runs straight from the wheel in this repository, checked against the digest below. pip then knows its own
index (``PIP_INDEX_URL``, ``pip.conf``) and takes nothing whose hash is not in the lock.

Standard library only, and nothing newer than Python 3.8 before the version is checked: an old interpreter must reach
the sentence that says so. An environment is never mended: it is whole, with its stamp written last, or it is made anew.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import venv
except ImportError:  # some distributions package it apart
    venv = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PIP_WHEEL = Path("shared/local/wheels/pip-26.3-py3-none-any.whl")
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
LOCK = Path("requirements/dev.txt")
OLDEST, NEWEST = (3, 11), (3, 14)  # what the lock holds wheels for
NEEDED_MB = 500  # .venv is 330 MB, and pip unpacks beside it
LOG_LINES_SHOWN = 6


class NotReady(Exception):
    """The environment could not be made. The text is one sentence that says what to do."""


def main() -> int:
    """Make the environment ready; 0 when it is, 2 with one sentence on stderr when it cannot be."""
    arguments = argparse.ArgumentParser(description="Make .venv ready.")
    arguments.add_argument(
        "--step", default="", help="its place in a longer story, such as [1/5]; it then always prints"
    )
    step = arguments.parse_args().step
    began = time.monotonic()
    try:
        packages, made = ready(ROOT)
    except NotReady as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"bootstrap: {error.strerror}: {error.filename}; mend that and run it again.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bootstrap: interrupted; run it again, it starts anew.", file=sys.stderr)
        return 130
    if step or made:
        label = f"{step} tools".strip()
        text = f"Python {version()} · {packages} packages"
        print(f"{label:<17}{text:<56}{time.monotonic() - began:5.1f} s", flush=True)
    return 0


def ready(root: Path) -> tuple[int, bool]:
    """Make ``root/.venv`` whole.

    Returns:
        How many packages it holds, and whether it had to be made.
    """
    check_python(sys.version_info[:2])
    key = fingerprint(root)
    packages = stamped(root, key)
    if packages is not None:
        return packages, False
    with alone(root):
        packages = stamped(root, key)  # whoever held the lock before may have made it
        if packages is not None:
            return packages, False
        return make(root, key), True


def check_python(found: tuple[int, ...]) -> None:
    """Refuse an interpreter the lock has no wheels for."""
    if found < OLDEST:
        raise NotReady(f"Python {dotted(found)} is too old; use 3.11 or newer: make PYTHON=python3.11")
    if found > NEWEST:
        raise NotReady(
            f"Python {dotted(found)} is newer than the locked wheels; use {dotted(NEWEST)}: make PYTHON=python3.14"
        )


def fingerprint(root: Path) -> str:
    """A digest of everything the environment depends on: lock, project, pip, interpreter and place."""
    digest = hashlib.sha256()
    for part in (
        (root / LOCK).read_bytes(),
        (root / "pyproject.toml").read_bytes(),
        PIP_SHA256.encode(),
        f"{os.path.realpath(sys.executable)} {version()} {root}".encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def stamped(root: Path, key: str) -> int | None:
    """How many packages the environment holds; None unless it was finished for this very key."""
    try:
        stamp = json.loads((root / ".venv" / "stamp.json").read_text())
        return int(stamp["packages"]) if stamp["fingerprint"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Two makes at once: the second waits for the first. The kernel drops the lock with its holder."""
    folder = root / ".aftercare"
    folder.mkdir(exist_ok=True)
    with (folder / "bootstrap.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is preparing .venv; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make(root: Path, key: str) -> int:
    """Make the environment anew and stamp it; returns how many packages it holds."""
    if venv is None:
        raise NotReady("this Python has no `venv` module; install it and run it again: apt-get install python3-venv")
    check_room(root)
    check_wheel(root / PIP_WHEEL)
    expected = sum("==" in line for line in (root / LOCK).read_text().splitlines())
    print(f"Preparing .venv: about {expected} packages, once; it takes a minute on a slow line.", flush=True)
    environment = root / ".venv"
    if environment.is_symlink():
        raise NotReady(".venv is a link to somewhere else; remove it and run it again: rm .venv")
    if environment.exists():
        shutil.rmtree(environment)
    venv.EnvBuilder(with_pip=False, symlinks=True).create(environment)
    log = root / ".aftercare" / "bootstrap.log"
    log.write_text("")
    if not pip(root, log, "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)):
        raise NotReady(
            "the packages could not be installed (above are the last lines of .aftercare/bootstrap.log); "
            "check the network, or name a package index this machine can reach: PIP_INDEX_URL=<url> make"
        )
    # Editable, so that `.venv/bin/aftercare` runs the tree as it is; its build backend came with the lock.
    if not pip(root, log, "--no-index", "--no-deps", "--no-build-isolation", "--editable", "."):
        raise NotReady(
            "pyproject.toml could not be installed; the last lines of .aftercare/bootstrap.log above say why."
        )
    for folder in ("functions", "shared", "migrations"):
        compileall.compile_dir(root / folder, quiet=2)
    packages = len(list(environment.glob("lib/python*/site-packages/*.dist-info")))
    (environment / "stamp.json").write_text(json.dumps({"fingerprint": key, "packages": packages}))
    return packages


def check_room(root: Path, needed_mb: int = NEEDED_MB) -> None:
    """A full disk breaks pip in a hundred ways; this is the one sentence for all of them."""
    free_mb = shutil.disk_usage(root).free // 2**20
    if free_mb < needed_mb:
        raise NotReady(f"{free_mb} MB are free and .venv needs {needed_mb}; make room on the disk of {root}.")


def check_wheel(wheel: Path) -> None:
    """Refuse a pip that is not the one this repository means."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest() if wheel.is_file() else "none"
    if found != PIP_SHA256:
        raise NotReady(f"{PIP_WHEEL} is not the file it should be; bring it back: git checkout -- {PIP_WHEEL}")


def pip(root: Path, log: Path, *arguments: str) -> bool:
    """``pip install`` into the environment, isolated from the user's own packages; False, and why, when it fails."""
    environ = {**os.environ, "PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # Settings that send the packages elsewhere than into .venv, or leave out the byte-code (a start 4.5 times slower).
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "PIP_NO_COMPILE", "PYTHONDONTWRITEBYTECODE"):
        environ.pop(name, None)
    with log.open("ab") as output:
        done = subprocess.run(
            [str(root / ".venv" / "bin" / "python"), "-I", str(PIP_WHEEL / "pip"), "install", *arguments],
            cwd=root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        print("\n".join(f"  | {line[:160]}" for line in lines), file=sys.stderr)
    return done.returncode == 0


def version() -> str:
    """The running interpreter's version, such as 3.11.7."""
    return dotted(sys.version_info[:3])


def dotted(numbers: tuple[int, ...]) -> str:
    """A version as people write it."""
    return ".".join(str(number) for number in numbers)


if __name__ == "__main__":
    sys.exit(main())
