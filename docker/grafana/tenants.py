"""Write dashboards/tenants.json: `python docker/grafana/tenants.py`. Standard library only.
With --rules, print its queries as rules for promtool.

Every series here is counted by the one process that answered the request or ended the job, and none is read from Redis:
they are summed over gateways and over workers.
"""

from dashboard import (
    BLUE,
    BY_OUTCOME,
    BY_STATUS,
    GREEN,
    JOB,
    ORANGE,
    READY,
    WORKERS,
    counted,
    curves,
    dashboard,
    known,
    main,
    stat,
    variable,
)

TENANT = f'tenant=~"$tenant", key=~"$key", {JOB}'
NAMES = "tenant, key"
NAMED = "{{tenant}} {{key}}"
AGREEMENT = "smoothgen_tenant_agreement"
CLAIMS = f"increase(smoothgen_tenant_claims_total{{{TENANT}}}[1h])"
HOLDING = f'increase(smoothgen_tenant_claims_total{{{TENANT}, outcome="holds"}}[1h])'


def of_agreement(part: str, by: str) -> str:
    """The agreement's buckets, sum or count of the jobs of an hour."""
    return f"sum by ({by}) (increase({AGREEMENT}_{part}{{{TENANT}}}[1h]))"


NOW = [
    stat(
        "Requests in an hour",
        "none",
        known(counted("smoothgen_tenant_requests_total", TENANT, "1h"), READY),
        "Requests that carried a key or needed none. Those without a known key are on the other dashboard alone (401).",
        (0, BLUE),
    ),
    stat(
        "Refusals in an hour",
        "none",
        known(counted("smoothgen_tenant_refused_total", TENANT, "1h"), READY),
        "Of these, those answered 429: the backlog is full, or the key is at a limit of its own.",
        (0, GREEN),
        (1, ORANGE),
    ),
    stat(
        "Jobs in an hour",
        "none",
        known(counted("smoothgen_tenant_jobs_total", TENANT, "1h"), WORKERS),
        "Jobs that ended, failed ones included, cancelled ones not.",
        (0, BLUE),
    ),
    stat(
        "Samples in an hour",
        "none",
        known(counted("smoothgen_tenant_samples_total", TENANT, "1h"), WORKERS),
        "Model generations of the jobs that ended with a result.",
        (0, BLUE),
    ),
    stat(
        "Claims that hold",
        "percentunit",
        f"(sum({HOLDING}) or vector(0)) / (sum({CLAIMS}) > 0) and on () (count({WORKERS}) > 0) or vector(-1)",
        "Of the claims of the jobs of the last hour, those proven as they were asked. Unknown: none was asked, or no "
        "worker tells.",
        (0, BLUE),
    ),
]
REQUESTS = [
    curves(
        "Requests by tenant",
        "reqps",
        [(NAMED, f"sum by ({NAMES}) (rate(smoothgen_tenant_requests_total{{{TENANT}}}[$__rate_interval]))")],
        "HTTP requests a second, by the names of tenant and key. (unnamed): keys without a name; (others): tenants and "
        "keys beyond the 200 that a gateway tells apart.",
    ),
    curves(
        "Answers",
        "reqps",
        [("{{status}}", f"sum by (status) (rate(smoothgen_tenant_requests_total{{{TENANT}}}[$__rate_interval]))")],
        "By status, of the tenants and keys that are chosen above.",
        stacked=True,
        colours=BY_STATUS,
    ),
    curves(
        "Refusals",
        "none",
        [(f"{NAMED}: {{{{kind}}}}", counted("smoothgen_tenant_refused_total", TENANT, "5m", f"{NAMES}, kind"))],
        "Requests answered 429 in the last 5 minutes. Overloaded: the backlog of the model, or this tenant's share of "
        "it, is full. The other kinds are limits of the key.",
    ),
    curves(
        "Samples by tenant",
        "ops",
        [(NAMED, f"sum by ({NAMES}) (rate(smoothgen_tenant_samples_total{{{TENANT}}}[5m]))")],
        "Model generations a second over 5 minutes, counted when their job ends with a result: a long job is a step.",
    ),
]
JOBS = [
    curves(
        "Jobs by tenant",
        "none",
        [(NAMED, counted("smoothgen_tenant_jobs_total", TENANT, "5m", NAMES))],
        "Jobs that ended in the last 5 minutes.",
    ),
    curves(
        "Outcomes",
        "none",
        [("{{outcome}}", counted("smoothgen_tenant_jobs_total", TENANT, "5m", "outcome"))],
        "Jobs that ended in the last 5 minutes, of the tenants and keys that are chosen above.",
        stacked=True,
        colours=BY_OUTCOME,
    ),
    curves(
        "Share of claims that hold",
        "percentunit",
        [(NAMED, f"sum by ({NAMES}) ({HOLDING}) / (sum by ({NAMES}) ({CLAIMS}) > 0)")],
        "Share of the claims of the last hour's jobs that are proven as they were asked. No curve where none was "
        "asked.",
    ),
    curves(
        "Abstentions",
        "none",
        [("{{reason}}", counted("smoothgen_tenant_abstentions_total", TENANT, "1h", "reason"))],
        "Jobs of the last hour that ended without a certificate, by reason.",
    ),
    curves(
        "Agreement",
        "percentunit",
        [
            *(
                (
                    f"p{100 * level:g} {NAMED}",
                    f"histogram_quantile({level:g}, {of_agreement('bucket', f'le, {NAMES}')})",
                )
                for level in (0.1, 0.5)
            ),
            (f"mean {NAMED}", f"{of_agreement('sum', NAMES)} / ({of_agreement('count', NAMES)} > 0)"),
        ],
        "Share of a job's runs that gave the answer it is about: jobs of the last hour with metric label or verdict. "
        "Quantiles are interpolated between tenths, the mean is exact. A count, and no bound on a probability.",
    ),
    curves(
        "Notes",
        "none",
        [("{{code}}", counted("smoothgen_tenant_notes_total", TENANT, "1h", "code"))],
        "What jobs of the last hour told their clients beside the result, by code.",
    ),
]
ROWS = {"The last hour": NOW, "Requests and samples": REQUESTS, "Jobs and what they prove": JOBS}


def render() -> str:
    """The text of dashboards/tenants.json."""
    return dashboard(
        "smoothgen-tenants",
        "SmoothGen: tenants",
        ROWS,
        variable("tenant", "Tenant", "smoothgen_tenant_requests_total"),
        variable("key", "Key", "smoothgen_tenant_requests_total"),
    )


if __name__ == "__main__":
    main("tenants.json", render(), ROWS)
