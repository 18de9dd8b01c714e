"""The radius of an answer against that of W₁, on texts under noise: python -m benchmarks.text_keeps

SmolLM2-135M completes factual prompts, greedily, with noise on the token embeddings; the answer is the first word or
number it says. One certificate a prompt states both: up to which norm the answer keeps half and 0.9 of the outputs
(`keeps`), and up to which norm W₁ is at most 0.1 (`radius`). They are read from the same samples, so the ratio has no
noise of its own. Prompts whose answer is lost too often to keep half of the outputs have no ratio.

--prompts: how many of benchmarks/prompts/facts.txt. --samples: certification samples of each. --plot FILE: a picture of
the radii by the share of samples that gave the answer. --smoke: one prompt.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from benchmarks.smoke import parse_sizes, smoke_path
from benchmarks.text_mechanisms import FACTS, ran

SHARES = (0.5, 0.9)


def show(prompts: Sequence[str], samples: int) -> list[tuple[float, float, float]]:
    """Prints a row a prompt, then the quartiles of both ratios.

    Returns for every prompt the share of samples that gave the answer, the radius at which it keeps one half, and the
    radius of W₁.
    """
    points = []
    print(f"{'prompt':44} {'answer':>10} {'kept':>9} {'keeps 1/2':>9} {'keeps 0.9':>9} {'W1 <= 0.1':>9} {'ratio':>6}")
    ratios: dict[float, list[float]] = {share: [] for share in SHARES}
    for prompt in tqdm(prompts, leave=False):
        result = ran(prompt, mechanism="embedding", snap=False, samples=samples).result
        certificate, agreement = result.certificate, result.agreement
        if certificate is None or agreement is None:
            raise RuntimeError(f"{prompt!r} gave no certificate of an answer: {result.abstention}")
        kept = {entry["share"]: float(entry["radius"]) for entry in certificate["keeps"]}
        radius = float(certificate["radius"])
        points.append((agreement.of / agreement.runs, kept[0.5], radius))
        for share in SHARES:
            if kept[share] > 0:
                ratios[share].append(kept[share] / radius)
        print(
            f"{prompt[:44]:44} {str(agreement.answer)[:10]:>10} {f'{agreement.of}/{agreement.runs}':>9} "
            f"{kept[0.5]:9.5f} {kept[0.9]:9.5f} {radius:9.5f} {kept[0.5] / radius:6.2f}",
            flush=True,
        )
    for share, found in ratios.items():
        said = "none" if not found else ", ".join(f"{value:.2f}" for value in np.quantile(found, [0.25, 0.5, 0.75]))
        print(
            f"radius of a share of {share:g} over that of W1: quartiles {said} ({len(found)} of {len(prompts)} prompts)"
        )
    return points


def draw(points: Sequence[tuple[float, float, float]], path: Path) -> None:
    """Draws both radii of every prompt against the share of its samples that gave the answer."""
    shares, halves, shifts = zip(*points, strict=True)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(shares, halves, "o", color="#1f5fa8", alpha=0.6, label="the answer keeps at least half of the outputs")
    axes.plot(shares, shifts, "s", color="#dd8452", alpha=0.6, label="W₁ moves by at most 0.1")
    axes.set_xlabel("share of the noisy samples that gave the answer")
    axes.set_ylabel("certified radius, embedding units")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=30)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--plot", type=Path, default=None, metavar="FILE")
    given = parse_sizes(parser, prompts=1, samples=40, plot=smoke_path("keeps.png"))
    prompts = FACTS.read_text("utf-8").splitlines()
    points = show(prompts[:: max(1, len(prompts) // given.prompts)][: given.prompts], given.samples)
    if given.plot is not None:
        draw(points, given.plot)


if __name__ == "__main__":
    main()
