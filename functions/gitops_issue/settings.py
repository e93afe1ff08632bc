"""gitops-issue's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from functions.gitops_issue.core.approvals import APPROVERS_NEEDED
from functions.gitops_issue.core.policy import DEFAULT_CLASSES, NamespaceClass
from functions.gitops_issue.drafts import Locale
from shared.runtime.settings import DatabaseSettings, Seconds, ServingSettings, Switch

_GITEA: Final = ("gitea_api_url", "gitea_api_token", "gitea_repo_owner", "gitea_repo_name")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name for part in (text or "").split(",") if (name := part.strip()))


def _patterns(of: NamespaceClass) -> str:
    return ",".join(DEFAULT_CLASSES[of].patterns)


def _locale(value: Any) -> Any:
    """As systems spell it: ``zh_TW.UTF-8``, ``zh-tw`` and ``zh-TW`` are one language, and ``en_US`` is ``en``."""
    if not isinstance(value, str):
        return value
    said = value.partition(".")[0].replace("_", "-").lower()
    return next((locale for locale in Locale if said in (locale.lower(), f"{locale.lower()}-us")), value)


class Settings(ServingSettings, DatabaseSettings):
    """What gitops-issue reads from the environment."""

    aiops_p5_blast_radius_check: Switch = True
    """Off scores nothing: every plan is answered `skipped`, for a person to decide."""
    aiops_p5_gitops_pr: Switch = True
    """Off opens no issues: a plan that two people must agree to is answered `skipped`."""
    blast_system_namespaces: str = _patterns(NamespaceClass.SYSTEM)
    """Namespaces that everything else stands on: shell patterns, separated by commas."""
    blast_production_namespaces: str = _patterns(NamespaceClass.PRODUCTION)
    """Namespaces that users depend on. One that no pattern claims counts as these."""
    blast_staging_namespaces: str = _patterns(NamespaceClass.STAGING)
    """Namespaces in which releases are tried."""
    blast_development_namespaces: str = _patterns(NamespaceClass.DEVELOPMENT)
    """Namespaces in which anything may break."""
    gitea_api_url: str | None = None
    """Gitea's address, with or without `/api/v1`; without it plans wait, and are answered `issue_pending`."""
    gitea_api_token: SecretStr | None = None
    """A token with the scope `write:issue`."""
    gitea_repo_owner: str | None = None
    """The user or organisation that owns the repository of the issues."""
    gitea_repo_name: str | None = None
    """The repository of the issues."""
    gitea_issue_labels: str | None = None
    """Labels of an issue, separated by commas; one that the repository does not have is left out."""
    gitea_issue_assignees: str | None = None
    """Who is assigned, by login, separated by commas."""
    gitea_timeout_seconds: Annotated[float, Field(gt=0, le=20)] = 8.0
    """The longest wait for one answer of Gitea."""
    gitea_settle_seconds: Seconds = 60.0
    """How long after a lost answer an issue that is not listed is taken for not opened."""
    gitea_read_seconds: Seconds = 30.0
    """How long an issue that was read back is left alone; it is read by a tick."""
    gitea_approval_seconds: Annotated[float, Field(gt=0, le=2_592_000)] = 86_400.0
    """How long a plan can be approved once its issue is open."""
    gitea_approvers: str | None = None
    """Logins that may approve or reject, separated by commas; whoever can comment when unset."""
    locale: Annotated[Locale, BeforeValidator(_locale)] = Locale.EN
    """The language of issues: `en` or `zh-TW`."""

    @property
    def namespaces(self) -> dict[NamespaceClass, Sequence[str]]:
        """Patterns by class."""
        return {
            NamespaceClass.SYSTEM: _names(self.blast_system_namespaces),
            NamespaceClass.PRODUCTION: _names(self.blast_production_namespaces),
            NamespaceClass.STAGING: _names(self.blast_staging_namespaces),
            NamespaceClass.DEVELOPMENT: _names(self.blast_development_namespaces),
        }

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of labels."""
        return _names(self.gitea_issue_labels)

    @property
    def assignees(self) -> tuple[str, ...]:
        """Logins of assignees."""
        return _names(self.gitea_issue_assignees)

    @property
    def approvers(self) -> frozenset[str]:
        """Logins of those who may approve; empty for everybody."""
        return frozenset(_names(self.gitea_approvers))

    @model_validator(mode="after")
    def _two_can_approve(self) -> Self:
        people = {login.lower() for login in self.approvers}
        if self.gitea_approvers is not None and len(people) < APPROVERS_NEEDED:
            raise ValueError("GITEA_APPROVERS must name two people or more; unset, whoever can comment may approve")
        return self

    @model_validator(mode="after")
    def _gitea_is_whole(self) -> Self:
        missing = [name.upper() for name in _GITEA if not getattr(self, name)]
        if 0 < len(missing) < len(_GITEA):
            raise ValueError(f"{', '.join(missing)} missing; set all of Gitea's variables, or none")
        return self
