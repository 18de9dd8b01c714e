"""Calibrate a model: python -m workers.research.calibrate (or `smoothgen calibrate`).

For each noise level of a grid: move every prompt of a set along random directions, see how far the output moves
(finite differences), and store the median over prompts of the mean displacement. σ for a budget is then
budget / sensitivity, a constant of model and metric that no attacked prompt can influence (theory §5a).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.contracts import Calibration, Parameters, TextParameters, metric_with_defaults
from smoothgen.contracts.metrics import can_be_calibrated
from smoothgen.errors import InvalidInput, SmoothGenError, UnknownName
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import Seed, Stream
from workers.distances import OutputMetric
from workers.generators import Draw, Generator, Smoothing, load_generator
from workers.generators.batching import Batcher, Outputs
from workers.research.calibrate_shape import calibrate_shape
from workers.sensitivity.displacement import made_with, mean_displacement
from workers.serving.default_parameters import default_parameters
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings
from workers.stored.calibrations import DATA, save_calibrations
from workers.stored.shapes import pairs_file, read_pairs, require_pictures, save_shape

PROMPTS = {"text": DATA / "prompts.txt", "image": DATA / "prompts-image.txt"}
LEVELS = tuple(2.0**k for k in range(-4, 5))  # of the model's default sigma: a sixteenth to sixteen times
PROBES = 7  # with the nine levels and the unmoved output, 64 rows: a prompt is one batch of the default size


def calibrate(
    generator: Generator,
    metrics: Sequence[OutputMetric],
    prompts: Sequence[str],
    *,
    sigmas: Sequence[float],
    probes: int,
    parameters: Parameters,
    seed: Seed,
    batch_size: int,
) -> list[Calibration]:
    """Returns one Calibration for each metric. Displacements have shape (prompts, sigmas); a calibration keeps the
    median over prompts."""
    displacements = np.zeros((len(metrics), len(prompts), len(sigmas)))
    batcher = Batcher(batch_size)
    for p, prompt in enumerate(tqdm(prompts, desc="calibrating", unit="prompt")):
        directions = range(p * probes, (p + 1) * probes)
        unmoved, *moved = _outputs(generator, prompt, parameters, seed, sigmas, directions, batcher)
        for s in range(len(sigmas)):
            of_level = moved[s * probes : (s + 1) * probes]
            displacements[:, p, s] = [mean_displacement(metric, unmoved, of_level) for metric in metrics]
    return [
        Calibration(
            metric=metric.name,
            sigmas=[float(s) for s in sigmas],
            displacements=[round_up(float(d)) for d in np.median(of_metric, axis=0)],
            prompts=len(prompts),
            probes=probes,
            seed=str(seed),
            parameters=parameters.for_certificate(),
        )
        for metric, of_metric in zip(metrics, displacements, strict=True)
    ]


def _outputs(
    generator: Generator,
    prompt: str,
    parameters: Parameters,
    seed: Seed,
    sigmas: Sequence[float],
    directions: range,
    batcher: Batcher,
) -> Outputs:
    """Returns the unmoved output, then those at every noise level and direction, level by level.

    The directions belong to the prompt and are equal at every level. Prompts differ in length, so no batch mixes them.
    """
    draw = Draw(seed, Stream.GENERATOR_COMMON, directions.start)
    condition = generator.condition(prompt, parameters, Smoothing("embedding", 1.0, draw))
    unit = Gaussian(1.0).draw(seed, Stream.CALIBRATION, directions, condition.embedding.shape)
    noise = np.concatenate([np.zeros_like(unit[:1]), *(sigma * unit for sigma in sigmas)])

    return made_with(generator, condition, noise, draw, parameters, batcher)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes <output>/<model>.json and prints σ for a few budgets."""
    parser = argparse.ArgumentParser(prog="smoothgen calibrate", description="Calibrate a model's robustness budget.")
    parser.add_argument("--model", required=True, help="as for `smoothgen worker`")
    parser.add_argument("--metric", action="append", help="default: every metric of the model a number can be put on")
    parser.add_argument("--prompts", type=Path, help="a text file, one prompt a line; default: the shipped set")
    parser.add_argument("--output", type=Path, default=Path("calibrations"), help="a folder")
    parser.add_argument("--probes", type=int, default=PROBES, help="random directions a prompt and level")
    parser.add_argument("--max-new-tokens", type=int, default=TextParameters().max_new_tokens)
    parser.add_argument("--seed", type=int, default=0, help="public: the probe directions depend on no prompt")
    parser.add_argument("--sigma", type=float, action="append", help="a noise level of the grid; repeat for more")
    parser.add_argument("--shape", action="store_true", help="learn the noise shape of mechanism embedding-shaped")
    parser.add_argument("--pairs", type=Path, help="with --shape: paraphrases, two tab-separated prompts a line")
    given = parser.parse_args(arguments)
    try:
        settings = Settings()
        generator = _load(given.model, settings)
        model = LoadedModel(generator, Encoders(settings), settings)
        source: Path = given.prompts or PROMPTS[model.card.modality]
        prompts = [line.strip() for line in source.read_text(encoding="utf-8").splitlines() if line.strip()]
        if not prompts:
            raise ValueError(f"{source} holds no prompts; write one a line")
        metrics = [_metric(name, model) for name in given.metric or _calibratable(model)]
        if given.shape:
            return _shape(given, model, metrics[0], prompts, settings)
        with _naming_the_prompts(given.prompts):
            calibrations = calibrate(
                generator,
                metrics,
                prompts,
                sigmas=sorted(given.sigma or [generator.default_sigma * level for level in LEVELS]),
                probes=given.probes,
                parameters=default_parameters(model, max_new_tokens=given.max_new_tokens),
                seed=Seed.from_client(given.seed),
                batch_size=settings.batch_size,
            )
    except (SmoothGenError, OSError, ValueError) as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 1
    path = save_calibrations(generator.identity.name, calibrations, given.output)
    for calibration in calibrations:
        print(f"\n{calibration.metric}: median displacement over {calibration.prompts} prompts")
        for sigma, displacement in zip(calibration.sigmas, calibration.displacements, strict=True):
            print(f"  sigma {sigma:<9g} displacement {displacement:<8.4f} sensitivity {displacement / sigma:.4g}")
    print(f"\nwritten to {path}")
    return 0


