"""Embeddings in the prompt's place over real HTTP, with a real worker: read, certified, and refused with field and
remedy."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smoothgen import verify
from smoothgen.queue import keys
from tests.support.processes import Gateway, Lab
from tests.support.workers import tiny

MODEL, WIDTH = "tiny-llama", 32


def packed(embeddings: NDArray[np.float32]) -> dict[str, Any]:
    return {"shape": [*embeddings.shape], "data": base64.b64encode(embeddings.astype("<f4").tobytes()).decode()}


def rows(prompt: str) -> NDArray[np.float32]:
    """What an embedding service sends for a prompt."""
    table = tiny.llama().get_input_embeddings().weight.detach().numpy()
    return np.asarray(table[tiny.tokenizer()(prompt)["input_ids"]], dtype=np.float32)


def body(embeds: Any, prompt: str = "a label", **robustness: Any) -> dict[str, Any]:
    parameters = {"max_new_tokens": 5} | ({} if embeds is None else {"prompt_embeds": embeds})
    asked = {"mechanism": "tokens", "metric": {"name": "edit"}, "tolerance": 0.9, "samples": 8} | robustness
    return {"model": MODEL, "prompt": prompt, "parameters": parameters, "robustness": asked}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Gateway]]:
    folder = tiny.save(tiny.llama(), tmp_path_factory.mktemp("llama"))
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        gateway, _ = lab.gateway(), lab.worker(f"{MODEL}={folder}")
        yield lab, gateway
    finally:
        lab.close()


def test_a_prompts_embeddings_get_the_prompts_certificate(stack: tuple[Lab, Gateway]) -> None:
    lab, gateway = stack
    wait = {"prefer": "wait=60"}
    prompt, sent = "The capital of France", packed(rows("The capital of France"))
    as_text, as_embeds = (
        gateway.http.post("/generate", json=one, headers=wait).json() for one in (body(None, prompt), body(sent))
    )
    assert as_embeds["status"] == "succeeded", as_embeds
    assert as_embeds["output"]["text"] == as_text["output"]["text"]
    ours, theirs = as_embeds["certificate"], as_text["certificate"]
    assert ours["evidence"] == theirs["evidence"]
    assert ours["threat"] == theirs["threat"] | {"attack_on": "token embeddings sent in place of the prompt"}
    recorded = ours["request"]["parameters"]["prompt_embeds"]
    assert recorded["shape"] == sent["shape"]
    assert recorded["data"].startswith("sha256:")
    assert verify(ours).valid
    assert sent["data"] not in str(lab.redis.client.get(keys.asked(as_embeds["id"])))
    # Nothing is kept that prompts could be compared with, and nobody is told that they lie inside.
    covers = gateway.http.post(f"/certificates/{as_embeds['id']}/covers", json={"prompts": [prompt]})
    assert covers.status_code == 422, covers.text


def not_finite() -> dict[str, Any]:
    embeddings = np.zeros((3, WIDTH), dtype=np.float32)
    embeddings[2, 5] = np.nan
    return packed(embeddings)


GOOD = packed(np.zeros((3, WIDTH), dtype=np.float32))


@pytest.mark.parametrize(
    ("embeds", "robustness", "pointer", "words"),
    [
        (
            GOOD | {"shape": [4, WIDTH]},
            {},
            "/data",
            "shape [4, 32] takes 512 bytes of float32, and the base64 holds 384",
        ),
        (GOOD | {"shape": [3]}, {}, "/shape", "shape=[3] is not [tokens, width]"),
        (GOOD | {"shape": [3, WIDTH, 1]}, {}, "/shape", "is not [tokens, width]; send these two numbers in a list"),
        (GOOD | {"shape": "3x32"}, {}, "/shape", "is not [tokens, width]"),
        (GOOD | {"shape": [0, WIDTH]}, {}, "/shape/0", "greater than or equal to 1"),
        (GOOD | {"shape": [-3, -WIDTH]}, {}, "/shape/0", "greater than or equal to 1"),
        (GOOD | {"shape": [10**30, WIDTH]}, {}, "/shape/0", "less than or equal to"),
        (GOOD | {"shape": ["3", WIDTH]}, {}, "/shape/0", "integer"),
        (
            GOOD | {"data": "no base64 at all!"},
            {},
            "/data",
            "send the bytes of little-endian float32 numbers as base64",
        ),
        (GOOD | {"data": ""}, {}, "/data", "the base64 holds 0"),
        (GOOD | {"data": 7}, {}, "/data", "string"),
        (GOOD | {"data": "sha256:" + "0" * 64}, {}, "/data", "is the digest of embeddings and not the embeddings"),
        (GOOD | {"colour": "red"}, {}, "/colour", "unknown field 'colour'"),
        ({"data": GOOD["data"]}, {}, "/shape", "required"),
        ("embeddings", {}, "", "dict"),
        (not_finite(), {}, "/data", "the embedding of token 2 holds nan at place 5; send finite numbers"),
        (GOOD, {"mechanism": "embedding"}, "", "use mechanism 'tokens', or leave prompt_embeds out"),
        (
            packed(np.zeros((3, 31), dtype=np.float32)),
            {},
            "/shape",
            "send embeddings of this model, of shape [tokens, 32]",
        ),
        (packed(np.zeros((124, WIDTH), dtype=np.float32)), {}, "/shape", "shorten the prompt or lower max_new_tokens"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_embeddings_are_refused_with_field_and_remedy(
    stack: tuple[Lab, Gateway], embeds: Any, robustness: dict[str, Any], pointer: str, words: str
) -> None:
    _, gateway = stack
    sent = body(embeds, **robustness)
    answer = gateway.http.post("/generate", json=sent, headers={"prefer": "wait=60"})
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert words in problem["detail"]
    pointers = [error["pointer"] for error in problem["errors"]]
    assert any(p.startswith(f"/parameters/prompt_embeds{pointer}") for p in pointers), pointers
    assert len(answer.text) < 2_000


def test_the_longest_prompt_that_fits_is_taken(stack: tuple[Lab, Gateway]) -> None:
    _, gateway = stack
    sent = body(packed(np.zeros((tiny.LONGEST - 5, WIDTH), dtype=np.float32)))
    answer = gateway.http.post("/generate", json=sent, headers={"prefer": "wait=60"})
    assert answer.status_code == 200, answer.text
    assert [note["code"] for note in answer.json()["notes"]][:1] == ["embeddings_snapped"]
