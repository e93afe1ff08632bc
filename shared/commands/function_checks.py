"""What the installed functions bring: that their settings are valid as they are deployed, and checks of their own.

A function is deployed with what its manifest says and the addresses and secrets of the place. Here the manifest that
ships is filled up with this environment. What the manifest mounts from a secret counts as given, since only the
function can read it; a check that needs it is not made from here, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Final

from shared.commands import installed
from shared.commands.findings import Check, Finding, Findings, ok, unset, wrong
from shared.commands.installed import InstalledFunction
from shared.domain.errors import ConfigurationError

_FILE: Final = "_FILE"
_INSTALL: Final = "Install aftercare again; each function is an entry point of the group aftercare.functions."


def function_checks(environ: Mapping[str, str]) -> list[Check]:
    """One check for the settings of all that manifests deploy, then the checks that functions bring."""
    troubles: list[Finding] = []
    checks: list[Check] = []
    try:
        deployed = installed.manifests()
    except ConfigurationError as error:
        deployed, troubles = None, [wrong("manifests", str(error), "Correct the file, or install aftercare again.")]
    given = {} if deployed is None else {service.name: service.env for service in deployed.services}
    for function in installed.functions():
        if env := given.get(function.name):
            troubles += _complaints(function, {**_mounted(env), **environ})
    for name, bring in installed.checks().items():
        checks += _brought(name, bring, {**_plain(given.get(name, {})), **environ})
    return [_settings(len(given), troubles), *checks]


def _settings(deployed: int, troubles: Sequence[Finding]) -> Check:
    async def look() -> Findings:
        for trouble in troubles:
            yield trouble
        if not troubles:
            yield (
                ok("functions", f"their settings are valid as deployed: {deployed}")
                if deployed
                else unset("functions", "no manifest is installed that says how they are deployed")
            )

    return Check("settings", look)


def _complaints(function: InstalledFunction, environ: Mapping[str, str]) -> Iterator[Finding]:
    """What is wrong with a function's settings."""
    try:
        settings = function.part("settings")
        if settings is not None:
            settings.Settings.load(environ)
    except ConfigurationError as error:
        yield wrong(function.name, str(error), "Correct it here and where the function runs.")
    except Exception as error:  # noqa: BLE001 - a function that cannot be loaded costs only itself
        yield wrong(function.name, f"cannot be loaded ({type(error).__name__})", _INSTALL)


def _brought(name: str, bring: EntryPoint, environ: Mapping[str, str]) -> list[Check]:
    """A function's own checks; when they cannot be made, one that says why."""
    try:
        return [Check(name, check.look) for check in bring.load()(environ)]
    except ConfigurationError as error:
        return [_telling(name, unset("checks", f"not made from here: {error}"))]
    except Exception as error:  # noqa: BLE001 - a function that cannot be loaded costs only itself
        return [_telling(name, wrong("checks", f"cannot be loaded ({type(error).__name__})", _INSTALL))]


def _telling(name: str, finding: Finding) -> Check:
    async def look() -> Findings:
        yield finding

    return Check(name, look)


def _plain(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.endswith(_FILE)}


def _mounted(env: Mapping[str, str]) -> dict[str, str]:
    """With a word in place of each secret, whose file is only where the function runs."""
    return {name.removesuffix(_FILE): "mounted" if name.endswith(_FILE) else value for name, value in env.items()}
