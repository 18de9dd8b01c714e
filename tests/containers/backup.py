"""A backup of Redis's volume and its restoration, by the commands of docs/operations/how-to.md."""

from __future__ import annotations

from pathlib import Path

from tests.containers.compose import Compose
from tests.containers.engine import Engine

_VOLUME = "smoothgen_redis"


def back_up(compose: Compose, engine: Engine, folder: Path, image: str) -> str:
    """Packs the volume into `folder` while Redis is stopped, and returns the file's size."""
    compose("stop", "redis")
    _tar(engine, image, f"{_VOLUME}:/data:ro", folder, "czf")
    compose("start", "redis")
    return f"{(folder / 'redis.tgz').stat().st_size / 1e3:.0f} kB"


def lose_and_restore(compose: Compose, engine: Engine, folder: Path, image: str) -> None:
    """Removes Redis and its volume, unpacks the backup into a new one, and waits until Redis is healthy again."""
    compose("rm", "--stop", "--force", "redis")
    engine.docker("volume", "rm", _VOLUME)
    compose("create", "--pull=never", "redis")
    _tar(engine, image, f"{_VOLUME}:/data", folder, "xzf")
    compose.up("redis")


def _tar(engine: Engine, image: str, volume: str, folder: Path, how: str) -> None:
    options = ["run", "--rm", "--user=root", "--volume", volume, "--volume", f"{folder}:/backup"]
    engine.docker(*options, image, "tar", how, "/backup/redis.tgz", "-C", "/data", ".")
