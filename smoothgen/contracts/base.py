"""How every wire contract behaves: unknown fields refused, no silent conversions, finite numbers only."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A message between client, gateway and worker.

    The text of a validation error, which may come into a log, leaves out the input, such as a prompt; its `errors()`
    have it, for the answer to whoever sent it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)
