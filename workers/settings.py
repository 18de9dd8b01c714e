"""A worker's settings. The environment is read here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from smoothgen.process.draining import DRAIN_TIMEOUT_S
from smoothgen.process.logs import LogFormat, LogLevel
from smoothgen.queue import keys

DEFAULT_MODELS = ["smollm2-135m", "fashion-32", "closed-form-tanh"]


class Settings(BaseSettings):
    """Environment variables SMOOTHGEN_<NAME>; docs/operations lists them."""

    model_config = SettingsConfigDict(env_prefix="SMOOTHGEN_", frozen=True)

    redis_url: str = "redis://127.0.0.1:6379/0"
    models: list[str] = DEFAULT_MODELS
    """Models: names of `workers.generators.registry`, or "name=source" with a hub name, a folder or a GGUF file."""
    vision_models: list[str] = []
    """Transformers vision models (hub names or folders) requests may compare pictures in: metric vision-chord."""
    device: str = "auto"
    """"cpu", "cuda", "cuda:1" …; auto takes a GPU where there is one."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    batch_size: int = Field(default=64, ge=1)
    cache: Path = Path.home() / ".cache" / "smoothgen"
    """The folder of converted models."""
    calibrations: Path | None = None
    """A folder of calibrations written by `smoothgen calibrate`; they win over the shipped ones."""
    metrics_port: int | None = None
    threads: int | None = Field(default=None, ge=1)
    """CPU threads the model computes with. Workers of one machine should share its cores."""
    drain_timeout_s: float = Field(default=DRAIN_TIMEOUT_S, ge=0)
    """After SIGTERM, seconds that work may still take before it is handed back at the next batch boundary."""
    lease_s: float = Field(default=keys.LEASE_S, gt=0)
    hang_after_s: float = Field(default=120.0, gt=0)
    """Seconds the computing thread may take for one step; more where batches are slow. A worker that hangs loses its
    work items to others, and takes no more."""
    first_batch_s: float = Field(default=600.0, gt=0)
    """Seconds that one step may take until a model's first batch is done: it may compile, at an unknown speed."""
    restart_after_s: float = Field(default=60.0, gt=0)
    """How long no worker may have a job's build of the model before the job starts over under another."""
    log_format: LogFormat = "json"
    log_level: LogLevel = "info"
