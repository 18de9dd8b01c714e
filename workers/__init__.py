"""The GPU side: generators, output metrics, the work loop. Never imports the gateway."""
