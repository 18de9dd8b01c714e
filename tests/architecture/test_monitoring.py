"""Dashboard, alerts and documentation against the metrics the code publishes. `make rules` asks promtool too."""

import json
import re
import runpy
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "docker" / "grafana"
OPERATIONS = (ROOT / "docs" / "operations" / "reference.md").read_text()
SCRIPTS = {"smoothgen": "dashboard.py", "tenants": "tenants.py"}
"""Which script writes which dashboard."""
DASHBOARDS = {name: json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text()) for name in SCRIPTS}
DASHBOARD = DASHBOARDS["smoothgen"]
PANELS = [panel for each in DASHBOARDS.values() for panel in each["panels"] if panel["type"] != "row"]
EVERY_DASHBOARD = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
SOURCES = [
    (ROOT / file).read_text()
    for file in (
        "app/metrics.py",
        "app/tenant_metrics.py",
        "workers/serving/metrics.py",
        "workers/serving/tenant_metrics.py",
        "smoothgen/process/metrics.py",
    )
]


def metrics() -> set[str]:
    """Every metric the gateway and the workers publish."""
    return {name for source in SOURCES for name in re.findall(r'"(smoothgen_[a-z0-9_]+)"', source)}


def labels() -> set[str]:
    """Every label of those metrics, and those Prometheus adds."""
    lists = (names for source in SOURCES for names in re.findall(r'\[(?:\*names, )?("[a-z_", ]+")\]', source))
    found = {label for names in lists for label in re.findall(r"[a-z_]+", names)}
    return found | {"job", "instance", "le", "alertstate", "service"}


def histograms() -> set[str]:
    """The metrics whose series end in _bucket, _sum and _count."""
    return {name for source in SOURCES for name in re.findall(r'Histogram\(\s*"(smoothgen_\w+)"', source)}


def alerts() -> list[dict]:
    groups = yaml.safe_load((ROOT / "docker/prometheus/rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> dict[str, str]:
    """Every PromQL expression of the dashboards and the alerts, by where it stands."""
    found = {f"panel {p['title']} {t['refId']}": t["expr"] for p in PANELS for t in p["targets"]}
    assert len(found) == sum(len(panel["targets"]) for panel in PANELS), "two panels share a title"
    return found | {f"alert {rule['alert']}": rule["expr"] for rule in alerts()}


def test_every_metric_and_alert_is_documented():
    assert {name for name in metrics() if f"`{name}`" not in OPERATIONS} == set()
    assert {rule["alert"] for rule in alerts() if f"`{rule['alert']}`" not in OPERATIONS} == set()


def test_every_metric_is_on_the_dashboard():
    expressions = " ".join(queries().values())
    assert {name for name in metrics() if name not in expressions} == set()


@pytest.mark.parametrize("where", queries())
def test_queries_name_metrics_and_labels_that_exist(where):
    expression = queries()[where]
    used = set(re.findall(r"smoothgen_[a-z0-9_]+", expression))
    series = {f"{name}_{part}" for name in histograms() for part in ("bucket", "sum", "count")}
    assert used <= series | metrics() - histograms()
    matched = re.findall(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"', expression)
    grouped = [label for names in re.findall(r"(?:by|ignoring) \((.*?)\)", expression) for label in names.split(", ")]
    assert {*matched, *grouped} <= labels()


@pytest.mark.parametrize("where", queries())
def test_queries_are_well_formed(where):
    """What can be seen without a PromQL parser, which pip does not install; promtool checks the rest (`make rules`)."""
    expression = queries()[where]
    skeleton = re.sub(r'"[^"]*"', "s", expression)
    assert '"' not in skeleton
    while (smaller := re.sub(r"\([^()\[\]{}]*\)|\[[^()\[\]{}]*\]|\{[^()\[\]{}]*\}", "", skeleton)) != skeleton:
        skeleton = smaller
    assert not set(skeleton) & set("()[]{}"), "unbalanced brackets"
    assert set(re.findall(r"\$\w+", expression)) <= {
        *("$job", "$model", "$route", "$tenant", "$key"),
        "$__rate_interval",
    }
    assert set(re.findall(r"\[(.*?)\]", expression)) <= {"5m", "15m", "30m", "1h", "30m:1m", "$__rate_interval"}
    assert set(re.findall(r"(\w+)\(", expression)) <= {
        *(
            "absent",
            "changes",
            "clamp_min",
            "count",
            "histogram_quantile",
            "increase",
            "last_over_time",
            "max",
            "max_over_time",
        ),
        *("min", "min_over_time", "rate", "round", "sum", "time", "vector"),
    }
    assert not re.search(r"(rate|increase|changes|_over_time)\([^()\[]*\)", expression), "a range is missing"
    counters = r"smoothgen_\w+(?:_total|_bucket|_sum|_count)\b"
    assert len(re.findall(counters, expression)) == len(re.findall(rf"(?:rate|increase)\({counters}", expression))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_dashboard_is_what_its_script_writes(name, monkeypatch):
    monkeypatch.syspath_prepend(str(GRAFANA))  # as for a script that is run
    script = runpy.run_path(str(GRAFANA / SCRIPTS[name]))
    assert (GRAFANA / "dashboards" / f"{name}.json").read_text() == script["render"]()


@EVERY_DASHBOARD
def test_panels_neither_overlap_nor_leave_the_grid(dashboard):
    cells = [
        (x, y)
        for position in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@EVERY_DASHBOARD
def test_a_dashboard_works_in_any_grafana(dashboard):
    """It names no data source, but asks which."""
    assert set(re.findall(r'"uid": "(.*?)"', json.dumps(dashboard))) == {"${datasource}", dashboard["uid"]}
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    assert names[:2] == ["datasource", "job"]  # the others are asked of them
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert all('job=~"$job"' in target["expr"] for panel in panels for target in panel["targets"])


def test_no_two_dashboards_share_an_address():
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


def test_every_panel_says_what_it_shows_and_stands_in_a_row():
    assert {dashboard["panels"][0]["type"] for dashboard in DASHBOARDS.values()} == {"row"}
    assert [panel["title"] for panel in PANELS if len(panel["description"]) < 10] == []
    assert [panel["title"] for panel in PANELS if not panel["fieldConfig"]["defaults"]["noValue"]] == []


@pytest.mark.parametrize("panel", [p for p in PANELS if p["type"] == "stat"], ids=lambda panel: panel["title"])
def test_a_stat_speaks_of_this_moment_and_is_red_where_nobody_answers(panel):
    (target,) = panel["targets"]
    assert (target["instant"], target["range"]) == (True, False)
    fallback = float(re.search(r"or vector\((-?\d+)\)$", target["expr"])[1])
    defaults = panel["fieldConfig"]["defaults"]
    steps = defaults["thresholds"]["steps"]
    colour = [step["color"] for step in steps if step["value"] is None or step["value"] <= fallback][-1]
    assert colour == "red"
    if fallback < 0:
        assert defaults["mappings"][0]["options"]["-1"] == {"text": "unknown", "color": "red"}


def test_every_alert_leads_to_the_dashboard_and_is_told_from_others():
    for rule in alerts():
        assert rule["annotations"]["dashboard"].startswith(f"/d/{DASHBOARD['uid']}")
        assert rule["labels"]["service"] == "smoothgen"
        variables = re.findall(r"var-(\w+)=", rule["annotations"]["dashboard"])
        assert set(variables) <= {variable["name"] for variable in DASHBOARD["templating"]["list"]}


def test_every_alert_is_tested_both_ways():
    tests = yaml.safe_load((ROOT / "docker/prometheus/rules_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in alerts()}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names
