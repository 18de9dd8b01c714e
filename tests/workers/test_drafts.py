"""Decoding with drafts gives what decoding without gives, whatever was seen before and what else is in the batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from smoothgen.contracts import TextParameters
from smoothgen.noise import Seed, Stream
from tests.support.workers import tiny, tiny_decoders
from tests.support.workers.settings import CPU
from workers.generators import Draw, Generator, Smoothing
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.drafts.choosing import can_be_checked
from workers.generators.language.drafts.job_drafts import JobDrafts, Measured
from workers.generators.language.drafts.measuring import _FAMILIES, job_drafts
from workers.generators.language.drafts.policy import worthwhile
from workers.generators.language.drafts.prefix_tree import Draft, PrefixTree
from workers.generators.language.loading import load_language_model
from workers.generators.outputs import Failure, Made, Text
from workers.serving.metrics import NetworkPasses

PROMPT = "The capital of France is"
SEED = Seed(7, "client")
COMMON = Draw(SEED, Stream.GENERATOR_COMMON, 0)
ALWAYS = 1e12
"""An overhead at which nearly every token of a draft is worth checking."""

GREEDY = {"max_new_tokens": 12}
PARAMETERS = [
    GREEDY,
    {**GREEDY, "temperature": 0.7},
    {**GREEDY, "temperature": 0.002},
    {**GREEDY, "stop": ["a", "e"]},
    {**GREEDY, "chat": True},
    {**GREEDY, "chat": True, "history": [{"role": "user", "content": "One."}, {"role": "assistant", "content": "2"}]},
    {**GREEDY, "temperature": 0.7, "top_k": 5},
    {**GREEDY, "temperature": 0.7, "top_p": 0.8},
    {"max_new_tokens": 1},
]


def noisy(model: LanguageModel, count: int, sigma: float, given: TextParameters, prompt: str = PROMPT) -> torch.Tensor:
    """Returns what the network receives for the first samples of a job."""
    condition = model.condition(prompt, given, Smoothing("embedding", sigma, COMMON))
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(count), condition.embedding.shape)
    return model.inputs(condition, noise)


def forget(model: LanguageModel, overhead: float = ALWAYS) -> None:
    """Gives the model drafts with nothing seen."""
    assert model.drafts is not None
    model.drafts = JobDrafts(model.network, Measured(model.drafts.measured.rounding, overhead))


def one_by_one(
    model: LanguageModel, rows: torch.Tensor, draws: Sequence[Draw], given: TextParameters
) -> list[Made | Failure]:
    """Returns what transformers' `generate` says of each row alone."""
    with torch.inference_mode():
        made = [model._step_by_step(rows[k : k + 1], draws[k : k + 1], given) for k in range(len(rows))]
    return [output for [output] in made]


def left_the_first(outputs: Sequence[Made | Failure]) -> float:
    """Returns the share of outputs that are not the most frequent one."""
    texts = [output.content for output in outputs if isinstance(output, Text)]
    return 1 - max(texts.count(text) for text in set(texts)) / len(outputs)


class Passes:
    """Counts the passes of a network."""

    def __init__(self, model: LanguageModel) -> None:
        self.count = 0
        model.network.register_forward_hook(self._one_more)

    def _one_more(self, *_: object) -> None:
        self.count += 1


@pytest.mark.parametrize("asked", PARAMETERS, ids=str)
def test_every_parameter_gives_what_each_row_says_alone(llama: LanguageModel, asked: dict[str, object]):
    given, draws = TextParameters.model_validate(asked), [COMMON] * 24
    rows = noisy(llama, 24, 0.3, given)
    forget(llama)
    alone = one_by_one(llama, rows, draws, given)
    assert llama.continued(rows, draws, given) == alone
    assert llama.continued(rows, draws, given) == alone  # with all of them as drafts
    assert given.max_new_tokens == 1 or left_the_first(alone) >= 0.3


@pytest.mark.parametrize("family", _FAMILIES)
def test_every_family_gives_what_each_row_says_alone(family: str, tmp_path: Path):
    network = tiny_decoders.build(family)
    network.config.sliding_window = None
    folder = tiny.save(network, tmp_path)
    model = load_language_model(family, str(folder), CPU)
    assert model.drafts is not None
    given, draws = TextParameters(max_new_tokens=12), [COMMON] * 40
    rows = noisy(model, 40, 10 * model.default_sigma, given)
    forget(model)
    alone = one_by_one(model, rows, draws, given)
    assert [*model.continued(rows[:20], draws[:20], given), *model.continued(rows[20:], draws[20:], given)] == alone
    assert left_the_first(alone) >= 0.3


