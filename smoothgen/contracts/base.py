"""What every wire contract does: refuse unknown fields, convert nothing silently, take finite numbers only."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A message between client, gateway and worker.

    The text of a validation error may come into a log, so it leaves out the input, such as a prompt. The error's
    `errors()` have the input, for the answer to the client that sent it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def require_not_both(message: BaseModel, first: str, second: str, what_both_do: str) -> None:
    """Raises ValueError where a message gives two fields of which one is enough. what_both_do: such as "set the
    noise"."""
    one, other = getattr(message, first), getattr(message, second)
    if one is not None and other is not None:
        raise ValueError(f"{first}={one!r} and {second}={other!r} both {what_both_do}; give one of them")
