"""Does the shipped model draw what it is asked, with and without noise? python -m benchmarks.image_quality

Every garment in every colour, judged by the classifier that was trained apart from the generator, at a grid of noise
levels; and two sheets for people, under docs/pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, served, spec
from benchmarks.smoke import parse_sizes, smoke_path
from smoothgen.noise import Seed, Stream
from workers.generators import Draw, Picture, Smoothing
from workers.jobs.contact_sheet import contact_sheet
from workers.training.vocabulary import COLOURS, GARMENTS

PICTURES = Path("docs/pictures")
SEED = Seed(2026, "server")


def draw(prompt: str, sigma: float, indices: range, guidance: float | None = None) -> list[np.ndarray]:
    """Pictures of a prompt, each with its own noise and its own initial latent."""
    model = served().generator
    parameters = spec(prompt, seed=0, parameters={} if guidance is None else {"guidance_scale": guidance}).parameters
    common = Draw(SEED, Stream.GENERATOR_COMMON, 0)
    condition = model.condition(prompt, parameters, Smoothing("embedding", max(sigma, 1e-9), common))
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, indices, condition.embedding.shape)
    draws = [Draw(SEED, Stream.GENERATOR, index) for index in indices]
    outputs = model.generate(condition, noise, draws, parameters)
    return [output.pixels for output in outputs if isinstance(output, Picture)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=10, help="pictures of every garment in every colour")
    parser.add_argument("--sigma", type=float, action="append", help="default: 0, the default sigma, and around it")
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--sheets", type=Path, default=PICTURES)
    given = parse_sizes(parser, each=1, sheets=smoke_path("sheets"), sigma=[0.0])
    model = served()
    default = model.card.default_sigma
    sigmas = given.sigma or [0.0, default / 2, default, 1.5 * default, 2 * default]
    print(f"{model.card.id} {model.card.digest[:19]}, {given.each} pictures of each of {len(MEANINGS)} prompts")
    for sigma in sigmas:
        right, garments, colours, sheet, missed = 0, 0, 0, [], dict.fromkeys(GARMENTS, 0)
        for k, meaning in enumerate(tqdm(MEANINGS, desc=f"sigma {sigma:g}", leave=False)):
            pictures = draw(meaning.prompt, sigma, range(k * given.each, (k + 1) * given.each), given.guidance)
            sheet.append(pictures[0])
            for verdict in model.classifier.verdicts(pictures):
                colour = verdict.split(" ")[0]
                right += verdict == meaning.verdict
                colours += colour == COLOURS[meaning.colour]
                same = verdict.removeprefix(f"{colour} ") == GARMENTS[meaning.garment]
                garments += same
                missed[GARMENTS[meaning.garment]] += not same
        total = given.each * len(MEANINGS)
        worst = sorted(missed.items(), key=lambda item: -item[1])[:3]
        print(
            f"sigma {sigma:<6g} agreement {right / total:.1%} (garment {garments / total:.1%}, colour "
            f"{colours / total:.1%}); most missed: "
            + ", ".join(f"{name} {count / given.each / len(COLOURS):.0%}" for name, count in worst)
        )
        if sigma in (0.0, default) and given.sheets:
            given.sheets.mkdir(parents=True, exist_ok=True)
            name = "fashion-sigma-0.png" if sigma == 0 else "fashion-serving-sigma.png"
            contact_sheet(sheet, columns=len(GARMENTS)).save(given.sheets / name, optimize=True)


if __name__ == "__main__":
    main()
