"""What every process of ours tells Prometheus about itself."""

from __future__ import annotations

import platform
from typing import Literal

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics

from smoothgen import __version__


def process_registry(component: Literal["gateway", "worker"]) -> CollectorRegistry:
    """Returns a registry with `smoothgen_build_info` and the standard `process_*` metrics (memory, CPU, start time).

    One registry an application, so that two of them in one process do not collide. Switches off the `_created` series
    of prometheus_client, which double the number of series and which nobody reads.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build = Gauge(
        "smoothgen_build_info",
        "1, labelled with what runs: gateway or worker, and its versions",
        ["component", "version", "python"],
        registry=registry,
    )
    build.labels(component, __version__, platform.python_version()).set(1)
    return registry
