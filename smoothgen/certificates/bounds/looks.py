"""Looking more than once: which samples a job may stop at, and what each look may spend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from smoothgen.certificates.bounds.bands import LEAST_ALPHA, require_alpha
from smoothgen.errors import InvalidAlpha, InvalidCertificate, InvalidDistances

FIRST_LOOK: Final = 30
"""Below about this many samples the price of the unseen, ln(1/α)/n of the largest distance, leaves little to prove."""


@dataclass(frozen=True)
class LookPlan:
    """When a job may look at its certification samples, and the α each look spends (fixed before any of them).

    sizes: n₁ < … < n_J; look j reads the certification samples with index < n_j, never the first n_j to finish.
    alphas: α₁ … α_J. Each look's certificate is false with probability ≤ α_j, so however one of them is chosen, it is
    false with probability ≤ Σ α_j.

    Proof: docs/theory/statistics.md, "Looking more than once".

    Raises InvalidDistances for sizes that are no increasing whole numbers, InvalidAlpha for an α out of range.
    """

    sizes: tuple[int, ...]
    alphas: tuple[float, ...]

    def __post_init__(self) -> None:
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in self.sizes)
        if not (self.sizes and whole and all(a < b for a, b in pairwise(self.sizes))):
            raise InvalidDistances(
                f"the sizes of looks must be whole numbers that increase, 1 at least, got {list(self.sizes)!r:.200}",
                field="looks.sizes",
            )
        if len(self.alphas) != len(self.sizes):
            raise InvalidAlpha(
                f"every look needs its alpha: {len(self.sizes)} sizes, {len(self.alphas)} alphas", field="looks.alphas"
            )
        for alpha in self.alphas:
            require_alpha(alpha)

    @classmethod
    def single(cls, samples: int, alpha: float) -> LookPlan:
        """Returns one look at all samples, with all of alpha: what `certify` does without a plan."""
        return cls((samples,), (alpha,))

    @classmethod
    def doubling(cls, samples: int, alpha: float) -> LookPlan:
        """Returns looks at n, n/2, n/4 … down to about 30 samples; 500 gives (32, 63, 125, 250, 500).

        Half of alpha is kept for the last look, which a hard request needs; the others share the other half equally.
        Where n or alpha is too small for two looks, there is a single one.
        """
        earlier: list[int] = []
        while (half := -(-samples >> len(earlier) + 1)) >= FIRST_LOOK:
            earlier.append(half)
        if not earlier or (share := alpha / 2 / len(earlier)) <= LEAST_ALPHA:
            return cls.single(samples, alpha)
        # One ulp less: however the division was rounded, the shares sum to at most half of alpha.
        return cls((*reversed(earlier), samples), (math.nextafter(share, 0.0),) * len(earlier) + (alpha / 2,))

    def look_at(self, samples: int) -> int:
        """Returns the index of the look with this size. Raises InvalidDistances where there is none."""
        if samples not in self.sizes:
            raise InvalidDistances(
                f"{samples} samples are no look of the plan, which looks at {list(self.sizes)}; "
                "an unplanned look has no alpha to spend",
                field="distances",
            )
        return self.sizes.index(samples)

    def next_size(self, samples: int) -> int | None:
        """Returns the size of the look after the one with `samples` (of the first after 0), None after the last."""
        following = 0 if samples == 0 else self.look_at(samples) + 1
        return self.sizes[following] if following < len(self.sizes) else None

    def require_within(self, alpha: float) -> None:
        """Raises InvalidAlpha where the looks together may spend more than alpha."""
        spent = math.fsum(self.alphas)
        if spent > alpha:
            raise InvalidAlpha(f"the looks may spend {spent!r}, more than alpha={alpha!r}", field="looks.alphas")

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {"sizes": list(self.sizes), "alphas": list(self.alphas)}

    @classmethod
    def from_dict(cls, document: Any) -> LookPlan:
        """Reads what `to_dict` writes. Raises InvalidCertificate for what has another shape, and as the class does."""
        if not isinstance(document, Mapping) or set(document) != {"sizes", "alphas"}:
            raise InvalidCertificate(f"looks must be an object with sizes and alphas, got {document!r:.200}")
        sizes, alphas = document["sizes"], document["alphas"]
        numbers = isinstance(alphas, list) and all(isinstance(a, float) for a in alphas)
        if not (isinstance(sizes, list) and numbers):
            raise InvalidCertificate(f"looks must list whole numbers and alphas, got {document!r:.200}", field="looks")
        return cls(tuple(sizes), tuple(alphas))
