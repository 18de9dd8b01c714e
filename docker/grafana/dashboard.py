"""Write dashboards/smoothgen.json: `python docker/grafana/dashboard.py`. Standard library only.

Every gateway reports the same queue, the same workers and the same fleet, so these are max'ed over gateways; everything
else is summed.
"""

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "dashboards" / "smoothgen.json"
DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
MODEL = 'model=~"$model"'
OWED = f"max by (model) (smoothgen_queue_samples{{{MODEL}}})"
SPEED = f"max by (model) (smoothgen_workers_samples_per_second{{{MODEL}}})"
WAIT = f"{OWED} / ({SPEED} > 0)"
ROUTE = 'route=~"$route", route!~"/livez|/readyz|/metrics"'  # people's requests, not the probes

Panel = dict[str, Any]
Query = tuple[str, str]
"""(legend, PromQL)."""


def targets(queries: list[Query]) -> list[dict[str, Any]]:
    """Queries as Grafana writes them."""
    return [
        {"refId": chr(ord("A") + i), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend, "range": True}
        for i, (legend, expr) in enumerate(queries)
    ]


def quantiles(metric: str, selector: str, window: str, by: str, *levels: float) -> list[Query]:
    """Quantiles of a histogram, one curve per level and value of the label `by`."""
    return [
        (
            f"p{100 * level:g} {{{{{by}}}}}",
            f"histogram_quantile({level:g}, sum by (le, {by}) (rate({metric}_bucket{{{selector}}}[{window}])))",
        )
        for level in levels
    ]


def mean(metric: str, selector: str, window: str, by: str) -> Query:
    """The mean of a histogram, one curve per value of the label `by`."""
    total, count = (f"sum by ({by}) (rate({metric}_{part}{{{selector}}}[{window}]))" for part in ("sum", "count"))
    return f"mean {{{{{by}}}}}", f"{total} / {count}"


def stat(title: str, expr: str, unit: str, *steps: tuple[float | None, str]) -> Panel:
    """One number, coloured by thresholds (from, colour)."""
    thresholds = {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}
    return {
        "type": "stat",
        "title": title,
        "targets": targets([("", expr)]),
        "fieldConfig": {"defaults": {"unit": unit, "thresholds": thresholds}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"},
    }


def curves(title: str, unit: str, queries: list[Query], description: str, stacked: bool = False) -> Panel:
    """Curves over time."""
    custom = {"fillOpacity": 30 if stacked else 5, "stacking": {"mode": "normal" if stacked else "none"}}
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "targets": targets(queries),
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }


STATS = [
    stat("Gateway ready", "min(smoothgen_gateway_ready)", "bool_yes_no", (None, "red"), (1, "green")),
    stat("Workers up", 'count(up{job="worker"} == 1) or vector(0)', "none", (None, "red"), (1, "green")),
    stat("Longest backlog", f"max({WAIT})", "s", (None, "green"), (120, "orange"), (600, "red")),
    stat(
        "Refused in the last hour",
        f"sum(increase(smoothgen_jobs_refused_total{{{MODEL}}}[1h])) or vector(0)",
        "none",
        (None, "green"),
        (1, "orange"),
    ),
    stat(
        "Certificates in the last hour",
        f'sum(increase(smoothgen_jobs_finished_total{{{MODEL}, outcome="certificate"}}[1h]))',
        "none",
        (None, "blue"),
    ),
    stat(
        "Samples a job in the last hour",
        f"sum(rate(smoothgen_job_samples_sum{{{MODEL}}}[1h])) / sum(rate(smoothgen_job_samples_count{{{MODEL}}}[1h]))",
        "none",
        (None, "blue"),
    ),
]

