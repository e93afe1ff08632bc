"""Which namespaces matter how much: the part of the score that each installation decides for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Final


class NamespaceClass(StrEnum):
    """What a namespace is for."""

    SYSTEM = "system"
    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True)
class ClassRule:
    """One class of namespaces.

    Attributes:
        patterns: shell patterns of the names that belong to it.
        weight: what it multiplies a score by; a positive number.
    """

    patterns: tuple[str, ...]
    weight: float


DEFAULT_CLASSES: Final[Mapping[NamespaceClass, ClassRule]] = MappingProxyType(
    {
        NamespaceClass.SYSTEM: ClassRule(
            ("kube-*", "*-system", "istio-*", "openshift", "openshift-*", "argocd", "cert-manager", "ingress-nginx"),
            1.5,
        ),
        NamespaceClass.PRODUCTION: ClassRule(
            ("default", "prod*", "prd*", "live", "live-*", "*-prod", "*-prod-*", "*-production", "*-prd", "*-live"), 1.2
        ),
        NamespaceClass.STAGING: ClassRule(("stag*", "stg*", "*-staging", "*-stage", "*-stg", "uat*", "*-uat"), 0.8),
        NamespaceClass.DEVELOPMENT: ClassRule(
            ("dev", "dev-*", "development", "*-dev", "test", "test-*", "*-test", "sandbox", "sandbox-*"), 0.5
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Weight:
    """What a score is multiplied by, and the rule that says so."""

    rule: str
    factor: float


@dataclass(frozen=True)
class Policy:
    """The classes of namespaces, by name.

    A name that two classes claim belongs to the heavier one; a name that none claims counts as production. A command
    that names no namespace means whichever its context says, so it counts as the heaviest of all. What has no
    namespace is shared by all of production, and counts as that.
    """

    classes: Mapping[NamespaceClass, ClassRule] = field(default_factory=lambda: DEFAULT_CLASSES)

    def is_usable(self) -> bool:
        """Whether a score can be computed with these weights: all there, finite and positive."""
        known = [self.classes[each].weight for each in NamespaceClass if each in self.classes]
        return len(known) == len(NamespaceClass) and all(isfinite(weight) and weight > 0 for weight in known)

    def classes_of(self, namespace: str) -> frozenset[NamespaceClass]:
        """Every class that claims the name."""
        matches = ((each, pattern) for each, rule in self.classes.items() for pattern in rule.patterns)
        return frozenset(each for each, pattern in matches if _matches(namespace, pattern))

    def named(self, namespace: str) -> Weight:
        """The weight of a namespace."""
        claims = self.classes_of(namespace)
        found = max(claims, key=lambda each: (self.classes[each].weight, each), default=None)
        if found is None:
            return Weight("namespace:unclassified", self.classes[NamespaceClass.PRODUCTION].weight)
        return Weight(f"namespace:{found}", self.classes[found].weight)

    def heaviest(self, rule: str) -> Weight:
        """The weight of what may be anywhere."""
        return Weight(rule, max(each.weight for each in self.classes.values()))

    def shared(self, namespace: str | None) -> Weight:
        """The weight of what has no namespace; one that is named all the same can only add to it."""
        cluster = Weight("scope:cluster", self.classes[NamespaceClass.PRODUCTION].weight)
        if namespace is None:
            return cluster
        return max(self.named(namespace), cluster, key=lambda weight: weight.factor)


@lru_cache(maxsize=4096)
def _matches(namespace: str, pattern: str) -> bool:
    return fnmatchcase(namespace, pattern)
