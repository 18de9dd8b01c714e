"""What the conditional GAN draws beside fashion-32: python -m benchmarks.gan

For each picture model and noise level, the share of pictures in which the judge sees the garment and the colour that
were asked for, every garment in every colour, each picture in a style of its own.
Writes docs/pictures/fashion-gan.png: two rows of ten garments a model, at the default sigma.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, served
from benchmarks.smoke import parse_sizes, smoke_path
from smoothgen.noise import Seed, Stream
from workers.evaluation.outputs import default_parameters, noise_on_embedding, outputs
from workers.generators import Picture
from workers.jobs.contact_sheet import contact_sheet
from workers.training.vocabulary import COLOURS, GARMENTS

MODELS = ("fashion-32", "fashion-gan-32")
SEED = Seed(2026, "server")
SHEET_SIGMA = 0.2
ROWS_OF_A_MODEL = 2


def drawn(name: str, place: int, sigma: float, each: int) -> list[np.ndarray]:
    """Pictures of one meaning, by its place in MEANINGS. sigma 0: without noise."""
    model = served(name)
    made = outputs(
        model,
        MEANINGS[place].prompt,
        default_parameters(model),
        noise_on_embedding(sigma, SEED) if sigma else None,
        SEED,
        Stream.CERTIFICATION,
        each,
        first=place * each,
        batch_size=64,
        randomness="fresh",
    )
    return [picture.pixels for picture in made if isinstance(picture, Picture)]


def recognised(name: str, sigma: float, each: int, meanings: int) -> tuple[float, float, float, float]:
    """Shares of pictures: both right, garment right, colour right; and seconds a picture."""
    classifier = served(name).classifier
    assert classifier is not None
    right, started = np.zeros(3), time.perf_counter()
    for place in tqdm(range(meanings), desc=f"{name}, sigma {sigma:g}", leave=False):
        meaning = MEANINGS[place]
        for verdict in classifier.verdicts(drawn(name, place, sigma, each)):
            colour, garment = verdict.split(" ", 1)
            of_garment, of_colour = garment == GARMENTS[meaning.garment], colour == COLOURS[meaning.colour]
            right += (of_garment and of_colour, of_garment, of_colour)
    both, garments, colours = (right / (each * meanings)).tolist()
    return both, garments, colours, (time.perf_counter() - started) / (each * meanings)


def sheet(models: tuple[str, ...]) -> list[np.ndarray]:
    """Two rows a model: every garment once, colours going round."""
    return [
        drawn(name, (garment + row) % len(COLOURS) * len(GARMENTS) + garment, SHEET_SIGMA, 1)[0]
        for name in models
        for row in range(ROWS_OF_A_MODEL)
        for garment in range(len(GARMENTS))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=4, help="pictures of a meaning")
    parser.add_argument("--meanings", type=int, default=len(MEANINGS))
    parser.add_argument("--model", action="append", choices=MODELS, help="of the table; default: all")
    parser.add_argument("--sigma", type=float, action="append", help="default: 0, 0.2, 0.5 and 1")
    given = parse_sizes(parser, each=1, meanings=2, model=[MODELS[1]], sigma=[0.2])
    models = tuple(given.model or MODELS)
    print("| model | sigma | recognised | garment | colour | s a picture |\n|---|---|---|---|---|---|")
    for name in models:
        for sigma in given.sigma or (0.0, 0.2, 0.5, 1.0):
            both, garments, colours, seconds = recognised(name, sigma, given.each, given.meanings)
            print(f"| {name} | {sigma:g} | {both:.1%} | {garments:.1%} | {colours:.1%} | {seconds:.4f} |", flush=True)
    file = smoke_path("fashion-gan.png") if given.smoke else Path("docs/pictures/fashion-gan.png")
    file.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(sheet(models if given.smoke else MODELS), columns=len(GARMENTS)).save(file)


if __name__ == "__main__":
    main()
