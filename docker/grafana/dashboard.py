"""Write dashboards/smoothgen.json: `python docker/grafana/dashboard.py`. Standard library only.
With --rules, print its queries as rules for promtool. `tenants.py` writes another dashboard of the same parts.

Every gateway reports the same queue, the same workers and the same fleet, so these are max'ed over gateways; everything
else is summed. A stat asks about this moment, never about the last value seen, and turns red where nobody answers.
"""

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
JOB = 'job=~"$job"'
MODEL = f'model=~"$model", {JOB}'
ROUTE = f'route=~"$route", route!~"/livez|/readyz|/metrics", {JOB}'  # people's requests, not the probes
ALL = f"smoothgen_build_info{{{JOB}}}"
MOST = f"max_over_time(count by (component) ({ALL})[30m:1m])"
GATEWAYS = f'smoothgen_build_info{{component="gateway", {JOB}}}'
READY = f"smoothgen_gateway_ready{{{JOB}}} == 1"
WORKERS = f'smoothgen_build_info{{component="worker", {JOB}}}'
OWED = f"max by (model) (smoothgen_queue_samples{{{MODEL}}})"
SPEED = f"max by (model) (smoothgen_workers_samples_per_second{{{MODEL}}})"
WAIT = f"{OWED} / ({SPEED} > 0)"

Panel = dict[str, Any]
Query = tuple[str, str]
"""(legend, PromQL)."""
RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE = "red", "orange", "yellow", "green", "blue", "purple"
"""In this order: broken; somebody should look; caused by a client; as it should be; neutral; the client left."""
BY_STATUS = {"^2": GREEN, "^3": BLUE, "^4": YELLOW, "^429": ORANGE, "^499": PURPLE, "^5": RED}
BY_OUTCOME = {"^certificate": GREEN, "^abstention": YELLOW, "^failed": RED, "^submitted": BLUE}
BY_FAULT = {"^gateway": RED, "^worker": ORANGE, "^job": YELLOW}
UNKNOWN = -1


