"""What the adapters write of themselves are the very words that documents are held to."""

from dataclasses import replace

import numpy as np
import pytest

from smoothgen.certificates import RequestIdentity, Threat
from smoothgen.certificates.meaning.held import MASK
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.sections import MEDIA_TYPES
from smoothgen.certificates.meaning.threats import ATTACKS, attack_named, is_known_to_be_held, require_threat
from smoothgen.contracts import ImageParameters, Parameters, TextParameters
from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms import Mechanism, SynonymClasses
from smoothgen.noise import Seed, Stream
from tests.support.workers import tiny_diffusion
from workers.distances.absolute import Absolute
from workers.distances.chord import FEATURE_CHORD, SENTENCE_CHORD, VISION_CHORD
from workers.distances.edit import Edit
from workers.distances.label import LabelMetric, Verdict
from workers.distances.pixels import PixelRmse
from workers.distances.registry import NUMBER_KINDS, PICTURE_KINDS, TEXT_KINDS
from workers.generators import Condition, Draw, Picture, Smoothing, Text, load_generator
from workers.generators.closed_form import ClosedForm
from workers.generators.diffusion import DiffusionModel
from workers.generators.diffusion.prompts import PipelinePrompts
from workers.generators.language.adapter import LanguageModel
from workers.settings import Settings

COMMON = Draw(Seed(2**100, "server"), Stream.GENERATOR_COMMON, 0)
WORDS = ("words", "1", "sha256:" + "0" * 64)


def smoothing(mechanism: str = "embedding", *, drawn: bool = False) -> Smoothing:
    return Smoothing(mechanism, None if mechanism == "img2img" else 0.5, COMMON, words_drawn=drawn)


def require_said(condition: Condition, parameters: Parameters, mechanism: Mechanism | None = None) -> str:
    """The kind of adapter that a document of this condition is read as. Raises InvalidCertificate."""
    noise = mechanism or condition.mechanism
    size = condition.embedding.size
    attack = require_threat(
        Threat(condition.attack_on, size, 1.0, noise.noise_norm(size), condition.held_fixed),
        noise,
        noise.rounding_slack(size),
        RequestIdentity("sha256:" + "0" * 64, parameters.for_certificate()),
        None,
    )
    assert attack is not None, "a plug-in's"
    assert all(is_known_to_be_held(words) for words in condition.held_fixed)
    return attack.kind


@pytest.mark.parametrize("chat", [False, True])
def test_a_language_models_words(llama: LanguageModel, chat: bool) -> None:
    parameters = TextParameters(max_new_tokens=2, chat=chat)
    condition = llama.condition("a red sneaker", parameters, smoothing())
    assert require_said(condition, parameters) == "language"
    drawn = llama.condition("a red sneaker", parameters, smoothing(drawn=True))
    assert require_said(drawn, parameters, SynonymClasses(*WORDS, drawn.mechanism)) == "language"
    with pytest.raises(InvalidCertificate, match="held_fixed"):
        require_said(drawn, parameters)
    with pytest.raises(InvalidCertificate, match="held_fixed"):
        require_said(replace(condition, held_fixed=(MASK,)), parameters)
    with pytest.raises(InvalidCertificate, match="held_fixed"):
        require_said(condition, TextParameters(max_new_tokens=2, chat=not chat))


def test_a_language_models_words_for_all_of_the_users_turns(llama: LanguageModel) -> None:
    parameters = TextParameters(max_new_tokens=2, chat=True, attacked_turns="user")
    condition = llama.condition("a red sneaker", parameters, smoothing())
    assert require_said(condition, parameters) == "conversation"
    with pytest.raises(InvalidCertificate, match="attacked_turns"):
        require_said(condition, TextParameters(max_new_tokens=2, chat=True))


@pytest.mark.parametrize("mechanism", DiffusionModel.always_offered)
@pytest.mark.parametrize("seeded", [False, True])
@pytest.mark.parametrize("negative", [None, "", "blurred"])
def test_a_pipelines_words(picture_model: DiffusionModel, mechanism: str, seeded: bool, negative: str | None) -> None:
    if mechanism == "img2img" and not seeded:
        return
    image = {"image": tiny_diffusion.seed_image()} if seeded else {}
    parameters = tiny_diffusion.parameters(negative_prompt=negative, **image)
    condition = picture_model.condition("a red sneaker", parameters, smoothing(mechanism))
    on_prompt = mechanism.startswith("embedding")
    assert require_said(condition, parameters) == ("pipeline" if on_prompt else "seed image" if seeded else "latent")
    if mechanism == "embedding":
        assert require_said(condition, parameters, SynonymClasses(*WORDS, condition.mechanism)) == "pipeline"


@pytest.mark.parametrize("name", ["fashion-32", "fashion-lipschitz-32", "fashion-gan-32"])
def test_the_shipped_picture_models_words(name: str) -> None:
    model = load_generator(name, Settings())
    given = ("width", "height", "num_inference_steps", "guidance_scale", "scheduler")
    parameters = ImageParameters(**{field: getattr(model.image, field) for field in given})
    for mechanism in model.mechanisms:
        if mechanism in ("latent-schedule", "img2img", "tokens"):
            continue
        condition = model.condition("a red sneaker", parameters, smoothing(mechanism))
        assert require_said(condition, parameters) == "head"
        assert (condition.held_fixed == ()) == (name != "fashion-32")
        assert (condition.lipschitz is not None) == (name == "fashion-lipschitz-32")


def test_the_closed_forms_words() -> None:
    condition = ClosedForm("closed-form-tanh").condition("0.5", TextParameters(), smoothing())
    assert require_said(condition, TextParameters()) == "closed form"


def test_the_bottlenecks_words() -> None:
    model = load_generator("smollm2-135m-bottleneck", Settings())
    parameters = TextParameters(max_new_tokens=2)
    assert require_said(model.condition("What is the capital of France?", parameters, smoothing()), parameters) == (
        "bottleneck"
    )


def test_every_attack_is_one_that_an_adapter_writes() -> None:
    """The kinds asserted above, and no others: a word that nobody writes any more leaves the vocabulary."""
    kinds = {"language", "conversation", "bottleneck", "closed form", "pipeline", "head", "latent", "seed image"}
    assert {attack.kind for attack in ATTACKS} == kinds
    assert attack_named(PipelinePrompts.attack_on) is not None
    assert attack_named("prompt embedding") is None


def test_every_metric_takes_its_texts_and_numbers_from_the_vocabulary() -> None:
    for metric in (Absolute, Edit, LabelMetric, PixelRmse, Verdict, FEATURE_CHORD, SENTENCE_CHORD, VISION_CHORD):
        meaning = METRICS[metric.name]
        assert (metric.description, metric.diameter) == (meaning.description, meaning.diameter)
        assert metric.band == meaning.band
    offered = {kind.name for kind in (*TEXT_KINDS, *NUMBER_KINDS, *PICTURE_KINDS)}
    assert offered == set(METRICS)
    assert {kind.name for kind in PICTURE_KINDS} == {name for name, m in METRICS.items() if m.modality == "image"}


def test_outputs_are_of_the_media_types_that_documents_name() -> None:
    assert Text("x").media_type in MEDIA_TYPES["text"]
    assert Picture(np.zeros((8, 8, 3), np.uint8)).media_type in MEDIA_TYPES["image"]