def test_an_output_depends_on_neither_batch_nor_drafts(llama: LanguageModel):
    given, draws = TextParameters.model_validate(GREEDY), [COMMON] * 16
    rows = noisy(llama, 16, 0.3, given)
    forget(llama)
    together = llama.continued(rows, draws, given)
    backwards = llama.continued(rows.flip(0), draws, given)
    assert backwards[::-1] == together
    others = noisy(llama, 16, 3.0, given)
    forget(llama)
    llama.continued(others, draws, given)  # other drafts
    assert llama.continued(rows[5:6], draws[:1], given) == together[5:6]
    assert llama.continued(torch.cat([others[:3], rows[5:6]]), draws[:4], given)[3] == together[5]


def test_rows_of_several_jobs_share_a_batch(llama: LanguageModel):
    other = Draw(Seed(8, "client"), Stream.GENERATOR_COMMON, 0)
    given, draws = TextParameters(max_new_tokens=12, temperature=0.7), [COMMON, other] * 6
    rows = noisy(llama, 12, 0.3, given)
    forget(llama)
    alone = one_by_one(llama, rows, draws, given)
    assert llama.continued(rows, draws, given) == alone
    assert llama.continued(rows, draws, given) == alone


def test_what_was_seen_is_checked_in_one_pass(llama: LanguageModel):
    given, draws = TextParameters.model_validate(GREEDY), [COMMON] * 8
    rows = noisy(llama, 1, 0.3, given).expand(8, -1, -1)
    forget(llama)
    passes = Passes(llama)
    [said, *_] = llama.continued(rows, draws, given)
    assert isinstance(said, Text)
    assert passes.count == said.tokens
    llama.continued(rows, draws, given)
    assert passes.count == said.tokens + 1


def test_a_worker_counts_the_passes_of_its_models(llama: LanguageModel):
    given = TextParameters(max_new_tokens=3, temperature=0.7, top_k=5)  # step by step
    before = llama.passes
    llama.continued(noisy(llama, 2, 0.3, given), [COMMON] * 2, given)
    [family] = NetworkPasses({"tiny": llama}).collect()
    [sample] = family.samples
    assert (sample.name, sample.labels) == ("smoothgen_network_passes_total", {"model": "tiny"})
    assert sample.value == llama.passes == before + 3


def test_a_near_tie_is_decoded_alone(llama: LanguageModel):
    given, draws = TextParameters.model_validate(GREEDY), [COMMON] * 8
    rows = noisy(llama, 8, 0.3, given)
    llama.drafts = JobDrafts(llama.network, Measured(rounding=1e6, overhead=ALWAYS))  # every choice is near a tie
    passes = Passes(llama)
    alone = one_by_one(llama, rows, draws, given)
    plain = passes.count
    assert llama.continued(rows, draws, given) == alone
    assert passes.count == 2 * plain + 1


def test_logits_that_are_not_finite_fail_their_row_alone(llama: LanguageModel):
    given, draws = TextParameters.model_validate(GREEDY), [COMMON] * 4
    rows = noisy(llama, 4, 0.3, given).clone()
    forget(llama)
    whole = llama.continued(rows, draws, given)
    rows[2] = float("nan")
    made = llama.continued(rows, draws, given)
    assert isinstance(made[2], Failure)
    assert [made[k] for k in (0, 1, 3)] == [whole[k] for k in (0, 1, 3)]


def test_networks_whose_drafts_were_not_tried_have_none():
    x = torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(0))
    for network in (
        tiny.llama().to(torch.bfloat16),
        tiny_decoders.build("bloom"),
        tiny_decoders.build("mamba"),
        tiny_decoders.build("mistral", sliding_window=8),
        tiny_decoders.build("llama", rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}),
    ):
        assert job_drafts(network.eval(), x.to(network.dtype)) is None


def test_a_network_that_a_draft_moves_has_none():
    class ByPlace(type(tiny.llama())):  # type: ignore[misc]
        """A Llama that reads how many places its cache has, in which the drafts leave gaps."""

        def forward(self, input_ids=None, inputs_embeds=None, past_key_values=None, **named):
            x = self.model.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
            held = 0 if past_key_values is None else past_key_values.get_seq_length()
            return super().forward(inputs_embeds=x * (1 + 0.1 * held), past_key_values=past_key_values, **named)

    network = ByPlace(tiny.llama().config).eval()
    network.load_state_dict(tiny.llama().state_dict())
    assert job_drafts(network, torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(0))) is None


