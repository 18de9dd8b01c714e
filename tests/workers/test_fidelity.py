"""Measures of fidelity against closed forms, slower methods and models made small."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from smoothgen.errors import InvalidDistances, InvalidParameters
from tests.support.workers import tiny_diffusion
from workers.evaluation.fidelity.bleu import bleu
from workers.evaluation.fidelity.clip import ClipScore
from workers.evaluation.fidelity.frechet import frechet_distance
from workers.evaluation.fidelity.inception import InceptionFeatures
from workers.evaluation.fidelity.perplexity import Surprise, surprise
from workers.evaluation.fidelity.shares import share_of
from workers.evaluation.fidelity.transport import empirical_w1

RNG = np.random.default_rng(1)


def test_frechet_of_a_moved_cloud_is_the_squared_move():
    cloud = RNG.normal(size=(200, 5))
    assert frechet_distance(cloud, cloud) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(cloud, cloud + np.array([0, 3, 0, 4, 0])) == pytest.approx(25)


def test_frechet_of_gaussians_on_a_line_is_known():
    first, second = np.array([[-1.0], [1.0]]), np.array([[-3.0], [3.0]])
    spread = math.sqrt(2) * (3 - 1)  # standard deviations √2 and 3√2
    assert frechet_distance(first, second) == pytest.approx(spread**2)


def test_frechet_agrees_with_the_matrix_square_root():
    first, second = RNG.normal(size=(50, 4)) @ RNG.normal(size=(4, 4)), RNG.normal(size=(60, 4)) + 0.3
    root = scipy.linalg.sqrtm(np.cov(first.T) @ np.cov(second.T)).real
    slow = np.sum((first.mean(0) - second.mean(0)) ** 2) + np.trace(np.cov(first.T) + np.cov(second.T) - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(slow, rel=1e-9)


def test_frechet_leaves_failed_outputs_out_and_refuses_too_few():
    cloud = RNG.normal(size=(20, 2))
    assert frechet_distance(np.vstack([cloud, [[np.nan, 0]]]), cloud) == pytest.approx(0, abs=1e-9)
    with pytest.raises(InvalidDistances, match="two rows"):
        frechet_distance(cloud[:1], cloud)


def test_w1_on_a_line_is_the_mean_gap_of_sorted_values():
    first, second = RNG.normal(size=(40, 1)), RNG.normal(1, 2, size=(40, 1))
    slow = np.abs(np.sort(first[:, 0]) - np.sort(second[:, 0])).mean()
    assert empirical_w1(first, second, diameter=100, alpha=0.05).value == pytest.approx(slow)


def test_w1_agrees_with_every_assignment():
    first, second = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))
    costs = np.linalg.norm(first[:, None] - second[None], axis=2)
    slow = min(costs[range(6), list(order)].mean() for order in itertools.permutations(range(6)))
    assert empirical_w1(first, second, diameter=100, alpha=0.05).value == pytest.approx(slow)


def test_failed_outputs_lie_at_the_diameter():
    first, second = np.zeros((4, 1)), np.array([[0.0], [0.0], [0.0], [np.nan]])
    assert empirical_w1(first, second, diameter=2.0, alpha=0.05).value == pytest.approx(0.5)


def test_the_upper_bound_on_w1_is_seldom_below_the_truth_and_shrinks():
    """Uniform laws on [0, 1] and on [0.2, 1.2] have W₁ 0.2; at alpha = 0.2 a false bound may come in a fifth."""
    rng = np.random.default_rng(7)
    draws = [(rng.uniform(size=(30, 1)), 0.2 + rng.uniform(size=(30, 1))) for _ in range(200)]
    highs = [empirical_w1(a, b, diameter=1.2, alpha=0.2).high for a, b in draws]
    assert np.mean(np.array(highs) < 0.2) < 0.2
    large = empirical_w1(rng.uniform(size=(800, 1)), 0.2 + rng.uniform(size=(800, 1)), diameter=1.2, alpha=0.2)
    assert 0.2 < large.high < 0.3
    assert large.floor < 0.1


def test_w1_needs_rows():
    with pytest.raises(InvalidDistances, match="shapes"):
        empirical_w1(np.zeros((1, 2)), np.zeros((5, 2)), diameter=1, alpha=0.05)


def test_shares_have_an_exact_interval():
    found = share_of(10, 10, 0.05)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 10), rel=1e-9)


def test_bleu_is_100_for_a_reference_and_knows_several():
    text = "the cat sat on the mat"
    assert bleu([text], [[text]]) == pytest.approx(100)
    assert bleu([text, "a dog"], [["no such words here at all", text], ["a dog"]]) == pytest.approx(100)
    assert bleu(["Paris"], [["Paris"]]) == pytest.approx(100)
    assert bleu([text], [["quite another sentence"]]) < 5
    with pytest.raises(InvalidParameters, match="reference"):
        bleu([text], [[]])


class Bigrams(torch.nn.Module):
    """A language model whose next token depends on the last one alone, with known probabilities."""

    device = "cpu"

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.randn(10, 10, generator=torch.Generator().manual_seed(0)).log_softmax(-1)

    def forward(self, input_ids, attention_mask):
        assert attention_mask.shape == input_ids.shape
        return type("Output", (), {"logits": self.table[input_ids]})


def digits(text, add_special_tokens=True):
    return {"input_ids": [int(letter) for letter in text]}


def test_surprise_is_the_sum_of_what_the_model_says_of_each_token():
    model = Bigrams()
    t = model.table
    by_hand = -float(2 * (t[2, 5] + t[5, 7]) + t[2, 3])
    found = surprise(model, digits, "12", ["57", "3", "57", ""])
    assert found.tokens == 5
    assert found.nats == pytest.approx(by_hand, rel=1e-6)
    assert found.perplexity == pytest.approx(math.exp(by_hand / 5), rel=1e-6)
    assert (found + Surprise(1.0, 2)).tokens == 7
    assert Surprise().perplexity is None


class Scripted(torch.nn.Module):
    """Stands in for Inception's file: the same call, the mean colour as features."""

    def forward(self, pictures: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        return pictures.float().mean(dim=(2, 3)) if return_features else pictures.float()


def test_inception_is_called_as_its_file_is(tmp_path: Path):
    torch.jit.script(Scripted()).save(str(tmp_path / "inception.pt"))
    pictures = [*RNG.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)]
    found = InceptionFeatures(tmp_path / "inception.pt").features(pictures)
    np.testing.assert_allclose(found, np.stack(pictures).mean(axis=(1, 2)), rtol=1e-5)


