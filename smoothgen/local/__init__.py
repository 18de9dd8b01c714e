"""The service on one machine: an embedded Redis, a gateway and workers, started, watched and stopped together."""
