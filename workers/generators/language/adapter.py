"""Causal language models through transformers, with noise on the prompt's token embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import ListedNeighbours, Note, Parameters, RunWords, Template, TextParameters
from smoothgen.contracts.mechanism_names import EDITS, EMBEDDING, PASSAGES, TOKENS, UNNOISED, WORDS
from smoothgen.errors import InvalidParameters, InvalidPrompt
from smoothgen.mechanisms import Gaussian
from smoothgen.tokens import TokenTable
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.differentiable import SmoothMap
from workers.generators.language.attacked import attacked_and_held, fixed_tokens
from workers.generators.language.chat_template import ChatTemplates
from workers.generators.language.conversation import Conversation
from workers.generators.language.decoding import Decoder, end_tokens, generation_config
from workers.generators.language.drafts.choosing import can_be_checked
from workers.generators.language.drafts.job_drafts import JobDrafts
from workers.generators.language.given_embeddings import FIELD, GivenEmbeddings
from workers.generators.language.prompt_tokens import PromptTokens
from workers.generators.language.snapped_noise import SnappedRuns, TokenIds
from workers.generators.language.snapped_sigma import snapped_sigma
from workers.generators.language.snapping import Snapping
from workers.generators.language.text_parameters import text_parameters
from workers.generators.language.token_sampling import processors_of
from workers.generators.outputs import Failure, Made
from workers.generators.protocol import OutputKind
from workers.generators.unnoised import Unnoised
from workers.progress import made_progress

LOG_PROBABILITY_UNIT = "nats of the next token's log-probabilities (l2) per l2 unit of the embedding"


class LanguageModel:
    """A causal language model as a Generator.

    x is the (tokens × width) block of the prompt's token embeddings, or of those of all of the user's turns one after
    the other; every one of its numbers is noised, and snapped to the nearest rows of the table where the job asks for
    it, or, under mechanism tokens, every row is the table's row nearest to what was given. What the model also learns
    from the prompt, its token count and so its mask and positions, is held fixed. Greedy by default; with a
    temperature, tokens are drawn by Gumbel-max from numbers that belong to the sample, so that common randomness
    couples the samples of a job.
    """

    mechanisms = (TOKENS, EMBEDDING, EDITS, PASSAGES, WORDS)
    default_betas: ClassVar[dict[str, float]] = {}
    output_kind: OutputKind = "text"
    for_learning = False
    image = None
    classifier = None
    batch_sensitivity: float | None = None
    """The loader of the model measures this share and sets it."""
    drafts: JobDrafts | None = None
    """What checks drafts, where the loader found that this network's drafts can be."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        identity: ModelIdentity,
        description: str,
        default_sigma: float,
    ) -> None:
        self._model, self._tokenizer = model.eval(), tokenizer
        self._model.register_forward_hook(made_progress)  # pass by pass
        self._model.register_forward_hook(self._one_more_pass)
        self.passes = 0
        self._ends = end_tokens(model.generation_config.eos_token_id, tokenizer.eos_token_id)
        self._decoder, self._tokens = Decoder(tokenizer, self._ends), PromptTokens(tokenizer)
        self._templates = ChatTemplates(identity.name, tokenizer, self._tokens)
        self._snapping = Snapping(model, tokenizer, self._tokens)
        # transformers fills whatever a request's configuration leaves open from here. A checkpoint's own defaults
        # (penalties, beams, forced tokens) would change what is served without the certificate naming them.
        model.generation_config = GenerationConfig()
        self.identity, self.description, self.default_sigma = identity, description, default_sigma
        self.longest_prompt_tokens: int | None = getattr(model.config, "max_position_embeddings", None)

    def _one_more_pass(self, *_: object) -> None:
        self.passes += 1

    @property
    def has_chat_template(self) -> bool:
        """Returns whether the tokenizer brings a chat template."""
        return bool(self._tokenizer.chat_template)

    @property
    def precision(self) -> str:
        """Returns the number format in which the network computes."""
        return str(self._model.dtype).removeprefix("torch.")

    @property
    def largest_dimension(self) -> int | None:
        """Returns the tokens of the longest prompt times the width of an embedding; None where there is no limit."""
        longest = self.longest_prompt_tokens
        return None if longest is None else longest * self._width

    @cached_property
    def default_snapped_sigma(self) -> float | None:
        """Returns the noise level where noisy embeddings are snapped and a request names none."""
        return snapped_sigma(self._model, self._tokenizer)

    @property
    def _width(self) -> int:
        return int(self._model.get_input_embeddings().weight.shape[1])

    @property
    def network(self) -> PreTrainedModel:
        """Returns the network itself, for training around it."""
        return self._model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Returns the tokenizer."""
        return self._tokenizer

    def rendered(self, prompt: str, parameters: Parameters) -> Template | None:
        """Returns the chat template around this prompt, or around what is given in its place, as it reads now; None
        without chat. Raises InvalidParameters, InvalidPrompt."""
        parameters = text_parameters(parameters)
        if not parameters.chat:
            return None
        history = parameters.history or ()
        if parameters.prompt_embeds is not None:
            return self._templates.around_any(history)
        said = Conversation(prompt, history, parameters.attacked_turns)
        return self._templates.around(said, lambda whole: self._require_room(whole, parameters, "prompt"))

    def condition(
        self, prompt: str, parameters: Parameters, smoothing: Smoothing, template: Template | None = None
    ) -> Condition:
        """Embeds the prompt's tokens, or those that given embeddings are read as. `template`: with chat, as it was
        rendered for the job; rendered now where none is given.

        Raises InvalidPrompt if the tokens do not fit or spell a marker, InvalidParameters for a chat template that is
        missing or cannot be followed, and for embeddings that are not of this model or that nothing would snap.
        """
        parameters, snapped = text_parameters(parameters), smoothing.mechanism == TOKENS
        template = (template or self.rendered(prompt, parameters)) if parameters.chat else None
        ids, notes = self._read(prompt, parameters, template, snapped=snapped)
        attack_on, held_fixed = attacked_and_held(parameters, template, len(ids), words_drawn=smoothing.words_drawn)
        if template is not None:
            ids = [*template.earlier_tokens, *ids]
        embedding, unnoised = self._rows(ids), smoothing.mechanism in UNNOISED
        runs = SnappedRuns() if smoothing.snapped else None
        return Condition(
            embedding,
            attack_on=attack_on,
            mechanism=Unnoised() if unnoised else Gaussian(smoothing.level),
            held_fixed=held_fixed,
            random=parameters.temperature > 0,
            notes=notes,
            # Of one length and in one template: nothing need be padded. What shares its runs stays alone.
            mixes=None if runs else (embedding.shape, template, unnoised),
            numbers_per_token=embedding.shape[1],
            template=template,
            prompt_tokens=len(ids) + fixed_tokens(template),
            tokens=tuple(ids) if snapped else (),
            snap=self._snapping.table.digest if runs else None,
            private=runs,
        )

    def _read(
        self, prompt: str, parameters: TextParameters, template: Template | None, *, snapped: bool
    ) -> tuple[list[int], tuple[Note, ...]]:
        """Returns the ids of the tokens in the prompt's place, and notes on them."""
        around = 0 if template is None else template.fixed_tokens + len(template.earlier_tokens)
        if parameters.prompt_embeds is not None:
            if not snapped:
                raise InvalidParameters(
                    f"prompt_embeds is read under mechanism {TOKENS!r} only: noise is put on the prompt's own "
                    f"embedding; use mechanism {TOKENS!r}, or leave prompt_embeds out",
                    field=FIELD,
                )
            given = GivenEmbeddings(parameters.prompt_embeds, self._width, self.identity.name)
            self._require_room(around + given.count, parameters, f"{FIELD}.shape")  # before it takes time to snap them
            return given.read(self._snapping)
        if template is None:
            ids = self._tokens.completion(prompt)
        else:
            ids = self._tokens.within(prompt.strip() if template.trims else prompt, template.encoded_after)
        if not ids:
            raise InvalidPrompt(f"the prompt {prompt!r:.80} has no tokens in this model's vocabulary", field="prompt")
        self._require_room(around + len(ids), parameters, "prompt")
        return ids, self._tokens.notes(prompt, ids)

    def _require_room(self, whole: int, parameters: TextParameters, field: str) -> None:
        """Raises InvalidPrompt where so many tokens and those to come do not fit the model."""
        longest = self.longest_prompt_tokens
        if longest is not None and whole + parameters.max_new_tokens > longest:
            raise InvalidPrompt(
                f"the prompt has {whole} tokens and max_new_tokens is {parameters.max_new_tokens}; together "
                f"model {self.identity.name!r} takes at most {longest}: shorten the prompt or lower max_new_tokens",
                field=field,
            )

    def snap_table(self) -> TokenTable:
        """Returns the rows that embeddings are snapped to. Raises UnusableTable."""
        return self._snapping.table

    def listed(self, condition: Condition, number: int) -> ListedNeighbours:
        """Returns the `number` other token sequences nearest to a snapped prompt, or all there are. Raises
        UnusableTable."""
        return self._snapping.listed(condition.tokens, number, condition.attack_on, condition.held_fixed)

    def changed(self, condition: Condition, changes: Sequence[tuple[int, int]]) -> Condition:
        """Returns the condition of another token sequence. changes: the positions where it differs, and the ids that
        stand there."""
        ids = list(condition.tokens)
        for position, token in changes:
            ids[position] = token
        return replace(condition, embedding=self._rows(ids), tokens=tuple(ids))

    def words(self, condition: Condition) -> RunWords:
        """Returns the text of a snapped condition's tokens, cut to what is kept of it."""
        return self._snapping.words(condition.tokens, condition.template)

    def cost(self, condition: Condition, other: Condition) -> float:
        """Returns a lower bound of the l2 norm of every attack that turns the one prompt into the other. Raises
        InvalidTokens."""
        return self._snapping.cost(condition.tokens, other.tokens)

    def generate(
        self,
        condition: Condition,
        noise: NDArray[np.float64],
        draws: Sequence[Draw],
        parameters: Parameters,
    ) -> list[Made | Failure]:
        """Makes one batched `generate` call over noisy embeddings. All have one length, so nothing is padded. Snapped,
        they are token sequences, and each different one is run once."""
        if condition.snap is not None:
            sequences, runs = self._snapping.sequences(condition.noisy(noise)), condition.private
            after = partial(self._after_tokens, condition, parameters)
            made: list[Made | Failure] = runs.outputs(sequences, draws, after, random=condition.random)
            return made
        with torch.inference_mode():
            return self.continued(self.inputs(condition, noise), draws, parameters)

    def _after_tokens(
        self, condition: Condition, parameters: Parameters, sequences: Sequence[TokenIds], draws: Sequence[Draw]
    ) -> list[Made | Failure]:
        """Returns what the model says after each token sequence in the prompt's place, each with its own ω."""
        with torch.inference_mode():
            rows = self._embed(torch.tensor(sequences))
            return self.continued(self._framed(condition.template, rows), draws, parameters)

    def inputs(self, condition: Condition, noise: NDArray[np.float64]) -> torch.Tensor:
        """Returns what the network receives for each row of noise: input embeddings (batch, tokens, width)."""
        noisy = torch.from_numpy(condition.noisy(noise))
        return self._framed(condition.template, noisy.to(self._model.dtype).to(self._model.device))

    def continued(self, embeddings: torch.Tensor, draws: Sequence[Draw], given: Parameters) -> list[Made | Failure]:
        """Returns what the model says after these input embeddings, (batch, tokens, width), each with its own ω."""
        parameters = text_parameters(given)
        with torch.inference_mode():
            embeddings = self._placed(embeddings)
            if self.drafts is None or not can_be_checked(parameters, draws, len(embeddings)):
                return self._step_by_step(embeddings, draws, parameters)
            rows = self.drafts.decoded(embeddings, draws, parameters, self._ends)
            # Where a choice is near a tie, rounding decides, and with it the batch and the drafts. Alone and step by
            # step there is one answer.
            return [
                self._decoder.text(tokens, [True] * len(tokens), parameters.stop or ())
                if tokens is not None
                else self._step_by_step(embeddings[row : row + 1], draws[row : row + 1], parameters)[0]
                for row, tokens in enumerate(rows)
            ]

    def _step_by_step(
        self, embeddings: torch.Tensor, draws: Sequence[Draw], parameters: TextParameters
    ) -> list[Made | Failure]:
        """Returns what transformers' own `generate` says after these embeddings."""
        processors, health = processors_of(parameters, draws)
        tokens = self._model.generate(
            inputs_embeds=embeddings,
            attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device),
            generation_config=generation_config(parameters, self._ends, self._tokenizer),
            logits_processor=processors,
        )
        return self._decoder.made(tokens, health, parameters.stop or ())

    def smooth_map(self, condition: Condition, draw: Draw, parameters: Parameters) -> SmoothMap:
        """Returns the map from the prompt's embeddings to the log-probabilities of the next token.

        The text itself has no useful gradient: greedy decoding is constant almost everywhere and jumps elsewhere.
        """
        del draw, parameters

        def call(x: torch.Tensor) -> torch.Tensor:
            return self.next_token(self._framed(condition.template, self._placed(x)))

        return SmoothMap(call, 1.0, LOG_PROBABILITY_UNIT)

    def next_token(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Returns the log-probabilities of the token after these input embeddings, (batch, vocabulary)."""
        embeddings = self._placed(embeddings)
        mask = torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device)
        logits = self._model(inputs_embeds=embeddings, attention_mask=mask, use_cache=False).logits[:, -1]
        return torch.log_softmax(logits.float(), dim=-1).cpu()

    def _framed(self, template: Template | None, attacked: torch.Tensor) -> torch.Tensor:
        """Returns the input embeddings of the whole prompt. attacked: those of the attacked turns, one after the other,
        (batch, tokens, width)."""
        if template is None:
            return attacked
        *earlier, prompt = (attacked[:, part] for part in template.parts(attacked.shape[1]))
        pieces, batch = list[torch.Tensor](), len(attacked)
        for turn, rows in zip(template.earlier, earlier, strict=True):
            pieces += [self._fixed(turn.before, batch), rows]
        pieces += [self._fixed(template.before, batch), prompt, self._fixed(template.after, batch)]
        return torch.cat(pieces, dim=1)

    def _fixed(self, ids: Sequence[int], batch: int) -> torch.Tensor:
        return self._embed(torch.tensor([list(ids)], dtype=torch.long)).expand(batch, -1, -1)

    def _placed(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(self._model.dtype).to(self._model.device)

    def _rows(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Returns the embeddings of token ids, shape (tokens, width)."""
        with torch.inference_mode():
            rows: NDArray[np.float32] = self._embed(torch.tensor([list(ids)]))[0].float().cpu().numpy()
        return rows

    def _embed(self, tokens: torch.Tensor) -> torch.Tensor:
        embedded: torch.Tensor = self._model.get_input_embeddings()(tokens.to(self._model.device))
        return embedded
