"""The radius of an answer against that of W₁, on texts under noise: python -m benchmarks.text_keeps

SmolLM2-135M completes factual prompts, greedily, with noise on the token embeddings; the answer is the first word or
number it says. One certificate a prompt states both: up to which norm the answer keeps half and 0.9 of the outputs
(`keeps`), and up to which norm W₁ is at most 0.1 (`radius`). They are read from the same samples, so the ratio has no
noise of its own. Prompts whose answer is lost too often to keep half of the outputs have no ratio.

--prompts: how many of benchmarks/prompts/facts.txt. --samples: certification samples of each. --smoke: one prompt.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from benchmarks.smoke import parse_sizes
from benchmarks.text_mechanisms import FACTS, ran

SHARES = (0.5, 0.9)


def show(prompts: Sequence[str], samples: int) -> None:
    """Prints a row a prompt, then the quartiles of both ratios."""
    print(f"{'prompt':44} {'answer':>10} {'kept':>9} {'keeps 1/2':>9} {'keeps 0.9':>9} {'W1 <= 0.1':>9} {'ratio':>6}")
    ratios: dict[float, list[float]] = {share: [] for share in SHARES}
    for prompt in tqdm(prompts, leave=False):
        result = ran(prompt, mechanism="embedding", snap=False, samples=samples).result
        certificate, agreement = result.certificate, result.agreement
        if certificate is None or agreement is None:
            raise RuntimeError(f"{prompt!r} gave no certificate of an answer: {result.abstention}")
        kept = {entry["share"]: float(entry["radius"]) for entry in certificate["keeps"]}
        radius = float(certificate["radius"])
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=30)
    parser.add_argument("--samples", type=int, default=200)
    given = parse_sizes(parser, prompts=1, samples=40)
    prompts = FACTS.read_text("utf-8").splitlines()
    show(prompts[:: max(1, len(prompts) // given.prompts)][: given.prompts], given.samples)


if __name__ == "__main__":
    main()
