"""The default model, real weights and all: "the answer stays Paris", and the certificate of whole sentences."""

from __future__ import annotations

from smoothgen.certificates import verify
from tests.support.workers.jobs import run, spec
from workers.features import FeatureMap
from workers.generators import Generator

PROMPT = "The capital of France is"


def test_the_answer_stays_paris(smollm2: Generator):
    rule = {"name": "label", "extract": {"kind": "regex", "pattern": "[A-Z][a-z]+"}}
    job = spec(PROMPT, sigma=0.02, metric=rule, samples=40, selection_samples=8, parameters={"max_new_tokens": 6})
    result = run(job, smollm2)
    certificate = result.certificate
    assert certificate is not None
    assert verify(certificate).valid
    assert "Paris" in result.output.text
    assert certificate["metric"]["centre"]["label"] == "Paris"
    assert "the answer 'Paris' keeps at least a share of" in certificate["statement"]
    assert certificate["radius"] > 0
    assert certificate["threat"]["held_fixed"] == ["token count (5)", "attention mask and positions"]
    assert certificate["threat"]["dimension"] == 5 * 576


def test_sentences_are_certified_by_their_meaning(smollm2: Generator, sentence_encoder: FeatureMap):
    question = "What is the capital of France?"
    job = spec(question, sigma=0.02, metric="sentence-chord", tolerance=0.2, samples=24, selection_samples=8,
               parameters={"max_new_tokens": 8, "chat": True})  # fmt: skip
    result = run(job, smollm2, encoder=sentence_encoder)
    certificate = result.certificate
    assert certificate is not None
    assert verify(certificate).valid
    assert "Paris" in result.output.text
    assert certificate["metric"]["options"] == {"encoder": sentence_encoder.name}
    assert 1 <= certificate["bound"] <= 2.000001
    assert certificate["radius"] > 0
    assert certificate["threat"]["held_fixed"][2].startswith("chat template (")
