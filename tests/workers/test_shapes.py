"""Noise shapes: learnt as the formula says, matched in displacement, stored, offered, and refused where unfit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smoothgen.certificates import ModelIdentity, verify
from smoothgen.contracts import GenerateRequest, ImageParameters, MetricCard, ModelCard
from smoothgen.errors import InvalidBudget, InvalidInput, InvalidParameters
from smoothgen.mechanisms import Gaussian, Shape, ShapedGaussian
from smoothgen.noise import Seed, Stream
from smoothgen.planning.plan import plan
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.jobs import Silent
from tests.support.workers.settings import CPU
from workers.distances.pixels import PixelRmse
from workers.generators import Condition, Draw, Failure, Picture, Smoothing, load_generator
from workers.generators.batching import Batcher
from workers.generators.diffusion import DiffusionModel
from workers.jobs.in_process import run_job
from workers.research.calibrate import main
from workers.research.calibrate_shape import Bench, calibrate_shape
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings
from workers.stored.shapes import (
    StoredShape,
    learn_shape,
    load_shape,
    pairs_file,
    read_pairs,
    save_shape,
    second_moment,
    shape_file,
    shape_of,
    shrunk,
)
from workers.training.captions import HELD_OUT_TEMPLATES, held_out_captions, known_captions
from workers.training.pairs import training_pairs
from workers.training.vocabulary import COLOUR_WORDS, GARMENT_WORDS

SEED, PROMPTS = Seed.from_client(0), ["one", "two", "three"]
PARAMETERS = ImageParameters(num_inference_steps=3, guidance_scale=1.0, width=8, height=8, scheduler="none")


class Screen:
    """Pictures whose pixels are a linear function of x, x ∈ ℝ³; a prompt "a,b,c" is its own point."""

    def __init__(self, fails: bool = False) -> None:
        self.identity = ModelIdentity("screen", "1", "sha256:" + "0" * 64)
        self.default_sigma, self.image = 0.1, object()
        # An orthonormal frame of 192 pixels, one axis four times as steep as the next.
        frame = np.linalg.qr(np.random.default_rng(0).normal(size=(192, 3)))[0].T
        self.jacobian = np.array([[1.6], [0.4], [0.1]]) * frame * np.sqrt(192)  # in RMSE, a unit of x moves so far
        self._fails = fails

    def condition(self, prompt, parameters, smoothing) -> Condition:
        x = [float(part) for part in prompt.split(",")] if "," in prompt else [0.0, 0.0, 0.0]
        return Condition(np.array(x, dtype=np.float32), "point", Gaussian(smoothing.level), (), random=True)

    def generate(self, condition, noise, draws, parameters):
        if self._fails:
            return [Failure("broken")] * len(noise)
        pixels = 128 + 255 * (condition.embedding + noise) @ self.jacobian * 0.1
        return [Picture(row.round().clip(0, 255).astype(np.uint8).reshape(8, 8, 3)) for row in pixels]


def bench(generator) -> Bench:
    return Bench(generator, PARAMETERS, SEED, Batcher(64))


def positive(rows: int, seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(rows, rows))
    return root @ root.T + 0.1 * np.eye(rows)


# The formula.


def test_along_the_axes_noise_goes_with_the_root_of_the_shrunk_differences():
    scatter = np.array([4.0, 1.0, 0.25])
    differences = np.diag(np.sqrt(3 * scatter))
    expected = np.sqrt(0.5 * scatter / scatter.mean() + 0.5) ** 0.5  # Σ is the root, A the root of Σ
    found = np.diag(learn_shape("axes", differences).matrix)
    assert np.allclose(found / found[0], expected / expected[0], rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_noise_of_that_length_brings_paraphrases_nearer(seed):
    differences = np.random.default_rng(seed).normal(size=(30, 5)) @ positive(5, seed)
    scatter = shrunk(second_moment(differences))
    matrix = learn_shape("best", differences).matrix
    best = matrix @ matrix.T

    def far(sigma):
        return np.trace(np.linalg.solve(sigma, scatter)) * np.trace(sigma)  # any multiple gives the same

    others = [positive(5, seed * 1000 + k) for k in range(300)]
    nearby = [best + 0.02 * np.trace(best) * (other / np.trace(other)) for other in others]
    assert far(best) <= min(map(far, [*others, *nearby, np.eye(5), scatter]))
    # The Cauchy–Schwarz bound that proves it is met.
    assert far(best) == pytest.approx(np.sqrt(np.linalg.eigvalsh(scatter)).sum() ** 2, rel=1e-9)


def test_shrinkage_bounds_the_half_axes_however_one_sided_the_pairs_are():
    rows = 15
    one = np.zeros((1, rows))
    one[0, 0] = 3.0
    shortest, longest = learn_shape("one-sided", one).half_axes
    assert longest / shortest == pytest.approx((rows + 1) ** 0.25, rel=1e-9)
    assert np.linalg.eigvalsh(shrunk(second_moment(one))) == pytest.approx([0.5] * 14 + [8.0])


def test_the_shape_does_not_depend_on_the_scale_of_what_it_is_learnt_from():
    differences = np.random.default_rng(3).normal(size=(40, 4)) * [3, 1, 1, 0.2]
    one, other = learn_shape("a", differences), learn_shape("a", 1e-4 * differences)
    assert np.allclose(one.matrix, other.matrix, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("moment", [np.zeros((3, 3)), np.full((3, 3), np.nan)])
def test_pairs_that_say_nothing_are_refused(moment):
    with pytest.raises(InvalidParameters, match="nothing to learn"):
        shrunk(moment)


# The bench, on pictures whose law is known.


def test_differences_are_those_of_the_embeddings():
    found = bench(Screen()).differences([("1,2,3", "0,0,1"), ("0.5,0,0", "0,0,0")])
    assert np.allclose(found, [[1, 2, 2], [0.5, 0, 0]])


def test_the_level_is_matched_in_displacement():
    shape = shape_of("against the steep axis", np.diag([0.8, 1.0, 1.25]))
    level, moved = bench(Screen()).matched_level(shape, PixelRmse(), PROMPTS, sigma=0.5, probes=300)
    noises = [
        m.noisy(np.zeros(3), m.draw(SEED, Stream.SERVED, range(4000), (3,)))
        for m in (Gaussian(0.5), ShapedGaussian(level, shape))
    ]
    far = [np.linalg.norm(n * [0.16, 0.04, 0.01], axis=1).mean() for n in noises]
    assert far[1] == pytest.approx(far[0], rel=0.03)
    assert moved == pytest.approx(far[0], rel=0.06)
    assert level > 0.53


def test_a_level_out_of_reach_is_refused():
    shape = shape_of("against the steep axis", np.diag([1 / 16, 1.0, 16.0]))
    with pytest.raises(InvalidParameters, match="no level of shape"):
        bench(Screen()).matched_level(shape, PixelRmse(), PROMPTS, sigma=0.5)


def test_a_failed_output_counts_as_the_diameter():
    shape = shape_of("any", np.diag([0.8, 1.0, 1.25]))
    _, moved = bench(Screen(fails=True)).matched_level(shape, PixelRmse(), PROMPTS, sigma=0.5)
    assert moved == 1.0


def test_calibrating_twice_gives_one_shape():
    pairs = [("0,0,1", "0,0,-1"), ("0,0.1,0", "0,0,0")]
    made = [
        calibrate_shape(
            Screen(), PixelRmse(), pairs, PROMPTS, parameters=PARAMETERS, seed=SEED, batch_size=size, probes=5
        )
        for size in (64, 7)
    ]
    assert made[0] == made[1]
    assert np.argmax(np.diag(made[0].noise_shape.matrix)) == 2  # the axis the paraphrases differ along
    assert (made[0].pairs, made[0].prompts, made[0].probes) == (2, 3, 5)


# Files.


def stored(matrix: np.ndarray) -> StoredShape:
    return StoredShape(
        shape=Shape.of("some", matrix).to_dict(),
        sigma=0.3,
        matched_sigma=0.2,
        metric="pixel-rmse",
        displacement=0.02,
        shrinkage=0.5,
        pairs=1,
        prompts=1,
        probes=1,
        seed="0",
        parameters={},
    )


def test_a_shape_is_stored_and_found_and_the_folder_wins(tmp_path: Path):
    kept = stored(np.diag([1.0, 2.0]))
    assert load_shape("org/some model", tmp_path) is None
    path = save_shape("org/some model", kept, tmp_path / "new")
    assert path.name == shape_file("org/some model") == "org-some-model.shape.json"
    assert load_shape("org/some model", tmp_path / "new") == kept
    save_shape("fashion-32", kept, tmp_path)
    assert load_shape("fashion-32", tmp_path) == kept
    assert load_shape("fashion-32", None) != kept


@pytest.mark.parametrize("broken", ["", "[]", '{"shape": 1}', "altered"])
def test_a_broken_file_is_named(tmp_path: Path, broken: str):
    if broken == "altered":
        document = stored(np.diag([1.0, 2.0])).model_dump()
        document["shape"]["sha256"] = "sha256:" + "0" * 64
        broken = json.dumps(document)
    (tmp_path / shape_file("m")).write_text(broken, encoding="utf-8")
    with pytest.raises(OSError, match=r"m\.shape\.json holds no noise shape"):
        load_shape("m", tmp_path)


def test_pairs_are_two_tab_separated_prompts_a_line(tmp_path: Path):
    path = tmp_path / "pairs.tsv"
    path.write_text("a cat\ta feline\n\n a dog \t a hound\n", encoding="utf-8")
    assert read_pairs(path) == [("a cat", "a feline"), ("a dog", "a hound")]
    for bad in ("a cat a feline\n", "a\tb\tc\n", "a\t\n"):
        path.write_text("x\ty\n" + bad, encoding="utf-8")
        with pytest.raises(InvalidParameters, match="line 2"):
            read_pairs(path)
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(InvalidParameters, match="holds no pairs"):
        read_pairs(path)


def test_the_shipped_pairs_are_training_captions_of_one_meaning_and_none_held_out():
    pairs = read_pairs(pairs_file("fashion-32"))
    assert pairs == training_pairs()
    meanings = {(c.text): (c.garment, c.colour) for c in known_captions()}
    assert all(meanings[a] == meanings[b] for a, b in pairs)
    assert len({text for pair in pairs for text in pair}) == 2 * len(pairs) == 1600
    held_out = {c.text for c in held_out_captions()}
    assert not held_out & {text for pair in pairs for text in pair}
    starts = tuple(template.split("{")[0] for template in HELD_OUT_TEMPLATES if template[0] not in "a{")
    assert not any(text.startswith(starts) for pair in pairs for text in pair)
    assert not {w for m in (*GARMENT_WORDS, *COLOUR_WORDS) for w in m.held_out} & {
        w for m in (*GARMENT_WORDS, *COLOUR_WORDS) for w in m.known
    }


# What cannot have a shape says so.


def test_a_language_model_has_no_shape(capsys: pytest.CaptureFixture[str]):
    assert main(["--model", "closed-form-tanh", "--shape"]) == 1
    assert "another length for every prompt" in capsys.readouterr().err


def test_a_large_embedding_has_no_shape(picture_model: DiffusionModel):
    with pytest.raises(InvalidParameters, match=r"conditions on 1232 numbers.*at most 64"):
        Bench(picture_model, tiny.parameters(), SEED, Batcher(8)).differences([("a", "b")])


def test_a_model_without_shipped_pairs_asks_for_them(pipeline_folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--model", f"tiny={pipeline_folder}", "--shape"]) == 1
    assert "--pairs FILE" in capsys.readouterr().err


def test_a_shape_of_another_dimension_is_refused_at_start(pipeline_folder: Path, tmp_path: Path):
    save_shape("tiny", stored(np.diag([1.0, 2.0])), tmp_path)
    with pytest.raises(OSError, match="one of 2 numbers and its prompts are 1232"):
        load_generator(f"tiny={pipeline_folder}", Settings(device="cpu", calibrations=tmp_path))


def test_a_model_without_a_shape_does_not_offer_one(picture_model: DiffusionModel):
    assert "embedding-shaped" not in picture_model.mechanisms
    with pytest.raises(InvalidInput, match="embedding-shaped"):
        picture_model.condition(
            "a", tiny.parameters(), Smoothing("embedding-shaped", 0.1, Draw(SEED, Stream.GENERATOR_COMMON, 0))
        )


# Planning.


def card(*mechanisms: str, modality: str = "text") -> ModelCard:
    return ModelCard(
        id="words",
        modality=modality,
        revision="1",
        digest="sha256:0",
        description="a card",
        mechanisms=list(mechanisms),
        metrics=[MetricCard(name="edit", diameter=1.0, description="edit distance")],
        default_sigma=0.2,
        default_betas={"embedding-shaped": 0.31},
    )


def planned(of: ModelCard, **robustness):
    body = {"model": of.id, "prompt": "p", "robustness": {"mechanism": "embedding-shaped", **robustness}}
    return plan(GenerateRequest.model_validate(body), of, max_samples=1000)


def test_the_default_level_is_the_matched_one_and_a_given_one_is_taken():
    offering = card("embedding", "embedding-shaped")
    assert planned(offering).sigma == 0.31
    assert planned(offering, sigma=0.5).sigma == 0.5


@pytest.mark.parametrize(
    ("robustness", "error", "says"),
    [
        ({"budget": 0.1}, InvalidBudget, "calibrated for 'embedding' only; give robustness.sigma"),
        ({"tier": "fleet"}, InvalidInput, "use mechanism 'embedding', or tier 'request'"),
        ({"adapt": "prompt", "budget": 0.1}, InvalidInput, "adapt='prompt'"),
        ({"lipschitz_estimate": True}, InvalidInput, "lipschitz_estimate"),
        ({"synonyms": True}, InvalidInput, "synonyms=true"),
    ],
    ids=repr,
)
def test_what_does_not_go_with_a_shape_is_refused(robustness, error, says):
    with pytest.raises(error) as caught:
        planned(card("embedding", "embedding-shaped"), **robustness)
    assert says in str(caught.value)


@pytest.mark.parametrize(("modality", "why"), [("text", "one block of numbers a token"), ("image", "learn one with")])
def test_a_model_without_a_shape_says_why(modality, why):
    with pytest.raises(InvalidInput, match=why) as caught:
        planned(card("embedding", modality=modality))
    assert caught.value.field == "robustness.mechanism"


# The shipped model.


@pytest.fixture(scope="module")
def fashion() -> LoadedModel:
    return LoadedModel(load_generator("fashion-32", CPU), Encoders(CPU), CPU)


def fashion_job(fashion: LoadedModel, **robustness):
    body = {
        "model": "fashion-32",
        "prompt": "a red sneaker",
        "seed": 3,
        "parameters": {"num_inference_steps": 4},
        "robustness": {"mechanism": "embedding-shaped", "samples": 60, "selection_samples": 8, **robustness},
    }
    return plan(GenerateRequest.model_validate(body), fashion.card, max_samples=1000)


def test_the_shipped_model_offers_its_shape_with_the_matched_level(fashion: LoadedModel):
    kept = load_shape("fashion-32", None)
    assert kept is not None
    assert kept.noise_shape.dimension == 16
    assert (kept.pairs, kept.prompts, kept.matched_sigma) == (800, 40, fashion.card.default_sigma)
    assert "embedding-shaped" in fashion.card.mechanisms
    assert fashion_job(fashion).sigma == kept.sigma == fashion.card.default_betas["embedding-shaped"]


def test_a_shaped_job_gives_a_certificate_in_its_norm_that_verifies(fashion: LoadedModel):
    job = fashion_job(fashion)
    metric = fashion.metric(job.metric)
    result = run_job(job, fashion.generator, metric, batcher=Batcher(64), watch=Silent())
    assert result.certificate is not None
    assert verify(result.certificate)
    kept = load_shape("fashion-32", None)
    assert kept is not None
    assert result.certificate["mechanism"] == ShapedGaussian(job.sigma, kept.noise_shape).to_dict()
    assert "in ellipsoid norm, with" in result.certificate["statement"]


def test_the_universal_tier_takes_a_shape(fashion: LoadedModel):
    job = fashion_job(fashion, tier="universal")
    result = run_job(job, fashion.generator, fashion.metric(job.metric), batcher=Batcher(64), watch=Silent())
    assert result.certificate is not None
    assert verify(result.certificate)
