"""Where a target's own endpoints are: settings say so, and an event only chooses among what they say.

A template may hold ``{namespace}`` and ``{name}``. They are filled with nothing but labels of the DNS, never in a
position where they would decide whose machine is asked: the scheme, the port and the last label of the host are fixed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from shared.domain.errors import ConfigurationError
from shared.domain.executions import Target

_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_PLACE: Final = re.compile(r"\{(?:namespace|name)\}")
_PATTERN: Final = re.compile(r"(?P<kind>[A-Za-z]+) (?P<namespace>[^ /]+)/(?P<name>[^ /]+)")
_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class _Address:
    """One entry of the settings."""

    kind: str
    namespace: str
    name: str
    template: str

    def fits(self, target: Target) -> bool:
        return (
            self.kind == target.kind and self.namespace in (_ANY, target.namespace) and self.name in (_ANY, target.name)
        )


@dataclass(frozen=True, slots=True)
class Addresses:
    """URLs by target; make them with :meth:`parse`."""

    _known: tuple[_Address, ...]

    @classmethod
    def parse(cls, setting: str, given: Mapping[str, str]) -> Self:
        """Check the settings' addresses.

        Args:
            setting: its name, for the message.
            given: templates by target, such as ``{"Service prod/api": "http://{name}.{namespace}.svc/health"}``; the
                namespace or the name may be ``*``, and the first entry that fits counts.

        Raises:
            ConfigurationError: one of them is not understood, or would let an event choose the host.
        """
        return cls(tuple(_address(setting, pattern, template) for pattern, template in given.items()))

    def of(self, target: Target) -> str | None:
        """The target's URL; None when settings name none, or the target is not called as anything in the DNS is."""
        if not _LABEL.fullmatch(target.namespace) or not _LABEL.fullmatch(target.name):
            return None
        found = next((each.template for each in self._known if each.fits(target)), None)
        return None if found is None else found.replace("{namespace}", target.namespace).replace("{name}", target.name)


def _address(setting: str, pattern: str, template: str) -> _Address:
    fields = _PATTERN.fullmatch(pattern)
    if fields is None:
        raise ConfigurationError(f"{setting}: {pattern!r} is no target; write it as: Service prod/api, or Service */*.")
    problem = _problem(template)
    if problem is not None:
        raise ConfigurationError(f"{setting}: the URL of {pattern} {problem}.")
    return _Address(**fields.groupdict(), template=template)


def _problem(template: str) -> str | None:
    """Why a template cannot be used."""
    if set("{}") & set(_PLACE.sub("", template)):
        return "may hold {namespace} and {name}, and no other braces"
    filled = _PLACE.sub("x", template)
    try:
        parts, _ = urlsplit(filled), urlsplit(filled).port
    except ValueError:
        return "is no URL"
    authority = re.sub(r"\A[a-z]+://([^/?#]*).*\Z", r"\1", template, flags=re.DOTALL)
    if parts.scheme not in ("http", "https") or not parts.hostname or _PLACE.search(template.partition("://")[0]):
        return "must begin with http:// or https:// and a host"
    if "@" in authority:
        return "must not hold a user or a password"
    if _PLACE.search(authority) and not re.search(r"\.[a-z][-a-z0-9]*(?::[0-9]+)?\Z", authority):
        return "must end its host in something fixed, such as .svc, or an event would choose the host"
    return None
