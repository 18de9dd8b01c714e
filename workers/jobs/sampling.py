"""Drawing samples: noise by (seed, stream, index), and batches that may mix the samples of several jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Final

import numpy as np

from smoothgen.contracts import JobSpec, Template, TextParameters
from smoothgen.errors import InvalidInput, InvalidParameters, InvalidPrompt
from smoothgen.mechanisms import SynonymClasses
from smoothgen.noise import Seed, Stream
from smoothgen.synonyms import Partition
from workers.generators import Condition, Draw, Failure, Generator, Made, Smoothing, Templated, joined
from workers.jobs.synonym_texts import Variants
from workers.jobs.unit_runs import UnitRuns

FRESH_DRAWS: Final[Mapping[Stream, Stream]] = {
    Stream.SELECTION: Stream.GENERATOR_SELECTION,
    Stream.CERTIFICATION: Stream.GENERATOR,
    Stream.SERVED: Stream.GENERATOR_SERVED,
}
"""Where a sample's own randomness ω is drawn under fresh randomness, by the stream of its noise."""


def seed_of(spec: JobSpec) -> Seed:
    """Returns the job's seed."""
    return Seed(int(spec.seed, 16), spec.seed_origin)


def condition_of(
    spec: JobSpec, generator: Generator, sigma: float | None = None, template: Template | None = None
) -> Condition:
    """Returns the prompt as the generator sees it. Raises InvalidPrompt, InvalidParameters and other InvalidInput.

    sigma: the level the job's selection chose; without one, the job's own. template: the chat template as it was
    rendered for the selection; without one, it is rendered now.
    """
    embed_within = embedder_of(spec, generator, sigma)
    if spec.units is not None:
        # The template is that around the prompt alone: what the units say must not change it.
        plain = embed_within(template, spec.request.prompt)
        runs = UnitRuns(spec, spec.units, seed_of(spec), partial(embed_within, plain.template))
        return replace(plain, of_sample=runs)
    if not spec.request.robustness.synonyms:
        return _pooled(spec, embed_within(template, spec.request.prompt))
    partition = _partition(spec)
    # From here on the prompt is its canonical form: whatever read the words as given would be a way around the classes.
    plain = embed_within(template, partition.plain(partition.canonical(spec.request.prompt)))
    # All texts of the class stand in the template as it was rendered once, around the plain one.
    embed = partial(embed_within, plain.template)
    variants = Variants(spec.request.prompt, partition, seed_of(spec), embed)
    mechanism = SynonymClasses(partition.name, partition.version, partition.digest, plain.mechanism)
    width = plain.numbers_per_token
    # A tokenizer makes at most one token a byte, and one for the start.
    largest = None if width is None else width * (variants.longest_bytes + 1)
    drawn = replace(plain, mechanism=mechanism, of_sample=variants, largest_dimension=largest)
    return _pooled(spec, drawn)


def embedder_of(
    spec: JobSpec, generator: Generator, sigma: float | None = None
) -> Callable[[Template | None, str], Condition]:
    """Returns what gives any text the condition it has in this job, in a chat template as it was rendered before.

    sigma: the level the job's selection chose; without one, the job's own.
    """
    level = spec.sigma if sigma is None else sigma
    common = Draw(seed_of(spec), Stream.GENERATOR_COMMON, 0)
    robustness = spec.request.robustness
    smoothing = Smoothing(
        spec.mechanism, level, common, words_drawn=robustness.synonyms, snapped=robustness.snap is True and spec.noised
    )

    def embed_within(rendered: Template | None, text: str) -> Condition:
        if isinstance(generator, Templated):
            condition = generator.condition(text, spec.parameters, smoothing, rendered)
        else:
            _require_no_chat(spec, generator)
            condition = generator.condition(text, spec.parameters, smoothing)
        if smoothing.snapped and condition.snap is None:
            raise InvalidParameters(
                f"snap=true, but model {generator.identity.name!r} reads no tokens of a table; leave snap out",
                field="robustness.snap",
            )
        return condition

    return embed_within


def _require_no_chat(spec: JobSpec, generator: Generator) -> None:
    """Raises InvalidParameters where a chat template is asked for and the model has none to set a prompt in."""
    if isinstance(spec.parameters, TextParameters) and spec.parameters.chat:
        raise InvalidParameters(
            f"chat=true, but model {generator.identity.name!r} has no chat template; leave chat out",
            field="parameters.chat",
        )


def _pooled(spec: JobSpec, condition: Condition) -> Condition:
    """Returns the condition, where the job may be counted in its fleet pool or has none.

    Raises InvalidPrompt: the rounding slack of a pool is that of the largest x it may hold. Raises InvalidParameters
    where the noisy embeddings would be snapped to another table than the pool names.
    """
    pool = spec.pool
    if pool is None:
        return condition
    dimension = condition.largest_dimension or condition.embedding.size
    if pool.largest_dimension is not None and dimension > pool.largest_dimension:
        raise InvalidPrompt(
            f"the prompt's embedding may have {dimension} numbers, and tier 'fleet' pools requests of at most "
            f"{pool.largest_dimension}; shorten the prompt, or use tier 'request'",
            field="prompt",
        )
    if condition.snap != pool.snap:
        raise InvalidParameters(
            f"the job is counted in a pool whose embeddings are snapped to table {pool.snap}, and this worker's table "
            f"is {condition.snap}; send it again when all workers of the model serve it in one precision, or use tier "
            "'request'",
            field="robustness.tier",
        )
    return condition


