"""How every wire contract behaves: unknown fields refused, no silent conversions, finite numbers only."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A message between client, gateway and worker."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
