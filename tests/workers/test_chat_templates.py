"""A chat template is followed token by token, or refused with the reason; it is rendered once and goes with the job."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from smoothgen.contracts import JobSpec, Parameters, Selection, Template, TextParameters
from smoothgen.errors import InvalidInput, InvalidParameters
from tests.support.workers import tiny
from tests.support.workers.jobs import ON_EMBEDDING, Recorded, run, spec
from tests.support.workers.tiny_tokenizers import byte_level, metaspace, served
from tests.workers.test_adapt import adaptive
from tests.workers.test_conditioning import seen_by
from tests.workers.test_executor import chunk_of, executor_of, numbered, run_state_of, selection_of
from workers.generators import Condition, Generator, Smoothing
from workers.generators.closed_form import ClosedForm
from workers.generators.language.adapter import LanguageModel
from workers.jobs.comparison import Embedding
from workers.jobs.outcomes import Measured, Refused
from workers.jobs.sampling import condition_of
from workers.jobs.selection import Selected

CHAT = TextParameters(max_new_tokens=3, chat=True)
MISTRAL = "{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% endfor %}"
LLAMA_2 = "{{ bos_token }}{% for m in messages %}{{ '[Q] ' + m['content'] | trim + ' [/Q]' }}{% endfor %}"
ZEPHYR = "{% for m in messages %}{{ '<|user|>\n' + m['content'] + '</s>\n<|assistant|>\n' }}{% endfor %}"
WORDS = "{% for m in messages %}User: {{ m['content'] }}\nAssistant:{% endfor %}"
PROMPTS = ["Hello there", "a cat", "7 cats (or 8?)", "The capital of France is\nParis.", "é à ü"]


def real_ids(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    """As the model's own users have them."""
    messages = [{"role": "user", "content": prompt}]
    ids: list[int] = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    return ids


def served_ids(model: LanguageModel, condition: Condition) -> list[int]:
    """What the network is given without noise, read back from the table of embeddings (the prompt is on a grid)."""
    with seen_by(model) as calls:
        model.generate(condition, 0 * condition.embedding[None], [], TextParameters(max_new_tokens=1, chat=True))
    table = model.network.get_input_embeddings().weight.detach().numpy()
    given = calls[0]["inputs_embeds"][0].numpy()
    apart = np.abs(table[:, None] - given[None]).max(axis=2)
    assert (apart.min(axis=0) < 1e-4).all()
    return [int(token) for token in apart.argmin(axis=0)]


TOKENIZERS = {
    "Mistral's, space set before every text": metaspace("always", MISTRAL),
    "Mistral's, space set before the first text": metaspace("first", MISTRAL),
    "Zephyr's, space set before every text": metaspace("always", ZEPHYR),
    "Zephyr's, space set before the first text": metaspace("first", ZEPHYR),
    "Zephyr's, no space set": metaspace("never", ZEPHYR),
    "Llama-2's own, with special marks": metaspace("legacy", MISTRAL),
    "Llama-2's own, with marks in letters": metaspace("legacy", LLAMA_2),
    "Mistral's, with marks in letters": metaspace("first", LLAMA_2),
    "Zephyr's, by Llama-2's own": metaspace("legacy", ZEPHYR),
    "ChatML in bytes": byte_level(tiny.CHAT_TEMPLATE),
    "a space before the prompt, in bytes": byte_level(WORDS),
    "trimmed, in bytes": byte_level(WORDS.replace("m['content']", "m['content'] | trim")),
}


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_network_reads_the_ids_of_the_real_rendering(kind: str, prompt: str):
    tokenizer = TOKENIZERS[kind]
    model = served(tokenizer)
    condition = model.condition(prompt, CHAT, ON_EMBEDDING)
    assert served_ids(model, condition) == real_ids(tokenizer, prompt)
    assert condition.template is not None
    framed = len(condition.template.before) + len(condition.template.after)
    assert condition.held_fixed[0] == f"token count ({len(real_ids(tokenizer, prompt)) - framed})"


