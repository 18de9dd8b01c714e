"""Pictures under mechanism tokens: the prompt's own picture is the pipeline's, the list is all that attacks on the text
encoder's input embeddings can reach, and what is certified survives them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from smoothgen import ExhaustiveCertificate, verify
from smoothgen.certificates import read_certificate
from smoothgen.contracts import JobSpec
from smoothgen.errors import InvalidParameters, InvalidPrompt
from smoothgen.noise import Stream, normals
from tests.support.workers import tiny_diffusion as tiny
from tests.workers.test_executor import chunk_of, executor_of, run_state_of, selection_of
from workers.distances.pixels import PixelRmse
from workers.generators import Condition, Picture, TokenSnap, load_generator
from workers.generators.diffusion import DiffusionModel, loading
from workers.generators.diffusion.prompts import PipelinePrompts
from workers.generators.diffusion.token_prompts import TokenDiffusion
from workers.jobs.measurement import measure
from workers.jobs.outcomes import Measured
from workers.jobs.sampling import Samples, condition_of, generate, seed_of
from workers.jobs.selection import Selected
from workers.research.completeness import completeness_of
from workers.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers' own

PROMPT, OF_RADIUS, TRIES = "a red ab", 0.99, 200


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(name="model", scope="module")
def tokens_model(picture_model: DiffusionModel) -> TokenDiffusion:
    assert isinstance(picture_model, TokenDiffusion)
    assert isinstance(picture_model, TokenSnap)
    return picture_model


def job(prompt: str = PROMPT, *, samples: int = 16, tolerance: float = 0.2, **parameters: object) -> JobSpec:
    asked = tiny.parameters(**parameters)
    return tiny.spec(asked, mechanism="tokens", sigma=None, samples=samples, tolerance=tolerance, prompt=prompt)


def picture_of(spec: JobSpec, model: TokenDiffusion, condition: Condition) -> np.ndarray:
    [made] = generate(model, [(Samples(spec, condition, Stream.CERTIFICATION, range(1)), 0)])
    assert isinstance(made, Picture)
    return made.pixels


def drawn_by(pipeline: StableDiffusionPipeline, spec: JobSpec, prompt: str, negative: str = "") -> np.ndarray:
    """What a script with this pipeline saves for a prompt, from the job's initial latent."""
    latent = normals(seed_of(spec), Stream.GENERATOR_COMMON, 0, int(np.prod(tiny.LATENT))).reshape(1, *tiny.LATENT)
    with torch.inference_mode():
        [found] = pipeline(
            prompt,
            negative_prompt=negative,
            latents=torch.from_numpy(latent).float(),
            num_inference_steps=3,
            guidance_scale=5.0,
            output_type="np",
        ).images
    return (found * 255).round().astype(np.uint8)


@pytest.mark.parametrize("negative", ["", "blurred"])
def test_an_honest_prompts_picture_is_the_pipelines_own(
    model: TokenDiffusion, bare_pipeline: StableDiffusionPipeline, negative: str
) -> None:
    spec = job(negative_prompt=negative or None)
    condition = condition_of(spec, model)
    assert picture_of(spec, model, condition).tobytes() == drawn_by(bare_pipeline, spec, PROMPT, negative).tobytes()
    # x is one row for each of "a", "r", "e", "d", "ab": neither start nor end nor padding.
    assert condition.embedding.shape == (5, tiny.WIDTH)
    held = "negative prompt" if negative else "empty prompt"
    assert condition.held_fixed == (
        "token count (5)",
        "start, end and padding tokens",
        "attention mask and positions",
        f"unconditional embedding ({held})",
    )


def test_a_neighbour_is_drawn_as_its_text_would_be(
    model: TokenDiffusion, bare_pipeline: StableDiffusionPipeline
) -> None:
    spec = job(samples=60)
    condition = condition_of(spec, model)
    found = [model.changed(condition, changes) for changes in model.listed(condition, 60).change_lists]
    writable = [(each, model.words(each)) for each in found]
    typed = [(each, words.text) for each, words in writable if words.writable]
    assert len(typed) >= 3
    for each, text in typed[:3]:
        assert condition_of(job(text), model).tokens == each.tokens
        assert picture_of(spec, model, each).tobytes() == drawn_by(bare_pipeline, spec, text).tobytes()


def test_the_list_is_every_sequence_sorted(model: TokenDiffusion) -> None:
    condition = condition_of(job("q ab"), model)
    table = model.snap_table()
    rows, own = table.rows.astype(np.float64), condition.tokens
    assert len(own) == 2
    targets = table.targets
    squared = [np.square(rows[targets] - rows[token]).sum(axis=1) / 4 for token in own]
    every = np.sqrt(squared[0][:, None] + squared[1][None, :])
    order = np.sort(every.ravel())
    listed = model.listed(condition, 3000)
    assert listed.cost_array == pytest.approx(order[1:3001], rel=1e-9)
    assert listed.next_cost == pytest.approx(order[3001], rel=1e-9)
    # Small costs are unique, so the sequences themselves can be compared.
    first = {tuple(targets[list(np.unravel_index(k, every.shape))].tolist()) for k in every.ravel().argsort()[1:3001]}
    assert first == {model.changed(condition, changes).tokens for changes in listed.change_lists}


def test_start_end_and_padding_are_no_targets(model: TokenDiffusion) -> None:
    tokenizer = model._text_to_image.tokenizer
    special = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    assert set(range(len(tokenizer))) - set(model.snap_table().targets.tolist()) == special


