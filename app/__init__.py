"""The gateway: HTTP in, jobs into Redis, answers out. No torch."""
