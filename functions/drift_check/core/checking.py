"""A whole check: from the text of a settings file and a ConfigMap to what is known of every field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.drift_check.core.comparing import Compared, Terms, compare
from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.core.declared import declaration
from functions.drift_check.core.reporting import report
from shared.domain.drift import DriftChecked


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found; ``line`` is where the class begins in its file."""

    subject: str
    line: int
    fields: Sequence[Compared]
    notes: Sequence[str]

    @property
    def report(self) -> DriftChecked:
        """As it goes over the wire."""
        return report(self.subject, self.fields, self.notes)


def check(source: str, configmap: ConfigMap, terms: Terms, *, wanted: str | None, env_prefix: str | None) -> Checked:
    """Compare.

    Args:
        source: the text of the settings file.
        configmap: what is configured.
        terms: what to heed.
        wanted: the class; None takes the only one there is.
        env_prefix: stands in for the class's own.

    Raises:
        CannotTell: they cannot be compared at all.
    """
    declared = declaration(source, wanted=wanted, env_prefix=env_prefix)
    fields = compare(declared, configmap.data, terms)
    notes = [*configmap.notes, *declared.validators.notes]
    return Checked(f"{configmap.place} against {declared.path}", declared.line, fields, notes)
