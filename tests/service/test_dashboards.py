"""Every query of the shipped dashboards, asked of a real Prometheus that scrapes real gateways and workers at work."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.monitored import Monitored, monitored
from tests.support.processes import ROOT, eventually
from tests.support.tenants_traffic import UNNAMED

DASHBOARDS = ("smoothgen", "tenants")
VARIABLES = dict.fromkeys(("$job", "$model", "$route", "$tenant", "$key"), ".*") | {"$__rate_interval": "1m"}
UNKNOWN = -1.0
"""What a stat gives where nobody tells."""
WITHOUT_DATA = {
    "Fleet bound by attack size": "a fleet is shown when its hour is over",
    "Fleet requests": "a fleet is shown when its hour is over",
    "GPU memory": "no GPU here",
    "GPU use": "no GPU here",
    "Passes a text": "no language model here",
}
"""Panels that have nothing to show after a few seconds on this machine, and why."""


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    with monitored(tmp_path_factory.mktemp("monitored")) as running:
        yield running


def queries() -> list[tuple[str, str]]:
    """(panel, PromQL) of every target of every dashboard, and of the values of every variable."""
    found = []
    for name in DASHBOARDS:
        folder = ROOT / "docker" / "grafana" / "dashboards"
        dashboard = json.loads((folder / f"{name}.json").read_text())
        for panel in dashboard["panels"]:
            found += [(panel["title"], target["expr"]) for target in panel.get("targets", [])]
    for name, value in VARIABLES.items():
        found = [(title, expression.replace(name, value)) for title, expression in found]
    return found


def shows(running: Monitored, expression: str) -> bool:
    """Whether a query gives a number that is one."""
    values = (float(series["value"][1]) for series in running.prometheus.query(expression))
    return any(not math.isnan(value) and value != UNKNOWN for value in values)


@pytest.mark.parametrize(("title", "expression"), queries())
def test_a_query_gives_data_or_is_named_with_the_reason(at_work: Monitored, title: str, expression: str) -> None:
    if title in WITHOUT_DATA:
        assert not shows(at_work, expression)
    else:
        eventually(lambda: shows(at_work, expression), 120)


def test_no_panel_is_excused_that_there_is_not() -> None:
    assert WITHOUT_DATA.keys() <= {title for title, _ in queries()}


def test_tenants_are_summed_over_gateways_once_and_no_key_is_named(tmp_path: Path) -> None:
    with monitored(tmp_path) as running:
        eventually(lambda: running.traffic.sent["bob", 429] > 0 and running.traffic.sent["alice", 202] > 20, 120)
        running.traffic.stop()

        def counted() -> dict[tuple[str, int], float]:
            series = running.prometheus.query("sum by (tenant, status) (smoothgen_tenant_requests_total)")
            return {(s["metric"]["tenant"], int(s["metric"]["status"])): float(s["value"][1]) for s in series}

        eventually(lambda: counted() == dict(running.traffic.sent), 60)
        shown = running.prometheus.query("count by (tenant, key) ({__name__=~'smoothgen_tenant_.+'})")
        assert {(s["metric"]["tenant"], s["metric"].get("key")) for s in shown} == {
            ("alice", None),
            ("bob", None),
            (UNNAMED, None),
        }
        refused = running.prometheus.query("sum by (kind) (smoothgen_tenant_refused_total{tenant='bob'})")
        assert [s["metric"]["kind"] for s in refused] == ["overloaded"]
        assert float(refused[0]["value"][1]) == running.traffic.sent["bob", 429]
