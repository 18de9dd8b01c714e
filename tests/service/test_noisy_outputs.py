"""All noisy samples of a job: asked for, answered through the whole service, kept and erased like the output."""

from __future__ import annotations

import numpy as np
import pytest

from smoothgen import Client
from smoothgen.contracts import TextParameters
from smoothgen.errors import ServerProblem
from smoothgen.noise import Seed, Stream
from tests.support.processes import Serve
from tests.support.workers.settings import CPU
from workers.evaluation.outputs import noise_on_embedding, outputs
from workers.generators import Text, load_generator
from workers.serving.loaded_model import Encoders, LoadedModel

TANH = "closed-form-tanh"
ASKED = {"sigma": 0.5, "samples": 300, "selection_samples": 40, "seed": 7, "output": "samples"}


def test_a_job_answers_the_samples_that_its_seed_draws(served: Serve) -> None:
    with Client(served.url) as client:
        generation = client.generate("0.25", model=TANH, **ASKED)
        kept = client.outputs(generation.id)

    model = LoadedModel(load_generator(TANH, CPU), Encoders(CPU), CPU)
    noise = noise_on_embedding(0.5, Seed.from_client(7))
    drawn = [
        output.text
        for stream, count in ((Stream.SELECTION, 40), (Stream.CERTIFICATION, 300))
        for output in outputs(model, "0.25", TextParameters(), noise, noise.common.seed, stream, count, batch_size=64)
        if isinstance(output, Text)
    ]
    assert [each.text for each in generation.samples] == drawn
    assert kept == generation.samples
    assert [each.index for each in generation.samples] == [*range(40), *range(300)]
    assert {each.stream for each in generation.samples[:40]} == {"selection"}
    certificate = generation.certificate
    assert certificate is not None
    assert certificate.evidence.samples == 300  # not the eighth that a job may stop at
    assert certificate.provenance.output is not None
    assert certificate.provenance.output.kind == "representative"
    verdict = generation.verify()
    assert verdict is not None
    assert verdict.valid
    distances = np.abs(np.array([*map(float, drawn[40:])]) - certificate.provenance.metric.centre["value"])
    assert np.allclose(certificate.evidence.distances, distances, atol=1e-6)


def test_samples_are_erased_with_the_output_and_kept_of_no_other_job(served: Serve) -> None:
    with Client(served.url) as client:
        generation = client.generate("0.25", model=TANH, **ASKED)
        client.erase(generation.id)
        assert client.outputs(generation.id) is None
        other = client.generate("0.25", model=TANH, sigma=0.5, samples=100, seed=7)
        assert other.samples == ()
        assert client.outputs(other.id) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"epsilon": 0.1}, "epsilon=0.1 may end the job"),
        ({"tier": "universal"}, "tier 'universal' draws none"),
        ({"max_new_tokens": 4096, "samples": 10000}, "SMOOTHGEN_MAX_OUTPUT_BYTES"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_remedy(served: Serve, asked: dict[str, object], said: str) -> None:
    with Client(served.url) as client, pytest.raises(ServerProblem, match=said) as caught:
        client.generate("0.25", model=TANH, **{**ASKED, **asked})
    assert caught.value.status == 422
