"""A worker's settings. The environment is read here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from smoothgen.process.default_models import DEFAULT_MODELS
from smoothgen.process.draining import DRAIN_TIMEOUT_S, LONGEST_S
from smoothgen.process.logs import LogFormat, LogLevel
from smoothgen.queue import keys

BATCH_TOKENS: Final = 8192
"""A CPU takes seconds for a pass over so many tokens, and a GPU is busy with them."""


class Settings(BaseSettings):
    """Environment variables SMOOTHGEN_<NAME>; docs/operations lists them."""

    model_config = SettingsConfigDict(env_prefix="SMOOTHGEN_", frozen=True)

    redis_url: str = "redis://127.0.0.1:6379/0"
    models: list[Annotated[str, Field(min_length=1)]] = Field(default=DEFAULT_MODELS, min_length=1)
    """Models: names of `workers.generators.registry`, or "name=source" with a hub name, a folder or a GGUF file."""
    vision_models: list[Annotated[str, Field(min_length=1)]] = []
    """Transformers vision models (hub names or folders) requests may compare pictures in: metric vision-chord."""
    clip_model: str | None = Field(default=None, min_length=1)
    """A transformers CLIP model (hub name or folder) that claims may score pictures by: score clip_similarity."""
    device: str = "auto"
    """"cpu", "cuda", "cuda:1" …; auto takes a GPU where there is one."""
    worker_index: int = Field(default=0, ge=0, le=65535)
    """Which of its machine's workers this is. With device "auto" or "cuda" worker i has GPU number i, counted again
    from 0 after the last GPU."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    compile: bool = False
    """Whether torch compiles the networks of diffusers pipelines, in 16 bits."""
    batch_size: int = Field(default=64, ge=1, le=1_000_000)
    batch_tokens: int = Field(default=BATCH_TOKENS, ge=1)
    """Tokens of prompts that a batch holds at most; a longer prompt stands alone. Batches of a fixed size, in 16 bits,
    do not heed it."""
    cache: Path = Path.home() / ".cache" / "smoothgen"
    """The folder of converted models."""
    calibrations: Path | None = None
    """A folder of calibrations written by `smoothgen calibrate`; they win over the shipped ones."""
    run_pictures: int = Field(default=100, ge=0, le=1_000)
    """Of how many runs of a picture job under mechanism tokens a small picture is kept, for as long as its output."""
    run_picture_side: int = Field(default=64, ge=8, le=512)
    """Pixels of the longer side of such a picture."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    threads: int | None = Field(default=None, ge=1, le=4096)
    """CPU threads the model computes with. Workers of one machine should share its cores."""
    drain_timeout_s: float = Field(default=DRAIN_TIMEOUT_S, ge=0, le=LONGEST_S)
    """After SIGTERM, seconds that work may still take before it is handed back at the next batch boundary."""
    lease_s: float = Field(default=keys.LEASE_S, ge=0.1, le=LONGEST_S)
    hang_after_s: float = Field(default=120.0, gt=0, le=LONGEST_S)
    """Seconds the computing thread may take for one step; more where batches are slow. A worker that hangs loses its
    work items to others, and takes no more."""
    first_batch_s: float = Field(default=600.0, gt=0, le=LONGEST_S)
    """Seconds that one step may take until a model's first batch is done: it may compile, at an unknown speed."""
    restart_after_s: float = Field(default=60.0, ge=1, le=LONGEST_S)
    """How long no worker may have a job's build of the model before the job starts over under another."""
    log_format: LogFormat = "json"
    log_level: LogLevel = "info"

    @model_validator(mode="after")
    def _models_have_names_of_their_own(self) -> Self:
        names = []
        for written in self.models:
            name, equals, source = written.partition("=")
            if not name or not name.isprintable() or (equals and not source):
                raise ValueError(
                    f"SMOOTHGEN_MODELS has {written!r:.80}, which is no model: write a known name, or name=source with "
                    "a hub name, a folder or a GGUF file"
                )
            names.append(name)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"SMOOTHGEN_MODELS has two models of the name {name!r:.80}; take one out, or give it another name: "
                    "other-name=source"
                )
        return self
