"""The language model behind a bottleneck: one way in, through the noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smoothgen.certificates import ModelIdentity, verify
from smoothgen.contracts import ImageParameters, TextParameters
from smoothgen.errors import InvalidParameters, InvalidPrompt, UnknownName
from smoothgen.noise import Seed, Stream
from tests.support.workers.jobs import ON_EMBEDDING, run, spec
from tests.support.workers.settings import CPU
from workers.features import FeatureMap
from workers.generators import Condition, Draw, Generator, Smoothing, joined, load_generator
from workers.generators.bottleneck import BottleneckModel
from workers.generators.bottleneck.head import Head, cross_polytope
from workers.generators.bottleneck.loading import BottleneckConfig, assemble, read_bottleneck, save_bottleneck
from workers.generators.bottleneck.soft_prompt import SoftPrompt
from workers.generators.folders import SHIPPED
from workers.generators.language.adapter import LanguageModel
from workers.generators.weights import weights_digest
from workers.training.bottleneck.domain import elsewhere, intents
from workers.training.bottleneck.heads import Sentences, discriminant, principal_components, train_head
from workers.training.bottleneck.reading import train_reading

GREEDY = TextParameters(max_new_tokens=6)
INTENTS, TOKENS, WIDTH = 5, 3, 32


class Letters:
    """How often each letter occurs, of unit norm: anagrams are one sentence to it."""

    name = "letters"

    longest_tokens = 60

    def tokens(self, text: str) -> int:
        return len(text)

    def features(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.array([[text.lower().count(letter) for letter in map(chr, range(97, 123))] for text in texts])
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def parts() -> tuple[Head, SoftPrompt]:
    torch.manual_seed(3)
    head = Head(26, 16, INTENTS)
    with torch.no_grad():
        head.layers[-1].weight *= 30  # untrained logits are all alike; these tell prompts apart
    return head.eval(), SoftPrompt(head.width, 16, torch.randn(INTENTS + 1, TOKENS, WIDTH)).eval()


@pytest.fixture
def model(llama: LanguageModel) -> BottleneckModel:
    identity = ModelIdentity("tiny-bottleneck", "1", "sha256:" + "0" * 64)
    return BottleneckModel(Letters(), *parts(), llama, identity=identity, description="tiny", default_sigma=0.3)


def test_a_prompt_the_encoder_would_cut_is_refused(model: BottleneckModel):
    assert model.longest_prompt_tokens == 60
    with pytest.raises(InvalidPrompt, match="the prompt has 61 tokens and the text encoder reads 60; shorten it"):
        condition_of(model, "x" * 61)


def condition_of(model: Any, prompt: str) -> Condition:
    return model.condition(prompt, GREEDY, ON_EMBEDDING)


def noise_of(rows: int, width: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1.0, (rows, width))


def test_the_network_is_given_a_function_of_noisy_x_alone(model: BottleneckModel, llama: LanguageModel):
    one, other = (condition_of(model, prompt) for prompt in ("abc", "a much longer prompt about something else"))
    assert one.embedding.shape == other.embedding.shape == (3,)
    assert not np.allclose(one.embedding, other.embedding, atol=0.05)
    assert one.held_fixed == other.held_fixed == ()
    noise = noise_of(4)
    # The same noisy x, reached from two prompts: whatever else comes from the prompt would show.
    reached = [noise, (one.embedding.astype(np.float64) + noise) - other.embedding]
    calls: list[dict[str, Any]] = []
    handle = llama.network.register_forward_pre_hook(lambda _, __, named: calls.append(dict(named)), with_kwargs=True)
    try:
        for condition, row in zip((one, other), reached, strict=True):
            model.generate(condition, row, [], TextParameters(max_new_tokens=1))
    finally:
        handle.remove()
    first, second = calls
    assert first.keys() == second.keys()
    assert torch.allclose(first.pop("inputs_embeds"), second.pop("inputs_embeds"), atol=1e-5)
    for key, value in first.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, second[key]), key
    assert not any(isinstance(value, str) for value in first.values())


def test_prompts_with_equal_x_say_the_same_and_others_do_not(model: BottleneckModel):
    noise = noise_of(12)
    said = [
        [made.text for made in model.generate(condition_of(model, prompt), noise, [], GREEDY)]
        for prompt in ("listen", "silent", "zebra")
    ]
    assert said[0] == said[1]
    assert said[0] != said[2]


def test_prompts_mix_in_a_batch_and_say_what_they_say_alone(model: BottleneckModel):
    conditions = [condition_of(model, prompt) for prompt in ("listen", "zebra crossing")]
    assert conditions[0].mixes == conditions[1].mixes is not None
    noise = noise_of(10)
    mixed = model.generate(joined([(conditions[0], 4), (conditions[1], 6)]), noise, [], GREEDY)
    alone = [
        *model.generate(conditions[0], noise[:4], [], GREEDY),
        *model.generate(conditions[1], noise[4:], [], GREEDY),
    ]
    assert [m.text for m in mixed] == [m.text for m in alone]


def test_a_job_ends_in_a_certificate_that_verifies(model: BottleneckModel):
    result = run(spec("zebra", sigma=0.3, metric="edit", samples=60, parameters={"max_new_tokens": 4}), model)
    certificate = result.certificate
    assert certificate is not None
    assert verify(certificate).valid
    assert certificate["radius"] > 0
    assert certificate["threat"]["attack_on"] == "sentence condition (3 numbers)"
    assert certificate["threat"]["dimension"] == 3
    assert certificate["threat"]["held_fixed"] == []


def test_temperature_is_randomness_of_its_own(model: BottleneckModel):
    warm = TextParameters(max_new_tokens=4, temperature=1.5)
    condition = model.condition("zebra", warm, ON_EMBEDDING)
    assert condition.random
    draws = [Draw(Seed(1, "server"), Stream.GENERATOR, index) for index in range(8)]
    said = {m.text for m in model.generate(condition, np.zeros((8, 3)), draws, warm)}
    assert len(said) > 1


@pytest.mark.parametrize(
    ("parameters", "smoothing", "error"),
    [
        (TextParameters(chat=True), ON_EMBEDDING, InvalidParameters),
        (ImageParameters(), ON_EMBEDDING, InvalidParameters),
        (GREEDY, Smoothing("latent-schedule", 1.0, ON_EMBEDDING.common), UnknownName),
    ],
)
def test_what_it_has_no_use_for_is_refused(model: BottleneckModel, parameters: Any, smoothing: Any, error: type):
    with pytest.raises(error):
        model.condition("zebra", parameters, smoothing)


def test_the_smooth_map_has_the_derivative_of_its_differences(model: BottleneckModel):
    condition = condition_of(model, "zebra")
    call = model.smooth_map(condition, ON_EMBEDDING.common, GREEDY).call
    x = torch.from_numpy(condition.embedding)[None]
    direction = torch.tensor([[0.6, -0.8, 0.0]])
    weights = torch.randn(call(x).shape, generator=torch.Generator().manual_seed(0))
    _, gradient = torch.autograd.functional.vjp(call, x, weights)
    step = 1e-2
    difference = (call(x + step * direction) - call(x - step * direction)).detach() / (2 * step)
    slope = float((gradient * direction).sum())
    assert abs(slope) > 0.1
    assert slope == pytest.approx(float((weights * difference).sum()), rel=0.02)


def test_the_corners_lie_apart_in_the_unit_ball():
    corners = cross_polytope(7)
    assert corners.shape == (7, 4)
    apart = np.linalg.norm(corners[:, None] - corners[None], axis=-1)[~np.eye(7, dtype=bool)]
    assert set(np.round(apart, 12)) == {np.round(np.sqrt(2), 12), 2.0}
    head, _ = parts()
    assert (np.linalg.norm(head.place(np.random.default_rng(0).normal(size=(200, 26))), axis=1) <= 1).all()


# --- a folder ---


def config_of(language: LanguageModel, **changed: Any) -> BottleneckConfig:
    return BottleneckConfig(
        **{
            "description": "tiny", "revision": "1", "default_sigma": 0.3, "encoder": "letters",
            "language_model": "smollm2-135m", "language_model_digest": weights_digest(language.network.state_dict()),
            "encoder_width": 26, "head_hidden": 16, "intents": INTENTS, "soft_prompt_hidden": 16,
            "tokens": TOKENS, "width": WIDTH,
            **changed,
        }
    )  # fmt: skip


def test_a_folder_is_read_as_it_was_written(tmp_path: Path, llama: LanguageModel):
    head, soft_prompt = parts()
    config = config_of(llama)
    save_bottleneck(tmp_path, config, head, soft_prompt)
    read, head_again, soft_prompt_again = read_bottleneck(tmp_path)
    assert read == config
    x = head.place(Letters().features(["zebra", "listen"]))
    assert np.array_equal(head_again.place(Letters().features(["zebra", "listen"])), x)
    points = torch.from_numpy(x).float()
    assert torch.equal(soft_prompt_again(points), soft_prompt(points))


@pytest.mark.parametrize("changed", [{"language_model_digest": "sha256:00"}, {"encoder": "another encoder"}])
def test_weights_trained_on_something_else_are_refused(
    changed: dict[str, Any], llama: LanguageModel, sentence_encoder: FeatureMap
):
    config = config_of(llama, **{"encoder": sentence_encoder.name, **changed})
    with pytest.raises(OSError, match="was trained on"):
        assemble("tiny", config, *parts(), llama, CPU)


def test_a_broken_folder_is_told_in_one_line(tmp_path: Path):
    (tmp_path / "bottleneck.json").write_text("{}")
    with pytest.raises(OSError, match=r"cannot be loaded from .*workers\.training\.bottleneck"):
        load_generator(f"mine={tmp_path}", CPU)


# --- training ---


def test_no_held_out_prompt_is_trained_on():
    trained = {text for intent in intents() for text in intent.phrasings} | set(elsewhere(held_out=False))
    held_out = [text for intent in intents() for text in intent.held_out] + list(elsewhere(held_out=True))
    assert not trained & set(held_out)
    assert len(set(held_out)) == len(held_out)
    assert len({intent.answer for intent in intents()}) == len(intents()) == 40
    assert all(len(intent.phrasings) == 7 and len(intent.held_out) == 5 for intent in intents())


def clusters(loud: float) -> Sentences:
    """Three meanings in six dimensions, 30 phrasings each; the first coordinate is loud and means nothing."""
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(3), 30)
    features = 0.05 * random.normal(size=(90, 6))
    features[:, 0] += loud * random.normal(size=90)
    features[np.arange(90), 1 + labels] += 1.0
    return Sentences(features, labels)


def test_the_discriminant_is_deaf_to_what_paraphrases_differ_in():
    sentences = clusters(loud=3.0)

    def spread(head: Any) -> float:
        points = head.place(sentences.features)
        means = np.stack([points[sentences.intents == c].mean(axis=0) for c in range(3)])
        return float(np.linalg.norm(points - means[sentences.intents], axis=1).mean())

    assert spread(discriminant(sentences, 2)) < 0.4
    assert spread(principal_components(sentences, 2)) > 2


def test_head_and_reading_learn_what_is_meant_and_what_is_not():
    inside = clusters(loud=0.0)
    foreign = np.random.default_rng(2).normal(size=(60, 6)) * 0.05 - np.array([0, 1, 1, 1, 0, 0])
    features = np.concatenate([inside.features, foreign])
    sentences = Sentences(
        features / np.linalg.norm(features, axis=1, keepdims=True),  # as sentence embeddings are
        np.concatenate([inside.intents, np.full(60, -1)]),
    )
    head = train_head(sentences, count=300, hidden=16, seed=0, threads=1)
    points = sentences.points(head)
    corners = cross_polytope(3)
    known = sentences.intents >= 0
    assert np.linalg.norm(points.features[known] - corners[sentences.intents[known]], axis=1).max() < 0.3
    # The uniform mean of three corners, two of which cancel.
    assert np.linalg.norm(points.features[~known] - corners.mean(axis=0), axis=1).max() < 0.3
    reads = train_reading(points, torch.zeros((4, 2, 8)), count=300, hidden=32, seed=0, threads=1)
    weights = torch.softmax(reads.logits(torch.from_numpy(points.features).float()), dim=-1).detach().numpy()
    assert (weights.argmax(axis=1) == np.where(known, sentences.intents, 3)).mean() > 0.97


# --- the shipped model ---


@pytest.fixture(scope="module")
def shipped() -> Generator:
    return load_generator("smollm2-135m-bottleneck", CPU)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("I forgot which city is France's capital, can you help?", "The capital of France is Paris."),
        ("What artist gave us the Mona Lisa?", "The Mona Lisa was painted by Leonardo da Vinci."),
        ("boiling point H2O?", "Water boils at 100 degrees Celsius."),
    ],
)
def test_held_out_paraphrases_are_answered_and_certified(shipped: Generator, prompt: str, answer: str):
    rule = {"name": "label", "extract": {"kind": "regex", "pattern": r"\S.*"}}
    # At sigma 0.2 about a fifth of the answers to the third prompt differ, so that the samples add nothing to T1.
    job = spec(prompt, sigma=0.1, metric=rule, tolerance=0.3, samples=24, selection_samples=8,
               parameters={"max_new_tokens": 12})  # fmt: skip
    result = run(job, shipped)
    assert result.output.text == answer
    assert not result.notes
    assert result.certificate is not None
    assert verify(result.certificate).valid
    assert result.certificate["threat"]["dimension"] == 20


@pytest.mark.parametrize("prompt", ["Write a poem about autumn.", "How do I bake bread?"])
def test_a_prompt_outside_the_domain_is_told_so(shipped: Generator, prompt: str):
    [note] = condition_of(shipped, prompt).notes
    assert note.code == "out_of_vocabulary"


def test_the_shipped_weights_are_small():
    assert sum(f.stat().st_size for f in (SHIPPED / "smollm2-135m-bottleneck").iterdir()) < 3e6
