"""A row of a batch is judged by its own tokens: cut at its own end, failed by its own logits, spelt in full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from scipy.stats import binom
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import ByT5Tokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from smoothgen.contracts import TextParameters
from tests.support.workers import tiny
from tests.support.workers.jobs import ON_EMBEDDING, run, spec
from tests.support.workers.tiny_tokenizers import served, spoken
from workers.distances.edit import Edit
from workers.generators import Failure, Made, Text
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.decoding import end_tokens

END, LINE = 1, 3
WORDS = {"z": 0, "<end>": END, "a": 2, "b": LINE, "c": 4, "<turn>": 5, "<stop>": 6, "f": 7}
LONG = 6
"""Tokens a row says that does not end at once."""
Script = Callable[[float, int], Sequence[float] | None]


class Scripted(LlamaForCausalLM):
    """A network whose logits at every step are a function of its row's first noisy number alone."""

    script: Script

    def forward(self, input_ids: Any = None, inputs_embeds: Any = None, **others: Any) -> Any:
        out = super().forward(input_ids=input_ids, inputs_embeds=inputs_embeds, **others)
        if inputs_embeds is not None:
            self.numbers, self.step = inputs_embeds[:, 0, 0].tolist(), 0
        logits = torch.full_like(out.logits, -10.0)
        for row, number in enumerate(self.numbers):
            logits[row, -1] = torch.tensor(self.script(number, self.step))
        self.step += 1
        out.logits = logits
        return out


def saying(token: int) -> list[float]:
    return [10.0 if t == token else -10.0 for t in range(len(WORDS))]


NAN = [float("nan")] * len(WORDS)


def tokenizer(special: Sequence[str] = (), **named: str) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel(WORDS, unk_token="z"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, additional_special_tokens=list(special), **named)


def scripted(script: Script, words: PreTrainedTokenizerBase | None = None, ends: Any = END) -> LanguageModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = Scripted(LlamaConfig(vocab_size=len(WORDS), max_position_embeddings=64, **sizes))
    model.script = script
    return spoken(model, tokenizer(eos_token="<end>") if words is None else words, ends)


def made(model: LanguageModel, numbers: Sequence[float], max_new_tokens: int = 10) -> list[Made | Failure]:
    """What rows say whose first noisy number is each of these."""
    asked = TextParameters(max_new_tokens=max_new_tokens)
    condition = model.condition("a b", asked, ON_EMBEDDING)
    noise = np.zeros((len(numbers), *condition.embedding.shape))
    noise[:, 0, 0] = np.array(numbers) - condition.embedding[0, 0]
    return model.generate(condition, noise, [], asked)


def breaks_after_its_end(number: float, step: int) -> list[float]:
    """Below 2.576 a row ends at once; fed three more steps of padding, its logits are NaN, as those of a half-precision
    model on a context it never saw. Above, it speaks."""
    if number >= 2.576:
        return saying(LINE if step < LONG else END)
    return NAN if step >= 3 else saying(END)


def test_logits_after_a_rows_own_end_are_nobodys():
    model = scripted(breaks_after_its_end)
    assert made(model, [-1.0]) == [Text("")]
    assert made(model, [-1.0, 3.0, -2.0]) == [Text(""), Text("b b b b b b"), Text("")]


@pytest.mark.parametrize("step", [0, 2, LONG])
def test_a_nan_that_a_row_uses_is_its_failure_and_no_others(step: int):
    def script(number: float, at: int) -> list[float]:
        if number > 0 and at == step:
            return NAN
        return saying(END if at >= LONG else LINE)

    one, other = made(scripted(script), [1.0, -1.0])
    assert isinstance(one, Failure)
    assert other == Text("b b b b b b")


def test_the_logits_that_chose_the_end_are_the_rows_own():
    # argmax of infinities and NaN picks some token; where it picks the end, nothing was really said.
    broken = [*saying(END)[:END], float("inf"), *saying(END)[END + 1 :]]
    [output] = made(scripted(lambda number, step: broken if step else saying(LINE)), [0.0])
    assert isinstance(output, Failure)