def test_files_that_are_no_inception_are_refused(tmp_path: Path):
    (tmp_path / "a.pt").write_bytes(b"no TorchScript")
    with pytest.raises(InvalidParameters, match=r"a\.pt is no TorchScript"):
        InceptionFeatures(tmp_path / "a.pt")
    torch.jit.script(torch.nn.ReLU()).save(str(tmp_path / "b.pt"))
    with pytest.raises(InvalidParameters, match=r"b\.pt cannot be called"):
        InceptionFeatures(tmp_path / "b.pt").features([np.zeros((4, 4, 3), dtype=np.uint8)])


def clip(folder: Path) -> CLIPModel:
    torch.manual_seed(0)
    words = tiny_diffusion.tokenizer(folder)
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**tower, "vocab_size": len(words), "max_position_embeddings": 77, "eos_token_id": words.eos_token_id}
    sight = {**tower, "image_size": 16, "patch_size": 8}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=sight, projection_dim=12)).eval()
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    size = {"height": 16, "width": 16}
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size=size).save_pretrained(folder)
    return model


def test_clip_scores_are_cosines_of_the_models_own_towers(tmp_path: Path):
    model = clip(tmp_path)
    pictures = [*RNG.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)]
    words = tiny_diffusion.tokenizer(tmp_path / "again")(["ab b"], return_tensors="pt")
    pixels = CLIPImageProcessorPil.from_pretrained(tmp_path)(images=pictures, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**words, pixel_values=pixels["pixel_values"]).logits_per_image[:, 0] / model.logit_scale.exp()
    by_hand = 100 * logits.clamp(min=0).numpy()
    np.testing.assert_allclose(ClipScore(str(tmp_path)).scores("ab b", pictures), by_hand, rtol=1e-4, atol=1e-5)


def test_a_clip_model_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(OSError, match="cannot be loaded"):
        ClipScore(str(tmp_path / "none"))
