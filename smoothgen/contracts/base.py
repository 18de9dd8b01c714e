"""What every wire contract does: refuse unknown fields, convert nothing silently, take finite numbers only."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A message between client, gateway and worker.

    The text of a validation error may come into a log, so it leaves out the input, such as a prompt. The error's
    `errors()` have the input, for the answer to the client that sent it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)
