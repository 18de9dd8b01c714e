"""The compose file as it is, driven by `docker-compose`, in an engine whose network leads nowhere."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from typing import Any

from tests.containers.engine import CommandFailed, Engine, run, tool

GATEWAY, PROMETHEUS = "http://127.0.0.1:8000", "http://127.0.0.1:9090"
SERVICES = ("gateway", "worker", "prometheus")
"""What is started; Redis and the first key come with the gateway. Grafana has no stand-in."""


class Compose:
    """One project of the compose file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Two cores: two workers with a thread each.
        passwords = {name: secrets.token_hex(16) for name in ("REDIS_PASSWORD", "GRAFANA_ADMIN_PASSWORD")}
        self._environment = engine.environment(**passwords, SMOOTHGEN_THREADS="1")

    def __call__(self, *arguments: str, seconds: float = 600) -> str:
        """Returns what a compose command prints. Raises CommandFailed where it fails."""
        command = [tool("docker-compose"), "--env-file", "/dev/null", "--progress", "quiet", *arguments]
        return run(command, self._environment, seconds=seconds)

    def up(self, *services: str, workers: int = 1, again: bool = False) -> None:
        """Starts services, or recreates them, and waits until their health checks pass. Nothing is built or pulled."""
        options = ["--no-deps", "--force-recreate"] if again else []
        scale = ["--scale", f"worker={workers}"] if "worker" in services else []
        self("up", "--detach", "--wait", "--no-build", "--pull=never", *scale, *options, *services)

    def containers(self) -> list[dict[str, Any]]:
        """Returns what the engine knows of each running container of the project."""
        return [self._engine.inspect(name) for name in self("ps", "--quiet").split()]

    def health(self) -> str:
        """Returns how many containers of each service are healthy. Raises CommandFailed where one is not, or where a
        gateway or worker could write to its root."""
        healthy: Counter[str] = Counter()
        for found in self.containers():
            service = found["Config"]["Labels"]["com.docker.compose.service"]
            status = found["State"]["Health"]["Status"]
            if status != "healthy":
                raise CommandFailed(f"a container of {service} is {status}")
            if service in ("gateway", "worker") and not found["HostConfig"]["ReadonlyRootfs"]:
                raise CommandFailed(f"the root of {service} can be written to")
            healthy[service] += 1
        return ", ".join(f"{count} {service}" for service, count in sorted(healthy.items()))

    def key(self) -> str:
        """Returns the first API key, read as docs/operations/how-to.md says."""
        return self(
            *("run", "--rm", "--no-deps", "--entrypoint", "cat", "first-key", "/var/lib/smoothgen/first-key")
        ).strip()

    def logged(self, service: str) -> Counter[str]:
        """Returns how often each event is in a service's log. Raises CommandFailed for a line that is no JSON object
        of the service, or one of level error."""
        events: Counter[str] = Counter()
        for line in self("logs", "--no-log-prefix", "--no-color", service).splitlines():
            try:
                said = json.loads(line)
                events[said["event"]] += 1
                level, named = said["level"], said["service"]
            except (ValueError, TypeError, KeyError) as error:
                raise CommandFailed(f"the log of {service} has a line that is none of ours: {line[:200]}") from error
            if level in ("error", "critical") or named != service:
                raise CommandFailed(f"the log of {service}: {line[:300]}")
        return events
