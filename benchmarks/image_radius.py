"""What the samples buy, and what the radius covers: python -m benchmarks.image_radius

For prompts of every garment: the T2 radius against the T1 radius at n = 500, alpha = 0.001, tolerance 0.1 RMSE and the
default sigma; then how many held-out phrasings of the same meaning, and of other meanings, lie within the ball.
"""

from __future__ import annotations

import argparse

import numpy as np
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, certificate_of, run, served, spec
from benchmarks.smoke import parse_sizes
from smoothgen.certificates.bounds.theorems import total_variation_radius
from smoothgen.noise import Seed, Stream
from workers.generators import Draw, Smoothing
from workers.training.captions import held_out_captions

TOLERANCE = 0.1
SAMPLES = 500


def embed(text: str) -> np.ndarray:
    """x of a prompt."""
    smoothing = Smoothing("embedding", 1.0, Draw(Seed(0, "server"), Stream.GENERATOR_COMMON, 0))
    return served().generator.condition(text, spec(text, seed=0).parameters, smoothing).embedding.astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--phrasings", type=int, default=600, help="held-out phrasings that are embedded")
    parser.add_argument("--sigma", type=float)
    given = parse_sizes(parser, prompts=1, phrasings=20)
    # Every second meaning in turn: all garments, all colours.
    chosen = [MEANINGS[(k * 17) % len(MEANINGS)] for k in range(given.prompts)]
    random = np.random.default_rng(0)
    captions = held_out_captions()
    captions = [captions[int(i)] for i in random.permutation(len(captions))[: given.phrasings]]
    points = {c: embed(c.text).ravel() for c in tqdm(captions, desc="phrasings", leave=False)}
    asked = {} if given.sigma is None else {"sigma": given.sigma}
    ratios, radii, same, other, n_same, n_other = [], [], 0, 0, 0, 0
    for k, meaning in enumerate(tqdm(chosen, desc="prompts", leave=False)):
        job = spec(meaning.prompt, seed=k, samples=SAMPLES, confidence=0.999, tolerance=TOLERANCE, **asked)
        certificate = certificate_of(run(job))
        universal = total_variation_radius(TOLERANCE) * certificate.mechanism.effective_sigma
        radii.append(certificate.radius)
        ratios.append(certificate.radius / universal)
        centre = embed(meaning.prompt).ravel()
        for caption, point in points.items():
            inside = np.linalg.norm(point - centre) <= certificate.radius
            if (caption.garment, caption.colour) == (meaning.garment, meaning.colour):
                same, n_same = same + inside, n_same + 1
            else:
                other, n_other = other + inside, n_other + 1
    sigma = certificate.mechanism.effective_sigma
    print(f"{len(chosen)} prompts, n = {SAMPLES}, alpha = 0.001, tolerance {TOLERANCE} RMSE, sigma {sigma:g}")
    print(
        f"certified radius: mean {np.mean(radii):.3f} ({np.mean(radii) / sigma:.2f} sigma), "
        f"min {min(radii):.3f}, max {max(radii):.3f}; T1 alone: {universal:.4f}"
    )
    print(f"T2 / T1: mean {np.mean(ratios):.2f}, min {min(ratios):.2f}, max {max(ratios):.2f}")
    print(f"held-out phrasings of the same meaning inside the ball: {same} of {n_same} ({same / max(1, n_same):.1%})")
    print(f"phrasings of another garment or colour inside the ball: {other} of {n_other}")


if __name__ == "__main__":
    main()
