"""Known vulnerabilities in what the functions' images hold, asked of OSV (https://google.github.io/osv.dev/api/).

``python -m shared.local.audit [URL]`` sends the pinned packages of the locks, nothing else. It needs the network, which
is why ``make check`` does not run it. Exits 0 when nothing is known, 1 with each finding, 2 when nobody answered.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import httpx

from shared.local.materials import Package, locks

OSV: Final = "https://api.osv.dev"
_PATIENCE_S: Final = 20.0


def audit(url: str, packages: Sequence[Package]) -> list[str]:
    """What is known of the packages, a line each.

    Args:
        url: where OSV's API is.
        packages: at most 1,000, which is its limit.

    Raises:
        httpx.HTTPError: it does not answer.
        ValueError: it answers something else.
    """
    queries = [{"package": {"purl": package.purl}} for package in packages]
    answer = httpx.post(f"{url}/v1/querybatch", json={"queries": queries}, timeout=_PATIENCE_S).raise_for_status()
    # What is known comes in the order of the questions; where it goes on, on a next page, there is something already.
    results: list[dict[str, Any]] = answer.json().get("results", [])
    return [
        f"{package.name} {package.version}: {known['id']}, see https://osv.dev/{known['id']}"
        for package, result in zip(packages, results, strict=True)
        for known in result.get("vulns", [])
    ]


def main(arguments: Sequence[str]) -> int:
    """Ask, and say what is known; the exit code."""
    url = arguments[0] if arguments else OSV
    pinned = {package.purl: package for lock in locks().values() for package in lock}
    try:
        found = audit(url, [pinned[purl] for purl in sorted(pinned)])
    except (httpx.HTTPError, ValueError) as error:
        sys.stderr.write(f"{url} does not answer ({type(error).__name__}), so nothing is known; try it online.\n")
        return 2
    for line in found:
        print(line)
    print(f"{len(pinned)} packages, {len(found)} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