@pytest.mark.parametrize("prompt", [" Hello there", "a cat \n"])
def test_a_template_that_trims_is_followed(prompt: str):
    tokenizer = TOKENIZERS["trimmed, in bytes"]
    model = served(tokenizer)
    assert served_ids(model, model.condition(prompt, CHAT, ON_EMBEDDING)) == real_ids(tokenizer, prompt)


def one(content: str) -> str:
    return "{% for m in messages %}" + content + "{% endfor %}"


UNFOLLOWED = {
    "counts": (one("({{ m['content'] | length }} characters) {{ m['content'] }}\n"), "Hello there"),
    "counts, a prompt as long as the neutral one": (
        one("({{ m['content'] | length }} characters) {{ m['content'] }}\n"),
        "x" * len("@@smoothgen-prompt@@"),
    ),
    "cuts": (one("Q: {{ m['content'][:100] }}\n"), "Hello there " * 20),
    "cuts even the short": (one("Q: {{ m['content'] | truncate(30) }}\n"), "Hello there"),
    "escapes": (one("Q: {{ m['content'] | e }}\n"), "is 3 < 4?"),
    "changes case": (one("Q: {{ m['content'] | upper }}\n"), "HELLO"),
    "replaces": (one("Q: {{ m['content'] | replace('cat', 'dog') }}\n"), "a cat"),
    "branches on a word": (
        one("{% if 'cat' in m['content'] %}About cats. {% endif %}Q: {{ m['content'] }}\n"),
        "a cat",
    ),
    "branches on the first letter": (
        one("{{ 'An' if m['content'][0] in 'aeiou' else 'A' }}\n{{ m['content'] }}\n"),
        "ox",
    ),
    "takes a prefix for a command": (
        one("{% set c = m['content'] %}{{ 'Think.\n' + c[6:] if c.startswith('/think') else c }}"),
        "/think of a cat",
    ),
    "repeats": (one("{{ m['content'] }} again: {{ m['content'] }}"), "a cat"),
    "leaves the prompt out": ("{{ 'Hello' }}", "a cat"),
    "draws lots": (one("{{ range(100000) | random }}\n{{ m['content'] }}"), "a cat"),
    "writes microseconds": (one("{{ strftime_now('%f') }}\n{{ m['content'] }}"), "a cat"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNFOLLOWED)
def test_a_template_that_does_more_with_the_prompt_is_refused(kind: str):
    template, prompt = UNFOLLOWED[kind]
    with pytest.raises(InvalidParameters, match="the chat template of model 'tiny'") as refused:
        served(byte_level(template)).condition(prompt, CHAT, ON_EMBEDDING)
    assert refused.value.field == "parameters.chat"


def test_prompts_that_a_branch_leaves_alone_are_served():
    for kind in ("escapes", "branches on a word", "cuts", "takes a prefix for a command"):
        tokenizer = byte_level(UNFOLLOWED[kind][0])
        model = served(tokenizer)
        ids = served_ids(model, model.condition("Hello there", CHAT, ON_EMBEDDING))
        assert ids == real_ids(tokenizer, "Hello there"), kind


@pytest.mark.parametrize("prompt", ["\nHello", "\n\n"])
def test_a_prompt_that_shares_a_token_with_the_template_is_refused(prompt: str):
    # Trained so that two line breaks are one token, as with most published vocabularies.
    tokenizer = byte_level(ZEPHYR.replace("</s>", "<|im_end|>"))
    tokenizer.add_tokens(["\n\n"])
    with pytest.raises(InvalidInput, match=r"leave out white space|leave it out"):
        served(tokenizer).condition(prompt, CHAT, ON_EMBEDDING)


def test_a_marker_that_swallows_white_space_is_followed_or_refused():
    from transformers import AddedToken

    template = one("<|user|>\n{{ m['content'] }}<|end|>\n")
    tokenizer = byte_level(template)
    marks = [AddedToken("<|user|>", rstrip=True, special=True), AddedToken("<|end|>", lstrip=True, special=True)]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    model = served(tokenizer)
    assert served_ids(model, model.condition("a cat", CHAT, ON_EMBEDDING)) == real_ids(tokenizer, "a cat")
    for swallowed in (" a cat", "a cat "):
        with pytest.raises(InvalidParameters, match="leave out white space"):
            model.condition(swallowed, CHAT, ON_EMBEDDING)


ERRORS = {
    "raises": (one("{{ raise_exception('a system message is required') }}"), "a system message is required"),
    "bad Jinja": ("{% for m in messages %}{{ m['content'] }", "unexpected '}'"),
    "an undefined name": (one("{{ m['content'] + who.name }}"), "'who' is undefined"),
    "an error of Python": (one("{{ m['content'] + 1 }}"), "can only concatenate str"),
    "names without a default": ({"tool_use": "x", "rag": "y"}, "no default"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_of_the_template_is_the_callers_with_its_own_message(kind: str):
    template, message = ERRORS[kind]
    tokenizer = byte_level(None)
    tokenizer.chat_template = template  # type: ignore[assignment]  # transformers ships no types
    job = spec("a cat", sigma=0.05, metric="edit", samples=8, parameters={"max_new_tokens": 2, "chat": True})
    [refused] = executor_of(served(tokenizer)).run(run_state_of([selection_of(job)]))
    assert isinstance(refused, Refused)
    assert refused.problem.status == 422
    assert message in refused.problem.detail
    assert refused.problem.errors is not None
    assert [error.pointer for error in refused.problem.errors] == ["/parameters/chat"]


def test_the_default_of_several_named_templates_is_used():
    tokenizer = byte_level(None)
    tokenizer.chat_template = {"default": tiny.CHAT_TEMPLATE, "rag": "y"}  # type: ignore[assignment]
    model = served(tokenizer)
    assert served_ids(model, model.condition("a cat", CHAT, ON_EMBEDDING)) == real_ids(tokenizer, "a cat")


CLOCK = one("Time: {{ strftime_now('%H:%M:%S') }}\n{{ m['content'] }}<|im_end|>\n")


class Clocked:
    """A language model whose chat template reads otherwise after every `tick`, as one with a clock does."""

    def __init__(self) -> None:
        self.model = served(byte_level(None))
        self.ticks = 0
        self.tick()

    def tick(self) -> None:
        self.ticks += 1
        self.model.tokenizer.chat_template = CLOCK.replace("{{ strftime_now('%H:%M:%S') }}", "tick " * self.ticks)


class Ticking(Recorded):
    """A model whose clock moves on with every batch."""

    def __init__(self, clocked: Clocked) -> None:
        super().__init__(clocked.model, self._tick)
        self._clocked = clocked

    def _tick(self, batch: int) -> None:
        self._clocked.tick()

    def rendered(self, prompt: str, parameters: Parameters) -> Template | None:
        return self._clocked.model.rendered(prompt, parameters)

    def condition(
        self, prompt: str, parameters: Parameters, smoothing: Smoothing, template: Template | None = None
    ) -> Condition:
        return self._clocked.model.condition(prompt, parameters, smoothing, template)


def clocked_job(**asked: Any) -> JobSpec:
    return spec("a cat", sigma=0.3, metric="edit", samples=12, selection_samples=4,
                parameters={"max_new_tokens": 12, "chat": True}, **asked)  # fmt: skip


def measured(generator: Generator, job: JobSpec, opened: Selected) -> np.ndarray:
    claim = chunk_of(job, opened, 0, 12)
    as_stored = Selection.model_validate_json(opened.stored.model_dump_json(exclude_none=True))
    [chunk] = executor_of(generator).run(run_state_of([dataclasses.replace(claim, selection=as_stored)]))
    assert isinstance(chunk, Measured)
    return chunk.distances


def test_a_template_with_a_real_clock_is_served():
    tokenizer = byte_level(CLOCK)
    condition = served(tokenizer).condition("a cat", CHAT, ON_EMBEDDING)
    assert condition.template is not None
    assert tokenizer.decode(condition.template.before).startswith("Time: ")


def test_every_worker_reads_the_template_as_the_opening_rendered_it():
    clocked, job = Clocked(), clocked_job()
    [opened] = executor_of(clocked.model).run(run_state_of([selection_of(job)]))
    assert isinstance(opened, Selected)
    before = measured(clocked.model, job, opened)
    clocked.tick()
    assert np.array_equal(measured(clocked.model, job, opened), before)  # a executor_of that knows nothing of the job
    [later] = executor_of(clocked.model).run(run_state_of([selection_of(job)]))
    assert isinstance(later, Selected)
    assert later.stored.template != opened.stored.template
    assert not np.array_equal(measured(clocked.model, job, later), before)  # the clock does matter to this model


@pytest.mark.parametrize("through", ["executor", "run_job"])
def test_the_opening_keeps_one_template_through_the_choice_of_sigma(through: str):
    clocked = Clocked()
    first = clocked.model.condition("a cat", CHAT, ON_EMBEDDING).template
    assert first is not None
    asked = adaptive("a cat", metric="edit", budget=1.0, samples=12, selection_samples=4)
    job = asked.model_copy(update={"metric": clocked_job().metric, "parameters": CHAT})
    if through == "executor":
        [opened] = executor_of(Ticking(clocked)).run(run_state_of([selection_of(job)]))
        assert isinstance(opened, Selected)
        assert opened.sensed.selection is not None
        assert opened.stored.template == first
    else:
        certificate = run(job, Ticking(clocked)).certificate
        assert certificate is not None
        assert certificate["sigma_selection"] is not None
        assert certificate["request"]["template"] == first.digest
    assert clocked.ticks > 2


def test_jobs_in_two_renderings_do_not_share_a_batch():
    clocked = Clocked()
    jobs = [numbered(clocked_job(), number) for number in (1, 2)]
    run_both = executor_of(clocked.model)
    opened = []
    for job in jobs:
        opened += run_both.run(run_state_of([selection_of(job)]))
        clocked.tick()
    chunks = [chunk_of(job, each, 0, 12) for job, each in zip(jobs, opened, strict=True)]
    together = run_both.run(run_state_of(chunks))
    for job, each, got in zip(jobs, opened, together, strict=True):
        assert isinstance(got, Measured)
        assert np.array_equal(got.distances, measured(clocked.model, job, each))


def test_the_certificate_names_the_rendering_by_its_digest():
    job = spec("a cat", sigma=0.05, metric="edit", samples=12, parameters={"max_new_tokens": 2, "chat": True})
    model = served(byte_level(tiny.CHAT_TEMPLATE))
    certificate = run(job, model).certificate
    assert certificate is not None
    template = model.condition("a cat", CHAT, ON_EMBEDDING).template
    assert template is not None
    ids = json.dumps({"after": [*template.after], "before": [*template.before]}, separators=(",", ":"))
    assert certificate["request"]["template"] == f"sha256:{hashlib.sha256(ids.encode()).hexdigest()}"
    plain = run(job.model_copy(update={"parameters": TextParameters(max_new_tokens=2)}), model).certificate
    assert plain is not None
    assert "template" not in plain["request"]


def test_covers_compares_in_the_originals_rendering_and_refuses_what_a_template_treats_otherwise():
    model = served(byte_level(UNFOLLOWED["branches on a word"][0]))
    job = spec("a dog", sigma=0.05, metric="edit", samples=4, parameters={"max_new_tokens": 2, "chat": True})
    original, [dog, cat] = Embedding(job, model)(["a hog", "a cat"])
    assert not isinstance(dog, str)
    assert dog.template == original.template
    assert isinstance(cat, str)
    assert "reads otherwise around it" in cat


def test_a_model_that_sets_no_prompt_in_a_template_refuses_one() -> None:
    """Its certificate would say that the prompt stood in a template, and `verify` refuses that without one."""
    asked = spec("0.25", sigma=0.5, metric="absolute", parameters={"chat": True})
    with pytest.raises(InvalidParameters, match="has no chat template; leave chat out"):
        condition_of(asked, ClosedForm("closed-form-tanh"))
