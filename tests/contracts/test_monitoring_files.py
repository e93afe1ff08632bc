"""What ships for monitoring speaks of figures that exist, mutes only what it may, and explains every alert."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from functions.console.figures import FAMILIES

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "templates" / "monitoring"
RULES = [rule for group in yaml.safe_load((SHIPPED / "rules.yml").read_text())["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
MUTING = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())["inhibit_rules"]
BOARDS = sorted((SHIPPED / "dashboards").glob("*.json"))
KNOWN = {
    *(family[0] for family in FAMILIES),
    *(rule["record"] for rule in RULES if "record" in rule),
    *("aftercare_up", "aftercare_dead_letters", "aftercare_dead_letter_oldest_seconds"),
}
METRIC = re.compile(r"\b(?:aftercare_|sli:|slo:|knowledge_)[a-z0-9_:]+")


def metrics(expression):
    return set(METRIC.findall(expression))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_reads_what_console_shows(rule):
    assert metrics(rule["expr"])
    assert metrics(rule["expr"]) <= KNOWN


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule):
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["labels"]["part_of"] == "aftercare"
    assert anchor in {heading.lower() for heading in headings}
    assert rule["alert"].lower() == anchor


@pytest.mark.parametrize("rule", MUTING, ids=lambda rule: rule["source_matchers"][0])
def test_a_rule_mutes_within_one_cluster_that_both_sides_name(rule):
    assert "cluster" in rule["equal"]
    for side in ("source_matchers", "target_matchers"):
        for label in set(rule["equal"]) - {"alertname"}:  # every alert has a name
            assert f'{label}=~".+"' in rule[side]


def test_two_receivers_and_eight_rules():
    config = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    assert [receiver["name"] for receiver in config["receivers"]] == ["nobody", "aftercare"]
    assert len(MUTING) == 8


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported_anywhere(board):
    said = json.loads(board.read_text())
    variables = {variable["name"]: variable for variable in said["templating"]["list"]}
    panels = [panel for panel in said["panels"] if panel["type"] != "row"]

    assert variables["datasource"]["type"] == "datasource"
    assert len({panel["id"] for panel in said["panels"]}) == len(said["panels"])
    for panel in panels:
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert metrics(target["expr"])
            assert metrics(target["expr"]) <= KNOWN
        assert panel["fieldConfig"]["defaults"]["noValue"] == "no data"
