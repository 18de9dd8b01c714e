"""Where noise on a prompt covers paraphrases: python -m benchmarks.bottleneck

Every design is run at the noise level that raises the perplexity of its own clean answers by the same share. Then, for
every fifth question: the certified radius (n samples, alpha = 0.001, tolerance 0.2), the share of held-out paraphrases
inside the ball, and the share of prompts of other meaning inside.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.bottleneck_designs import Design, designs
from smoothgen.certificates import Certificate, certify
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import Stream
from workers.distances.chord import SENTENCE_CHORD, Chord
from workers.distances.label import LabelMetric
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.folders import SHIPPED
from workers.training.bottleneck.domain import elsewhere, intents

INCREASES = (0.10, 0.25)
TOLERANCE, ALPHA, SELECTION = 0.2, 1e-3, 32
METRICS = ("sentence chord", "same answer")
PICTURE = Path("docs/pictures/bottleneck.png")


def level(increase: float, losses: dict[float, float]) -> float | None:
    """The σ at which the mean loss has risen by ln(1 + increase), between grid points by a straight line."""
    aim = losses[0.0] + math.log1p(increase)
    grid = sorted(losses)
    for low, high in itertools.pairwise(grid):
        if losses[low] <= aim < losses[high]:
            return low + (high - low) * (aim - losses[low]) / (losses[high] - losses[low])
    return None


def perplexities(design: Design, given: argparse.Namespace, kept: dict[str, Any]) -> dict[float, float]:
    """Mean loss by σ, for every second question; 0 is no noise."""
    losses = {}
    for sigma in tqdm((0.0, *design.sigmas), desc=f"{design.name}: perplexity", leave=False):
        key = f"loss|{design.name}|{given.draws}|{sigma}"
        if key not in kept:
            kept[key] = design.loss(sigma, range(0, len(intents()), 2), given.draws if sigma else 1)
            given.keep.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        losses[sigma] = kept[key]
    return losses


def radii(design: Design, prompt: str, sigma: float, samples: int, encoder: SentenceEncoder) -> list[float]:
    """The certified radius by each metric, from the same answers."""
    selection = design.say(prompt, sigma, Stream.SELECTION, SELECTION)
    answers = design.say(prompt, sigma, Stream.CERTIFICATION, samples)
    found = []
    for metric in (Chord(encoder, SENTENCE_CHORD), LabelMetric({"kind": "regex", "pattern": r"\S.*"})):
        centre = metric.choose_centre(selection)
        certificate = certify(
            metric.distances(answers, centre), bound=centre.bound, diameter=metric.diameter,
            mechanism=Gaussian(sigma), alpha=ALPHA, tolerance=TOLERANCE, band=metric.band,
        )  # fmt: skip
        assert isinstance(certificate, Certificate)
        found.append(certificate.radius)
    return found


def inside(design: Design, x: np.ndarray, texts: list[str], radius: float, places: dict[str, np.ndarray]) -> int:
    """How many of these prompts lie in the ball. One of another token count cannot: there is no difference to take."""
    points = (places.setdefault(text, design.place(text)) for text in texts)
    return sum(p.shape == x.shape and float(np.linalg.norm(p - x)) <= radius for p in points)


def measure(design: Design, increase: float, sigma: float, given: argparse.Namespace, kept: dict[str, Any]) -> None:
    """Radii of the chosen questions at one level; those that are kept are not measured again."""
    encoder = SentenceEncoder.packaged()
    for k in tqdm(range(0, len(intents()), given.every), desc=f"{design.name} +{increase:.0%}", leave=False):
        key = f"{design.name}|{increase}|{k}|{given.samples}"
        if key not in kept:
            kept[key] = radii(design, intents()[k].canonical, sigma, given.samples, encoder)
            given.keep.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def row(
    design: Design, increase: float, sigma: float, given: argparse.Namespace, kept: dict[str, Any]
) -> dict[str, Any]:
    """Coverage at one level by each metric."""
    places: dict[str, np.ndarray] = {}
    result: dict[str, Any] = {"design": design.name, "increase": increase, "sigma": sigma}
    chosen = range(0, len(intents()), given.every)
    for m, metric in enumerate(METRICS):
        counts = np.zeros((3, 2), dtype=int)
        found = [kept[f"{design.name}|{increase}|{k}|{given.samples}"][m] for k in chosen]
        for k, radius in zip(chosen, found, strict=True):
            x = design.place(intents()[k].canonical)
            others = [t for j, i in enumerate(intents()) if j != k for t in (*i.phrasings, *i.held_out)]
            groups = (list(intents()[k].held_out), others, list(elsewhere(held_out=True)))
            counts += [[inside(design, x, texts, radius, places), len(texts)] for texts in groups]
        result[metric] = {"radius": float(np.mean(found)), "counts": counts.tolist()}
    return result


def picture(rows: list[dict[str, Any]]) -> None:
    """Coverage by design: a line of panels a level, a column a metric."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(INCREASES), len(METRICS), figsize=(12, 7.5), layout="constrained", sharex=True)
    groups = (
        (-0.27, "held-out paraphrases", "#2b8a3e"),
        (0.0, "other questions of the domain", "#c92a2a"),
        (0.27, "near misses outside the domain", "#f08c00"),
    )
    for panels, increase in zip(axes, INCREASES, strict=True):
        here = [r for r in rows if r["increase"] == increase]
        y = np.arange(len(here))
        for axis, metric in zip(panels, METRICS, strict=True):
            for g, (offset, label, colour) in enumerate(groups):
                values = [100 * r[metric]["counts"][g][0] / r[metric]["counts"][g][1] for r in here]
                bars = axis.barh(y + offset, values, 0.25, label=label, color=colour)
                axis.bar_label(bars, [f"{v:.1f} %" if v else "0" for v in values], padding=2, fontsize=8)
            axis.set_yticks(y, [f"{r['design']}\nσ {r['sigma']:.2g}, radius {r[metric]['radius']:.2g}" for r in here])
            axis.set_title(f"{metric}, perplexity +{increase:.0%}", fontsize=10)
            axis.set_xlim(0, 112)
            axis.invert_yaxis()
    for axis in axes[-1]:
        axis.set_xlabel("prompts inside the certified ball, %")
    axes[0, 0].legend(loc="lower right", fontsize=8)
    figure.savefig(PICTURE, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--every", type=int, default=5, help="certify every so many questions of the domain")
    parser.add_argument("--draws", type=int, default=8, help="noise draws a question, for the perplexity")
    parser.add_argument("--model", type=Path, default=SHIPPED / "smollm2-135m-bottleneck")
    parser.add_argument("--only", default="", help="designs whose name begins so")
    parser.add_argument("--keep", type=Path, default=Path("state/bottleneck.json"), help="what was measured stays here")
    given = parser.parse_args()
    kept = json.loads(given.keep.read_text(encoding="utf-8")) if given.keep.is_file() else {}
    given.keep.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for design in (d for d in designs(given.model) if d.name.startswith(given.only)):
        losses = perplexities(design, given, kept)
        print(f"{design.name}: clean perplexity {math.exp(losses[0.0]):.3f}; at sigma " + ", ".join(
            f"{s:g}: {math.exp(v - losses[0.0]) - 1:+.0%}" for s, v in losses.items() if s))  # fmt: skip
        key = f"same|{design.name}"
        if key not in kept:
            kept[key] = design.same()
            given.keep.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(
            "held-out phrasings with the canonical prompt's answer, to the letter, without noise: {} of {}".format(
                *kept[key]
            )
        )
        for increase in INCREASES:
            sigma = level(increase, losses)
            if sigma is None:
                raise SystemExit(f"{design.name}: no level of its grid raises the perplexity by {increase:.0%}")
            measure(design, increase, sigma, given, kept)
            rows.append(row(design, increase, sigma, given, kept))
            print(line(rows[-1]))
    print(f"n = {given.samples}, alpha = {ALPHA}, tolerance {TOLERANCE}; every {given.every}th question certified")
    if not given.only:
        picture(rows)


def line(found: dict[str, Any]) -> str:
    """A row of the table."""
    parts = [f"| {found['design']} | +{found['increase']:.0%} | {found['sigma']:.3g}"]
    for metric in METRICS:
        of = found[metric]
        shares = " | ".join(f"{a}/{n} ({a / n:.1%})" for a, n in of["counts"])
        parts.append(f"{of['radius']:.3g} ({of['radius'] / found['sigma']:.2f} sigma) | {shares}")
    return " | ".join(parts) + " |"


if __name__ == "__main__":
    main()