def attacks(model: TokenDiffusion, condition: Condition, norm: float) -> list[np.ndarray]:
    """Half along random directions, half just past the planes to a sequence that this norm reaches."""
    rng, own = np.random.default_rng(7), condition.embedding.astype(np.float64)
    listed = model.listed(condition, 64)
    reached = int(np.searchsorted(listed.cost_array * 1.002, norm))
    assert reached > 3
    shifts = [model.changed(condition, changes).embedding - own for changes in listed.change_lists[:reached]]
    found = []
    for k in range(TRIES):
        random = rng.normal(size=own.shape)
        delta = random / np.linalg.norm(random) * norm if k % 2 else shifts[rng.integers(reached)] / 2 * 1.001
        found.append((own + delta).astype(np.float32))
    return found


def certificate_of(spec: JobSpec, model: TokenDiffusion) -> ExhaustiveCertificate:
    result = tiny.run(spec, model)
    assert result.certificate is not None
    certificate = read_certificate(result.certificate)
    assert isinstance(certificate, ExhaustiveCertificate)
    return certificate


def test_no_attack_leaves_what_is_certified(model: TokenDiffusion) -> None:
    spec = job(samples=64, tolerance=0.3)
    certificate, condition, metric = certificate_of(spec, model), condition_of(spec, model), PixelRmse()
    assert certificate.radius > 0
    centre = metric.choose_centre([picture_of(spec, model, condition)])
    listed = model.listed(condition, 64)
    runs = [condition.tokens, *(model.changed(condition, changes).tokens for changes in listed.change_lists)]
    costs = dict(zip(runs, [0.0, *listed.cost_array], strict=True))
    seen: dict[tuple[int, ...], float] = {}
    left = 0
    for sent in attacks(model, condition, OF_RADIUS * certificate.radius):
        norm, read = float(np.linalg.norm(sent - condition.embedding)), model.attacked(condition, sent)
        assert costs[read.tokens] <= norm  # the picture is one of those that were run
        if read.tokens not in seen:
            made = generate(model, [(Samples(spec, read, Stream.CERTIFICATION, range(1)), 0)])
            seen[read.tokens] = float(measure(made, metric, centre)[0])
        assert seen[read.tokens] <= certificate.w1_bound(norm)
        left += read.tokens != condition.tokens
    assert left >= TRIES / 4
    assert len(seen) > 3


def test_a_certificate_verifies_and_its_list_is_complete(model: TokenDiffusion) -> None:
    document = tiny.run(job(samples=16), model).certificate
    assert document is not None
    verdict = verify(document)
    assert verdict.valid
    assert verdict.meaning == "checked"
    certificate = read_certificate(document)
    assert isinstance(certificate, ExhaustiveCertificate)
    assert completeness_of(model, certificate, PROMPT).passed


def test_a_seed_image_and_a_prompt_without_tokens_are_refused(model: TokenDiffusion) -> None:
    with pytest.raises(InvalidParameters, match="from the prompt alone"):
        condition_of(job(image=tiny.seed_image()), model)
    with pytest.raises(InvalidPrompt, match="no tokens of its own"):
        model._reader.own("   ")


def test_a_textual_inversion_is_several_tokens(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, **tiny.with_inversion(tmp_path / "words", 2))
    model, pipeline, spec = tiny.load(folder), tiny.bare(folder), job("a <cat>")
    assert isinstance(model, TokenDiffusion)
    condition = condition_of(spec, model)
    assert pipeline.tokenizer.convert_ids_to_tokens(list(condition.tokens)) == ["a</w>", "<cat>", "<cat>_1"]
    assert picture_of(spec, model, condition).tobytes() == drawn_by(pipeline, spec, "a <cat>").tobytes()


def test_an_encoder_that_may_read_ids_twice_is_not_snapped(model: TokenDiffusion) -> None:
    other = SimpleNamespace(text_encoder=torch.nn.Identity())
    assert isinstance(model._prompts, PipelinePrompts)
    assert loading._pipeline_reader(other, model._prompts) is None


def test_the_model_in_the_box_reads_tokens_as_it_reads_their_prompt() -> None:
    model = load_generator("fashion-32", Settings())
    assert isinstance(model, TokenDiffusion)
    reader = model._reader
    for prompt in ("a red sneaker", "blue trousers, please", "a \N{SNOWMAN} in green"):
        own, whole = reader.own(prompt), model._prompts.encode(prompt, None).embedding
        assert reader.read(own).tobytes() == whole.tobytes()
    words = {token: word for word, token in reader.tokens._tokenizer.get_vocab().items()}
    targets = {words[token] for token in model.snap_table().targets.tolist()}
    assert not [word for word in targets if word.startswith("[") and len(word) > 1]
    assert {"red", "a", "##aker"} <= targets
    assert not targets & set(reader.tokens._tokenizer.all_special_tokens)


def test_a_worker_keeps_small_pictures_of_the_runs_its_distances_are_of(model: TokenDiffusion) -> None:
    spec, executor = job(samples=4), executor_of(model)
    [selected] = executor.run(run_state_of([selection_of(spec)]))
    assert isinstance(selected, Selected)
    [measured] = executor.run(run_state_of([chunk_of(spec, selected, 1, 3)]))
    assert isinstance(measured, Measured)
    assert measured.pictures is not None
    assert sorted(measured.pictures) == [1, 2, 3]
    condition = condition_of(spec, model)
    changes = model.listed(condition, 4).change_lists
    for run, png in measured.pictures.items():
        kept = Image.open(io.BytesIO(png))
        whole = Image.fromarray(picture_of(spec, model, model.changed(condition, changes[run])))
        assert max(kept.size) <= 64
        shown = np.asarray(whole.resize(kept.size, Image.Resampling.LANCZOS) if kept.size != whole.size else whole)
        assert np.array_equal(np.asarray(kept), shown)
