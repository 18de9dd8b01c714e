"""Computes the digests of the fixed set of certificates: `python -m tests.golden.digests` rewrites digests.json.

A digest is the sha256 of everything a job's result says, in the order it is written, without the two times it took.
Models of torch compute on one thread. Their floats may still differ from one processor or release to another, so
digests.json names the machine it was written on. Those of the closed-form models do not: they were equal with and
without numpy's AVX-512 functions.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from smoothgen import SnapThreat, certify_exhaustive
from smoothgen.certificates import (
    MetricIdentity,
    ModelIdentity,
    OutputIdentity,
    Provenance,
    RequestIdentity,
    to_document,
)
from smoothgen.certificates.fleet.certify import NOT_SERVED, OUTSTANDING, FleetSubject, certify_fleet, fleet_bin
from smoothgen.contracts import EMBEDDING, GenerateRequest, JobSpec, Output
from smoothgen.mechanisms import mechanism_from_dict
from smoothgen.planning.plan import Submission, plan
from tests.golden.cases import CASES
from workers.generators import load_generator
from workers.generators.batching import Batcher, FixedBatcher
from workers.jobs.in_process import run_job
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

FOLDER: Final = Path(__file__).parent
DIGESTS: Final = FOLDER / "digests.json"
SETTINGS: Final = Settings(device="cpu", threads=1, calibrations=FOLDER / "calibrations")
SEED: Final = 0x0123456789ABCDEF
SUBMITTED_MS: Final = 1_760_000_000_000


class _Deaf:
    """Told what a job does, and does nothing."""

    def output_chosen(self, output: Output, sheet: bytes | None) -> None:
        """Ignores the output."""

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        """Ignores the batch."""


@cache
def _loaded(model: str) -> LoadedModel:
    return LoadedModel(load_generator(model, SETTINGS), _encoders(), SETTINGS)


@cache
def _encoders() -> Encoders:
    return Encoders(SETTINGS)


def _spec(name: str) -> JobSpec:
    """Returns the job as the gateway plans it, with an id and a seed that are the same in every run."""
    model, body = CASES[name]
    # The digests are of a time when a request that named no mechanism was certified by noise on the embedding.
    asked = {"mechanism": EMBEDDING} | {key: value for key, value in body["robustness"].items() if key != "batch_size"}
    request = GenerateRequest.model_validate({**body, "robustness": asked, "model": model})
    submission = Submission(submitted_ms=SUBMITTED_MS)
    planned = plan(request, _loaded(model).card, max_samples=10_000, submission=submission)
    return planned.model_copy(update={"id": f"golden-{name}", "seed": f"{SEED:032x}"})


def result_of_case(name: str) -> dict[str, Any]:
    """Returns the result of one of CASES without the times it took, as JSON data."""
    torch.set_num_threads(1)
    loaded, spec = _loaded(CASES[name][0]), _spec(name)
    fixed = CASES[name][1]["robustness"].get("batch_size")
    result = run_job(
        spec,
        loaded.generator,
        loaded.metric(spec.metric),
        batcher=Batcher(64) if fixed is None else FixedBatcher(fixed),
        watch=_Deaf(),
        precision=loaded.precision,
    )
    document = result.model_dump(mode="json", exclude={"usage": {"device_s", "queued_s"}})
    for younger in ("broken_by", "units"):  # fields that are younger than the digests
        if document[younger] is None:
            del document[younger]
    return document


def _exhaustive() -> dict[str, dict[str, Any]]:
    """Returns what `certify_exhaustive` is asked, by name: every way in which a list of sequences can end."""
    threat = SnapThreat(
        attack_on="token embeddings of the prompt",
        table="sha256:" + "2" * 64,
        tokens=3,
        squared_error=1e-5,
        held_fixed=("token count (3)", "attention mask and positions"),
    )
    label = "the share of outputs whose extracted answer differs (0 to 1)"
    provenance = Provenance(
        request=RequestIdentity("sha256:" + "3" * 64, {"max_new_tokens": 8, "temperature": 0.0, "chat": False}),
        model=ModelIdentity(name="toy", revision="r1", digest="sha256:" + "0" * 64),
        metric=MetricIdentity("label", label, None, {"extract": {"kind": "first_line"}}, {}),
        output=OutputIdentity("sample", "text/plain", "sha256:" + "1" * 64, None),
    )
    costs, texts = [0.0, 0.5710678118654755, 0.71, 0.8784321098765432], ["a", "A", "a.", "b"]
    named = {"texts": texts, "outputs": ["Paris", "Paris", "Paris", "Rome"], "threat": threat, "provenance": provenance}
    return {
        "plain": {"costs": [0.0], "distances": [0.0], "next_cost": 0.5},
        "bare": {"costs": costs, "distances": [0.0, 0.05, 0.3, math.nan], "next_cost": 0.95},
        "whole": {"costs": costs[:3], "distances": [0.0, 0.0, 0.05], "next_cost": None},
        "unrun": {"costs": costs[:3], "distances": [0.0, 0.0, 0.05], "next_cost": 0.8},
        "failed": {"costs": costs[:3], "distances": [0.0, math.nan, 0.0], "next_cost": 0.8},
        "full": {"costs": costs, "distances": [0.0, 0.0, 0.0, 1.0], "next_cost": 0.95, "epsilon": 0.75, **named},
    }


def _exhaustive_document(name: str) -> dict[str, Any]:
    asked = _exhaustive()[name]
    made = certify_exhaustive(asked.pop("costs"), asked.pop("distances"), diameter=1.0, tolerance=0.1, **asked)
    return to_document(made.identified(f"golden-{name}", "2026-01-01T00:00:00.000+00:00"))


def _fleet_document(name: str, closed: bool) -> dict[str, Any]:
    """Returns the certificate of the pool that a case of tier fleet is counted in."""
    pool = _spec(name).pool
    assert pool is not None
    # Distances spread over the grid without any random number: (37k mod 997)/997, cubed, k = 0, 1, …
    distances = (np.arange(300) * 37 % 997 / 997) ** 3 * pool.diameter
    bins = bytes(fleet_bin(float(d), pool.diameter) for d in distances) + bytes([NOT_SERVED, OUTSTANDING])
    mechanism = mechanism_from_dict(pool.mechanism)
    assert pool.largest_dimension is not None
    made = certify_fleet(
        bins,
        diameter=pool.diameter,
        mechanism=mechanism,
        alpha=1e-3,
        closed=closed,
        rounding_slack=mechanism.rounding_slack(pool.largest_dimension),
        subject=FleetSubject.of_pool(pool.model_dump(mode="json"), pool.id, "hour:2026-01-01T00"),
    )
    return made.to_dict()


DOCUMENTS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    **{f"exhaustive-{name}": partial(_exhaustive_document, name) for name in _exhaustive()},
    **{
        f"{name}-{window}": partial(_fleet_document, name, closed=window == "closed")
        for name in ("number-fleet", "picture-fleet", "picture-fleet-synonyms")
        for window in ("running", "closed")
    },
}
"""Certificates that no job makes, exhaustive ones and those of fleets: what makes their documents, by name."""


def digest(document: dict[str, Any]) -> str:
    """Returns the sha256 of a document as it is written, its fields in their order."""
    return hashlib.sha256(json.dumps(document, ensure_ascii=False).encode()).hexdigest()


def machine() -> dict[str, str]:
    """Returns what the floats of torch and numpy may depend on."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    packages = {name: version(name) for name in ("numpy", "scipy", "torch", "transformers", "diffusers", "pillow")}
    processor = {"cpu": names[0].partition(": ")[2], "simd": torch.backends.cpu.get_cpu_capability()}
    return {**packages, **processor}


def all_digests() -> dict[str, str]:
    """Returns the digests of the whole set, by name."""
    made = {name: digest(result_of_case(name)) for name in CASES}
    return made | {name: digest(made()) for name, made in DOCUMENTS.items()}


if __name__ == "__main__":
    written = {"machine": machine(), "digests": all_digests()}
    DIGESTS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