def _partition(spec: JobSpec) -> Partition:
    """Returns the partition shipped here. Raises InvalidInput where the job was planned with another."""
    partition = Partition.load()
    if spec.partition not in (None, partition.digest):
        raise InvalidInput(
            f"the job was planned with the partition of words {spec.partition}, and this worker has version "
            f"{partition.version!r} of {partition.name!r} ({partition.digest}); send it again when all workers of the "
            "model are of one version",
            field="robustness.synonyms",
        )
    return partition


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one job: the indices of one stream."""

    spec: JobSpec
    condition: Condition
    stream: Stream
    indices: range

    @property
    def seed(self) -> Seed:
        """The job's seed."""
        return seed_of(self.spec)

    @property
    def mixes_with(self) -> Hashable:
        """Samples with equal keys, of one model, may share a batch."""
        mixes = self.condition.mixes
        return self.spec.id if mixes is None else (mixes, self.spec.parameters.for_batch())


Row = tuple[Samples, int]
"""One sample: whose, and its index."""


def rows_of(samples: Sequence[Samples]) -> list[Row]:
    """Returns every sample of these, in order."""
    return [(s, index) for s in samples for index in s.indices]


def tokens_of(row: Row) -> int:
    """Returns how many tokens of a prompt the model reads for this sample, 1 where it reads none."""
    samples, _ = row
    condition = samples.condition
    if condition.of_sample is not None and not condition.tokens:  # else all samples read equally many
        try:
            condition = _condition_of_row(row)
        except Exception:  # the sample fails when it is run, and its failure is told then
            return 1
    return condition.prompt_tokens or 1


def fixed_size(spec: JobSpec, batch_size: int) -> int:
    """Returns how many samples every batch of a job has where it keeps to one size.

    batch_size: what a worker takes at most. The size is 1 where no certification samples are drawn, since batches that
    hold this job alone would be nearly empty, and for the mechanisms without noise, where an output must not depend on
    what else is in its batch.
    """
    if not spec.noised:
        return 1
    return max(1, min(batch_size, spec.certification_samples))


def blocks_of(samples: Samples, size: int) -> Iterator[tuple[list[Row], range]]:
    """Yields the batches these samples stand in where batches are fixed, each with the rows that are theirs.

    Sample i stands at row i mod `size`, beside the others of its job's block i // size, whether they are asked for or
    not: what its batch holds is a function of (job, i) alone. Raises InvalidParameters where texts of different token
    counts are drawn, which cannot stand in one batch.
    """
    drawn = samples.condition.of_sample is not None and not samples.condition.tokens
    if drawn and size > 1 and samples.condition.numbers_per_token is not None:
        raise InvalidParameters(
            "robustness.synonyms draws texts of different token counts, and this model is served in 16 bits, where all "
            "batches of a job are of one size; leave synonyms out, or serve the model in float32",
            field="robustness.synonyms",
        )
    first, stop = samples.indices[0], samples.indices[-1] + 1
    for start in range(first - first % size, stop, size):
        block = replace(samples, indices=range(start, start + size))
        yield rows_of([block]), range(max(first, start) - start, min(stop, start + size) - start)


def generate(generator: Generator, rows: Sequence[Row]) -> Sequence[Made | Failure]:
    """Returns one output a row, in order, of one batch. The rows may be of several jobs whose samples mix.

    Where texts are drawn, the samples of one job can have conditions that do not mix (token counts differ): those that
    do go through the generator together.
    """
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    conditions = [_condition_of_row(row) for row in rows]
    for place, condition in enumerate(conditions):
        groups[id(condition) if condition.mixes is None else condition.mixes].append(place)
    outputs: dict[int, Made | Failure] = {}
    for places in groups.values():
        made = _generate_together(generator, [(*rows[place], conditions[place]) for place in places])
        outputs.update(zip(places, made, strict=True))
    return [outputs[place] for place in range(len(rows))]


def _generate_together(
    generator: Generator, rows: Sequence[tuple[Samples, int, Condition]]
) -> Sequence[Made | Failure]:
    """Returns the outputs of samples whose conditions mix. Neighbours of one job and condition become one part."""
    noise, draws, parts = [], [], []
    for (samples, _), run in groupby(rows, key=lambda row: (row[0], id(row[2]))):
        ours = list(run)
        condition, indices = ours[0][2], [index for _, index, _ in ours]
        seed = samples.seed
        noise.append(condition.mechanism.draw(seed, samples.stream, indices, condition.embedding.shape))
        draws += _draws(samples, seed, indices)
        parts.append((condition, len(indices)))
    return generator.generate(joined(parts), np.concatenate(noise), draws, rows[0][0].spec.parameters)


def _condition_of_row(row: Row) -> Condition:
    samples, index = row
    of_sample = samples.condition.of_sample
    return samples.condition if of_sample is None else of_sample(samples.stream, index)


def _draws(samples: Samples, seed: Seed, indices: Sequence[int]) -> list[Draw]:
    """Returns the generator's own randomness of each sample. seed: the job's."""
    if samples.spec.request.robustness.randomness == "common":
        return [Draw(seed, Stream.GENERATOR_COMMON, 0)] * len(indices)
    return [Draw(seed, FRESH_DRAWS[samples.stream], index) for index in indices]
