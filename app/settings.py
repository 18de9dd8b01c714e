"""The gateway's settings. The environment is read here and nowhere else."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment variables SMOOTHGEN_<NAME>; docs/operations.md lists them."""

    model_config = SettingsConfigDict(env_prefix="SMOOTHGEN_", frozen=True)

    redis_url: str = "redis://127.0.0.1:6379/0"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    api_keys: list[Annotated[str, Field(min_length=1)]] = []
    """Accepted bearer keys. Empty: anyone who can reach the port may use it."""
    max_samples: int = Field(default=20_000, ge=1)
    max_queued_samples: int = Field(default=1_000_000, ge=1)
    """Noisy samples a model may owe to waiting jobs; beyond it requests are answered 429."""
    fleet_confidence: float = Field(default=0.999, gt=0, lt=1)
    """Of each window's fleet certificate."""
    max_request_bytes: int = 8 * 1024 * 1024
    """A seed image comes as base64 inside the request."""
    max_certificate_bytes: int = 32 * 1024 * 1024
    default_wait_s: float = 30.0
    max_wait_s: float = 120.0
    covers_wait_s: float = Field(default=30.0, gt=0)
    """How long a comparison of prompts waits for a worker."""
    log_format: Literal["json", "console"] = "json"
