"""What a key may still use, as header fields: `RateLimit-Policy` and `RateLimit`.

As in draft-ietf-httpapi-ratelimit-headers-10 (an Internet-Draft, not yet a standard).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from smoothgen.access.allowance import Allowance
from smoothgen.access.usage import Standing


@dataclass(frozen=True)
class Limit:
    """One limit of a key and how the key stands. unit: what is counted, which names the limit too."""

    unit: Literal["requests", "samples"]
    allowance: Allowance
    standing: Standing


def limit_fields(limits: Sequence[Limit]) -> dict[str, str]:
    """Returns both fields for these limits, no field for none."""
    if not limits:
        return {}
    policies = (
        f'"{each.unit}";q={each.allowance.most};qu="{each.unit}";w={each.allowance.window_s}' for each in limits
    )
    left = (f'"{each.unit}";r={each.standing.left};t={each.standing.more_in_s}' for each in limits)
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}