def _load(name: str, settings: Settings) -> Generator:
    try:
        return load_generator(name, settings)
    except UnknownName as error:
        if "=" in name:
            raise
        raise ValueError(
            f"{error}; a model that a worker serves under a name of its own is given with its source, as in "
            f"SMOOTHGEN_MODELS: --model {name}=SOURCE"
        ) from error


@contextmanager
def _naming_the_prompts(given: Path | None) -> Iterator[None]:
    """Adds to an input that the model does not take that the shipped prompts can be replaced, where they were used."""
    try:
        yield
    except InvalidInput as error:
        if given is not None:
            raise
        raise InvalidInput(
            f"{error}; the shipped prompts may not suit this model: give prompts that it takes with --prompts FILE, "
            "one a line",
            field=error.field,
        ) from error


def _shape(
    given: argparse.Namespace, model: LoadedModel, metric: OutputMetric, prompts: Sequence[str], settings: Settings
) -> int:
    """Writes <output>/<model>.shape.json and prints what the shape is."""
    name = model.card.id
    require_pictures(name, makes_pictures=model.card.modality == "image")
    source: Path = given.pairs or pairs_file(name)
    if given.pairs is None and not source.is_file():
        raise ValueError(
            f"no paraphrases are shipped for model {name!r}; give --pairs FILE, two tab-separated prompts a line"
        )
    stored = calibrate_shape(
        model.generator,
        metric,
        read_pairs(source),
        prompts,
        parameters=default_parameters(model, max_new_tokens=given.max_new_tokens),
        seed=Seed.from_client(given.seed),
        batch_size=settings.batch_size,
    )
    path = save_shape(name, stored, given.output)
    shape = stored.noise_shape
    shortest, longest = shape.half_axes
    print(f"\n{shape.name}: half-axes from {shortest:.4g} to {longest:.4g}, {shape.dimension} dimensions")
    print(f"sigma {stored.sigma:g} moves outputs by {stored.displacement:.4f} in {stored.metric},")
    print(f"as far as round noise of sigma {stored.matched_sigma:g}\n\nwritten to {path}")
    return 0


def _calibratable(model: LoadedModel) -> list[str]:
    return [metric.name for metric in model.card.metrics if can_be_calibrated(metric.name)]


def _metric(name: str, model: LoadedModel) -> OutputMetric:
    offered = _calibratable(model)
    if name not in offered:
        raise UnknownName("metric", name, offered)
    return model.metric(metric_with_defaults(name))


if __name__ == "__main__":
    sys.exit(main())
