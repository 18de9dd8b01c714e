"""What the selection of a job learns of its prompt first: the sensitivity of the model around it, and the level of the
noise."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from smoothgen.certificates import Abstention, SigmaGrid, SigmaSelection, select_sigma, selection_alpha
from smoothgen.certificates.bounds.rounding import complement, round_down, round_up
from smoothgen.contracts import (
    GRID_REACH,
    JACOBIAN_ROUNDS,
    SELECTION_DRAWS,
    SELECTION_PROBES,
    JobSpec,
    LipschitzEstimate,
)
from smoothgen.errors import InvalidBudget, InvalidInput
from smoothgen.noise import Seed, Stream
from workers.distances import OutputMetric
from workers.generators import Condition, Generator
from workers.generators.batching import Batcher
from workers.job_logs import log_crash
from workers.sensitivity.finite_differences import OnBatch, Probed, probe


@dataclass(frozen=True)
class Sensed:
    """The result of probing a job's prompt.

    selection: the noise level of a job that adapts to its prompt.
    abstention: the reason why there is no such level.
    generations, device_s: the cost of probing.
    """

    selection: SigmaSelection | None = None
    abstention: Abstention | None = None
    estimate: LipschitzEstimate | None = None
    generations: int = 0
    device_s: float = 0.0


NOTHING_SENSED = Sensed()


def sense(
    spec: JobSpec,
    generator: Generator,
    metric: OutputMetric,
    condition: Condition,
    *,
    batcher: Batcher,
    on_batch: OnBatch,
) -> Sensed:
    """Probes the prompt as its job asks. `condition` is of the job's own sigma, which is σ_s for a job that adapts.

    The noise of the probes belongs to (seed, Stream.SENSITIVITY, index), so every worker that selects for the job finds
    the same level. `on_batch` is called for generated samples only, because products with a Jacobian say nothing about
    how fast samples are drawn. Raises InvalidInput for an estimate that this generator cannot give, GenerationFailed,
    and whatever `on_batch` raises.
    """
    if not spec.probe_samples:
        return NOTHING_SENSED
    started = time.perf_counter()
    robustness = spec.request.robustness
    chosen: SigmaSelection | Abstention | None = None
    estimate: LipschitzEstimate | None = None
    if robustness.adapt == "prompt" or robustness.lipschitz_estimate in (True, "finite-differences"):
        probed = _probed(spec, generator, metric, condition, batcher, on_batch)
        estimate = _of_differences(probed, spec)
        if robustness.adapt == "prompt":
            chosen = _selected(spec, probed, condition.rounding_slack)
    if robustness.lipschitz_estimate == "autodiff":
        estimate = _of_jacobian(spec, generator, condition)
    return Sensed(
        selection=chosen if isinstance(chosen, SigmaSelection) else None,
        abstention=chosen if isinstance(chosen, Abstention) else None,
        estimate=estimate,
        generations=spec.probe_samples,
        device_s=time.perf_counter() - started,
    )


def _step(spec: JobSpec) -> float:
    """Returns the length of the probes' moves: the job's own sigma, which no prompt decides. Shorter moves would not
    show what noise of that level does to an output."""
    if spec.sigma is None:
        raise InvalidBudget("sensitivity is probed by moves of a noise level, and this mechanism brings its own noise")
    return spec.sigma


def _probed(
    spec: JobSpec,
    generator: Generator,
    metric: OutputMetric,
    condition: Condition,
    batcher: Batcher,
    on_batch: OnBatch,
) -> Probed:
    """Returns the noisy prompts of a job that adapts, or the prompt itself."""
    shape = condition.embedding.shape
    if spec.request.robustness.adapt == "prompt":
        seed = Seed(int(spec.seed, 16), spec.seed_origin)
        offsets = condition.mechanism.draw(seed, Stream.SENSITIVITY, range(SELECTION_DRAWS), shape)
    else:
        offsets = np.zeros((1, *shape))
    return probe(
        generator,
        metric,
        condition,
        spec.parameters,
        offsets,
        step=_step(spec),
        probes=SELECTION_PROBES,
        batcher=batcher,
        on_batch=on_batch,
    )


def _selected(spec: JobSpec, probed: Probed, rounding_slack: float) -> SigmaSelection | Abstention:
    robustness = spec.request.robustness
    if robustness.budget is None or spec.sigma is None:
        raise InvalidBudget("adapt='prompt' chooses the noise by a budget, and none is given")
    return select_sigma(
        probed.sensitivities,
        budget=robustness.budget,
        grid=SigmaGrid(spec.sigma, -GRID_REACH, GRID_REACH),
        selection_sigma=spec.sigma,
        alpha=selection_alpha(complement(robustness.confidence)),
        rounding_slack=rounding_slack,
    )


def _of_differences(probed: Probed, spec: JobSpec) -> LipschitzEstimate:
    steepest = float(probed.slopes.max())
    middle = float(np.sort(probed.sensitivities)[(len(probed.sensitivities) - 1) // 2])
    return LipschitzEstimate(
        value=round_down(steepest) if np.isfinite(steepest) else None,
        unit=f"{spec.metric.name} per l2 unit of the embedding",
        method="finite-differences",
        step=_step(spec),
        probes=SELECTION_PROBES,
        points=len(probed.slopes),
        sensitivity=round_up(middle) if np.isfinite(middle) else None,
    )


def _of_jacobian(spec: JobSpec, generator: Generator, condition: Condition) -> LipschitzEstimate:
    from workers.sensitivity.autodiff import spectral_norms  # torch, which closed-form models do without

    value: float | None = None
    unit = "none: it could not be computed"
    try:
        [value], unit = spectral_norms(generator, [condition], spec.parameters)
    except InvalidInput:
        raise
    except Exception as error:
        # It certifies nothing, so it costs nobody the job; and going back through every denoising step takes more
        # memory than anything else a job does.
        log_crash("estimate_failed", spec, error)
    return LipschitzEstimate(
        value=round_down(value) if value is not None and np.isfinite(value) else None,
        unit=unit,
        method="autodiff",
        probes=JACOBIAN_ROUNDS,
    )
