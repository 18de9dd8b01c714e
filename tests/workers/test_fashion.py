"""The shipped picture model: what is in its folder, what it makes of prompts, and whether it draws what it is asked."""

import itertools

import numpy as np
import pytest

from app.planning import plan
from smoothgen.certificates import verify
from smoothgen.contracts import GenerateRequest
from smoothgen.noise import Seed, Stream
from workers.batches import Batcher
from workers.generators import Draw, Smoothing, load_generator
from workers.generators.registry import SHIPPED
from workers.job import run_job
from workers.served import Encoders, ServedModel
from workers.settings import Settings
from workers.training.captions import phrase
from workers.training.vocabulary import COLOURS, GARMENTS

MODEL = "fashion-32"
SEED = Seed(7, "server")


@pytest.fixture(scope="module")
def served():
    settings = Settings()
    return ServedModel(load_generator(MODEL, settings), Encoders(settings), settings)


def planned(served, prompt, **robustness):
    body = {"model": MODEL, "prompt": prompt, "seed": 1, "robustness": robustness}
    return plan(GenerateRequest.model_validate(body), served.card, max_samples=10_000)


def condition(served, prompt, sigma=1e-9):
    smoothing = Smoothing("embedding", sigma, Draw(SEED, Stream.GENERATOR_COMMON, 0))
    return served.generator.condition(prompt, planned(served, prompt).parameters, smoothing)


def pictures(served, prompt, sigma, indices):
    asked = condition(served, prompt, sigma)
    noise = asked.mechanism.draw(SEED, Stream.CERTIFICATION, indices, asked.embedding.shape)
    draws = [Draw(SEED, Stream.GENERATOR, index) for index in indices]
    outputs = served.generator.generate(asked, noise, draws, planned(served, prompt).parameters)
    return [output.pixels for output in outputs]


def test_the_folder_holds_safetensors_only_and_fits_in_15_megabytes():
    files = [path for path in (SHIPPED / MODEL).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 15e6
    assert {path.suffix for path in files} == {".json", ".safetensors"}


def test_paraphrases_lie_together_and_other_meanings_apart(served):
    def x(prompt):
        return condition(served, prompt).embedding.astype(np.float64)

    sneaker = x("a red sneaker")
    assert sneaker.size == 16
    for same in ("a crimson tennis shoe", "please draw a scarlet sneaker", "the sneaker is red"):
        assert np.linalg.norm(sneaker - x(same)) < 0.2, same
    for other in ("a blue sneaker", "a red bag", "a green dress", "a sneaker", "something red"):
        assert np.linalg.norm(sneaker - x(other)) > 0.8, other


@pytest.mark.parametrize(
    "prompt", ["a giraffe on a bicycle", "the theory of relativity", "a bowl of soup", "asdf qwertz", "a red bus"]
)
def test_a_prompt_out_of_vocabulary_is_answered_and_says_so(served, prompt):
    notes = condition(served, prompt).notes
    assert notes[0].code == "out_of_vocabulary"
    assert "sneaker" in notes[0].detail
    assert len(pictures(served, prompt, 0.25, range(2))) == 2


def test_known_prompts_carry_no_note_and_missing_colours_are_named(served):
    assert condition(served, "a red sneaker").notes == ()
    assert [note.code for note in condition(served, "a sneaker").notes] == ["underspecified"]


@pytest.mark.parametrize(("sigma", "least"), [(0.0, 0.90), ("default", 0.82)])
def test_the_independent_classifier_sees_what_was_asked(served, sigma, least):
    """One picture of every garment in every colour. benchmarks.image_quality measures ten of each: the limits here
    lie some four standard errors of 80 pictures below what it found."""
    level = served.card.default_sigma if sigma == "default" else 1e-9
    right = 0
    for k, (garment, colour) in enumerate(itertools.product(GARMENTS, COLOURS)):
        [picture] = pictures(served, phrase("a {c} {g}", c=colour, g=garment), level, [k])
        right += served.classifier.verdicts([picture]) == [f"{colour} {garment}"]
    assert right / 80 >= least


def test_a_certificate_of_the_default_model_verifies_and_beats_the_universal_bound(served):
    class Watch:
        sheet = None

        def output_chosen(self, output, sheet):
            self.sheet = sheet

        def batch_done(self, samples, failed, seconds):
            pass

    spec, watch = planned(served, "a red sneaker", samples=200), Watch()
    result = run_job(spec, served.generator, served.metric(spec.metric), batcher=Batcher(64), watch=watch)
    verdict = verify(result.certificate)
    assert verdict, [check for check in verdict.checks if not check.passed]
    universal = 0.2513 * served.card.default_sigma  # 2Φ(r/2) − 1 = 0.1
    assert result.certificate["radius"] > 2 * universal
    assert result.output.content.startswith(b"\x89PNG")
    assert watch.sheet.startswith(b"\x89PNG")
    assert result.certificate["threat"]["dimension"] == 16


def test_every_calibrated_metric_turns_a_budget_into_noise(served):
    for name in ("pixel-rmse", "feature-chord"):
        spec = planned(served, "a red sneaker", budget=0.05, metric=name)
        assert 0 < spec.sigma < 1
