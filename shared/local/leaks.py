"""Secrets in the repository: what redaction would mask is not committed.

``python -m shared.local.leaks`` reads every file that git knows or would add. Code assigns to names like ``token`` all
day, and ruff looks at the constants among them (S105 to S107), so in code only what tells by its own form counts. Exits
0 when there is nothing, 1 with each place when there is, 2 when git cannot say what there is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

from shared.domain import secret_shapes as shapes
from shared.domain.redaction import redact_text

# Where secrets are made up, and why.
_MADE_UP: Final = {
    "shared/testing/secret_samples.py": "places that secrets turn up in, with the key of AWS's documentation",
    "tests/unit/benign_lines.txt": "lines with fields to be filled, and braces around them",
    "tests/unit/test_redaction.py": "what redaction is tried on",
    "tests/unit/test_repository_checks.py": "what is planted to be found",
    "tests/unit/blast_commands.txt": "commands that make secrets, to be judged",
}
_CODE: Final = (".py", ".mako")
# What the documentation writes where a secret would be.
_PLACEHOLDER: Final = re.compile(r":password@")


def leaks(root: Path) -> Iterator[str]:
    """Each place of a secret, as ``path:line``.

    Raises:
        OSError: there is no git.
        CalledProcessError: the folder is no repository.
    """
    listed = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True).stdout.decode().split("\0")
    for name in sorted(set(filter(None, names)) - _MADE_UP.keys()):
        path = root / name
        if path.is_file() and not path.is_symlink():
            # What is no text is searched all the same; tokens are ASCII.
            text = path.read_bytes().decode("utf-8", "replace")
            found = _in_code(text) if name.endswith(_CODE) else _in_prose(text)
            yield from (f"{name}:{line}" for line in found)


def _in_code(text: str) -> Iterator[int]:
    for form in (shapes.TOKEN, shapes.PRIVATE_KEY):
        yield from (text.count("\n", 0, found.start()) + 1 for found in form.finditer(text))


def _in_prose(text: str) -> Iterator[int]:
    text = _PLACEHOLDER.sub(":@", text)
    redacted = redact_text(text)
    if redacted != text:
        changes = SequenceMatcher(None, text.splitlines(), redacted.splitlines(), autojunk=False).get_opcodes()
        yield from (start + 1 for kind, start, *_ in changes if kind != "equal")


def main() -> int:
    """Look, and say where; the exit code."""
    try:
        found = list(leaks(Path(__file__).resolve().parents[2]))
    except (OSError, subprocess.CalledProcessError):
        sys.stderr.write("git cannot say which files there are; run it in a clone.\n")
        return 2
    for place in found:
        print(f"{place}: this looks like a secret; take it out and revoke it, or make it look like none")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
