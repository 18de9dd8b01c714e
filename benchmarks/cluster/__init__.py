"""Many gateways and workers on a cluster, and where Redis ends; `python -m benchmarks.cluster` measures it."""
