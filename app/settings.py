"""The gateway's settings. The environment is read here and nowhere else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from smoothgen.logs import LogFormat, LogLevel


class Settings(BaseSettings):
    """Environment variables SMOOTHGEN_<NAME>; docs/operations.md lists them."""

    model_config = SettingsConfigDict(env_prefix="SMOOTHGEN_", frozen=True)

    redis_url: str = "redis://127.0.0.1:6379/0"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    allowed_hosts: list[Annotated[str, Field(min_length=1)]] = []
    """Names this gateway is asked by, apart from its loopback names. Empty: checked only when bound to loopback."""
    api_keys: list[Annotated[str, Field(min_length=1)]] = []
    """Accepted bearer keys. Empty: anyone who can reach the port may use it."""
    models: list[Annotated[str, Field(min_length=1)]] = []
    """What the workers are configured with: a request for one of these that has not registered yet is answered 503."""
    max_samples: int = Field(default=20_000, ge=1)
    max_queued_samples: int = Field(default=1_000_000, ge=1)
    """Noisy samples a model may owe to waiting jobs; beyond it requests are answered 429."""
    fleet_confidence: float = Field(default=0.999, gt=0, lt=1)
    """Of each window's fleet certificate."""
    max_request_bytes: int = Field(default=8 * 1024 * 1024, ge=1)
    """A seed image comes as base64 inside the request."""
    max_certificate_bytes: int = Field(default=8 * 1024 * 1024, ge=1)
    max_held_bytes: int = Field(default=32 * 1024 * 1024, ge=1)
    """Of all bodies that are being read or worked on at once; beyond it requests are answered 503."""
    max_header_bytes: int = Field(default=32 * 1024, ge=1024)
    max_connections: int = Field(default=1000, ge=1)
    header_timeout_s: float = Field(default=10.0, gt=0)
    body_timeout_s: float = Field(default=30.0, gt=0)
    default_wait_s: float = 30.0
    max_wait_s: float = 120.0
    covers_wait_s: float = Field(default=30.0, gt=0)
    """How long a comparison of prompts waits for a worker."""
    log_format: LogFormat = "json"
    log_level: LogLevel = "info"

    @property
    def model_names(self) -> frozenset[str]:
        """The names of `models`, which may be written name=source as for a worker."""
        return frozenset(model.partition("=")[0] for model in self.models)