CURVES = [
    curves(
        "Requests",
        "reqps",
        [
            ("{{status}}", f"sum by (status) (rate(smoothgen_http_requests_total{{{ROUTE}}}[$__rate_interval]))"),
        ],
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
        "Backlog in seconds",
        "s",
        [("{{model}}", WAIT)],
        "Samples promised and not yet drawn, divided by what the live workers draw a second. It takes longer where "
        "they serve several models at once, and less where jobs stop early. No curve while no worker is measured.",
    ),
    curves(
        "Backlog in samples",
        "none",
        [("{{model}}", OWED)],
        "Noisy samples promised to jobs and not yet drawn. A job that would lead beyond SMOOTHGEN_MAX_QUEUED_SAMPLES "
        "is answered 429.",
    ),
    curves(
        "Samples",
        "ops",
        [
            (
                "{{model}} {{result}}",
                f"sum by (model, result) (rate(smoothgen_samples_total{{{MODEL}}}[$__rate_interval]))",
            ),
            ("{{model}} possible", SPEED),
        ],
        "Noisy samples drawn a second, all workers together. Possible: what the live workers were last measured at "
        "while they computed for this model.",
    ),
    curves(
        "Pieces of work",
        "none",
        [("{{model}}", f"max by (model) (smoothgen_queue_pieces{{{MODEL}}})")],
        "Openings and chunks waiting or running. A job puts only its next few chunks here, however many will follow.",
    ),
    curves(
        "Refused and cancelled",
        "none",
        [
            ("{{model}}: refused", f"sum by (model) (increase(smoothgen_jobs_refused_total{{{MODEL}}}[5m]))"),
            ("{{model}}: cancelled", f"sum by (model) (increase(smoothgen_jobs_cancelled_total{{{MODEL}}}[5m]))"),
        ],
        "Jobs answered 429 in the last 5 minutes, their model's backlog being full, and jobs that clients ended.",
    ),
    curves(
        "Retries",
        "none",
        [("{{model}}", f"sum by (model) (increase(smoothgen_job_retries_total{{{MODEL}}}[5m]))")],
        "Pieces of work taken over from workers that died or stalled, in the last 5 minutes. One may have held as many "
        "as a batch has samples.",
    ),
    curves(
        "Job outcomes",
        "none",
        [
            ("{{outcome}}", f"sum by (outcome) (increase(smoothgen_jobs_finished_total{{{MODEL}}}[5m]))"),
            ("submitted", f"sum(increase(smoothgen_jobs_submitted_total{{{MODEL}}}[5m]))"),
        ],
        "Jobs in the last 5 minutes. An abstention is a result: the samples prove no radius at this budget.",
    ),
    curves(
        "Share of outcomes",
        "percentunit",
        [
            (
                "{{outcome}}",
                f"sum by (outcome) (rate(smoothgen_jobs_finished_total{{{MODEL}}}[1h]))"
                f" / ignoring (outcome) group_left () sum(rate(smoothgen_jobs_finished_total{{{MODEL}}}[1h]))",
            )
        ],
        "Of the jobs the workers ended in the last hour.",
        stacked=True,
    ),
    curves(
        "Job duration",
        "s",
        quantiles("smoothgen_job_seconds", MODEL, "15m", "model", 0.5, 0.99),
        "From submission to the stored result, waiting included. Quantiles over the last 15 minutes.",
    ),
    curves(
        "Batch duration",
        "s",
        quantiles("smoothgen_batch_seconds", MODEL, "$__rate_interval", "model", 0.5, 0.99),
        "One batch through the model.",
    ),
    curves(
        "Samples a job took",
        "none",
        [
            *quantiles("smoothgen_job_samples", MODEL, "1h", "model", 0.1, 0.5, 0.9),
            mean("smoothgen_job_samples", MODEL, "1h", "model"),
        ],
        "Model generations, selection included, of the jobs of the last hour. One that asks for 500 samples and is not "
        "stopped early takes 532; universal and fleet requests take 1 and 2. Quantiles are interpolated between "
        "buckets, the mean is exact.",
    ),
    curves(
        "Certified radius in sigmas",
        "none",
        quantiles("smoothgen_radius_in_sigmas", MODEL, "1h", "metric", 0.1, 0.5, 0.9),
        "Quantiles of the certificates of the last hour, by the metric they speak about. Read from histogram buckets, "
        "so between two bucket limits they are interpolated: for trends, never for a claim.",
    ),
    curves(
        "Fleet bound by attack size",
        "none",
        [
            (
                "{{model}} {{metric}} {{pool}}: {{radius_in_sigmas}} sigmas",
                f"max by (model, metric, pool, radius_in_sigmas) (smoothgen_fleet_w1_bound{{{MODEL}}})",
            )
        ],
        "How far attacks can move the average fleet request of the last closed hour, in the metric's units; a curve "
        "for each attack size. It changes with the hour. GET /fleet has the certificate.",
    ),
    curves(
        "Fleet requests",
        "none",
        [("{{model}} {{metric}} {{pool}}", f"max by (model, metric, pool) (smoothgen_fleet_requests{{{MODEL}}})")],
        "Requests of the last closed hour behind each fleet bound. Few requests prove little.",
    ),
    curves(
        "Server errors",
        "percentunit",
        [
            (
                "{{route}}",
                f'sum by (route) (rate(smoothgen_http_requests_total{{{ROUTE}, status=~"5.*"}}[5m]))'
                f" / sum by (route) (rate(smoothgen_http_requests_total{{{ROUTE}}}[5m]))",
            )
        ],
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
    """Six numbers on top, then the curves two abreast on Grafana's 24-column grid."""
    panels = [panel | {"gridPos": {"x": 4 * i, "y": 0, "w": 4, "h": 4}} for i, panel in enumerate(STATS)]
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
                variable("model", "Model", "smoothgen_queue_samples"),
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
