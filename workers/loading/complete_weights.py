"""The check that a network has exactly the weights of its file: nothing newly initialised, nothing left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

_NAMED: Final = 3


def require_complete(what: str, report: Mapping[str, Any], remedy: str) -> None:
    """Raises OSError, in one line, for a network whose file lacks tensors or has tensors that the network does not.

    `report` is what transformers and diffusers return for `output_loading_info=True`. Both fill missing tensors with
    random numbers, so that the model is another one at every start, and drop unexpected ones with a warning. Tied
    weights, and buffers that are computed anew, are not in the report.
    """
    verdicts = (
        ("missing_keys", "lacks the tensors"),
        ("unexpected_keys", "has tensors the network does not:"),
        ("mismatched_keys", "has tensors of other shapes:"),
        ("error_msgs", "cannot be read:"),
    )
    faults = [
        f"{verdict} {_some(found)}" for key, verdict in verdicts if (found := sorted(map(_told, report.get(key) or ())))
    ]
    if faults:
        raise OSError(f"the weight file of {what} {' and '.join(faults)}; {remedy}")


def _told(entry: Any) -> str:
    """Returns a tensor's name, with both shapes where they differ, or a message of the library, in one line."""
    if isinstance(entry, tuple):
        name, stored, own = entry
        return f"{name} {tuple(stored)} for {tuple(own)}"
    return " ".join(str(entry).split())


def _some(names: Collection[str]) -> str:
    """Returns the first of the names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(list(names)[:_NAMED]) + (f" and {more} more" if more > 0 else "")