@pytest.mark.parametrize("named", [{}, {"pad_token": "z"}, {"eos_token": "<end>"}])
def test_padding_is_never_text(named: dict[str, str]):
    lengths = {0.5: 1, 1.5: 4, 2.5: 9}
    model = scripted(lambda n, step: saying(END if step >= lengths[round(n, 1)] else LINE), tokenizer(**named))
    expected = [Text(" ".join("b" * lengths[n])) for n in lengths]
    assert made(model, list(lengths), max_new_tokens=12) == expected
    assert [made(model, [n], max_new_tokens=12) for n in lengths] == [[text] for text in expected]


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_texts_do_not_depend_on_the_batch_size(temperature: float):
    words = tiny.tokenizer(None)
    words.eos_token = words.pad_token = None
    model = served(words, ends=[5, 40, 100, 200, 250, 300])
    job = spec("a cat", sigma=0.3, metric="edit", samples=64, selection_samples=4, randomness="fresh",
               parameters={"max_new_tokens": 16, "temperature": temperature})  # fmt: skip
    certificates = [run(job, model, batch_size=size).certificate for size in (64, 7, 1)]
    assert certificates[0] is not None
    assert certificates[0]["evidence"] == certificates[1]["evidence"] == certificates[2]["evidence"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("generation", "own", "token", "ends"),
    [
        (END, "<stop>", END, True),
        (END, "<stop>", WORDS["<stop>"], True),
        ([WORDS["<turn>"], END], "<stop>", WORDS["<turn>"], True),
        (None, "<stop>", WORDS["<stop>"], True),
        (None, None, END, False),
    ],
)
def test_an_answer_stops_at_either_end(generation: Any, own: str | None, token: int, ends: bool):
    words = tokenizer(**({} if own is None else {"eos_token": own}))
    [text] = made(scripted(lambda n, step: saying(LINE if step < 2 else token), words, generation), [0.0], 6)
    assert isinstance(text, Text)
    assert text.ended == ends
    assert text.text == ("b b" if ends else "b b <end> <end> <end> <end>")


def test_end_tokens_are_one_set():
    assert end_tokens(2, [3, 2], None, 7) == (2, 3, 7)
    assert end_tokens(None, None) == ()


def test_special_tokens_inside_an_answer_stay_in_it():
    words = tokenizer(["<turn>"], eos_token="<end>")
    says = {True: [LINE, WORDS["<turn>"], WORDS["c"], END], False: [LINE, WORDS["c"], END, END]}
    texts = made(scripted(lambda n, step: saying(says[n > 0][min(step, 3)]), words), [1.0, -1.0])
    assert texts == [Text("b <turn> c"), Text("b c")]
    metric = Edit()
    contents = [text.content for text in texts if isinstance(text, Text)]
    assert metric.distances(contents, metric.choose_centre(contents[1:])).tolist()[0] > 0


def test_ids_that_the_tokenizer_does_not_know_are_spelt_by_their_numbers():
    words = tiny.tokenizer(None)
    model = served(words, vocab_size=len(words) + 40)
    condition = model.condition("a cat", TextParameters(max_new_tokens=16), ON_EMBEDDING)
    noise = np.random.default_rng(0).normal(0, 0.5, (64, *condition.embedding.shape))
    texts = [
        o.text for o in model.generate(condition, noise, [], TextParameters(max_new_tokens=16)) if isinstance(o, Text)
    ]
    assert len(texts) == 64
    assert any(f"<unknown token {len(words) + k}>" in text for text in texts for k in range(40))


def test_a_word_before_a_mark_is_not_cleaned_up():
    words = Tokenizer(models.WordLevel({"z": 0, "do": 1, "n't": 2, "don't": 3, ".": 4}, unk_token="z"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=words, clean_up_tokenization_spaces=True)
    model = served(wrapped)
    assert model._decoder._text([1, 2, 4]) != model._decoder._text([3, 4])


def test_a_tokenizer_without_a_backend_is_decoded_alike():
    words = ByT5Tokenizer()
    model = served(words, ends=1)
    ids = words("a cat", add_special_tokens=False)["input_ids"]
    assert model._decoder._text(ids) == "a cat"


@pytest.mark.parametrize(("alpha", "kept"), [(0.05, 0.93), (0.001, 0.88)])
def test_certificates_of_rows_in_batches_hold(alpha: float, kept: float):
    """Were an ended row's padding judged, one long row in a batch would fail all the others: samples would be dependent
    in blocks, and most certificates false."""
    jobs, first_line = 40, {"name": "label", "extract": {"kind": "first_line"}}
    model = scripted(breaks_after_its_end)
    job = spec("a b", sigma=1.0, samples=128, selection_samples=1, confidence=1 - alpha, metric=first_line,
               parameters={"max_new_tokens": 10})  # fmt: skip
    x = float(model.condition("a b", job.parameters, ON_EMBEDDING).embedding[0, 0])
    rng, same = np.random.default_rng(0), []
    for _ in range(60):
        same += [output == Text("") for output in made(model, (x + rng.normal(0, 1, 64)).tolist())]
    law, error = np.mean(same), np.std(same) / np.sqrt(len(same))
    stated = []
    for number in range(jobs):
        certificate = run(job.model_copy(update={"seed": f"{number + 1:032x}"}), model, batch_size=64).certificate
        assert certificate is not None
        stated.append(certificate["stays"][0][1])
    false = sum(keeps > law + 4 * error for keeps in stated)
    assert false <= binom.isf(1e-6, jobs, alpha)
    assert abs(law - ndtr(2.576 - x)) < 4 * error  # what a row alone does
    assert np.median(stated) > kept  # a certificate that states nothing would hold too
