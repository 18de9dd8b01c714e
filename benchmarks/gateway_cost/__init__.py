"""What each part of the gateway costs a request; `python -m benchmarks.gateway_cost` measures it."""
