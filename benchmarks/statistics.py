"""How often certificates are false, and how far above the truth they lie: the figures behind tests/statistics.

python -m benchmarks.statistics
"""

from __future__ import annotations

from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED
from tests.statistics.test_tightness import certified
from tests.statistics.test_validity import ALPHA, GENERATORS, LABELS
from tests.support.statistics.closed_form import TANH, THREE_VALUED
from tests.support.statistics.validity import false_bands, most_false_claims

REPEATS = 2000
SAMPLES = 500
RADII = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    """Print both tables."""
    allowed = most_false_claims(REPEATS, ALPHA)
    print(f"False bands in {REPEATS} repeats, n = {SAMPLES}, alpha = {ALPHA} (at most {ALPHA * REPEATS:g} expected,")
    print(
        f"more than {allowed} once in a million runs of a sound band)\n\n| generator | false | share |\n|---|---|---|"
    )
    for generators, band in ((GENERATORS, ORDER_STATISTICS), (LABELS, TWO_VALUED)):
        for name, generator in generators.items():
            false = false_bands(generator, band.build, n=SAMPLES, alpha=ALPHA, repeats=REPEATS, seed=SAMPLES)
            print(f"| {name} | {false} | {false / REPEATS:.2%} |")
    print("\nW1 bound over true W1, n = 20,000\n\n| generator |" + "".join(f" r = {r:g} |" for r in RADII))
    print("|---|" + "---|" * len(RADII))
    for name, generator in (("tanh", TANH), ("three-valued", THREE_VALUED)):
        certificate = certified(generator, 20_000, seed=0)
        print(f"| {name} |" + "".join(f" {certificate.w1_bound(r) / generator.worst_w1(r):.3f} |" for r in RADII))


if __name__ == "__main__":
    main()
