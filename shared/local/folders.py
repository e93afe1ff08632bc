"""Folders that fit, and links to those that had to be made elsewhere.

A server's folder may not suit it: the path of a unix socket ends after some 100 bytes, and as root PostgreSQL runs
under another account, which cannot pass a closed folder such as ``/root``. Then the real folder is made elsewhere and
a link stands in its place, so it is found again and removed with the rest. Nobody's closed folder is ever opened up.

A folder made elsewhere notes its link. When the link is gone, with the clone or the test it belonged to, the next one
made beside it sweeps it away.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.local.children import Account

_MARK: Final = "aftercare-"  # only folders we made ourselves are removed through a link
_NOTE: Final = "made-for"


def open_to_all(path: Path) -> bool:
    """Whether every account can read this file or folder; every folder above it has to be passable."""
    whole = path.resolve()
    mode = whole.stat().st_mode
    needed = stat.S_IROTH | (stat.S_IXOTH if whole.is_dir() else 0)
    return mode & needed == needed and all(above.stat().st_mode & stat.S_IXOTH for above in whole.parents)


def private(path: Path, *, account: Account | None, elsewhere: Path, longest: int | None = None) -> Path:
    """A folder that is the account's alone, at ``path`` or behind a link that stands there.

    Args:
        path: where it belongs; the folder above it exists.
        account: whose it is; None means ours.
        elsewhere: where to make it when ``path`` does not suit.
        longest: bytes the path may have.
    """
    if path.is_dir():
        return path.resolve()
    path.unlink(missing_ok=True)  # a link whose target was cleaned away
    too_long = longest is not None and len(os.fsencode(path)) > longest
    if too_long or (account is not None and not open_to_all(path.parent)):
        made = _made_elsewhere(path, elsewhere)
    else:
        made = path
        made.mkdir(mode=0o700)
    if account is not None:
        os.chown(made, account.uid, account.gid)
    return made


def _made_elsewhere(link: Path, elsewhere: Path) -> Path:
    if not elsewhere.exists():
        elsewhere.mkdir(parents=True, exist_ok=True)
        elsewhere.chmod(0o755)  # whatever the umask says: another account has to pass it
    for other in elsewhere.glob(f"{_MARK}*"):
        if _is_orphan(other):
            shutil.rmtree(other, ignore_errors=True)
    made = elsewhere / f"{_MARK}{secrets.token_hex(6)}"
    link.symlink_to(made)  # first, so that no sweep meets a folder before its link
    made.mkdir(mode=0o700)
    (made / _NOTE).write_text(str(link))
    return made


def _is_orphan(folder: Path) -> bool:
    try:
        return Path((folder / _NOTE).read_text()).resolve() != folder.resolve()
    except OSError:  # another account's, or one that is being made
        return False


def remove(folder: Path) -> None:
    """Remove a folder and the folders its links stand for."""
    for path in folder.rglob("*"):
        target = path.resolve()
        if path.is_symlink() and target.name.startswith(_MARK):
            shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