def targets(queries: list[Query], *, instant: bool) -> list[dict[str, Any]]:
    """Queries as Grafana writes them."""
    return [
        {
            "refId": chr(ord("A") + i),
            "datasource": DATASOURCE,
            "expr": expr,
            "legendFormat": legend,
            "instant": instant,
            "range": not instant,
        }
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
    return f"mean {{{{{by}}}}}", f"{total} / ({count} > 0)"


def counted(metric: str, selector: str, window: str, by: str = "") -> str:
    """Events in a window, in whole numbers: `increase` extrapolates to fractions."""
    return f"round(sum{f' by ({by})' if by else ''} (increase({metric}{{{selector}}}[{window}])))"


def known(expr: str, alive: str) -> str:
    """The value, 0 where there is no series of it yet, and -1 where none of the processes that would tell is there."""
    return f"(({expr}) or vector(0)) and on () (count({alive}) > 0) or vector({UNKNOWN})"


def stat(title: str, unit: str, expr: str, description: str, *steps: tuple[float, str]) -> Panel:
    """One number of this moment, coloured by thresholds (from, colour); red below the first, so where it is unknown."""
    thresholds = [{"value": None, "color": RED}, *({"value": value, "color": colour} for value, colour in steps)]
    unknown = {"type": "value", "options": {str(UNKNOWN): {"text": "unknown", "color": RED}}}
    defaults = {
        "unit": unit,
        "noValue": "no data",
        "mappings": [unknown],
        "thresholds": {"mode": "absolute", "steps": thresholds},
    }
    if unit == "none":
        defaults["decimals"] = 0
    return {
        "type": "stat",
        "title": title,
        "description": description,
        "targets": targets([("", expr)], instant=True),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"},
    }


def curves(
    title: str,
    unit: str,
    queries: list[Query],
    description: str,
    *,
    stacked: bool = False,
    colours: dict[str, str] | None = None,
    decimals: int = 0,
) -> Panel:
    """Curves over time; `colours` by regular expressions over their names, `decimals` of what has no unit."""
    custom = {"fillOpacity": 30 if stacked else 5, "stacking": {"mode": "normal" if stacked else "none"}}
    defaults: dict[str, Any] = {"unit": unit, "min": 0, "noValue": "no data", "custom": custom}
    if unit == "none":
        defaults["decimals"] = decimals
    overrides = [
        {
            "matcher": {"id": "byRegexp", "options": f"/{pattern}/"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for pattern, colour in (colours or {}).items()
    ]
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "targets": targets(queries, instant=False),
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }


NOW = [
    stat(
        "Gateways ready",
        "none",
        f"sum(smoothgen_gateway_ready{{{JOB}}}) or vector(0)",
        "Gateways that answer Prometheus, reach Redis and read their replies.",
        (1, GREEN),
    ),
    stat(
        "Workers",
        "none",
        f"count({WORKERS}) or vector(0)",
        "Workers that answer Prometheus: they have loaded their models. `smoothgen serve` shows them only where "
        "SMOOTHGEN_METRICS_PORT is set.",
        (1, GREEN),
    ),
    stat(
        "Gone in 30 min",
        "none",
        f"sum(clamp_min({MOST} - (count by (component) ({ALL}) or 0 * {MOST}), 0)) or vector({UNKNOWN})",
        "Gateways and workers there were at some time in the last half hour, and are not now. Unknown: none has been "
        "there.",
        (0, GREEN),
        (1, ORANGE),
    ),
    stat(
        "Alerts firing",
        "none",
        f'count(ALERTS{{alertstate="firing", service="smoothgen"}}) or 0 * max({READY}) or vector({UNKNOWN})',
        "Alerts of docker/prometheus/rules.yml. Unknown: no gateway is ready, and none of them fires yet.",
        (0, GREEN),
        (1, RED),
    ),
    stat(
        "Gateway errors",
        "percentunit",
        f'sum(rate(smoothgen_http_requests_total{{{ROUTE}, fault="gateway"}}[5m]))'
        f" / (sum(rate(smoothgen_http_requests_total{{{ROUTE}}}[5m])) > 0) and on () (count({GATEWAYS}) > 0)"
        f" or 0 * max({READY}) or vector({UNKNOWN})",
        "Share of the requests of 5 minutes that ended in a 5xx of the gateway's own. A model's failure or a missed "
        "deadline is none: see Failed in an hour.",
        (0, GREEN),
        (0.001, ORANGE),
        (0.01, RED),
    ),
    stat(
        "Longest backlog",
        "s",
        f"max({WAIT}) or max({OWED}) == 0 or vector({UNKNOWN})",
        "Of all models: samples waiting over samples drawn a second. Unknown: no gateway tells, or work waits and no "
        "worker of that model has been measured.",
        (0, GREEN),
        (120, ORANGE),
        (600, RED),
    ),
    stat(
        "Refused in an hour",
        "none",
        known(counted("smoothgen_jobs_refused_total", MODEL, "1h"), READY),
        "Requests answered 429, their model's backlog being full.",
        (0, GREEN),
        (1, ORANGE),
    ),
    stat(
        "Failed in an hour",
        "none",
        known(counted("smoothgen_jobs_finished_total", f'{MODEL}, outcome="failed"', "1h"), WORKERS),
        "Jobs that ended without a result: the model gave nothing, a deadline passed, no worker survived.",
        (0, GREEN),
        (1, ORANGE),
    ),
    stat(
        "Certificates in an hour",
        "none",
        known(counted("smoothgen_jobs_finished_total", f'{MODEL}, outcome="certificate"', "1h"), WORKERS),
        "Jobs that ended with a certificate.",
        (0, BLUE),
    ),
    stat(
        "Samples a job",
        "none",
        known(
            f"sum(increase(smoothgen_job_samples_sum{{{MODEL}}}[1h]))"
            f" / (sum(increase(smoothgen_job_samples_count{{{MODEL}}}[1h])) > 0)",
            WORKERS,
        ),
        "Mean of the jobs of the last hour, selection included; 0 where there was none.",
        (0, BLUE),
    ),
]

REQUESTS = [
    curves(
        "Requests",
        "reqps",
        [("{{status}}", f"sum by (status) (rate(smoothgen_http_requests_total{{{ROUTE}}}[$__rate_interval]))")],
        "HTTP answers by status. 429 is the gateway refusing overload, 499 a client that left first.",
        stacked=True,
        colours=BY_STATUS,
    ),
    curves(
        "Server errors by fault",
        "none",
        [
            (
                "{{fault}} {{status}} {{route}}",
                counted("smoothgen_http_requests_total", f'{ROUTE}, fault!="none"', "5m", "fault, status, route"),
            )
        ],
        "Answers of 5 minutes that were 5xx. Of the gateway: Redis away or full, or its own failure. Of a worker: none "
        "there, none answered, or its own failure. Of the job: its model failed, or its deadline passed.",
        colours=BY_FAULT,
    ),
    curves(
        "Request latency",
        "s",
        quantiles("smoothgen_http_request_seconds", ROUTE, "$__rate_interval", "route", 0.5, 0.99),
        "A request that waits for its certificate (Prefer: wait) takes as long as the job.",
    ),
    curves(
        "Refused and cancelled",
        "none",
        [
            ("{{model}}: refused", counted("smoothgen_jobs_refused_total", MODEL, "5m", "model")),
            ("{{model}}: cancelled", counted("smoothgen_jobs_cancelled_total", MODEL, "5m", "model")),
        ],
        "Jobs answered 429 in the last 5 minutes, their model's backlog being full, and jobs that clients ended.",
        colours={"refused$": ORANGE, "cancelled$": PURPLE},
    ),
]

WORK = [
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
        colours={"failed$": RED, "possible$": BLUE},
    ),
    curves(
        "Oldest waiting piece",
        "s",
        [("{{model}}", f"max by (model) (smoothgen_queue_oldest_seconds{{{MODEL}}})")],
        "How long the oldest piece has waited that no worker has taken. It grows where work of one priority or of one "
        "build is left behind, whatever the backlog says.",
    ),
    curves(
        "Redis memory",
        "bytes",
        [
            ("used", f"max(smoothgen_redis_memory_bytes{{{JOB}}})"),
            ("limit", f"max(smoothgen_redis_memory_limit_bytes{{{JOB}}}) > 0"),
        ],
        "At its limit Redis refuses new jobs. No curve of a limit: it has none.",
        colours={"limit": RED},
    ),
    curves(
        "Pieces of work",
        "none",
        [("{{model}}", f"max by (model) (smoothgen_queue_pieces{{{MODEL}}})")],
        "Openings and chunks waiting or running. A job puts only its next few chunks here, however many will follow.",
    ),
]

JOBS = [
    curves(
        "Job outcomes",
        "none",
        [
            ("{{outcome}}", counted("smoothgen_jobs_finished_total", MODEL, "5m", "outcome")),
            ("submitted", counted("smoothgen_jobs_submitted_total", MODEL, "5m")),
        ],
        "Jobs in the last 5 minutes. An abstention is a result: the samples prove no radius at this budget.",
        colours=BY_OUTCOME,
    ),
    curves(
        "Share of outcomes",
        "percentunit",
        [
            (
                "{{outcome}}",
                f"sum by (outcome) (rate(smoothgen_jobs_finished_total{{{MODEL}}}[1h]))"
                f" / ignoring (outcome) group_left () (sum(rate(smoothgen_jobs_finished_total{{{MODEL}}}[1h])) > 0)",
            )
        ],
        "Of the jobs the workers ended in the last hour.",
        stacked=True,
        colours=BY_OUTCOME,
    ),
    curves(
        "Job duration",
        "s",
        quantiles("smoothgen_job_seconds", MODEL, "15m", "model", 0.5, 0.99),
        "From submission to the stored result, waiting included. Quantiles over the last 15 minutes.",
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
        "Retries",
        "none",
        [("{{model}}", counted("smoothgen_job_retries_total", MODEL, "5m", "model"))],
        "Pieces of work taken over from workers that died or stalled, in the last 5 minutes. One may have held as many "
        "as a batch has samples.",
    ),
    curves(
        "Dead letters",
        "none",
        [("{{model}}", f"max by (model) (smoothgen_dead_letters{{{MODEL}}})")],
        "Jobs given up because no worker survived or could read them, as many as are kept: the last 10,000 or so.",
    ),
    curves(
        "Outbox",
        "none",
        [("waiting for the {{reader}}", f"max by (reader) (smoothgen_outbox_entries{{{JOB}}})")],
        "Ended jobs that a reader, such as the ledger, has not dealt with yet.",
    ),
    curves(
        "Outbox: oldest entry",
        "s",
        [("{{reader}}", f"max by (reader) (smoothgen_outbox_oldest_seconds{{{JOB}}})")],
        "How long the oldest entry has waited. 0: none waits.",
    ),
    curves(
        "Ledger entries",
        "none",
        [("{{event}}", counted("smoothgen_ledger_entries_total", JOB, "1h", "event"))],
        "Entries added to the ledger in the last hour, by what they record.",
    ),
    curves(
        "Claims on scores",
        "none",
        [
            (
                "{{score}}: {{outcome}}",
                counted("smoothgen_score_claims_total", MODEL, "1h", "score, outcome") + " > 0",
            )
        ],
        "Claims of the jobs that ended in the last hour, by the score they are on: proven as they were asked, or not. "
        "No curve where there was none.",
    ),
    curves(
        "Certified radius in sigmas",
        "none",
        quantiles("smoothgen_radius_in_sigmas", MODEL, "1h", "metric", 0.1, 0.5, 0.9),
        "Quantiles of the certificates of the last hour, by the metric they speak about. Read from histogram buckets, "
        "so between two bucket limits they are interpolated: for trends, never for a claim.",
        decimals=2,
    ),
]
FLEETS = [
    curves(
        "Fleet bound by attack size",
        "none",
        [
            (
                "{{tenant}} {{model}} {{metric}} {{pool}}: {{radius_in_sigmas}} sigmas",
                f"max by (tenant, model, metric, pool, radius_in_sigmas) (smoothgen_fleet_w1_bound{{{MODEL}}})",
            )
        ],
        "How far attacks can move the average fleet request of the last closed hour, in the metric's units; a curve "
        "for each attack size. It changes with the hour. GET /fleet has the certificate.",
        decimals=3,
    ),
    curves(
        "Fleet requests",
        "none",
        [
            (
                "{{tenant}} {{model}} {{metric}} {{pool}}",
                f"max by (tenant, model, metric, pool) (smoothgen_fleet_requests{{{MODEL}}})",
            )
        ],
        "Requests of the last closed hour behind each fleet bound. Few requests prove little.",
    ),
]
WEBHOOKS = [
    curves(
        "Webhooks sent",
        "none",
        [
            ("delivered", f"sum(increase(smoothgen_webhooks_delivered_total{{{JOB}}}[5m]))"),
            ("failed tries", f"sum(increase(smoothgen_webhooks_failed_total{{{JOB}}}[5m]))"),
            ("dropped", f"sum(increase(smoothgen_webhooks_dropped_total{{{JOB}}}[5m]))"),
        ],
        "Messages to receivers of webhooks in the last 5 minutes: taken, not taken at a try, and given up.",
    ),
    curves(
        "Webhooks due",
        "none",
        [
            ("due", f"max(smoothgen_webhooks_due{{{JOB}}})"),
            ("receivers {{state}}", f"max by (state) (smoothgen_webhook_receivers{{{JOB}}})"),
        ],
        "Messages that no receiver has taken yet, those between two tries among them, and the registered receivers.",
    ),
    curves(
        "Webhooks late",
        "s",
        [("late", f"max(smoothgen_webhooks_late_seconds{{{JOB}}})")],
        "How long the first message has been due that no gateway has sent. Above a few seconds, no gateway sends.",
    ),
]
MACHINES = [
    curves(
        "Workers by model",
        "none",
        [
            ("{{model}}", f"count by (model) (smoothgen_batch_size{{{MODEL}}})"),
            ("{{model}}: known to the queue", f"max by (model) (smoothgen_workers{{{MODEL}}})"),
        ],
        "Workers that answer Prometheus, by the models they have loaded, and live workers as Redis has them: more of "
        "these where Prometheus does not reach some, fewer where some do not reach Redis.",
    ),
    curves(
        "Busy",
        "percentunit",
        [("{{instance}}", f"sum by (instance) (rate(smoothgen_batch_seconds_sum{{{MODEL}}}[$__rate_interval]))")],
        "Share of a worker's time spent in batches of these models.",
    ),
    curves(
        "Batch duration",
        "s",
        quantiles("smoothgen_batch_seconds", MODEL, "$__rate_interval", "model", 0.5, 0.99),
        "One batch through the model.",
    ),
    curves(
        "Batch fill",
        "percentunit",
        [
            (
                "{{model}}",
                f"sum by (model) (rate(smoothgen_samples_total{{{MODEL}}}[5m]))"
                f" / (sum by (model) (rate(smoothgen_batch_seconds_count{{{MODEL}}}[5m])) > 0)"
                f" / max by (model) (smoothgen_batch_size{{{MODEL}}})",
            )
        ],
        "Samples in a batch over SMOOTHGEN_BATCH_SIZE. Low under load: jobs that cannot share a batch, or memory for "
        "half a batch only.",
    ),
    curves(
        "Passes a text",
        "none",
        [
            (
                "{{model}}",
                f"sum by (model) (rate(smoothgen_network_passes_total{{{MODEL}}}[5m]))"
                f" / (sum by (model) (rate(smoothgen_samples_total{{{MODEL}}}[5m])) > 0)",
            )
        ],
        "Passes of a language model's network over a batch, for each sample. Low: large batches, and drafts that are "
        "met.",
    ),
    curves(
        "GPU memory",
        "bytes",
        [
            ("{{instance}} {{device}} used", f"smoothgen_gpu_memory_used_bytes{{{JOB}}}"),
            ("{{instance}} {{device}} there is", f"smoothgen_gpu_memory_bytes{{{JOB}}}"),
        ],
        "Of the GPUs that workers compute on. Empty without GPUs.",
        colours={"there is$": BLUE},
    ),
    curves(
        "GPU use",
        "percentunit",
        [("{{instance}} {{device}}", f"smoothgen_gpu_utilization{{{JOB}}}")],
        "Share of time a kernel ran. Empty without GPUs, or where nvidia-ml-py is not installed.",
    ),
    curves(
        "Memory of processes",
        "bytes",
        [
            (
                "{{component}} {{instance}}",
                f"process_resident_memory_bytes{{{JOB}}} * on (job, instance) group_left (component)"
                f" max by (job, instance, component) (smoothgen_build_info{{{JOB}}})",
            )
        ],
        "Resident memory of gateways and workers.",
    ),
    curves(
        "CPU of processes",
        "none",
        [
            (
                "{{component}} {{instance}}",
                f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval]) * on (job, instance)"
                f" group_left (component) max by (job, instance, component) (smoothgen_build_info{{{JOB}}})",
            )
        ],
        "Cores in use.",
        decimals=2,
    ),
    curves(
        "Restarts",
        "none",
        [
            (
                "{{component}} {{instance}}",
                f"changes(process_start_time_seconds{{{JOB}}}[15m]) * on (job, instance) group_left (component)"
                f" max by (job, instance, component) (last_over_time(smoothgen_build_info{{{JOB}}}[15m]))",
            )
        ],
        "Of each process in the last 15 minutes. A worker that dies while it loads its models is not seen here, but is "
        "missing above.",
    ),
    curves(
        "Load time",
        "s",
        [("{{instance}}", f"smoothgen_worker_load_seconds{{{JOB}}}")],
        "How long each worker took to load its models.",
    ),
    curves(
        "Hung workers",
        "none",
        [("{{instance}}", f"smoothgen_worker_hung{{{JOB}}}")],
        "1 while a worker's computing thread makes no progress; others take its work over. Restart it.",
    ),
    curves(
        "Versions",
        "none",
        [
            (
                "{{component}} {{version}}, Python {{python}}",
                f"count by (component, version, python) (smoothgen_build_info{{{JOB}}})",
            )
        ],
        "Processes of each version. Gateways and workers should be of one.",
    ),
]

