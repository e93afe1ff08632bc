"""The story's second half: a risky plan waits, the automation is watched, settings are compared, people are told."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from functions.gitops_issue.core.approvals import code_of
from shared.domain.drift import FieldStatus
from shared.domain.events import Event
from shared.domain.remediations import (
    REMEDIATION_APPROVED,
    REMEDIATION_ASSESSED,
    REMEDIATION_PROPOSED,
    REMEDIATION_REVIEW_REQUESTED,
    AssessmentOutcome,
    Tier,
)
from shared.local.evidence import Witness, require
from shared.local.laptop import ROOT, Laptop

_SETTINGS: Final = Path("functions/km_write/settings.py")
_CONFIG_MAP: Final = """
apiVersion: v1
kind: ConfigMap
metadata: {name: km-write, namespace: aftercare}
data: {KM_RETRY_MAX: "5", KM_WRITE_TIMEOUT_SECONDS: "5"}
"""
_FORGOTTEN: Final = """
INSERT INTO playbooks (playbook_id, title, created_at) VALUES (:playbook, 'Clear the cache', now() - interval '40 days')
"""
_REPORT: Final = """
SELECT result FROM cron_slots WHERE job = 'governance-check' AND done_at > :since
ORDER BY done_at DESC LIMIT 1
"""
# What the recording rules make of console's figures. Calibration is over an hour, which has not passed here.
_RECORDED: Final = {
    "aftercare_autonomy_ratio": "sli:autonomy_rate:5m",
    "aftercare_decision_accuracy_ratio": "sli:decision_accuracy:5m",
    "aftercare_knowledge_latency_seconds": "sli:summary_latency_seconds:5m",
    "knowledge_entries_created_24h": "knowledge_entries_created_24h",
}


_PEOPLE: Final = ("ada", "grace")
_APPROVAL: Final = """
SELECT 1 FROM knowledge_entries
WHERE incident_id = :incident AND path_type = 'approval_manual' AND approval_id = :approval
"""


class Oversight:
    """What keeps automation honest, tried on a running laptop.

    Args:
        laptop: it runs.
        witness: publishes events and looks at what came of them.
        http: a client.
    """

    def __init__(self, laptop: Laptop, witness: Witness, http: httpx.Client) -> None:
        self._laptop = laptop
        self._witness = witness
        self._http = http
        self._waiting: dict[str, Any] = {}

    def assess(self) -> str:
        """Three plans: one that may run, one that waits for two people, one that nobody may run."""
        said = [
            self._assessed("kubectl get pods -n prod", Tier.AUTO),
            self._assessed("kubectl drain worker-3 --ignore-daemonsets", Tier.DUAL),
            self._assessed("kubectl delete namespace prod", Tier.BLOCKED),
        ]
        return "\n".join(said)

    def issue(self) -> str:
        """The same plan twice: one issue, in which people decide."""
        before = len(self._laptop.outside.issues(self._http))
        proposal = _proposal("kubectl scale deployment/api --replicas=0 -n prod", target_state="nobody is served")
        first, again = self._opened(proposal), self._opened(proposal)
        issues = self._laptop.outside.issues(self._http)
        require(len(issues) == before + 1, f"{len(issues) - before} issues were opened for one plan proposed twice")
        require(first["issue"] == again["issue"], "the same plan was given two issues")
        number = first["issue"]["number"]
        title = next(each["title"] for each in issues if each["number"] == number)
        self._waiting = first
        return f'score {first["score"]} → {first["tier"]} · issue #{number}\n"{title}"\nproposed again: the same issue'

    def approve(self) -> str:
        """Two people agree in that issue: it is announced, remembered, and closed."""
        plan = self._waiting
        number, incident = plan["issue"]["number"], plan["incident_id"]
        for login in _PEOPLE:
            line = f"/approve {code_of(plan['digest'])}"
            self._laptop.outside.comment(self._http, number, login, line)
        approved = self._witness.until(lambda: self._read_back(incident))["data"]
        agreed = approved["approved_by"], approved["digest"]
        require(agreed == (list(_PEOPLE), plan["digest"]), f"{approved['approved_by']} approved {approved['digest']}")
        self._witness.until(lambda: self._witness.rows(_APPROVAL, incident=incident, approval=approved["approval_id"]))
        self._witness.until(lambda: number not in [each["number"] for each in self._laptop.outside.issues(self._http)])
        return (
            f"{' and '.join(_PEOPLE)} wrote {line} → approved as {approved['approval_id']}\n"
            f"issue #{number} closed · {incident} approval_manual written · nothing was executed"
        )

    def _read_back(self, incident: str) -> dict[str, Any] | None:
        """The approval of an incident, after gitops-issue was told to look."""
        self._witness.fire("gitops-issue")
        return self._witness.event(REMEDIATION_APPROVED, incident)

    def govern(self) -> str:
        """Objectives with and without data, and a playbook that nobody used."""
        playbook = f"pb-cache-{uuid.uuid4().hex[:8]}"
        self._witness.rows(_FORGOTTEN, playbook=playbook)
        figures = self._figures()
        self._laptop.outside.scraped(self._http, {_RECORDED[name]: value for name, value in figures.items()})
        report = self._governed()
        slos = report["checks"]["slo_compliance"]["slos"]
        found = {slo["status"] for slo in slos.values()}
        require({"ok", "violated", "skipped"} <= found, f"the objectives are only {', '.join(sorted(found))}")
        deprecated = [each["playbook_id"] for each in report["checks"]["trust_drift"]["deprecated"]]
        require(playbook in deprecated, f"{playbook} was not used for 40 days and is not deprecated")
        lines = [f"{report['status']}, {len(report['alerts'])} alerts open"]
        lines += [_objective(name, slo) for name, slo in slos.items()]
        return "\n".join([*lines, f"{playbook} unused for 40 days: deprecated"])

    def drift(self) -> str:
        """A ConfigMap that says something else than the code."""
        request = {
            "configmap": {"yaml": _CONFIG_MAP},
            "settings": {"source": (ROOT / _SETTINGS).read_text(encoding="utf-8")},
            "fields": ["km_retry_max", "km_write_timeout_seconds"],
        }
        key = str(uuid.uuid4())
        # It may still hold a connection from before the outage: the 503 that says so asks to be sent again.
        answer = self._witness.until(lambda: self._checked(request, key))
        require(answer.status_code == httpx.codes.OK, f"drift-check answered {answer.status_code}: {answer.text}")
        fields = {each["name"]: each for each in answer.json()["fields"]}
        drifted = [each for each in fields.values() if each["status"] == FieldStatus.DRIFT]
        require(len(drifted) == 1, f"one setting differs, and {len(drifted)} were found")
        (one,) = drifted
        return (
            f"ConfigMap aftercare/km-write against {_SETTINGS}: {answer.json()['status']}\n"
            f"{one['name']} is {one['configured']}, the code says {one['default']}; {len(fields) - 1} more is ok"
        )

    def _checked(self, request: dict[str, Any], key: str) -> httpx.Response | None:
        """What drift-check answers; None for a 503."""
        answer = self._http.post(
            self._laptop.url("drift-check"),
            json=request,
            headers={"idempotency-key": key, "authorization": f"Bearer {self._laptop.token}"},
        )
        return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

    def card(self) -> str:
        """What people in the chat have been told, and the last of it."""
        messages = self._witness.until(lambda: self._laptop.outside.messages(self._http))
        lines = [f"│ {line}" for line in messages[-1].splitlines() if line.strip()]
        return "\n".join([f"{len(messages)} messages in the chat; the last one:", *lines])

    def _assessed(self, command: str, tier: Tier) -> str:
        assessed = self._answer(self._propose(_proposal(command)), REMEDIATION_ASSESSED)
        require(assessed["tier"] == tier, f"`{command}` is {assessed['tier']}, not {tier}")
        why = assessed["hard_rule"] or ", ".join(each["rule"] for each in assessed["reasons"])
        return f"{command}: score {assessed['score']} → {assessed['tier']} ({why})"

    def _opened(self, proposal: Mapping[str, str]) -> dict[str, Any]:
        """What was assessed, once its issue is open."""
        proposed = self._propose(proposal)
        assessed = self._answer(proposed, REMEDIATION_ASSESSED)
        if assessed["outcome"] == AssessmentOutcome.ISSUE_OPENED:
            return assessed
        return {**assessed, "issue": self._answer(proposed, REMEDIATION_REVIEW_REQUESTED)["issue"]}

    def _propose(self, proposal: Mapping[str, str]) -> Event:
        event = Event(
            id=str(uuid.uuid4()),
            source="/story/planner",
            type=REMEDIATION_PROPOSED,
            time=datetime.now(UTC),
            subject=proposal["incident_id"],
            data=dict(proposal),
        )
        self._witness.publish(event)
        return event

    def _answer(self, proposed: Event, event_type: str) -> dict[str, Any]:
        """The data of the event that followed."""

        def followed() -> dict[str, Any] | None:
            event = self._witness.event(event_type, proposed.subject or "")
            return event if event is not None and event["causationid"] == proposed.id else None

        data: dict[str, Any] = self._witness.until(followed)["data"]
        return data

    def _figures(self) -> dict[str, float]:
        """The figures without labels that console shows now."""
        answer = self._http.get(
            f"{self._laptop.url('console')}/metrics", headers={"authorization": f"Bearer {self._laptop.token}"}
        )
        found = re.findall(r"^(\w+) (\S+)$", answer.raise_for_status().text, re.MULTILINE)
        return {name: float(value) for name, value in found if name in _RECORDED}

    def _governed(self) -> dict[str, Any]:
        since = datetime.now(UTC)
        self._witness.fire("governance-check")
        report: dict[str, Any] = self._witness.until(lambda: self._witness.rows(_REPORT, since=since))[0][0]
        return report


def _proposal(command: str, *, target_state: str = "as before") -> dict[str, str]:
    number = uuid.uuid4().hex[:8]
    return {
        "proposal_id": f"p-{number}",
        "incident_id": f"INC-{number}",
        "command": command,
        "target_state": target_state,
        "requested_by": "planner",
    }


def _objective(name: str, slo: Mapping[str, Any]) -> str:
    value = "no data" if slo.get("value") is None else f"{slo['value']:.3g}"
    return f"{name} {value} {slo['status']}"