def test_samples_with_numbers_of_their_own_are_drawn_step_by_step():
    own = [Draw(SEED, Stream.GENERATOR, index) for index in range(2)]
    assert can_be_checked(TextParameters(), own, 2)
    assert not can_be_checked(TextParameters(), own, 3)  # nobody knows whose drafts the third row has
    assert can_be_checked(TextParameters(temperature=0.5, top_p=1), [COMMON], 1)
    assert not can_be_checked(TextParameters(temperature=0.5), own, 2)
    assert not can_be_checked(TextParameters(temperature=1e-4), [COMMON], 1)
    assert not can_be_checked(TextParameters(temperature=0.5, top_k=2), [COMMON], 1)
    assert not can_be_checked(TextParameters(temperature=0.5, top_p=0.9), [COMMON], 1)


def test_a_tree_follows_the_most_frequent_way_and_says_how_many_agree():
    tree = PrefixTree()
    for output in ([1, 2, 3], [1, 2, 4], [1, 2, 4], [5]):
        tree.add(output)
    assert tree.after([], 9) == Draft((1, 2, 4), (0.75, 0.75, 0.5))
    assert tree.after([1, 2], 9) == Draft((4,), (2 / 3,))
    assert tree.after([], 2) == Draft((1, 2), (0.75, 0.75))
    assert tree.after([1, 2, 3], 9) == tree.after([9], 9) == Draft()


def test_an_output_that_left_the_tree_goes_on_as_another_did_after_the_same_two_tokens():
    tree = PrefixTree()
    tree.add([1, 2, 3, 4, 5])
    assert tree.after([9, 3, 4], 9) == Draft((5,), (0.5,))
    assert tree.after([9, 9, 2, 3], 1) == Draft((4,), (0.5,))
    assert tree.after([9, 4, 3], 9) == tree.after([4], 9) == Draft()


def test_a_tree_takes_no_more_than_it_may_hold():
    tree = PrefixTree()
    for start in range(3):
        tree.add(range(10_000 * start, 10_000 * start + 4096))
    assert len(tree.after([], 10_000).tokens) == 2048
    assert tree.after([], 1).agreement == (1 / 3,)


def test_a_token_is_checked_where_enough_rows_are_likely_to_keep_it():
    half = Draft((1, 2, 3), (1.0, 0.5, 0.1))

    def width(rows: int, overhead: float) -> int:
        return worthwhile([half] * rows, overhead=overhead, vocabulary=100)

    assert [width(1, overhead) for overhead in (0, 1.9, 2.1, 89, 91)] == [1, 1, 2, 2, 3]
    assert [width(8, overhead) for overhead in (2047, 2049)] == [1, 2]  # that all of eight keep a token is unlikely
    assert worthwhile([half, Draft()], overhead=1e9, vocabulary=100) == 0  # the pass will not be saved
    assert worthwhile([Draft()], overhead=100, vocabulary=100) == 0
    same = [Draft((1, 2, 3), (1.0, 1.0, 1.0))] * 64
    assert worthwhile(same, overhead=9, vocabulary=100) == 3
    assert worthwhile(same, overhead=9, vocabulary=2**19) == 1  # more logits would not fit
    assert worthwhile(same, overhead=9, vocabulary=2**24) == 0


def test_smollm2_gives_what_each_row_says_alone(smollm2: Generator):
    assert isinstance(smollm2, LanguageModel)
    given, draws = TextParameters(max_new_tokens=10), [COMMON] * 24
    rows = noisy(smollm2, 24, 0.05, given, prompt="The main cause of the accident was")
    forget(smollm2)
    passes = Passes(smollm2)
    made = [*smollm2.continued(rows[:8], draws[:8], given), *smollm2.continued(rows[8:], draws[8:], given)]
    with_drafts = passes.count
    assert left_the_first(made) >= 0.3
    with torch.inference_mode():
        plain = [*smollm2._step_by_step(rows[:8], draws[:8], given), *smollm2._step_by_step(rows[8:], draws[8:], given)]
    assert made == plain
    assert with_drafts < passes.count - with_drafts
    again = smollm2.continued(rows[3:5].flip(0), draws[:2], given)  # a retry, with all drafts at hand
    assert again == [made[4], made[3]]
