"""Score `clip_similarity`: a tiny CLIP model from a folder, a job with it, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from smoothgen import verify
from smoothgen.contracts import JobSpec, Robustness
from smoothgen.errors import InvalidClaim, UnknownName
from smoothgen.planning.claims import require_claims
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.jobs import Silent
from tests.support.workers.settings import CPU
from tests.workers.test_score_jobs import TANH, claim_on, model_of
from tests.workers.test_vision_encoder import PATCHES, SIZE, TOWER, pictures, vit
from workers.distances.pixels import PixelRmse
from workers.features.clip_encoder import ClipEncoder
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job
from workers.scores import output_score
from workers.serving.loaded_model import Encoders, LoadedModel, load_models

SHOWS: dict[str, Any] = {"score": {"name": "clip_similarity"}, "at_least": -0.9}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP model as a hub has it: both towers, tokenizer and image processor."""
    folder = tmp_path_factory.mktemp("clip")
    tokenizer = tiny.tokenizer(folder / "tokenizer")
    torch.manual_seed(0)
    text = {
        **TOWER,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 20,
        "eos_token_id": tokenizer.eos_token_id,
        "initializer_range": 0.5,
    }
    CLIPModel(CLIPConfig(text_config=text, vision_config={**TOWER, **PATCHES}, projection_dim=12)).save_pretrained(
        folder
    )
    tokenizer.save_pretrained(folder)
    size = {"height": SIZE, "width": SIZE}
    CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size=size).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    settings = CPU.model_copy(update={"clip_model": str(folder)})
    model = tiny.load(tiny.save(tmp_path_factory.mktemp("pipeline")))
    return LoadedModel(model, Encoders(settings), settings)


def job(prompt: str = "ab", **asked: Any) -> JobSpec:
    spec = tiny.spec(tiny.parameters(), metric="pixel-rmse", samples=40, tolerance=0.9)
    robustness = {**spec.request.robustness.model_dump(), "claims": [{**SHOWS, **asked}]}
    request = {**spec.request.model_dump(), "prompt": prompt, "robustness": robustness}
    return JobSpec.model_validate({**spec.model_dump(), "request": request})


def test_it_is_the_cosine_that_the_model_itself_gives(folder: Path) -> None:
    encoder, shown = ClipEncoder.load(str(folder)), pictures(3)
    model, text = CLIPModel.from_pretrained(folder).eval(), tiny.tokenizer(folder / "t")("ab ba", return_tensors="pt")
    pixels = CLIPImageProcessorPil.from_pretrained(folder)(
        images=[*map(Image.fromarray, shown)], return_tensors="pt"
    ).pixel_values
    with torch.inference_mode():
        out = model(**text, pixel_values=pixels)
    expected = (out.image_embeds @ out.text_embeds.T)[:, 0].numpy()
    assert np.allclose(encoder.features(shown) @ encoder.text_feature("ab ba"), expected, atol=1e-6)
    assert np.linalg.norm(encoder.text_feature("ab")) == pytest.approx(1)


def test_a_job_is_certified_by_its_own_prompt(served: LoadedModel) -> None:
    assert served.card.scores[0] == "clip_similarity"
    asked = job()
    scores = served.scores(asked)
    result = run_job(
        asked, served.generator, PixelRmse(), batcher=Batcher(16), watch=Silent(), precision="float32", scores=scores
    )
    assert result.certificate is not None
    [claim] = result.certificate["claims"]
    prompt = f"sha256:{hashlib.sha256(b'ab').hexdigest()}"
    assert claim["score"]["options"]["prompt"] == prompt == result.certificate["request"]["prompt_digest"]
    assert claim["score"]["options"]["encoder"].endswith("(local)")
    assert "of the picture to the prompt of digest" in result.certificate["statement"]
    assert (verify(result.certificate).valid, verify(result.certificate).meaning) == (True, "checked")


def test_scores_of_other_prompts_are_others_and_equal_ones_are_kept(served: LoadedModel) -> None:
    [one], [same], [other] = (served.scores(job(prompt)) for prompt in ("ab", "ab", "ba ba"))
    assert one is same
    shown = pictures(4)
    assert not np.allclose(one.values(shown), other.values(shown))
    assert np.array_equal(one.values(shown), np.concatenate([one.values([pixels]) for pixels in shown]))


def test_a_prompt_of_which_it_would_read_the_beginning_is_refused(served: LoadedModel) -> None:
    with pytest.raises(InvalidClaim, match=r"the prompt has 22 tokens and the CLIP model reads 20"):
        served.scores(job("a" * 20))


def test_where_there_is_no_clip_model_the_setting_is_named(tmp_path: Path) -> None:
    plain = LoadedModel(tiny.load(tiny.save(tmp_path)), Encoders(CPU), CPU)
    assert "clip_similarity" not in plain.card.scores
    robustness = Robustness.model_validate({"claims": [SHOWS], "mechanism": "embedding"})
    with pytest.raises(InvalidClaim, match=r"needs a CLIP model at the workers \(SMOOTHGEN_CLIP_MODEL"):
        require_claims(robustness, plain.card)
    with pytest.raises(UnknownName, match="'clip_similarity'"):  # a model of texts
        require_claims(robustness, model_of(TANH).card)
    with pytest.raises(UnknownName, match="'clip_similarity'"):
        output_score(claim_on(name="clip_similarity"), plain)


@pytest.mark.parametrize("what", ["nothing", "vit"])
def test_a_worker_with_another_model_in_its_place_does_not_start(tmp_path: Path, what: str) -> None:
    if what == "vit":
        vit(tmp_path / "clip")
    model = tiny.save(tmp_path / "pipeline")
    settings = CPU.model_copy(update={"clip_model": str(tmp_path / "clip"), "models": [f"tiny={model}"]})
    with pytest.raises(OSError, match="SMOOTHGEN_CLIP_MODEL=") as error:
        load_models(settings)
    assert "\n" not in str(error.value)
    assert what == "nothing" or "a model of type 'vit', not 'clip'" in str(error.value)
