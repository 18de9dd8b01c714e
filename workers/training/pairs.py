"""Pairs of training captions of one meaning, for the noise shape: python -m workers.training.pairs

Known names in training templates only; the held-out ones measure (benchmarks/shape.py).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np

from workers.stored.shapes import pairs_file
from workers.training.captions import known_captions

_MODEL: Final = "fashion-32"
_PAIRS_A_MEANING: Final = 10
_SEED: Final = 0


def training_pairs() -> list[tuple[str, str]]:
    """Returns ten pairs for each garment and colour. No caption occurs twice."""
    by_meaning: dict[tuple[int, int], list[str]] = defaultdict(list)
    for caption in known_captions():
        by_meaning[caption.garment, caption.colour].append(caption.text)
    random = np.random.default_rng(_SEED)
    pairs = []
    for _, texts in sorted(by_meaning.items()):
        chosen = [texts[int(k)] for k in random.permutation(len(texts))[: 2 * _PAIRS_A_MEANING]]
        pairs += list(zip(chosen[::2], chosen[1::2], strict=True))
    return pairs


def main() -> None:
    """Writes the file that is shipped."""
    path = pairs_file(_MODEL)
    path.write_text("".join(f"{a}\t{b}\n" for a, b in training_pairs()), encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
