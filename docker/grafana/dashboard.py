"""Write dashboards/smoothgen.json: `python docker/grafana/dashboard.py`. Standard library only.

Every gateway reports the same queue, so queues are max'ed over gateways; everything else is summed.
"""

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "dashboards" / "smoothgen.json"
DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
MODEL = 'model=~"$model"'
ROUTE = 'route=~"$route", route!~"/livez|/readyz|/metrics"'  # people's requests, not the probes

Panel = dict[str, Any]


def targets(*queries: tuple[str, str]) -> list[dict[str, Any]]:
    """Queries given as (legend, PromQL)."""
    return [
        {"refId": chr(ord("A") + i), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend, "range": True}
        for i, (legend, expr) in enumerate(queries)
    ]


def quantiles(metric: str, selector: str, window: str, by: str, *levels: float) -> list[dict[str, Any]]:
    """Quantiles of a histogram, one curve per level and value of the label `by`."""
    return targets(
        *(
            (
                f"p{100 * level:g} {{{{{by}}}}}",
                f"histogram_quantile({level:g}, sum by (le, {by}) (rate({metric}_bucket{{{selector}}}[{window}])))",
            )
            for level in levels
        )
    )


def stat(title: str, expr: str, unit: str, *steps: tuple[float | None, str]) -> Panel:
    """One number, coloured by thresholds (from, colour)."""
    thresholds = {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}
    return {
        "type": "stat",
        "title": title,
        "targets": targets(("", expr)),
        "fieldConfig": {"defaults": {"unit": unit, "thresholds": thresholds}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"},
    }


def curves(title: str, unit: str, queries: list[dict[str, Any]], description: str, stacked: bool = False) -> Panel:
    """Curves over time."""
    custom = {"fillOpacity": 30 if stacked else 5, "stacking": {"mode": "normal" if stacked else "none"}}
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "targets": queries,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }


STATS = [
    stat("Gateway ready", "min(smoothgen_gateway_ready)", "bool_yes_no", (None, "red"), (1, "green")),
    stat("Workers up", 'count(up{job="worker"} == 1) or vector(0)', "none", (None, "red"), (1, "green")),
    stat(
        "Jobs in the queue",
        f"sum(max by (model) (smoothgen_queue_jobs{{{MODEL}}}))",
        "none",
        (None, "green"),
        (100, "orange"),
    ),
    stat(
        "Certificates in the last hour",
        f'sum(increase(smoothgen_jobs_finished_total{{{MODEL}, outcome="certificate"}}[1h]))',
        "none",
        (None, "blue"),
    ),
]

CURVES = [
    curves(
        "Requests",
        "reqps",
        targets(
            ("{{status}}", f"sum by (status) (rate(smoothgen_http_requests_total{{{ROUTE}}}[$__rate_interval]))"),
        ),
        "HTTP answers by status. 429 is the gateway refusing overload.",
        stacked=True,
    ),
    curves(
        "Request latency",
        "s",
        quantiles("smoothgen_http_request_seconds", ROUTE, "$__rate_interval", "route", 0.5, 0.99),
        "A request that waits for its certificate (Prefer: wait) takes as long as the job.",
    ),
    curves(
        "Queue",
        "none",
        targets(("{{model}}", f"max by (model) (smoothgen_queue_jobs{{{MODEL}}})")),
        "Jobs waiting or running.",
    ),
    curves(
        "Samples",
        "ops",
        targets(
            (
                "{{model}} {{result}}",
                f"sum by (model, result) (rate(smoothgen_samples_total{{{MODEL}}}[$__rate_interval]))",
            )
        ),
        "Noisy samples a second, all workers together.",
    ),
    curves(
        "Job outcomes",
        "none",
        targets(
            ("{{outcome}}", f"sum by (outcome) (increase(smoothgen_jobs_finished_total{{{MODEL}}}[5m]))"),
            ("submitted", f"sum(increase(smoothgen_jobs_submitted_total{{{MODEL}}}[5m]))"),
        ),
        "Jobs in the last 5 minutes. An abstention is a result: the samples prove no radius at this budget.",
    ),
    curves(
        "Job duration",
        "s",
        quantiles("smoothgen_job_seconds", MODEL, "15m", "model", 0.5, 0.99),
        "Quantiles over the last 15 minutes.",
    ),
    curves(
        "Batch duration",
        "s",
        quantiles("smoothgen_batch_seconds", MODEL, "$__rate_interval", "model", 0.5, 0.99),
        "One batch through the model.",
    ),
    curves(
        "Certified radius in sigmas",
        "none",
        quantiles("smoothgen_radius_in_sigmas", MODEL, "1h", "metric", 0.1, 0.5, 0.9),
        "Quantiles of the certificates of the last hour, by the metric they speak about. Read from histogram buckets, "
        "so between two bucket limits they are interpolated: for trends, never for a claim.",
    ),
    curves(
        "Retries",
        "none",
        targets(("{{model}}", f"sum by (model) (increase(smoothgen_job_retries_total{{{MODEL}}}[5m]))")),
        "Jobs taken over from a worker that died or stalled, in the last 5 minutes.",
    ),
    curves(
        "Server errors",
        "percentunit",
        targets(
            (
                "{{route}}",
                f'sum by (route) (rate(smoothgen_http_requests_total{{{ROUTE}, status=~"5.*"}}[5m]))'
                f" / sum by (route) (rate(smoothgen_http_requests_total{{{ROUTE}}}[5m]))",
            )
        ),
        "Share of the answers that are 5xx. Empty is good.",
    ),
]


def variable(name: str, label: str, metric: str) -> dict[str, Any]:
    """A choice among the values of one label, all by default."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": f"label_values({metric}, {name})",
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard() -> dict[str, Any]:
    """Four numbers on top, then the curves two abreast on Grafana's 24-column grid."""
    panels = [panel | {"gridPos": {"x": 6 * i, "y": 0, "w": 6, "h": 4}} for i, panel in enumerate(STATS)]
    panels += [
        panel | {"gridPos": {"x": 12 * (i % 2), "y": 4 + 8 * (i // 2), "w": 12, "h": 8}}
        for i, panel in enumerate(CURVES)
    ]
    return {
        "uid": "smoothgen",
        "title": "SmoothGen",
        "tags": ["smoothgen"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                variable("model", "Model", "smoothgen_queue_jobs"),
                variable("route", "Route", "smoothgen_http_requests_total"),
            ]
        },
        "panels": [{"id": i, "datasource": DATASOURCE} | panel for i, panel in enumerate(panels, start=1)],
    }


def render() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(render())