ROWS = {
    "Now": NOW,
    "Requests": REQUESTS,
    "Waiting and running work": WORK,
    "Jobs and certificates": JOBS,
    "Fleets": FLEETS,
    "Webhooks": WEBHOOKS,
    "Workers and processes": MACHINES,
}


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


def placed(rows: dict[str, list[Panel]]) -> list[Panel]:
    """Every row's title, then its panels: stats five abreast, curves two, on Grafana's 24-column grid."""
    panels: list[Panel] = []
    y = 0
    for title, row in rows.items():
        panels.append({"type": "row", "title": title, "collapsed": False, "panels": []})
        panels[-1]["gridPos"] = {"x": 0, "y": y, "w": 24, "h": 1}
        y += 1
        abreast, height = (5, 4) if row[0]["type"] == "stat" else (2, 8)
        edges = [24 * i // abreast for i in range(abreast + 1)]
        for i, panel in enumerate(row):
            left, right = edges[i % abreast], edges[i % abreast + 1]
            at = {"x": left, "y": y + height * (i // abreast), "w": right - left, "h": height}
            panels.append(panel | {"gridPos": at})
        y += height * -(-len(row) // abreast)
    return panels


def dashboard(uid: str, title: str, rows: dict[str, list[Panel]], *variables: dict[str, Any]) -> str:
    """The text of a dashboard for any Grafana with any Prometheus: the data source is a variable."""
    document = {
        "uid": uid,
        "title": title,
        "tags": ["smoothgen"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                    "current": {},
                },
                variable("job", "Job", "smoothgen_build_info"),
                *variables,
            ]
        },
        "annotations": {
            "list": [
                {
                    "name": "Alerts",
                    "datasource": DATASOURCE,
                    "enable": True,
                    "iconColor": RED,
                    "expr": 'ALERTS{alertstate="firing", service="smoothgen"}',
                    "titleFormat": "{{alertname}}",
                    "textFormat": "{{severity}} {{model}} {{instance}}",
                }
            ]
        },
        "panels": [{"id": i, "datasource": DATASOURCE} | panel for i, panel in enumerate(placed(rows), start=1)],
    }
    return json.dumps(document, indent=2) + "\n"


def render() -> str:
    """The text of dashboards/smoothgen.json."""
    return dashboard(
        "smoothgen",
        "SmoothGen",
        ROWS,
        variable("model", "Model", "smoothgen_queue_samples"),
        variable("route", "Route", "smoothgen_http_requests_total"),
    )


def rules(rows: dict[str, list[Panel]]) -> str:
    """Every query as a recording rule named after its panel, with values for the variables: promtool can check these,
    and stats_test.yml says what the stats must show."""
    values = dict.fromkeys(("$job", "$model", "$route", "$tenant", "$key"), ".*") | {"$__rate_interval": "1m"}
    found = []
    for panel in placed(rows):
        for query in panel.get("targets", []):
            expr = query["expr"]
            for name, value in values.items():
                expr = expr.replace(name, value)
            name = f"{panel['title']} {query['refId']}".lower().replace(" ", "_")
            found.append({"record": name, "expr": expr})
    return json.dumps({"groups": [{"name": "dashboard", "rules": found}]})


def main(name: str, text: str, rows: dict[str, list[Panel]]) -> None:
    """Write a dashboard, or print its queries where the command line says --rules."""
    if sys.argv[1:] == ["--rules"]:
        print(rules(rows))
    else:
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main("smoothgen.json", render(), ROWS)
