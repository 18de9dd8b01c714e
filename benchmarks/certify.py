"""How long certify and verify take, and how much memory, by the number of samples.

    python benchmarks/certify.py [--samples 500 10000 100000 1000000]

Times are the best of several calls on this machine. Peak memory is what Python and numpy allocate during one call
beyond what was held before it (tracemalloc), so the caller's own distances are not counted.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from benchmarks.smoke import parse_sizes
from smoothgen import Certificate, Gaussian, certify, verify
from smoothgen.certificates import to_document

TARGETS_S = {500: 0.005, 1_000_000: 1.0}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[500, 10_000, 100_000, 1_000_000])
    samples = parse_sizes(parser, samples=[500]).samples
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}\n")
    print("| n | certify, ms | peak, MB | B/sample | verify, ms | peak, MB | B/sample | JSON, B/sample |")
    print("|---|---|---|---|---|---|---|---|")
    for n in samples:
        print(row(n), flush=True)


def row(n: int) -> str:
    """One line of the table."""
    distances = np.random.default_rng(0).beta(2, 18, size=n)

    def make() -> Certificate:
        made = certify(distances, bound=1.0, diameter=1.0, mechanism=Gaussian(sigma=0.5), alpha=1e-3, tolerance=0.1)
        if not isinstance(made, Certificate):
            raise SystemExit(f"expected a certificate, got {made}")
        return made

    text = json.dumps(to_document(make()))

    def check() -> None:
        # From the text, as a stranger would: parsing, both digests and every claim.
        if not verify(text):
            raise SystemExit("the benchmark's own certificate did not verify")

    cells = [f"{n:,}"]
    for work in (make, check):
        seconds, peak = best_time(work), peak_memory(work)
        late = " (target missed)" if seconds > TARGETS_S.get(n, float("inf")) else ""
        cells += [f"{1000 * seconds:.1f}{late}", f"{peak / 1e6:.2f}", f"{peak / n:.0f}"]
    return f"| {' | '.join([*cells, f'{len(text) / n:.1f}'])} |"


def best_time(work: Callable[[], object], least_s: float = 1.0) -> float:
    """Seconds of the fastest of at least five calls within about a second."""
    times: list[float] = []
    while len(times) < 5 or sum(times) < least_s:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_memory(work: Callable[[], object]) -> int:
    """Bytes allocated at the worst moment of one call."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    main()
