"""Files that settings come from: whether they may be trusted, and whether they are still the same.

A mounted secret is rotated under a running process. Settings are read once, so a process whose files have changed ends
as if it were asked to, and the next one reads them: one rule for tokens, passwords and certificates alike. A change
that no process could start with is looked at once; it is for a person to make another.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from shared.domain.errors import ConfigurationError


class SecretFiles:
    """What every variable ``X_FILE`` of an environment names, as it is now."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._paths = {name: Path(path) for name, path in environ.items() if name.endswith("_FILE") and path}
        self._first = self._latest = self._digests()

    def check(self) -> None:
        """Refuse a file that anybody may write.

        Others may read it: Kubernetes mounts secrets so, and who shares a pod shares its secrets.

        Raises:
            ConfigurationError: one is open to be changed by others.
        """
        for name, path in self._paths.items():
            with suppress(OSError):
                mode = path.stat().st_mode
                if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
                    raise ConfigurationError(f"{name} can be changed by everybody; take the right away: chmod o-w")

    def changed(self) -> bool:
        """Whether they have changed since they were last asked, to something else than at first.

        A file that is away for a moment has not changed.
        """
        before, self._latest = self._latest, self._digests()
        return self._latest != before and any(digest != self._first.get(name) for name, digest in self._latest.items())

    def _digests(self) -> dict[str, bytes]:
        digests = {}
        for name, path in self._paths.items():
            with suppress(OSError):
                writable = path.stat().st_mode & stat.S_IWOTH
                digests[name] = hashlib.sha256(b"%d" % writable + path.read_bytes()).digest()
        return digests
